//! Nobody waits for ever: the bound of [`Patience`], under every strategy and against an adversary.

use super::*;
use crate::arbitration::Strategy;
use proptest::prelude::*;
use std::collections::BTreeMap;

struct Watched {
    request: Request,
    older: usize,
    /// Grants to others on each resource since it came.
    passed: BTreeMap<ResourceId, u64>,
}

/// A flood of requests that the strategy likes better than the few that came first. Says how often anybody
/// was passed over at most, for each that was older of its own party and itself.
fn flood(seed: u64, strategy: Strategy, passes: u32) -> u64 {
    let mut draw = Draw(seed);
    let resource = ResourceSpec { strategy, patience_ns: u64::MAX / 4, batch: 3, ..ResourceSpec::new(Kind::Model, 2) };
    let other = ResourceSpec { kind: Kind::Memory, capacity: 8, ..resource };
    let spec = EngineSpec {
        patience: Patience { passes, wait_ns: u64::MAX },
        ..EngineSpec::new(vec![resource, other, ResourceSpec { capacity: 3, ..other }])
    };
    let mut engine = Engine::new(&spec).unwrap();
    let (poor, rich) = (engine.add_party(1, &[]), engine.add_party(1_000, &[]));
    let mut waits: BTreeMap<Ticket, Watched> = BTreeMap::new();
    let mut held = Vec::new();
    let (mut worst, mut decisions) = (0, Vec::new());
    for step in 0..600u64 {
        let liked = step > 3;
        for _ in 0..(if step < 400 { 1 + draw.below(2) } else { 0 }) {
            let mut parts = vec![(0, 1 + u64::from(!liked))];
            if draw.below(3) == 0 {
                parts.push((1 + draw.below(2) as u8, 1 + draw.below(3)));
            }
            let worth = if liked { 10_000 } else { 0 };
            let request = Request {
                terms: Terms { business: worth, impact: worth, cost: worth, learning: worth },
                deadline_ns: if liked { step } else { u64::MAX },
                alike: u64::from(liked) * 9,
                ..Request::new(step + 1, if liked { rich } else { poor }, demand(&parts))
            };
            let older = waits.values().filter(|other| other.request.party == request.party).count();
            let ticket = engine.submit(request, step).unwrap();
            waits.insert(ticket, Watched { request, older, passed: BTreeMap::new() });
        }
        decisions.clear();
        engine.decide(step, &mut decisions);
        for decision in &decisions {
            let Outcome::Granted(hold) = decision.outcome else { panic!("nothing else is decided here") };
            held.push(hold);
            let granted = waits.remove(&decision.ticket).unwrap();
            for waiting in waits.values_mut() {
                for (resource, _) in granted.request.demand.parts() {
                    if waiting.request.demand.amount(resource) > 0 {
                        let passed = waiting.passed.entry(resource).or_default();
                        *passed += 1;
                        // Two parties, three resources.
                        let bound = (waiting.older as u64 + 1) * (u64::from(passes) + 6);
                        assert!(*passed <= bound, "{strategy:?}: passed over {passed} times, at most {bound}");
                        worst = worst.max(*passed / (waiting.older as u64 + 1));
                    }
                }
            }
        }
        let back = held.len().min(1 + draw.below(2) as usize);
        for hold in held.drain(..back) {
            engine.give_back(hold, 0);
        }
    }
    assert!(waits.is_empty(), "{} still wait", waits.len());
    worst
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_passed_over_more_often_than_promised(seed: u64, strategy in 0usize..5, passes in 0u32..40) {
        flood(seed, Strategy::ALL[strategy], passes);
    }
}

#[test]
fn without_patience_the_flood_would_win() {
    // The adversary is real: with a patience that never ends, somebody is passed over by nearly all of the flood.
    assert!(flood(3, Strategy::Prioritise, 1_000) > 150);
    assert!(flood(3, Strategy::Prioritise, 10) <= 16);
}

#[test]
fn waiting_alone_makes_due() {
    let spec = EngineSpec {
        patience: Patience { passes: u32::MAX, wait_ns: 100 },
        ..EngineSpec::new(vec![ResourceSpec { patience_ns: u64::MAX / 4, ..ResourceSpec::new(Kind::Model, 2) }])
    };
    let mut engine = Engine::new(&spec).unwrap();
    let party = engine.add_party(1, &[]);
    let best = Terms { business: 10_000, impact: 10_000, cost: 10_000, learning: 10_000 };
    let small = Request { terms: best, ..Request::new(1, party, demand(&[(0, 1)])) };
    let wide = Request {
        terms: Terms { business: 0, impact: 0, cost: 0, learning: 0 },
        ..Request::new(2, party, demand(&[(0, 2)]))
    };
    let mut held: Vec<HoldId> = Vec::new();
    for request in [small, small, wide] {
        engine.submit(request, 0).unwrap();
    }
    for now in 0..300 {
        engine.submit(small, now).unwrap();
        for (label, hold) in granted(&mut engine, now) {
            if label == 2 {
                assert!((100..=103).contains(&now), "granted at {now}");
                let record = *engine.ring().get(engine.ring().count() - 1).unwrap();
                assert_eq!((record.reason, record.contended), (Reason::Due, true));
                return;
            }
            held.push(hold);
        }
        // One at a time, so that two are never free by chance.
        engine.give_back(held.remove(0), 0);
    }
    panic!("it starves");
}
