//! The table against a plain model: every signal in every state, time-outs, failures, and leases that ended.

use super::health::{Admission, HealthRules};
use super::life::{Life, Signal};
use super::seats::{Handle, PoolId};
use super::table::{PoolError, Pools, Rules};
use proptest::prelude::*;
use std::time::Duration;
use symphony_ecs_core::clock::Time;

const SECOND: u64 = 1_000_000_000;

fn rules() -> Rules {
    Rules {
        loading: Some(Duration::from_secs(2)),
        warming: Some(Duration::from_secs(3)),
        ready: Some(Duration::from_secs(5)),
        active: Some(Duration::from_secs(7)),
        cooldown: Duration::from_secs(1),
    }
}

/// A pool of one seat that is in this state, at second 0.
fn at(life: Life) -> (Pools, PoolId, Option<Handle>) {
    let mut pools = Pools::new(HealthRules::default());
    let pool = pools.open("model", 1, rules());
    let now = Time(0);
    let way = [Signal::Load, Signal::Loaded, Signal::Warmed, Signal::Taken, Signal::Returned];
    let mut handle = None;
    for signal in way.into_iter().take(life as usize) {
        pools.step(pool, 0, signal, now).unwrap();
        handle = pools.seats(pool).unwrap().active(0).or(handle);
    }
    assert_eq!(pools.seats(pool).unwrap().life(0), Some(life));
    (pools, pool, handle)
}

#[test]
fn a_player_that_dies_is_handled_in_every_state() {
    for life in Life::ALL {
        let (mut pools, pool, handle) = at(life);
        let died = pools.step(pool, 0, Signal::Failed, Time(SECOND));
        if life == Life::Unloaded {
            assert!(matches!(died, Err(PoolError::Illegal(_))), "nothing is there to die");
            assert_eq!(pools.metrics(pool).illegal, 1);
            assert_eq!(pools.health(pool).in_a_row, 0);
        } else {
            assert_eq!(died, Ok(Life::Unloaded), "{life:?}");
            assert_eq!(pools.metrics(pool).failures, [(life.as_str(), 1)]);
            assert_eq!(pools.health(pool).in_a_row, 1);
        }
        assert_eq!(pools.held(pool), 0);
        if let Some(handle) = handle {
            let late = pools.give_back(handle, Time(SECOND));
            assert!(matches!(late, Err(PoolError::Stale(_))), "{life:?}: its lease ended with it");
        }
        assert!(pools.take(pool, Time(SECOND)).is_none());
        let slot = pools.load(pool, 7, false, Time(SECOND)).unwrap();
        assert_eq!((slot, pools.process(pool, 0)), (0, 7), "and the seat is loaded anew");
    }
}

#[test]
fn every_state_runs_out_of_time() {
    for (life, span, to) in [
        (Life::Loading, 2, Life::Unloaded),
        (Life::Warming, 3, Life::Unloaded),
        (Life::Ready, 5, Life::Unloaded),
        (Life::Active, 7, Life::Unloaded),
        (Life::Cooldown, 1, Life::Ready),
    ] {
        let (mut pools, pool, _) = at(life);
        let mut moved = Vec::new();
        pools.tick(Time(span * SECOND - 1), &mut moved);
        assert!(moved.is_empty(), "{life:?}: not yet");
        pools.tick(Time(span * SECOND), &mut moved);
        assert_eq!(moved.iter().map(|due| (due.from, due.to)).collect::<Vec<_>>(), [(life, to)]);
        assert_eq!(pools.metrics(pool).time_outs, [(life.as_str(), 1)]);
        assert_eq!(pools.health(pool).in_a_row, u32::from(life.time_out_is_failure()), "{life:?}");
    }
}

#[test]
fn a_seat_that_a_thread_took_is_not_timed_out_as_idle() {
    let (mut pools, pool, _) = at(Life::Ready);
    let seats = std::sync::Arc::clone(pools.seats(pool).unwrap());
    let lease = seats.lease().unwrap();
    let mut moved = Vec::new();
    pools.tick(Time(6 * SECOND), &mut moved);
    assert!(moved.is_empty() && seats.holds(lease.handle()), "its time as an idle one is over, not as an active one");
    lease.give_back().unwrap();
    pools.tick(Time(6 * SECOND), &mut moved);
    pools.tick(Time(7 * SECOND), &mut moved);
    assert_eq!(moved.iter().map(|due| due.to).collect::<Vec<_>>(), [Life::Ready], "it rested");
}

