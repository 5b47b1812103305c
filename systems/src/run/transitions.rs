//! The transitions: the only functions that change what a run's events say of it.

use super::notices::{is_reconstruction, player_word};
use super::{Alarm, Fate, Run};
use std::cmp::Reverse;
use symphony_ecs_core::clock::Time;
use symphony_ecs_core::components::{Attempt, Choice, Cost, Status};
use symphony_ecs_core::events::{Event, Rows, RunStatus, SkipReason, Then, What};
use symphony_ecs_core::ids::{Row, RunId};
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{CallFailure, Usage};
use symphony_ecs_core::score::Marks;
use symphony_ecs_core::value::Value;
use symphony_pit::dag::{Block, Columns, Origin};

impl Run {
    pub(crate) fn emit(&mut self, event: impl FnOnce() -> Event) {
        if self.recording {
            self.events.push(event());
        }
    }

    /// The run begins.
    pub(crate) fn begin(&mut self) {
        let (clock, seed) = (self.clock, self.seed);
        self.emit(|| Event::Began { clock, seed });
        let score = &self.scores[0];
        let (melody, nodes) = (score.name.to_string(), score.rows());
        self.note(|| (None, What::RunBegan { melody, nodes, seed }));
    }

    /// An attempt of a row begins, with one of its players.
    pub(crate) fn start(&mut self, columns: &mut Columns<'_>, block: &Block, row: Row, choice: u32) {
        let at = block.at(row);
        let attempt = columns.attempt[at].0.saturating_add(1);
        columns.status[at] = Status::Running;
        columns.attempt[at] = Attempt(attempt);
        columns.choice[at] = Choice(choice as u8);
        let attempt = u32::from(attempt);
        if let Some(tracking) = &mut self.tracking {
            tracking.began(block.id, &[row], self.now);
        }
        if !self.reconstructions.is_empty() {
            self.reconstructions.remove(&(block.id, row));
        }
        if self.recording {
            match self.events.last_mut() {
                Some(Event::Started { block: last, rows, attempt: 1, choice: 0 })
                    if *last == block.id && attempt == 1 && choice == 0 =>
                {
                    rows.0.push(row.0);
                }
                _ => self.events.push(Event::Started { block: block.id, rows: row.into(), attempt, choice }),
            }
        }
        self.sketch(block, row, || Fate::Begun);
        self.note_node(block, row, || What::NodeStarted {
            player: player_word(block.score.spec(row), choice),
            attempt,
            reconstructs: is_reconstruction(choice),
        });
    }

    /// First attempts of many rows begin, with their first player: the short way.
    pub(crate) fn start_plain(&mut self, columns: &mut Columns<'_>, block: &Block, rows: &[Row]) {
        if self.recording || self.noticing {
            for row in rows {
                self.start(columns, block, *row, 0);
            }
            return;
        }
        let range = block.base as usize..(block.base + block.rows()) as usize;
        let (status, attempt) = (&mut columns.status[range.clone()], &mut columns.attempt[range]);
        for row in rows {
            status[row.ix()] = Status::Running;
            let attempt = &mut attempt[row.ix()];
            *attempt = Attempt(attempt.0.saturating_add(1));
        }
        if let Some(tracking) = &mut self.tracking {
            tracking.began(block.id, rows, self.now);
        }
    }

    /// Many rows without outputs finish: the short way.
    pub(crate) fn finish_plain(&mut self, columns: &mut Columns<'_>, block: &mut Block, rows: &[u32]) {
        if self.recording {
            match self.events.last_mut() {
                Some(Event::Finished { block: last, rows: known }) if *last == block.id => {
                    known.0.extend_from_slice(rows)
                }
                _ => self.events.push(Event::Finished { block: block.id, rows: Rows(rows.to_vec()) }),
            }
        }
        if self.noticing {
            for row in rows {
                self.note_node(block, Row(*row), || What::NodePlayed {
                    outputs: Default::default(),
                    cost_usd: 0.0,
                    tokens: 0,
                    reconstructed: false,
                });
            }
        }
        self.tally.played += rows.len() as u64;
        block.origin = Origin::Played;
        if let Some(tracking) = &mut self.tracking {
            tracking.finished(block, rows, self.now);
        }
        block.finish_plain(columns, rows);
    }

