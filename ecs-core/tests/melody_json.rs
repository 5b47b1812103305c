//! The canonical JSON says the same as the TOML, and the published schema says what both may be.

mod melodies;

use melodies::{Spelling, any_melody, sorted_without_places, to_toml};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use symphony_ecs_core::melody::{Melody, from_json, json_schema, parse, render, to_json};

const SAMPLES: [&str; 2] =
    [include_str!("melodies/review-and-ship.melody.toml"), include_str!("melodies/everything.melody.toml")];

fn read_toml(text: &str) -> Melody {
    parse("t.melody.toml", text).unwrap_or_else(|findings| panic!("{}\n{text}", render(&findings, false))).melody
}

fn read_json(text: &str) -> Melody {
    from_json("t.melody.toml", text).unwrap_or_else(|findings| panic!("{}", render(&findings, false))).melody
}

fn faults(json: &Json) -> Vec<String> {
    let validator = jsonschema::validator_for(&json_schema()).unwrap();
    validator.iter_errors(json).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_schema_is_one_itself() {
    assert!(jsonschema::meta::is_valid(&json_schema()));
}

#[test]
fn samples_survive_their_json() {
    for sample in SAMPLES {
        let melody = read_toml(sample);
        let json = to_json(&melody);
        assert_eq!(faults(&json), Vec::<String>::new());
        let again = read_json(&serde_json::to_string_pretty(&json).unwrap());
        assert_eq!(sorted_without_places(again), sorted_without_places(melody));
    }
}

#[test]
fn equal_melodies_have_equal_json() {
    let one = read_toml(
        "format = 1\nname = \"a\"\n[node.x]\nuses = [\"builtin:text@*\"]\nlimits = { timeout = \"90s\", mem = \"1024MiB\" }\nin.a = { from = \"y.out\", kind = \"hard\" }\n[node.y]\nuses = \"builtin:text\"\n",
    );
    let two = read_toml(
        "name = \"a\"\nformat = 1\nnode.y.uses = \"builtin:text\"\n[node.x]\nin = { a = \"y.out\" }\nlimits = { mem = \"1GiB\", timeout = \"1m30s\" }\nuses = \"builtin:text\"\n",
    );
    assert_eq!(to_json(&one).to_string(), to_json(&two).to_string());
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let good = json!({ "format": 1, "name": "a", "node": { "x": { "uses": "builtin:text" } } });
    assert_eq!(faults(&good), Vec::<String>::new());
    let wrong = [
        ("/format", json!(2)),
        ("/name", json!("A b")),
        ("/colour", json!("red")),
        ("/limits", json!({ "wall": "5 min" })),
        ("/limits", json!({ "mem": "12" })),
        ("/limits", json!({ "parallel": 0 })),
        ("/inputs", json!({ "in": { "type": "text" } })),
        ("/inputs", json!({ "a": "text" })),
        ("/outputs", json!({ "a": 3 })),
        ("/on", json!({ "schedule": { "cron": "0 6" } })),
        ("/node/X", json!({ "uses": "builtin:text" })),
        ("/node/x", json!({})),
        ("/node/x", json!({ "uses": "text" })),
        ("/node/x", json!({ "uses": "mcp:server" })),
        ("/node/x", json!({ "uses": [] })),
        ("/node/x/loop", json!({ "body": "b.melody.toml", "max": 2 })),
        ("/node/x/in", json!({ "a": { "from": "y.out", "value": 1 } })),
        ("/node/x/in", json!({ "a": { "first_of": [] } })),
        ("/node/x/in", json!({ "a": { "kind": "soft" } })),
        ("/node/x/in", json!({ "a": "Hello, world" })),
        ("/node/x/out", json!({ "a": 1 })),
        ("/node/x/needs", json!([{ "node": "y", "kind": "optional" }])),
        ("/node/x/map", json!({ "as": "file" })),
        ("/node/x/retry", json!({ "backoff": "exp" })),
        ("/node/x/retry", json!({ "max": 2, "on": ["bad_luck"] })),
        ("/node/x/retry", json!({ "max": 2, "vary": { "temperature": 0.7 } })),
        ("/node/x/on_error", json!("ignore")),
        ("/node/x/undo", json!({ "uses": ["builtin:text"] })),
        ("/node/x/approve", json!(true)),
        ("/node/x/limits", json!({ "wall": "1m" })),
        ("/node/x/estimate", json!({ "seconds": -0.5 })),
        ("/node/x/estimate", json!({ "failure": 1.5 })),
        ("/node/x/estimate", json!({ "tokens": -1 })),
        ("/node/x/estimate", json!({ "minutes": 1 })),
        ("/node/x/depends_on", json!(["y"])),
    ];
    for (place, value) in wrong {
        let mut melody = good.clone();
        put(&mut melody, place, value);
        assert_ne!(faults(&melody), Vec::<String>::new(), "the schema takes {place}: {melody}");
        assert!(from_json("t", &melody.to_string()).is_err(), "the reader takes {place}: {melody}");
    }
}

/// Sets the value at a JSON pointer; the last key may be new.
fn put(json: &mut Json, place: &str, value: Json) {
    let (parent, key) = place.rsplit_once('/').unwrap();
    let parent = json.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}"));
    parent.as_object_mut().unwrap().insert(key.to_owned(), value);
}

