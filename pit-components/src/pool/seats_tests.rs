//! The seats against a sequential model, under threads, and in all interleavings of small cases.

use super::life::{Life, Signal};
use super::seats::{Cell, Handle, PoolId, Seats, Stale};
use loom::sync::atomic::{AtomicU64 as LoomU64, Ordering};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};

fn ready<C: Cell>(seats: u32, rests: bool) -> Seats<C> {
    let made = Seats::new(PoolId(3), seats, rests);
    for slot in 0..seats {
        for signal in [Signal::Load, Signal::Loaded, Signal::Warmed] {
            made.step(slot, signal).unwrap();
        }
    }
    made
}

#[test]
fn every_seat_is_handed_out_once() {
    for count in [1, 2, 3, 8, 15, 16, 17, 64, 200, 1024] {
        let seats: Seats = ready(count, false);
        let mut leases = Vec::new();
        while let Some(lease) = seats.lease() {
            leases.push(lease);
        }
        let slots: BTreeSet<u32> = leases.iter().map(|lease| lease.handle().slot).collect();
        assert_eq!((leases.len(), slots.len()), (count as usize, count as usize));
        assert!(slots.iter().all(|slot| *slot < count) && seats.cold() == 1);
        drop(leases);
        assert_eq!(seats.all_uses(), u64::from(count));
    }
}

#[test]
fn a_handle_fits_one_lease() {
    let seats: Seats = ready(1, false);
    let handle = seats.lease().unwrap().keep();
    assert!(seats.holds(handle));
    seats.give_back(handle).unwrap();
    assert_eq!(seats.give_back(handle), Err(Stale(handle)), "twice");
    let next = seats.lease().unwrap();
    assert_eq!(seats.give_back(handle), Err(Stale(handle)), "somebody else has the seat");
    seats.step(0, Signal::Failed).unwrap();
    let late = next.give_back().unwrap_err();
    assert_eq!(late.to_string(), "seat 0 of pool 3 is not leased under generation 1: it was given back or taken away");
    for wrong in [Handle { slot: 99, ..handle }, Handle { pool: PoolId(4), ..handle }] {
        assert_eq!(seats.give_back(wrong), Err(Stale(wrong)));
    }
}

#[test]
fn a_seat_that_rests_is_not_ready_at_once() {
    let seats: Seats = ready(1, true);
    drop(seats.lease().unwrap());
    assert_eq!(seats.life(0), Some(Life::Cooldown));
    assert!(seats.lease().is_none());
    seats.step(0, Signal::Rested).unwrap();
    assert!(seats.lease().is_some());
}

#[test]
fn threads_never_share_a_seat() {
    const ROUNDS: usize = 20_000;
    let seats: Arc<Seats> = Arc::new(ready(3, false));
    let holders: Arc<[AtomicUsize; 3]> = Arc::default();
    let stop = Arc::new(AtomicUsize::new(0));
    let work = |_: usize| {
        let (seats, holders) = (Arc::clone(&seats), Arc::clone(&holders));
        std::thread::spawn(move || {
            let mut taken = 0;
            for _ in 0..ROUNDS {
                let Some(lease) = seats.lease() else { continue };
                let slot = lease.handle().slot as usize;
                // Seat 1 may be taken away from its holder and be somebody else's already; the others are ours alone.
                let others = holders[slot].fetch_add(1, Ordering::SeqCst);
                assert!(others == 0 || slot == 1, "two hold seat {slot}");
                taken += 1;
                holders[slot].fetch_sub(1, Ordering::SeqCst);
                let _ = lease.give_back();
            }
            taken
        })
    };
    let threads: Vec<_> = (0..4).map(work).collect();
    let evictor = {
        let (seats, stop) = (Arc::clone(&seats), Arc::clone(&stop));
        std::thread::spawn(move || {
            while stop.load(Ordering::SeqCst) == 0 {
                if seats.step(1, Signal::Failed).is_ok() {
                    for signal in [Signal::Load, Signal::Loaded, Signal::Warmed] {
                        seats.step(1, signal).unwrap();
                    }
                }
                std::thread::yield_now();
            }
        })
    };
    let taken: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    stop.store(1, Ordering::SeqCst);
    evictor.join().unwrap();
    // Each lease ended once: by its return or by the eviction. A failed idle seat ends none.
    assert_eq!(seats.all_uses(), taken);
    assert!((0..3).all(|slot| seats.life(slot) == Some(Life::Ready)));
}

/// A word of the model checker.
struct Checked(LoomU64);

