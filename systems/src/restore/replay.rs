//! Replay: the recorded events are folded into a run by the transitions that recorded them; then the run goes on.
//!
//! What a replay restores is what the events say. What they do not say is derived anew: which rows are due, which
//! calls were in flight (they leave again, with the same attempt and the same idempotency key), which timers run.

use super::checkpoint;
use crate::options::RunOptions;
use crate::orchestra::Orchestra;
use crate::record::FrameRecord;
use crate::run::{Edit, Outgoing, Rerouting, Run, is_reconstruction};
use crate::runs::Seat;
use std::sync::Arc;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::{Event, Place, RunStatus, Then, What};
use symphony_ecs_core::ids::{BlockId, Row, RunSlot};
use symphony_ecs_core::ports::{JournalError, JournalPort};
use symphony_ecs_core::score::{Action, Marks, Score};
use symphony_pit::dag::{Block, Columns, NodeTable, Parent};

/// What is needed to restore a run besides its options.
pub struct Restored<'a> {
    /// The newest checkpoint: its frame and blob.
    pub checkpoint: Option<(u64, Vec<u8>)>,
    /// Frames after it, in order.
    pub frames: &'a [(u64, Vec<u8>)],
    /// The journal's path, for messages.
    pub path: &'a str,
    /// Whether the run is to be played on (else it is only looked at).
    pub play_on: bool,
}

/// Restores a run into the orchestra. With `play_on` it goes on with the next frame, recording to `journal`.
pub fn restore(
    orchestra: &mut Orchestra,
    options: &RunOptions,
    from: &Restored<'_>,
    journal: Option<Box<dyn JournalPort>>,
) -> Result<RunSlot, JournalError> {
    let damaged = |message: String| JournalError::Damaged { path: from.path.to_owned(), message };
    let mut run = Run::new(RunSlot(u32::MAX), options);
    run.recording = false;
    let mut next = 0;
    if let Some((frame, blob)) = &from.checkpoint {
        checkpoint::decode(orchestra, &mut run, blob).map_err(damaged)?;
        next = frame.saturating_add(1);
    }
    for (frame, blob) in from.frames {
        if *frame != next {
            return Err(damaged(format!("frame {next} is missing")));
        }
        next += 1;
        let record = FrameRecord::decode(blob, from.path)?;
        run.now = record.time;
        run.frame = *frame;
        for event in record.events {
            replay_event(orchestra, &mut run, event).map_err(|why| damaged(format!("frame {frame}: {why}")))?;
        }
        let mut table = orchestra.world().0.resource_mut::<NodeTable>();
        for block in run.closed.drain(..) {
            table.give_back(block.base, block.rows());
        }
    }
    run.frame = next;
    run.committed = next;
    run.notices.clear();
    run.outbox.clear();
    if next == 0 {
        // Killed before the first frame was committed: it has not begun.
        run.recording = options.record;
        run.begin();
        run.open_root(options);
    } else if from.play_on && !run.is_over() {
        run.recording = options.record;
        run.set_wall(options.limits.wall);
        let (world, nodes) = orchestra.world();
        let mut columns = Columns::of(nodes.query_mut(world));
        take_up(&mut run, &mut columns);
        if let Some(tracking) = &mut run.tracking {
            tracking.forget();
        }
    }
    Ok(orchestra.seat_restored(|slot| {
        run.slot = slot;
        Seat::new(run, journal)
    }))
}

