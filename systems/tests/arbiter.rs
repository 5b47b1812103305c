//! What is scarce among runs: given to one after the other, with reasons, and without a trace where nobody waits.

mod stand;

use stand::plan::{Profile, draw};
use stand::{export, options, options_of, parts, play, score};
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::RunStatus;
use symphony_ecs_core::ids::{RunId, RunSlot};
use symphony_pit::arbitration::{Kind, Reason, Refill, ResourceId, ResourceSpec, Strategy, Verb};
use symphony_systems::arbiter::{self, Arbiter, Declared, PartyRule, Pattern, Rules, Take, ValueRule};
use symphony_systems::orchestra::OrchestraParts;
use symphony_systems::restore::{Restored, restore};
use symphony_systems::{Orchestra, RunOptions};

fn pattern(text: &str) -> Pattern {
    Pattern::new(text).unwrap()
}

/// A resource that every call of the test player takes one of.
fn seats(capacity: u64) -> Declared {
    Declared {
        name: "sonnet".to_owned(),
        spec: ResourceSpec::new(Kind::Model, capacity),
        players: vec![pattern("*:test/do")],
        nodes: Vec::new(),
        take: Take::Amount(1),
    }
}

fn value_of(melody: &str, node: &str, business: u16) -> ValueRule {
    let terms = [Some(business), Some(business), None, None];
    ValueRule { melody: pattern(melody), node: pattern(node), terms }
}

fn world(arbiter: &Arbiter) -> Orchestra {
    Orchestra::new(OrchestraParts { arbiter: Some(arbiter.clone()), ..parts() })
}

/// A melody of calls without edges: name, and milliseconds of each.
fn calls(name: &str, nodes: &[(&str, u32)]) -> RunOptions {
    let node = |(id, took): &(&str, u32)| {
        format!(
            "[node.{id}]\nuses = \"operator:test/do\"\nwith = {{ took = {took} }}\n\
             estimate = {{ seconds = {} }}\n",
            f64::from(*took) / 1000.0
        )
    };
    let text = format!("format = 1\nname = \"{name}\"\n{}", nodes.iter().map(node).collect::<String>());
    let id = RunId::new(0, u128::from(name.len() as u64) << 8 | u128::from(name.as_bytes()[0]));
    RunOptions { id, ..options(score(&text, &[])) }
}

fn seconds(orchestra: &Orchestra, slot: RunSlot) -> f64 {
    orchestra.run(slot).unwrap().now.0 as f64 / 1e9
}

fn started(notices: &[symphony_ecs_core::events::Notice]) -> Vec<String> {
    let named = notices.iter().filter(|notice| export(std::slice::from_ref(notice)).contains("\"node_started\""));
    named.map(|notice| notice.node.clone().unwrap_or_default()).collect()
}

#[test]
fn where_nobody_waits_the_story_is_the_same_byte_for_byte() {
    for seed in 0..60 {
        let options = options_of(&draw(seed, Profile::default()));
        let plain = play(&options);
        let arbiter = Arbiter::new(Rules::of(vec![seats(1_000_000)])).unwrap();
        let mut orchestra = world(&arbiter);
        let slot = orchestra.play(&options, None);
        orchestra.play_to_end(slot);
        let notices = orchestra.notices();
        assert_eq!(export(&notices), export(&plain.notices), "seed {seed}");
        assert_eq!(orchestra.sealed(slot), plain.frames, "seed {seed}");
        assert_eq!(arbiter.counts().contended, 0);
    }
}

