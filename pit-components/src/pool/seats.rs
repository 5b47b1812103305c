//! The seats of a pool that threads take and give back without locks.
//!
//! ```text
//! shard (128 bytes)   ┌─────────────────────────┬─────────────────────────┬──────────
//!                     │ seat 0                  │ seat 1                  │ …
//!                     │ generation:56 │ state:8 │ generation:56 │ state:8 │
//!                     └─────────────────────────┴─────────────────────────┴──────────
//! ```
//!
//! Invariants:
//! 1. A seat is one word, and every change of it is one compare-and-exchange: whoever moves a seat saw where it was.
//! 2. A generation rises when a lease ends, by return or eviction, and never falls. So a handle fits at most one lease,
//!    and giving it back twice, or after the seat was taken away, is an error and never somebody else's seat.
//!
//! To take a seat is to find one whose state is Ready and to exchange it. Seats are dealt out over shards of a cache line
//! pair each, and threads begin their search at different ones, so that few meet. There is no list of free seats and so
//! no ABA problem: the generation tells two leases apart. It is also the counter that the hot path carries.

use super::life::{Life, Signal};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Seats of a pool at most.
pub const MOST_SEATS: u32 = (SHARDS * PLACES) as u32;

/// Shards at most.
const SHARDS: usize = 64;
/// Seats of a shard: they fill 128 bytes.
const PLACES: usize = 16;
/// A pool has about as many shards as seats, up to this, so that few threads meet.
const WIDE: u32 = 8;
/// Bits of the state in a seat's word.
const STATE_BITS: u32 = 8;

/// A pool by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct PoolId(pub u32);

/// A seat that was taken, as a plain value. It can be kept anywhere and copied; it fits one lease only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle {
    /// The pool.
    pub pool: PoolId,
    /// The seat.
    pub slot: u32,
    /// The lease, counted per seat.
    pub generation: u64,
}

/// A handle that fits no lease: it was given back already, or its seat was taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("seat {} of pool {} is not leased under generation {}: it was given back or taken away", .0.slot, .0.pool.0, .0.generation)]
pub struct Stale(pub Handle);

/// A word that threads share. The usual one is [`AtomicU64`]; the model checker has its own.
pub trait Cell: Send + Sync {
    /// A word with this value.
    fn of(value: u64) -> Self;
    /// Reads it, seeing what was written before the value was.
    fn read(&self) -> u64;
    /// Writes `new` if the word is `old`.
    fn exchange(&self, old: u64, new: u64) -> bool;
}

impl Cell for AtomicU64 {
    #[inline]
    fn of(value: u64) -> Self {
        Self::new(value)
    }
    #[inline]
    fn read(&self) -> u64 {
        self.load(Ordering::Acquire)
    }
    #[inline]
    fn exchange(&self, old: u64, new: u64) -> bool {
        self.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

#[repr(align(128))]
struct Shard<C>([C; PLACES]);

/// The seats of a pool, shared by threads.
pub struct Seats<C = AtomicU64> {
    pool: PoolId,
    shards: Box<[Shard<C>]>,
    mask: usize,
    bits: u32,
    count: u32,
    /// A returned seat rests before it is ready again.
    rests: bool,
    /// Leases that were asked for and not granted.
    cold: C,
}

/// A seat that is taken: it goes back when this is dropped, and cannot be given back twice.
///
/// ```
/// use symphony_pit::pool::{Life, PoolId, Seats, Signal};
/// let seats: Seats = Seats::new(PoolId(0), 2, false);
/// for signal in [Signal::Load, Signal::Loaded, Signal::Warmed] {
///     seats.step(0, signal).unwrap();
/// }
/// let lease = seats.lease().unwrap();
/// assert!(seats.lease().is_none(), "the other seat is not loaded");
/// lease.give_back().unwrap();
/// assert_eq!(seats.life(0), Some(Life::Ready));
/// ```
///
/// ```compile_fail
/// # use symphony_pit::pool::{PoolId, Seats};
/// # let seats: Seats = Seats::new(PoolId(0), 1, false);
/// let lease = seats.lease().unwrap();
/// lease.give_back();
/// lease.give_back(); // it is gone
/// ```
#[must_use = "the seat goes back at once"]
pub struct Lease<'s, C: Cell = AtomicU64> {
    seats: &'s Seats<C>,
    handle: Handle,
}

const fn word(generation: u64, life: Life) -> u64 {
    generation << STATE_BITS | life as u64
}

const NO_SLOT: u64 = u64::MAX;
const STATE: u64 = (1 << STATE_BITS) - 1;
const READY: u64 = Life::Ready as u64;
const ACTIVE: u64 = Life::Active as u64;

const fn life_of(word: u64) -> Life {
    Life::of(word & STATE)
}

/// Where this thread begins to look: threads are numbered as they come.
#[inline]
fn home() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static HOME: usize = THREADS.fetch_add(1, Ordering::Relaxed));
    HOME.with(|home| *home)
}

