//! `dirty`: one edit in a melody of 100,000 nodes, and which nodes would play after it.
//!
//! Ours: the dirty set kept over CSR, brought up to date after the edit and read as a list of rows. No peer keeps one,
//! so the bounds stand alone. Three places of the edit: one from which at most a thousand nodes follow, a source from
//! which all follow (a line of nodes, the longest cone there is), and the same in a graph with three producers a node.

use super::{Figure, unknown};
use crate::bench::Bench;
use crate::error::BenchError;
use crate::line::Goal;
use crate::meter::Stopwatch;
use crate::sample::Sample;
use symphony_benches::graphs::{self, Edges};
use symphony_ecs_core::score::{EdgeMode, Topology};
use symphony_ecs_core::value::Digest;
use symphony_pit::dag::DirtySet;

pub const FIGURE: Figure =
    Figure { id: "dirty", what: "the exact dirty set after one edit in a 100 k-node melody", measure, sample };

const NODES: u32 = 100_000;
/// Edits that are made and taken back; the dearest counts, in processor time.
const EDITS: u32 = 50;

fn measure(bench: &mut Bench) -> Result<(), BenchError> {
    let cases = [
        (["near-end", "window"], "at most 1 k nodes follow, three producers each", 1.0),
        (["near-end", "line"], "1 k nodes follow, a line", 1.0),
        (["source", "line"], "all nodes follow, a line", 20.0),
        (["source", "layered"], "nearly all nodes follow, three producers each", 20.0),
    ];
    for (words, what, bound) in cases {
        let best = bench.best("dirty", &words, |sample| sample.get("dearest_ms"))?;
        let count = best.get("dirty");
        let what = format!("one edit of 100 k nodes: {what} ({count} dirty)");
        bench.alone("dirty", what, "ms", best.get("dearest_ms"), Goal::at_most(bound));
    }
    Ok(())
}

fn sample(words: &[&str]) -> Result<Sample, BenchError> {
    let (place, shape) = match words {
        [place, shape] => (*place, *shape),
        _ => return Err(unknown(words)),
    };
    let edges: Edges = match shape {
        "line" => (1..NODES).map(|row| (row - 1, row, EdgeMode::Hard)).collect(),
        "window" => graphs::window(NODES, 4_096, 3),
        "layered" => graphs::layered(1_000, NODES / 1_000, 3),
        _ => return Err(unknown(words)),
    };
    let row = match place {
        "near-end" => NODES - 1_000,
        "source" => 0,
        _ => return Err(unknown(words)),
    };
    let names: Vec<Digest> = (0..NODES).map(|row| Digest::of(&row.to_le_bytes())).collect();
    let mut set = DirtySet::new(Topology::from_sorted(NODES, &edges), &names, &names);
    set.all_finished();
    let own = names.get(row as usize).copied().ok_or_else(|| unknown(words))?;
    let (mut dearest, mut cpu_ns, mut wall_ns, mut dirty) = (0, 0, 0, 0);
    for edit in 0..EDITS {
        let other = Digest::of(&(NODES + edit).to_le_bytes());
        let watch = Stopwatch::start();
        set.edit(row, &other);
        set.update();
        let rows: Vec<u32> = set.dirty().collect();
        let (cpu, wall) = watch.read();
        dirty = rows.len();
        (dearest, cpu_ns, wall_ns) = (cpu.max(dearest), cpu_ns + cpu, wall_ns + wall);
        set.edit(row, &own);
        set.update();
        if set.dirty_count() != 0 {
            return Err(BenchError::Wrong(format!(
                "{} rows are dirty after the edit was taken back",
                set.dirty_count()
            )));
        }
    }
    let more = [("dearest_ms", dearest as f64 / 1e6), ("dirty", dirty as f64)];
    let more = more.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(Sample { cpu_ns: cpu_ns as f64, wall_ns: wall_ns as f64, tasks: f64::from(EDITS), more, ..Sample::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cones_are_as_large_as_they_are_said_to_be() {
        let dirty = |place, shape| sample(&[place, shape]).unwrap().get("dirty");
        assert_eq!(dirty("source", "line"), f64::from(NODES));
        assert_eq!(dirty("near-end", "line"), 1_000.0);
        assert!(dirty("near-end", "window") <= 1_000.0);
        assert!(dirty("source", "layered") > 90_000.0);
        assert!(sample(&["source"]).is_err());
    }
}
