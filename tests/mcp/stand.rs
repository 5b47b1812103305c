//! The stand of these tests: a house with the scripted server declared, and melodies of one node.

use crate::house::{House, Said};
use serde_json::{Value as Json, json};
use std::path::Path;

/// A house whose `.mcp.json` declares the scripted server as `own`.
pub fn house(era: &str) -> House {
    let house = House::new();
    declare(&house, era, &json!({ "TOKEN": "${SCRIPTED_TOKEN:-sk-scripted}" }));
    house
}

/// Declares the scripted server.
pub fn declare(house: &House, era: &str, env: &Json) {
    let server = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp/server.py");
    let own = json!({ "command": "python3", "args": [server, era], "env": env });
    house.write(".mcp.json", json!({ "mcpServers": { "own": own } }).to_string());
}

/// A melody with one node `n`.
pub fn melody(node: &str, outputs: &str) -> String {
    format!("format = 1\nname = \"m\"\n[outputs]\n{outputs}\n[node.n]\n{node}\n")
}

/// Plays a melody of one node.
pub fn play(house: &House, node: &str, outputs: &str) -> Said {
    house.write("m.melody.toml", melody(node, outputs));
    house.say(&["play", "m.melody.toml", "--json"])
}

/// The value of an output of the last run.
pub fn output(house: &House, name: &str) -> String {
    house.expect(0, &["show", "last", "--output", name]).stdout.trim_end().to_owned()
}

/// The class and message of the failed attempt of `n`.
pub fn failure(said: &Said) -> (String, String) {
    let failed = said.lines.iter().find(|line| line["event"] == "attempt_failed");
    let failed = failed.unwrap_or_else(|| panic!("nothing failed: {} {}", said.stdout, said.stderr));
    let text = |key: &str| failed[key].as_str().unwrap_or_default().to_owned();
    (text("class"), text("message"))
}
