//! `dag.build`, `dag.memory`, `dag.checkpoint`: what a tracked run of a million nodes costs before, beside and after
//! playing.

use super::{Figure, LAYERED, WINDOW, graph, score, tracked, unknown};
use crate::bench::Bench;
use crate::error::BenchError;
use crate::line::Goal;
use crate::meter::{self, Stopwatch};
use crate::sample::Sample;
use std::sync::Arc;
use symphony_pit::dag::Slack;
use symphony_systems::Orchestra;
use symphony_systems::restore::{Restored, restore};

pub const BUILD: Figure = Figure {
    id: "dag.build",
    what: "a score built from a list of edges",
    measure: measure_build,
    sample: sample_build,
};

pub const MEMORY: Figure = Figure {
    id: "dag.memory",
    what: "memory of a tracked run, a node",
    measure: measure_memory,
    sample: sample_memory,
};

pub const CHECKPOINT: Figure = Figure {
    id: "dag.checkpoint",
    what: "1 M nodes in mid-play: checkpoint and restore",
    measure: measure_checkpoint,
    sample: sample_checkpoint,
};

const SHAPES: [([&str; 3], &str); 2] = [(LAYERED, "layers of 1,000"), (WINDOW, "window of 4,096")];

fn measure_build(bench: &mut Bench) -> Result<(), BenchError> {
    for (shape, what) in SHAPES {
        let best = bench.best("dag.build", &shape, Sample::cpu_per_task)?;
        let what = |part: &str| format!("{part}: an edge of 1 M nodes / 3 M edges of all kinds, {what}");
        bench.alone("dag.build", what("score"), "ns", best.cpu_per_task(), Goal::at_most(50.0));
        let slack = best.get("slack_ns") / best.tasks;
        bench.alone("dag.build", what("heads, tails and slack, from scratch"), "ns", slack, Goal::default());
    }
    Ok(())
}

fn sample_build(words: &[&str]) -> Result<Sample, BenchError> {
    let mixed = graph(words)?;
    let watch = Stopwatch::start();
    let score = score(&mixed)?;
    let (cpu, wall) = watch.read();
    let watch = Stopwatch::start();
    let slack = Slack::new(&score.topology, |row| u64::from(row % 7));
    let (slack_ns, _) = watch.read();
    let ends = slack.end().0;
    let more = [("slack_ns", slack_ns as f64), ("end", ends as f64)];
    Ok(Sample {
        cpu_ns: cpu as f64,
        wall_ns: wall as f64,
        tasks: mixed.edges.len() as f64,
        more: more.map(|(name, value)| (name.to_owned(), value)).into(),
        ..Sample::default()
    })
}

fn measure_memory(bench: &mut Bench) -> Result<(), BenchError> {
    for (shape, what) in SHAPES {
        let best = bench.best("dag.memory", &shape, |sample| sample.get("bytes"))?;
        let node = best.get("bytes") / best.tasks;
        let what = format!("resident after play, 8 B an edge taken off: 1 M nodes / 3 M edges of all kinds, {what}");
        bench.alone("dag.memory", what, "B", node, Goal::at_most(150.0));
    }
    Ok(())
}

fn sample_memory(words: &[&str]) -> Result<Sample, BenchError> {
    let before = meter::memory("VmRSS");
    let mixed = graph(words)?;
    let edges = mixed.edges.len() as u64;
    let score = Arc::new(score(&mixed)?);
    drop(mixed);
    let options = tracked(score);
    let mut orchestra = Orchestra::default();
    let slot = orchestra.play(&options, None);
    orchestra.play_to_end(slot);
    let bytes = meter::memory("VmRSS").saturating_sub(before + 8 * edges);
    let tasks = orchestra.tally(slot).played as f64;
    Ok(Sample { tasks, more: [("bytes".to_owned(), bytes as f64)].into(), ..Sample::default() })
}

fn measure_checkpoint(bench: &mut Bench) -> Result<(), BenchError> {
    for (shape, what) in SHAPES {
        let saved = bench.best("dag.checkpoint", &shape, |sample| sample.get("save_ms"))?;
        let back = bench.best("dag.checkpoint", &shape, |sample| sample.get("restore_ms"))?;
        let size = saved.get("bytes") / saved.tasks;
        let what = |part: &str| format!("{part}: 1 M nodes in mid-play, {what}");
        let save = what(&format!("checkpoint ({size:.1} B a node)"));
        bench.alone("dag.checkpoint", save, "ms", saved.get("save_ms"), Goal::at_most(50.0));
        bench.alone("dag.checkpoint", what("restore"), "ms", back.get("restore_ms"), Goal::at_most(400.0));
    }
    Ok(())
}

fn sample_checkpoint(words: &[&str]) -> Result<Sample, BenchError> {
    let mixed = graph(words)?;
    let options = symphony_systems::RunOptions { record: true, ..tracked(Arc::new(score(&mixed)?)) };
    drop(mixed);
    let mut orchestra = Orchestra::default();
    let slot = orchestra.play(&options, None);
    let half = u64::from(options.score.rows()) / 2;
    while orchestra.tally(slot).played < half {
        orchestra.frame();
        orchestra.sealed(slot).clear();
    }
    let watch = Stopwatch::start();
    let checkpoint = orchestra.checkpoint(slot);
    let (save, _) = watch.read();
    let Some((frame, blob)) = checkpoint else { return Err(unknown(words)) };
    let (bytes, played) = (blob.len(), orchestra.tally(slot).played);
    drop(orchestra);
    let from = Restored { checkpoint: Some((frame, blob)), frames: &[], path: "the checkpoint", play_on: true };
    let mut again = Orchestra::default();
    let watch = Stopwatch::start();
    let slot = restore(&mut again, &options, &from, None).map_err(|error| BenchError::Wrong(error.to_string()))?;
    let (cpu, wall) = watch.read();
    if again.tally(slot).played != played {
        return Err(BenchError::Wrong("what was restored is not what was saved".to_owned()));
    }
    let ms = |ns: u64| ns as f64 / 1e6;
    let more = [("save_ms", ms(save)), ("restore_ms", ms(cpu)), ("bytes", bytes as f64)];
    Ok(Sample {
        cpu_ns: cpu as f64,
        wall_ns: wall as f64,
        tasks: f64::from(options.score.rows()),
        more: more.map(|(name, value)| (name.to_owned(), value)).into(),
        ..Sample::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_runs_are_built_weighed_and_restored() {
        let words = ["window", "5000", "64"];
        assert_eq!(sample_build(&words).unwrap().tasks, 4_999.0 * 3.0);
        assert_eq!(sample_memory(&words).unwrap().tasks, 5_000.0);
        assert!(sample_checkpoint(&words).unwrap().get("bytes") > 5_000.0);
    }
}
