//! A melody as WfFormat 1.5: nodes become tasks, edges become parents and children, estimates become run times.

use crate::chart::{ChartEdge, End, edges_of};
use crate::names::slug;
use crate::report::Unsupported;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use symphony_ecs_core::melody::model::{Melody, Node, Setting};
use symphony_ecs_core::value::Value;

/// Writes a melody as WfFormat, and what that format cannot say.
pub fn export(melody: &Melody) -> (String, Vec<Unsupported>) {
    let ids = task_ids(melody);
    let places: HashMap<&str, usize> =
        melody.nodes.iter().enumerate().map(|(place, node)| (node.id.value.as_str(), place)).collect();
    let mut parents: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); melody.nodes.len()];
    let mut children = parents.clone();
    for ChartEdge { from, to, .. } in edges_of(melody) {
        let (End::Node(from), End::Node(to)) = (&from, &to) else { continue };
        let (Some(from), Some(to)) = (places.get(from.as_str()), places.get(to.as_str())) else { continue };
        if let (Some(parents), Some(children)) = (parents.get_mut(*to), children.get_mut(*from)) {
            parents.insert(*from);
            children.insert(*to);
        }
    }
    let named = |places: Option<&BTreeSet<usize>>| -> Vec<&str> {
        places.into_iter().flatten().filter_map(|place| ids.get(*place)).map(String::as_str).collect()
    };
    let (mut specified, mut executed) = (Vec::new(), Vec::new());
    let mut files: BTreeMap<String, u64> = BTreeMap::new();
    for (place, (node, id)) in melody.nodes.iter().zip(&ids).enumerate() {
        let mut task = Map::new();
        task.insert("name".to_owned(), json!(node.title.as_deref().filter(|title| !title.is_empty()).unwrap_or(id)));
        task.insert("id".to_owned(), json!(id));
        task.insert("parents".to_owned(), json!(named(parents.get(place))));
        task.insert("children".to_owned(), json!(named(children.get(place))));
        for (setting, key) in [("reads", "inputFiles"), ("writes", "outputFiles")] {
            task.insert(key.to_owned(), json!(file_names(node, setting, &mut files)));
        }
        specified.push(Json::Object(task));
        executed.push(measured(node, id));
    }
    let files: Vec<Json> = files.iter().map(|(id, bytes)| json!({ "id": id, "sizeInBytes": bytes })).collect();
    let mut object = Map::new();
    object.insert("name".to_owned(), json!(melody.title.as_ref().unwrap_or(&melody.name.value)));
    if let Some(description) = melody.description.as_ref().filter(|text| !text.is_empty()) {
        object.insert("description".to_owned(), json!(description));
    }
    object.insert("schemaVersion".to_owned(), json!("1.5"));
    object.insert(
        "workflow".to_owned(),
        json!({
            "specification": { "tasks": specified, "files": files },
            // The schema wants both; a melody has not been played.
            "execution": { "makespanInSeconds": longest_path(melody, &parents), "executedAt": "not played", "tasks": executed }
        }),
    );
    let mut text = serde_json::to_string_pretty(&Json::Object(object)).unwrap_or_default();
    text.push('\n');
    (text, unsaid(melody))
}

/// Ids of tasks: the one that was imported, else the node's.
fn task_ids(melody: &Melody) -> Vec<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let wanted = |node: &Node| -> String {
        if let Some(Value::Text(task)) = setting(node, "task") {
            return task.to_string();
        }
        let told = node
            .title
            .as_ref()
            .filter(|title| !title.is_empty() && title.chars().all(plain) && slug(title, "task") == node.id.value);
        told.unwrap_or(&node.id.value).clone()
    };
    let wanted: Vec<String> = melody.nodes.iter().map(wanted).collect();
    let distinct: BTreeSet<&String> = wanted.iter().collect();
    if distinct.len() == wanted.len() {
        return wanted;
    }
    melody.nodes.iter().map(|node| node.id.value.clone()).collect()
}

