//! `arbitration.*`: what a decision on a scarce resource costs, how fairly it is shared, and what it does to recorded
//! executions that want the same machines.
//!
//! A decision is: a request comes in, is granted, is written down with its reason and its rivals, and is given back. The
//! peers decide less: a heap of priorities knows neither ageing nor parties nor reasons, and SimPy's priority resource
//! is the usual way to write such a queue in a simulation.

use super::{Figure, unknown};
use crate::bench::{Bench, Rival};
use crate::chorus::number;
use crate::error::BenchError;
use crate::line::Goal;
use crate::meter::Stopwatch;
use crate::peers;
use crate::sample::Sample;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Instant;
use symphony_pit::arbitration::{
    Decision, Demand, Engine, EngineSpec, HoldId, Kind, Outcome, PartyId, Request, ResourceId, ResourceSpec, Strategy,
    Terms,
};

pub const BATCH: Figure = Figure {
    id: "arbitration.batch",
    what: "a decision, 64 at a time, a thousand requests waiting",
    measure: measure_batch,
    sample: sample_batch,
};

pub const SINGLE: Figure = Figure {
    id: "arbitration.single",
    what: "a decision, one at a time, a thousand requests waiting",
    measure: measure_single,
    sample: sample_single,
};

pub const FAIRNESS: Figure = Figure {
    id: "arbitration.fairness",
    what: "Jain's index of parties of equal weight, one of which floods",
    measure: measure_fairness,
    sample: sample_fairness,
};

/// Requests that wait.
const WAITING: usize = 1_000;
/// Decisions of a sample.
const DECISIONS: u64 = 400_000;
/// Parties of a sample.
const PARTIES: u64 = 16;

fn measure_batch(bench: &mut Bench) -> Result<(), BenchError> {
    let what = |strategy: &str| format!("a decision, 64 at a time, {WAITING} waiting, {PARTIES} parties: {strategy}");
    let goal = Goal::at_most(1_000.0);
    let heap = Rival::Own("BinaryHeap", &["heap", "64"]);
    bench.compare("arbitration.batch", &what("prioritise"), &["prioritise", "64"], heap, goal)?;
    let simpy = Rival::Peer(peers::SIMPY, &["seats", "1000", "64", "20"]);
    let goal_simpy = Goal::both(50.0, 1_000.0);
    bench.compare("arbitration.batch", &what("prioritise, SimPy"), &["prioritise", "64"], simpy, goal_simpy)?;
    for strategy in ["collaborate", "round_robin", "specialise", "fair", "vectors"] {
        let best = bench.best("arbitration.batch", &[strategy, "64"], Sample::cpu_per_task)?;
        let words = if strategy == "vectors" { "seats, memory and a rate at once, by value" } else { strategy };
        bench.alone("arbitration.batch", what(words), "ns", best.cpu_per_task(), goal);
    }
    Ok(())
}

fn measure_single(bench: &mut Bench) -> Result<(), BenchError> {
    let goal = Goal::at_most(10_000.0);
    for strategy in ["prioritise", "fair", "vectors"] {
        let best = bench.best("arbitration.single", &[strategy], Sample::cpu_per_task)?;
        let what = format!("a decision alone, {WAITING} waiting: {strategy}");
        bench.alone("arbitration.single", what, "ns", best.cpu_per_task(), goal);
        let slow = bench.best("arbitration.single", &[strategy], |sample| sample.get("p99_ns"))?;
        let what = format!("a decision alone, {WAITING} waiting: {strategy}, wall, p99");
        bench.alone("arbitration.single", what, "ns", slow.get("p99_ns"), goal);
    }
    Ok(())
}

fn measure_fairness(bench: &mut Bench) -> Result<(), BenchError> {
    for strategy in ["round_robin", "fair", "prioritise"] {
        let sample = bench.best("arbitration.fairness", &[strategy], |sample| sample.get("unfair"))?;
        let what = format!("1 − Jain's index, 16 parties of equal weight, one asks for ten times as much: {strategy}");
        // By value alone the flood wins; that is what the other two are for.
        let goal = if strategy == "prioritise" { Goal::default() } else { Goal::at_most(0.05) };
        bench.alone("arbitration.fairness", what, "", sample.get("unfair"), goal);
    }
    Ok(())
}

