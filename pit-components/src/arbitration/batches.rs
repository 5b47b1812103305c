//! Batches: calls that are alike and share one grant of a resource. The grant comes back with the last of them, and a
//! batch takes in a bounded number in all, so sharing cannot keep a seat from others for ever.

use super::demand::ResourceId;
use super::parties::PartyId;
use std::collections::BTreeMap;

/// A shared grant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    pub resource: ResourceId,
    pub amount: u64,
    pub alike: u64,
    /// Whose use it counts as: who opened it.
    pub party: PartyId,
    pub members: u32,
    /// How many more it takes in.
    pub room: u32,
}

/// The batches that are open, by number from 1.
#[derive(Clone, Debug, Default)]
pub(super) struct Batches {
    all: BTreeMap<u32, Batch>,
    /// Those with room, by what waits for them.
    open: BTreeMap<(u8, u64), u32>,
    last: u32,
}

impl Batches {
    /// Opens a batch with one member.
    pub fn open(&mut self, batch: Batch) -> u32 {
        self.last = self.last.checked_add(1).unwrap_or(1);
        if batch.room > 0 {
            self.open.insert((batch.resource.0, batch.alike), self.last);
        }
        self.all.insert(self.last, batch);
        self.last
    }

    /// The batch that a request can join.
    pub fn joinable(&self, resource: ResourceId, alike: u64) -> Option<u32> {
        if alike == 0 || self.open.is_empty() {
            return None;
        }
        self.open.get(&(resource.0, alike)).copied()
    }

    /// All batches with room, as (batch, resource, what is like it).
    pub fn with_room(&self) -> impl Iterator<Item = (u32, ResourceId, u64)> + '_ {
        self.open.iter().map(|((resource, alike), batch)| (*batch, ResourceId(*resource), *alike))
    }

    pub fn has_room(&self) -> bool {
        !self.open.is_empty()
    }

    /// The amount of the resource that the members share.
    pub fn amount(&self, batch: u32) -> u64 {
        self.all.get(&batch).map_or(0, |batch| batch.amount)
    }

    /// Members of a batch, and how many more it takes in.
    pub fn members(&self, batch: u32) -> [u64; 2] {
        self.all.get(&batch).map_or([0; 2], |batch| [u64::from(batch.members), u64::from(batch.room)])
    }

    pub fn join(&mut self, number: u32) {
        let Some(batch) = self.all.get_mut(&number) else { return };
        batch.members += 1;
        batch.room = batch.room.saturating_sub(1);
        if batch.room == 0 {
            self.open.remove(&(batch.resource.0, batch.alike));
        }
    }

    /// A member is over; gives the batch back once it was the last.
    pub fn leave(&mut self, number: u32) -> Option<Batch> {
        let batch = self.all.get_mut(&number)?;
        batch.members -= 1;
        if batch.members > 0 {
            return None;
        }
        let place = (batch.resource.0, batch.alike);
        if self.open.get(&place) == Some(&number) {
            self.open.remove(&place);
        }
        self.all.remove(&number)
    }
}
