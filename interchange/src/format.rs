//! Which format a text is in, and the importer for it.

use crate::json::{self, Json};
use crate::report::{Imported, Refusal};
use crate::{comfyui, dot, n8n, wfformat};

/// A format of another tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Recorded executions of scientific workflows, as JSON (WfCommons).
    WfFormat,
    /// Workflows of n8n, as JSON.
    N8n,
    /// Workflows of ComfyUI, as JSON.
    ComfyUi,
    /// Graphs of Graphviz.
    Dot,
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 4] = [Self::WfFormat, Self::N8n, Self::ComfyUi, Self::Dot];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::WfFormat => "wfformat",
            Self::N8n => "n8n",
            Self::ComfyUi => "comfyui",
            Self::Dot => "dot",
        }
    }
}

/// Imports a workflow. `base` begins the names of the files; the format is found out where it is not given.
///
/// # Errors
/// The text is broken, or it is no workflow of the format: what is wrong, where, and the cure.
///
/// ```
/// let workflow = r#"{ "schemaVersion": "1.5", "workflow": { "specification": { "tasks": [
///   { "id": "a", "name": "a", "parents": [], "children": ["b"] },
///   { "id": "b", "name": "b", "parents": ["a"], "children": [] } ] } } }"#;
/// let imported = symphony_interchange::import("two", workflow.as_bytes(), None).unwrap();
/// assert_eq!((imported.report.nodes, imported.report.edges), (2, 1));
/// assert_eq!(imported.files[0].name, "two.melody.toml");
/// ```
pub fn import(base: &str, bytes: &[u8], format: Option<Format>) -> Result<Imported, Refusal> {
    if format == Some(Format::Dot) || format.is_none() && !begins_as_json(bytes) {
        let (text, latin1) = dot::decode(bytes);
        return match format {
            None if !dot::is_dot(&text) => Err(neither(&text)),
            _ => dot::import(base, &text, latin1),
        };
    }
    let text = utf8(bytes)?;
    let json = json::read(text)?;
    match format.or_else(|| format_of(&json)) {
        Some(Format::WfFormat) => wfformat::import(base, text, &json),
        Some(Format::N8n) => match n8n::workflow_of(&json) {
            Some(workflow) => n8n::import(base, text, workflow),
            None => Err(unknown(text, &json)),
        },
        Some(Format::ComfyUi) if comfyui::is_workflow(&json) || comfyui::is_prompt(&json) => {
            comfyui::import(base, text, &json)
        }
        _ => Err(unknown(text, &json)),
    }
}

fn begins_as_json(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['))
}

fn neither(text: &str) -> Refusal {
    let at = text.len() - text.trim_start().len();
    let help =
        "WfFormat, n8n and ComfyUI begin with `{`, Graphviz with `graph` or `digraph`; export the workflow again";
    let message = if at == text.len() { "the file is empty" } else { "this begins neither as JSON nor as a graph" };
    Refusal::new(message, help).at(text, at)
}

fn utf8(bytes: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        let mut refusal = Refusal::new("this is not UTF-8 text", "save the file as UTF-8; is it a workflow at all?");
        refusal.place = Some((line, column));
        refusal
    })
}

fn format_of(json: &Json<'_>) -> Option<Format> {
    if wfformat::read::is_wfformat(json) {
        return Some(Format::WfFormat);
    }
    if n8n::workflow_of(json).is_some() {
        return Some(Format::N8n);
    }
    (comfyui::is_workflow(json) || comfyui::is_prompt(json)).then_some(Format::ComfyUi)
}

fn unknown(text: &str, json: &Json<'_>) -> Refusal {
    if json.is_list() {
        let help = "give one of the workflows that it lists, each in a file of its own";
        let message = "this is a list, not a workflow: an index of workflows, perhaps";
        return Refusal::new(message, help).at(text, json.at);
    }
    let help = "n8n has `nodes` and `connections`, ComfyUI `nodes` and `links`, WfFormat `workflow`";
    Refusal::new("this JSON is no workflow of a known format", help).at(text, json.at)
}
