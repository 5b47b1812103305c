//! Forks: the frames with which a new run begins that leaves another at a point.
//!
//! The past that is taken along (see [`super::parting`]) is written again event by event, with the numbers of the new
//! score: a row is the row with the same id, if it has the same player and the same outputs. Then the new frames are
//! folded once, so that a fork whose past does not hold together is refused before anything is written.

use super::fold::Fold;
use super::identity::{Identity, Kin};
use super::parting::Parting;
use crate::options::RunOptions;
use crate::record::FrameRecord;
use crate::run::scores_of;
use std::collections::BTreeSet;
use std::sync::Arc;
use symphony_ecs_core::clock::Time;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::{Event, Place, Rows};
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_ecs_core::ports::JournalError;
use symphony_ecs_core::score::{Action, Score};
use symphony_ecs_core::value::Value;

/// How a fork begins.
#[derive(Debug)]
pub struct Branch {
    /// Its frames, in order.
    pub frames: Vec<Vec<u8>>,
    /// Rows whose work is taken along.
    pub kept: u64,
    /// Paths of what had begun and plays anew.
    pub anew: Vec<String>,
}

/// Why there is no fork.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BranchError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The work was being undone.
    #[error("at event {told} the work of the run was being undone already; fork it at an earlier event than {first}")]
    Undone {
        /// The point.
        told: u64,
        /// The first undo.
        first: u64,
    },
    /// The melody was rewired before the point.
    #[error("the run was rewired while it played; fork it at an earlier event than {first}")]
    Rewired {
        /// The first edit.
        first: u64,
    },
    /// A finished node is not in the new text, or is another one there.
    #[error("{path} is finished, and {why} in the new text")]
    Changed {
        /// The node.
        path: String,
        /// In which way.
        why: String,
    },
    /// A finished node waits for others in the new text.
    #[error("{path} is finished, and waits for something unfinished in the new text")]
    Waits {
        /// The node.
        path: String,
    },
}

/// Makes the frames of a fork of `old` at the point after `told` notices, to be played as `new`.
///
/// # Errors
/// See [`BranchError`].
pub fn branch<'f>(
    old: &RunOptions,
    new: &RunOptions,
    frames: impl IntoIterator<Item = (u64, &'f [u8])>,
    told: u64,
) -> Result<Branch, BranchError> {
    let (mut fold, past) = read(old, frames, told)?;
    let mut forced = BTreeSet::new();
    loop {
        let parting = Parting::at(&mut fold, &forced);
        let mut writer = Writer::new(&fold, new, &parting);
        let written = past.iter().map(|(time, events)| Ok((*time, writer.frame(events)?)));
        let written = written.collect::<Result<Vec<_>, BranchError>>()?;
        let frames: Vec<_> = written.into_iter().filter(|(_, events)| !events.is_empty()).collect();
        let frames: Vec<_> = frames.into_iter().map(|(time, events)| FrameRecord { time, events }.encode()).collect();
        let mut trial = Fold::new(new, "the fork");
        for (frame, blob) in (0..).zip(&frames) {
            trial.frame(frame, blob, u64::MAX)?;
        }
        // Joins are decided by who came first; a row whose join is open again must not have been played.
        let open = waiting(&mut trial, &writer.origin);
        if open.is_empty() {
            return Ok(Branch { frames, kept: trial.run().tally.played, anew: parting.anew(&mut fold) });
        }
        // Where the texts have the same nodes, a row has the same number in both.
        if let (Some((_, _, path)), false) = (open.first(), alike(&fold.run().scores, &trial.run().scores)) {
            return Err(BranchError::Waits { path: path.clone() });
        }
        forced.extend(open.into_iter().map(|(block, row, _)| (block, row)));
    }
}

type Past = Vec<(Time, Vec<Event>)>;

