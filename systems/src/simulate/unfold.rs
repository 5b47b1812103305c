//! Unfolding: a melody is played once under the virtual clock, and what played, for how long and after whom becomes a
//! workload.
//!
//! The orchestra plays as always (conditions, loops, maps, retries, nested melodies), with room for everything at once
//! and people who approve at once. Its events are read as they come:
//!
//! ```text
//! Started … Played     a call: a task, after the tasks of its producers that were over when it began
//! Faulted, Retry       the attempt is a task, the pause after it a wait, the next attempt comes after that
//! Opened … Closed      a body: its tasks stand between two brackets (waits of no time)
//! Iterated             the brackets of one iteration meet
//! ```
//!
//! Played on machines for all, the workload takes exactly as long as the run did; that is tested on random melodies.

use super::trace::{Played, Trace};
use super::workload::{Workload, WorkloadError};
use crate::options::RunOptions;
use crate::orchestra::{Command, Orchestra, OrchestraParts, Pulse};
use crate::record::FrameRecord;
use crate::stage::{Functions, Rehearsal};
use std::sync::Arc;
use symphony_ecs_core::events::RunStatus;
use symphony_ecs_core::ports::JournalError;
use symphony_ecs_core::score::Score;
use symphony_ecs_core::value::Value;
use thiserror::Error;

/// What one call of an in-process function is expected to take: without an estimate nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Expected {
    /// Seconds.
    pub seconds: f64,
    /// Micro-dollars.
    pub cost_micros: u64,
    /// Tokens.
    pub tokens: u64,
}

/// A melody that is about to be unfolded.
pub struct Unfold<'a> {
    /// The compiled melody.
    pub score: &'a Arc<Score>,
    /// Values of its inputs, in their order.
    pub inputs: Vec<Value>,
    /// Seed of everything random in the play.
    pub seed: u64,
    /// Models of its players.
    pub rehearsal: Arc<dyn Rehearsal>,
    /// Its functions.
    pub functions: Option<Arc<dyn Functions>>,
    /// What a function at a path is expected to take.
    pub expected: &'a dyn Fn(&str) -> Expected,
    /// Calls at most.
    pub most: usize,
}

/// A melody, unfolded.
#[derive(Clone, Debug)]
pub struct Unfolded {
    /// Its calls and waits. Ties are broken by the order in which calls began.
    pub work: Workload,
    /// Nodes that were called, each iteration and item counted, attempts not.
    pub calls: usize,
    /// What they waited for: edges of the score, counted for each time a node played.
    pub edges: usize,
    /// How long the play took, with room for everything at once.
    pub seconds: f64,
    /// How the play ended.
    pub status: RunStatus,
    /// Why, if not well.
    pub reason: Option<String>,
    /// Paths that waited for a person.
    pub approvals: Vec<String>,
}

/// Why a melody cannot be unfolded.
#[derive(Debug, Error)]
pub enum UnfoldError {
    /// It plays more than was allowed.
    #[error("the melody unfolds to more than {0} calls")]
    TooMany(usize),
    /// Its events cannot be read: a mistake of this program.
    #[error("the events of the play cannot be read: {0}")]
    Events(#[from] JournalError),
    /// They make no workload: a mistake of this program.
    #[error("the play makes no workload: {0}")]
    Workload(#[from] WorkloadError),
}

impl Unfold<'_> {
    /// Plays the melody and gives what it unfolded to.
    ///
    /// # Errors
    /// When it plays more calls than allowed.
    pub fn play(self) -> Result<Unfolded, UnfoldError> {
        let parts =
            OrchestraParts { rehearsal: self.rehearsal, functions: self.functions, ..OrchestraParts::default() };
        let mut orchestra = Orchestra::new(parts);
        let options = RunOptions {
            inputs: self.inputs,
            record: true,
            ..RunOptions::simulated(Arc::clone(self.score), self.seed)
        };
        let slot = orchestra.play(&options, None);
        let mut trace = Trace::new(self.score, self.expected);
        loop {
            orchestra.frame();
            for blob in orchestra.sealed(slot) {
                let FrameRecord { time, events } = FrameRecord::decode(&blob, "the play")?;
                events.into_iter().for_each(|event| trace.take(time, event));
            }
            if trace.calls() > self.most {
                return Err(UnfoldError::TooMany(self.most));
            }
            let asked = trace.take_asked();
            if asked.is_empty() && matches!(orchestra.pulse(), Pulse::Rest(_)) {
                break;
            }
            for node in asked {
                orchestra.command(slot, Command::Approve { node, approved: true, by: "the forecast".to_owned() });
            }
        }
        let status = orchestra.status(slot);
        let seconds = orchestra.run(slot).map_or(0.0, |run| run.now.0 as f64 / 1e9);
        let Played { tasks, edges, calls, links, reason, approvals } = trace.into_played();
        let work = Workload::new(tasks, &edges, super::Ties::AsGiven)?;
        Ok(Unfolded { work, calls, edges: links, seconds, status, reason, approvals })
    }
}
