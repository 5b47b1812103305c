//! `symphony pit dag`: the critical path of a run, what it taught, plans for losses, and rewiring while it plays.

use crate::house::{House, ended};
use serde_json::Value as Json;

/// A slow node that holds `after` up, beside a quick one; `gate` ends when the file `go` is there.
const MELODY: &str = r#"format = 1
name = "tracked"

[outputs]
last = "after.stdout"

[node.gate]
uses = "operator:shell/run"
with.command = "while [ ! -e go ]; do sleep 0.05; done; echo open"
estimate = { seconds = 40.0 }

[node.quick]
uses = "operator:shell/run"
with.command = "echo quick"
estimate = { seconds = 1.0 }

[node.after]
uses = "operator:shell/run"
with.command = "cat; echo after"
in.stdin = "gate.stdout"
needs = ["quick"]
"#;

fn playing() -> (House, std::process::Child) {
    let house = House::new();
    house.write("tracked.melody.toml", MELODY);
    let child = house.start_into(&["play", "tracked.melody.toml", "--plain", "--fresh"], "out.txt");
    house.wait_for("out.txt", "played   quick");
    (house, child)
}

fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn node<'j>(look: &'j Json, id: &str) -> &'j Json {
    look["nodes"].as_array().and_then(|nodes| nodes.iter().find(|node| node["node"] == id)).expect("the node")
}

#[test]
fn a_live_run_shows_its_critical_path_and_what_it_taught_is_kept() {
    let (house, mut child) = playing();
    let look = json(&house.expect(0, &["pit", "dag", "last", "--json"]).stdout);
    assert_eq!(look["critical"], serde_json::json!(["gate", "after"]), "{look}");
    assert_eq!(node(&look, "gate")["slack_s"], 0.0);
    assert!(look["end_s"].as_f64().is_some_and(|end| end >= 40.0), "{look}");
    let said = house.expect(0, &["pit", "dag"]);
    assert!(
        said.stdout.contains("critical path") && said.stdout.contains("if its nodes take as long"),
        "{}",
        said.stdout
    );
    house.write("go", "");
    assert_eq!(ended(&mut child), Some(0));
    let look = json(&house.expect(0, &["pit", "dag", "last", "--json"]).stdout);
    assert_eq!(look["status"], "completed");
    assert!(look["end_s"].as_f64().is_some_and(|end| end < 40.0), "what happened counts: {look}");
    let kinds = json(&house.expect(0, &["pit", "dag", "kinds", "--json"]).stdout);
    assert_eq!(kinds["kinds"][0]["plays"], "operator:shell/run", "{kinds}");
    assert_eq!(kinds["kinds"][0]["finished"], 3, "{kinds}");
    house.write(".symphony/pit/dag.json", "{");
    let said = house.expect(0, &["pit", "dag", "kinds"]);
    assert!(said.stderr.contains("damaged") && said.stdout.contains("nothing has been learned"), "{}", said.stderr);
}