impl<C: Cell> Seats<C> {
    /// A pool of unloaded seats, 1 to [`MOST_SEATS`]. With `rests`, a returned seat is not ready before it has rested.
    pub fn new(pool: PoolId, seats: u32, rests: bool) -> Self {
        let count = seats.clamp(1, MOST_SEATS);
        let shards = count.div_ceil(PLACES as u32).max(count.min(WIDE)).next_power_of_two() as usize;
        let shard = || Shard(std::array::from_fn(|_| C::of(word(0, Life::Unloaded))));
        Self {
            pool,
            shards: (0..shards).map(|_| shard()).collect(),
            mask: shards - 1,
            bits: shards.trailing_zeros(),
            count,
            rests,
            cold: C::of(0),
        }
    }

    /// How many seats there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Takes a seat that is ready: the warm hit. `None` if there is none.
    #[inline(always)]
    pub fn lease(&self) -> Option<Lease<'_, C>> {
        self.lease_from(home())
    }

    /// Likewise, beginning with a shard of the caller's choice.
    #[inline(always)]
    pub fn lease_from(&self, home: usize) -> Option<Lease<'_, C>> {
        let (slot, word) = self.first(home);
        let handle = Handle { pool: self.pool, slot: slot as u32, generation: word >> STATE_BITS };
        if slot == NO_SLOT { None } else { Some(Lease { seats: self, handle }) }
    }

    /// Takes the first seat that is ready: its slot, or [`NO_SLOT`], and its word. Both are plain words, so that a lease
    /// is made in registers; through memory it costs twice as much.
    #[inline(always)]
    fn first(&self, home: usize) -> (u64, u64) {
        // The usual case: the first seat of one's own shard is ready.
        let number = home & self.mask;
        if let Some(Shard([first, ..])) = self.shards.get(number) {
            let now = first.read();
            if now & STATE == READY && first.exchange(now, now - READY + ACTIVE) {
                return (number as u64, now);
            }
        }
        self.search(home)
    }

    /// Looks at every seat once.
    #[inline(never)]
    fn search(&self, home: usize) -> (u64, u64) {
        for step in 0..self.shards.len() {
            let number = home.wrapping_add(step) & self.mask;
            let Some(Shard(words)) = self.shards.get(number) else { continue };
            for (place, seat) in words.iter().enumerate() {
                let now = seat.read();
                if now & STATE == READY && seat.exchange(now, now - READY + ACTIVE) {
                    return ((place << self.bits | number) as u64, now);
                }
            }
        }
        self.missed();
        (NO_SLOT, 0)
    }

    #[cold]
    fn missed(&self) {
        while !{
            let count = self.cold.read();
            self.cold.exchange(count, count + 1)
        } {}
    }

    /// Gives a seat back by its handle.
    ///
    /// # Errors
    /// The handle fits no lease: nothing changes.
    #[inline(always)]
    pub fn give_back(&self, handle: Handle) -> Result<(), Stale> {
        let seat = self.find(handle.slot).filter(|_| handle.pool == self.pool).ok_or(Stale(handle))?;
        let after = if self.rests { Life::Cooldown } else { Life::Ready };
        let (old, new) = (word(handle.generation, Life::Active), word(handle.generation.wrapping_add(1), after));
        if seat.exchange(old, new) { Ok(()) } else { Err(Stale(handle)) }
    }

    /// Takes one certain seat, if it is ready.
    ///
    /// # Errors
    /// It is not, or there is no such seat.
    pub fn take(&self, slot: u32) -> Result<Lease<'_, C>, Life> {
        let seat = self.find(slot).ok_or(Life::Unloaded)?;
        let now = seat.read();
        if now & STATE != READY || !seat.exchange(now, now - READY + ACTIVE) {
            return Err(life_of(seat.read()));
        }
        Ok(Lease { seats: self, handle: Handle { pool: self.pool, slot, generation: now >> STATE_BITS } })
    }

    /// Moves a seat along and says where it was and where it is; leases may come and go meanwhile.
    ///
    /// # Errors
    /// Where the seat is when the signal means nothing there. [`Signal::Taken`] and [`Signal::Returned`] are not for
    /// here: they are [`Self::take`] and [`Self::give_back`].
    pub fn step(&self, slot: u32, signal: Signal) -> Result<(Life, Life), Life> {
        let seat = self.find(slot).ok_or(Life::Unloaded)?;
        loop {
            let now = seat.read();
            let (generation, from) = (now >> STATE_BITS, life_of(now));
            if matches!(signal, Signal::Taken | Signal::Returned) {
                return Err(from);
            }
            let to = from.after(signal).map_err(|_| from)?;
            // A lease that is taken away ends here: what it holds is worth nothing any more.
            let generation = generation.wrapping_add(u64::from(from == Life::Active));
            // Somebody may have been quicker; then the signal is looked at anew.
            if seat.exchange(now, word(generation, to)) {
                return Ok((from, to));
            }
        }
    }

    /// Where a seat is.
    pub fn life(&self, slot: u32) -> Option<Life> {
        self.word(slot).map(life_of)
    }

    /// The lease of a seat that is active.
    pub fn active(&self, slot: u32) -> Option<Handle> {
        let word = self.word(slot).filter(|word| life_of(*word) == Life::Active)?;
        Some(Handle { pool: self.pool, slot, generation: word >> STATE_BITS })
    }

    /// Whether the handle's lease still stands.
    pub fn holds(&self, handle: Handle) -> bool {
        self.active(handle.slot) == Some(handle)
    }

    /// Leases of a seat that ended.
    pub fn uses(&self, slot: u32) -> u64 {
        self.word(slot).map_or(0, |word| word >> STATE_BITS)
    }

    /// Leases of all seats that ended.
    pub fn all_uses(&self) -> u64 {
        (0..self.count).map(|slot| self.uses(slot)).sum()
    }

    /// Leases that were asked for and not granted.
    pub fn cold(&self) -> u64 {
        self.cold.read()
    }

    fn word(&self, slot: u32) -> Option<u64> {
        self.find(slot).map(Cell::read)
    }

    #[inline(always)]
    fn find(&self, slot: u32) -> Option<&C> {
        let Shard(words) = self.shards.get(slot as usize & self.mask).filter(|_| slot < self.count)?;
        words.get((slot >> self.bits) as usize)
    }
}

impl<C: Cell> Lease<'_, C> {
    /// The lease as a plain value.
    pub fn handle(&self) -> Handle {
        self.handle
    }

    /// Gives the seat back.
    ///
    /// # Errors
    /// The seat was taken away meanwhile.
    #[inline(always)]
    pub fn give_back(self) -> Result<(), Stale> {
        let given = self.seats.give_back(self.handle);
        std::mem::forget(self);
        given
    }

    /// Keeps the seat beyond this value: it goes back by its handle.
    #[inline]
    pub fn keep(self) -> Handle {
        let handle = self.handle;
        std::mem::forget(self);
        handle
    }
}

impl<C: Cell> Drop for Lease<'_, C> {
    #[inline(always)]
    fn drop(&mut self) {
        // A seat that was taken away needs no return.
        let _ = self.seats.give_back(self.handle);
    }
}
