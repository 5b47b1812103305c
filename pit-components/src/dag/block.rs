//! A block: one playing of a score on a range of rows of the world.
//!
//! Invariants, for every row of an armed block:
//! - `remaining` (without its top bit) is the number of waits not yet settled; the row is in `due` (once) or was
//!   taken from it exactly when that is zero;
//! - `open` is the number of rows that are not over.

use super::join::{Decision, JoinState};
use super::origin::Origin;
use super::table::Columns;
use std::sync::Arc;
use symphony_ecs_core::components::{Attempt, Choice, Cost, Remaining, Status};
use symphony_ecs_core::events::Place;
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_ecs_core::score::{CandidateFrom, EdgeMode, Group, Marks, Score};
use symphony_ecs_core::value::Value;

/// The composite row that a block plays for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Its block.
    pub block: BlockId,
    /// Its row.
    pub row: Row,
}

/// One playing of a score.
#[derive(Clone, Debug)]
pub struct Block {
    /// Its number in the run.
    pub id: BlockId,
    /// What it plays.
    pub score: Arc<Score>,
    /// Which of the run's scores that is.
    pub score_ix: u32,
    /// First row of the world that it takes.
    pub base: u32,
    /// What it plays for.
    pub parent: Option<Parent>,
    /// Its place below its parent.
    pub place: Place,
    /// Which iteration, when it is the body of a loop; 0 for the first.
    pub iteration: u32,
    /// Values of the score's inputs.
    pub inputs: Vec<Value>,
    /// Values of the rows' outputs, by slot.
    pub values: Vec<Value>,
    /// States of the score's joins.
    pub joins: Vec<JoinState>,
    /// States of the rows' groups, one entry a row; empty when the score has none.
    pub groups: Vec<Group>,
    /// Rows that are not over.
    pub open: u32,
    /// Rows that wait for nothing any more and have not been looked at.
    pub due: Vec<u32>,
    /// Where what its rows gave came from, over all iterations.
    pub origin: Origin,
}

impl Block {
    /// A block of a melody itself, from a row of the world on; it is to be armed.
    pub fn new(id: BlockId, score: Arc<Score>, base: u32) -> Self {
        Self {
            id,
            score,
            score_ix: 0,
            base,
            parent: None,
            place: Place::Root,
            iteration: 0,
            inputs: Vec::new(),
            values: Vec::new(),
            joins: Vec::new(),
            groups: Vec::new(),
            open: 0,
            due: Vec::new(),
            origin: Origin::default(),
        }
    }

    /// Number of rows.
    #[inline]
    pub fn rows(&self) -> u32 {
        self.score.rows()
    }

    /// The row of the world.
    #[inline]
    pub fn at(&self, row: Row) -> usize {
        (self.base + row.0) as usize
    }

    /// Sets all rows back to pending, with fresh counters, and collects those that wait for nothing.
    pub fn arm(&mut self, columns: &mut Columns<'_>) {
        let range = self.base as usize..(self.base + self.rows()) as usize;
        columns.status[range.clone()].fill(Status::Pending);
        columns.attempt[range.clone()].fill(Attempt(0));
        columns.choice[range.clone()].fill(Choice(0));
        columns.cost[range.clone()].fill(Cost(0));
        let remaining = &mut columns.remaining[range];
        for (remaining, waits) in remaining.iter_mut().zip(&self.score.waits) {
            *remaining = Remaining(*waits);
        }
        self.open = self.rows();
        self.values.clear();
        self.values.resize(self.score.slot_count(), Value::Absent);
        self.joins = self.score.joins.iter().map(|join| JoinState::new(join.candidates.len())).collect();
        self.groups.clone_from(&self.score.groups);
        self.due.clear();
        let waits = &self.score.waits;
        self.due.extend((0..self.rows()).filter(|row| waits[*row as usize] == 0));
        self.learn_inputs(columns);
    }

