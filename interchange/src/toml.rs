//! A melody in the making and the text it is written as.
//!
//! The writer is our own because it only ever appends: a document of `toml_edit` costs several times the time and
//! memory of the text, and an import of ten thousand nodes is mostly writing.

use crate::json::{Json, Value};
use std::fmt::Write as _;

/// Deeper values are written as JSON text, well before the melody's reader would refuse them.
const MAX_DEPTH: usize = 32;

/// A melody to be written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    /// `name`.
    pub name: String,
    /// `title`.
    pub title: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// Further keys with their values as TOML, such as `on`, `limits`.
    pub more: Vec<(&'static str, String)>,
    /// Comments below the head.
    pub comments: Vec<String>,
    /// `[inputs]`: name, then the declaration as TOML.
    pub inputs: Vec<(String, String)>,
    /// `[outputs]`: name, then the source as TOML.
    pub outputs: Vec<(String, String)>,
    /// The nodes.
    pub nodes: Vec<DraftNode>,
}

/// A node to be written. Whatever is empty is left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct DraftNode {
    /// The id.
    pub id: String,
    /// Comments above it.
    pub comments: Vec<String>,
    /// `title`.
    pub title: Option<String>,
    /// `note`.
    pub note: Option<String>,
    /// `uses`.
    pub uses: Option<String>,
    /// `in`: port, then its source as TOML.
    pub inputs: Vec<(String, String)>,
    /// `with`: setting, then its value as TOML.
    pub with: Vec<(String, String)>,
    /// `out`: port, then its type.
    pub out: Vec<(String, String)>,
    /// `needs`: entries as TOML.
    pub needs: Vec<String>,
    /// Further keys with their values as TOML, such as `if`, `loop`, `retry`.
    pub more: Vec<(&'static str, String)>,
}

impl Draft {
    /// The melody's text.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(256 + 256 * self.nodes.len());
        let _ = writeln!(text, "format = 1\nname   = {}", quoted(&self.name));
        for (key, value) in [("title", &self.title), ("description", &self.description)] {
            if let Some(value) = value.as_ref().filter(|value| !value.trim().is_empty()) {
                let _ = writeln!(text, "{key} = {}", prose(value));
            }
        }
        for (key, value) in &self.more {
            let _ = writeln!(text, "{key} = {value}");
        }
        for comment in &self.comments {
            text.push('\n');
            write_comment(&mut text, comment);
        }
        for (header, entries) in [("inputs", &self.inputs), ("outputs", &self.outputs)] {
            if !entries.is_empty() {
                let _ = writeln!(text, "\n[{header}]");
                for (name, value) in entries {
                    let _ = writeln!(text, "{name} = {value}");
                }
            }
        }
        for node in &self.nodes {
            node.write(&mut text);
        }
        text
    }
}

impl DraftNode {
    fn write(&self, text: &mut String) {
        text.push('\n');
        for comment in &self.comments {
            write_comment(text, comment);
        }
        let _ = writeln!(text, "[node.{}]", self.id);
        for (key, value) in [("title", &self.title), ("note", &self.note)] {
            if let Some(value) = value.as_ref().filter(|value| !value.trim().is_empty()) {
                let _ = writeln!(text, "{key} = {}", prose(value));
            }
        }
        if let Some(uses) = &self.uses {
            let _ = writeln!(text, "uses = {}", quoted(uses));
        }
        for (key, value) in &self.more {
            let _ = writeln!(text, "{key} = {value}");
        }
        if !self.needs.is_empty() {
            let _ = writeln!(text, "needs = [{}]", self.needs.join(", "));
        }
        let types: Vec<(String, String)> = self.out.iter().map(|(port, ty)| (port.clone(), quoted(ty))).collect();
        write_table(text, "in", &self.inputs);
        write_table(text, "out", &types);
        write_table(text, "with", &self.with);
    }
}

/// Short tables stand in one line, long ones have a line for each entry: diffs are read by people.
fn write_table(text: &mut String, name: &str, entries: &[(String, String)]) {
    const WIDEST: usize = 96;
    if entries.is_empty() {
        return;
    }
    let width: usize = entries.iter().map(|(key, value)| key.len() + value.len() + 5).sum();
    if width <= WIDEST && !entries.iter().any(|(_, value)| value.contains('\n')) {
        let _ = writeln!(text, "{name} = {}", table(entries));
        return;
    }
    for (port, value) in entries {
        let _ = writeln!(text, "{name}.{} = {value}", key(port));
    }
}

fn write_comment(text: &mut String, comment: &str) {
    for line in comment.lines() {
        let line: String = line.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect();
        let _ = writeln!(text, "{}", format!("# {line}").trim_end());
    }
}

/// An inline table.
pub(crate) fn table(entries: &[(String, String)]) -> String {
    let entries: Vec<String> = entries.iter().map(|(name, value)| format!("{} = {value}", key(name))).collect();
    format!("{{ {} }}", entries.join(", "))
}

/// A key, in quotes where it must be.
pub(crate) fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) }
}

/// A text in one line.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A text, over several lines where it has them.
pub(crate) fn prose(text: &str) -> String {
    let plain = |c: char| !c.is_control() || c == '\n' || c == '\t';
    if !text.contains('\n') || !text.chars().all(plain) {
        return quoted(text);
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"\"\"\n{escaped}\"\"\"")
}

/// A list of texts.
pub(crate) fn texts<'s>(items: impl IntoIterator<Item = &'s str>) -> String {
    let items: Vec<String> = items.into_iter().map(quoted).collect();
    format!("[{}]", items.join(", "))
}

