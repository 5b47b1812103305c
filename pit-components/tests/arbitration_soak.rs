//! A soak of the Arbitration Engine: requests of all kinds come, wait, are granted, shared, stopped, parked, withdrawn
//! and given back, under every strategy. Nothing may grow, and nobody may wait for ever. One second by default;
//! `SYMPHONY_SOAK_SECONDS` says how many.

use std::collections::VecDeque;
use std::time::{Duration, Instant};
use symphony_pit::arbitration::{
    Decision, Demand, Engine, EngineSpec, HoldId, Kind, Outcome, PartyId, Patience, Refill, Request, ResourceId,
    ResourceSpec, Strategy, Terms, Ticket,
};

/// Rounds between two looks at the memory.
const ROUNDS: u64 = 500;

/// What may be added to the resident memory after the first looks, in bytes: the allocator's own drift.
const DRIFT: u64 = 4 << 20;

/// Requests that wait.
const WAITING: usize = 200;

struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((u128::from(self.0 >> 11) * u128::from(bound)) >> 53) as u64
    }
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() * 1024
}

/// One resource a strategy, and memory and a rate that all of them take.
struct Soak {
    engine: Engine,
    parties: Vec<PartyId>,
    draw: Draw,
    now: u64,
    label: u64,
    held: VecDeque<(HoldId, Option<Demand>)>,
    recent: VecDeque<Ticket>,
    decisions: Vec<Decision>,
}

impl Soak {
    fn new() -> Self {
        let of = |strategy| ResourceSpec {
            strategy,
            batch: 3,
            preempts: strategy == Strategy::Prioritise,
            ..ResourceSpec::new(Kind::Model, 6)
        };
        let mut specs: Vec<ResourceSpec> = Strategy::ALL.into_iter().map(of).collect();
        specs.push(ResourceSpec { strategy: Strategy::Fair, ..ResourceSpec::new(Kind::Memory, 40) });
        let refill = Some(Refill { amount: 20, every_ns: 3 });
        specs.push(ResourceSpec { refill, ..ResourceSpec::new(Kind::Rate, 60) });
        let patience = Patience { passes: 200, wait_ns: 5_000 };
        let mut engine = Engine::new(&EngineSpec { patience, ..EngineSpec::new(specs) }).expect("these are resources");
        let parties = (0..24).map(|number| engine.add_party(1 + number % 3, &[(ResourceId(0), 4)])).collect();
        let (held, recent, decisions) = (VecDeque::new(), VecDeque::new(), Vec::new());
        Self { engine, parties, draw: Draw(1), now: 0, label: 0, held, recent, decisions }
    }

    fn ask(&mut self) {
        self.label += 1;
        let draw = &mut self.draw;
        let parts: Vec<_> =
            (0..1 + draw.below(2)).map(|_| (ResourceId(draw.below(7) as u8), 1 + draw.below(2))).collect();
        let demand = Demand::of(parts).expect("two parts fit");
        let claims = draw.below(8) == 0;
        let request = Request {
            claim: if claims { demand.and(&one_more()).expect("three parts fit") } else { Demand::default() },
            terms: Terms { business: draw.below(10_001) as u16, ..Terms::default() },
            deadline_ns: if draw.below(4) == 0 { self.now + 500 } else { u64::MAX },
            estimate_ns: draw.below(100),
            work: draw.below(5) as u32,
            alike: draw.below(20),
            preemptible: draw.below(2) == 0,
            ..Request::new(self.label, self.parties[draw.below(24) as usize], demand)
        };
        let ticket = self.engine.submit(request, self.now);
        self.recent.push_back(ticket.unwrap_or_else(|refusal| panic!("{request:?}: {refusal}")));
    }

    fn round(&mut self) {
        self.now += 1 + self.draw.below(3);
        while self.engine.waiting() < WAITING {
            self.ask();
        }
        while self.recent.len() > 64 {
            let old = self.recent.pop_front().expect("there are many");
            if self.draw.below(4) == 0 {
                self.engine.withdraw(old);
            }
        }
        self.decisions.clear();
        self.engine.decide(self.now, &mut self.decisions);
        for decision in &self.decisions {
            match decision.outcome {
                // Who got more of what it claimed is known.
                Outcome::Granted(hold) if self.held.iter().any(|(known, _)| *known == hold) => {}
                Outcome::Granted(hold) => {
                    let more = (self.draw.below(4) == 0).then(one_more);
                    self.held.push_back((hold, more));
                }
                Outcome::Stop(hold) => {
                    self.held.retain(|(known, _)| *known != hold);
                    assert!(self.engine.give_back(hold, 0));
                }
                Outcome::Refused(resource) => panic!("nothing here is ever gone: {resource:?}"),
            }
        }
        for _ in 0..self.draw.below(12) {
            let Some((hold, more)) = self.held.pop_front() else { break };
            match more {
                // Who claimed nothing more is refused and ends.
                Some(more) if self.engine.ask_more(hold, more, self.now).is_ok() => self.held.push_back((hold, None)),
                _ => {
                    let (work, quality) = (self.draw.below(5) as u32, self.draw.below(10_001) as u16);
                    self.engine.skills_mut().learn(ResourceId(3), work, quality, 10);
                    assert!(self.engine.give_back(hold, 0));
                }
            }
        }
    }
}

fn one_more() -> Demand {
    Demand::of([(ResourceId(5), 1)]).expect("one part fits")
}

#[test]
fn nothing_grows_under_load() {
    let seconds = std::env::var("SYMPHONY_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1.0);
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let mut soak = Soak::new();
    let (mut looks, mut bytes, mut entries) = (0u64, 0, 0);
    while looks <= 4 || Instant::now() < until {
        (0..ROUNDS).for_each(|_| soak.round());
        looks += 1;
        if looks == 4 {
            (bytes, entries) = (resident(), soak.engine.entries());
        }
    }
    let (counts, now) = (soak.engine.counts(), soak.now);
    let (last_bytes, last_entries) = (resident(), soak.engine.entries());
    println!("{looks} looks, {counts:?}, {last_entries} entries, {} KiB", last_bytes >> 10);
    assert!(last_bytes <= bytes + DRIFT, "{} KiB became {} KiB", bytes >> 10, last_bytes >> 10);
    assert!(last_entries <= 2 * entries + 4_096, "{entries} entries became {last_entries}");
    let seen = [counts.due, counts.joined, counts.extended, counts.stopped, counts.parked, counts.withdrawn];
    assert!(seen.iter().all(|count| *count > 0), "something never happened: {counts:?}");
    assert!(counts.longest_ns < 200_000, "somebody waited for {} ns of {now}", counts.longest_ns);
}
