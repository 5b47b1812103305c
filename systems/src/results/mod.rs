//! The results of finished calls, kept per state folder: what lets a run take over what another one has played.
//!
//! ```text
//! begin of a run   clean.db ──► the results of its players and parameters, in memory (find)
//! while it plays   keep ──► channel ──► thread ──► clean.db, a transaction now and then
//! ```
//!
//! The file is a memory, not a record: journals are the record. If it is missing, newer or damaged, the run plays what it
//! would have reused and begins the file anew; a damaged row is left out; a result whose artifact is gone is left out. A
//! result is written when its call is done, which may be before the run's own frame is committed: it is true all the
//! same, whatever becomes of the run.

mod table;
#[cfg(test)]
mod tests;

use crossbeam_channel::{Receiver, Sender, unbounded};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use symphony_ecs_core::identity::{CallIdentity, part_of};
use symphony_ecs_core::ports::{ArtifactPort, FinishedCall, Operation, ReusePort};
use symphony_ecs_core::score::{Action, Score};
use symphony_ecs_core::value::{Digest, Value};
use table::Table;

/// Name of the file in the state folder.
pub const FILE: &str = "clean.db";

/// Results that are written together at most.
const TOGETHER: usize = 512;

type Kept = (CallIdentity, FinishedCall);

/// The results that a run may take over, and where its own are kept.
pub struct Results {
    known: HashMap<Digest, FinishedCall>,
    /// `None` for results that are only looked at.
    writer: Mutex<Option<(Sender<Kept>, JoinHandle<()>)>>,
}

/// For which purpose results are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A run plays: its own results are kept.
    Play,
    /// Somebody asks: nothing is written, not even a file.
    Look,
}

impl Results {
    /// Opens the results in a state folder and loads those whose `part` a run may ask for. Beside them stands what was
    /// wrong with the file, if anything was; nothing of that keeps a run from playing.
    pub fn open(
        folder: &Path,
        parts: &BTreeSet<Digest>,
        artifacts: &dyn ArtifactPort,
        purpose: Purpose,
    ) -> (Self, Option<String>) {
        let path = folder.join(FILE);
        let (table, mut warning) = match Table::open(&path, purpose) {
            Ok(table) => (table, None),
            Err(why) => (None, Some(format!("{}: {why}; nothing is reused", path.display()))),
        };
        let mut known = HashMap::new();
        let mut load = |table: &Table| {
            parts.iter().try_for_each(|part| {
                table.load(part, |identity, finished| {
                    if finished.outputs.iter().all(|value| is_there(value, artifacts)) {
                        known.insert(identity, finished);
                    }
                })
            })
        };
        let table = match table.map(|table| (load(&table), table)) {
            Some((Err(error), table)) if table::is_damage(&error) && purpose == Purpose::Play => {
                // What was read before the damage is sealed and true; the file is begun anew.
                drop(table);
                table::remove(&path).ok().and_then(|()| Table::open(&path, purpose).ok().flatten())
            }
            Some((Err(error), table)) => {
                warning = Some(format!("{}: {error}; not everything is reused that could be", path.display()));
                Some(table)
            }
            Some((Ok(()), table)) => Some(table),
            None => None,
        };
        let writer = match (purpose, table) {
            (Purpose::Play, Some(table)) => {
                let (sender, receiver) = unbounded();
                let thread = std::thread::Builder::new().name("results".to_owned());
                thread.spawn(move || write(table, &receiver)).ok().map(|thread| (sender, thread))
            }
            _ => None,
        };
        (Self { known, writer: Mutex::new(writer) }, warning)
    }

    /// How many results are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

impl ReusePort for Results {
    fn find(&self, call: &CallIdentity) -> Option<FinishedCall> {
        self.known.get(&call.whole).cloned()
    }

    fn keep(&self, call: &CallIdentity, finished: FinishedCall) {
        if let Some((sender, _)) = &*self.writer.lock().unwrap_or_else(PoisonError::into_inner) {
            // A writer that is gone keeps nothing; the run goes on.
            let _ = sender.send((*call, finished));
        }
    }
}

impl Drop for Results {
    fn drop(&mut self) {
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((sender, thread)) = writer {
            drop(sender);
            let _ = thread.join();
        }
    }
}

/// The parts of the identities of all calls that a score and its bodies can make.
pub fn parts_of(score: &std::sync::Arc<Score>) -> BTreeSet<Digest> {
    let scores = crate::run::scores_of(score);
    let specs = scores.iter().flat_map(|score| &score.specs);
    let part = |spec: &symphony_ecs_core::score::NodeSpec| {
        let operation: &Operation = match &spec.action {
            Action::Call(players) => players.first()?,
            Action::Function(operation, _) => operation,
            Action::Pause(_) | Action::Nested(_) | Action::Loop(_) | Action::Map(_) => return None,
        };
        Some(part_of(operation, &spec.with, spec.retry.as_deref(), &spec.outputs))
    };
    specs.filter_map(part).collect()
}

/// Whether every artifact that a value names is in the store.
fn is_there(value: &Value, artifacts: &dyn ArtifactPort) -> bool {
    match value {
        Value::Artifact(artifact) => artifacts.has(&artifact.digest),
        Value::List(items) => items.iter().all(|item| is_there(item, artifacts)),
        Value::Map(fields) => fields.values().all(|field| is_there(field, artifacts)),
        _ => true,
    }
}

/// Writes what comes until nobody sends any more. A disk that says no ends the keeping and nothing else.
fn write(mut table: Table, receiver: &Receiver<Kept>) {
    while let Ok(first) = receiver.recv() {
        let together: Vec<Kept> = std::iter::once(first).chain(receiver.try_iter().take(TOGETHER - 1)).collect();
        if table.keep(&together).is_err() {
            return;
        }
    }
    // What does not fit any more goes when somebody comes after all; it costs room and nothing else.
    let _ = table.forget_the_oldest(table::MOST_ROWS, table::MOST_BYTES);
}
