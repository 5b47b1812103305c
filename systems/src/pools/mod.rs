//! The Pool Manager at work: pools follow the stage's reports, calls take their seats, and what will be asked next is
//! warm by then.
//!
//! ```text
//!   Intake    reports of processes, answers of calls ─► pools, facts
//!   Dispatch  a call leaves: its seat is taken, its run's course goes on, rows that will be due are noted;
//!             then what changed is foreseen anew: orders to warm and to let go
//! ```
//!
//! Only runs that call out of the process have a course; for all others, and under the virtual clock, nothing here
//! happens. Deciding is `symphony_pit::pool`'s; the stage alone starts and ends processes.

mod calls;
mod foresee;
mod reports;
mod sight;
mod view;

pub use view::{PoolView, SeatView};

use bevy_ecs::prelude::Resource;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use symphony_ecs_core::clock::Time;
use symphony_ecs_core::ids::RunSlot;
use symphony_ecs_core::ports::{Operation, WarmOrder, pool_name};
use symphony_ecs_core::score::{Action, Score};
use symphony_pit::pool::{
    Budgets, Course, Facts, Handle, HealthRules, History, Learned, PlayerNo, PoolId, Pools, Prices, Recording, Rules,
};

/// How pools are kept.
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// What earlier runs taught.
    pub history: History,
    /// Seconds since midnight, now.
    pub day_seconds: u64,
    /// What may be held at once.
    pub budgets: Budgets,
    /// What things cost.
    pub prices: Prices,
    /// When a player is put into quarantine.
    pub health: HealthRules,
    /// Seats of a pool.
    pub seats: u32,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            history: History::default(),
            day_seconds: 0,
            budgets: Budgets { memory: 1 << 30, ..Budgets::default() },
            prices: Prices::default(),
            health: HealthRules::default(),
            seats: 16,
        }
    }
}

/// The stage bounds loading and calls by itself, and tells. These bounds only end what it failed to tell.
const RULES: Rules = Rules {
    loading: Some(Duration::from_secs(300)),
    warming: Some(Duration::from_secs(300)),
    ready: None,
    active: None,
    cooldown: Duration::ZERO,
};

/// Runs whose course is kept until somebody asks what was learned.
const UNTOLD: usize = 64;
/// Operations whose pools are known by their address.
const KNOWN: usize = 4096;

/// The keeper of pools, if there is one.
#[derive(Resource, Default)]
pub struct PoolKeeper(Option<Box<Keeper>>);

/// A call in flight, as pools see it.
struct Calling {
    pool: PoolId,
    handle: Option<Handle>,
    process: Option<u64>,
    since: Time,
}

struct Keeper {
    settings: PoolSettings,
    since: Instant,
    pools: Pools,
    history: History,
    /// What this process saw: added to the history of all when runs are over.
    news: BTreeMap<PlayerNo, Facts>,
    over: Vec<Recording>,
    courses: BTreeMap<RunSlot, Course>,
    calls: HashMap<u64, Calling>,
    /// Which seat a process has.
    seat_of: HashMap<u64, (PoolId, u32)>,
    /// Which call plays on a process.
    call_on: HashMap<u64, u64>,
    /// How a pool is warmed, for pools that a score has named.
    orders: BTreeMap<PoolId, WarmOrder>,
    /// Pools by operation and limits: their names are made once.
    known: HashMap<(usize, Option<u64>, Option<u64>), PoolId>,
    /// Numbers of pools' players in the history, and back.
    player_of: Vec<PlayerNo>,
    pool_of: BTreeMap<PlayerNo, PoolId>,
    /// Something happened after which others may be wanted.
    stale: bool,
    /// What was last weighed, for people.
    weighed: BTreeMap<PlayerNo, view::Weighed>,
}

impl PoolKeeper {
    /// A keeper with these settings.
    pub fn new(settings: PoolSettings) -> Self {
        let history = settings.history.clone();
        Self(Some(Box::new(Keeper {
            since: Instant::now(),
            pools: Pools::new(settings.health),
            settings,
            history,
            news: BTreeMap::new(),
            over: Vec::new(),
            courses: BTreeMap::new(),
            calls: HashMap::new(),
            seat_of: HashMap::new(),
            call_on: HashMap::new(),
            orders: BTreeMap::new(),
            known: HashMap::new(),
            player_of: Vec::new(),
            pool_of: BTreeMap::new(),
            stale: false,
            weighed: BTreeMap::new(),
        })))
    }

    /// A run begins (or is taken up): if its score calls out of the process, its course is followed from here.
    pub(crate) fn begin(&mut self, slot: RunSlot, score: &Arc<Score>) {
        let Some(keeper) = &mut self.0 else { return };
        let mut seen = Vec::new();
        keeper.name_players(score, &mut seen);
        if !keeper.orders.is_empty() && calls_out(score, &mut Vec::new()) {
            keeper.courses.insert(slot, Course::new(&*score.name, keeper.hour()));
            keeper.stale = true;
        }
    }

