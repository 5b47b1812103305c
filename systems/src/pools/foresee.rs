//! Foreseeing: what all runs may ask next is weighed, and the stage is told what to warm and what to let go.

use super::view::Weighed;
use super::{Keeper, PoolKeeper};
use crate::stage::Stage;
use std::collections::BTreeMap;
use std::time::Duration;
use symphony_ecs_core::clock::Time;
use symphony_pit::pool::{Admission, Forecast, Life, PlayerNo, PoolId, Standing, plan};

/// Time to load a player of which nothing is known: a small program.
const SOME_LOAD: f64 = 0.1;
/// Memory of a player of which nothing is known.
const SOME_MEMORY: u64 = 64 << 20;
/// Processes that are started ahead for one player at most.
const MOST_AHEAD: u32 = 4;

impl PoolKeeper {
    /// Weighs anew what is worth being warm, if anything happened, and gives the orders.
    pub(crate) fn foresee(&mut self, stage: &mut Stage) {
        if let Some(keeper) = self.0.as_mut().filter(|keeper| keeper.stale && !keeper.courses.is_empty()) {
            keeper.stale = false;
            keeper.foresee(stage);
        }
    }
}

impl Keeper {
    fn foresee(&mut self, stage: &mut Stage) {
        let now = self.now();
        let (forecasts, rows) = self.forecasts(now);
        self.weighed.clear();
        let standings: Vec<Standing> = self
            .pools
            .ids()
            .filter(|pool| self.orders.contains_key(pool) || self.pools.held(*pool) > 0)
            .map(|pool| self.standing(pool, forecasts.get(&self.player(pool)), now))
            .collect();
        let mut standings = standings;
        standings.sort_unstable_by_key(|standing| standing.player);
        let made = plan(&standings, &self.settings.budgets, &self.settings.prices);
        for standing in &standings {
            let terms = forecasts.get(&standing.player).map(|one| one.terms.clone()).unwrap_or_default();
            let choice = self.settings.prices.choice(standing);
            self.weighed.insert(standing.player, Weighed { standing: *standing, choice, terms });
        }
        for choice in &made.unload {
            let Some(pool) = self.pool_of.get(&choice.player).copied() else { continue };
            let idle: Vec<u64> = self.idle(pool);
            idle.into_iter().for_each(|process| {
                stage.unload(process);
            });
        }
        for choice in &made.load {
            let Some(pool) = self.pool_of.get(&choice.player).copied() else { continue };
            let due = rows.get(&choice.player).copied().unwrap_or(1).clamp(1, MOST_AHEAD);
            let keep = Duration::try_from_secs_f64(self.horizon(choice.player)).unwrap_or_default();
            let Some(order) = self.orders.get_mut(&pool) else { continue };
            (order.seats, order.keep) = (due, keep);
            stage.warm(order);
        }
        if !made.load.is_empty() {
            self.follow(stage);
        }
    }

    /// What all runs may ask, the most probable run counting, and how many rows in sight are each player's.
    fn forecasts(&mut self, now: Time) -> (BTreeMap<PlayerNo, Forecast>, BTreeMap<PlayerNo, u32>) {
        let (mut forecasts, mut rows) = (BTreeMap::<PlayerNo, Forecast>::new(), BTreeMap::<PlayerNo, u32>::new());
        let mut courses = std::mem::take(&mut self.courses);
        for course in courses.values_mut() {
            let upcoming = course.upcoming(now);
            for row in &upcoming {
                *rows.entry(row.player).or_default() += 1;
            }
            for one in self.history.forecast(course.here(), &upcoming, |player| self.horizon(player)) {
                match forecasts.get(&one.player) {
                    Some(known) if known.probability >= one.probability => {}
                    _ => drop(forecasts.insert(one.player, one)),
                }
            }
        }
        self.courses = courses;
        (forecasts, rows)
    }

    /// Time to load a player and memory that it takes, as far as known.
    pub(super) fn takes(&self, player: PlayerNo) -> (f64, u64) {
        let facts = self.history.facts(player);
        let load = if facts.loads > 0 { facts.load_seconds } else { SOME_LOAD };
        (load, if facts.memory > 0 { facts.memory } else { SOME_MEMORY })
    }

    pub(super) fn horizon(&self, player: PlayerNo) -> f64 {
        let (load, memory) = self.takes(player);
        let prices = &self.settings.prices;
        prices.horizon(load, prices.holding(memory, 0, 0))
    }

    fn standing(&self, pool: PoolId, forecast: Option<&Forecast>, now: Time) -> Standing {
        let player = self.player(pool);
        let (load_seconds, memory) = self.takes(player);
        let tally = self.pools.tally(pool);
        let health = self.pools.health(pool);
        Standing {
            player,
            probability: forecast.map_or(0.0, |one| one.probability),
            idle_seconds: forecast.map_or_else(|| self.horizon(player), |one| one.idle_seconds),
            due_seconds: forecast.map_or_else(|| self.horizon(player), |one| one.due_seconds),
            load_seconds,
            memory,
            gpu: 0,
            micros_per_second: 0,
            failure_rate: f64::from(health.failure_rate),
            held: tally[Life::Unloaded as usize + 1..].iter().any(|count| *count > 0),
            busy: tally[Life::Active as usize] > 0 || tally[Life::Loading as usize] + tally[Life::Warming as usize] > 0,
            healthy: !matches!(health.admission(now), Admission::Quarantined(_)),
            unused_seconds: now.since(self.pools.last_use(pool)).as_secs_f64(),
        }
    }

    /// Processes of a pool that wait for a call.
    fn idle(&self, pool: PoolId) -> Vec<u64> {
        let Some(seats) = self.pools.seats(pool) else { return Vec::new() };
        let ready = (0..seats.count()).filter(|slot| seats.life(*slot) == Some(Life::Ready));
        ready.map(|slot| self.pools.process(pool, slot)).collect()
    }
}
