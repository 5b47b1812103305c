//! `triggers`: events accepted, written down, and their runs started and kept alive, a hundred thousand of each.
//!
//! An event is accepted when its start is committed to the ledger on a real disk, with an idempotency key for each. Its
//! run is started when its first nodes were played: a chain of ten nodes of this process, of which the fifth takes an
//! hour, so that all runs are alive at the end. Runs are seated without journals: a journal is a database with a thread
//! of its own, and `symphony up` bounds how many are open at once.

use super::{Figure, unknown};
use crate::bench::Bench;
use crate::chorus::number;
use crate::error::BenchError;
use crate::figures::durable;
use crate::line::Goal;
use crate::meter::{self, Stopwatch};
use crate::sample::Sample;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use symphony_ecs_core::clock::ClockKind;
use symphony_ecs_core::melody::triggers::{Concurrency, Triggers as On};
use symphony_ecs_core::ports::{CallFailure, InProcess, InProcessCall, Operation};
use symphony_ecs_core::score::{Action, EdgeMode, NodeSpec, Score, Wiring};
use symphony_ecs_core::value::Digest;
use symphony_systems::ledger::Ledger;
use symphony_systems::triggers::{Armed, Event, Facts, Order, Triggers};
use symphony_systems::{Orchestra, RunOptions};

pub const FIGURE: Figure =
    Figure { id: "triggers", what: "events accepted durably, their runs started and kept alive", measure, sample };

const EVENTS: &str = "100000";
/// Events that wait together and share a transaction: what gathers while the one before is written.
const BATCH: usize = 1 << 16;
const NODES: u32 = 10;
/// The node that takes long, and those before it.
const LONG: u32 = 4;

fn measure(bench: &mut Bench) -> Result<(), BenchError> {
    let best = bench.best("triggers", &[EVENTS], Sample::cpu_per_task)?;
    let wall = best.wall_ns / best.tasks / 1e3;
    let what = "an event accepted with its key, committed to disk, and its run (10 nodes, no journal) started";
    let event = best.cpu_per_task() / 1e3;
    bench.alone("triggers", format!("{what} (wall {wall:.1} µs)"), "µs", event, Goal::at_most(10.0));
    let accept = best.get("accept_ns") / best.tasks / 1e3;
    bench.alone("triggers", "of that: accepted and committed", "µs", accept, Goal::at_most(10.0));
    let gib = best.get("peak_bytes") / f64::from(1 << 30);
    bench.alone("triggers", "peak memory with 100 k live runs of 10 nodes", "GiB", gib, Goal::at_most(1.0));
    Ok(())
}

fn sample(words: &[&str]) -> Result<Sample, BenchError> {
    let [_] = words else { return Err(unknown(words)) };
    let events = number(words, 0)? as usize;
    let folder = tempfile::tempdir_in(durable::disk()).map_err(BenchError::io("a folder for the ledger"))?;
    let failed = |error| BenchError::Wrong(format!("the ledger: {error}"));
    let mut ledger = Ledger::open(&folder.path().join("triggers.db"), 1).map_err(failed)?;
    let on = On { api: true, concurrency: Some(Concurrency::Parallel), ..On::default() };
    let armed = [Armed { name: "bench".to_owned(), folder: PathBuf::from("/"), on }];
    let kept = ledger.read(&["bench"]).map_err(failed)?.kept;
    let mut triggers = Triggers::new(&armed, u32::MAX, kept, 0);
    let options = options()?;
    let mut orchestra = Orchestra::default();
    let mut slots = Vec::with_capacity(events);
    let mut accept = 0;
    let watch = Stopwatch::start();
    for first in (0..events).step_by(BATCH) {
        let begun = Stopwatch::start();
        for event in first..events.min(first + BATCH) {
            let key = Some(format!("event-{event}"));
            triggers.take(Event::Asked { melody: 0, facts: Facts::new(), key }, 1);
        }
        let (changes, orders) = triggers.decided();
        ledger.commit(&triggers, &changes).map_err(failed)?;
        accept += begun.read().0;
        for order in orders {
            let Order::Start(ticket) = order else { continue };
            drop(triggers.facts_of(ticket));
            let Some(start) = triggers.start(ticket) else { continue };
            slots.push(orchestra.play(&RunOptions { id: start.run, ..options.clone() }, None));
        }
        orchestra.frame();
    }
    let (cpu, wall) = watch.read();
    let begun = |slot: &&symphony_ecs_core::ids::RunSlot| orchestra.tally(**slot).played == u64::from(LONG);
    let alive = slots.iter().filter(begun).count();
    if alive != events || triggers.open_count() != events {
        return Err(BenchError::Wrong(format!("{alive} of {events} runs have begun")));
    }
    let more = [("accept_ns", accept), ("peak_bytes", meter::memory("VmHWM"))];
    let more = more.into_iter().map(|(name, value)| (name.to_owned(), value as f64)).collect();
    Ok(Sample { cpu_ns: cpu as f64, wall_ns: wall as f64, tasks: events as f64, more, ..Sample::default() })
}

/// A chain of functions with one long pause in it, under the machine's clock.
fn options() -> Result<RunOptions, BenchError> {
    let operation = Operation {
        name: "builtin:bench/nothing".to_owned(),
        version: semver::Version::new(1, 0, 0),
        digest: Digest::of(b"bench/nothing"),
        origin: "bench".to_owned(),
        inputs: Vec::new(),
        open_inputs: true,
        outputs: Vec::new(),
        open_outputs: false,
        settings: None,
        in_process: true,
        idempotent: true,
        worst_cost_micros: None,
        worst_tokens: None,
        max_parallel: None,
        timeout: None,
        reuse: Default::default(),
    };
    let hour = Duration::from_secs(3600);
    let specs = vec![
        NodeSpec::plain(Action::Function(Arc::new(operation), Arc::new(Nothing)), Duration::from_micros(1)),
        NodeSpec::plain(Action::Pause(hour), hour),
    ];
    let chain: Vec<_> = (1..NODES).map(|row| (row - 1, row, EdgeMode::Hard)).collect();
    let spec_of = (0..NODES).map(|row| u32::from(row == LONG)).collect();
    let score = Score::from_edges("bench", NODES, &chain, specs, spec_of, Wiring::Order);
    let score = score.map_err(|cycle| BenchError::Wrong(format!("the graph has a cycle: {cycle:?}")))?;
    let simulated = RunOptions::simulated(Arc::new(score), 1);
    Ok(RunOptions { clock: ClockKind::Real, default_parallel: 8, ..simulated })
}

/// A function without inputs and outputs.
struct Nothing;

impl InProcess for Nothing {
    fn play(&self, _call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn all_events_are_alive_in_the_end() {
        assert_eq!(super::sample(&["500"]).unwrap().tasks, 500.0);
    }
}
