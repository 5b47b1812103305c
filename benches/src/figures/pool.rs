//! The Pool Manager's figures: `pool.alloc` and `pool.contended`, a warm seat taken and given back, and `pool.predict`,
//! recorded runs played against what was learned from earlier ones.
//!
//! The peers hand out objects: `lockfree-object-pool` (its `LinearObjectPool`, the lock-free one, which resets the
//! object on return) and `deadpool` (its unmanaged pool through `try_get`, without a runtime: its cheapest way). Ours
//! hands out seats with a generation and a state, and counts uses.

mod predict;
mod recorded;
mod stand;

use super::{Figure, unknown};
use crate::bench::{Bench, Rival};
use crate::error::BenchError;
use crate::line::{Goal, Line};
use crate::meter::Stopwatch;
use crate::sample::Sample;
use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;
use symphony_pit::pool::{PoolId, Seats, Signal};

pub const ALLOC: Figure =
    Figure { id: "pool.alloc", what: "a warm seat taken and given back, one thread", measure: alloc, sample };
pub const CONTENDED: Figure =
    Figure { id: "pool.contended", what: "the same by two threads at once", measure: contended, sample };
pub const PREDICT: Figure = predict::FIGURE;

/// Seats of the pool.
const SEATS: u32 = 8;
/// Takings of one measurement, and of a batch: the clock is read once a batch, so its cost is in the noise.
const TAKINGS: usize = 2_000_000;
const BATCH: usize = 500;

/// At most 1.2 times what the lock-free peer takes, at least three times faster than the other.
const LOCKFREE: f64 = 1.0 / 1.2;
const DEADPOOL: f64 = 3.0;

fn alloc(bench: &mut Bench) -> Result<(), BenchError> {
    lines(bench, "pool.alloc", "1", "one thread", 50.0)
}

fn contended(bench: &mut Bench) -> Result<(), BenchError> {
    lines(bench, "pool.contended", "2", "two threads", 100.0)?;
    let ours = bench.best("pool.contended", &["2", "ours", "one-shard"], |sample| sample.get("p50"))?;
    let what = "two threads that begin at one shard, p50: the worst case";
    bench.alone("pool.contended", what, "ns", ours.get("p50"), Goal::default());
    Ok(())
}

fn lines(bench: &mut Bench, id: &'static str, threads: &str, words: &str, bound: f64) -> Result<(), BenchError> {
    for (peer, name, times) in
        [("lockfree", "lockfree-object-pool", LOCKFREE), ("deadpool", "deadpool (unmanaged)", DEADPOOL)]
    {
        let peer_words = [threads, peer];
        let what = format!("taken and given back, {SEATS} seats, {words}: processor time; against {name}");
        let (ours, theirs) = bench.duel(id, &[threads, "ours"], Rival::Own(name, &peer_words))?;
        bench.print(&Line {
            id,
            what,
            unit: "ns",
            ours: ours.cpu_per_task(),
            peer_name: Some(name),
            peer: theirs.as_ref().map(Sample::cpu_per_task),
            goal: Goal::both(times, bound),
        });
        if peer == "lockfree" {
            let what = format!("taken and given back, {SEATS} seats, {words}: p50 of a thread's batches, by the wall");
            bench.alone(id, what, "ns", ours.get("p50"), Goal::at_most(bound));
        }
    }
    Ok(())
}

/// Words: threads, and `ours`, `lockfree` or `deadpool`.
fn sample(words: &[&str]) -> Result<Sample, BenchError> {
    let threads = match words.first() {
        Some(&"1") => 1,
        Some(&"2") => 2,
        _ => return Err(unknown(words)),
    };
    match words.get(1..) {
        Some(["ours"]) => {
            let seats = warm()?;
            timed(threads, |_| seats.lease().map(|lease| black_box(lease.handle())).is_some())
        }
        Some(["ours", "one-shard"]) => {
            let seats = warm()?;
            timed(threads, |_| seats.lease_from(0).map(|lease| black_box(lease.handle())).is_some())
        }
        Some(["lockfree"]) => {
            let pool = lockfree_object_pool::LinearObjectPool::new(|| 0u64, |seat| *seat = 0);
            // Objects are made when they are first asked for; here they are warm.
            let warm: Vec<_> = (0..SEATS).map(|_| pool.pull()).collect();
            drop(warm);
            timed(threads, |_| {
                let mut seat = pool.pull();
                *seat += 1;
                black_box(*seat) > 0
            })
        }
        Some(["deadpool"]) => {
            let pool = deadpool::unmanaged::Pool::from((0..u64::from(SEATS)).collect::<Vec<u64>>());
            timed(threads, |_| {
                pool.try_get().is_ok_and(|mut seat| {
                    *seat += 1;
                    black_box(*seat) > 0
                })
            })
        }
        _ => Err(unknown(words)),
    }
}

fn warm() -> Result<Seats, BenchError> {
    let seats: Seats = Seats::new(PoolId(0), SEATS, false);
    for slot in 0..SEATS {
        for signal in [Signal::Load, Signal::Loaded, Signal::Warmed] {
            seats.step(slot, signal).map_err(|life| BenchError::Wrong(format!("seat {slot} is {}", life.as_str())))?;
        }
    }
    Ok(seats)
}

/// Takes and gives back on each thread, all beginning at once. `once` says whether it had a seat: with as many seats as
/// threads there always is one.
fn timed(threads: usize, once: impl Fn(usize) -> bool + Sync) -> Result<Sample, BenchError> {
    let begin = Barrier::new(threads);
    let work = |thread: usize| {
        let mut batches = Vec::with_capacity(TAKINGS / BATCH);
        let mut missed = 0;
        begin.wait();
        for _ in 0..TAKINGS / BATCH {
            let since = Instant::now();
            for _ in 0..BATCH {
                missed += usize::from(!once(thread));
            }
            batches.push(since.elapsed().as_nanos() as f64 / BATCH as f64);
        }
        (batches, missed)
    };
    let watch = Stopwatch::start();
    let done: Vec<(Vec<f64>, usize)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        let own = work(0);
        others.into_iter().filter_map(|thread| thread.join().ok()).chain([own]).collect()
    });
    let (cpu, wall) = watch.read();
    let missed: usize = done.iter().map(|(_, missed)| missed).sum();
    if missed > 0 || done.len() != threads {
        return Err(BenchError::Wrong(format!("{missed} takings found no seat")));
    }
    let mut batches: Vec<f64> = done.into_iter().flat_map(|(batches, _)| batches).collect();
    batches.sort_by(f64::total_cmp);
    let p50 = batches.get(batches.len() / 2).copied().unwrap_or(f64::NAN);
    let tasks = (threads * TAKINGS) as f64;
    let mut sample = Sample { cpu_ns: cpu as f64, wall_ns: wall as f64, tasks, ..Sample::default() };
    sample.more.insert("p50".to_owned(), p50);
    Ok(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_and_the_peers_always_find_a_seat() {
        for words in [["1", "ours"], ["2", "ours"], ["2", "lockfree"]] {
            let taken = sample(&words).unwrap();
            assert!(taken.get("p50") > 0.0 && taken.tasks >= TAKINGS as f64, "{words:?}");
        }
        assert!(sample(&["3", "ours"]).is_err());
        assert!(sample(&["1", "best"]).is_err());
    }
}
