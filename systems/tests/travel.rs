//! Travel through random melodies: every moment is what folding from the start makes of it, a replay tells the same
//! story, and a fork at any event comes to what the original came to.

mod stand;

use stand::plan::{Profile, draw};
use stand::{Played, Script, export, options_of, parts_with, play, played};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use symphony_ecs_core::clock::Time;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::RunStatus;
use symphony_ecs_core::ids::RunId;
use symphony_systems::restore::{Restored, restore};
use symphony_systems::travel::{At, BranchError, Fold, Timeline, branch};
use symphony_systems::{Orchestra, RunOptions};

const CALM: Profile = Profile { races: false, halts: false, parallel: false, budget: false };
const WILD: Profile = Profile { races: true, halts: true, parallel: true, budget: true };

fn count() -> u64 {
    if std::env::var_os("SYMPHONY_LONG").is_some() { 5_000 } else { 60 }
}

fn frames(played: &Played) -> impl Iterator<Item = (u64, &[u8])> {
    (0..).zip(played.frames.iter().map(Vec::as_slice))
}

/// A run folded from the start up to a point.
fn folded(options: &RunOptions, played: &Played, told: u64) -> Fold {
    let mut fold = Fold::new(options, "test");
    for (frame, blob) in frames(played) {
        if !fold.frame(frame, blob, told).unwrap() {
            break;
        }
    }
    fold
}

#[test]
fn a_replay_tells_the_same_story() {
    for seed in 0..count() {
        for profile in [CALM, WILD] {
            let plan = draw(seed, profile);
            let options = options_of(&plan);
            let original = play(&options);
            let mut fold = Fold::new(&options, "test");
            let mut notices = Vec::new();
            for (frame, blob) in frames(&original) {
                assert!(fold.frame(frame, blob, u64::MAX).unwrap());
                notices.extend(fold.notices());
            }
            assert_eq!(export(&notices), export(&original.notices), "{}\nseed {seed}", plan.print());
            assert_eq!(fold.told() as usize, notices.len(), "every notice is counted");
        }
    }
}

#[test]
fn every_moment_is_the_fold_from_the_start() {
    for seed in 0..count() {
        let plan = draw(seed, if seed % 2 == 0 { CALM } else { WILD });
        let options = options_of(&plan);
        let original = play(&options);
        let timeline = Timeline::read(&options, "test", frames(&original)).unwrap();
        let all = original.notices.iter().filter(|notice| notice.seq.is_some()).count() as u64;
        assert_eq!(timeline.told(), all);
        let step = (all / 40).max(1);
        for told in (0..=all).step_by(step as usize).chain([all]) {
            let place = format!("{}\nseed {seed}, after {told} notices", plan.print());
            let moment = timeline.moment(told);
            let (mut orchestra, slot) = folded(&options, &original, told).seat();
            let nodes: Vec<_> = orchestra
                .nodes(slot)
                .into_iter()
                .map(|node| (node.path, node.status, node.attempt, node.outputs))
                .collect();
            let known: Vec<_> =
                moment.nodes().map(|node| (node.path, node.status, node.attempt, node.outputs)).collect();
            assert_eq!(known, nodes, "{place}");
            let run = orchestra.run(slot).unwrap();
            assert_eq!((moment.tally(), moment.spent(), moment.status()), (run.tally, run.budget.spent, run.status));
            assert_eq!(moment.outputs(), run.outputs, "{place}");
            assert_eq!(moment.reason(), run.halting.as_ref().map(|halting| halting.reason.as_str()), "{place}");
            if told > 0 {
                let last = original.notices.iter().find(|notice| notice.seq == Some(told - 1)).unwrap();
                assert_eq!(moment.time(), last.time, "{place}");
            }
            assert_eq!(moment.bodies().count() + usize::from(told > 0), run.blocks().count(), "{place}");
        }
    }
}

