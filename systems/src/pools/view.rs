//! Pools as people and programs see them: who is warm, and why.

use super::{Keeper, PoolKeeper};
use crate::stage::Stage;
use serde::Serialize;
use symphony_pit::pool::{Choice, Health, Life, Metrics, Standing, Term};

/// What was last weighed of a player.
pub(super) struct Weighed {
    pub standing: Standing,
    pub choice: Choice,
    pub terms: Vec<Term>,
}

/// A pool of a live run.
#[derive(Clone, Debug, Serialize)]
pub struct PoolView {
    /// Its player, with the limits of its processes.
    pub player: String,
    /// Seats that hold a process.
    pub seats: Vec<SeatView>,
    /// How probable a request within the horizon is, 0 to 1.
    pub probability: f64,
    /// The horizon, in seconds.
    pub horizon_seconds: f64,
    /// Expected idle time until then, in seconds.
    pub idle_seconds: f64,
    /// Time to load it, in seconds.
    pub load_seconds: f64,
    /// Bytes of memory that one process takes.
    pub memory: u64,
    /// What a warm one is expected to save, in micro-dollars.
    pub saving_micros: f64,
    /// What keeping it is expected to cost, in micro-dollars.
    pub cost_micros: f64,
    /// Where the probability comes from, the most telling first.
    pub terms: Vec<Term>,
    /// How it does.
    pub health: Health,
    /// What was counted.
    pub metrics: Metrics,
}

/// A seat that holds a process.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SeatView {
    /// Its number.
    pub slot: u32,
    /// Where it is in its life.
    pub life: Life,
    /// The stage's number of its process.
    pub process: u64,
    /// Calls that it played.
    pub uses: u64,
}

impl PoolKeeper {
    /// All pools, by player; empty when there is no keeper.
    pub(crate) fn view(&mut self, stage: &mut Stage) -> Vec<PoolView> {
        let Some(keeper) = &mut self.0 else { return Vec::new() };
        keeper.follow(stage);
        let mut views: Vec<PoolView> = keeper.pools.ids().map(|pool| keeper.view_of(pool)).collect();
        views.sort_by(|a, b| a.player.cmp(&b.player));
        views
    }

    /// Warms a player by hand: so many seats. `None` when no score has named it.
    pub(crate) fn warm(&mut self, stage: &mut Stage, player: &str, seats: u32) -> Option<u32> {
        let keeper = self.0.as_mut()?;
        let pool = keeper.pools.find(player)?;
        let order = keeper.orders.get_mut(&pool)?;
        order.seats = seats;
        let started = stage.warm(order);
        keeper.follow(stage);
        Some(started)
    }
}

impl Keeper {
    fn view_of(&self, pool: symphony_pit::pool::PoolId) -> PoolView {
        let player = self.player(pool);
        let weighed = self.weighed.get(&player);
        let standing = weighed.map(|weighed| weighed.standing);
        let seat = |slot: u32| {
            let seats = self.pools.seats(pool)?;
            let life = seats.life(slot).filter(|life| life.is_held())?;
            Some(SeatView { slot, life, process: self.pools.process(pool, slot), uses: seats.uses(slot) })
        };
        let count = self.pools.seats(pool).map_or(0, |seats| seats.count());
        let (load_seconds, memory) = self.takes(player);
        PoolView {
            player: self.pools.name(pool).to_owned(),
            seats: (0..count).filter_map(seat).collect(),
            probability: standing.map_or(0.0, |standing| standing.probability),
            horizon_seconds: self.horizon(player),
            idle_seconds: standing.map_or(0.0, |standing| standing.idle_seconds),
            load_seconds,
            memory,
            saving_micros: weighed.map_or(0.0, |weighed| weighed.choice.saving),
            cost_micros: weighed.map_or(0.0, |weighed| weighed.choice.cost),
            terms: weighed.map(|weighed| weighed.terms.clone()).unwrap_or_default(),
            health: self.pools.health(pool),
            metrics: self.pools.metrics(pool),
        }
    }
}