    /// A row finished with these outputs (in the order of its ports).
    pub(crate) fn finish(
        &mut self,
        columns: &mut Columns<'_>,
        block: &mut Block,
        row: Row,
        outputs: &mut [Value],
        usage: Usage,
    ) {
        let slots = block.score.slots(row);
        let reconstructed = Self::reconstructs(columns, block, row);
        if self.recording {
            match (slots.is_empty() && usage == Usage::default(), self.events.last_mut()) {
                (true, Some(Event::Finished { block: last, rows })) if *last == block.id => rows.0.push(row.0),
                (true, _) => self.events.push(Event::Finished { block: block.id, rows: row.into() }),
                (false, _) => {
                    self.events.push(Event::Played { block: block.id, row, outputs: outputs.to_vec(), usage });
                }
            }
        }
        self.note_node(block, row, || {
            let ports = block.score.spec(row).outputs.iter();
            let present = ports.zip(outputs.iter()).filter(|(_, value)| value.is_present());
            What::NodePlayed {
                outputs: present.map(|(port, value)| (port.name.clone(), value.digest())).collect(),
                cost_usd: usage.cost_micros as f64 / 1e6,
                tokens: usage.tokens,
                reconstructed,
            }
        });
        for (slot, value) in block.values[slots].iter_mut().zip(outputs.iter_mut()) {
            *slot = std::mem::take(value);
        }
        self.sketch(block, row, || Fate::Played);
        if !block.score.marks[row.ix()].any(Marks::COMPOSITE) {
            block.origin = Origin::Played;
        }
        if usage.cost_micros > 0 {
            self.add_cost(columns, block, row, usage);
        }
        self.tally.played += 1;
        if let Some(tracking) = &mut self.tracking {
            tracking.finished(block, &[row.0], self.now);
        }
        self.remember_undo(block, row);
        if !self.tries.is_empty() {
            self.tries.remove(&(block.id, row));
        }
        block.settle(columns, row, Status::Done);
    }

    /// A row takes over what an equal call gave in `run`. It is done without an attempt, which tells it from a row that
    /// was played.
    pub(crate) fn reuse(
        &mut self,
        columns: &mut Columns<'_>,
        block: &mut Block,
        row: Row,
        outputs: &mut [Value],
        run: RunId,
    ) {
        self.emit(|| Event::Reused { block: block.id, row, outputs: outputs.to_vec(), run: run.clone() });
        self.note_node(block, row, || {
            let ports = block.score.spec(row).outputs.iter();
            let present = ports.zip(outputs.iter()).filter(|(_, value)| value.is_present());
            let outputs = present.map(|(port, value)| (port.name.clone(), value.digest())).collect();
            What::NodeReused { outputs, from: run.clone() }
        });
        self.sketch(block, row, || Fate::Reused(run.clone()));
        let slots = block.score.slots(row);
        for (slot, value) in block.values[slots].iter_mut().zip(outputs.iter_mut()) {
            *slot = std::mem::take(value);
        }
        columns.attempt[block.at(row)] = Attempt(0);
        if !block.score.marks[row.ix()].any(Marks::COMPOSITE) {
            block.origin.add(Origin::Reused(run));
        }
        self.tally.reused += 1;
        self.track_ended(block, row);
        self.tries.remove(&(block.id, row));
        block.settle(columns, row, Status::Done);
    }

    /// A row is over that was not played to its end.
    fn track_ended(&mut self, block: &Block, row: Row) {
        if let Some(tracking) = &mut self.tracking {
            tracking.ended(block.id, row, self.now);
        }
    }

    fn add_cost(&mut self, columns: &mut Columns<'_>, block: &Block, row: Row, usage: Usage) {
        let cost = &mut columns.cost[block.at(row)];
        *cost = Cost(cost.0.saturating_add(u32::try_from(usage.cost_micros).unwrap_or(u32::MAX)));
    }

    /// A row will not be played.
    pub(crate) fn skip(&mut self, columns: &mut Columns<'_>, block: &mut Block, row: Row, reason: SkipReason) {
        self.emit(|| Event::Skipped { block: block.id, row, reason: reason.clone() });
        self.sketch(block, row, || Fate::Skipped(reason.in_words()));
        self.note_node(block, row, || What::NodeSkipped { reason: reason.in_words() });
        self.tally.skipped += 1;
        self.track_ended(block, row);
        self.tries.remove(&(block.id, row));
        block.settle(columns, row, Status::Skipped);
    }

