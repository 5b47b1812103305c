//! What differs between two melodies, as a person means it: nodes by id, keys by name; layout, comments and the order
//! of tables do not count.
//!
//! Both are compared in their canonical JSON. A node that went while another came with everything else equal was
//! renamed; who refers to it by its new name has not changed.

use super::json::to_json;
use super::model::Melody;
use serde::Serialize;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};

/// The keys of a node whose values name other nodes.
const REFERRING: [&str; 4] = ["in", "needs", "map", "loop"];

/// What differs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MelodyDiff {
    /// Keys of the melody itself: `inputs.depth.default`, `outputs.notes`, `limits.cost_usd`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub melody: Vec<KeyChange>,
    /// Nodes that only the second has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
    /// Nodes that only the first has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// Nodes that have another id and are the same otherwise: (old, new).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub renamed: Vec<(String, String)>,
    /// Nodes of both that differ, by id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub changed: BTreeMap<String, Vec<KeyChange>>,
    /// Edges that only the second has: (from, to), each `NODE.PORT`, `inputs.NAME`, `outputs.NAME` or `NODE`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edges_added: Vec<(String, String)>,
    /// Edges that only the first has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edges_removed: Vec<(String, String)>,
}

/// A key whose value differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KeyChange {
    /// The key, dotted: `with.command`.
    pub key: String,
    /// Its value in the first; absent where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Json>,
    /// Its value in the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Json>,
}