    /// Tells joins of the candidates that are inputs of the block: they are known from the start.
    fn learn_inputs(&mut self, columns: &mut Columns<'_>) {
        let score = Arc::clone(&self.score);
        for (ix, join) in score.joins.iter().enumerate() {
            for (candidate, from) in join.candidates.iter().enumerate() {
                if let CandidateFrom::Input(input) = from {
                    let present = self.inputs.get(*input as usize).is_some_and(Value::is_present);
                    self.learn(columns, ix, candidate, present);
                }
            }
        }
    }

    /// Rows finished without outputs: the short way for rows without marks. `rows` must be running.
    ///
    /// Rows that follow each other are taken as one stretch of edges, and nothing branches on an edge: how it waits,
    /// and whether its consumer is due now, are guesses that a processor gets wrong.
    pub fn finish_plain(&mut self, columns: &mut Columns<'_>, rows: &[u32]) {
        let base = self.base as usize;
        let end = base + self.rows() as usize;
        let status = &mut columns.status[base..end];
        let remaining = &mut columns.remaining[base..end];
        let (groups, due) = (self.groups.as_mut_slice(), &mut self.due);
        for stretch in rows.chunk_by(|row, next| row + 1 == *next) {
            let Some(first) = stretch.first() else { continue };
            let count = stretch.len() as u32;
            status[*first as usize..(first + count) as usize].fill(Status::Done);
            let edges = self.score.topology.succ_of(*first, count);
            let mut tell = |consumer: u32, wait: bool| {
                // Written in any case, and kept if it is due.
                let kept = due.len() + usize::from(remaining[consumer as usize].step_if(wait));
                due.push(consumer);
                due.truncate(kept);
            };
            if groups.is_empty() {
                // Hard and soft edges alike: the producer has given what it has. Joins count for themselves.
                edges.iter().for_each(|edge| tell(edge.row(), edge.waits()));
                continue;
            }
            for edge in edges {
                let consumer = edge.row();
                let decided = groups[consumer as usize].learn_given(edge.mode() == EdgeMode::Group);
                tell(consumer, edge.waits() | decided);
            }
        }
        self.open -= rows.len() as u32;
    }

    /// A row is over: writes its status and counts its consumers down. Its outputs must be in `values` by now.
    pub fn settle(&mut self, columns: &mut Columns<'_>, row: Row, status: Status) {
        debug_assert!(status.is_over() && !columns.status[self.at(row)].is_over(), "a row is over once");
        let at = self.at(row);
        columns.status[at] = status;
        self.open -= 1;
        let gave = status == Status::Done;
        let remaining = &mut columns.remaining[self.base as usize..];
        for edge in self.score.topology.succ(row.0) {
            let gave = match edge.mode() {
                EdgeMode::Hard => gave,
                EdgeMode::Soft => true,
                EdgeMode::Group => match self.groups.get_mut(edge.row() as usize).and_then(|group| group.learn(gave)) {
                    Some(enough) => enough,
                    None => continue,
                },
                EdgeMode::Join | EdgeMode::Optional => continue,
            };
            count(remaining, &mut self.due, edge.row(), gave);
        }
        if self.score.marks[row.ix()].any(Marks::JOINS) {
            let score = Arc::clone(&self.score);
            for (join, candidate) in score.joins_fed_by(row) {
                let present = match score.joins[join].candidates[candidate] {
                    CandidateFrom::Slot { slot, .. } => gave && self.values[slot as usize].is_present(),
                    CandidateFrom::Input(_) => false,
                };
                self.learn(columns, join, candidate, present);
            }
        }
    }

    fn learn(&mut self, columns: &mut Columns<'_>, join: usize, candidate: usize, present: bool) {
        let spec = &self.score.joins[join];
        let (consumer, lenient) = (spec.consumer, spec.lenient);
        match self.joins[join].learn(spec.kind, candidate, present) {
            Some(_) if consumer == u32::MAX => {}
            Some(Decision::Satisfied) => self.count(columns, consumer, true),
            Some(Decision::Impossible) => self.count(columns, consumer, lenient),
            None => {}
        }
    }