/// Folds one event in.
pub(crate) fn replay_event(orchestra: &mut Orchestra, run: &mut Run, event: Event) -> Result<(), String> {
    let (world, nodes) = orchestra.world();
    if let Event::Opened { block, parent, place, inputs } = event {
        let parent = parent.map(|(block, row)| Parent { block, row });
        let score = body_of(run, parent, place).ok_or("a body opens for a row that has none")?;
        let columns = Columns::of(nodes.query_mut(&mut *world));
        let plays = |parent: Parent| {
            run.block(parent.block).is_some_and(|above| columns.status[above.at(parent.row)] == Status::Running)
        };
        if run.is_over() || parent.map_or(block.0 != 0, |parent| !plays(parent)) {
            return Err("a body opens for a row that does not play".to_owned());
        }
        if block.0 as usize != run.block_count() {
            return Err(format!("block {} opens out of order", block.0));
        }
        if inputs.len() != score.inputs.len() {
            return Err(format!(
                "block {} opens with {} inputs instead of {}",
                block.0,
                inputs.len(),
                score.inputs.len()
            ));
        }
        let base = loop {
            match world.resource_mut::<NodeTable>().take(score.rows()) {
                Some(base) => break base,
                None => NodeTable::grow(world, score.rows()),
            }
        };
        let mut columns = Columns::of(nodes.query_mut(world));
        run.replay_open(&mut columns, base, score, parent, place, inputs);
        return Ok(());
    }
    if let Event::Rerouted { text, replaced, by } = event {
        let edit = Edit { text, replaced };
        let score = run.rescored(&edit)?;
        let columns = Columns::of(nodes.query_mut(&mut *world));
        if let Some(why) = run.objection(&columns, &edit, &score) {
            return Err(format!("the melody is rewired and cannot be: {why}"));
        }
        let base = loop {
            match world.resource_mut::<NodeTable>().take(score.rows()) {
                Some(base) => break base,
                None => NodeTable::grow(world, score.rows()),
            }
        };
        let mut columns = Columns::of(nodes.query_mut(world));
        run.reroute(&mut columns, base, Rerouting { edit, score, by });
        return Ok(());
    }
    let mut columns = Columns::of(nodes.query_mut(world));
    run.replay(&mut columns, event)
}

/// The score that a body plays.
pub(super) fn body_of(run: &Run, parent: Option<Parent>, place: Place) -> Option<Arc<Score>> {
    let Some(parent) = parent else { return run.scores.first().cloned() };
    let block = run.block(parent.block)?;
    (parent.row.0 < block.rows()).then_some(())?;
    match (&block.score.spec(parent.row).action, place) {
        (Action::Nested(body), Place::Nested) => Some(Arc::clone(body)),
        (Action::Loop(spec), Place::Loop) => Some(Arc::clone(&spec.body)),
        (Action::Map(spec), Place::Item(_)) => Some(Arc::clone(&spec.body)),
        _ => None,
    }
}

