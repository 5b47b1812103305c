//! Unfolded melodies: the workload of a play takes as long as the play.

mod stand;

use stand::plan::{Profile, draw};
use stand::{Script, options_of, parts, parts_with, score};
use std::sync::Arc;
use symphony_ecs_core::events::RunStatus;
use symphony_systems::record::FrameRecord;
use symphony_systems::simulate::{Chance, Expected, History, Kernel, Machines, Policy, Unfold, UnfoldError, Unfolded};

fn unfold(options: &symphony_systems::RunOptions, expected: &dyn Fn(&str) -> Expected) -> Unfolded {
    let parts = parts_with(&Arc::new(Script::default()));
    let unfold = Unfold {
        score: &options.score,
        inputs: options.inputs.clone(),
        seed: options.seed,
        rehearsal: parts.rehearsal,
        functions: parts.functions,
        expected,
        most: 100_000,
    };
    unfold.play().unwrap()
}

fn free(_: &str) -> Expected {
    Expected::default()
}

fn melody(text: &str, bodies: &[(&str, &str)]) -> Unfolded {
    unfold(&stand::options(score(text, bodies)), &free)
}

/// Names of the calls in the order in which they began.
fn calls(unfolded: &Unfolded) -> Vec<String> {
    let work = &unfolded.work;
    (0..work.len() as u32).filter(|task| !work.is_idle(*task)).map(|task| work.id(task).to_string()).collect()
}

fn makespan(unfolded: &Unfolded, machines: usize) -> f64 {
    let machines = Machines::identical(machines);
    Kernel::new(&unfolded.work, &machines, Policy::Fifo, Chance::default()).play(0, |_| {}).makespan
}

#[test]
fn machines_for_all_take_as_long_as_the_play() {
    let (mut composite, mut halted) = (0, 0);
    for seed in 0..1500 {
        let plan = draw(seed, Profile { races: seed % 3 != 0, halts: seed % 2 == 0, ..Profile::default() });
        let unfolded = unfold(&options_of(&plan), &free);
        let count = unfolded.work.len();
        let (took, expected) = (makespan(&unfolded, count), unfolded.seconds);
        // Sums of nanoseconds in doubles.
        let room = 1e-9 * (1.0 + count as f64 * 1e-3);
        assert!((took - expected).abs() <= room, "seed {seed}: {took} instead of {expected}\n{}", plan.print());
        let one = makespan(&unfolded, 1);
        assert!(one + room >= took, "seed {seed}: one machine is faster than many: {one} < {took}");
        composite += u32::from(plan.melodies.len() > 1);
        halted += u32::from(unfolded.status != RunStatus::Completed);
    }
    assert!(composite > 100 && halted > 100, "the plans are too tame: {composite} composite, {halted} halted");
}

#[test]
fn loops_and_maps_unfold_into_their_calls() {
    let unfolded = melody(
        r#"
format = 1
name   = "tune"
[node.list]
uses = "operator:test/do"
with = { give = { xs = [1, 2, 3] }, took = 5 }
out  = { xs = "list<int>" }
[node.each]
uses = "operator:test/do"
map  = { over = "list.xs", as = "x", max_parallel = 2 }
in   = { x = "item" }
with = { took = 10 }
out  = { x = "int" }
[node.polish]
loop  = { body = "body.melody.toml", max = 2 }
needs = ["each"]
"#,
        &[(
            "body.melody.toml",
            r#"
format = 1
name   = "body"
[node.a]
uses = "operator:test/do"
with = { took = 3 }
[node.b]
uses  = "operator:test/do"
needs = ["a"]
with  = { took = 4 }
"#,
        )],
    );
    let expected =
        ["list", "each[0]", "each[1]", "each[2]", "polish[0].a", "polish[0].b", "polish[1].a", "polish[1].b"];
    assert_eq!(calls(&unfolded), expected);
    assert_eq!((unfolded.calls, unfolded.status), (8, RunStatus::Completed));
    // 5, then three items of 10 two at a time, then two iterations of 7.
    assert_eq!((unfolded.seconds * 1e3).round(), 39.0);
    assert_eq!((makespan(&unfolded, 1) * 1e3).round(), 49.0);
}