    /// Takes one wait from a consumer; `gave` is false when what it waited for came to nothing.
    fn count(&mut self, columns: &mut Columns<'_>, consumer: u32, gave: bool) {
        count(&mut columns.remaining[self.base as usize..], &mut self.due, consumer, gave);
    }

    /// The waits of every row, counted anew from the statuses of the rows and the joins.
    pub fn recount(&self, columns: &Columns<'_>) -> Vec<Remaining> {
        let mut waits = vec![Remaining(0); self.rows() as usize];
        for row in (0..self.rows()).map(Row) {
            let status = columns.status[self.at(row)];
            for edge in self.score.topology.succ(row.0) {
                let waits = &mut waits[edge.row() as usize].0;
                match edge.mode() {
                    EdgeMode::Join | EdgeMode::Group | EdgeMode::Optional => {}
                    _ if !status.is_over() => *waits += 1,
                    EdgeMode::Hard if status != Status::Done => *waits |= Remaining::BLOCKED,
                    EdgeMode::Hard | EdgeMode::Soft => {}
                }
            }
        }
        for (spec, state) in self.score.joins.iter().zip(&self.joins) {
            let Some(waits) = waits.get_mut(spec.consumer as usize) else { continue };
            if !state.decided {
                waits.0 += 1;
            } else if state.is_impossible(spec.kind) && !spec.lenient {
                waits.0 |= Remaining::BLOCKED;
            }
        }
        for (row, group) in self.regroup(columns).into_iter().enumerate() {
            match group {
                Some((_, None)) => waits[row].0 += 1,
                Some((_, Some(false))) => waits[row].0 |= Remaining::BLOCKED,
                Some((_, Some(true))) | None => {}
            }
        }
        waits
    }

    /// The groups of the rows that have one, counted anew from the statuses: what is left, and how it ended if it did.
    fn regroup(&self, columns: &Columns<'_>) -> Vec<Option<(Group, Option<bool>)>> {
        let fresh = |group: &Group| (*group != Group::default()).then_some((*group, None));
        let mut groups: Vec<_> = self.score.groups.iter().map(fresh).collect();
        for row in (0..if groups.is_empty() { 0 } else { self.rows() }).map(Row) {
            let status = columns.status[self.at(row)];
            let members = self.score.topology.succ(row.0).iter().filter(|edge| edge.mode() == EdgeMode::Group);
            for edge in members.filter(|_| status.is_over()) {
                if let Some(Some((group, ended))) = groups.get_mut(edge.row() as usize) {
                    *ended = group.learn(status == Status::Done).or(*ended);
                }
            }
        }
        groups
    }

    /// Counts the groups anew from the statuses: after a restore, when they were not kept.
    pub fn find_groups(&mut self, columns: &Columns<'_>) {
        let groups = self.regroup(columns);
        self.groups = groups.into_iter().map(|group| group.map(|(group, _)| group).unwrap_or_default()).collect();
    }

    /// Collects `due` anew from the columns: after a replay, when it was not kept.
    pub fn find_due(&mut self, columns: &Columns<'_>) {
        let base = self.base as usize;
        let pending = |row: &u32| {
            let at = base + *row as usize;
            columns.status[at] == Status::Pending && columns.remaining[at].is_due()
        };
        self.due = (0..self.rows()).filter(pending).collect();
    }
}

/// Takes one wait from a consumer of a block whose columns begin with `remaining`.
#[inline]
fn count(remaining: &mut [Remaining], due: &mut Vec<u32>, consumer: u32, gave: bool) {
    let remaining = &mut remaining[consumer as usize];
    if !gave {
        remaining.0 |= Remaining::BLOCKED;
    }
    if remaining.step() {
        due.push(consumer);
    }
}

#[cfg(test)]
#[path = "block_tests.rs"]
mod tests;
