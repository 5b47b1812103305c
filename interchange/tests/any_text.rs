//! Whatever is done to a workflow, it is imported as a melody that can be read and checked, or refused with a reason.

mod house;

use house::{checked, nodes};
use proptest::prelude::*;
use symphony_interchange::{Format, import};

const N8N: &str = r#"{"name":"F","pinData":{"B":[{"json":{"x":null}}]},"settings":{"timezone":"UTC","executionTimeout":5},"nodes":[
{"name":"A","type":"n8n-nodes-base.scheduleTrigger","parameters":{"rule":{"interval":[{"field":"hours","hoursInterval":6}]}}},
{"name":"B","type":"n8n-nodes-base.splitInBatches","typeVersion":3,"parameters":{},"retryOnFail":true,"maxTries":9},
{"name":"C","type":"n8n-nodes-base.if","disabled":false,"parameters":{"conditions":{"string":[{"value1":"={{ $json.a }}","value2":"x"}]}}},
{"name":"D","type":"@n8n/pkg.lmChat","onError":"continueErrorOutput","parameters":{"secret":{"secret":"x"}},"credentials":{"k":{"name":"n"}}},
{"name":"E","type":"n8n-nodes-base.stickyNote","parameters":{"content":"hi"}}],
"connections":{"A":{"main":[[{"node":"B","index":0}]]},"B":{"main":[[{"node":"C","index":0}],[{"node":"D","index":0}]]},
"D":{"main":[[{"node":"B","index":0}],[{"node":"C","index":1}]],"ai_tool":[[{"node":"C","index":0}]]},"C":{"main":[[{"node":"C","index":0}]]}}}"#;

const COMFYUI: &str = r#"{"last_node_id":4,"nodes":[{"id":1,"type":"A","mode":0,"inputs":[],"outputs":[{"name":"IMAGE","type":"IMAGE"}],"widgets_values":[1,null]},
{"id":2,"type":"s","mode":0,"inputs":[{"name":"x","type":"IMAGE"},{"name":"n","type":"INT","widget":{"name":"n"}}],"outputs":[{"name":"y","type":"IMAGE"}],"widgets_values":[7]},
{"id":3,"type":"B","mode":4,"inputs":[{"name":"x","type":"IMAGE","link":2}],"outputs":[{"name":"IMAGE","type":"IMAGE"}]},
{"id":4,"type":"Reroute","mode":2,"inputs":[{"name":"","type":"*"}],"outputs":[{"name":"","type":"*"}]}],
"links":[[1,1,0,2,0,"IMAGE"],[2,2,0,3,0,"IMAGE"],[3,3,0,4,0,"*"]],
"definitions":{"subgraphs":[{"id":"s","name":"S","inputNode":{"id":-10},"outputNode":{"id":-20},"inputs":[{"name":"x","type":"IMAGE"},{"name":"n","type":"INT"}],
"outputs":[{"name":"y","type":"IMAGE"}],"nodes":[{"id":9,"type":"C","inputs":[{"name":"a","type":"IMAGE"}],"outputs":[{"name":"b","type":"IMAGE"}]}],
"links":[{"id":1,"origin_id":-10,"origin_slot":0,"target_id":9,"target_slot":0},{"id":2,"origin_id":9,"origin_slot":0,"target_id":-20,"target_slot":0}]}]}}"#;

const PROMPT: &str =
    r#"{"1":{"class_type":"A","inputs":{"x":1,"m":["2",0]}},"2":{"class_type":"B","inputs":{"m":["1",3]}}}"#;

const WFFORMAT: &str = r#"{"name":"w","schemaVersion":"1.5","workflow":{"specification":{"tasks":[{"id":"a_1","name":"a","parents":[],"children":["b"],"outputFiles":["f"]},
{"id":"b","name":"b","parents":["a_1"],"children":[],"inputFiles":["f","secret"]}],"files":[{"id":"f","sizeInBytes":3}]},
"execution":{"makespanInSeconds":2,"tasks":[{"id":"a_1","runtimeInSeconds":1.5,"energyInKWh":1,"machines":["m"],"command":{"program":"p","arguments":["\"x\"",2]}}],"machines":[{"nodeName":"m"}]}}}"#;

