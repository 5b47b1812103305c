//! What a person does to a run from outside: approves, cancels, presses Ctrl-C, resumes, looks.

mod house;

use house::{House, Said};
use std::io::{BufRead as _, BufReader};
use std::process::Child;

const APPROVAL: &str = r#"
format = 1
name = "approval"
[outputs]
done = "ship.stdout"
[node.build]
uses = "operator:shell/run"
with = { command = "printf built" }
[node.ship]
uses = "operator:shell/run"
in = { stdin = "build.stdout" }
with = { command = "cat" }
approve = { by = "human", timeout = "1h", else = "skip" }
"#;

/// Reads a child's JSON lines until one is of this kind; gives the run's id and the reader for the rest.
fn wait_for(child: &mut Child, event: &str) -> (String, Vec<String>, BufReader<std::process::ChildStdout>) {
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0, "ended before {event}: {lines:?}");
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        lines.push(line);
        if json["event"] == event {
            return (json["run"].as_str().unwrap().to_owned(), lines, reader);
        }
    }
}

fn last_of(child: &mut Child, mut rest: BufReader<std::process::ChildStdout>) -> serde_json::Value {
    let mut text = String::new();
    std::io::Read::read_to_string(&mut rest, &mut text).unwrap();
    child.wait().unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

#[test]
fn a_person_approves_over_the_socket() {
    let house = House::new();
    house.write("m.melody.toml", APPROVAL);
    let mut child = house.start(&["play", "m.melody.toml", "--json"]);
    let (run, _, rest) = wait_for(&mut child, "approval_asked");
    let wrong = house.say(&["approve", &run, "build"]);
    assert_ne!(wrong.code, Some(0));
    assert!(wrong.stderr.contains("ship"), "it names the node that waits: {}", wrong.stderr);
    let said = house.say(&["approve", &run, "ship"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let summary = last_of(&mut child, rest);
    assert_eq!((summary["status"].as_str(), summary["played"].as_u64()), (Some("completed"), Some(2)));
}

#[test]
fn an_approval_left_while_nobody_plays_is_found_on_resume() {
    let house = House::new();
    house.write("m.melody.toml", APPROVAL);
    let mut child = house.start(&["play", "m.melody.toml", "--json"]);
    let (run, _, rest) = wait_for(&mut child, "approval_asked");
    child.kill().unwrap();
    drop(rest);
    child.wait().unwrap();
    let said = house.say(&["approve", &run, "ship"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let said = house.say(&["resume", &run, "--json"]);
    assert_eq!(said.summary()["status"], "completed", "{} {}", said.stdout, said.stderr);
    assert_eq!(said.nodes("node_played"), ["ship"], "build was committed and does not play again");
}

#[test]
fn ctrl_c_stops_cleanly_and_resumes() {
    let house = House::new();
    house.write("m.melody.toml", APPROVAL.replace("printf built", "sleep 30; printf built"));
    let mut child = house.start(&["play", "m.melody.toml", "--json"]);
    let (run, _, rest) = wait_for(&mut child, "node_started");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let summary = last_of(&mut child, rest);
    assert_eq!((summary["status"].as_str(), summary["resumable"].as_bool()), (Some("cancelled"), Some(true)));
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let listed = house.say(&["runs"]);
    assert!(listed.stdout.contains(&run) && listed.stdout.contains("interrupted"), "{}", listed.stdout);
    let cancelled = house.say(&["cancel", &run]);
    assert_eq!(cancelled.code, Some(0), "{}", cancelled.stderr);
    let said = house.say(&["resume", &run, "--json"]);
    assert_eq!(said.summary()["status"], "cancelled", "{} {}", said.stdout, said.stderr);
}

#[test]
fn a_run_belongs_to_one_process() {
    let house = House::new();
    house.write("m.melody.toml", APPROVAL);
    let mut child = house.start(&["play", "m.melody.toml", "--json"]);
    let (run, _, rest) = wait_for(&mut child, "approval_asked");
    let second = house.say(&["resume", &run]);
    assert_eq!(second.code, Some(4));
    assert!(second.stderr.contains("another process"), "{}", second.stderr);
    let shown = house.say(&["show", &run]);
    assert_eq!(shown.code, Some(0), "a run can be looked at while it plays: {}", shown.stderr);
    assert!(shown.stdout.contains("ship"));
    house.say(&["cancel", &run]);
    let summary = last_of(&mut child, rest);
    assert_eq!(summary["status"], "cancelled");
}

#[test]
fn a_finished_run_ends_the_same_way_when_resumed() {
    let house = House::new();
    house.write("m.melody.toml", "format = 1\nname = \"x\"\n[outputs]\nt = \"a.text\"\n[node.a]\nuses = \"builtin:template/render\"\nwith = { template = \"hi\" }\n");
    let played: Said = house.say(&["play", "m.melody.toml", "--json"]);
    let run = played.summary()["run"].as_str().unwrap().to_owned();
    let again = house.say(&["resume", &run, "--json"]);
    for key in ["run", "status", "nodes", "played", "skipped", "failed", "artifacts"] {
        assert_eq!(again.summary()[key], played.summary()[key], "{key}");
    }
}
