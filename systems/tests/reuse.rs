//! Re-running: what is clean is taken over, what changed plays, and a run that was cut in between comes to the same.

mod stand;

use stand::plan::{Profile, draw};
use stand::{Played, Script, options, options_of, parts_with, played, score};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use symphony_ecs_core::events::{RunStatus, What};
use symphony_ecs_core::identity::CallIdentity;
use symphony_ecs_core::ids::RunId;
use symphony_ecs_core::ports::{FinishedCall, ReusePort};
use symphony_ecs_core::value::{Digest, Value};
use symphony_systems::restore::{Restored, restore};
use symphony_systems::run::Fate;
use symphony_systems::{Orchestra, Pulse, ReuseRule, Reusing, RunOptions};

/// Results in memory: those of earlier runs are found, those of this one are kept for the next.
#[derive(Default)]
struct Memory {
    known: BTreeMap<Digest, FinishedCall>,
    kept: Mutex<BTreeMap<Digest, FinishedCall>>,
}

impl ReusePort for Memory {
    fn find(&self, call: &CallIdentity) -> Option<FinishedCall> {
        self.known.get(&call.whole).cloned()
    }
    fn keep(&self, call: &CallIdentity, finished: FinishedCall) {
        self.kept.lock().unwrap().insert(call.whole, finished);
    }
}

impl Memory {
    /// What the next run finds.
    fn next(&self) -> Self {
        let mut known = self.known.clone();
        known.extend(self.kept.lock().unwrap().clone());
        Self { known, kept: Mutex::default() }
    }
}

fn reusing(options: &RunOptions, results: &Arc<Memory>, rules: Vec<ReuseRule>) -> RunOptions {
    let results = Arc::clone(results) as Arc<dyn ReusePort>;
    RunOptions { reusing: Some(Arc::new(Reusing { results, rules, seed: None })), ..options.clone() }
}

/// One playing with what earlier ones kept.
struct Life {
    played: Played,
    calls: Vec<String>,
    reused: u64,
    count: u64,
    results: Arc<Memory>,
}

fn live(options: &RunOptions, before: Option<&Life>) -> Life {
    live_with(options, before, Vec::new())
}

fn live_with(options: &RunOptions, before: Option<&Life>, rules: Vec<ReuseRule>) -> Life {
    let results = Arc::new(before.map(|life| life.results.next()).unwrap_or_default());
    let options = reusing(options, &results, rules);
    let script = Arc::new(Script::default());
    let mut orchestra = Orchestra::new(parts_with(&script));
    let slot = orchestra.play(&options, None);
    orchestra.play_to_end(slot);
    let notices = orchestra.notices();
    let tally = orchestra.tally(slot);
    let played = played(&mut orchestra, slot, &options, notices);
    let mut calls: Vec<String> = script.take().into_iter().map(|call| call.path).collect();
    calls.sort();
    Life { played, calls, reused: tally.reused, count: tally.played, results }
}

const HEAD: &str = "format = 1\nname = \"m\"\n";

/// A node that adds its parameter to what it takes.
fn adds(id: &str, add: i64, rest: &str) -> String {
    format!("[node.{id}]\nuses = \"operator:test/do\"\nwith = {{ add = {add} }}\nout = {{ x = \"int\" }}\n{rest}\n")
}

fn diamond(left: i64, top: i64) -> RunOptions {
    let text = format!(
        "{HEAD}[outputs]\nx = \"end.x\"\n{}{}{}{}",
        adds("top", top, ""),
        adds("left", left, "in = { a = \"top.x\" }"),
        adds("right", 5, "in = { a = \"top.x\" }"),
        "[node.end]\nuses = \"builtin:test/sum\"\nin = { l = \"left.x\", r = \"right.x\" }\nout = { x = \"int\" }\n"
    );
    options(score(&text, &[]))
}

#[test]
fn an_edit_plays_what_follows_from_it_and_taking_it_back_plays_nothing() {
    let first = live(&diamond(1, 2), None);
    assert_eq!((first.calls.join(" "), first.reused), ("left right top".to_owned(), 0));
    let same = live(&diamond(1, 2), Some(&first));
    assert_eq!((same.calls.len(), same.count, same.reused), (0, 0, 4));
    assert_eq!(same.played.outputs, first.played.outputs);
    let edited = live(&diamond(7, 2), Some(&same));
    assert_eq!((edited.calls.join(" "), edited.count, edited.reused), ("left".to_owned(), 2, 2));
    let back = live(&diamond(1, 2), Some(&edited));
    assert_eq!((back.calls.len(), back.reused), (0, 4));
    // The top gives another number: everything follows.
    let other = live(&diamond(1, 3), Some(&back));
    assert_eq!(other.calls.join(" "), "left right top");
}

