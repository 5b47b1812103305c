//! Melodies that play, and what the checker knows of them.

use super::*;
use crate::melody::model::{Candidate, RefTarget, Source};

fn types(ports: &[Port]) -> Vec<String> {
    ports.iter().map(|port| format!("{}{}: {}", port.name, if port.required { "" } else { "?" }, port.ty)).collect()
}

#[test]
fn every_kind_of_source_is_typed() {
    let checked = plays(
        r#"
[types]
Report = { type = "object" }
[inputs]
topic = { type = "text", default = "music" }
[node.log]
uses = "operator:git/log"
in = { limit = { value = 5 } }
[node.a]
uses = ["instrument:large/chat", "instrument:small/chat"]
with = { temperature = 0.5, key = { secret = "KEY" } }
retry = { max = 3, vary = { temperature = [0.7, 1] } }
in = { prompt = "inputs.topic", log = "log.commits", n = { expr = "size(log.commits) + 1" } }
out = { text = "enum<yes|no>", report = "json<Report>" }
[node.b]
uses = "builtin:template"
with = { text = "{{ x }}" }
needs = [{ node = "log", kind = "soft" }]
if = "has(a.text) && a.text == 'yes'"
in = { x = { from = "a.score", kind = "soft", default = 1.5 } }
[node.write]
uses = "operator:file/write"
in = { path = { value = "out.md" }, content = { first_of = ["b.text", "a.text"] } }
out = { file = "artifact<text/markdown>" }
undo = { uses = "operator:file/read", in = { file = "write.file" } }
on_error = "compensate"
[node.read]
uses = "operator:file/read"
in = { file = { value = { "$artifact" = "blake3:0000000000000000000000000000000000000000000000000000000000000000", size = 1, media_type = "text/plain" } } }
[outputs]
file = "write.file"
all = { all = ["a.text", "b.text"] }
n = { expr = "log.count" }
maybe = { from = "a.score", kind = "soft" }
"#,
    );
    let root = &checked.melodies[0];
    let node = |id: &str| {
        let place = root.melody.nodes.iter().position(|node| node.id.value == id).unwrap();
        &root.nodes[place]
    };
    assert_eq!(types(&node("a").outputs), ["text: enum<yes|no>", "score?: float", "report: json<Report>"]);
    assert_eq!(node("a").players.len(), 2);
    assert_eq!(node("a").input_types, [PortType::Text, PortType::Any, PortType::Any]);
    assert_eq!(node("write").input_types[1].to_string(), "text|bytes");
    assert_eq!(node("write").undo.as_ref().unwrap().name, "operator:file/read");
    let outputs: Vec<String> = root.outputs.iter().map(PortType::to_string).collect();
    assert_eq!(outputs, ["artifact<text/markdown>", "list<enum<yes|no>|text>", "any", "float?"]);
    assert!(checked.warnings.is_empty(), "{}", render(&checked.warnings, false));
}

#[test]
fn mapped_nodes_give_lists_of_their_items() {
    let checked = plays(
        r#"
[inputs]
topics = { type = "list<text>", required = true }
[node.each]
uses = "instrument:large/chat"
map = { over = "inputs.topics", as = "topic", max_parallel = 4 }
in = { prompt = "topic", again = "item", place = "index", up = { expr = "topic.upperAscii() + string(index)" } }
[node.join]
uses = "builtin:template"
with = { text = "" }
map = { over = { expr = "each.text.filter(t, size(t) > 3)" } }
in = { one = "item" }
[outputs]
texts = "each.text"
places = { all = ["each.text"] }
"#,
    );
    let root = &checked.melodies[0];
    assert_eq!(types(&root.nodes[0].outputs), ["text: text", "score: float"]);
    let outputs: Vec<String> = root.outputs.iter().map(PortType::to_string).collect();
    assert_eq!(outputs, ["list<text>", "list<list<text>>"]);
}

#[test]
fn patterns_become_the_nodes_that_they_match_in_id_order() {
    let checked = plays(
        r#"
[node.part_b]
uses = "operator:git/log"
[node.part_a]
uses = "operator:git/log"
[node.part_all]
uses = "builtin:json"
in = { heads = { all = ["part_*.head", "other.head"] } }
[node.other]
uses = "operator:git/log"
[outputs]
counts = { n_of = 2, from = ["part_?.count", "*_b.count", "*.count"] }
"#
        .replace("\"part_?.count\", ", "")
        .replace(", \"*.count\"", ", \"part_a.count\"")
        .as_str(),
    );
    let root = &checked.melodies[0];
    let Source::Join(join) = &root.melody.nodes[2].inputs[0].from else { panic!("a join") };
    let targets: Vec<String> = join
        .candidates
        .iter()
        .map(|candidate| match candidate {
            Candidate::One(reference) => reference.target.to_string(),
            Candidate::Pattern { .. } => panic!("patterns are gone"),
        })
        .collect();
    assert_eq!(targets, ["part_a.head", "part_b.head", "other.head"]);
    assert!(!targets.contains(&RefTarget::Port("part_all".into(), "head".into()).to_string()));
    assert_eq!(root.outputs[0].to_string(), "list<int>");
}

#[test]
fn optional_edges_close_no_circle() {
    plays(
        r#"
[node.a]
uses = "builtin:json"
in = { hint = { from = "b.x", kind = "optional" } }
out = { x = "text" }
[node.b]
uses = "builtin:json"
in = { x = "a.x" }
out = { x = "text" }
"#,
    );
}

#[test]
fn oddities_are_warnings() {
    let text = findings(
        &melody(
            "[inputs]\nleft = { type = \"text\" }\nused = { type = \"text\" }\n[node.a]\nuses = \"builtin:json\"\nin = { x = \"inputs.used\" }\non_error = \"compensate\"\n",
        ),
        &[],
    );
    insta::assert_snapshot!(text);
}
