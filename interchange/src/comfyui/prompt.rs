//! The JSON that ComfyUI's API takes: `{ "3": { "class_type": …, "inputs": { "seed": 1, "model": ["4", 0] } }, … }`.

use super::read::{End, Graph, Link, Mode, Node, Port};
use crate::json::Json;
use crate::report::Findings;
use std::collections::HashMap;

/// Whether a JSON value looks like a prompt.
pub(crate) fn is_prompt(json: &Json<'_>) -> bool {
    let entries = prompt_of(json).entries();
    !entries.is_empty()
        && entries.iter().all(|(_, node)| node.get("class_type").text().is_some() && node.get("inputs").is_object())
}

/// The prompt within a request, or the value itself.
fn prompt_of<'j, 't>(json: &'j Json<'t>) -> &'j Json<'t> {
    json.find("prompt").filter(|prompt| prompt.is_object()).unwrap_or(json)
}

/// Reads a prompt. Outputs have no names there, so they are numbered.
pub(super) fn read<'j, 't>(json: &'j Json<'t>, findings: &mut Findings<'_>) -> Graph<'j, 't> {
    const OUTPUTS: [&str; 8] = ["out_0", "out_1", "out_2", "out_3", "out_4", "out_5", "out_6", "out_7"];
    let mut graph = Graph::default();
    let entries = prompt_of(json).entries();
    let places: HashMap<&str, usize> =
        entries.iter().enumerate().map(|(place, (key, _))| (key.as_ref(), place)).collect();
    for (place, (key, json)) in entries.iter().enumerate() {
        let (mut inputs, mut widgets) = (Vec::new(), Vec::new());
        for (name, value) in json.get("inputs").entries() {
            let Some((from, output)) = link_of(value) else {
                widgets.push((name.to_string(), value));
                continue;
            };
            graph.counted += 1;
            inputs.push(Port { name, ty: "*" });
            match places.get(from) {
                Some(from) => graph.links.push(Link {
                    from: End::Node(*from),
                    output,
                    to: End::Node(place),
                    input: inputs.len() - 1,
                    at: value.at,
                }),
                None => findings.note("link of a node that does not exist", format!("{from} → {key}"), value.at),
            }
        }
        graph.nodes.push(Node {
            key: key.to_string(),
            kind: json.get("class_type").text().unwrap_or_default(),
            title: json.get("_meta").get("title").text(),
            package: "comfyui",
            mode: Mode::Plays,
            inputs,
            outputs: OUTPUTS.iter().map(|name| Port { name, ty: "*" }).collect(),
            widgets,
            at: json.at,
        });
    }
    graph
}

/// `["4", 0]`: an output of another node.
fn link_of<'j>(json: &'j Json<'_>) -> Option<(&'j str, usize)> {
    match json.items() {
        [node, slot] => Some((node.text()?, usize::try_from(slot.count()?).ok()?)),
        _ => None,
    }
}