#[test]
fn a_node_that_plays_and_gives_the_same_leaves_what_follows_clean() {
    let melody = |reuse: &str| {
        let text = format!("{HEAD}{}{}", adds("look", 1, reuse), adds("use_it", 2, "in = { a = \"look.x\" }"));
        options(score(&text, &[]))
    };
    let first = live(&melody("reuse = false"), None);
    let second = live(&melody("reuse = false"), Some(&first));
    assert_eq!((second.calls.join(" "), second.reused), ("look".to_owned(), 1));
    let third = live(&melody("reuse = true"), Some(&second));
    assert_eq!((third.calls.len(), third.reused), (0, 2));
}

#[test]
fn what_can_be_undone_and_what_a_fallback_gave_is_played_again() {
    let undo = "undo = { uses = \"operator:test/do\" }";
    let spare =
        "[node.b]\nuses = [\"instrument:test/do\", \"operator:test/do\"]\nwith = { fail = 1 }\nout = { x = \"int\" }\n";
    let options = options(score(&format!("{HEAD}{}{spare}", adds("a", 1, undo)), &[]));
    let first = live(&options, None);
    assert_eq!((first.played.status, first.calls.join(" ")), (RunStatus::Completed, "a b b".to_owned()));
    let second = live(&options, Some(&first));
    assert_eq!((second.calls.join(" "), second.reused), ("a b b".to_owned(), 0));
}

#[test]
fn nobody_is_asked_about_what_does_not_play() {
    let approve = "approve = { by = \"human\", timeout = \"1s\", else = \"skip\" }";
    let plain = options(score(&format!("{HEAD}{}", adds("a", 1, "")), &[]));
    let asking = options(score(&format!("{HEAD}{}", adds("a", 1, approve)), &[]));
    let first = live(&plain, None);
    let second = live(&asking, Some(&first));
    assert_eq!((second.reused, second.played.story("approval_asked").len()), (1, 0));
    let fresh = live_with(&asking, Some(&second), vec![ReuseRule::Anew]);
    assert_eq!((fresh.reused, fresh.played.story("approval_asked").len()), (0, 1));
}

#[test]
fn bodies_are_reused_node_by_node_and_count_as_reused_when_all_of_them_is() {
    let body = |add: i64| {
        format!(
            "{HEAD}[inputs]\na = {{ type = \"int\", default = 0 }}\n[outputs]\nx = \"two.x\"\n{}{}",
            adds("one", 1, "in = { a = \"inputs.a\" }"),
            adds("two", add, "in = { a = \"one.x\" }")
        )
    };
    let melody = |add: i64, items: &str| {
        let text = format!(
            "{HEAD}[outputs]\nx = \"each.x\"\ny = \"again.x\"\n\
             [node.list]\nuses = \"operator:test/do\"\nwith = {{ give = {{ xs = [{items}] }} }}\nout = {{ xs = \"list<int>\" }}\n\
             [node.each]\nuses = \"melody:body\"\nmap = {{ over = \"list.xs\" }}\nin = {{ a = \"item\" }}\nout = {{ x = \"int\" }}\n\
             [node.again]\nloop = {{ body = \"body\", carry = {{ x = \"a\" }}, max = 3 }}\nout = {{ x = \"int\" }}\n"
        );
        options(score(&text, &[("body", &body(add))]))
    };
    let first = live(&melody(1, "10, 20"), None);
    assert_eq!((first.calls.len(), first.reused), (1 + 4 + 6, 0));
    let second = live(&melody(1, "10, 20"), Some(&first));
    assert_eq!((second.calls.len(), second.count), (0, 0), "{:?}", second.played.story("node_played"));
    assert_eq!(second.played.outputs, first.played.outputs);
    // A new item in front plays alone.
    let third = live(&melody(1, "5, 10, 20"), Some(&second));
    assert_eq!(third.calls.join(" "), "each[0].one each[0].two list");
    assert!(third.played.story("node_played").contains(&"each".to_owned()));
    assert!(third.played.story("node_reused").contains(&"again".to_owned()));
    // An edit of the body plays what follows from it in each of its playings.
    let fourth = live(&melody(2, "5, 10, 20"), Some(&third));
    let twos = fourth.calls.iter().filter(|path| path.ends_with("two")).count();
    assert_eq!(
        (twos, fourth.calls.iter().filter(|path| path.starts_with("each") && path.ends_with("one")).count()),
        (6, 0)
    );
}

#[test]
fn rules_hold_for_nodes_and_what_plays_within_them() {
    let options = diamond(1, 2);
    let first = live(&options, None);
    let row = |id: &str| options.score.row_of(id).unwrap().ix();
    let mut rules = vec![ReuseRule::Clean; 4];
    rules[row("left")] = ReuseRule::Anew;
    let second = live_with(&options, Some(&first), rules);
    assert_eq!(second.calls.join(" "), "left");
    let mut asked = vec![false; 4];
    asked[row("top")] = true;
    let part = live(&RunOptions { asked, ..options.clone() }, None);
    assert_eq!(part.calls.join(" "), "top");
    assert_eq!(part.played.story("node_skipped").len(), 3);
}

