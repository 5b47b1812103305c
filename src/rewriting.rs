//! Rewriting: how a running melody's text is edited, and how the edited text becomes a score.
//!
//! An edit is the whole of what the checker then reads: the melody's new text and those of its bodies and schemas, as a
//! run's birth keeps them. So a replay needs no file, and the score of an edit is the same whenever it is made.

use crate::files::{Disk, Kept, Reading, Recorder};
use crate::opening::Opened;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use symphony_ecs_core::melody::check::check;
use symphony_ecs_core::melody::render;
use symphony_ecs_core::melody::sources::Sources;
use symphony_ecs_core::score::{Score, compile};
use symphony_ecs_core::value::Value;
use symphony_extensions::builtin;
use symphony_extensions::host::Registry;
use symphony_systems::options::RescoreHandle;
use symphony_systems::run::{Edit, Rescore};
use toml_edit::{DocumentMut, Item};

/// What a person wants changed: texts with `[node.ID]` tables, and ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Nodes that come.
    #[serde(default)]
    pub add: String,
    /// Nodes that take the place of those with their ids.
    #[serde(default)]
    pub replace: String,
    /// Nodes that go.
    #[serde(default)]
    pub remove: Vec<String>,
}

/// Edits of one run.
struct Rewriter {
    path: String,
    readings: Vec<Reading>,
    registry: Arc<Registry>,
    settings: Value,
}

/// Who makes scores of the edits of a run that began with these texts and preferences.
pub fn rescore(opened: &Opened, path: &str, readings: &[Reading], settings: &BTreeMap<String, Value>) -> RescoreHandle {
    RescoreHandle(Arc::new(Rewriter {
        path: path.to_owned(),
        readings: readings.to_vec(),
        registry: Arc::clone(&opened.registry),
        settings: Value::map(settings.iter().map(|(name, value)| (name.clone(), value.clone()))),
    }))
}

impl Rescore for Rewriter {
    fn edit(&self, last: Option<&str>, change: &str) -> Result<Edit, String> {
        let change: Change = serde_json::from_str(change).map_err(|error| format!("not a change: {error}"))?;
        let readings = last.map_or_else(|| Ok(self.readings.clone()), read)?;
        let Some(root) = readings.first() else { return Err("the run keeps no text of its melody".to_owned()) };
        let (text, replaced) = rewritten(&root.text, &change)?;
        let first = Reading { text, ..root.clone() };
        let sources = Layered { kept: &readings, new: Recorder::default() };
        let checked = check(&sources, &self.path, &first.text, &*self.registry);
        checked
            .map_err(|findings| format!("the edited melody has mistakes:\n{}", render(&findings, false).trim_end()))?;
        let new = sources.new.into_readings();
        let rest = readings.iter().skip(1).chain(&new).cloned();
        let readings: Vec<Reading> = std::iter::once(first).chain(rest).collect();
        let text = serde_json::to_string(&readings).map_err(|error| error.to_string())?;
        Ok(Edit { text, replaced })
    }

    fn score(&self, edit: &str) -> Result<Arc<Score>, String> {
        let readings = read(edit)?;
        let root = readings.first().map(|reading| reading.text.as_str()).unwrap_or_default();
        let checked = check(&Kept(&readings), &self.path, root, &*self.registry);
        let checked = checked.map_err(|findings| render(&findings, false))?;
        compile(&checked, &|operation| builtin::player(operation), &self.settings).map_err(|error| error.to_string())
    }
}

fn read(edit: &str) -> Result<Vec<Reading>, String> {
    serde_json::from_str(edit).map_err(|error| format!("an edit is damaged: {error}"))
}

/// What the run knows already comes from its journal; what an edit names for the first time is read from the disk, and
/// kept.
struct Layered<'r> {
    kept: &'r [Reading],
    new: Recorder,
}

impl Sources for Layered<'_> {
    fn read(&self, from: &str, path: &str) -> Result<(String, String), String> {
        Kept(self.kept).read(from, path).or_else(|_| match Disk.read(from, path) {
            Ok(_) => self.new.read(from, path),
            Err(why) => Err(why),
        })
    }
}