/// Folds up to the point and gives what happened until then.
fn read<'f>(
    old: &RunOptions,
    frames: impl IntoIterator<Item = (u64, &'f [u8])>,
    told: u64,
) -> Result<(Fold, Past), BranchError> {
    let mut silent = old.clone();
    silent.notices = false;
    let mut fold = Fold::new(&silent, "the journal");
    let mut past = Past::new();
    'frames: for (frame, blob) in frames {
        let record = fold.open(frame, blob)?;
        fold.set_time(frame, record.time);
        past.push((record.time, Vec::new()));
        for event in record.events {
            let left = told.saturating_sub(fold.told());
            if matches!(event, Event::Ended { .. } | Event::Halting { .. }) {
                if left == 0 {
                    break 'frames;
                }
            } else if matches!(event, Event::UndoStarted { .. }) && left > 0 {
                return Err(BranchError::Undone { told: told - 1, first: fold.told() });
            }
            if matches!(event, Event::Rerouted { .. }) && left > 0 {
                return Err(BranchError::Rewired { first: fold.told() });
            }
            // A body whose end is not told yet is still open: closing it is the first thing the fork does.
            if left == 0 && matches!(event, Event::Closed { .. }) {
                continue;
            }
            let (now, later) = if event.notices() > left { event.split(left) } else { (Some(event), None) };
            if let Some(event) = now {
                if let Some((_, events)) = past.last_mut() {
                    events.push(event.clone());
                }
                fold.event(event)?;
            }
            if later.is_some() {
                break 'frames;
            }
        }
        fold.close();
    }
    Ok((fold, past))
}

/// Whether two sets of scores have the same nodes that wait for as much.
fn alike(old: &[Arc<Score>], new: &[Arc<Score>]) -> bool {
    let same = |(old, new): (&Arc<Score>, &Arc<Score>)| old.ids == new.ids && old.waits == new.waits;
    old.len() == new.len() && old.iter().zip(new).all(same)
}

/// Rows that are over and still wait for something: body of the old run, row, path.
fn waiting(trial: &mut Fold, origin: &[BlockId]) -> Vec<(BlockId, Row, String)> {
    let ids: Vec<_> = trial.run().blocks().map(|block| block.id).collect();
    let mut found = Vec::new();
    for id in ids {
        let rows = trial.look(id, |block, columns| {
            let waits = |row: &Row| {
                let at = block.at(*row);
                matches!(columns.status[at], Status::Done | Status::Skipped) && !columns.remaining[at].is_due()
            };
            (0..block.rows()).map(Row).filter(waits).collect::<Vec<_>>()
        });
        let old = origin.get(id.0 as usize).copied().unwrap_or(id);
        let path = |row: Row| trial.run().find(id).map(|block| trial.run().path(block, row)).unwrap_or_default();
        found.extend(rows.unwrap_or_default().into_iter().map(|row| (old, row, path(row))));
    }
    found
}

/// Writes events again, for the new run.
struct Writer<'a> {
    fold: &'a Fold,
    new: &'a RunOptions,
    parting: &'a Parting,
    scores: Arc<[Arc<Score>]>,
    /// For each old body: what became of it.
    bodies: Vec<Body>,
    /// For each new body: the old one.
    origin: Vec<BlockId>,
    kin: Kin,
}

/// An old body while its events are read.
#[derive(Clone, Copy)]
struct Body {
    /// Which of the old scores.
    score: usize,
    /// Its number and score in the new run; `None` if it is left behind.
    new: Option<(BlockId, usize)>,
    parent: Option<(BlockId, Row)>,
    place: Place,
    iteration: u32,
}

impl<'a> Writer<'a> {
    fn new(fold: &'a Fold, new: &'a RunOptions, parting: &'a Parting) -> Self {
        let scores = scores_of(&new.score);
        Self { fold, new, parting, scores, bodies: Vec::new(), origin: Vec::new(), kin: Kin::default() }
    }

    fn frame(&mut self, events: &[Event]) -> Result<Vec<Event>, BranchError> {
        let mut written = Vec::with_capacity(events.len());
        for event in events {
            written.extend(self.event(event)?);
        }
        Ok(written)
    }

