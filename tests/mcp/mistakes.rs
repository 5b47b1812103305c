//! What goes wrong before a call: each mistake has its place and its cure.

use crate::house::{House, Said};
use crate::stand::{declare, failure, house, melody};
use serde_json::json;

fn check(house: &House, node: &str) -> Said {
    house.write("m.melody.toml", melody(node, "text = \"n.text\""));
    house.say(&["check", "m.melody.toml"])
}

fn told(house: &House, node: &str, wanted: &[&str]) {
    let said = check(house, node);
    assert_eq!(said.code, Some(3), "{}", said.stderr);
    let flat = said.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in wanted {
        assert!(flat.contains(words), "{words}\n{}", said.stderr);
    }
}

#[test]
fn servers_and_tools_that_are_not_there_are_told() {
    let house = house("legacy");
    told(
        &house,
        "uses = \"mcp:owm/echo\"",
        &["no MCP server `owm` is declared", "did you mean `mcp:own`?", ".mcp.json"],
    );
    let tools = "its tools are ask, count/All, crash, echo, fail, picture, secret, slow, weather";
    told(&house, "uses = \"mcp:own/ecko\"", &["has no tool `ecko`", "did you mean `mcp:own/echo`?", tools]);
}

#[test]
fn inputs_and_settings_are_typed_by_the_schema() {
    let house = house("modern");
    let uses = "uses = \"mcp:own/echo\"\n";
    told(&house, uses, &["does not bind the input `some_text`", "m.melody.toml:6:"]);
    told(&house, &format!("{uses}in = {{ some_text = {{ value = 5 }} }}"), &["`text`", "int 5"]);
    told(&house, &format!("{uses}in = {{ some_tex = {{ value = \"\" }} }}"), &["did you mean `some_text`?"]);
    told(&house, &format!("{uses}with = {{ sometext = \"\" }}"), &["did you mean `someText`?"]);
    let twice = "in = { some_text = { value = \"a\" } }\nwith = { someText = \"b\" }";
    told(&house, &format!("{uses}{twice}"), &["given in `in` and in `with`"]);
    let said = check(&house, &format!("{uses}with = {{ someText = \"a\", mood = \"calm\" }}"));
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    told(&house, &format!("{uses}with = {{ someText = \"a\", mood = \"wild\" }}"), &["`mood`", "wild"]);
}

#[test]
fn a_server_that_does_not_start_says_why() {
    let house = House::new();
    let node = "uses = \"mcp:own/echo\"";
    house.write(".mcp.json", r#"{ "mcpServers": { "own": { "command": "no-such-program-here" } } }"#);
    told(&house, node, &["`no-such-program-here` cannot be started", "try that command by hand"]);
    let shell =
        r#"{ "mcpServers": { "own": { "command": "sh", "args": ["-c", "echo the hall is closed >&2; exit 9"] } } }"#;
    house.write(".mcp.json", shell);
    told(&house, node, &["exit status: 9", "the hall is closed"]);
    house.write(".mcp.json", r#"{ "mcpServers": { "own": { "command": "sh", "args": ["${NO_SUCH_VARIABLE}"] } } }"#);
    told(&house, node, &["needs the environment variable NO_SUCH_VARIABLE"]);
    declare(&house, "mute", &json!({}));
    let said = Said::of(house.symphony(&["check", "m.melody.toml"]).env("MCP_TIMEOUT", "1500").output().unwrap());
    assert!(said.stderr.contains("did not list its tools within 1.5s"), "{}", said.stderr);
    house.write(".mcp.json", "{\n  \"mcpServers\": {\n");
    told(&house, node, &[".mcp.json:3:0: not JSON"]);
}

#[test]
fn tools_are_listed_once_and_a_changed_schema_is_told() {
    let house = house("legacy");
    let node = "uses = \"mcp:own/echo\"\nin = { some_text = { value = \"la\" } }";
    house.write("m.melody.toml", melody(node, "text = \"n.text\""));
    let first = house.expect(0, &["check", "m.melody.toml", "--lock"]);
    assert!(first.stderr.contains("note: starts the MCP server `own`") && first.stderr.contains("server.py legacy"));
    assert!(house.read("m.melody.lock").contains("\"mcp:own/echo\" = { version = \"1.2.3\""));
    let second = house.expect(0, &["check", "m.melody.toml"]);
    assert!(!second.stderr.contains("starts the MCP server"), "{}", second.stderr);

    // The server changes behind the listing: the tool is not called with what it was not checked for.
    let server = house.read(".mcp.json").replace("\"env\":{", "\"env\":{\"SERVER_CHANGED\":\"1\",");
    assert!(server.contains("SERVER_CHANGED"), "{server}");
    let listed = listing(&house);
    house.write(".mcp.json", &server);
    // Another environment is another declaration; the old listing stands for it here.
    house.expect(3, &["check", "m.melody.toml"]);
    std::fs::copy(&listed, newest(&house, &listed)).unwrap();
    let said = house.say(&["play", "m.melody.toml", "--json"]);
    let (class, message) = failure(&said);
    assert_eq!(class, "refused");
    assert!(message.contains("has another schema than when the melody was checked"), "{message}");

    // Read anew, the lock tells it.
    let said = house.expect(3, &["check", "m.melody.toml", "--refresh"]);
    assert!(said.stderr.contains("`mcp:own/echo` has another schema than the locked one"), "{}", said.stderr);
    house.expect(0, &["check", "m.melody.toml", "--lock"]);
    house.expect(0, &["play", "m.melody.toml", "--quiet"]);
    declare(&house, "legacy", &json!({ "SERVER_VERSION": "2.0.0" }));
    let said = house.expect(3, &["check", "m.melody.toml"]);
    assert!(said.stderr.contains("is locked to version 1.2.3"), "{}", said.stderr);
}

fn listings(house: &House) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(house.path().join(".symphony/mcp")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files
}

fn listing(house: &House) -> std::path::PathBuf {
    listings(house).remove(0)
}

fn newest(house: &House, not: &std::path::Path) -> std::path::PathBuf {
    listings(house).into_iter().find(|path| path != not).expect("a second listing")
}

#[test]
fn the_doctor_names_the_servers() {
    let house = house("legacy");
    let said = house.say(&["doctor"]);
    assert!(said.stdout.contains("MCP server own"), "{}", said.stdout);
    house.write(".mcp.json", r#"{ "mcpServers": { "own": { "command": "no-such-program-here" } } }"#);
    let said = house.say(&["doctor"]);
    assert!(said.stdout.contains("`no-such-program-here` is not found"), "{}", said.stdout);
}
