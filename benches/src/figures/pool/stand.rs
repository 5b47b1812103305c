//! A stand of warm players under a memory budget, and the policies that fill it: what `pool.predict` compares.
//!
//! The replay is open: a task starts when the recording's replay says, warm or cold. A player that is loaded is warm
//! after [`Stand::load_seconds`]; a request before that finds it cold, and so does one that must load it itself. A player may be
//! let go while tasks of it run (they keep what they have), for every policy alike.

use super::recorded::Run;
use std::collections::{BTreeMap, BTreeSet};
use symphony_ecs_core::clock::Time;
use symphony_pit::pool::{Budgets, Course, Expected, Forecast, History, PlayerNo, Prices, Standing, plan};

/// Every player takes as much: the recordings know the memory of some only.
pub const MEMORY: u64 = 256 << 20;
/// A row is looked ahead for when it waits for at most so many others.
const SIGHT: usize = 16;

/// How the stand is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filling {
    /// On demand, as long as it was used within this many seconds: no prediction, as the stage keeps processes.
    Demand(u32),
    /// On demand; the longest unused makes way.
    Lru,
    /// Likewise, and after each request the player is loaded that followed last time.
    LastNext,
    /// Ours, by what was learned.
    History,
    /// Ours, by what was learned and by what the score says.
    HistoryAndScore,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Requests.
    pub asked: u64,
    /// Requests that found their player warm.
    pub warm: u64,
    /// Requests that had to load it.
    pub cold: u64,
    /// Players that were loaded before a request.
    pub ahead: u64,
    /// Of these, those that were asked before they were let go.
    pub ahead_used: u64,
}

#[derive(Clone, Copy)]
struct Held {
    ready: f64,
    used: f64,
    ahead: bool,
}

/// The stand, over all runs that are played on it; it is empty when a run begins.
pub struct Stand<'h> {
    pub history: &'h History,
    pub filling: Filling,
    pub load_seconds: f64,
    /// Players that fit.
    pub room: u64,
    pub tally: Tally,
    held: BTreeMap<PlayerNo, Held>,
    /// What was last foreseen: probability, idle time, time until the request.
    foreseen: BTreeMap<PlayerNo, (f64, f64, f64)>,
    prices: Prices,
}

impl<'h> Stand<'h> {
    pub fn new(history: &'h History, filling: Filling, load_seconds: f64, room: u64) -> Self {
        let (tally, held, foreseen) = (Tally::default(), BTreeMap::new(), BTreeMap::new());
        Self { history, filling, load_seconds, room, tally, held, foreseen, prices: Prices::default() }
    }

    /// Plays a run. `player` numbers its programs: those that the history does not know have numbers of their own.
    pub fn play(&mut self, run: &Run, player: &dyn Fn(&str) -> PlayerNo) {
        self.held.clear();
        self.foreseen.clear();
        let hour = run.began[3] as u8;
        let mut course = Course::new(run.melody.as_str(), hour);
        let mut waits = run.waits.clone();
        let mut ends: Vec<(f64, usize)> = Vec::new();
        let mut followed: BTreeMap<PlayerNo, PlayerNo> = BTreeMap::new();
        let mut last = None;
        self.foresee(&mut course, 0.0);
        for (now, task) in &run.starts {
            let (now, asked) = (*now, player(&run.program[*task]));
            // What has ended by now is no longer waited for.
            ends.retain(|(end, ended)| {
                let over = *end <= now;
                if over {
                    run.children[*ended].iter().for_each(|child| waits[*child] -= 1);
                }
                !over
            });
            self.ask(asked, now);
            course.ask(at(now), asked);
            ends.push((now + run.seconds[*task], *task));
            if self.filling == Filling::HistoryAndScore {
                let due = at(now + self.history.facts(asked).call_seconds);
                let near = run.children[*task].iter().filter(|child| waits[**child] <= SIGHT);
                for child in near {
                    let odds = if waits[*child] == 1 { 0.95 } else { 0.8 };
                    course.expect(Expected { player: player(&run.program[*child]), due, odds });
                }
            }
            match self.filling {
                Filling::LastNext => {
                    if let Some(before) = last.filter(|before| *before != asked) {
                        followed.insert(before, asked);
                    }
                    if let Some(next) = followed.get(&asked).copied().filter(|next| !self.held.contains_key(next)) {
                        self.drop_oldest();
                        self.load(next, now, true);
                    }
                }
                Filling::History | Filling::HistoryAndScore => self.foresee(&mut course, now),
                _ => {}
            }
            last = Some(asked);
        }
    }

