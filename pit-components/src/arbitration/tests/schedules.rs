//! Random schedules: what is granted is never more than there is, everybody is granted, numbers do not lie.

use super::*;
use crate::arbitration::Strategy;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Plays a random schedule to its end; gives what was decided, as numbers. Every invariant is checked after every step.
fn play(seed: u64, strategies: &[Strategy], steps: u32) -> Vec<(u64, u64, bool)> {
    let mut draw = Draw(seed);
    let kinds = [Kind::Model, Kind::Memory, Kind::File, Kind::Gpu, Kind::Money, Kind::Rate];
    let mut specs = Vec::new();
    for (kind, place) in kinds.into_iter().zip(0..) {
        let capacity = match kind {
            Kind::File => 1,
            Kind::Money => 1_000_000,
            _ => 2 + draw.below(6),
        };
        let refill = (kind == Kind::Rate).then_some(Refill { amount: 1, every_ns: 3 });
        let strategy = strategies[place % strategies.len()];
        let batch = if strategy == Strategy::Collaborate { 3 } else { 1 };
        specs.push(ResourceSpec { refill, strategy, batch, preempts: place == 0, ..ResourceSpec::new(kind, capacity) });
    }
    let capacities: Vec<u64> = specs.iter().map(|spec| spec.capacity).collect();
    let spec = EngineSpec { patience: Patience { passes: 20, wait_ns: 500 }, ..EngineSpec::new(specs) };
    let mut engine = Engine::new(&spec).unwrap();
    let parties: Vec<PartyId> = (0..4).map(|n| engine.add_party(n, &[(ResourceId(1), 2 + u64::from(n % 2))])).collect();
    let mut held: BTreeMap<HoldId, (u64, Demand)> = BTreeMap::new();
    let mut waits = BTreeMap::new();
    let (mut now, mut story, mut decisions) = (0, Vec::new(), Vec::new());
    for step in 0..u64::from(steps) + 10_000 {
        now += draw.below(4);
        if step < u64::from(steps) {
            for _ in 0..draw.below(4) {
                let parts = (0..1 + draw.below(3)).map(|_| {
                    let resource = draw.below(6) as u8;
                    (ResourceId(resource), 1 + draw.below(2).min(capacities[usize::from(resource)] - 1))
                });
                let parts: BTreeMap<ResourceId, u64> = parts.collect();
                let request = Request {
                    terms: Terms { business: draw.below(10_001) as u16, ..Terms::default() },
                    estimate_ns: draw.below(50),
                    alike: draw.below(3),
                    work: draw.below(2) as u32,
                    preemptible: draw.below(2) == 0,
                    ..Request::new(step + 1, parties[draw.below(4) as usize], Demand::of(parts).unwrap())
                };
                if let Ok(ticket) = engine.submit(request, now) {
                    waits.insert(ticket, request);
                }
            }
            if draw.below(10) == 0
                && let Some(ticket) = waits.keys().next().copied()
            {
                assert!(engine.withdraw(ticket) && !engine.withdraw(ticket));
                waits.remove(&ticket);
            }
        } else if waits.is_empty() && held.is_empty() {
            break;
        }
        decisions.clear();
        engine.decide(now, &mut decisions);
        for decision in &decisions {
            story.push((decision.id, decision.label, decision.contended));
            assert_eq!(engine.ring().get(decision.id).map(|record| record.label), Some(decision.label));
            match decision.outcome {
                Outcome::Granted(hold) => {
                    let request = waits.remove(&decision.ticket).expect("granted once, and only what waits");
                    held.insert(hold, (request.label, request.demand));
                }
                Outcome::Stop(hold) => {
                    assert!(held.remove(&hold).is_some(), "who is stopped held something");
                    assert!(engine.give_back(hold, 0));
                }
                Outcome::Refused(_) => assert!(waits.remove(&decision.ticket).is_some()),
            }
        }
        // What returns is held by those who hold it, batches apart; never more than there is.
        for resource in (0..5).map(ResourceId) {
            let used = engine.stock().capacity(resource) - engine.stock().free(resource);
            let sum: u64 = held.values().map(|(_, demand)| demand.amount(resource)).sum();
            assert!(used <= sum + engine.stock().spent(resource), "{resource:?}: {used} of {sum}");
            let shares = engine.strategy(resource) == Some(Strategy::Collaborate);
            assert!(shares || used == sum + engine.stock().spent(resource), "{resource:?}: {used} is not {sum}");
            let of_all: u64 = parties.iter().map(|party| engine.parties().used(*party, resource)).sum();
            assert_eq!(used, of_all, "what parties use is what is used");
        }
        for (party, number) in parties.iter().zip(0u64..) {
            assert!(engine.parties().used(*party, ResourceId(1)) <= 2 + number % 2, "a quota is kept");
        }
        assert_eq!(engine.held(), held.len());
        let some: Vec<HoldId> = held.keys().copied().filter(|_| draw.below(3) == 0).collect();
        for hold in some {
            held.remove(&hold);
            assert!(engine.give_back(hold, draw.below(3)));
            assert!(!engine.give_back(hold, 0), "what was given back is gone");
        }
    }
    assert!(waits.is_empty(), "{} of seed {seed} still wait", waits.len());
    assert_eq!((engine.waiting(), engine.held()), (0, 0));
    for resource in (0..5).map(ResourceId) {
        let (free, spent) = (engine.stock().free(resource), engine.stock().spent(resource));
        assert_eq!(free + spent, engine.stock().capacity(resource));
    }
    story
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_is_granted_is_never_more_than_there_is(seed: u64, first in 0usize..5, second in 0usize..5) {
        play(seed, &[Strategy::ALL[first], Strategy::ALL[second]], 60);
    }

    #[test]
    fn equal_calls_give_equal_decisions(seed: u64, strategy in 0usize..5) {
        let strategies = [Strategy::ALL[strategy], Strategy::Fair];
        prop_assert_eq!(play(seed, &strategies, 40), play(seed, &strategies, 40));
    }
}

#[test]
fn columns_stay_as_long_as_what_waits() {
    let mut engine = engine(&[4, 4], Strategy::Prioritise);
    let party = engine.add_party(1, &[]);
    let mut draw = Draw(7);
    let mut most = 0;
    let mut kept = std::collections::VecDeque::new();
    for step in 0..20_000u64 {
        let request = Request::new(step + 1, party, demand(&[(draw.below(2) as u8, 1)]));
        let ticket = engine.submit(request, step).unwrap();
        if draw.below(3) == 0 {
            engine.withdraw(ticket);
        }
        kept.extend(granted(&mut engine, step));
        while kept.len() > 6 {
            let (_, hold) = kept.pop_front().unwrap();
            engine.give_back(hold, 0);
        }
        if step == 2_000 {
            most = engine.entries();
        }
    }
    assert!(engine.entries() <= 3 * most + 1_024, "{} entries after {most}", engine.entries());
}
