//! The seats of a pool that threads take and give back without locks.
//!
//! ```text
//! shard (128 bytes)   ┌────────────────┬─────────────────────────┬──────────
//!                     │ ready: 1 bit a │ seat 0                  │ seat 1 …
//!                     │ seat           │ generation:56 │ state:8 │
//!                     └────────────────┴─────────────────────────┴──────────
//! ```
//!
//! Invariants:
//! 1. Whoever clears a seat's ready bit owns that seat until it sets the bit again; nobody else writes its word.
//! 2. A ready bit is only set for a seat whose state is Ready.
//! 3. A generation rises when a lease ends, by return or eviction, and never falls. So a handle fits at most one lease,
//!    and giving it back twice, or after the seat was taken away, is an error and never somebody else's seat.
//!
//! Seats are dealt out over shards of a cache line pair each, and threads begin their search at different ones. There
//! is no list of free seats and so no ABA problem: a set bit says only that its seat is ready, whatever happened before.
//! The counter that the hot path carries is the generation itself.

use super::life::{Life, Signal};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Seats of a pool at most.
pub const MOST_SEATS: u32 = (SHARDS * PLACES) as u32;

/// Shards at most.
const SHARDS: usize = 64;
/// Seats of a shard: with the ready bits they fill 128 bytes.
const PLACES: usize = 15;
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
    /// Writes it, showing what was written before.
    fn write(&self, value: u64);
    /// Clears bits and gives the word as it was.
    fn clear(&self, bits: u64) -> u64;
    /// Sets bits.
    fn set(&self, bits: u64);
    /// Writes `new` if the word is `old`.
    fn exchange(&self, old: u64, new: u64) -> bool;
    /// Lets another thread go on for a moment.
    fn pause();
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
    fn write(&self, value: u64) {
        self.store(value, Ordering::Release);
    }
    #[inline]
    fn clear(&self, bits: u64) -> u64 {
        self.fetch_and(!bits, Ordering::AcqRel)
    }
    #[inline]
    fn set(&self, bits: u64) {
        self.fetch_or(bits, Ordering::Release);
    }
    #[inline]
    fn exchange(&self, old: u64, new: u64) -> bool {
        self.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
    fn pause() {
        std::hint::spin_loop();
    }
}

#[repr(align(128))]
struct Shard<C> {
    ready: C,
    words: [C; PLACES],
}

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

const fn life_of(word: u64) -> Life {
    Life::of(word & ((1 << STATE_BITS) - 1))
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
        let shard = || Shard { ready: C::of(0), words: std::array::from_fn(|_| C::of(word(0, Life::Unloaded))) };
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
    #[inline]
    pub fn lease(&self) -> Option<Lease<'_, C>> {
        self.lease_from(home())
    }

    /// Likewise, beginning with a shard of the caller's choice.
    #[inline]
    pub fn lease_from(&self, home: usize) -> Option<Lease<'_, C>> {
        for step in 0..self.shards.len() {
            let number = home.wrapping_add(step) & self.mask;
            let Some(shard) = self.shards.get(number) else { continue };
            let mut ready = shard.ready.read();
            while ready != 0 {
                let bit = ready & ready.wrapping_neg();
                let before = shard.ready.clear(bit);
                if before & bit != 0 {
                    let place = bit.trailing_zeros();
                    let seat = shard.words.get(place as usize)?;
                    // The bit is ours, and so is the word.
                    let generation = seat.read() >> STATE_BITS;
                    seat.write(word(generation, Life::Active));
                    let slot = place << self.bits | number as u32;
                    return Some(Lease { seats: self, handle: Handle { pool: self.pool, slot, generation } });
                }
                ready = before & !bit;
            }
        }
        self.missed();
        None
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
    #[inline]
    pub fn give_back(&self, handle: Handle) -> Result<(), Stale> {
        let (shard, place) = self.find(handle.slot).filter(|_| handle.pool == self.pool).ok_or(Stale(handle))?;
        let seat = shard.words.get(place as usize).ok_or(Stale(handle))?;
        let after = if self.rests { Life::Cooldown } else { Life::Ready };
        let new = word(handle.generation.wrapping_add(1), after);
        if !seat.exchange(word(handle.generation, Life::Active), new) {
            return Err(Stale(handle));
        }
        if !self.rests {
            shard.ready.set(1 << place);
        }
        Ok(())
    }

    /// Takes one certain seat, if it is ready.
    ///
    /// # Errors
    /// It is not, or there is no such seat.
    pub fn take(&self, slot: u32) -> Result<Lease<'_, C>, Life> {
        let (shard, place) = self.find(slot).ok_or(Life::Unloaded)?;
        let seat = shard.words.get(place as usize).ok_or(Life::Unloaded)?;
        if shard.ready.clear(1 << place) & 1 << place == 0 {
            return Err(life_of(seat.read()));
        }
        let generation = seat.read() >> STATE_BITS;
        seat.write(word(generation, Life::Active));
        Ok(Lease { seats: self, handle: Handle { pool: self.pool, slot, generation } })
    }

    /// Moves a seat along. Only one thread, the one that keeps the table, calls this; leases may come and go meanwhile.
    /// Says where the seat was and where it is.
    ///
    /// # Errors
    /// Where the seat is when the signal means nothing there. [`Signal::Taken`] and [`Signal::Returned`] are not for
    /// here: they are [`Self::take`] and [`Self::give_back`].
    pub fn step(&self, slot: u32, signal: Signal) -> Result<(Life, Life), Life> {
        let (shard, place) = self.find(slot).ok_or(Life::Unloaded)?;
        let seat = shard.words.get(place as usize).ok_or(Life::Unloaded)?;
        let bit = 1 << place;
        loop {
            let now = seat.read();
            let (generation, from) = (now >> STATE_BITS, life_of(now));
            let to = match signal {
                Signal::Taken | Signal::Returned => return Err(from),
                signal => from.after(signal).map_err(|_| from)?,
            };
            let written = match from {
                // A lease may be quicker: then it is Active, and the signal is looked at anew.
                Life::Ready if shard.ready.clear(bit) & bit != 0 => {
                    // Only now is the word ours: a whole lease may have come and gone since it was read above.
                    let generation = seat.read() >> STATE_BITS;
                    seat.write(word(generation, to));
                    true
                }
                // Somebody has cleared the bit and is about to write the word, or the other way round.
                Life::Ready => {
                    C::pause();
                    false
                }
                // The lease ends here: what it holds is worth nothing any more.
                Life::Active => seat.exchange(now, word(generation.wrapping_add(1), to)),
                _ => seat.exchange(now, word(generation, to)),
            };
            if written {
                if to == Life::Ready {
                    shard.ready.set(bit);
                }
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
        let (shard, place) = self.find(slot)?;
        shard.words.get(place as usize).map(Cell::read)
    }

    #[inline]
    fn find(&self, slot: u32) -> Option<(&Shard<C>, u32)> {
        let shard = self.shards.get(slot as usize & self.mask).filter(|_| slot < self.count)?;
        Some((shard, slot >> self.bits))
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
    #[inline]
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
    fn drop(&mut self) {
        // A seat that was taken away needs no return.
        let _ = self.seats.give_back(self.handle);
    }
}