#[test]
fn one_seat_is_taken_in_turn_and_every_wait_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let mut rules = Rules::of(vec![seats(1)]);
    rules.values = vec![value_of("*", "review", 9_000), value_of("*", "d*", 1_000)];
    let arbiter = Arbiter::new(rules).unwrap();
    let mut orchestra = world(&arbiter);
    let options = calls("letters", &[("a", 10), ("draft", 10), ("review", 10)]);
    let slot = orchestra.play(&options, None);
    orchestra.keep_decisions(slot, folder.path());
    assert_eq!(orchestra.play_to_end(slot), RunStatus::Completed);
    assert_eq!(started(&orchestra.notices()), ["review", "a", "draft"]);
    assert!((seconds(&orchestra, slot) - 0.03).abs() < 1e-9, "one after the other");
    drop(orchestra);
    let kept = arbiter::read(folder.path());
    assert_eq!(kept.warnings, Vec::<String>::new());
    let sentences: Vec<String> = kept.lines.iter().map(|line| line.told.sentence()).collect();
    assert_eq!(
        sentences,
        [
            "`review` got model `sonnet` before `a`: value 0.93 against 0.65 without waiting; 1 of 1 seats were in use",
            "`a` got model `sonnet` before `draft`: value 0.65 against 0.37 after 10 ms of waiting; 1 of 1 seats were in use",
            "`draft` got model `sonnet`: value 0.37 after 20 ms of waiting; 1 of 1 seats were in use",
        ]
    );
    assert_eq!((kept.lines[1].node.as_str(), kept.lines[1].t_s), ("a", 0.01));
    assert_eq!((kept.lines[0].told.reason, kept.lines[0].told.verb), (Reason::Value, Verb::Granted));
}

#[test]
fn contention_is_repeatable_byte_for_byte() {
    let story = |seed: u64| {
        let mut rules = Rules::of(vec![seats(2)]);
        rules.resources[0].spec.strategy = Strategy::ALL[(seed % 5) as usize];
        let mut orchestra = world(&Arbiter::new(rules).unwrap());
        let options = options_of(&draw(seed, Profile::default()));
        let slot = orchestra.play(&options, None);
        let status = orchestra.play_to_end(slot);
        assert_ne!(status, RunStatus::Playing, "seed {seed} hangs");
        (export(&orchestra.notices()), orchestra.sealed(slot))
    };
    for seed in 0..40 {
        assert_eq!(story(seed), story(seed), "seed {seed}");
    }
}

#[test]
fn runs_of_one_world_share_and_their_melodies_have_weights() {
    let mut rules = Rules::of(vec![seats(1)]);
    rules.resources[0].spec.strategy = Strategy::RoundRobin;
    rules.parties = vec![PartyRule { melody: pattern("often"), weight: 3, quotas: Vec::new() }];
    let arbiter = Arbiter::new(rules).unwrap();
    let mut orchestra = world(&arbiter);
    let nodes: Vec<String> = (0..12).map(|number| format!("n{number:02}")).collect();
    let nodes: Vec<(&str, u32)> = nodes.iter().map(|id| (id.as_str(), 10)).collect();
    let slots = ["often", "seldom"].map(|name| orchestra.play(&calls(name, &nodes), None));
    let mut order = Vec::new();
    while slots.iter().any(|slot| orchestra.status(*slot) == RunStatus::Playing) {
        orchestra.frame();
        for notice in orchestra.notices() {
            let often = notice.run == orchestra.run(slots[0]).unwrap().id;
            order.extend(started(&[notice]).into_iter().map(|_| often));
        }
        let playing: usize = slots.iter().map(|slot| orchestra.run(*slot).unwrap().calls_in_flight()).sum();
        assert!(playing <= 1, "one seat");
    }
    assert_eq!(order.len(), 24);
    let early = order[..12].iter().filter(|often| **often).count();
    assert!((8..=10).contains(&early), "three of four: {order:?}");
}

#[test]
fn a_quota_keeps_a_melody_from_taking_all() {
    let mut rules = Rules::of(vec![seats(4)]);
    rules.parties = vec![PartyRule { melody: pattern("greedy"), weight: 1, quotas: vec![(ResourceId(0), 1)] }];
    let mut orchestra = world(&Arbiter::new(rules).unwrap());
    let slot = orchestra.play(&calls("greedy", &[("a", 10), ("b", 10), ("c", 10)]), None);
    assert_eq!(orchestra.play_to_end(slot), RunStatus::Completed);
    assert!((seconds(&orchestra, slot) - 0.03).abs() < 1e-9);
}

