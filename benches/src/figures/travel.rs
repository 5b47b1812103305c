//! `travel`: any point of a recorded run of a million events, and how long its journal takes to be recovered.
//!
//! The run is played into a journal on a real disk and read back; then its state is asked for at many points, the
//! dearest of which counts. Recovery is what `resume` does: the journal is opened and verified, and the run restored.

use super::{Figure, unknown};
use crate::bench::Bench;
use crate::chorus::{self, number};
use crate::error::BenchError;
use crate::line::Goal;
use crate::meter::Stopwatch;
use crate::sample::Sample;
use std::sync::Arc;
use symphony_benches::graphs;
use symphony_ecs_core::ports::JournalError;
use symphony_systems::journal::{self, Journal, Meta};
use symphony_systems::restore::{Restored, restore};
use symphony_systems::travel::Timeline;
use symphony_systems::{Orchestra, RunOptions};

pub const FIGURE: Figure =
    Figure { id: "travel", what: "any point of a recorded run of 1 M events, and its recovery", measure, sample };

/// Points that are asked for.
const POINTS: u64 = 199;

fn measure(bench: &mut Bench) -> Result<(), BenchError> {
    for (words, what) in [
        (["order", "500", "1000"], "500 k nodes that begin and end"),
        (["values", "1000", "1000"], "1 M functions with values"),
    ] {
        let best = bench.best("travel", &words, |sample| sample.get("point_ns"))?;
        let (events, usual) = (best.tasks / 1e6, best.get("usual_ns") / 1e6);
        let what = |part: &str| format!("{part}: {events:.1} M events, {what}");
        let state = what(&format!("the full state at the dearest of {POINTS} points (usual {usual:.2} ms)"));
        bench.alone("travel", state, "ms", best.get("point_ns") / 1e6, Goal::at_most(16.0));
        let recovery = best.get("recovery_ns") / 1e9;
        bench.alone("travel", what("the journal recovered"), "s", recovery, Goal::at_most(2.0));
        let opened = best.get("open_ns") / 1e9;
        bench.alone("travel", what("the whole journal read for travel"), "s", opened, Goal::at_most(2.0));
    }
    Ok(())
}

fn sample(words: &[&str]) -> Result<Sample, BenchError> {
    let (layers, width) = (number(words, 1)?, number(words, 2)?);
    let edges = graphs::layered(layers, width, 3.min(width));
    let score = match words.first() {
        Some(&"order") => chorus::pauses(layers * width, &edges)?,
        Some(&"values") => chorus::sums(layers * width, &edges)?,
        _ => return Err(unknown(words)),
    };
    let failed = |error: JournalError| BenchError::Wrong(format!("the journal: {error}"));
    let folder = tempfile::tempdir().map_err(BenchError::io("a folder for the journal"))?;
    let dir = folder.path().join("run");
    let journal = Journal::create(&dir, &Meta::new()).map_err(failed)?;
    let options = RunOptions { record: true, ..RunOptions::simulated(Arc::new(score), 1) };
    chorus::play(&options, Some(Box::new(journal)), 0)?;

    let watch = Stopwatch::start();
    let opened = Journal::open(&dir).map_err(failed)?;
    let from = Restored { checkpoint: opened.checkpoint, frames: &opened.frames, path: "bench", play_on: false };
    let mut orchestra = Orchestra::default();
    let slot = restore(&mut orchestra, &options, &from, None).map_err(failed)?;
    let (_, recovery) = watch.read();
    let tally = orchestra.tally(slot);
    drop((orchestra, opened.journal));

    let watch = Stopwatch::start();
    let record = journal::read(&dir).map_err(failed)?;
    let frames = record.frames.iter().map(|(frame, blob)| (*frame, blob.as_slice()));
    let timeline = Timeline::read(&options, "bench", frames).map_err(failed)?;
    let (cpu, open) = watch.read();
    drop(record);

    let mut spans = Vec::new();
    for point in 0..=POINTS {
        let watch = Stopwatch::start();
        let moment = timeline.moment(timeline.told() * point / POINTS);
        let (_, wall) = watch.read();
        spans.push(wall as f64);
        if point == POINTS && moment.tally() != tally {
            return Err(BenchError::Wrong(format!("{:?} at the end instead of {tally:?}", moment.tally())));
        }
    }
    spans.sort_by(f64::total_cmp);
    let at = |place: usize| spans.get(place).copied().unwrap_or(f64::NAN);
    let more = [
        ("point_ns", at(spans.len() - 1)),
        ("usual_ns", at(spans.len() / 2)),
        ("recovery_ns", recovery as f64),
        ("open_ns", open as f64),
    ];
    let more = more.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(Sample { cpu_ns: cpu as f64, wall_ns: open as f64, tasks: timeline.told() as f64, more, ..Sample::default() })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_small_run_is_travelled() {
        for words in [["order", "5", "40"], ["values", "5", "40"]] {
            let sample = super::sample(&words).unwrap();
            assert!(sample.tasks > 200.0 && sample.get("point_ns") > 0.0, "{sample:?}");
        }
    }
}
