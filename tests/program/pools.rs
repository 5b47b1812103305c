//! Pools of players, as a person sees them: in a run that plays, and from what was learned when it is over.

use crate::house::{House, ended, until};
use serde_json::Value as Json;
use std::path::Path;

const MELODY: &str = r#"
format = 1
name = "counted"
[inputs]
text = { type = "text", default = "one two three" }
[outputs]
path = "keep.path"
[node.count]
uses = "operator:word-count/count"
in = { text = "inputs.text" }
[node.keep]
uses = "operator:file/write"
in = { path = { value = "kept.txt" }, text = "inputs.text" }
needs = ["count"]
approve = { by = "human", timeout = "1d" }
"#;

fn house() -> House {
    let house = House::new();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/extensions/word-count");
    for file in ["Symphony.toml", "player.py"] {
        house.write(&format!(".symphony/extensions/word-count/{file}"), std::fs::read(example.join(file)).unwrap());
    }
    house.write("m.melody.toml", MELODY);
    house
}

fn pools(house: &House) -> Json {
    house.expect(0, &["pit", "pool", "--json"]).summary().clone()
}

fn pool<'a>(told: &'a Json, player: &str) -> Option<&'a Json> {
    told["pools"].as_array()?.iter().find(|pool| pool["player"] == player)
}

fn ready(told: &Json, player: &str) -> usize {
    let seats = pool(told, player).and_then(|pool| pool["seats"].as_array());
    seats.map_or(0, |seats| seats.iter().filter(|seat| seat["life"] == "ready").count())
}

/// Processes of the script player in this folder.
fn script_players(house: &House) -> Vec<i32> {
    let here = house.path().canonicalize().unwrap();
    let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let plays = |pid: &i32| {
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        command.windows(9).any(|window| window == b"player.py") && cwd == here
    };
    all.filter(plays).collect()
}

#[test]
fn a_live_run_tells_who_is_warm_and_why_and_survives_their_death() {
    let house = house();
    let mut child = house.start_into(&["play", "m.melody.toml", "--plain"], "out.txt");
    house.wait_for("out.txt", "waits    keep");
    until("both players are warm", || {
        let told = pools(&house);
        ready(&told, "operator:word-count") == 1 && ready(&told, "operator:file") == 1
    });
    let told = pools(&house);
    assert_eq!(told["run"], house.runs()[0].as_str());
    assert_eq!(pool(&told, "operator:file").unwrap()["metrics"]["ahead"], 1, "started while the one before it played");
    let words = house.expect(0, &["pit", "pool", "why", "operator:word-count"]).stdout;
    assert!(words.contains("1 ready") && words.contains("1 calls, 1 of them cold"), "{words}");
    house.expect(2, &["pit", "pool", "why", "operator:nobody"]);
    house.expect(2, &["pit", "pool", "warm", "operator:nobody"]);
    let said = house.expect(0, &["pit", "pool", "warm", "operator:word-count", "--seats", "2", "--json"]);
    assert_eq!(said.summary()["started"], 1);
    until("two are ready", || ready(&pools(&house), "operator:word-count") == 2);
    let victims = script_players(&house);
    assert_eq!(victims.len(), 2);
    for victim in victims {
        let pid = rustix::process::Pid::from_raw(victim).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
    until("their death is told", || {
        let told = pools(&house);
        pool(&told, "operator:word-count").unwrap()["metrics"]["failures"] == serde_json::json!([["ready", 2]])
    });
    house.expect(0, &["approve", "last", "keep"]);
    assert_eq!(ended(&mut child), Some(0), "{}", house.read("out.txt"));
    assert_eq!(house.read("kept.txt"), "one two three");
}

#[test]
fn what_was_learned_is_kept_shown_and_forgotten() {
    let house = house();
    house.write("m.melody.toml", MELODY.replace("approve = { by = \"human\", timeout = \"1d\" }\n", ""));
    for _ in 0..2 {
        house.expect(0, &["play", "m.melody.toml", "--fresh"]);
    }
    let told = pools(&house);
    assert_eq!((told["run"].is_null(), &told["runs_learned"]), (true, &serde_json::json!(2)));
    let players: Vec<&str> =
        told["players"].as_array().unwrap().iter().filter_map(|player| player["player"].as_str()).collect();
    assert_eq!(players, ["operator:word-count", "operator:file"]);
    let why = house.expect(0, &["pit", "pool", "why", "operator:file", "--json"]);
    let expected = why.summary()["expected"].as_array().unwrap();
    let after = |place: &&Json| place["melody"] == "counted" && place["after"] == "operator:word-count";
    let place = expected.iter().find(after).unwrap_or_else(|| panic!("{expected:?}"));
    assert!(place["probability"].as_f64().unwrap() > 0.7, "{place}");
    house.expect(2, &["pit", "pool", "warm", "operator:file"]);
    house.expect(0, &["pit", "pool", "forget", "operator:file"]);
    let why = house.expect(0, &["pit", "pool", "why", "operator:file", "--json"]);
    assert_eq!(why.summary()["expected"], serde_json::json!([]));
    house.expect(2, &["pit", "pool", "forget", "nobody"]);
    // A damaged memory is told of and harms no run.
    house.write(".symphony/pit/pool.json", "{\"version\":1,");
    let said = house.expect(0, &["play", "m.melody.toml", "--fresh"]);
    assert!(said.stderr.contains("warning:") && said.stderr.contains("pool.json"), "{}", said.stderr);
    house.expect(4, &["pit", "pool"]);
    house.expect(0, &["pit", "pool", "forget", "--all"]);
    assert_eq!(pools(&house)["runs_learned"], 0);
    house.write(".symphony/pit/pool.json", "{\"version\":99}");
    let said = house.expect(4, &["pit", "pool"]);
    assert!(said.stderr.contains("its version is 99"), "{}", said.stderr);
}
