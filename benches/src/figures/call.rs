//! `call`: what it costs to play a function of this process per node, values along the edges included.
//!
//! A node adds its inputs and one; the peers' tasks do the same, and the checksums are compared. Against LangGraph,
//! whose steps follow one another, ours is a chain: each node waits for the one before.

use super::{Figure, unknown};
use crate::bench::{Bench, Rival};
use crate::chorus::{self, number};
use crate::error::BenchError;
use crate::line::Goal;
use crate::peers::{DAGX, DASK, LANGGRAPH, TBB};
use crate::sample::Sample;
use std::sync::Arc;
use symphony_benches::graphs;
use symphony_systems::RunOptions;

pub const FIGURE: Figure =
    Figure { id: "call", what: "a function played per node, values along the edges", measure, sample };

fn measure(bench: &mut Bench) -> Result<(), BenchError> {
    let layered = |size: &'static str| ["layered", size, "1000", "3"];
    let (large, middle, small) = (layered("1000"), layered("100"), layered("10"));
    let what = |nodes: &str| format!("a function per node: {nodes} nodes, layers of 1,000, 3 inputs each");
    bench.compare("call", &what("1 M"), &large, Rival::Peer(TBB, &large), Goal::both(1.3, 200.0))?;
    bench.compare("call", &what("100 k"), &middle, Rival::Peer(DAGX, &middle), Goal::times(50.0))?;
    bench.compare("call", &what("10 k"), &small, Rival::Peer(DASK, &small), Goal::times(1_000.0))?;
    let steps = ["loop", "10000"];
    let what = "a function per node: a chain of 10 k nodes, against a loop of 10 k steps in memory";
    bench.compare("call", what, &["chain", "10000"], Rival::Peer(LANGGRAPH, &steps), Goal::times(4_000.0))?;
    Ok(())
}

fn sample(words: &[&str]) -> Result<Sample, BenchError> {
    let (rows, edges, last) = match words.first() {
        Some(&"layered") => {
            let (layers, width, fan_in) = (number(words, 1)?, number(words, 2)?, number(words, 3)?);
            (layers * width, graphs::layered(layers, width, fan_in), width)
        }
        Some(&"chain") => {
            let rows = number(words, 1)?;
            (rows, graphs::layered(rows, 1, 1), 1)
        }
        _ => return Err(unknown(words)),
    };
    let score = Arc::new(chorus::sums(rows, &edges)?);
    drop(edges);
    // Once, cold, in a fresh process: as the peers are measured.
    chorus::play(&RunOptions::simulated(score, 1), None, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_definition() {
        let (layers, width, fan_in) = (7usize, 11usize, 3usize);
        let mut layer = vec![1i64; width];
        for _ in 1..layers {
            let sum = |place: usize| (0..fan_in).map(|step| layer[(place + step * 7919) % width]).sum::<i64>() + 1;
            layer = (0..width).map(sum).collect();
        }
        let sample = sample(&["layered", "7", "11", "3"]).unwrap();
        assert_eq!(sample.checksum, Some(layer.iter().sum()));
        assert_eq!(sample.tasks, 77.0);
    }
}
