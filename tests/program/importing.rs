//! Workflows of other tools come in, play where their nodes are known, and go out again.

use crate::house::House;
use std::fs;

const GRAPH: &str = "digraph rules {\n  fetch -> build -> test;\n  fetch -> test [label=\"fixtures\"];\n}\n";

const FLOW: &str = r#"{ "name": "Branches", "nodes": [
  { "name": "Start", "type": "n8n-nodes-base.manualTrigger", "parameters": {} },
  { "name": "Named?", "type": "n8n-nodes-base.if", "typeVersion": 2.2, "parameters": { "conditions": { "combinator": "and",
    "conditions": [{ "leftValue": "={{ $json.name }}", "operator": { "type": "string", "operation": "notEmpty" } }] } } },
  { "name": "Yes", "type": "n8n-nodes-base.noOp", "parameters": {} },
  { "name": "No", "type": "n8n-nodes-base.code", "disabled": true, "parameters": {} } ],
  "connections": {
    "Start": { "main": [[{ "node": "Named?", "type": "main", "index": 0 }]] },
    "Named?": { "main": [[{ "node": "Yes", "type": "main", "index": 0 }], [{ "node": "No", "type": "main", "index": 0 }]] } } }"#;

#[test]
fn a_graph_comes_in_and_goes_out() {
    let house = House::new();
    house.write("my rules.gv", GRAPH);
    let summary = house.expect(0, &["import", "my rules.gv", "--json"]);
    let summary = summary.summary();
    assert_eq!((&summary["format"], summary["nodes"].as_u64(), summary["edges"].as_u64()), (&"dot".into(), Some(3), Some(3)));
    assert_eq!(summary["unsupported"], serde_json::json!([]));

    let checked = house.expect(3, &["check", "my-rules.melody.toml", "--json"]);
    let findings = checked.summary()["findings"].as_array().unwrap().clone();
    assert!(findings.iter().all(|finding| finding["code"] == "unknown-player"), "{findings:?}");
    assert_eq!(findings.len(), 3);

    let exported = house.expect(0, &["export", "my-rules.melody.toml", "--to", "wfformat", "--out", "back.json"]);
    assert_eq!(exported.stdout, "");
    house.expect(0, &["import", "back.json", "--from", "wfformat"]);
    for melody in ["my-rules.melody.toml", "back.melody.toml"] {
        let drawn = house.expect(0, &["export", melody, "--to", "dot"]).stdout;
        assert_eq!(drawn.matches(" -> ").count(), 3, "{drawn}");
        assert!(house.expect(0, &["export", melody, "--to", "mermaid"]).stdout.starts_with("flowchart"));
    }
}

#[test]
fn a_workflow_of_known_nodes_plays_as_it_comes() {
    let house = House::new();
    house.write("flow.json", FLOW);
    house.expect(0, &["import", "flow.json", "--out", "melodies/branches"]);
    house.expect(0, &["check", "melodies/branches.melody.toml"]);
    let played = house.expect(0, &["play", "melodies/branches.melody.toml", "--json"]);
    assert_eq!(played.nodes("node_played"), ["start", "named", "no"]);
    assert_eq!(played.nodes("node_skipped"), ["yes"]);
}

#[test]
fn what_is_wrong_says_where_and_nothing_is_written_over() {
    let house = House::new();
    house.write("flow.json", FLOW);
    house.write("flow.melody.toml", "mine");
    let said = house.expect(2, &["import", "flow.json"]).stderr;
    assert!(said.contains("flow.melody.toml is there already") && said.contains("--force"), "{said}");
    assert_eq!(house.read("flow.melody.toml"), "mine");
    house.expect(0, &["import", "flow.json", "--force"]);
    assert!(house.read("flow.melody.toml").starts_with("format = 1"));

    house.write("bad.json", FLOW.replace("\"connections\": {", "\"connections\": {,"));
    let said = house.expect(3, &["import", "bad.json", "--json"]);
    assert!(said.stderr.contains("bad.json:7:19: ") && said.stderr.contains("help: "), "{}", said.stderr);
    assert!(said.stdout.is_empty());
    for (text, part) in [("[]", "not a workflow"), ("", "empty"), ("hello", "neither"), ("{}", "known format")] {
        house.write("other.json", text);
        let said = house.expect(3, &["import", "other.json"]).stderr;
        assert!(said.contains("other.json:1:1: ") && said.contains(part), "{said}");
    }
    house.expect(3, &["import", "missing.json"]);
    house.expect(2, &["import", "flow.json", "--out", "a b"]);
    let left = fs::read_dir(house.path()).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".part")
    });
    assert_eq!(left.count(), 0);
}
