//! The rows of the world: node entities, and the invariant *table row = index*, kept in this one place.
//!
//! Entities of the node archetype are spawned in order, never despawned and never given another component; so the
//! archetype's table holds them in the order of their spawning, and a column is a plain slice. Blocks take ranges of
//! rows and give them back; ranges of equal length are used again, so a run that opens and closes many bodies stays
//! flat in memory.

use bevy_ecs::change_detection::ContiguousMut;
use bevy_ecs::prelude::*;
use std::collections::BTreeMap;
use symphony_ecs_core::components::{Attempt, Choice, Cost, Remaining, Status};

/// All columns of the node archetype, for writing.
pub type NodeQuery =
    (&'static mut Status, &'static mut Remaining, &'static mut Attempt, &'static mut Choice, &'static mut Cost);

/// The columns of all rows of the world.
pub struct Columns<'w> {
    /// Where each node is in its life.
    pub status: &'w mut [Status],
    /// How many waits it still has.
    pub remaining: &'w mut [Remaining],
    /// Attempts begun.
    pub attempt: &'w mut [Attempt],
    /// Which of its players plays it.
    pub choice: &'w mut [Choice],
    /// What it has cost.
    pub cost: &'w mut [Cost],
}

impl<'w> Columns<'w> {
    /// The columns as slices; empty ones when no node was ever spawned.
    ///
    /// Change ticks are bypassed: nodes are tracked by frontiers and events, never by scanning for changes.
    pub fn of(query: Query<'w, '_, NodeQuery>) -> Self {
        let mut tables = query.contiguous_iter_inner().into_iter().flatten();
        let found = tables.next();
        debug_assert!(tables.next().is_none(), "nodes live in one table");
        let Some((status, remaining, attempt, choice, cost)) = found else {
            return Self { status: &mut [], remaining: &mut [], attempt: &mut [], choice: &mut [], cost: &mut [] };
        };
        Self {
            status: ContiguousMut::bypass_change_detection_split(status).0,
            remaining: ContiguousMut::bypass_change_detection_split(remaining).0,
            attempt: ContiguousMut::bypass_change_detection_split(attempt).0,
            choice: ContiguousMut::bypass_change_detection_split(choice).0,
            cost: ContiguousMut::bypass_change_detection_split(cost).0,
        }
    }
}

/// Which rows of the world are taken.
#[derive(Resource, Debug, Default)]
pub struct NodeTable {
    /// Rows handed out at least once.
    used: u32,
    /// Rows spawned.
    spawned: u32,
    /// Ranges given back, by length.
    free: BTreeMap<u32, Vec<u32>>,
}

impl NodeTable {
    /// Takes a range of rows and returns its first, or `None` when the world must [`grow`](Self::grow) first.
    pub fn take(&mut self, rows: u32) -> Option<u32> {
        if let Some(base) = self.free.get_mut(&rows).and_then(Vec::pop) {
            return Some(base);
        }
        let end = self.used.checked_add(rows)?;
        (end <= self.spawned).then(|| std::mem::replace(&mut self.used, end))
    }

    /// Gives a range back.
    pub fn give_back(&mut self, base: u32, rows: u32) {
        self.free.entry(rows).or_default().push(base);
    }

    /// Rows spawned so far.
    pub fn spawned(&self) -> u32 {
        self.spawned
    }

    /// Spawns entities until `rows` more can be taken in one piece (small needs are rounded up).
    ///
    /// # Panics
    /// When somebody has despawned a node or spawned one elsewhere: the invariant of this module.
    pub fn grow(world: &mut World, rows: u32) {
        let (used, spawned) = {
            let table = world.resource::<Self>();
            (table.used, table.spawned)
        };
        let missing = rows.saturating_sub(spawned - used);
        if missing == 0 {
            return;
        }
        let need = missing.max(1024);
        let fresh = (0..need).map(|_| <(Status, Remaining, Attempt, Choice, Cost)>::default());
        let last = world.spawn_batch(fresh).last();
        let spawned = spawned + need;
        if let Some(last) = last {
            let place = world.entity(last).location().table_row.index();
            assert_eq!(place + 1, spawned as usize, "nodes are spawned in order, here only, and never despawned");
        }
        world.resource_mut::<Self>().spawned = spawned;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_indices_and_ranges_come_back() {
        let mut world = World::new();
        world.init_resource::<NodeTable>();
        assert_eq!(world.resource_mut::<NodeTable>().take(3), None);
        NodeTable::grow(&mut world, 3);
        let first = world.resource_mut::<NodeTable>().take(3).unwrap();
        let second = world.resource_mut::<NodeTable>().take(5).unwrap();
        assert_eq!((first, second), (0, 3));
        let mut query = world.query::<NodeQuery>();
        Columns::of(query.query_mut(&mut world)).cost[4] = Cost(7);
        NodeTable::grow(&mut world, 5_000);
        let columns = Columns::of(query.query_mut(&mut world));
        assert_eq!(columns.cost[4], Cost(7));
        assert_eq!(columns.status.len(), columns.cost.len());
        let mut table = world.resource_mut::<NodeTable>();
        table.give_back(second, 5);
        assert_eq!(table.take(5), Some(second));
        assert!(table.take(5_000).is_some());
    }
}