    fn event(&mut self, event: &Event) -> Result<Option<Event>, BranchError> {
        match event {
            Event::Began { .. } => return Ok(Some(Event::Began { clock: self.new.clock, seed: self.new.seed })),
            Event::Opened { parent, place, inputs, .. } => return self.opened(*parent, *place, inputs),
            Event::Halting { .. } | Event::UndoStarted { .. } | Event::UndoEnded { .. } | Event::Ended { .. } => {
                return Ok(None);
            }
            _ => {}
        }
        let mut event = event.clone();
        match &mut event {
            Event::Iterated { block, iteration, inputs } => {
                let Some((body, new)) = self.reach(*block, |body| body.iteration = *iteration) else { return Ok(None) };
                *inputs = self.renamed_inputs(body, new.1, inputs);
                *block = new.0;
            }
            Event::Closed { block } => {
                let Some((_, new)) = self.reach(*block, |_| {}) else { return Ok(None) };
                *block = new.0;
            }
            Event::Started { block, rows, .. } | Event::Finished { block, rows } => {
                let Some((body, new)) = self.reach(*block, |_| {}) else { return Ok(None) };
                let mut moved = Vec::with_capacity(rows.0.len());
                for row in &rows.0 {
                    if self.parting.keeps(*block, body.iteration, *row) {
                        moved.push(self.identity(*block, body, new.1, *row)?.row);
                    }
                }
                if moved.is_empty() {
                    return Ok(None);
                }
                (*block, *rows) = (new.0, Rows(moved));
            }
            Event::Skipped { block, row, .. } => {
                let Some((body, new)) = self.reach(*block, |_| {}) else { return Ok(None) };
                // Nothing is lost with a node that did not play.
                let Ok(identity) = self.identity(*block, body, new.1, row.0) else { return Ok(None) };
                if !self.parting.keeps(*block, body.iteration, row.0) {
                    return Ok(None);
                }
                (*block, *row) = (new.0, Row(identity.row));
            }
            Event::Cancelled { block, row } if self.is_taken_up(*block, *row) => return Ok(None),
            Event::Played { block, row, outputs, .. } | Event::Reused { block, row, outputs, .. } => {
                let Some((body, new)) = self.reach(*block, |_| {}) else { return Ok(None) };
                if !self.parting.keeps(*block, body.iteration, row.0) {
                    return Ok(None);
                }
                let identity = self.identity(*block, body, new.1, row.0)?;
                let value = |place: &usize| outputs.get(*place).cloned().unwrap_or_default();
                *outputs = identity.ports.iter().map(value).collect();
                (*block, *row) = (new.0, Row(identity.row));
            }
            Event::Faulted { block, row, .. }
            | Event::Failed { block, row, .. }
            | Event::Asked { block, row, .. }
            | Event::Answered { block, row, .. }
            | Event::Cancelled { block, row } => {
                let Some((body, new)) = self.reach(*block, |_| {}) else { return Ok(None) };
                if !self.parting.keeps(*block, body.iteration, row.0) {
                    return Ok(None);
                }
                (*block, *row) = (new.0, Row(self.identity(*block, body, new.1, row.0)?.row));
            }
            Event::Began { .. }
            | Event::Opened { .. }
            | Event::Halting { .. }
            | Event::Rerouted { .. }
            | Event::UndoStarted { .. }
            | Event::UndoEnded { .. }
            | Event::Ended { .. } => return Ok(None),
        }
        Ok(Some(event))
    }

    fn opened(
        &mut self,
        parent: Option<(BlockId, Row)>,
        place: Place,
        inputs: &[Value],
    ) -> Result<Option<Event>, BranchError> {
        let id = BlockId(self.bodies.len() as u32);
        let old = &self.fold.run().scores;
        let above = parent.and_then(|(block, row)| Some((block, row, *self.bodies.get(block.0 as usize)?)));
        let score = match above {
            None => 0,
            Some((_, row, above)) => old.get(above.score).map_or(0, |score| body_score(old, score, row)),
        };
        let mut body = Body { score, new: None, parent, place, iteration: 0 };
        let number = BlockId(self.origin.len() as u32);
        let mut new_parent = None;
        match above {
            None => body.new = Some((number, 0)),
            Some((block, row, above)) if self.parting.keeps(block, above.iteration, row.0) => {
                if let Some((new_block, new_score)) = above.new {
                    let new_row = Row(self.identity(block, above, new_score, row.0)?.row);
                    let within = self.scores.get(new_score).map(|score| body_score(&self.scores, score, new_row));
                    body.new = within.map(|within| (number, within));
                    new_parent = Some((new_block, new_row));
                }
            }
            Some(_) => {}
        }
        self.bodies.push(body);
        let Some((block, new_score)) = body.new else { return Ok(None) };
        self.origin.push(id);
        let inputs = match parent {
            None => self.first_inputs(),
            Some(_) => self.renamed_inputs(body, new_score, inputs),
        };
        Ok(Some(Event::Opened { block, parent: new_parent, place, inputs }))
    }