    /// A run is over: what it asked for is learned from.
    pub(crate) fn end(&mut self, slot: RunSlot) {
        let Some(keeper) = &mut self.0 else { return };
        if let Some(course) = keeper.courses.remove(&slot)
            && !course.recording.asked.is_empty()
        {
            keeper.history.learn(&course.recording);
            if keeper.over.len() < UNTOLD {
                keeper.over.push(course.recording);
            }
        }
    }

    /// What was learned since the last time; nothing if there is no keeper or no run asked for a player.
    pub(crate) fn learned(&mut self) -> Option<Learned> {
        let keeper = self.0.as_mut()?;
        let (runs, mut news) = (std::mem::take(&mut keeper.over), std::mem::take(&mut keeper.news));
        if runs.is_empty() && news.is_empty() {
            return None;
        }
        let players = keeper.history.players();
        let players = players.map(|(number, name)| (Arc::from(name), news.remove(&number).unwrap_or_default()));
        Some(Learned { players: players.collect(), runs })
    }
}

impl Keeper {
    fn now(&self) -> Time {
        Time::default().after(self.since.elapsed())
    }

    fn hour(&self) -> u8 {
        let seconds = self.settings.day_seconds + self.since.elapsed().as_secs();
        (seconds / 3600 % 24) as u8
    }

    /// The pool of an operation under these limits.
    fn pool(&mut self, operation: &Arc<Operation>, mem: Option<u64>, cpu: Option<u64>) -> PoolId {
        let key = (Arc::as_ptr(operation).addr(), mem, cpu);
        if let Some(known) = self.known.get(&key).filter(|pool| self.is_of(**pool, operation, mem, cpu)) {
            return *known;
        }
        // Each score that is compiled anew has operations of its own.
        if self.known.len() >= KNOWN {
            self.known.clear();
        }
        let pool = self.open(&pool_name(&operation.name, mem, cpu));
        let order = WarmOrder { operation: Arc::clone(operation), mem, cpu, seats: 1, keep: Duration::ZERO };
        self.orders.insert(pool, order);
        self.known.insert(key, pool);
        pool
    }

    /// Whether a pool that is known by an operation's address is still that operation's: an address can be used again.
    fn is_of(&self, pool: PoolId, operation: &Operation, mem: Option<u64>, cpu: Option<u64>) -> bool {
        let order = self.orders.get(&pool);
        let player = |name: &str| name.split('/').next().unwrap_or_default().len();
        order.is_some_and(|order| {
            let (known, asked) = (&order.operation.name, &operation.name);
            let same = known.get(..player(known)) == asked.get(..player(asked));
            same && order.operation.digest == operation.digest && (order.mem, order.cpu) == (mem, cpu)
        })
    }

    fn open(&mut self, name: &str) -> PoolId {
        let pool = self.pools.open(name, self.settings.seats, RULES);
        if pool.0 as usize == self.player_of.len() {
            let player = self.history.player(name);
            self.player_of.push(player);
            self.pool_of.insert(player, pool);
        }
        pool
    }

    fn player(&self, pool: PoolId) -> PlayerNo {
        self.player_of.get(pool.0 as usize).copied().unwrap_or_default()
    }

    /// Makes pools for every player that a score names, so that they can be warmed before they are asked.
    fn name_players(&mut self, score: &Arc<Score>, seen: &mut Vec<usize>) {
        if seen.contains(&Arc::as_ptr(score).addr()) {
            return;
        }
        seen.push(Arc::as_ptr(score).addr());
        for spec in &score.specs {
            match &spec.action {
                Action::Call(players) => {
                    for operation in players.iter().filter(|operation| !operation.in_process) {
                        self.pool(operation, spec.limits.mem, spec.limits.cpu);
                    }
                }
                Action::Function(..) | Action::Pause(_) => {}
                Action::Nested(body) => self.name_players(body, seen),
                Action::Loop(spec) => self.name_players(&spec.body, seen),
                Action::Map(spec) => self.name_players(&spec.body, seen),
            }
        }
    }
}

/// Whether a score, or a body of it, calls a player out of the process.
fn calls_out(score: &Arc<Score>, seen: &mut Vec<usize>) -> bool {
    if seen.contains(&Arc::as_ptr(score).addr()) {
        return false;
    }
    seen.push(Arc::as_ptr(score).addr());
    score.specs.iter().any(|spec| match &spec.action {
        Action::Call(players) => players.iter().any(|operation| !operation.in_process),
        Action::Function(..) | Action::Pause(_) => false,
        Action::Nested(body) => calls_out(body, seen),
        Action::Loop(spec) => calls_out(&spec.body, seen),
        Action::Map(spec) => calls_out(&spec.body, seen),
    })
}