/// Words: a strategy, `vectors` or `heap`, and how many at a time.
fn sample_batch(words: &[&str]) -> Result<Sample, BenchError> {
    let at_once = number(words, 1)?;
    match words.first() {
        Some(&"heap") => Ok(play_heap(at_once as usize)),
        Some(strategy) => play(engine(strategy, u64::from(at_once))?, at_once as usize),
        None => Err(unknown(words)),
    }
}

/// Words: a strategy or `vectors`.
fn sample_single(words: &[&str]) -> Result<Sample, BenchError> {
    let strategy = words.first().ok_or_else(|| unknown(words))?;
    play(engine(strategy, 8)?, 1)
}

fn wrong(error: impl ToString) -> BenchError {
    BenchError::Wrong(error.to_string())
}

fn strategy_of(word: &str) -> Result<Strategy, BenchError> {
    let found = Strategy::ALL.into_iter().find(|strategy| strategy.as_str() == word);
    found.ok_or_else(|| unknown(&[word]))
}

/// An engine, and what each request takes.
struct Play {
    engine: Engine,
    parties: Vec<PartyId>,
    demands: Vec<Demand>,
}

fn engine(word: &str, seats: u64) -> Result<Play, BenchError> {
    let vectors = word == "vectors";
    let strategy = if vectors { Strategy::Prioritise } else { strategy_of(word)? };
    let seat = ResourceSpec { strategy, batch: 4, ..ResourceSpec::new(Kind::Model, seats) };
    let mut specs = vec![seat];
    let mut parts: Vec<Vec<(ResourceId, u64)>> = vec![vec![(ResourceId(0), 1)]];
    if vectors {
        specs.push(ResourceSpec { kind: Kind::Memory, capacity: seats * 4, ..seat });
        specs.push(ResourceSpec {
            kind: Kind::Rate,
            capacity: 1_000_000,
            refill: Some(symphony_pit::arbitration::Refill { amount: 1_000, every_ns: 1 }),
            ..seat
        });
        parts = (1..=4).map(|memory| vec![(ResourceId(0), 1), (ResourceId(1), memory), (ResourceId(2), 10)]).collect();
    }
    let mut engine = Engine::new(&EngineSpec::new(specs)).map_err(wrong)?;
    let parties = (0..PARTIES).map(|_| engine.add_party(1, &[])).collect();
    let demands: Result<Vec<Demand>, _> = parts.into_iter().map(Demand::of).collect();
    Ok(Play { engine, parties, demands: demands.map_err(wrong)? })
}

fn play(play: Play, at_once: usize) -> Result<Sample, BenchError> {
    let Play { mut engine, parties, demands } = play;
    let mut draw = Draw(1);
    let mut label = 0u64;
    let mut ask = |engine: &mut Engine, now: u64| {
        label += 1;
        let drawn = draw.next();
        let terms =
            Terms { business: (drawn % 10_000) as u16, impact: (drawn >> 32) as u16 % 10_000, ..Terms::default() };
        let request = Request {
            terms,
            work: (drawn >> 20) as u32 % 8,
            alike: (drawn >> 16) % 32,
            ..Request::new(
                label,
                parties[(drawn >> 8) as usize % parties.len()],
                demands[drawn as usize % demands.len()],
            )
        };
        engine.submit(request, now).map(drop).map_err(wrong)
    };
    let mut now = 0;
    for _ in 0..WAITING {
        ask(&mut engine, now)?;
    }
    let (mut held, mut decisions) = (VecDeque::new(), Vec::<Decision>::new());
    let (mut made, mut lasted) = (0u64, Vec::with_capacity(if at_once == 1 { DECISIONS as usize } else { 0 }));
    let watch = Stopwatch::start();
    while made < DECISIONS {
        now += 1_000;
        let since = Instant::now();
        let back = held.len().min(at_once);
        for hold in held.drain(..back) {
            engine.give_back(hold, 0);
        }
        while engine.waiting() < WAITING {
            ask(&mut engine, now)?;
        }
        decisions.clear();
        engine.decide(now, &mut decisions);
        made += decisions.len() as u64;
        held.extend(decisions.iter().filter_map(|decision| match decision.outcome {
            Outcome::Granted(hold) => Some(hold),
            Outcome::Refused(_) | Outcome::Stop(_) => None,
        }));
        if at_once == 1 {
            lasted.push(since.elapsed().as_nanos() as u64);
        }
    }
    let (cpu, wall) = watch.read();
    let counts = engine.counts();
    if counts.granted != made || counts.contended < made / 2 {
        return Err(BenchError::Wrong(format!("nobody contended: {counts:?}")));
    }
    let mut sample = Sample { cpu_ns: cpu as f64, wall_ns: wall as f64, tasks: made as f64, ..Sample::default() };
    lasted.sort_unstable();
    if let Some(p99) = lasted.get(lasted.len() * 99 / 100) {
        sample.more.insert("p99_ns".to_owned(), *p99 as f64);
    }
    Ok(sample)
}

