//! Compensation: what was completed is undone in reverse topological order (Garcia-Molina and Salem, "Sagas", 1987).
//!
//! When a row with an `undo` finishes, its undo call is written down with the values it needs; so iterations whose
//! values are gone, and bodies that are closed, can still be undone.

use super::values::Scope;
use super::{Outgoing, Run};
use std::sync::Arc;
use symphony_ecs_core::events::{Event, Place, What};
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_ecs_core::ports::Usage;
use symphony_ecs_core::score::UndoSpec;
use symphony_ecs_core::value::Value;
use symphony_pit::arbitration::{Grant, Need, Reservation};
use symphony_pit::dag::Block;

/// How to undo one node's work.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct UndoEntry {
    /// Path of the node.
    pub path: String,
    /// Where the node stands: per block from the melody downwards the block's place and the row. Undos run from the
    /// largest to the smallest.
    pub(crate) key: Vec<(u32, u32)>,
    /// The score and the row whose `undo` this is.
    pub(crate) score: u32,
    pub(crate) row: Row,
    /// Values of the undo's inputs, in the order of its names; absent ones are left out of the call.
    pub(crate) inputs: Vec<Value>,
}

impl Run {
    /// Writes down how to undo what a row has done.
    pub(crate) fn remember_undo(&mut self, block: &Block, row: Row) {
        let Some(undo) = &block.score.spec(row).undo else { return };
        let scope = Scope::of(block);
        let inputs = undo.inputs.iter().map(|gather| scope.gather(gather).unwrap_or_default()).collect();
        let entry =
            UndoEntry { path: self.path(block, row), key: self.key(block, row), score: block.score_ix, row, inputs };
        self.undo_log.push(entry);
    }

    /// The spec of an entry's undo.
    pub(crate) fn undo_spec(&self, entry: &UndoEntry) -> Option<Arc<UndoSpec>> {
        self.scores.get(entry.score as usize)?.spec(entry.row).undo.clone()
    }

    fn key(&self, block: &Block, row: Row) -> Vec<(u32, u32)> {
        let place = |block: &Block| match block.place {
            Place::Root | Place::Nested => 0,
            Place::Loop => block.iteration,
            Place::Item(index) => index,
        };
        let mut key = vec![(place(block), row.0)];
        let mut parent = block.parent;
        while let Some(above) = parent {
            let Some(block) = self.find(above.block) else { break };
            key.push((place(block), above.row.0));
            parent = block.parent;
        }
        key.reverse();
        key
    }

    /// Places in the undo log in the order of undoing.
    pub(crate) fn undo_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.undo_log.len()).collect();
        order.sort_by(|a, b| self.undo_log[*b].key.cmp(&self.undo_log[*a].key).then(b.cmp(a)));
        order
    }

    /// Lets the next undo begin, if none is on its way; false when all are over.
    pub(crate) fn undo_next(&mut self) -> bool {
        let Some(halting) = &self.halting else { return false };
        let Some(order) = &halting.undoing else { return false };
        let index = halting.undone;
        let Some(entry) = order.get(index as usize).and_then(|place| self.undo_log.get(*place)) else { return false };
        if halting.undo_begun {
            return true;
        }
        let path = entry.path.clone();
        let player = self.undo_spec(entry).map(|spec| spec.operation.name.clone()).unwrap_or_default();
        self.emit(|| Event::UndoStarted { index, path: path.clone(), attempt: 1 });
        self.note(|| (Some(path), What::UndoStarted { player }));
        let reservation = self.reserve_anyway();
        self.outbox.push_back((self.frame, Outgoing::Undo(index, reservation)));
        if let Some(halting) = &mut self.halting {
            halting.undo_begun = true;
        }
        true
    }

    /// A recorded event says that an undo began (replay): its notice is written again.
    pub(crate) fn replay_undo_started(&mut self, index: u32, path: String) {
        let place = self.halting.as_ref().and_then(|halting| halting.undoing.as_ref()?.get(index as usize).copied());
        let entry = place.and_then(|place| self.undo_log.get(place));
        let player = entry.and_then(|entry| self.undo_spec(entry)).map(|spec| spec.operation.name.clone());
        self.note(|| (Some(path), What::UndoStarted { player: player.unwrap_or_default() }));
    }

    /// An undo plays whatever the budget says: leaving half of the work behind is dearer.
    fn reserve_anyway(&mut self) -> Reservation {
        match self.budget.reserve(Need { cost_micros: Some(0), tokens: Some(0) }) {
            Grant::Granted(reservation) => reservation,
            Grant::Wait | Grant::Refused => self.budget.force(),
        }
    }

    /// An undo ended.
    pub(crate) fn undo_ended(&mut self, index: u32, error: Option<String>, usage: Usage) {
        self.emit(|| Event::UndoEnded { index, error: error.clone(), usage });
        let place = self.halting.as_ref().and_then(|halting| halting.undoing.as_ref()?.get(index as usize).copied());
        let path = place.and_then(|place| self.undo_log.get(place)).map(|entry| entry.path.clone());
        self.note(|| (path, What::UndoEnded { error }));
        if let Some(halting) = &mut self.halting {
            halting.undone = index + 1;
            halting.undo_begun = false;
        }
    }

    /// A block, open or closed in this frame.
    pub(crate) fn find(&self, id: BlockId) -> Option<&Block> {
        self.block(id).or_else(|| self.closed.iter().find(|block| block.id == id))
    }
}