impl Run {
    /// Folds an event in that needs no new rows. The error says what does not fit.
    fn replay(&mut self, columns: &mut Columns<'_>, event: Event) -> Result<(), String> {
        if self.is_over() {
            return Err("something happens after the run was over".to_owned());
        }
        match event {
            Event::Opened { .. } => Err("a body opens where none can".to_owned()),
            Event::Rerouted { .. } => Err("the melody is rewired where it cannot be".to_owned()),
            Event::Began { .. } if self.block_count() > 0 => Err("the run begins twice".to_owned()),
            Event::Began { clock, seed } => {
                self.clock = clock;
                self.seed = seed;
                // A run begins at its time zero, before the clock of its first frame is read.
                let now = std::mem::take(&mut self.now);
                self.begin();
                self.now = now;
                Ok(())
            }
            Event::Iterated { block, iteration, inputs } => {
                let fits = |block: &Block| {
                    (block.place, block.open, block.inputs.len()) == (Place::Loop, 0, inputs.len())
                        && block.iteration.checked_add(1) == Some(iteration)
                };
                if !self.block(block).is_some_and(fits) {
                    return Err(format!("block {} cannot start over", block.0));
                }
                self.with_block(block, &[], |run, block| {
                    run.iterate(columns, block, iteration, inputs);
                    Ok(())
                })
            }
            Event::Closed { block } => {
                let taken = self.blocks.get_mut(block.0 as usize).and_then(Option::take);
                let mut block = taken.filter(|block| block.parent.is_some()).ok_or("a body closes that is not open")?;
                self.maps.retain(|(map, _), _| *map != block.id);
                let origin = std::mem::take(&mut block.origin);
                if let (Place::Item(index), Some(parent)) = (block.place, block.parent) {
                    let played = columns.status[block.at(Row(0))] == Status::Done;
                    self.item_closed(parent, index, played.then(|| std::mem::take(&mut block.values)), origin);
                } else if let Some(above) = block.parent.and_then(|parent| self.blocks.get_mut(parent.block.0 as usize))
                    && let Some(above) = above
                {
                    above.origin.add(origin);
                }
                self.bury(*block);
                Ok(())
            }
            Event::Started { block, rows, choice, attempt } => self.with_block(block, &rows.0, |run, block| {
                for row in rows.0.iter().copied().map(Row) {
                    let at = block.at(row);
                    if !matches!(columns.status[at], Status::Pending | Status::Ready | Status::Backoff) {
                        return Err(format!("row {} begins twice", row.0));
                    }
                    // A repeated attempt (its process was killed) keeps its number.
                    columns.attempt[at].0 = u16::try_from(attempt.saturating_sub(1)).unwrap_or(u16::MAX);
                    if is_reconstruction(choice) && block.score.spec(row).reconstruct.is_none() {
                        return Err(format!("row {} is reconstructed and cannot be", row.0));
                    }
                    run.start(columns, block, row, choice);
                    run.replay_map(block, row);
                }
                Ok(())
            }),
            Event::Finished { block, rows } => self.with_block(block, &rows.0, |run, block| {
                for row in rows.0.iter().copied().map(Row) {
                    not_over(columns, block, row)?;
                    count_function(columns, block, row);
                    run.finish(columns, block, row, &mut [], Default::default());
                }
                Ok(())
            }),
            Event::Played { block, row, outputs, usage } => self.with_block(block, &[row.0], |run, block| {
                not_over(columns, block, row)?;
                if outputs.len() != block.score.slots(row).len() {
                    return Err(format!("row {} has not so many outputs", row.0));
                }
                run.replay_map_over(block, row);
                count_function(columns, block, row);
                run.replay_played(columns, block, row, outputs, usage);
                Ok(())
            }),
            Event::Reused { block, row, mut outputs, run: from } => self.with_block(block, &[row.0], |run, block| {
                not_over(columns, block, row)?;
                if outputs.len() != block.score.slots(row).len() {
                    return Err(format!("row {} has not so many outputs", row.0));
                }
                run.replay_map_over(block, row);
                run.reuse(columns, block, row, &mut outputs, from);
                Ok(())
            }),
            Event::Faulted { block, row, class, message, usage, then } => {
                self.with_block(block, &[row.0], |run, block| {
                    not_over(columns, block, row)?;
                    if then == Then::Reconstruct && block.score.spec(row).reconstruct.is_none() {
                        return Err(format!("row {} waits for its reconstruction and has none", row.0));
                    }
                    run.maps.remove(&(block.id, row));
                    count_function(columns, block, row);
                    run.budget.book(usage);
                    let failure = symphony_ecs_core::ports::CallFailure { class, message, retry_after: None, usage };
                    run.fault(columns, block, row, &failure, then);
                    Ok(())
                })
            }
            Event::Skipped { block, row, reason } => self.with_block(block, &[row.0], |run, block| {
                not_over(columns, block, row)?;
                run.skip(columns, block, row, reason);
                Ok(())
            }),
            Event::Failed { block, row, class, message } => self.with_block(block, &[row.0], |run, block| {
                not_over(columns, block, row)?;
                run.fail(columns, block, row, class, &message);
                Ok(())
            }),
            Event::Asked { block, row, until } => self.with_block(block, &[row.0], |run, block| {
                not_over(columns, block, row)?;
                run.ask(columns, block, row, until);
                Ok(())
            }),
            Event::Answered { block, row, approved, by } => self.with_block(block, &[row.0], |run, block| {
                if columns.status[block.at(row)] != Status::AwaitingApproval {
                    return Err(format!("row {} gets an answer and did not ask", row.0));
                }
                run.answer(columns, block, row, approved, &by);
                Ok(())
            }),
            Event::Cancelled { block, row } => self.with_block(block, &[row.0], |run, block| {
                not_over(columns, block, row)?;
                run.maps.remove(&(block.id, row));
                run.stop(columns, block, row);
                Ok(())
            }),
            Event::Halting { status, reason, compensate } => {
                self.halt(status, reason, compensate);
                Ok(())
            }
            Event::UndoStarted { index, path, .. } => {
                let order = self.undo_order();
                let halting = self.halting.as_mut().filter(|halting| halting.undone == index);
                let halting = halting.ok_or("an undo begins out of turn")?;
                halting.undoing.get_or_insert(order);
                halting.undo_begun = true;
                self.replay_undo_started(index, path);
                Ok(())
            }
            Event::UndoEnded { index, error, usage } => {
                if !self.halting.as_ref().is_some_and(|halting| halting.undo_begun && halting.undone == index) {
                    return Err("an undo ends that has not begun".to_owned());
                }
                self.budget.book(usage);
                self.undo_ended(index, error, usage);
                Ok(())
            }
            Event::Ended { status: RunStatus::Playing, .. } => Err("the run ends and plays".to_owned()),
            Event::Ended { status, outputs } => {
                self.end(status, outputs);
                Ok(())
            }
        }
    }