/// A heap of priorities and a list of what is held: what one writes without an engine.
fn play_heap(at_once: usize) -> Sample {
    let mut draw = Draw(1);
    let mut heap: BinaryHeap<(u64, Reverse<u64>)> =
        (0..WAITING as u64).map(|label| (draw.next(), Reverse(label))).collect();
    let mut held = Vec::with_capacity(at_once);
    let (mut made, mut sum) = (0u64, 0u64);
    let watch = Stopwatch::start();
    while made < DECISIONS {
        held.clear();
        while heap.len() < WAITING {
            made += 1;
            heap.push((draw.next(), Reverse(made)));
        }
        held.extend((0..at_once).filter_map(|_| heap.pop()));
        sum = held.iter().fold(sum, |sum, (_, label)| sum.wrapping_add(label.0));
    }
    let (cpu, wall) = watch.read();
    std::hint::black_box(sum);
    Sample { cpu_ns: cpu as f64, wall_ns: wall as f64, tasks: made as f64, ..Sample::default() }
}

/// Words: a strategy.
fn sample_fairness(words: &[&str]) -> Result<Sample, BenchError> {
    let [strategy] = words else { return Err(unknown(words)) };
    let Play { mut engine, parties, demands } = engine(strategy, 8)?;
    let mut shares = vec![0u64; parties.len()];
    let mut held: VecDeque<HoldId> = VecDeque::new();
    let mut decisions = Vec::<Decision>::new();
    let mut draw = Draw(2);
    let watch = Stopwatch::start();
    for now in 0..20_000u64 {
        // Each asks for a sixth more than its part of what there is; the first for ten times that.
        for (party, label) in parties.iter().zip(1u64..) {
            let times = if label == 1 { 10 } else { 1 };
            for _ in 0..times {
                if draw.next() % 16 < 7 {
                    let terms = Terms { business: (draw.next() % 10_000) as u16, ..Terms::default() };
                    let request = Request { terms, ..Request::new(label, *party, demands[0]) };
                    engine.submit(request, now * 1_000_000).map_err(wrong)?;
                }
            }
        }
        decisions.clear();
        engine.decide(now * 1_000_000, &mut decisions);
        for decision in &decisions {
            if let Outcome::Granted(hold) = decision.outcome {
                held.push_back(hold);
                shares[decision.label as usize - 1] += 1;
            }
        }
        let back = held.len().min(6);
        for hold in held.drain(..back) {
            engine.give_back(hold, 0);
        }
    }
    let (cpu, wall) = watch.read();
    let (sum, squares) = shares.iter().fold((0.0, 0.0), |(sum, squares), share| {
        let share = *share as f64;
        (sum + share, squares + share * share)
    });
    let jain = sum * sum / (shares.len() as f64 * squares);
    let mut sample = Sample { cpu_ns: cpu as f64, wall_ns: wall as f64, tasks: sum, ..Sample::default() };
    sample.more.insert("unfair".to_owned(), 1.0 - jain);
    Ok(sample)
}

/// Random numbers, the same on every machine (Steele, Lea and Flood, "SplitMix", 2014).
pub(super) struct Draw(pub u64);

impl Draw {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_sample_is_refused() {
        assert!(sample_batch(&["best", "64"]).is_err());
        assert!(sample_batch(&[]).is_err());
        assert!(sample_single(&[]).is_err());
        assert!(sample_fairness(&["fair", "fair"]).is_err());
    }
}