#[test]
fn a_run_is_rewired_while_it_plays_and_its_journal_knows() {
    let (house, mut child) = playing();
    house.write("add.toml", "[node.between]\nuses = \"operator:shell/run\"\nwith.command = \"cat; echo between\"\nin.stdin = \"gate.stdout\"\n");
    house.write("after.toml", "[node.after]\nuses = \"operator:shell/run\"\nwith.command = \"cat; echo end\"\nin.stdin = \"between.stdout\"\n");
    let refused = |arguments: &[&str], why: &str| {
        let said = house.expect(2, &[&["pit", "dag", "reroute", "last"], arguments].concat());
        assert!(said.stderr.contains(why), "{why} in {}", said.stderr);
    };
    refused(&["--remove", "gate"], "after");
    refused(&["--remove", "nothing"], "there is no node `nothing`");
    refused(&["--add", "after.toml"], "there is a node `after` already");
    house.write("circle.toml", "[node.x]\nuses = \"operator:shell/run\"\nwith.command = \"cat\"\nin.stdin = \"y.stdout\"\n[node.y]\nuses = \"operator:shell/run\"\nwith.command = \"cat\"\nin.stdin = \"x.stdout\"\n");
    refused(&["--add", "circle.toml"], "mistakes");
    house.write("types.toml", "[node.x]\nuses = \"builtin:value/sum\"\nin.values = \"gate.stdout\"\n");
    refused(&["--add", "types.toml"], "mistakes");
    house.write("gate.toml", "[node.gate]\nuses = \"operator:shell/run\"\nwith.command = \"echo no\"\n");
    refused(&["--replace", "gate.toml"], "`gate` is running: only nodes that have not begun can be changed");
    let words =
        ["pit", "dag", "reroute", "last", "--add", "add.toml", "--replace", "after.toml", "--by", "ada", "--json"];
    let done = json(&house.expect(0, &words).stdout);
    assert_eq!(done["edit"]["added"][0], "between", "{done}");
    assert_eq!(done["edit"]["replaced"][0], "after", "{done}");
    house.wait_for("out.txt", "rewired by ada: came between; replaced after");

    // Killed and resumed, it goes on with the edited melody.
    child.kill().expect("a signal");
    ended(&mut child);
    house.write("go", "");
    house.expect(0, &["resume", "last"]);
    let said = house.expect(0, &["show", "last", "--output", "last"]);
    assert_eq!(said.stdout, "open\nbetween\nend\n");
    let look = json(&house.expect(0, &["pit", "dag", "last", "--json"]).stdout);
    assert_eq!(look["critical"], serde_json::json!(["gate", "between", "after"]), "{look}");
    let replay = house.expect(0, &["replay", "last", "--plain"]);
    assert!(replay.stdout.contains("rewired by ada"), "{}", replay.stdout);
    let before = house.expect(0, &["show", "last", "--at", "0"]);
    assert!(!before.stdout.contains("between"), "{}", before.stdout);
    let after = house.expect(0, &["show", "last", "--at", "100%"]);
    assert!(after.stdout.contains("between"), "{}", after.stdout);
}

#[test]
fn an_edit_waits_for_the_next_owner() {
    let (house, mut child) = playing();
    child.kill().expect("a signal");
    ended(&mut child);
    house.write("more.toml", "[node.more]\nuses = \"operator:shell/run\"\nwith.command = \"echo more\"\n");
    let said = house.expect(0, &["pit", "dag", "reroute", "last", "--add", "more.toml"]);
    assert!(said.stdout.contains("kept"), "{}", said.stdout);
    house.write("go", "");
    house.expect(0, &["resume", "last"]);
    let said = house.expect(0, &["show", "last"]);
    assert!(said.stdout.contains("more"), "{}", said.stdout);
}

#[test]
fn plans_say_what_to_play_again_in_which_order_and_who_is_stranded() {
    let (house, mut child) = playing();
    let plan =
        json(&house.expect(0, &["pit", "dag", "plan", "last", "--lose-player", "operator:shell", "--json"]).stdout);
    assert_eq!(plan["stranded"], serde_json::json!(["gate", "after"]), "{plan}");
    house.write("go", "");
    assert_eq!(ended(&mut child), Some(0));
    let words =
        ["pit", "dag", "plan", "last", "--lose-artifact", "after.stdout", "--lose-artifact", "gate.stdout", "--json"];
    let plan = json(&house.expect(0, &words).stdout);
    assert_eq!(plan["critical"], serde_json::json!(["gate", "after"]), "{plan}");
    assert_eq!(plan["order"][0]["node"], "gate");
    assert_eq!(plan["order"][0]["player"], "operator:shell/run");
    let said = house.expect(0, &["pit", "dag", "plan", "last", "--lose-artifact", "after.stdout"]);
    assert!(said.stdout.contains("1 of 3 nodes to play") && said.stdout.contains("critical"), "{}", said.stdout);
    let said = house.expect(2, &["pit", "dag", "plan", "last", "--lose-player", "operator:nobody"]);
    assert!(said.stderr.contains("no node of the run is played by"), "{}", said.stderr);
}
