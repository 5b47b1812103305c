//! Nobody waits for each other: holders that ask for more of what they claimed, in every order.

use super::*;
use crate::arbitration::Strategy;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A holder on its way to all of its claim.
struct Holder {
    missing: Vec<Demand>,
    asks: Option<Ticket>,
}

/// Plays holders that take their claims piece by piece. A deadlock is: nobody holds all it needs, and nothing that
/// anybody asked for is granted.
fn play(seed: u64) -> (u64, u64) {
    let mut draw = Draw(seed);
    let capacities = [2 + draw.below(3), 1 + draw.below(3), 1, 3];
    let specs = capacities.map(|capacity| ResourceSpec::new(Kind::File, capacity));
    let spec = EngineSpec { patience: Patience { passes: 8, wait_ns: 60 }, ..EngineSpec::new(specs.to_vec()) };
    let mut engine = Engine::new(&spec).unwrap();
    let party = engine.add_party(1, &[]);
    let (mut claims, mut holders) = (BTreeMap::new(), BTreeMap::<HoldId, Holder>::new());
    let (mut now, mut submitted, mut ended) = (0u64, 0u64, 0u64);
    let mut still = 0;
    let mut decisions = Vec::new();
    while ended < 60 {
        now += 1;
        if submitted < 60 && draw.below(2) == 0 {
            submitted += 1;
            let claim: Vec<(ResourceId, u64)> = (0..4u8)
                .filter_map(|resource| {
                    let amount = draw.below(capacities[usize::from(resource)] + 1);
                    (amount > 0).then_some((ResourceId(resource), amount))
                })
                .collect();
            let claim = if claim.is_empty() { vec![(ResourceId(2), 1)] } else { claim };
            // The first piece is asked for now, in an order that differs from one to the next.
            let first = draw.below(claim.len() as u64) as usize;
            let start = Demand::of([(claim[first].0, 1)]).unwrap();
            let claim = Demand::of(claim).unwrap();
            let request = Request { claim, ..Request::new(submitted, party, start) };
            claims.insert(engine.submit(request, now).unwrap(), (start, claim));
        }
        decisions.clear();
        engine.decide(now, &mut decisions);
        let mut moved = !decisions.is_empty();
        for decision in &decisions {
            let Outcome::Granted(hold) = decision.outcome else { panic!("nothing else is decided here") };
            if let Some((start, claim)) = claims.remove(&decision.ticket) {
                let parts = claim.beyond(&start);
                let mut missing: Vec<Demand> = parts.parts().map(|part| Demand::of([part]).unwrap()).collect();
                let turn = draw.below(4) as usize;
                let len = missing.len().max(1);
                missing.rotate_left(turn % len);
                holders.insert(hold, Holder { missing, asks: None });
            } else {
                let holder = holders.get_mut(&hold).expect("only holders get more");
                assert_eq!(holder.asks.take(), Some(decision.ticket));
            }
        }
        let hands: Vec<HoldId> = holders.keys().copied().collect();
        for hold in hands {
            let holder = holders.get_mut(&hold).unwrap();
            if holder.asks.is_some() {
                continue;
            }
            // Who has all may play a while; who has not asks for the next piece.
            match holder.missing.pop() {
                Some(more) => {
                    holder.asks = Some(engine.ask_more(hold, more, now).unwrap());
                    moved = true;
                }
                None if draw.below(2) == 0 => {
                    holders.remove(&hold);
                    assert!(engine.give_back(hold, 0));
                    (ended, moved) = (ended + 1, true);
                }
                None => moved = true,
            }
        }
        still = if moved || submitted < 60 && holders.is_empty() { 0 } else { still + 1 };
        assert!(still < 100, "seed {seed}: {} hold and wait for each other", holders.len());
        for resource in (0..4).map(ResourceId) {
            assert!(engine.stock().free(resource) <= engine.stock().capacity(resource));
        }
    }
    assert_eq!((engine.held(), engine.waiting()), (0, 0));
    (ended, engine.counts().extended)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn holders_that_ask_for_more_never_wait_for_each_other(seed: u64) {
        prop_assert_eq!(play(seed).0, 60);
    }
}

#[test]
fn the_schedules_do_ask_for_more() {
    let extended: u64 = (0..20).map(|seed| play(seed).1).sum();
    assert!(extended > 500, "{extended}");
}

#[test]
fn two_files_taken_crosswise_are_lent_one_after_the_other() {
    let mut engine = engine(&[1, 1], Strategy::Prioritise);
    let party = engine.add_party(1, &[]);
    let claim = demand(&[(0, 1), (1, 1)]);
    for (label, first) in [(1, 0), (2, 1)] {
        engine.submit(Request { claim, ..Request::new(label, party, demand(&[(first, 1)])) }, 0).unwrap();
    }
    let held = granted(&mut engine, 0);
    assert_eq!(held.len(), 1, "the second would make a circle possible");
    let (label, hold) = held[0];
    let other = demand(&[(if label == 1 { 1 } else { 0 }, 1)]);
    engine.ask_more(hold, other, 1).unwrap();
    assert_eq!(engine.ask_more(hold, other, 1), Err(Refusal::Claim), "no more than was claimed");
    assert_eq!(granted(&mut engine, 1), [(label, hold)]);
    engine.give_back(hold, 0);
    assert_eq!(granted(&mut engine, 2)[0].0, 3 - label);
    assert_eq!(engine.ask_more(hold, other, 2), Err(Refusal::Stale));
}

#[test]
fn a_request_for_several_takes_all_or_nothing() {
    let mut engine = engine(&[1, 1], Strategy::Prioritise);
    let party = engine.add_party(1, &[]);
    engine.submit(Request::new(1, party, demand(&[(1, 1)])), 0).unwrap();
    let held = granted(&mut engine, 0);
    engine.submit(Request::new(2, party, demand(&[(0, 1), (1, 1)])), 0).unwrap();
    assert_eq!(granted(&mut engine, 1), []);
    assert_eq!(engine.stock().free(ResourceId(0)), 1, "half of it is not taken");
    engine.give_back(held[0].1, 0);
    assert_eq!(granted(&mut engine, 2)[0].0, 2);
}
