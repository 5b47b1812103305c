//! A block whose score was rewired: what has happened stays, under new numbers, and all that is counted is counted anew.

use super::block::Block;
use super::join::JoinState;
use super::table::Columns;
use std::sync::Arc;
use symphony_ecs_core::components::{Attempt, Choice, Cost, Status};
use symphony_ecs_core::ids::Row;
use symphony_ecs_core::score::{CandidateFrom, JoinSpec, Score};
use symphony_ecs_core::value::Value;

/// Which row of one score is which of another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowMap {
    /// The old row of each new one; `None` for those that came.
    pub from: Vec<Option<u32>>,
    /// The new row of each old one; `None` for those that are gone.
    pub to: Vec<Option<u32>>,
}

impl RowMap {
    /// Rows are the same if they have the same id, unless that is one of `replaced`.
    pub fn by_id(old: &Score, new: &Score, replaced: &[String]) -> Self {
        let known: std::collections::HashMap<&str, u32> =
            (0u32..).zip(&old.ids).map(|(row, id)| (&**id, row)).collect();
        let kept = |id: &Arc<str>| known.get(&**id).copied().filter(|_| !replaced.iter().any(|other| **other == **id));
        let from: Vec<Option<u32>> = new.ids.iter().map(kept).collect();
        let mut to = vec![None; old.ids.len()];
        for (row, old) in (0u32..).zip(&from) {
            if let Some(to) = old.and_then(|old| to.get_mut(old as usize)) {
                *to = Some(row);
            }
        }
        Self { from, to }
    }

    /// The new number of an old row.
    pub fn to(&self, row: Row) -> Option<Row> {
        self.to.get(row.ix()).copied().flatten().map(Row)
    }

    /// The old number of a new row.
    pub fn from(&self, row: u32) -> Option<u32> {
        self.from.get(row as usize).copied().flatten()
    }
}

impl Block {
    /// This block with another score, on rows of the world from `base` on. Rows that are kept have as many outputs as
    /// before; the score has the same inputs. Joins whose candidates are the same stay as they are; others learn of the
    /// candidates that are over, in the order in which they are named.
    pub fn rerouted(&self, columns: &mut Columns<'_>, score: Arc<Score>, base: u32, map: &RowMap) -> Self {
        let mut block = Self {
            score_ix: self.score_ix,
            inputs: self.inputs.clone(),
            origin: self.origin.clone(),
            values: vec![Value::Absent; score.slot_count()],
            ..Self::new(self.id, score, base)
        };
        for row in (0..block.rows()).map(Row) {
            let at = block.at(row);
            let old = map.from(row.0).map(|old| (Row(old), self.at(Row(old))));
            let state =
                old.map(|(_, old)| (columns.status[old], columns.attempt[old], columns.choice[old], columns.cost[old]));
            let fresh = (Status::Pending, Attempt(0), Choice(0), Cost(0));
            (columns.status[at], columns.attempt[at], columns.choice[at], columns.cost[at]) = state.unwrap_or(fresh);
            if let Some((old, _)) = old {
                let (new, old) = (block.score.slots(row), self.score.slots(old));
                for (new, old) in new.zip(old) {
                    block.values[new] = self.values[old].clone();
                }
            }
            block.open += u32::from(!columns.status[at].is_over());
        }
        let score = Arc::clone(&block.score);
        block.joins = score.joins.iter().map(|join| block.join_state(columns, self, join, map)).collect();
        for (row, remaining) in block.recount(columns).into_iter().enumerate() {
            columns.remaining[base as usize + row] = remaining;
        }
        block.find_groups(columns);
        block.find_due(columns);
        block
    }

    fn join_state(&self, columns: &Columns<'_>, old: &Self, join: &JoinSpec, map: &RowMap) -> JoinState {
        let same = |known: &JoinSpec| {
            let renamed = |from: &CandidateFrom| match from {
                CandidateFrom::Slot { row, slot } => {
                    let place = (*slot as usize).checked_sub(old.score.slots(Row(*row)).start)?;
                    let row = map.to(Row(*row))?;
                    let slot = self.score.slots(row).start + place;
                    Some(CandidateFrom::Slot { row: row.0, slot: slot as u32 })
                }
                CandidateFrom::Input(input) => Some(CandidateFrom::Input(*input)),
            };
            let consumer =
                if known.consumer == u32::MAX { Some(u32::MAX) } else { map.to(Row(known.consumer)).map(|row| row.0) };
            (known.kind, known.lenient, consumer) == (join.kind, join.lenient, Some(join.consumer))
                && known.candidates.len() == join.candidates.len()
                && known.candidates.iter().map(renamed).eq(join.candidates.iter().map(|from| Some(*from)))
        };
        if let Some(place) = old.score.joins.iter().position(same)
            && let Some(state) = old.joins.get(place)
        {
            return state.clone();
        }
        let mut state = JoinState::new(join.candidates.len());
        for (candidate, from) in join.candidates.iter().enumerate() {
            match from {
                CandidateFrom::Input(input) => {
                    let present = self.inputs.get(*input as usize).is_some_and(Value::is_present);
                    state.learn(join.kind, candidate, present);
                }
                CandidateFrom::Slot { row, slot } => {
                    let status = columns.status[self.at(Row(*row))];
                    if status.is_over() {
                        let present = self.values.get(*slot as usize).is_some_and(Value::is_present);
                        state.learn(join.kind, candidate, status == Status::Done && present);
                    }
                }
            }
        }
        state
    }
}