    /// Runs `then` on an open block that has all these rows.
    fn with_block(
        &mut self,
        id: BlockId,
        rows: &[u32],
        then: impl FnOnce(&mut Self, &mut Block) -> Result<(), String>,
    ) -> Result<(), String> {
        let taken = self.blocks.get_mut(id.0 as usize).and_then(Option::take);
        let mut block = taken.ok_or_else(|| format!("block {} is not open", id.0))?;
        let done = match rows.iter().all(|row| *row < block.rows()) {
            true => then(self, &mut block),
            false => Err("it has no such row".to_owned()),
        };
        self.blocks[id.0 as usize] = Some(block);
        done.map_err(|why| format!("block {}: {why}", id.0))
    }
}

fn not_over(columns: &Columns<'_>, block: &Block, row: Row) -> Result<(), String> {
    match columns.status[block.at(row)].is_over() {
        true => Err(format!("row {} is over twice", row.0)),
        false => Ok(()),
    }
}

/// A function of this process plays and ends in one event, so that event counts its attempt.
fn count_function(columns: &mut Columns<'_>, block: &Block, row: Row) {
    let at = block.at(row);
    let begun = matches!(columns.status[at], Status::Running | Status::AwaitingApproval);
    if !begun && block.score.marks[row.ix()].any(Marks::IN_PROCESS) {
        columns.attempt[at].0 = columns.attempt[at].0.saturating_add(1);
    }
}

/// Derives what the events do not say, so that the run goes on.
fn take_up(run: &mut Run, columns: &mut Columns<'_>) {
    let over = run.tally.played + run.tally.reused + run.tally.skipped + run.tally.failed;
    run.mention(None, What::RunResumed { over });
    run.dirty.clear();
    run.candidates.clear();
    run.flights.clear();
    run.keep_live_timers(columns);
    let halting = run.halting.is_some();
    if let Some(halting) = &mut run.halting {
        halting.undo_begun = false;
    }
    let ids: Vec<BlockId> = run.blocks().map(|block| block.id).collect();
    for id in ids {
        let Some(mut block) = run.blocks.get_mut(id.0 as usize).and_then(Option::take) else { continue };
        block.find_due(columns);
        for row in (0..block.rows()).map(Row) {
            let at = block.at(row);
            run.ahead |= Run::reconstructs(columns, &block, row) && !columns.remaining[at].is_due();
            match columns.status[at] {
                Status::Running if halting => {}
                Status::Running => again(run, columns, &mut block, row),
                Status::Ready if !halting && Run::reconstructs(columns, &block, row) => {
                    run.ready_to_reconstruct(columns, &block, row);
                }
                Status::Ready if !halting => run.admit(columns, &mut block, row),
                _ => {}
            }
        }
        run.blocks[id.0 as usize] = Some(block);
        run.dirty.push_back(id);
    }
    if run.status == RunStatus::Playing && halting {
        run.dirty.clear();
    }
}

/// A row that was playing when the process died.
fn again(run: &mut Run, columns: &Columns<'_>, block: &mut Block, row: Row) {
    let score = Arc::clone(&block.score);
    let bodily = score.marks[row.ix()].any(Marks::COMPOSITE) && !Run::reconstructs(columns, block, row);
    if bodily {
        return run.reopen_body(block, row);
    }
    if let (Action::Pause(span), true) = (&score.spec(row).action, score.spec(row).outputs.is_empty()) {
        run.budget.launch(1);
        return run.pause(*span, block.id, &[row]);
    }
    let reservation = run.budget.force();
    run.outbox.push_back((run.frame, Outgoing::Call(block.id, row, reservation)));
}
