//! The table of pools: lives, deadlines, health and counts in columns, moved by signals and by time.
//!
//! The state of a seat and its generation lie in [`Seats`], which threads share; everything that only the table's owner
//! reads and writes is a plain column here, one entry a pool or one entry a seat (pool after pool).

use super::health::{Admission, Health, HealthRules};
use super::life::{IllegalStep, Life, Signal};
use super::metrics::{Counts, Metrics};
use super::seats::{Handle, MOST_SEATS, PoolId, Seats, Stale};
use bevy_ecs::prelude::Resource;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use symphony_ecs_core::clock::Time;

/// How long a seat may stay in each state; `None` is for as long as it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// From the order to the process.
    pub loading: Option<Duration>,
    /// From the process to its readiness.
    pub warming: Option<Duration>,
    /// Without a call.
    pub ready: Option<Duration>,
    /// With one. The stage bounds calls by itself.
    pub active: Option<Duration>,
    /// Rest after a call; zero is none.
    pub cooldown: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        let (loading, warming) = (Some(Duration::from_secs(30)), Some(Duration::from_secs(60)));
        Self { loading, warming, ready: None, active: None, cooldown: Duration::ZERO }
    }
}

/// What a player takes while it is loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Holding {
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of GPU memory.
    pub gpu: u64,
    /// Micro-dollars a second.
    pub micros_per_second: u64,
}

/// A seat whose time was up, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The pool.
    pub pool: PoolId,
    /// The seat.
    pub slot: u32,
    /// Where it was.
    pub from: Life,
    /// Where it is.
    pub to: Life,
}

/// Why the table refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// There is no such pool, or no such seat in it.
    #[error("there is no seat {slot} of pool {}", .pool.0)]
    NoSeat {
        /// The pool.
        pool: PoolId,
        /// The seat.
        slot: u32,
    },
    /// The signal means nothing where the seat is.
    #[error(transparent)]
    Illegal(#[from] IllegalStep),
    /// The handle fits no lease.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// No seat is free to be loaded.
    #[error("all {seats} seats of pool {} are loaded", .pool.0)]
    Full {
        /// The pool.
        pool: PoolId,
        /// How many it has.
        seats: u32,
    },
    /// The player failed too often and is not to be tried before this moment.
    #[error("pool {} is in quarantine until {:.3} s", .pool.0, .until.0 as f64 / 1e9)]
    Quarantined {
        /// The pool.
        pool: PoolId,
        /// Until when.
        until: Time,
    },
}

const NEVER: Time = Time(u64::MAX);

/// All pools, in columns.
#[derive(Resource, Default)]
pub struct Pools {
    by_name: BTreeMap<Arc<str>, PoolId>,
    // One entry a pool.
    names: Vec<Arc<str>>,
    seats: Vec<Arc<Seats>>,
    first: Vec<usize>,
    rules: Vec<Rules>,
    holding: Vec<Holding>,
    health: Vec<Health>,
    counts: Vec<Counts>,
    load_nanos: Vec<u64>,
    last_use: Vec<Time>,
    // One entry a seat.
    due: Vec<Time>,
    /// Where the seat was when its deadline was set: threads move seats without telling.
    seen: Vec<Life>,
    since: Vec<Time>,
    load_took: Vec<Duration>,
    ahead: Vec<bool>,
    process: Vec<u64>,
    /// No deadline is earlier than this.
    next_due: Option<Time>,
    /// Some pool's seats rest, so returns by threads must be looked for.
    rests: bool,
    health_rules: HealthRules,
}

impl Pools {
    /// No pools; players are judged by these rules.
    pub fn new(health_rules: HealthRules) -> Self {
        Self { health_rules, ..Self::default() }
    }