/// A number that is read as the same number again.
pub(crate) fn float(number: f64) -> String {
    let text = format!("{number:?}");
    // TOML wants digits on both sides of the point, and takes an exponent as Rust writes it.
    if text.contains(['.', 'e']) { text } else { format!("{text}.0") }
}

/// A setting of a node: the value itself, or its JSON text under `KEY_json` where TOML or the melody cannot hold it
/// (`null`, numbers beyond 64 bits, a key `secret`, deep nesting). So nothing of it is ever lost.
pub(crate) fn setting(name: &str, json: &Json<'_>) -> Option<(String, String)> {
    if json.value == Value::Null {
        return None;
    }
    let mut text = String::new();
    if write_value(&mut text, json, 0) {
        return Some((name.to_owned(), text));
    }
    Some((format!("{name}_json"), quoted(&to_json(json))))
}

/// Writes a value as TOML. Returns whether TOML and the melody can hold it.
fn write_value(text: &mut String, json: &Json<'_>, depth: usize) -> bool {
    match &json.value {
        Value::Null => return false,
        Value::Bool(truth) => text.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => return write_number(text, number),
        Value::Text(value) if depth == 0 => text.push_str(&prose(value)),
        Value::Text(value) => text.push_str(&quoted(value)),
        Value::List(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                text.push_str(if place == 0 { "" } else { ", " });
                if depth >= MAX_DEPTH || !write_value(text, item, depth + 1) {
                    return false;
                }
            }
            text.push(']');
        }
        Value::Object(entries) => {
            text.push('{');
            for (place, (name, value)) in entries.iter().enumerate() {
                let twice = entries.iter().skip(place + 1).any(|(other, _)| other == name);
                text.push_str(if place == 0 { " " } else { ", " });
                let _ = write!(text, "{} = ", key(name));
                if twice || name == "secret" || depth >= MAX_DEPTH || !write_value(text, value, depth + 1) {
                    return false;
                }
            }
            text.push_str(if entries.is_empty() { "}" } else { " }" });
        }
    }
    true
}

fn write_number(text: &mut String, number: &str) -> bool {
    if let Ok(whole) = number.parse::<i64>() {
        let _ = write!(text, "{whole}");
        return true;
    }
    let whole = !number.contains(['.', 'e', 'E']);
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() && !whole => {
            text.push_str(&float(value));
            true
        }
        _ => false,
    }
}

/// A value as compact JSON text.
pub(crate) fn to_json(json: &Json<'_>) -> String {
    let mut text = String::new();
    write_json(&mut text, json);
    text
}

fn write_json(text: &mut String, json: &Json<'_>) {
    let string = |value: &str| serde_json::Value::from(value).to_string();
    match &json.value {
        Value::Null => text.push_str("null"),
        Value::Bool(truth) => text.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => text.push_str(number),
        Value::Text(value) => text.push_str(&string(value)),
        Value::List(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                text.push_str(if place == 0 { "" } else { "," });
                write_json(text, item);
            }
            text.push(']');
        }
        Value::Object(entries) => {
            text.push('{');
            for (place, (name, value)) in entries.iter().enumerate() {
                let _ = write!(text, "{}{}:", if place == 0 { "" } else { "," }, string(name));
                write_json(text, value);
            }
            text.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::read;
    use proptest::prelude::*;
    use symphony_ecs_core::melody::model::Setting;
    use symphony_ecs_core::melody::{parse, render};

    fn with(json: &str) -> Vec<(String, serde_json::Value)> {
        let json = read(json).unwrap();
        let with = json.entries().iter().filter_map(|(key, value)| setting(key, value)).collect();
        let node = DraftNode { id: "a".into(), uses: Some("builtin:text".into()), with, ..DraftNode::default() };
        let text = Draft { name: "t".into(), nodes: vec![node], ..Draft::default() }.text();
        let melody = parse("t", &text).unwrap_or_else(|found| panic!("{}\n{text}", render(&found, false))).melody;
        let value = |setting: &Setting| match setting {
            Setting::Value(value) => value.to_json(),
            Setting::Secret(name) => panic!("{name:?}"),
        };
        melody.nodes[0].with.iter().map(|(name, setting)| (name.value.clone(), value(setting))).collect()
    }

    #[test]
    fn what_toml_cannot_hold_is_kept_as_json() {
        let given = with(
            r#"{"a b": {"x": [1, "ä\n\u0001", {}]}, "n": {"y": [null]}, "big": 18446744073709551615,
            "s": {"secret": "x"}, "none": null, "f": 1e3, "multi": "one\n\"two\"\\\n"}"#,
        );
        let expected = serde_json::json!({ "a b": {"x": [1, "ä\n\u{1}", {}]}, "n_json": "{\"y\":[null]}",
            "big_json": "18446744073709551615", "s_json": "{\"secret\":\"x\"}", "f": 1000.0, "multi": "one\n\"two\"\\\n" });
        assert_eq!(serde_json::Value::Object(given.into_iter().collect()), expected);
    }

    proptest! {
        #[test]
        fn texts_survive(text in "(.|\n|\"|\\\\|\t|\r|\u{85}|\u{7f}){0,20}", name in ".{0,6}") {
            let json = serde_json::json!({ name.clone(): text }).to_string();
            prop_assert_eq!(with(&json), [(name, serde_json::Value::from(text))]);
        }
    }
}
