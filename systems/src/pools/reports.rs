//! Reports of the stage: what became of processes moves their seats.

use super::{Keeper, PoolKeeper};
use crate::stage::Stage;
use symphony_ecs_core::ports::{ProcessReport, ProcessWhat};
use symphony_pit::pool::{Life, PoolId, Signal};

impl PoolKeeper {
    /// Takes in what the stage tells of processes.
    pub(crate) fn follow(&mut self, stage: &mut Stage) {
        if let Some(keeper) = self.0.as_mut().filter(|keeper| !keeper.courses.is_empty()) {
            keeper.follow(stage);
        }
    }
}

impl Keeper {
    pub(super) fn follow(&mut self, stage: &mut Stage) {
        for report in stage.lives() {
            self.take_in(report);
        }
        let mut due = Vec::new();
        self.pools.tick(self.now(), &mut due);
        for seat in due {
            let process = self.seat_of.iter().find(|(_, place)| **place == (seat.pool, seat.slot)).map(|(it, _)| *it);
            if let Some(process) = process.filter(|_| seat.to == Life::Unloaded) {
                self.seat_of.remove(&process);
                stage.unload(process);
            }
        }
    }

    fn take_in(&mut self, report: ProcessReport) {
        let now = self.now();
        let ProcessReport { process, pool, what } = report;
        if let ProcessWhat::Starting { ahead } = what {
            let pool = self.open(&pool);
            // A pool with more processes than seats goes on without seats for them.
            if let Ok(slot) = self.pools.load(pool, process, ahead, now) {
                self.seat_of.insert(process, (pool, slot));
            }
            return;
        }
        let Some((pool, slot)) = self.seat_of.get(&process).copied() else { return };
        // The table and the stage agree on what follows what; where they do not, the table counts it and stays.
        let _ = match what {
            ProcessWhat::Starting { .. } => return,
            ProcessWhat::Spawned => self.pools.step(pool, slot, Signal::Loaded, now),
            ProcessWhat::Ready { memory } => {
                let warmed = self.pools.step(pool, slot, Signal::Warmed, now);
                self.became_ready(pool, slot, process, memory);
                warmed
            }
            ProcessWhat::Retired => {
                self.seat_of.remove(&process);
                self.stale = true;
                let active = self.pools.seats(pool).and_then(|seats| seats.active(slot));
                active.map(|handle| self.pools.give_back(handle, now));
                self.pools.step(pool, slot, Signal::Unload, now)
            }
            ProcessWhat::Died { message: _ } => {
                self.seat_of.remove(&process);
                self.stale = true;
                let player = self.player(pool);
                let playing = self.call_on.remove(&process).is_some();
                if !playing {
                    // Nobody's call failed with it, so only this report tells.
                    self.history.died(player);
                    self.news(player, |facts| facts.failures += 1);
                }
                self.pools.step(pool, slot, Signal::Failed, now)
            }
        };
    }

    fn became_ready(&mut self, pool: PoolId, slot: u32, process: u64, memory: Option<u64>) {
        let now = self.now();
        let took = self.pools.load_took(pool, slot);
        let player = self.player(pool);
        self.history.loaded(player, took, memory);
        self.news(player, |facts| facts.loaded(took, memory));
        let holding = self.pools.holding(pool);
        self.pools.hold(pool, symphony_pit::pool::Holding { memory: memory.unwrap_or(holding.memory), ..holding });
        // A call has waited for it: it has its seat from here on.
        if let Some(call) = self.call_on.get(&process).and_then(|serial| self.calls.get_mut(serial))
            && call.handle.is_none()
        {
            call.handle = self.pools.take_ready(pool, slot, now);
        }
        self.stale = true;
    }
}