#[test]
fn retries_are_attempts_with_waits_between_them() {
    let unfolded = melody(
        r#"
format = 1
name   = "tune"
[node.a]
uses  = "operator:test/do"
with  = { fail = 2, took = 10, cost = 7 }
retry = { max = 3, backoff = "fixed", base = "100ms" }
[node.b]
uses  = "operator:test/do"
needs = ["a"]
with  = { took = 1 }
"#,
        &[],
    );
    assert_eq!(calls(&unfolded), ["a", "a#2", "a#3", "b"]);
    assert_eq!((unfolded.calls, (unfolded.seconds * 1e3).round()), (2, 231.0));
    let machines = Machines::identical(1);
    let outcome = Kernel::new(&unfolded.work, &machines, Policy::Fifo, Chance::default()).play(0, |_| {});
    assert_eq!((outcome.cost_micros, (outcome.busy * 1e3).round()), (21, 31.0), "attempts cost, waits do not");
}

#[test]
fn people_approve_at_once_and_what_fails_says_why() {
    let text = r#"
format = 1
name   = "tune"
[node.a]
uses    = "operator:test/do"
approve = { by = "human", timeout = "1d" }
[node.b]
uses  = "operator:test/do"
needs = ["a"]
with  = { fail = -1 }
"#;
    let unfolded = melody(text, &[]);
    assert_eq!((unfolded.approvals.clone(), calls(&unfolded)), (vec!["a".to_owned()], vec!["a".into(), "b".into()]));
    assert_eq!(unfolded.status, RunStatus::Failed);
    assert!(unfolded.reason.is_some_and(|reason| reason.starts_with("`b` failed")));
}

#[test]
fn functions_take_what_is_expected_of_them() {
    let text = r#"
format = 1
name   = "tune"
[node.a]
uses = "builtin:test/sum"
out  = { x = "int" }
[node.b]
uses = "builtin:test/sum"
in   = { x = "a.x" }
out  = { x = "int" }
"#;
    let expected = |path: &str| Expected { seconds: if path == "b" { 2.0 } else { 0.5 }, cost_micros: 3, tokens: 1 };
    let unfolded = unfold(&stand::options(score(text, &[])), &expected);
    assert_eq!((calls(&unfolded), unfolded.calls, unfolded.edges), (vec!["a".to_owned(), "b".into()], 2, 1));
    assert_eq!(makespan(&unfolded, 4), 2.5);
}

#[test]
fn a_melody_that_never_ends_is_given_up() {
    let body = "format = 1\nname = \"body\"\n[node.a]\nuses = \"operator:test/do\"\n";
    let text = "format = 1\nname = \"tune\"\n[node.l]\nloop = { body = \"body.melody.toml\", max = 1000000 }\n";
    let parts = parts();
    let unfold = Unfold {
        score: &score(text, &[("body.melody.toml", body)]),
        inputs: Vec::new(),
        seed: 1,
        rehearsal: parts.rehearsal,
        functions: parts.functions,
        expected: &free,
        most: 100,
    };
    assert!(matches!(unfold.play(), Err(UnfoldError::TooMany(100))));
}

#[test]
fn history_is_learned_from_the_events_of_runs() {
    let text = r#"
format = 1
name   = "tune"
[node.a]
uses  = "operator:test/do"
with  = { fail = 1, took = 30, cost = 9 }
retry = { max = 2 }
[node.b]
uses = "operator:test/do"
with = { took = 10, cost = 5 }
[node.c]
uses  = "operator:test/do"
needs = ["b"]
with  = { took = 20, cost = 4 }
[node.d]
uses  = "builtin:test/sum"
"#;
    let options = stand::options(score(text, &[]));
    let played = stand::play(&options);
    let mut history = History::default();
    let decode = |blob: &Vec<u8>| FrameRecord::decode(blob, "test").unwrap();
    history.learn(&options.score, played.frames.iter().map(decode));
    assert_eq!(history.kinds().collect::<Vec<_>>(), ["operator:test/do"]);
    let typical = history.typical("operator:test/do").unwrap();
    assert_eq!((typical.attempts, typical.failure), (4, 0.25));
    assert_eq!(((typical.seconds * 1e3).round(), typical.cost_micros), (20.0, 5), "medians of 30, 10, 20 and 9, 5, 4");
    assert_eq!(history.typical("operator:other/do"), None);
}