    fn ask(&mut self, player: PlayerNo, now: f64) {
        self.tally.asked += 1;
        if let Filling::Demand(seconds) = self.filling {
            self.held.retain(|_, held| now - held.used <= f64::from(seconds));
        }
        if let Some(held) = self.held.get_mut(&player) {
            self.tally.warm += u64::from(held.ready <= now);
            self.tally.ahead_used += u64::from(std::mem::take(&mut held.ahead));
            held.used = now;
            return;
        }
        self.tally.cold += 1;
        match self.filling {
            Filling::History | Filling::HistoryAndScore => {
                let standings: Vec<Standing> = self.held.keys().map(|held| self.standing(*held, now)).collect();
                let newcomer = self.standing(player, now);
                for gone in self.budgets().make_room(&newcomer, &standings, &self.prices) {
                    self.held.remove(&gone);
                }
            }
            _ => self.drop_oldest(),
        }
        self.load(player, now, false);
    }

    fn load(&mut self, player: PlayerNo, now: f64, ahead: bool) {
        self.tally.ahead += u64::from(ahead);
        self.held.insert(player, Held { ready: now + self.load_seconds, used: now, ahead });
    }

    /// Makes room for one, if it is full.
    fn drop_oldest(&mut self) {
        if self.held.len() as u64 >= self.room {
            let oldest = self.held.iter().min_by(|a, b| a.1.used.total_cmp(&b.1.used)).map(|(player, _)| *player);
            oldest.map(|oldest| self.held.remove(&oldest));
        }
    }

    /// Loads and lets go what the plan says.
    fn foresee(&mut self, course: &mut Course, now: f64) {
        if !matches!(self.filling, Filling::History | Filling::HistoryAndScore) {
            return;
        }
        let upcoming = course.upcoming(at(now));
        let horizon = self.horizon();
        let forecasts = self.history.forecast(course.here(), &upcoming, |_| horizon);
        let told = |one: &Forecast| (one.player, (one.probability, one.idle_seconds, one.due_seconds));
        self.foreseen = forecasts.iter().map(told).collect();
        let players: BTreeSet<PlayerNo> = self.foreseen.keys().chain(self.held.keys()).copied().collect();
        let standings: Vec<Standing> = players.into_iter().map(|player| self.standing(player, now)).collect();
        let plan = plan(&standings, &self.budgets(), &self.prices);
        for choice in plan.unload {
            self.held.remove(&choice.player);
        }
        for choice in plan.load {
            self.load(choice.player, now, true);
        }
    }

    fn budgets(&self) -> Budgets {
        Budgets { memory: self.room * MEMORY, ..Budgets::default() }
    }

    fn horizon(&self) -> f64 {
        self.prices.horizon(self.load_seconds, self.prices.holding(MEMORY, 0, 0))
    }

    fn standing(&self, player: PlayerNo, now: f64) -> Standing {
        let held = self.held.get(&player);
        let unknown = (0.0, self.horizon(), self.horizon());
        let (probability, idle_seconds, due_seconds) = self.foreseen.get(&player).copied().unwrap_or(unknown);
        Standing {
            player,
            probability,
            idle_seconds,
            due_seconds,
            load_seconds: self.load_seconds,
            memory: MEMORY,
            gpu: 0,
            micros_per_second: 0,
            failure_rate: 0.0,
            held: held.is_some(),
            busy: false,
            healthy: true,
            unused_seconds: held.map_or(0.0, |held| now - held.used),
        }
    }
}

fn at(seconds: f64) -> Time {
    Time((seconds * 1e9) as u64)
}