    /// A composite row that was stopped with its run while its body was open goes on with that body.
    fn is_taken_up(&self, block: BlockId, row: Row) -> bool {
        let below = |body: &Body| body.parent == Some((block, row));
        self.bodies.iter().zip(0..).any(|(body, id)| below(body) && self.parting.is_open(BlockId(id)))
    }

    /// An old body and what it is in the new run; `None` if it is left behind.
    fn reach(&mut self, block: BlockId, change: impl FnOnce(&mut Body)) -> Option<(Body, (BlockId, usize))> {
        let body = self.bodies.get_mut(block.0 as usize)?;
        change(body);
        Some((*body, body.new?))
    }

    fn identity(&mut self, block: BlockId, body: Body, new: usize, row: u32) -> Result<Identity, BranchError> {
        let (Some(old), Some(score)) = (self.fold.run().scores.get(body.score), self.scores.get(new)) else {
            return Err(BranchError::Changed { path: format!("body {}", block.0), why: "is missing".to_owned() });
        };
        let found = self.kin.of((body.score, old), (new, score), Row(row));
        found.map_err(|why| BranchError::Changed { path: self.path(body, Row(row)), why })
    }

    fn path(&self, body: Body, row: Row) -> String {
        let id = self.fold.run().scores.get(body.score).map(|score| score.id(row).into_owned()).unwrap_or_default();
        let Some((above, parent_row)) = body.parent else { return id };
        let Some(above) = self.bodies.get(above.0 as usize) else { return id };
        let above = self.path(*above, parent_row);
        match body.place {
            Place::Root | Place::Nested => format!("{above}.{id}"),
            Place::Loop => format!("{above}[{}].{id}", body.iteration),
            Place::Item(item) => format!("{above}[{item}]"),
        }
    }

    /// Inputs of the melody itself: those of the new run.
    fn first_inputs(&self) -> Vec<Value> {
        let given = |place: usize| self.new.inputs.get(place).filter(|value| value.is_present()).cloned();
        let inputs = self.new.score.inputs.iter().enumerate();
        inputs.map(|(place, spec)| given(place).or_else(|| spec.default.clone()).unwrap_or_default()).collect()
    }

    /// A body's inputs in the order of the new score.
    fn renamed_inputs(&self, body: Body, new: usize, inputs: &[Value]) -> Vec<Value> {
        let (Some(old), Some(score)) = (self.fold.run().scores.get(body.score), self.scores.get(new)) else {
            return inputs.to_vec();
        };
        let known = |name: &str| old.inputs.iter().position(|input| &*input.name == name);
        let value = |place: usize| inputs.get(place).cloned();
        let spec = score.inputs.iter();
        spec.map(|input| known(&input.name).and_then(value).or_else(|| input.default.clone()).unwrap_or_default())
            .collect()
    }
}

/// Which score a composite row plays; the melody's own if it plays none.
fn body_score(scores: &[Arc<Score>], score: &Score, row: Row) -> usize {
    if row.0 >= score.rows() {
        return 0;
    }
    let body = match &score.spec(row).action {
        Action::Nested(body) => body,
        Action::Loop(repeat) => &repeat.body,
        Action::Map(map) => &map.body,
        Action::Call(_) | Action::Function(..) | Action::Pause(_) => return 0,
    };
    scores.iter().position(|known| Arc::ptr_eq(known, body)).unwrap_or_default()
}