#[test]
fn a_result_that_does_not_fit_its_ports_any_more_is_not_taken() {
    let first = live(&diamond(1, 2), None);
    let mut results = first.results.next();
    results.known.values_mut().for_each(|known| known.outputs = vec![Value::text("no number")]);
    let life = Life { results: Arc::new(results), ..first };
    assert_eq!(live(&diamond(1, 2), Some(&life)).calls.len(), 3);
}

#[test]
fn sketches_say_what_each_call_was_made_of() {
    let first = live(&diamond(1, 2), None);
    let results = Arc::new(first.results.next());
    let options = RunOptions { sketches: true, ..reusing(&diamond(7, 2), &results, Vec::new()) };
    let mut orchestra = Orchestra::new(parts_with(&Arc::default()));
    let slot = orchestra.play(&options, None);
    orchestra.play_to_end(slot);
    let sketches = orchestra.run(slot).unwrap().sketches.as_ref().unwrap();
    let run = RunId::new(0, 7);
    assert_eq!(sketches["top"].fate, Fate::Reused(run));
    assert_eq!(sketches["left"].fate, Fate::Played);
    assert_eq!(sketches["left"].inputs, [(Arc::from("a"), Value::Int(2))]);
}

/// `SYMPHONY_LONG=1` plays ten times as many.
#[test]
fn drawn_melodies_played_again_come_to_the_same_with_fewer_calls() {
    let calm = Profile { races: false, halts: false, parallel: false, budget: false };
    let seeds = if std::env::var_os("SYMPHONY_LONG").is_some() { 0..3_000 } else { 0..300 };
    let (mut before, mut after) = (0, 0);
    for seed in seeds {
        let options = options_of(&draw(seed, calm));
        let first = live(&options, None);
        let second = live(&options, Some(&first));
        assert_eq!(second.played.status, first.played.status, "seed {seed}");
        assert_eq!(second.played.words(), first.played.words(), "seed {seed}");
        assert_eq!(second.played.outputs, first.played.outputs, "seed {seed}");
        let mut left = first.calls.clone();
        for call in &second.calls {
            let place = left.iter().position(|known| known == call);
            left.remove(place.unwrap_or_else(|| panic!("seed {seed}: {call} was not called before")));
        }
        before += first.calls.len();
        after += second.calls.len();
        let plain = {
            let mut orchestra = Orchestra::new(parts_with(&Arc::default()));
            let slot = orchestra.play(&options, None);
            orchestra.play_to_end(slot);
            let notices = orchestra.notices();
            stand::export(&notices)
        };
        assert_eq!(stand::export(&first.played.notices), plain, "seed {seed}: keeping changes nothing");
    }
    println!("{before} calls at first, {after} again");
    // What failed, was undone, or was played by a fallback plays again; the melodies are full of such.
    assert!(after * 3 < before * 2, "{after} of {before} calls were made again");
}

#[test]
fn a_run_that_reuses_is_restored_from_any_frame() {
    let calm = Profile { races: false, halts: false, parallel: false, budget: false };
    for seed in 0..60 {
        let options = options_of(&draw(seed, calm));
        let first = live(&options, None);
        let results = Arc::new(first.results.next());
        let options = reusing(&options, &results, Vec::new());
        let mut orchestra = Orchestra::new(parts_with(&Arc::default()));
        let slot = orchestra.play(&options, None);
        let (mut frames, mut checkpoints) = (Vec::new(), BTreeMap::new());
        while orchestra.status(slot) == RunStatus::Playing || orchestra.pulse() == Pulse::Beat {
            orchestra.frame();
            frames.extend(orchestra.sealed(slot));
            if orchestra.status(slot) == RunStatus::Playing {
                checkpoints.extend(orchestra.checkpoint(slot));
            }
        }
        let tally = orchestra.tally(slot);
        let notices = orchestra.notices();
        let whole = played(&mut orchestra, slot, &options, notices);
        let frames: Vec<(u64, Vec<u8>)> = (0..).zip(frames).collect();
        for cut in 0..=frames.len() {
            for checkpoint in [None, checkpoints.range(..cut as u64).next_back()] {
                let from = checkpoint.map_or(0, |(frame, _)| *frame as usize + 1);
                let checkpoint = checkpoint.map(|(frame, blob)| (*frame, blob.clone()));
                let restored = Restored { checkpoint, frames: &frames[from..cut], path: "test", play_on: true };
                let mut orchestra = Orchestra::new(parts_with(&Arc::default()));
                let slot = restore(&mut orchestra, &options, &restored, None).unwrap();
                orchestra.play_to_end(slot);
                assert_eq!(orchestra.tally(slot), tally, "seed {seed}, cut after {cut}");
                let notices = orchestra.notices();
                let again = played(&mut orchestra, slot, &options, notices);
                assert_eq!(
                    (again.status, again.words()),
                    (whole.status, whole.words()),
                    "seed {seed}, cut after {cut}"
                );
                assert_eq!(again.outputs, whole.outputs, "seed {seed}, cut after {cut}");
                let reused = |played: &Played| {
                    played.notices.iter().filter(|notice| matches!(notice.what, What::NodeReused { .. })).count()
                };
                assert!(reused(&again) <= reused(&whole));
            }
        }
    }
}