/// The melody's text with a change, and the ids that are replaced.
fn rewritten(text: &str, change: &Change) -> Result<(String, Vec<String>), String> {
    let mut melody: DocumentMut = text.parse().map_err(|error| format!("the run's melody: {error}"))?;
    let (added, replaced) = (ids_of(&change.add, "--add")?, ids_of(&change.replace, "--replace")?);
    let known = ids(&melody);
    if let Some(id) = added.iter().find(|id| known.contains(id)) {
        return Err(format!("there is a node `{id}` already; --replace puts another one in its place"));
    }
    for id in replaced.iter().chain(&change.remove) {
        if !known.contains(id) {
            return Err(format!("there is no node `{id}`; the melody has {}", known.join(", ")));
        }
    }
    match melody.get_mut("node") {
        Some(Item::Table(nodes)) => replaced.iter().chain(&change.remove).for_each(|id| drop(nodes.remove(id))),
        Some(Item::ArrayOfTables(nodes)) => {
            let goes = |id: &str| replaced.iter().chain(&change.remove).any(|gone| gone == id);
            nodes.retain(|node| !node.get("id").and_then(Item::as_str).is_some_and(goes));
        }
        _ => return Err("the run's melody does not list its nodes as tables".to_owned()),
    }
    let mut text = melody.to_string();
    for more in [&change.replace, &change.add] {
        text.push('\n');
        text.push_str(more);
    }
    Ok((text, replaced))
}

/// The ids of a text that holds nodes and nothing else.
fn ids_of(text: &str, option: &str) -> Result<Vec<String>, String> {
    let parsed: DocumentMut = text.parse().map_err(|error| format!("{option}: {error}"))?;
    if let Some((key, _)) = parsed.iter().find(|(key, _)| *key != "node") {
        return Err(format!("{option}: `{key}` is no node; write tables such as [node.ID]"));
    }
    Ok(ids(&parsed))
}

fn ids(melody: &DocumentMut) -> Vec<String> {
    match melody.get("node") {
        Some(Item::Table(nodes)) => nodes.iter().map(|(id, _)| id.to_owned()).collect(),
        Some(Item::ArrayOfTables(nodes)) => {
            nodes.iter().filter_map(|node| node.get("id")?.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MELODY: &str =
        "format = 1\nname = \"m\"\n\n# first\n[node.a]\nuses = \"x\"\n\n[node.b]\nuses = \"y\"\n[node.b.with]\nn = 1\n";

    fn change(add: &str, replace: &str, remove: &[&str]) -> Change {
        Change { add: add.into(), replace: replace.into(), remove: remove.iter().map(|id| (*id).to_owned()).collect() }
    }

    #[test]
    fn nodes_come_go_and_are_replaced_and_the_rest_of_the_text_stays() {
        let (text, replaced) =
            rewritten(MELODY, &change("[node.c]\nuses = \"z\"\n", "[node.b]\nuses = \"w\"\n", &[])).unwrap();
        assert_eq!(replaced, ["b"]);
        assert!(text.starts_with("format = 1\nname = \"m\"\n\n# first\n[node.a]\nuses = \"x\"\n"), "{text}");
        let parsed: DocumentMut = text.parse().unwrap();
        assert_eq!(ids(&parsed), ["a", "b", "c"]);
        assert!(!text.contains("with") && text.contains("\"w\""), "{text}");
        let (text, _) = rewritten(MELODY, &change("", "", &["b"])).unwrap();
        assert_eq!(ids(&text.parse().unwrap()), ["a"]);
        let listed = "[[node]]\nid = \"a\"\n[[node]]\nid = \"b\"\n";
        let (text, _) = rewritten(listed, &change("", "[[node]]\nid = \"a\"\nx = 1\n", &[])).unwrap();
        assert_eq!(ids(&text.parse().unwrap()), ["b", "a"]);
    }

    #[test]
    fn mistakes_are_named() {
        let why =
            |add: &str, replace: &str, remove: &[&str]| rewritten(MELODY, &change(add, replace, remove)).unwrap_err();
        assert!(why("[node.a]\n", "", &[]).contains("there is a node `a` already"));
        assert!(why("", "[node.q]\n", &[]).contains("no node `q`; the melody has a, b"));
        assert!(why("", "", &["q"]).contains("no node `q`"));
        assert!(why("name = \"n\"\n", "", &[]).contains("`name` is no node"));
        assert!(why("[node.", "", &[]).starts_with("--add: "));
    }
}