#[test]
fn a_rate_lets_calls_pass_as_it_refills() {
    let mut rate = seats(2);
    rate.spec.kind = Kind::Rate;
    rate.spec.refill = Some(Refill { amount: 1, every_ns: 100_000_000 });
    let mut orchestra = world(&Arbiter::new(Rules::of(vec![rate])).unwrap());
    let slot = orchestra.play(&calls("fast", &[("a", 1), ("b", 1), ("c", 1), ("d", 1)]), None);
    assert_eq!(orchestra.play_to_end(slot), RunStatus::Completed);
    assert!((seconds(&orchestra, slot) - 0.201).abs() < 1e-6, "{}", seconds(&orchestra, slot));
}

#[test]
fn what_can_never_be_granted_fails_with_its_cure() {
    let mut two = seats(1);
    two.take = Take::Amount(2);
    let mut orchestra = world(&Arbiter::new(Rules::of(vec![two])).unwrap());
    let slot = orchestra.play(&calls("wide", &[("a", 1)]), None);
    assert_eq!(orchestra.play_to_end(slot), RunStatus::Failed);
    let text = export(&orchestra.notices());
    assert!(text.contains("more of `sonnet` than there ever is (1); raise its capacity"), "{text}");
}

#[test]
fn an_exclusive_file_is_for_the_nodes_that_name_it() {
    let mut file = seats(1);
    (file.spec.kind, file.players, file.nodes) = (Kind::File, Vec::new(), vec![pattern("ship*")]);
    let mut orchestra = world(&Arbiter::new(Rules::of(vec![file])).unwrap());
    let slot = orchestra.play(&calls("files", &[("ship_a", 10), ("ship_b", 10), ("other", 15)]), None);
    assert_eq!(orchestra.play_to_end(slot), RunStatus::Completed);
    assert!((seconds(&orchestra, slot) - 0.02).abs() < 1e-9);
}

#[test]
fn a_call_gives_way_when_it_pays_and_plays_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut rules = Rules::of(vec![seats(1)]);
    rules.resources[0].spec.preempts = true;
    rules.values = vec![value_of("*", "slow", 500), value_of("*", "urgent", 10_000)];
    rules.resources[0].players = vec![pattern("operator:test/do")];
    let arbiter = Arbiter::new(rules).unwrap();
    let mut orchestra = world(&arbiter);
    let text = "format = 1\nname = \"way\"\n\
        [node.slow]\nuses = \"operator:test/do\"\nwith = { took = 10000 }\nestimate = { seconds = 10 }\n\
        [node.wait]\nuses = \"instrument:test/do\"\nwith = { took = 10 }\n\
        [node.urgent]\nuses = \"operator:test/do\"\nneeds = [\"wait\"]\nwith = { took = 100 }\n\
        estimate = { seconds = 0.1 }\n";
    let slot = orchestra.play(&options(score(text, &[])), None);
    orchestra.keep_decisions(slot, folder.path());
    assert_eq!(orchestra.play_to_end(slot), RunStatus::Completed);
    assert_eq!(arbiter.counts().stopped, 1);
    let node = orchestra.nodes(slot).into_iter().find(|node| node.path == "slow").unwrap();
    assert_eq!((node.status, node.attempt), (Status::Done, 2));
    assert!((seconds(&orchestra, slot) - 10.11).abs() < 1e-6, "a moment, the urgent one, and all of it again");
    drop(orchestra);
    let kept = arbiter::read(folder.path());
    let stopped = kept.lines.iter().find(|line| line.told.verb == Verb::Stopped).unwrap();
    assert!(stopped.told.sentence().starts_with("`slow` gives model `sonnet` up for `urgent`"), "{stopped:?}");
}

