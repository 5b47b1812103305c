//! What each strategy does, and what is written down of it.

use super::*;

fn request(label: u64, party: PartyId, business: u16) -> Request {
    let terms = Terms { business, impact: 0, cost: 0, learning: 0 };
    Request { terms, ..Request::new(label, party, demand(&[(0, 1)])) }
}

/// One seat, patience of 10 µs; who is granted one after the other.
fn order(engine: &mut Engine, mut now: u64) -> Vec<u64> {
    let mut order = Vec::new();
    while engine.waiting() > 0 || engine.held() > 0 {
        for (label, hold) in granted(engine, now) {
            order.push(label);
            engine.give_back(hold, 0);
        }
        now += 1;
    }
    order
}

fn one_seat(strategy: Strategy) -> Engine {
    let spec =
        ResourceSpec { strategy, patience_ns: 10_000, batch: 2, preempts: true, ..ResourceSpec::new(Kind::Model, 1) };
    Engine::new(&EngineSpec::new(vec![spec])).unwrap()
}

#[test]
fn value_is_outweighed_by_waiting() {
    let mut engine = one_seat(Strategy::Prioritise);
    let party = engine.add_party(1, &[]);
    // Business weighs 0.4, so the values are 0, 0.4 and 0.4, and 0.4 is worth 4 µs.
    engine.submit(request(1, party, 0), 0).unwrap();
    engine.submit(request(2, party, 10_000), 3_999).unwrap();
    engine.submit(request(3, party, 10_000), 4_001).unwrap();
    assert_eq!(order(&mut engine, 4_001), [2, 1, 3]);
    let records: Vec<Record> = engine.ring().iter().copied().collect();
    assert_eq!((records[0].value, records[0].rivals[0].label, records[0].rivals[1].label), (4_000, 1, 3));
    assert!(records[0].contended && !records[2].rivals.iter().any(|rival| rival.label != 0));
}

#[test]
fn a_deadline_that_comes_near_goes_first() {
    let mut engine = one_seat(Strategy::Prioritise);
    let party = engine.add_party(1, &[]);
    engine.submit(request(1, party, 10_000), 0).unwrap();
    engine.submit(Request { deadline_ns: 5_000, estimate_ns: 100, ..request(2, party, 0) }, 0).unwrap();
    engine.submit(Request { deadline_ns: 50_000, ..request(3, party, 0) }, 0).unwrap();
    assert_eq!(order(&mut engine, 0), [2, 1, 3]);
}