#[test]
fn quarantine_stops_loading_ahead_and_lets_one_probe_pass() {
    let mut pools = Pools::new(HealthRules { failures: 2, ..HealthRules::default() });
    let pool = pools.open("model", 2, rules());
    for _ in 0..2 {
        let slot = pools.load(pool, 1, true, Time(0)).unwrap();
        pools.step(pool, slot, Signal::Failed, Time(0)).unwrap();
    }
    let until = Time(5 * SECOND);
    assert_eq!(pools.admission(pool, Time(0)), Admission::Quarantined(until));
    assert_eq!(pools.load(pool, 1, true, Time(0)), Err(PoolError::Quarantined { pool, until }));
    assert!(pools.load(pool, 1, false, Time(0)).is_ok(), "a call that waits is not held up");
    assert!(pools.load(pool, 1, true, until).is_ok(), "one probe");
    assert!(matches!(pools.admission(pool, until), Admission::Quarantined(_)), "and one only");
    pools.played_well(pool);
    assert_eq!(pools.admission(pool, until), Admission::Free);
}

#[test]
fn loading_ahead_is_counted_and_so_is_whether_it_paid() {
    let mut pools = Pools::default();
    let pool = pools.open("model", 2, Rules::default());
    for _ in 0..2 {
        let slot = pools.load(pool, 1, true, Time(0)).unwrap();
        pools.step(pool, slot, Signal::Loaded, Time(SECOND)).unwrap();
        pools.step(pool, slot, Signal::Warmed, Time(2 * SECOND)).unwrap();
    }
    let handle = pools.take(pool, Time(2 * SECOND)).unwrap();
    pools.give_back(handle, Time(3 * SECOND)).unwrap();
    assert!(matches!(pools.give_back(handle, Time(3 * SECOND)), Err(PoolError::Stale(_))), "twice");
    let again = pools.take(pool, Time(3 * SECOND)).unwrap();
    assert_ne!(again, handle);
    let metrics = pools.metrics(pool);
    assert_eq!((metrics.ahead, metrics.ahead_used, metrics.uses, metrics.cold), (2, 1, 1, 0));
    assert_eq!(metrics.load_seconds, 2.0);
    assert!(matches!(pools.load(pool, 1, true, Time(0)), Err(PoolError::Full { seats: 2, .. })));
    assert!(matches!(pools.step(pool, 9, Signal::Load, Time(0)), Err(PoolError::NoSeat { slot: 9, .. })));
    assert!(matches!(pools.step(PoolId(9), 0, Signal::Load, Time(0)), Err(PoolError::NoSeat { .. })));
}

proptest! {
    /// Whatever arrives, a seat is where the transition function says; what is refused changes nothing.
    #[test]
    fn the_table_follows_the_transition_function(
        steps in proptest::collection::vec((0u32..3, 0usize..Signal::ALL.len(), 0u64..3), 1..300),
    ) {
        let mut pools = Pools::default();
        let pool = pools.open("model", 3, rules());
        let mut model = [Life::Unloaded; 3];
        let mut now = Time(0);
        let mut old: Vec<Handle> = Vec::new();
        for (slot, signal, seconds) in steps {
            now = Time(now.0 + seconds * SECOND / 2);
            let mut moved = Vec::new();
            pools.tick(now, &mut moved);
            for due in moved {
                let state = &mut model[due.slot as usize];
                prop_assert_eq!(*state, due.from);
                *state = due.from.after(Signal::TimedOut).unwrap();
                prop_assert_eq!(*state, due.to);
            }
            let seats = std::sync::Arc::clone(pools.seats(pool).unwrap());
            old.extend(seats.active(slot));
            let (signal, state) = (Signal::ALL[signal], &mut model[slot as usize]);
            let stepped = pools.step(pool, slot, signal, now);
            match state.after(signal) {
                Ok(to) => {
                    prop_assert_eq!(stepped, Ok(to));
                    *state = to;
                }
                Err(illegal) => prop_assert_eq!(stepped, Err(PoolError::Illegal(illegal))),
            }
            prop_assert_eq!(seats.life(slot), Some(*state));
            for handle in &old {
                if !seats.holds(*handle) {
                    prop_assert!(pools.give_back(*handle, now).is_err(), "{:?} ended before", handle);
                }
            }
        }
        let held = model.iter().filter(|life| life.is_held()).count();
        prop_assert_eq!(pools.held(pool) as usize, held);
    }
}