#[test]
fn places_in_json_are_exact() {
    let text = "{\n  \"format\": 1, \"name\": \"a\",\n  \"node\": { \"x\": { \"uses\": \"builtin:text\", \"colour\": \"red\" } }\n}";
    let findings = from_json("a.json", text).unwrap_err();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].to_string(), "a.json:3:44: error[unknown-key]: unknown key `colour` in a node");
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    let at = |text: &str| from_json("a", text).unwrap_err()[0].to_string();
    assert_eq!(at("{"), "a:1:2: error[json-syntax]: a key is missing or not in quotes");
    assert_eq!(at("{\"a\" 1}"), "a:1:6: error[json-syntax]: a key has no value");
    assert_eq!(at("{\"a\": }"), "a:1:7: error[json-syntax]: a value is missing or not JSON");
    assert_eq!(
        at("{\"a\": [1 2]}"),
        "a:1:10: error[json-syntax]: a list is not closed, or two items have no comma between them"
    );
    assert_eq!(at("{\"a\": \"x"), "a:1:7: error[json-syntax]: a text is not closed");
    assert_eq!(at("{\"a\": \"\\q\"}"), "a:1:7: error[json-syntax]: a text holds a wrong escape or a control character");
    assert_eq!(at("{\"a\": 1-2}"), "a:1:7: error[json-syntax]: this is not a number");
    assert_eq!(at("[]"), "a:1:1: error[json-syntax]: a melody is a JSON object");
    assert_eq!(at("{} {}"), "a:1:4: error[json-syntax]: something stands after the end of the melody");
    assert!(at(&format!("{{\"a\": {}", "[".repeat(10_000))).contains("error[too-deep]"));
    assert!(
        from_json("a", "{\"name\": \"a\", \"name\": \"b\"}")
            .unwrap_err()
            .iter()
            .any(|finding| finding.code == "duplicate-key")
    );
}

/// So many cases, or more where `PROPTEST_CASES` asks for more.
fn at_least(cases: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.max(cases), ..config }
}

proptest! {
    #![proptest_config(at_least(200))]

    #[test]
    fn toml_and_json_say_the_same(json in any_melody(), spelling in any::<Spelling>()) {
        let from_json = read_json(&json.to_string());
        let from_toml = read_toml(&to_toml(&json, spelling));
        prop_assert_eq!(sorted_without_places(from_toml.clone()), sorted_without_places(from_json));
        let canonical = to_json(&from_toml);
        prop_assert_eq!(faults(&canonical), Vec::<String>::new());
        let again = read_json(&canonical.to_string());
        prop_assert_eq!(to_json(&again), canonical);
        prop_assert_eq!(sorted_without_places(again), sorted_without_places(from_toml));
    }
}