#[test]
fn worlds_of_one_process_share() {
    let arbiter = Arbiter::new(Rules::of(vec![seats(1)])).unwrap();
    let (mut here, mut there) = (world(&arbiter), world(&arbiter));
    let first = here.play(&calls("first", &[("a", 10)]), None);
    here.frame();
    let second = there.play(&calls("second", &[("b", 10)]), None);
    for _ in 0..4 {
        there.frame();
    }
    assert_eq!(there.nodes(second)[0].status, Status::Ready, "the seat is taken elsewhere");
    assert_eq!(here.play_to_end(first), RunStatus::Completed);
    assert_eq!(there.play_to_end(second), RunStatus::Completed, "the grant comes by post and wakes");
    let third = here.play(&calls("third", &[("c", 10)]), None);
    here.frame();
    let fourth = there.play(&calls("fourth", &[("d", 10)]), None);
    there.frame();
    here.leave(third);
    assert_eq!(there.play_to_end(fourth), RunStatus::Completed, "who leaves gives back");
    let fifth = here.play(&calls("fifth-one", &[("e", 10)]), None);
    here.frame();
    let sixth = there.play(&calls("sixth-one", &[("f", 10)]), None);
    there.frame();
    assert_eq!(here.play_to_end(fifth), RunStatus::Completed);
    // The grant lies in the post of a run that leaves without looking.
    there.leave(sixth);
    let last = here.play(&calls("last-one", &[("g", 10)]), None);
    assert_eq!(here.play_to_end(last), RunStatus::Completed);
    drop(there);
    assert_eq!((arbiter.counts().admitted, arbiter.counts().granted), (7, 7));
}

#[test]
fn what_was_learned_is_kept_and_a_broken_file_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pit/arbitration.json");
    let arbiter = Arbiter::new(Rules::of(vec![seats(1)])).unwrap();
    let mut orchestra = world(&arbiter);
    let slot = orchestra.play(&calls("learning", &[("a", 1), ("b", 1)]), None);
    orchestra.play_to_end(slot);
    arbiter::save(&arbiter, &file).unwrap();
    let again = Arbiter::new(Rules::of(vec![seats(1)])).unwrap();
    assert_eq!(arbiter::load(&again, &file), None);
    assert_eq!(again.learned(), arbiter.learned());
    assert_eq!(again.learned()[0].1, "learning/a");
    for (text, word) in [("{", "learns anew"), ("{\"version\":9,\"skills\":[]}", "version 9")] {
        std::fs::write(&file, text).unwrap();
        assert!(arbiter::load(&again, &file).unwrap().contains(word));
    }
    assert_eq!(arbiter::load(&again, &folder.path().join("none")), None);
}

#[test]
fn a_torn_or_newer_file_of_decisions_is_read_as_far_as_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(arbiter::read(folder.path()), arbiter::Decisions::default());
    let file = folder.path().join(arbiter::FILE);
    std::fs::write(&file, "{\"symphony\":\"decisions\",\"format\":1}\n{\"node\":\"a\",\"t_").unwrap();
    let kept = arbiter::read(folder.path());
    assert_eq!((kept.lines.len(), kept.warnings.len()), (0, 1));
    std::fs::write(&file, "{\"symphony\":\"decisions\",\"format\":2}\n").unwrap();
    assert!(arbiter::read(folder.path()).warnings[0].contains("newer"));
}

#[test]
fn a_run_that_was_cut_holds_again_what_it_held() {
    let options = calls("cut", &[("a", 10), ("b", 10), ("c", 10)]);
    let mut first = world(&Arbiter::new(Rules::of(vec![seats(1)])).unwrap());
    let slot = first.play(&options, None);
    first.frame();
    let frames: Vec<(u64, Vec<u8>)> = (0..).zip(first.sealed(slot)).collect();
    assert_eq!((frames.len(), first.run(slot).unwrap().calls_in_flight()), (1, 1));
    drop(first);
    let arbiter = Arbiter::new(Rules::of(vec![seats(1)])).unwrap();
    let mut second = world(&arbiter);
    let from = Restored { checkpoint: None, frames: &frames, path: "test", play_on: true };
    let slot = restore(&mut second, &options, &from, None).unwrap();
    while second.status(slot) == RunStatus::Playing {
        second.frame();
        assert!(second.run(slot).unwrap().calls_in_flight() <= 1, "the seat is taken by who held it");
    }
    assert_eq!((second.status(slot), second.tally(slot).played), (RunStatus::Completed, 3));
    assert_eq!(arbiter.counts().granted, 2, "what was playing is not asked for again");
}