#[test]
fn points_are_found_by_event_time_and_part() {
    let original = stand::play_text(
        "format = 1\nname = \"t\"\n[node.a]\nuses = \"operator:test/do\"\nwith = { took = 10 }\nout = { x = \"int\" }\n\
         [node.b]\nuses = \"operator:test/do\"\nwith = { took = 30 }\nin = { x = \"a.x\" }\nout = { y = \"int\" }\n",
    );
    let text = "format = 1\nname = \"t\"\n[node.a]\nuses = \"operator:test/do\"\nwith = { took = 10 }\nout = { x = \"int\" }\n\
         [node.b]\nuses = \"operator:test/do\"\nwith = { took = 30 }\nin = { x = \"a.x\" }\nout = { y = \"int\" }\n";
    let options = stand::options(stand::score(text, &[]));
    let timeline = Timeline::read(&options, "test", frames(&original)).unwrap();
    // began, a started, a played, b started, b played, ended
    assert_eq!(timeline.told(), 6);
    assert_eq!(timeline.point(At::Event(0)), Some(1));
    assert_eq!(timeline.point(At::Event(5)), Some(6));
    assert_eq!(timeline.point(At::Event(6)), None);
    assert_eq!(timeline.point(At::Time(Time(9_999_999))), Some(2));
    assert_eq!(timeline.point(At::Time(Time(10_000_000))), Some(4));
    assert_eq!(timeline.point(At::Percent(50.0)), Some(4));
    assert_eq!(timeline.point(At::Percent(100.0)), Some(6));
    let status: Vec<_> = timeline.moment(4).nodes().map(|node| (node.path, node.status)).collect();
    assert_eq!(status, [("a".to_owned(), Status::Done), ("b".to_owned(), Status::Running)]);
}

/// A fork that was played on: what it came to, and the keys of its calls.
fn fork(options: &RunOptions, original: &Played, told: u64) -> Result<(Played, Vec<String>, Vec<String>), BranchError> {
    let mut new = options.clone();
    new.id = RunId::parse("fork").unwrap();
    let branch = branch(options, &new, frames(original), told)?;
    let frames: Vec<_> = (0..).zip(branch.frames).collect();
    let script = Arc::new(Script::default());
    let mut orchestra = Orchestra::new(parts_with(&script));
    let restored = Restored { checkpoint: None, frames: &frames, path: "test", play_on: true };
    let slot = restore(&mut orchestra, &new, &restored, None)?;
    orchestra.play_to_end(slot);
    let notices = orchestra.notices();
    let mut forked = played(&mut orchestra, slot, &new, notices);
    // The whole journal of the fork, for a fork of the fork.
    let mut all: Vec<_> = frames.into_iter().map(|(_, blob)| blob).collect();
    all.append(&mut forked.frames);
    forked.frames = all;
    Ok((forked, script.take().into_iter().map(|call| call.key).collect(), branch.anew))
}

/// Paths of the nodes that were done at a point and are no part of a body that was over by then.
fn done(options: &RunOptions, original: &Played, told: u64) -> BTreeSet<String> {
    let timeline = Timeline::read(options, "test", frames(original)).unwrap();
    timeline.moment(told).nodes().filter(|node| node.status == Status::Done).map(|node| node.path).collect()
}

#[test]
fn a_fork_at_any_event_comes_to_the_same() {
    for seed in 0..count() {
        let plan = draw(seed, CALM);
        let options = options_of(&plan);
        let original = play(&options);
        let all = original.notices.iter().filter(|notice| notice.seq.is_some()).count() as u64;
        let step = (all / 25).max(1);
        for told in (0..=all).step_by(step as usize).chain([all]) {
            let place = || format!("{}\nseed {seed}, forked after {told} notices", plan.print());
            let (forked, keys, _) = match fork(&options, &original, told) {
                Ok(forked) => forked,
                Err(BranchError::Undone { .. }) => continue,
                Err(error) => panic!("{}: {error}", place()),
            };
            assert_eq!(forked.status, original.status, "{}", place());
            if original.status == RunStatus::Completed {
                assert_eq!(forked.outputs, original.outputs, "{}", place());
                assert_eq!(forked.nodes, original.nodes, "{}", place());
            }
            let done = done(&options, &original, told);
            for key in &keys {
                let path = key.strip_prefix("fork/").unwrap_or_else(|| panic!("{}: key {key}", place()));
                let path = path.rsplit_once('/').unwrap().0;
                assert!(!done.contains(path), "{}: {path} plays again", place());
            }
        }
    }
}

#[test]
fn a_fork_of_a_fork_comes_to_the_same() {
    for seed in 0..count() / 2 {
        let plan = draw(seed, CALM);
        let options = options_of(&plan);
        let original = play(&options);
        let all = original.notices.iter().filter(|notice| notice.seq.is_some()).count() as u64;
        let Ok((first, ..)) = fork(&options, &original, all / 2) else { continue };
        let mut fold = Fold::new(&options, "test");
        for (frame, blob) in frames(&first) {
            fold.frame(frame, blob, u64::MAX).unwrap();
        }
        let Ok((second, ..)) = fork(&options, &first, fold.told() * 2 / 3) else { continue };
        assert_eq!(second.status, original.status, "{}\nseed {seed}", plan.print());
        if original.status == RunStatus::Completed {
            assert_eq!(second.outputs, original.outputs, "{}\nseed {seed}", plan.print());
        }
    }
}