    /// The pool of a player; made with this many unloaded seats if it is new.
    pub fn open(&mut self, player: &str, seats: u32, rules: Rules) -> PoolId {
        if let Some(known) = self.by_name.get(player) {
            return *known;
        }
        let (id, name) = (PoolId(self.names.len() as u32), Arc::<str>::from(player));
        let seats = seats.clamp(1, MOST_SEATS);
        self.by_name.insert(Arc::clone(&name), id);
        self.names.push(name);
        self.seats.push(Arc::new(Seats::new(id, seats, !rules.cooldown.is_zero())));
        self.first.push(self.due.len());
        self.rules.push(rules);
        self.rests |= !rules.cooldown.is_zero();
        self.holding.push(Holding::default());
        self.health.push(Health::default());
        self.counts.push(Counts::default());
        self.load_nanos.push(0);
        self.last_use.push(Time::default());
        let all = self.due.len() + seats as usize;
        self.due.resize(all, NEVER);
        self.seen.resize(all, Life::Unloaded);
        self.since.resize(all, Time::default());
        self.load_took.resize(all, Duration::ZERO);
        self.ahead.resize(all, false);
        self.process.resize(all, 0);
        id
    }

    /// The pool of a player.
    pub fn find(&self, player: &str) -> Option<PoolId> {
        self.by_name.get(player).copied()
    }

    /// All pools, in the order of their making.
    pub fn ids(&self) -> impl Iterator<Item = PoolId> + use<> {
        (0..self.names.len() as u32).map(PoolId)
    }

    /// The player of a pool.
    pub fn name(&self, pool: PoolId) -> &str {
        self.names.get(pool.0 as usize).map_or("", |name| name)
    }

    /// The seats of a pool, to be shared with threads.
    pub fn seats(&self, pool: PoolId) -> Option<&Arc<Seats>> {
        self.seats.get(pool.0 as usize)
    }

    /// How a player does.
    pub fn health(&self, pool: PoolId) -> Health {
        self.health.get(pool.0 as usize).copied().unwrap_or_default()
    }

    /// What a player takes while it is loaded.
    pub fn holding(&self, pool: PoolId) -> Holding {
        self.holding.get(pool.0 as usize).copied().unwrap_or_default()
    }

    /// Says what a player takes while it is loaded.
    pub fn hold(&mut self, pool: PoolId, holding: Holding) {
        if let Some(known) = self.holding.get_mut(pool.0 as usize) {
            *known = holding;
        }
    }

    /// When a call last took or gave back a seat.
    pub fn last_use(&self, pool: PoolId) -> Time {
        self.last_use.get(pool.0 as usize).copied().unwrap_or_default()
    }

    /// How many seats are in each state, in the order of [`Life::ALL`].
    pub fn tally(&self, pool: PoolId) -> [u32; Life::ALL.len()] {
        let mut tally = [0; Life::ALL.len()];
        let Some(seats) = self.seats(pool) else { return tally };
        for life in (0..seats.count()).filter_map(|slot| seats.life(slot)) {
            tally[life as usize] += 1;
        }
        tally
    }

    /// Seats that hold something.
    pub fn held(&self, pool: PoolId) -> u32 {
        self.tally(pool).iter().skip(1).sum()
    }

    /// Which process a seat holds, as the stage numbers them; 0 for none.
    pub fn process(&self, pool: PoolId, slot: u32) -> u64 {
        self.at(pool, slot).and_then(|at| self.process.get(at)).copied().unwrap_or_default()
    }

    /// Begins to load a seat; `ahead` of any call, or because one waits for it.
    ///
    /// # Errors
    /// All seats are loaded, or the player is in quarantine.
    pub fn load(&mut self, pool: PoolId, process: u64, ahead: bool, now: Time) -> Result<u32, PoolError> {
        let seats = Arc::clone(self.seats(pool).ok_or(PoolError::NoSeat { pool, slot: 0 })?);
        let index = pool.0 as usize;
        match self.health[index].admission(now) {
            // A call that waits is not held up: the failure ladder of its melody judges that.
            Admission::Quarantined(until) if ahead => return Err(PoolError::Quarantined { pool, until }),
            Admission::Probe => self.health[index].probe(),
            _ => {}
        }
        let free = (0..seats.count()).find(|slot| seats.life(*slot) == Some(Life::Unloaded));
        let slot = free.ok_or(PoolError::Full { pool, seats: seats.count() })?;
        self.step(pool, slot, Signal::Load, now)?;
        let at = self.first[index] + slot as usize;
        (self.process[at], self.ahead[at]) = (process, ahead);
        self.counts[index].ahead += u64::from(ahead);
        Ok(slot)
    }

    /// A call takes a seat that is ready: the warm hit.
    pub fn take(&mut self, pool: PoolId, now: Time) -> Option<Handle> {
        let handle = self.seats(pool)?.lease()?.keep();
        self.taken(handle, now);
        Some(handle)
    }

