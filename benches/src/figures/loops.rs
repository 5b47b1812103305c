//! `loop`: a million iterations of a small body, and that they leave no trace in memory.

use super::Figure;
use crate::bench::Bench;
use crate::chorus::{self, number, sum_spec};
use crate::error::BenchError;
use crate::line::Goal;
use crate::meter;
use crate::sample::Sample;
use std::sync::Arc;
use std::time::Duration;
use symphony_ecs_core::score::{
    Action, EdgeMode, Gather, InputSpec, LoopSpec, NodeSpec, OutputSpec, Score, Wanted, Wiring,
};
use symphony_ecs_core::types::PortType;
use symphony_ecs_core::value::Value;
use symphony_systems::RunOptions;

pub const FIGURE: Figure =
    Figure { id: "loop", what: "a million iterations of a body of three functions", measure, sample };

/// How much more memory a million iterations may hold than ten thousand.
const FLAT_MIB: f64 = 1.0;

fn measure(bench: &mut Bench) -> Result<(), BenchError> {
    let short = bench.best("loop", &["10000"], |sample| sample.get("rss_bytes"))?;
    let long = bench.best("loop", &["1000000"], Sample::cpu_per_task)?;
    let what = "a node of a loop's body: 1 M iterations of 3 functions, a value carried";
    bench.alone("loop", what, "µs", long.cpu_per_task() / 1e3, Goal::at_most(1.0));
    let more = (long.get("rss_bytes") - short.get("rss_bytes")) / f64::from(1 << 20);
    let now = long.get("rss_bytes") / f64::from(1 << 20);
    let what = format!("memory that 1 M iterations hold beyond 10 k (resident: {now:.1} MiB)");
    bench.alone("loop", what, "MiB", more.max(0.0), Goal::at_most(FLAT_MIB));
    Ok(())
}

fn sample(words: &[&str]) -> Result<Sample, BenchError> {
    let iterations = number(words, 0)?;
    let options = RunOptions::simulated(Arc::new(looping(iterations)?), 1);
    let mut sample = chorus::play(&options, None, 1)?;
    sample.more.insert("rss_bytes".to_owned(), meter::memory("VmRSS") as f64);
    let expected = i64::from(iterations) * 3;
    if sample.checksum != Some(expected) {
        return Err(BenchError::Wrong(format!("the loop came to {:?} instead of {expected}", sample.checksum)));
    }
    Ok(sample)
}

/// A score of one loop: its body is a chain of three functions that add one, from the carried value to its output.
fn looping(iterations: u32) -> Result<Score, BenchError> {
    let cycle = |cycle| BenchError::Wrong(format!("the graph has a cycle: {cycle:?}"));
    let chain = [(0, 1, EdgeMode::Hard), (1, 2, EdgeMode::Hard)];
    let mut body = Score::from_edges("body", 3, &chain, vec![sum_spec()], Vec::new(), Wiring::Values).map_err(cycle)?;
    body.inputs =
        vec![InputSpec { name: "count".into(), ty: PortType::Int, required: false, default: Some(Value::Int(0)) }];
    body.outputs = vec![OutputSpec { name: "sum".into(), from: Gather::Slot(2, Wanted::Required) }];
    // The first function takes the carried value.
    body.binds.insert(0, symphony_ecs_core::score::Bind::Input(0));
    body.bind_off.iter_mut().skip(1).for_each(|off| *off += 1);
    let repeat = LoopSpec { body: Arc::new(body), carry: vec![(0, 0)], until: None, max: iterations };
    let spec =
        NodeSpec { outputs: sum_spec().outputs, ..NodeSpec::plain(Action::Loop(Arc::new(repeat)), Duration::ZERO) };
    Score::from_edges("loop", 1, &[], vec![spec], Vec::new(), Wiring::Values).map_err(cycle)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_loop_counts_its_nodes() {
        let sample = super::sample(&["50"]).unwrap();
        assert_eq!((sample.checksum, sample.tasks), (Some(150), 151.0));
    }
}