    /// An attempt failed.
    pub(crate) fn fault(
        &mut self,
        columns: &mut Columns<'_>,
        block: &mut Block,
        row: Row,
        failure: &CallFailure,
        then: Then,
    ) {
        let CallFailure { class, message, usage, .. } = failure;
        let (class, usage) = (*class, *usage);
        self.emit(|| Event::Faulted { block: block.id, row, class, message: message.clone(), usage, then });
        let retry_at_ns = match then {
            Then::Retry { at, .. } => Some(at),
            Then::Stop | Then::Reconstruct => None,
        };
        let reconstructs = then == Then::Reconstruct;
        if let Some(tracking) = &mut self.tracking {
            tracking.faulted(block, row);
        }
        self.note_node(block, row, || What::AttemptFailed {
            class,
            message: message.clone(),
            retry_at_ns,
            reconstructs,
        });
        self.add_cost(columns, block, row, usage);
        block.origin = Origin::Played;
        if let Then::Retry { at, choice } = then {
            let index = block.at(row);
            let same = u32::from(columns.choice[index].0) == choice;
            let tries = self.tries.entry((block.id, row)).or_default();
            // Who gave way to another did not fail, and its attempt does not count.
            let counts = u32::from(class != ErrorClass::Cancelled);
            *tries = if same { *tries + counts } else { 0 };
            columns.choice[index] = Choice(choice as u8);
            columns.status[index] = Status::Backoff;
            self.plan(at, Alarm::Retry(block.id, row));
        }
        if reconstructs {
            let (id, index) = (block.id, block.at(row));
            columns.choice[index] = Choice::RECONSTRUCTION;
            columns.status[index] = Status::Backoff;
            self.tries.remove(&(id, row));
            self.reconstructions.insert((id, row), (class, message.clone()));
            // Only a replay has one left.
            self.timers.retain(|Reverse(timer)| !matches!(timer.what, Alarm::Retry(at, of) if (at, of) == (id, row)));
        }
    }

    /// A row failed for good.
    pub(crate) fn fail(
        &mut self,
        columns: &mut Columns<'_>,
        block: &mut Block,
        row: Row,
        class: ErrorClass,
        message: &str,
    ) {
        self.emit(|| Event::Failed { block: block.id, row, class, message: message.to_owned() });
        self.sketch(block, row, || Fate::Failed);
        self.note_node(block, row, || What::NodeFailed { class, message: message.to_owned() });
        self.tally.failed += 1;
        if let Some(tracking) = &mut self.tracking {
            tracking.failed(block, row, self.now);
        }
        self.reconstructions.remove(&(block.id, row));
        self.tries.remove(&(block.id, row));
        if columns.attempt[block.at(row)].0 > 0 {
            self.remember_undo(block, row);
        }
        block.settle(columns, row, Status::Failed);
    }

    /// A row was stopped with its run or its body.
    pub(crate) fn stop(&mut self, columns: &mut Columns<'_>, block: &mut Block, row: Row) {
        self.emit(|| Event::Cancelled { block: block.id, row });
        self.note_node(block, row, || What::NodeCancelled);
        self.tally.cancelled += 1;
        self.track_ended(block, row);
        self.reconstructions.remove(&(block.id, row));
        if columns.attempt[block.at(row)].0 > 0 {
            self.remember_undo(block, row);
        }
        block.settle(columns, row, Status::Cancelled);
    }

    /// A row waits for a person.
    pub(crate) fn ask(&mut self, columns: &mut Columns<'_>, block: &Block, row: Row, until: Option<Time>) {
        self.emit(|| Event::Asked { block: block.id, row, until });
        self.sketch(block, row, || Fate::Asks);
        self.note_node(block, row, || What::ApprovalAsked { until_ns: until });
        columns.status[block.at(row)] = Status::AwaitingApproval;
        if let Some(until) = until {
            self.plan(until, Alarm::ApprovalOver(block.id, row));
        }
    }

    /// Somebody answered, or the wait is over. The caller lets the row play or not.
    pub(crate) fn answer(&mut self, columns: &mut Columns<'_>, block: &Block, row: Row, approved: bool, by: &str) {
        self.emit(|| Event::Answered { block: block.id, row, approved, by: by.to_owned() });
        self.note_node(block, row, || What::ApprovalAnswered { approved, by: by.to_owned() });
        // The row may ask again in a later iteration; the end of this wait must not answer for it then.
        let id = block.id;
        self.timers
            .retain(|Reverse(timer)| !matches!(timer.what, Alarm::ApprovalOver(at, of) if (at, of) == (id, row)));
        if approved {
            columns.status[block.at(row)] = Status::Ready;
        }
    }

    /// The run is over.
    pub(crate) fn end(&mut self, status: RunStatus, outputs: Vec<Value>) {
        self.emit(|| Event::Ended { status, outputs: outputs.clone() });
        self.note(|| (None, What::RunEnded { status }));
        self.status = status;
        self.outputs = outputs;
        self.timers.clear();
        self.backlog.clear();
        self.dirty.clear();
        self.to_open.clear();
        self.routes.clear();
        self.answers.clear();
    }
}

/// Whether a failure of this class can pass by itself.
pub(crate) fn can_pass(class: ErrorClass) -> bool {
    use ErrorClass::*;
    matches!(class, Timeout | Io | Crash | RateLimited | InvalidOutput)
}