const DOT: &str = "strict digraph \"g h\" { node [shape=box]; a:p -> {b c} -> \"d\\\"e\" [label=<<b>x</b>>]; subgraph cluster_1 { label=\"L\"; b -> a } /* c */ 1 -> -2.5 // x\n# y\n}";

/// Cuts, copies and replaces parts of a text.
fn mangled() -> impl Strategy<Value = Vec<u8>> {
    let seed = prop::sample::select(vec![N8N, COMFYUI, PROMPT, WFFORMAT, DOT]);
    let piece = prop::sample::select(vec![
        "",
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        "null",
        "-1",
        "1e999",
        "true",
        "\"if\"",
        "\"A\"",
        "0",
        "\\",
        "<",
        "->",
        "18446744073709551616",
    ]);
    let edit = (any::<prop::sample::Index>(), 0usize..12, piece);
    (seed, proptest::collection::vec(edit, 0..4)).prop_map(|(seed, edits)| {
        let mut bytes = seed.as_bytes().to_vec();
        for (place, length, piece) in edits {
            let from = place.index(bytes.len() + 1);
            let to = (from + length).min(bytes.len());
            bytes.splice(from..to, piece.bytes());
        }
        bytes
    })
}

/// A value of the text is replaced by another: the text stays JSON, so the importers see it.
fn swapped() -> impl Strategy<Value = Vec<u8>> {
    let value = prop::sample::select(vec![
        "null",
        "[]",
        "{}",
        "\"\"",
        "\"A\"",
        "1",
        "-3",
        "1.5",
        "true",
        "\"日本\\u0000\"",
        "[[null]]",
        "{\"secret\":\"x\"}",
    ]);
    let seed = prop::sample::select(vec![N8N, COMFYUI, PROMPT, WFFORMAT]);
    (seed, proptest::collection::vec((any::<prop::sample::Index>(), value), 1..4)).prop_map(|(seed, edits)| {
        let mut json: serde_json::Value = serde_json::from_str(seed).unwrap();
        for (place, value) in edits {
            let mut places = Vec::new();
            pointers(&json, String::new(), &mut places);
            let place = &places[place.index(places.len())];
            *json.pointer_mut(place).unwrap() = serde_json::from_str(value).unwrap();
        }
        json.to_string().into_bytes()
    })
}

fn pointers(json: &serde_json::Value, at: String, places: &mut Vec<String>) {
    match json {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                pointers(value, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), places);
            }
        }
        serde_json::Value::Array(list) => {
            for (place, value) in list.iter().enumerate() {
                pointers(value, format!("{at}/{place}"), places);
            }
        }
        _ => {}
    }
    places.push(at);
}

fn fine(bytes: &[u8]) {
    for format in [None, Some(Format::WfFormat), Some(Format::N8n), Some(Format::ComfyUi), Some(Format::Dot)] {
        match import("x", bytes, format) {
            Ok(imported) => {
                assert!(imported.report.nodes > 0);
                assert!(nodes(&checked(&String::from_utf8_lossy(bytes), &imported)) > 0);
            }
            Err(refusal) => assert!(!refusal.message.is_empty() && !refusal.help.is_empty(), "{refusal:?}"),
        }
    }
}

#[test]
fn the_seeds_are_workflows() {
    for (seed, nodes) in [(N8N, 4), (COMFYUI, 5), (PROMPT, 2), (WFFORMAT, 2), (DOT, 6)] {
        let imported = import("x", seed.as_bytes(), None).unwrap_or_else(|refusal| panic!("{refusal}\n{seed}"));
        assert_eq!(imported.report.nodes, nodes, "{seed}");
        fine(seed.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(512), ..ProptestConfig::default() })]

    #[test]
    fn mangled_texts_are_imported_or_refused(bytes in mangled()) {
        fine(&bytes);
    }

    #[test]
    fn strange_values_are_imported_or_refused(bytes in swapped()) {
        fine(&bytes);
    }
}