#[test]
fn forks_of_wild_runs_end() {
    for seed in 0..count() {
        let plan = draw(seed, WILD);
        let options = options_of(&plan);
        let original = play(&options);
        let all = original.notices.iter().filter(|notice| notice.seq.is_some()).count() as u64;
        for told in [1, all / 4, all / 2, all * 3 / 4, all] {
            match fork(&options, &original, told) {
                Ok((forked, ..)) => {
                    assert_ne!(forked.status, RunStatus::Playing, "{}\nseed {seed}, {told}", plan.print());
                }
                Err(BranchError::Undone { .. }) => {}
                Err(error) => panic!("{}\nseed {seed}, after {told}: {error}", plan.print()),
            }
        }
    }
}

const BROKEN: &str = r#"
format = 1
name = "t"
[outputs]
sum = "c.y"
[node.a]
uses = "operator:test/do"
with = { add = 1 }
out = { x = "int" }
[node.b]
uses = "operator:test/do"
with = { add = 2, fail = -1 }
in = { x = "a.x" }
out = { y = "int" }
[node.c]
uses = "operator:test/do"
with = { add = 4 }
in = { x = "b.y" }
out = { y = "int" }
"#;

/// Forks the broken run at its end into a new text.
fn repaired(text: &str) -> Result<(BTreeMap<String, symphony_ecs_core::value::Value>, Vec<String>), BranchError> {
    let old = stand::options(stand::score(BROKEN, &[]));
    let original = play(&old);
    assert_eq!(original.status, RunStatus::Failed);
    let mut new = stand::options(stand::score(text, &[]));
    new.id = RunId::parse("fork").unwrap();
    let branch = branch(&old, &new, frames(&original), u64::MAX)?;
    assert_eq!(branch.anew, ["b"], "what failed plays anew");
    let frames: Vec<_> = (0..).zip(branch.frames).collect();
    let script = Arc::new(Script::default());
    let mut orchestra = Orchestra::new(parts_with(&script));
    let slot =
        restore(&mut orchestra, &new, &Restored { checkpoint: None, frames: &frames, path: "t", play_on: true }, None)?;
    orchestra.play_to_end(slot);
    let outputs = played(&mut orchestra, slot, &new, Vec::new()).outputs;
    Ok((outputs, script.take().into_iter().map(|call| call.key).collect()))
}

#[test]
fn a_failed_run_goes_on_with_its_repaired_melody() {
    let (outputs, keys) = repaired(&BROKEN.replace(", fail = -1", "")).unwrap();
    assert_eq!(outputs["sum"].as_int(), Some(7));
    assert_eq!(keys, ["fork/b/1", "fork/c/1"], "a is not played again");
}

#[test]
fn rows_move_when_the_repaired_melody_has_more_nodes() {
    let more = "[node.before]\nuses = \"operator:test/do\"\nwith = { add = 10 }\nout = { z = \"int\" }\n";
    let text = BROKEN.replace(", fail = -1", "").replace("[node.c]", &format!("{more}[node.c]"));
    let text = text.replace("in = { x = \"b.y\" }", "in = { x = \"b.y\", z = \"before.z\" }");
    let (outputs, keys) = repaired(&text).unwrap();
    assert_eq!(outputs["sum"].as_int(), Some(17));
    assert!(!keys.contains(&"fork/a/1".to_owned()), "{keys:?}");
}

#[test]
fn a_finished_node_must_be_the_same_in_the_new_text() {
    let error = |text: String| repaired(&text).unwrap_err().to_string();
    let renamed = BROKEN.replace("[node.a]", "[node.first]").replace("a.x", "first.x");
    assert_eq!(error(renamed), "a is finished, and is missing in the new text");
    let other = BROKEN.replacen("operator:test/do", "instrument:test/do", 1);
    assert_eq!(
        error(other),
        "a is finished, and is played by instrument:test/do instead of operator:test/do in the new text"
    );
    let ports = BROKEN.replacen("out = { x = \"int\" }", "out = { x = \"int\", w = \"int\" }", 1);
    assert_eq!(error(ports), "a is finished, and has other outputs in the new text");
    let waits = BROKEN.replacen("with = { add = 1 }", "with = { add = 1 }\nneeds = [\"new\"]", 1)
        + "[node.new]\nuses = \"operator:test/do\"\n";
    assert_eq!(error(waits), "a is finished, and waits for something unfinished in the new text");
}
