//! `durable`: what it costs to play a node when every transition is committed to the journal on a real disk.
//!
//! SQLite in WAL mode with `synchronous=FULL`, one sealed blob a frame; the measurement ends when the journal is
//! closed, so everything that was played is on the disk by then.

use super::{Figure, unknown};
use crate::bench::{Bench, Rival};
use crate::chorus::{self, number};
use crate::error::BenchError;
use crate::line::{Goal, Line};
use crate::meter::Stopwatch;
use crate::peers::LANGGRAPH;
use crate::sample::Sample;
use std::path::PathBuf;
use std::sync::Arc;
use symphony_benches::graphs;
use symphony_ecs_core::clock::ClockKind;
use symphony_ecs_core::score::Score;
use symphony_systems::RunOptions;
use symphony_systems::journal::{Journal, Meta};

pub const FIGURE: Figure =
    Figure { id: "durable", what: "a node played with its transitions committed to the journal", measure, sample };

fn measure(bench: &mut Bench) -> Result<(), BenchError> {
    for (words, what) in [
        (["order", "1000", "1000"], "1 M nodes without values, layers of 1,000"),
        (["values", "1000", "1000"], "1 M functions with their values, layers of 1,000"),
    ] {
        let best = bench.best("durable", &words, Sample::cpu_per_task)?;
        let wall = best.wall_ns / best.tasks / 1e3;
        let bytes = best.get("journal_bytes") / best.tasks;
        let what = format!("a node played and committed: {what} (wall {wall:.2} µs, {bytes:.1} B of journal a node)");
        bench.alone("durable", what, "µs", best.cpu_per_task() / 1e3, Goal::at_most(2.0));
    }
    let peer = ["loop", "10000", "--checkpoint", "sqlite"];
    let ours = ["values", "10000", "1"];
    let (ours, theirs) = bench.duel("durable", &ours, Rival::Peer(LANGGRAPH, &peer))?;
    bench.print(&Line {
        id: "durable",
        what: "a step played and committed: a chain of 10 k functions, against a loop of 10 k steps with the SQLite \
               checkpointer"
            .to_owned(),
        unit: "µs",
        ours: ours.cpu_per_task() / 1e3,
        peer_name: Some("LangGraph+SQLite"),
        peer: theirs.map(|sample| sample.cpu_per_task() / 1e3),
        goal: Goal::times(1_000.0),
    });
    Ok(())
}

fn sample(words: &[&str]) -> Result<Sample, BenchError> {
    let (layers, width) = (number(words, 1)?, number(words, 2)?);
    let edges = graphs::layered(layers, width, 3.min(width));
    let (score, last) = match words.first() {
        Some(&"order") => (chorus::pauses(layers * width, &edges)?, 0),
        Some(&"values") => (chorus::sums(layers * width, &edges)?, width),
        _ => return Err(unknown(words)),
    };
    drop(edges);
    play(Arc::new(score), last)
}

fn play(score: Arc<Score>, last: u32) -> Result<Sample, BenchError> {
    let folder = tempfile::tempdir_in(disk()).map_err(BenchError::io("a folder for the journal"))?;
    let dir = folder.path().join("run");
    let journal_failed = |error| BenchError::Wrong(format!("the journal: {error}"));
    let journal = Journal::create(&dir, &Meta::new()).map_err(journal_failed)?;
    let clock = if last == 0 { ClockKind::Virtual } else { ClockKind::Real };
    let options = RunOptions { record: true, clock, ..RunOptions::simulated(score, 1) };
    let watch = Stopwatch::start();
    let mut sample = chorus::play(&options, Some(Box::new(journal)), last)?;
    // The orchestra is gone, and with it the journal's writer: what was appended is committed.
    let (cpu, wall) = watch.read();
    (sample.cpu_ns, sample.wall_ns) = (cpu as f64, wall as f64);
    let bytes = std::fs::metadata(dir.join("journal.db")).map_or(f64::NAN, |file| file.len() as f64);
    sample.more.insert("journal_bytes".to_owned(), bytes);
    Ok(sample)
}

/// Beside the program, where builds go: a disk, and not memory as `/tmp` often is.
pub(super) fn disk() -> PathBuf {
    let program = std::env::current_exe().ok();
    program.and_then(|program| program.parent().map(PathBuf::from)).unwrap_or_else(std::env::temp_dir)
}
