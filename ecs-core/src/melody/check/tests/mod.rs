//! Tests of the checker, over a small catalog and files that are texts in a map.

mod mistakes;
mod nested;
mod plays;
mod speed;

use super::super::{Diagnostic, Sources, render};
use super::{Checked, check};
use crate::melody::model::PlayerRef;
use crate::ports::{Catalog, CatalogError, Operation, Port};
use crate::types::PortType;
use crate::value::Digest;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Files by path; every path is taken as it is written.
pub(crate) struct Texts(pub(crate) BTreeMap<String, String>);

impl Sources for Texts {
    fn read(&self, _from: &str, path: &str) -> Result<(String, String), String> {
        let text = self.0.get(path).ok_or("no such file")?;
        Ok((path.to_owned(), text.clone()))
    }
}

/// A catalog of a few players.
pub(crate) struct Players(BTreeMap<&'static str, Arc<Operation>>);

impl Catalog for Players {
    fn operation(&self, player: &PlayerRef) -> Result<Arc<Operation>, CatalogError> {
        let operation = player.operation.as_deref().map(|operation| format!("/{operation}")).unwrap_or_default();
        let name = format!("{}:{}{operation}", player.kind, player.name);
        self.0.get(name.as_str()).cloned().ok_or_else(|| CatalogError {
            message: format!("no player `{name}`"),
            help: Some("looked in the bundled players only".to_owned()),
        })
    }
}

fn port(written: &str) -> Port {
    // `name: type` is required, `name?: type` is not.
    let (name, ty) = written.split_once(": ").unwrap();
    let ty = PortType::parse(ty).unwrap();
    match name.strip_suffix('?') {
        Some(name) => Port { name: name.to_owned(), ty, required: false },
        None => Port { name: name.to_owned(), ty, required: true },
    }
}

pub(crate) fn operation(
    name: &str,
    inputs: &[&str],
    outputs: &[&str],
    settings: Option<serde_json::Value>,
) -> Operation {
    let ports = |written: &[&str]| written.iter().filter(|name| **name != "…").map(|written| port(written)).collect();
    Operation {
        name: name.to_owned(),
        version: semver::Version::new(1, 0, 0),
        digest: Digest::of(name.as_bytes()),
        origin: "bundled".to_owned(),
        inputs: ports(inputs),
        open_inputs: inputs.contains(&"…"),
        outputs: ports(outputs),
        open_outputs: outputs.contains(&"…"),
        settings,
        in_process: name.starts_with("builtin"),
        idempotent: true,
        reuse: Default::default(),
        worst_cost_micros: None,
        worst_tokens: None,
        max_parallel: None,
        timeout: None,
    }
}

pub(crate) fn players() -> Players {
    let chat = serde_json::json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "model": { "type": "string" }, "key": { "type": "string", "minLength": 20 },
            "temperature": { "type": "number", "minimum": 0, "maximum": 2 }
        }
    });
    let template = serde_json::json!({
        "type": "object", "additionalProperties": false, "required": ["text"],
        "properties": { "text": { "type": "string" } }
    });
    let log = ["commits: list<json>", "head: text", "count: int"];
    Players(
        BTreeMap::from([
            ("builtin:template", operation("builtin:template/render", &["…"], &["text: text"], Some(template))),
            ("builtin:json", operation("builtin:json/query", &["…"], &["…"], None)),
            ("operator:git/log", operation("operator:git/log", &["since?: text", "limit?: int"], &log, None)),
            (
                "operator:file/write",
                operation("operator:file/write", &["path: text", "content: text|bytes"], &["file: artifact"], None),
            ),
            ("operator:file/read", operation("operator:file/read", &["file: artifact<text/*>"], &["text: text"], None)),
            (
                "instrument:large/chat",
                operation(
                    "instrument:large/chat",
                    &["prompt: text", "…"],
                    &["text: text", "score: float", "…"],
                    Some(chat.clone()),
                ),
            ),
            (
                "instrument:small/chat",
                operation("instrument:small/chat", &["prompt: text", "…"], &["text: text", "…"], Some(chat)),
            ),
            (
                "instrument:other/chat",
                operation("instrument:other/chat", &["question: text"], &["text: list<text>"], None),
            ),
        ])
        .into_iter()
        .map(|(name, operation)| (name, Arc::new(operation)))
        .collect(),
    )
}

/// A melody of a name and what follows it.
pub(crate) fn melody(rest: &str) -> String {
    format!("format = 1\nname = \"test\"\n{rest}")
}

pub(crate) fn check_files(root: &str, files: &[(&str, String)]) -> Result<Checked, Vec<Diagnostic>> {
    let texts = Texts(files.iter().map(|(path, text)| ((*path).to_owned(), text.clone())).collect());
    check(&texts, "test.melody.toml", root, &players())
}

/// The melody plays.
pub(crate) fn plays(rest: &str) -> Checked {
    check_files(&melody(rest), &[]).unwrap_or_else(|findings| panic!("{}", render(&findings, false)))
}

/// The findings as a person sees them.
pub(crate) fn findings(root: &str, files: &[(&str, String)]) -> String {
    match check_files(root, files) {
        Ok(checked) => format!("plays\n{}", render(&checked.warnings, false)),
        Err(findings) => render(&findings, false),
    }
}
