//! Pinned data as `NAME.melody.pins`: a table for each node, a value for each of its ports.

use crate::json::{Json, Value};
use crate::toml::{key, quoted, setting};
use std::fmt::Write as _;

/// The text of a file of pins. Entries are ids of nodes with what is pinned there.
pub(super) fn text(melody: &str, entries: &[(&str, &Json<'_>)]) -> String {
    let mut text =
        format!("# Pinned data of {melody}: previews and tests take it instead of playing the node.\nformat = 1\n");
    for (id, items) in entries {
        let without = without_nulls(items);
        let _ = writeln!(text, "\n[node.{}]", key(id));
        match setting("main", &without) {
            Some((name, value)) if name == "main" => {
                let _ = writeln!(text, "main = {value}");
            }
            Some((_, json)) => {
                let _ = writeln!(text, "main = {{ json = {json} }}");
            }
            None => {
                let _ = writeln!(text, "main = {}", quoted(""));
            }
        }
    }
    text
}

/// An absent entry says the same as one that is null.
fn without_nulls<'t>(json: &Json<'t>) -> Json<'t> {
    let value = match &json.value {
        Value::List(items) => Value::List(items.iter().map(without_nulls).collect()),
        Value::Object(entries) => {
            let there = entries.iter().filter(|(_, value)| value.value != Value::Null);
            Value::Object(there.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        other => other.clone(),
    };
    Json { value, at: json.at }
}