    /// A call left without a seat that was ready: a cold start.
    pub fn started_cold(&mut self, pool: PoolId, now: Time) {
        let index = pool.0 as usize;
        if let (Some(counts), Some(last)) = (self.counts.get_mut(index), self.last_use.get_mut(index)) {
            counts.cold += 1;
            *last = now;
        }
    }

    /// A call takes the seat that was loaded for it.
    ///
    /// # Errors
    /// The seat is not ready.
    pub fn take_seat(&mut self, pool: PoolId, slot: u32, now: Time) -> Result<Handle, PoolError> {
        let seats = self.seats(pool).ok_or(PoolError::NoSeat { pool, slot })?;
        match seats.take(slot).map(|lease| lease.keep()) {
            Ok(handle) => {
                self.taken(handle, now);
                Ok(handle)
            }
            Err(from) => {
                self.counts[pool.0 as usize].illegal += 1;
                Err(IllegalStep { from, signal: Signal::Taken }.into())
            }
        }
    }

    /// Likewise, if it is ready: a stage may know of a seat that this table does not know to be ready yet.
    pub fn take_ready(&mut self, pool: PoolId, slot: u32, now: Time) -> Option<Handle> {
        let ready = self.seats(pool)?.life(slot) == Some(Life::Ready);
        if ready { self.take_seat(pool, slot, now).ok() } else { None }
    }

    /// How long a seat took to be ready when it last was loaded.
    pub fn load_took(&self, pool: PoolId, slot: u32) -> Duration {
        self.at(pool, slot).and_then(|at| self.load_took.get(at)).copied().unwrap_or_default()
    }

    fn taken(&mut self, handle: Handle, now: Time) {
        let index = handle.pool.0 as usize;
        let at = self.first[index] + handle.slot as usize;
        self.counts[index].ahead_used += u64::from(std::mem::take(&mut self.ahead[at]));
        self.counts[index].signals[Signal::Taken as usize] += 1;
        self.last_use[index] = now;
        self.entered(handle.pool, at, Life::Active, now);
    }

    /// A call gives its seat back.
    ///
    /// # Errors
    /// It gave it back before, or the seat was taken away.
    pub fn give_back(&mut self, handle: Handle, now: Time) -> Result<(), PoolError> {
        let seats = self.seats(handle.pool).ok_or(PoolError::Stale(Stale(handle)))?;
        seats.give_back(handle)?;
        let index = handle.pool.0 as usize;
        let at = self.first[index] + handle.slot as usize;
        self.counts[index].signals[Signal::Returned as usize] += 1;
        self.last_use[index] = now;
        let to = self.seats[index].life(handle.slot).unwrap_or_default();
        self.entered(handle.pool, at, to, now);
        Ok(())
    }

    /// Moves a seat by a signal and says where it is then.
    ///
    /// # Errors
    /// There is no such seat, or the signal means nothing where it is: nothing changes but the count of such mistakes.
    pub fn step(&mut self, pool: PoolId, slot: u32, signal: Signal, now: Time) -> Result<Life, PoolError> {
        let at = self.at(pool, slot).ok_or(PoolError::NoSeat { pool, slot })?;
        let index = pool.0 as usize;
        let (from, to) = match signal {
            Signal::Taken => return self.take_seat(pool, slot, now).map(|_| Life::Active),
            Signal::Returned => match self.seats[index].active(slot) {
                Some(handle) => {
                    self.give_back(handle, now)?;
                    return Ok(self.seats[index].life(slot).unwrap_or_default());
                }
                None => Err(self.seats[index].life(slot).unwrap_or_default()),
            },
            signal => self.seats[index].step(slot, signal),
        }
        .map_err(|from| {
            self.counts[index].illegal += 1;
            IllegalStep { from, signal }
        })?;
        let counts = &mut self.counts[index];
        counts.signals[signal as usize] += 1;
        match signal {
            Signal::Warmed => {
                self.load_took[at] = now.since(self.since[at]);
                let took = self.load_took[at].as_nanos() as u64;
                let known = &mut self.load_nanos[index];
                *known = if *known == 0 { took } else { *known - *known / 4 + took / 4 };
            }
            Signal::Failed => counts.failures[from as usize] += 1,
            Signal::TimedOut => counts.time_outs[from as usize] += 1,
            _ => {}
        }
        if signal == Signal::Failed || signal == Signal::TimedOut && from.time_out_is_failure() {
            self.health[index].failed(now, &self.health_rules);
        }
        self.entered(pool, at, to, now);
        Ok(to)
    }