impl Cell for Checked {
    fn of(value: u64) -> Self {
        Self(LoomU64::new(value))
    }
    fn read(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
    fn exchange(&self, old: u64, new: u64) -> bool {
        self.0.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

/// Runs a case in all interleavings, with a bound on how often threads are switched away.
fn in_all_interleavings(case: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(case);
}

#[test]
fn two_threads_and_one_seat_in_all_interleavings() {
    in_all_interleavings(|| {
        let seats: Arc<Seats<Checked>> = Arc::new(ready(1, false));
        let holders = Arc::new(LoomU64::new(0));
        let other = {
            let (seats, holders) = (Arc::clone(&seats), Arc::clone(&holders));
            loom::thread::spawn(move || take_and_return(&seats, &holders))
        };
        let taken = take_and_return(&seats, &holders) + other.join().unwrap();
        assert!(taken >= 1, "one of them finds the seat");
        assert_eq!((seats.all_uses(), seats.cold()), (taken, 2 - taken));
        assert_eq!(seats.life(0), Some(Life::Ready));
    });
}

fn take_and_return(seats: &Seats<Checked>, holders: &LoomU64) -> u64 {
    let Some(lease) = seats.lease_from(0) else { return 0 };
    assert_eq!(holders.fetch_add(1, Ordering::Relaxed), 0, "two hold one seat");
    holders.fetch_sub(1, Ordering::Relaxed);
    lease.give_back().unwrap();
    1
}

#[test]
fn an_eviction_against_a_lease_in_all_interleavings() {
    in_all_interleavings(|| {
        let seats: Arc<Seats<Checked>> = Arc::new(ready(1, false));
        let player = {
            let seats = Arc::clone(&seats);
            loom::thread::spawn(move || seats.lease_from(0).map(|lease| (lease.handle(), lease.give_back())))
        };
        let (from, to) = seats.step(0, Signal::Failed).unwrap();
        assert_eq!(to, Life::Unloaded);
        match player.join().unwrap() {
            None => assert_eq!(from, Life::Ready),
            Some((_, Ok(()))) => assert_eq!((from, seats.uses(0)), (Life::Ready, 1)),
            Some((handle, Err(stale))) => {
                assert_eq!((from, stale), (Life::Active, Stale(handle)));
                assert_eq!(seats.uses(0), 1, "the eviction ended the lease");
            }
        }
        assert_eq!(seats.life(0), Some(Life::Unloaded));
        assert!(seats.lease_from(0).is_none(), "what is gone is not handed out");
    });
}

#[test]
fn a_handle_returned_by_two_threads_returns_once_in_all_interleavings() {
    in_all_interleavings(|| {
        let seats: Arc<Seats<Checked>> = Arc::new(ready(1, false));
        let handle = seats.lease_from(0).unwrap().keep();
        let other = {
            let seats = Arc::clone(&seats);
            loom::thread::spawn(move || seats.give_back(handle).is_ok())
        };
        let ours = seats.give_back(handle).is_ok();
        assert!(ours ^ other.join().unwrap());
        assert_eq!((seats.uses(0), seats.life(0)), (1, Some(Life::Ready)));
    });
}

proptest! {
    /// Against a sequential model: which seats are ready, which handles stand.
    #[test]
    fn leases_follow_the_model(
        count in 1u32..40,
        rests in any::<bool>(),
        steps in proptest::collection::vec((0u8..5, 0u32..40), 1..400),
    ) {
        let seats: Seats<AtomicU64> = ready(count, rests);
        let mut model: Vec<(Life, u64)> = vec![(Life::Ready, 0); count as usize];
        let mut handles: Vec<Handle> = Vec::new();
        for (what, number) in steps {
            let slot = number % count;
            match what {
                0 | 1 => match seats.lease_from(number as usize) {
                    Some(lease) => {
                        let handle = lease.keep();
                        let seat = &mut model[handle.slot as usize];
                        prop_assert_eq!(seat.0, Life::Ready);
                        prop_assert_eq!(seat.1, handle.generation);
                        seat.0 = Life::Active;
                        handles.push(handle);
                    }
                    None => prop_assert!(model.iter().all(|(life, _)| *life != Life::Ready)),
                },
                2 if !handles.is_empty() => {
                    let handle = handles[number as usize % handles.len()];
                    let seat = &mut model[handle.slot as usize];
                    let stands = *seat == (Life::Active, handle.generation);
                    prop_assert_eq!(seats.give_back(handle).is_ok(), stands);
                    if stands {
                        *seat = (if rests { Life::Cooldown } else { Life::Ready }, handle.generation + 1);
                    }
                }
                _ => {
                    let signal = [Signal::Rested, Signal::Failed, Signal::Unload, Signal::Load, Signal::Loaded, Signal::Warmed]
                        [(number as usize + usize::from(what)) % 6];
                    let seat = &mut model[slot as usize];
                    let expected = seat.0.after(signal);
                    prop_assert_eq!(seats.step(slot, signal).map(|(_, to)| to).ok(), expected.ok());
                    if let Ok(to) = expected {
                        *seat = (to, seat.1 + u64::from(seat.0 == Life::Active));
                    }
                }
            }
            prop_assert_eq!(seats.life(slot), Some(model[slot as usize].0));
            prop_assert_eq!(seats.uses(slot), model[slot as usize].1);
        }
    }
}
