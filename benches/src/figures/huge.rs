//! `huge`: ten million nodes and thirty million edges, in memory and in time.

use super::Figure;
use crate::bench::Bench;
use crate::chorus;
use crate::error::BenchError;
use crate::line::Goal;
use crate::meter::{self, Stopwatch};
use crate::sample::Sample;
use std::sync::Arc;
use symphony_benches::graphs;
use symphony_systems::{Orchestra, RunOptions};

pub const FIGURE: Figure =
    Figure { id: "huge", what: "10 M nodes / 30 M edges: compiled, spawned, played", measure, sample };

const NODES: u32 = 10_000_000;

fn measure(bench: &mut Bench) -> Result<(), BenchError> {
    for (shape, what) in [("layered", "layers of 10,000"), ("window", "window of 4,096")] {
        let best = |key: &'static str| bench.best("huge", &[shape], move |sample| sample.get(key));
        let best = best("compile_ns")?;
        let what = |part: &str| format!("{part}: 10 M nodes / 30 M edges, {what}");
        let gib = best.get("peak_bytes") / f64::from(1 << 30);
        bench.alone("huge", what("peak memory, list of edges to end of play"), "GiB", gib, Goal::at_most(2.5));
        let compile = best.get("compile_ns") / 1e9;
        bench.alone("huge", what("compiled to CSR and columns"), "s", compile, Goal::at_most(1.5));
        bench.alone("huge", what("entities spawned"), "s", best.get("spawn_ns") / 1e9, Goal::at_most(3.5));
    }
    Ok(())
}

fn sample(words: &[&str]) -> Result<Sample, BenchError> {
    let edges = match words {
        ["layered"] => graphs::layered(1_000, NODES / 1_000, 3),
        ["window"] => graphs::window(NODES, 4_096, 3),
        _ => return Err(super::unknown(words)),
    };
    let watch = Stopwatch::start();
    let score = Arc::new(chorus::pauses_as_numbered(NODES, &edges)?);
    let (compile, _) = watch.read();
    drop(edges);
    let options = RunOptions::simulated(score, 1);
    let mut orchestra = Orchestra::default();
    let watch = Stopwatch::start();
    let slot = orchestra.play(&options, None);
    let (spawn, _) = watch.read();
    let watch = Stopwatch::start();
    orchestra.play_to_end(slot);
    let (cpu, wall) = watch.read();
    let played = orchestra.tally(slot).played;
    if played != u64::from(NODES) {
        return Err(BenchError::Wrong(format!("{played} of {NODES} nodes were played")));
    }
    let more = [("compile_ns", compile), ("spawn_ns", spawn), ("peak_bytes", meter::memory("VmHWM"))];
    let more = more.into_iter().map(|(name, value)| (name.to_owned(), value as f64)).collect();
    Ok(Sample { cpu_ns: cpu as f64, wall_ns: wall as f64, tasks: played as f64, more, ..Sample::default() })
}