    /// A call came back well, so its player is well.
    pub fn played_well(&mut self, pool: PoolId) {
        if let Some(health) = self.health.get_mut(pool.0 as usize) {
            health.succeeded(&self.health_rules);
        }
    }

    /// A call failed by its player's fault, though its process lives.
    pub fn played_badly(&mut self, pool: PoolId, now: Time) {
        if let Some(health) = self.health.get_mut(pool.0 as usize) {
            health.failed(now, &self.health_rules);
        }
    }

    /// Whether a player may be loaded ahead.
    pub fn admission(&self, pool: PoolId, now: Time) -> Admission {
        self.health(pool).admission(now)
    }

    /// Moves every seat whose time is up.
    pub fn tick(&mut self, now: Time, moved: &mut Vec<Due>) {
        if !self.rests && self.next_due.is_none_or(|next| next > now) {
            return;
        }
        for pool in self.ids() {
            for slot in 0..self.seats[pool.0 as usize].count() {
                let at = self.first[pool.0 as usize] + slot as usize;
                let from = self.seats[pool.0 as usize].life(slot).unwrap_or_default();
                if from != self.seen[at] {
                    self.entered(pool, at, from, now);
                }
                if self.due[at] > now {
                    continue;
                }
                match self.step(pool, slot, Signal::TimedOut, now) {
                    Ok(to) => moved.push(Due { pool, slot, from, to }),
                    Err(_) => self.due[at] = NEVER,
                }
            }
        }
        let next = self.due.iter().min().copied().filter(|next| *next != NEVER);
        self.next_due = next;
    }

    /// When [`Self::tick`] has something to do.
    pub fn next_due(&self) -> Option<Time> {
        self.next_due
    }

    /// What a pool counted.
    pub fn metrics(&self, pool: PoolId) -> Metrics {
        let Some(counts) = self.counts.get(pool.0 as usize) else { return Metrics::default() };
        let tally = self.tally(pool);
        Metrics {
            seats: Life::ALL.iter().map(|life| life.as_str()).zip(tally).filter(|(_, count)| *count > 0).collect(),
            uses: self.seats(pool).map_or(0, |seats| seats.all_uses()),
            loads: counts.signals[Signal::Load as usize],
            cold: counts.cold,
            ahead: counts.ahead,
            ahead_used: counts.ahead_used,
            time_outs: Counts::named(&counts.time_outs),
            failures: Counts::named(&counts.failures),
            illegal: counts.illegal,
            load_seconds: self.load_nanos(pool) as f64 / 1e9,
        }
    }

    /// Mean time from the order to readiness in nanoseconds, the newest weighing most; 0 when it was never loaded.
    pub fn load_nanos(&self, pool: PoolId) -> u64 {
        self.load_nanos.get(pool.0 as usize).copied().unwrap_or_default()
    }

    fn at(&self, pool: PoolId, slot: u32) -> Option<usize> {
        let first = *self.first.get(pool.0 as usize)?;
        (slot < self.seats(pool)?.count()).then_some(first + slot as usize)
    }

    /// A seat is where it is from now on, and may stay there this long.
    fn entered(&mut self, pool: PoolId, at: usize, life: Life, now: Time) {
        let rules = &self.rules[pool.0 as usize];
        let span = match life {
            Life::Unloaded => None,
            Life::Loading => rules.loading,
            Life::Warming => rules.warming,
            Life::Ready => rules.ready,
            Life::Active => rules.active,
            Life::Cooldown => Some(rules.cooldown),
        };
        self.due[at] = span.map_or(NEVER, |span| now.after(span));
        self.seen[at] = life;
        // Loading and warming are one wait for whoever wants the seat.
        if life != Life::Warming {
            self.since[at] = now;
        }
        if life == Life::Unloaded {
            (self.process[at], self.ahead[at]) = (0, false);
        }
        if self.due[at] != NEVER {
            self.next_due = Some(self.next_due.map_or(self.due[at], |next| next.min(self.due[at])));
        }
    }
}