#[test]
fn what_is_alike_shares_a_seat_up_to_the_batch() {
    let mut engine = one_seat(Strategy::Collaborate);
    let party = engine.add_party(1, &[]);
    for (label, alike) in [(1, 7), (2, 8), (3, 7), (4, 7)] {
        engine.submit(Request { alike, ..request(label, party, 0) }, label).unwrap();
    }
    let held = granted(&mut engine, 10);
    assert_eq!(held.iter().map(|(label, _)| *label).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(engine.stock().free(ResourceId(0)), 0);
    engine.give_back(held[0].1, 0);
    assert_eq!(granted(&mut engine, 11), [], "the seat comes back with the last of them, and the batch was full");
    engine.give_back(held[1].1, 0);
    assert_eq!(order(&mut engine, 12), [2, 4]);
    assert_eq!((engine.counts().joined, engine.parties().used(party, ResourceId(0))), (1, 0));
}

#[test]
fn who_comes_later_joins_a_batch_with_room() {
    let mut engine = one_seat(Strategy::Collaborate);
    let party = engine.add_party(1, &[]);
    engine.submit(Request { alike: 7, ..request(1, party, 0) }, 0).unwrap();
    assert_eq!(granted(&mut engine, 0).len(), 1);
    engine.submit(Request { alike: 7, ..request(2, party, 0) }, 1).unwrap();
    engine.submit(Request { alike: 7, ..request(3, party, 0) }, 1).unwrap();
    assert_eq!(granted(&mut engine, 1).iter().map(|(label, _)| *label).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_resource_takes_the_work_it_is_best_at() {
    let mut engine = one_seat(Strategy::Specialise);
    let party = engine.add_party(1, &[]);
    for _ in 0..20 {
        engine.skills_mut().learn(ResourceId(0), 5, ONE, 0);
        engine.skills_mut().learn(ResourceId(0), 6, 0, 0);
    }
    for (label, work) in [(1, 6), (2, 9), (3, 5)] {
        engine.submit(Request { work, ..request(label, party, 0) }, 0).unwrap();
    }
    assert_eq!(order(&mut engine, 0), [3, 2, 1]);
}

#[test]
fn parties_take_turns() {
    let mut engine = one_seat(Strategy::RoundRobin);
    let (a, b) = (engine.add_party(1, &[]), engine.add_party(1, &[]));
    for (label, party) in [(1, a), (2, a), (3, a), (4, b), (5, b)] {
        engine.submit(request(label, party, 0), 0).unwrap();
    }
    assert_eq!(order(&mut engine, 0), [1, 4, 2, 5, 3]);
}

#[test]
fn somebody_is_stopped_only_when_it_pays_and_may_be() {
    let second = 1_000_000_000;
    for (done, restart, preemptible, stops) in
        [(0, 0, true, true), (0, 0, false, false), (80, 0, true, false), (0, 300, true, false)]
    {
        let mut engine = one_seat(Strategy::Prioritise);
        let party = engine.add_party(1, &[]);
        let long = Request {
            estimate_ns: 100 * second,
            restart_ns: restart * second,
            preemptible,
            ..request(1, party, 4_000)
        };
        engine.submit(long, 0).unwrap();
        let (_, hold) = granted(&mut engine, 0)[0];
        let short = Request { estimate_ns: 10 * second, ..request(2, party, 8_000) };
        engine.submit(short, done * second).unwrap();
        let mut decisions = Vec::new();
        engine.decide(done * second, &mut decisions);
        let stopped = decisions.iter().any(|decision| decision.outcome == Outcome::Stop(hold));
        assert_eq!(stopped, stops, "done {done} s, restart {restart} s, preemptible {preemptible}");
        if stops {
            // Gain 0.32 · 100 s, loss 0.16 · 10 s.
            let record = *engine.ring().get(decisions[0].id).unwrap();
            assert_eq!(
                (record.verb, record.reason, record.numbers),
                (Verb::Stopped, Reason::Preempted, [32_000, 1_600])
            );
            assert_eq!(granted(&mut engine, 1), [], "it is stopped once");
            assert_eq!(engine.counts().stopped, 1);
            engine.give_back(hold, 0);
            assert_eq!(granted(&mut engine, 2)[0].0, 2);
        }
    }
}

#[test]
fn a_party_at_its_quota_stands_aside_and_comes_back() {
    let mut engine = engine(&[3], Strategy::Prioritise);
    let (bound, free) = (engine.add_party(1, &[(ResourceId(0), 1)]), engine.add_party(1, &[]));
    for (label, party) in [(1, bound), (2, bound), (3, bound), (4, free)] {
        engine.submit(request(label, party, 0), 0).unwrap();
    }
    let held = granted(&mut engine, 0);
    assert_eq!(held.iter().map(|(label, _)| *label).collect::<Vec<_>>(), [1, 4]);
    assert_eq!((engine.counts().parked, granted(&mut engine, 1)), (2, vec![]));
    engine.give_back(held[0].1, 0);
    assert_eq!(granted(&mut engine, 2)[0].0, 2);
    assert_eq!(engine.submit(Request::new(9, bound, demand(&[(0, 2)])), 3), Err(Refusal::Quota(ResourceId(0))));
}

#[test]
fn what_can_never_be_is_refused() {
    let money = ResourceSpec::new(Kind::Money, 100);
    let mut engine = Engine::new(&EngineSpec::new(vec![money])).unwrap();
    let party = engine.add_party(1, &[]);
    assert_eq!(engine.submit(Request::new(1, party, demand(&[(0, 101)])), 0), Err(Refusal::Never(ResourceId(0))));
    assert_eq!(engine.submit(Request::new(1, party, Demand::default()), 0), Err(Refusal::Nothing));
    assert_eq!(engine.submit(Request::new(1, PartyId(7), demand(&[(0, 1)])), 0), Err(Refusal::Unknown));
    assert_eq!(engine.submit(Request::new(1, party, demand(&[(5, 1)])), 0), Err(Refusal::Unknown));
    engine.submit(Request::new(1, party, demand(&[(0, 60)])), 0).unwrap();
    engine.submit(Request::new(2, party, demand(&[(0, 60)])), 0).unwrap();
    let (_, hold) = granted(&mut engine, 0)[0];
    assert_eq!(granted(&mut engine, 1), [], "it may yet be that less is spent");
    engine.give_back(hold, 50);
    let mut decisions = Vec::new();
    engine.decide(2, &mut decisions);
    assert_eq!(decisions[0].outcome, Outcome::Refused(ResourceId(0)));
    assert_eq!((engine.waiting(), engine.counts().refused), (0, 5));
}

#[test]
fn a_rate_says_when_it_will_have_refilled() {
    let rate = ResourceSpec { refill: Some(Refill { amount: 1, every_ns: 100 }), ..ResourceSpec::new(Kind::Rate, 2) };
    let mut engine = Engine::new(&EngineSpec::new(vec![rate])).unwrap();
    let party = engine.add_party(1, &[]);
    for label in 1..=4 {
        engine.submit(request(label, party, 0), 0).unwrap();
    }
    let first = granted(&mut engine, 0);
    assert_eq!((first.len(), engine.next_ns()), (2, Some(100)));
    first.iter().for_each(|(_, hold)| assert!(engine.give_back(*hold, 0)));
    assert_eq!((granted(&mut engine, 99), granted(&mut engine, 100).len(), engine.next_ns()), (vec![], 1, Some(200)));
    assert_eq!((granted(&mut engine, 200).len(), engine.next_ns()), (1, None));
    let none = ResourceSpec { refill: None, ..rate };
    assert_eq!(Engine::new(&EngineSpec::new(vec![none])).unwrap_err(), SpecError::Refill(0));
}

#[test]
fn another_strategy_keeps_who_waits() {
    let mut engine = one_seat(Strategy::Prioritise);
    let (a, b) = (engine.add_party(1, &[]), engine.add_party(1, &[]));
    for (label, party) in [(1, a), (2, a), (3, b)] {
        engine.submit(request(label, party, if party == a { 10_000 } else { 0 }), 0).unwrap();
    }
    engine.set_strategy(ResourceId(0), Strategy::RoundRobin).unwrap();
    assert_eq!(order(&mut engine, 0), [1, 3, 2]);
}