fn setting<'n>(node: &'n Node, name: &str) -> Option<&'n Value> {
    node.with.iter().find(|(known, _)| known.value == name).and_then(|(_, setting)| match setting {
        Setting::Value(value) => Some(value),
        Setting::Secret(_) => None,
    })
}

fn file_names(node: &Node, name: &str, files: &mut BTreeMap<String, u64>) -> Vec<String> {
    let Some(Value::Map(map)) = setting(node, name) else { return Vec::new() };
    for (file, bytes) in map.iter() {
        let bytes = bytes.as_int().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
        let known = files.entry(file.clone()).or_insert(bytes);
        *known = (*known).max(bytes);
    }
    map.keys().cloned().collect()
}

fn measured(node: &Node, id: &str) -> Json {
    let mut task = Map::new();
    task.insert("id".to_owned(), json!(id));
    task.insert("runtimeInSeconds".to_owned(), number(node.estimate.seconds.unwrap_or(0.0)));
    if let Some(Value::Text(program)) = setting(node, "program") {
        let arguments = setting(node, "arguments").map_or_else(|| json!([]), Value::to_json);
        task.insert("command".to_owned(), json!({ "program": &**program, "arguments": arguments }));
    }
    for (name, key) in [
        ("cores", "coreCount"),
        ("avg_cpu", "avgCPU"),
        ("memory_bytes", "memoryInBytes"),
        ("read_bytes", "readBytes"),
        ("written_bytes", "writtenBytes"),
        ("priority", "priority"),
        ("machines", "machines"),
    ] {
        if let Some(value) = setting(node, name) {
            task.insert(key.to_owned(), value.to_json());
        }
    }
    Json::Object(task)
}

fn number(number: f64) -> Json {
    if number.fract() == 0.0 && number.abs() < 9e15 { json!(number as i64) } else { json!(number) }
}

/// The longest path by estimates: how long it takes when machines are never short.
fn longest_path(melody: &Melody, parents: &[BTreeSet<usize>]) -> Json {
    let mut waiting: Vec<usize> = parents.iter().map(BTreeSet::len).collect();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); parents.len()];
    for (place, parents) in parents.iter().enumerate() {
        for parent in parents {
            if let Some(children) = children.get_mut(*parent) {
                children.push(place);
            }
        }
    }
    let mut start = vec![0.0f64; parents.len()];
    let mut ready: Vec<usize> =
        waiting.iter().enumerate().filter(|(_, left)| **left == 0).map(|(place, _)| place).collect();
    let mut longest = 0.0f64;
    while let Some(place) = ready.pop() {
        let seconds = melody.nodes.get(place).and_then(|node| node.estimate.seconds).unwrap_or(0.0);
        let end = start.get(place).copied().unwrap_or(0.0) + seconds;
        longest = longest.max(end);
        for child in children.get(place).into_iter().flatten() {
            if let (Some(start), Some(left)) = (start.get_mut(*child), waiting.get_mut(*child)) {
                *start = start.max(end);
                *left -= 1;
                if *left == 0 {
                    ready.push(*child);
                }
            }
        }
    }
    number(longest)
}

/// What a task of WfFormat cannot say.
fn unsaid(melody: &Melody) -> Vec<Unsupported> {
    let mut list = Vec::new();
    let mut note = |what: &str, place: String| list.push(Unsupported { what: what.to_owned(), place });
    for node in &melody.nodes {
        let place = || format!("node.{}", node.id.value);
        for (there, what) in [
            (node.condition.is_some(), "if"),
            (node.map.is_some(), "map"),
            (node.repeat.is_some(), "loop"),
            (node.approve.is_some(), "approve"),
            (node.retry.is_some(), "retry"),
            (node.undo.is_some(), "undo"),
        ] {
            if there {
                note(what, place());
            }
        }
    }
    if !melody.inputs.is_empty() {
        note("inputs", "inputs".to_owned());
    }
    if !melody.outputs.is_empty() {
        note("outputs", "outputs".to_owned());
    }
    list
}