impl MelodyDiff {
    /// Whether the melodies mean the same.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Compares two melodies.
pub fn diff(old: &Melody, new: &Melody) -> MelodyDiff {
    let (mut old, new) = (to_json(old), to_json(new));
    let renamed = renamed(&nodes(&old), &nodes(&new));
    if !renamed.is_empty() {
        old = rename(&old, &renamed);
    }
    let (was, is) = (nodes(&old), nodes(&new));
    let mut diff = MelodyDiff { renamed: renamed.into_iter().collect(), ..MelodyDiff::default() };
    for key in keys(&old, &new).into_iter().filter(|key| *key != "node") {
        compare(key, old.get(key), new.get(key), &mut diff.melody);
    }
    diff.removed = was.keys().filter(|id| !is.contains_key(*id)).map(|id| (*id).to_owned()).collect();
    for (id, node) in &is {
        let Some(before) = was.get(id) else {
            diff.added.push((*id).to_owned());
            continue;
        };
        let mut changes = Vec::new();
        for key in keys(before, node) {
            compare(key, before.get(key), node.get(key), &mut changes);
        }
        if !changes.is_empty() {
            diff.changed.insert((*id).to_owned(), changes);
        }
    }
    let (before, after) = (edges(&old), edges(&new));
    diff.edges_added = after.difference(&before).cloned().collect();
    diff.edges_removed = before.difference(&after).cloned().collect();
    diff
}

fn nodes(melody: &Json) -> BTreeMap<&str, &Json> {
    let nodes = melody.get("node").and_then(Json::as_object);
    nodes.into_iter().flatten().map(|(id, node)| (id.as_str(), node)).collect()
}

fn keys<'j>(old: &'j Json, new: &'j Json) -> BTreeSet<&'j str> {
    [old, new].into_iter().filter_map(Json::as_object).flat_map(|object| object.keys().map(String::as_str)).collect()
}

/// Descends where both have tables, so that a change names the innermost key.
fn compare(key: &str, old: Option<&Json>, new: Option<&Json>, changes: &mut Vec<KeyChange>) {
    match (old, new) {
        (Some(Json::Object(before)), Some(Json::Object(after))) => {
            let inner: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            inner
                .into_iter()
                .for_each(|name| compare(&format!("{key}.{name}"), before.get(name), after.get(name), changes));
        }
        (old, new) if old == new => {}
        (old, new) => changes.push(KeyChange { key: key.to_owned(), old: old.cloned(), new: new.cloned() }),
    }
}

/// Pairs of nodes that are equal but for their ids. Looking goes on until nothing is found, because a renamed node may
/// refer to another one.
fn renamed(was: &BTreeMap<&str, &Json>, is: &BTreeMap<&str, &Json>) -> BTreeMap<String, String> {
    let mut gone: Vec<&str> = was.keys().filter(|id| !is.contains_key(*id)).copied().collect();
    // Only nodes that do the same can be the same; what refers to others is compared after renaming.
    let mut came: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (id, node) in is.iter().filter(|(id, _)| !was.contains_key(*id)) {
        came.entry(doing(node)).or_default().push(id);
    }
    let mut found = BTreeMap::new();
    loop {
        let before = found.len();
        gone.retain(|id| {
            let Some(candidates) = came.get_mut(&doing(was[id])) else { return true };
            let renamed = rename_node(was[id], &found);
            let Some(place) = candidates.iter().position(|other| *is[other] == renamed) else { return true };
            found.insert((*id).to_owned(), candidates.remove(place).to_owned());
            false
        });
        if found.len() == before {
            return found;
        }
    }
}

/// A node without what refers to others.
fn doing(node: &Json) -> String {
    let kept = node.as_object().into_iter().flatten().filter(|(key, _)| !REFERRING.contains(&key.as_str()));
    let kept: Map<String, Json> = kept
        .filter(|(key, _)| !matches!(key.as_str(), "if" | "undo" | "reconstruct"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Json::Object(kept).to_string()
}

/// The melody with nodes renamed, where they stand and where they are referred to.
fn rename(melody: &Json, names: &BTreeMap<String, String>) -> Json {
    let mut melody = melody.clone();
    let Some(object) = melody.as_object_mut() else { return melody };
    if let Some(Json::Object(nodes)) = object.get_mut("node") {
        let renamed = std::mem::take(nodes).into_iter();
        *nodes = renamed.map(|(id, node)| (names.get(&id).cloned().unwrap_or(id), rename_node(&node, names))).collect();
    }
    if let Some(outputs) = object.get_mut("outputs") {
        *outputs = rename_within(outputs, names);
    }
    melody
}

fn rename_node(node: &Json, names: &BTreeMap<String, String>) -> Json {
    let Some(object) = node.as_object() else { return node.clone() };
    let renamed = object.iter().map(|(key, value)| {
        let value = match key.as_str() {
            "in" | "needs" | "map" => rename_within(value, names),
            "if" => value.as_str().map_or_else(|| value.clone(), |text| Json::from(rename_expr(text, names))),
            "undo" | "reconstruct" => match value.as_object() {
                Some(call) => {
                    let mut call = call.clone();
                    if let Some(inputs) = call.get_mut("in") {
                        *inputs = rename_within(inputs, names);
                    }
                    Json::Object(call)
                }
                None => value.clone(),
            },
            _ => value.clone(),
        };
        (key.clone(), value)
    });
    Json::Object(renamed.collect())
}

/// Renames references in bindings; literal values stay.
fn rename_within(json: &Json, names: &BTreeMap<String, String>) -> Json {
    match json {
        Json::String(text) => Json::from(rename_reference(text, names)),
        Json::Array(items) => Json::Array(items.iter().map(|item| rename_within(item, names)).collect()),
        Json::Object(object) => {
            let renamed = object.iter().map(|(key, value)| {
                let value = match key.as_str() {
                    "value" | "default" | "kind" | "as" | "description" => value.clone(),
                    "expr" => value.as_str().map_or_else(|| value.clone(), |text| Json::from(rename_expr(text, names))),
                    _ => rename_within(value, names),
                };
                (key.clone(), value)
            });
            Json::Object(renamed.collect())
        }
        _ => json.clone(),
    }
}

fn rename_reference(text: &str, names: &BTreeMap<String, String>) -> String {
    let (id, port) = text.split_once('.').map_or((text, None), |(id, port)| (id, Some(port)));
    match (names.get(id), port) {
        (Some(id), Some(port)) => format!("{id}.{port}"),
        (Some(id), None) => id.clone(),
        (None, _) => text.to_owned(),
    }
}

/// Renames the identifiers of an expression that stand at the head of a path, outside quotes.
fn rename_expr(text: &str, names: &BTreeMap<String, String>) -> String {
    let mut renamed = String::with_capacity(text.len());
    let mut word = String::new();
    let (mut quote, mut after_dot) = (None, false);
    for c in text.chars().chain(['\0']) {
        if quote.is_none() && (c.is_alphanumeric() || c == '_') {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            let name = if after_dot { None } else { names.get(&word) };
            renamed.push_str(name.unwrap_or(&word));
            word.clear();
        }
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            _ => {}
        }
        after_dot = c == '.';
        if c != '\0' {
            renamed.push(c);
        }
    }
    renamed
}

/// Edges of a melody: who gives what to whom.
fn edges(melody: &Json) -> BTreeSet<(String, String)> {
    let mut edges = BTreeSet::new();
    for (id, node) in nodes(melody) {
        let inputs = node.get("in").and_then(Json::as_object).into_iter().flatten();
        inputs.for_each(|(port, from)| sources(from, &format!("{id}.{port}"), &mut edges));
        if let Some(over) = node.get("map").and_then(|map| map.get("over")) {
            sources(over, &format!("{id}.map"), &mut edges);
        }
        for need in node.get("needs").and_then(Json::as_array).into_iter().flatten() {
            let name = need.as_str().or_else(|| need.get("node").and_then(Json::as_str));
            edges.extend(name.map(|name| (name.to_owned(), id.to_owned())));
        }
    }
    for (name, from) in melody.get("outputs").and_then(Json::as_object).into_iter().flatten() {
        sources(from, &format!("outputs.{name}"), &mut edges);
    }
    edges
}

fn sources(from: &Json, to: &str, edges: &mut BTreeSet<(String, String)>) {
    match from {
        Json::String(name) => {
            edges.insert((name.clone(), to.to_owned()));
        }
        Json::Array(items) => items.iter().for_each(|item| sources(item, to, edges)),
        Json::Object(object) => {
            let named = object.iter().filter(|(key, _)| !matches!(key.as_str(), "value" | "default" | "kind" | "expr"));
            named.for_each(|(_, value)| sources(value, to, edges));
        }
        _ => {}
    }
}

#[cfg(test)]
#[path = "diff_tests.rs"]
mod tests;
