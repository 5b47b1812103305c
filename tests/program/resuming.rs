//! Stopped and gone on with: Ctrl-C, SIGKILL, two at once.

use crate::house::{House, ended, until};
use rustix::process::{Pid, Signal, kill_process};
use std::process::Child;

/// Twenty small steps by a shell, each of which leaves a line where it was played.
const STEPS: &str = r#"
format = 1
name   = "steps"
limits = { parallel = 2 }
[outputs]
done = "last.stdout"
[node.numbers]
uses = "builtin:value/range"
with = { from = 0, to = 20 }
[node.step]
map  = { over = "numbers.list", as = "number" }
uses = "operator:shell/run"
in   = { number = "number" }
with = { command = 'sleep 0.05; echo "$IN_NUMBER" >> played.txt; echo "$IN_NUMBER"' }
[node.last]
uses  = "operator:shell/run"
needs = ["step"]
with  = { command = "echo finished" }
"#;

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    kill_process(pid, signal).expect("the signal is sent");
}

/// How many of the steps were played, and how many of them twice.
fn played(house: &House) -> (usize, usize) {
    let text = house.read("played.txt");
    let mut lines: Vec<&str> = text.lines().collect();
    let all = lines.len();
    lines.sort_unstable();
    lines.dedup();
    (lines.len(), all - lines.len())
}

#[test]
fn ctrl_c_is_a_clean_stop_that_resumes() {
    let house = House::new();
    house.write("steps.melody.toml", STEPS);
    let mut child = house.start_into(&["play", "steps.melody.toml", "--json"], "out.jsonl");
    until("a few steps were played", || played(&house).0 >= 4);
    signal(&child, Signal::INT);
    assert_eq!(ended(&mut child), Some(130));
    let out = house.read("out.jsonl");
    let summary: serde_json::Value = serde_json::from_str(out.lines().last().expect("lines")).expect("JSON");
    assert_eq!((&summary["status"], &summary["resumable"]), (&"cancelled".into(), &true.into()));
    assert_eq!(house.expect(0, &["runs", "--json"]).lines[0]["status"], "interrupted");
    let resumed = house.expect(0, &["resume", "last", "--json"]).lines;
    assert_eq!(resumed.last().expect("a summary")["status"], "completed");
    let (steps, twice) = played(&house);
    assert_eq!(steps, 20);
    // Only what was in flight may be played again.
    assert!(twice <= 2, "{twice} steps were played twice");
}

#[test]
fn a_killed_run_goes_on_where_it_was() {
    let house = House::new();
    house.write("steps.melody.toml", STEPS);
    let mut child = house.start_into(&["play", "steps.melody.toml", "--json"], "out.jsonl");
    until("a few steps were played", || played(&house).0 >= 6);
    signal(&child, Signal::KILL);
    assert_eq!(ended(&mut child), None);
    // The melody has changed in the meantime; the run goes on with what it began with.
    house.write("steps.melody.toml", "this is no melody any more");
    let resumed = house.expect(0, &["resume", "last", "--json"]).lines;
    let summary = resumed.last().expect("a summary");
    assert_eq!(summary["status"], "completed");
    assert_eq!(summary["played"], summary["nodes"]);
    assert!(resumed.iter().any(|line| line["event"] == "run_resumed"), "{resumed:?}");
    let (steps, twice) = played(&house);
    assert_eq!(steps, 20);
    assert!(twice <= 2, "{twice} steps were played twice");
    assert_eq!(house.expect(0, &["show", "last", "--output", "done"]).stdout, "finished\n");
}

#[test]
fn a_run_has_one_owner() {
    let house = House::new();
    house.write("steps.melody.toml", STEPS);
    let mut child = house.start_into(&["play", "steps.melody.toml", "--plain"], "out.txt");
    until("a step was played", || played(&house).0 >= 1);
    let said = house.expect(4, &["resume", "last"]);
    assert!(said.stderr.contains(&format!("pid {}", child.id())), "{}", said.stderr);
    // Looking is allowed.
    assert_eq!(house.expect(0, &["runs", "--json"]).lines[0]["status"], "playing");
    house.expect(0, &["show", "last"]);
    let said = house.expect(0, &["cancel", "last"]);
    assert!(said.stdout.contains("cancelling"), "{}", said.stdout);
    assert_eq!(ended(&mut child), Some(130));
    assert_eq!(house.expect(0, &["runs", "--json"]).lines[0]["status"], "cancelled");
    // Cancelled is for good.
    house.expect(130, &["resume", "last"]);
}

#[test]
fn cancelling_a_run_that_nobody_plays_is_kept_for_it() {
    let house = House::new();
    house.write("steps.melody.toml", STEPS);
    let mut child = house.start_into(&["play", "steps.melody.toml", "--plain"], "out.txt");
    until("a step was played", || played(&house).0 >= 1);
    signal(&child, Signal::KILL);
    ended(&mut child);
    let said = house.expect(0, &["cancel", "last"]);
    assert!(said.stdout.contains("nobody plays it"), "{}", said.stdout);
    house.expect(130, &["resume", "last"]);
    assert_eq!(house.expect(0, &["runs", "--json"]).lines[0]["status"], "cancelled");
}
