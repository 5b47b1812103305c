//! Pins: the file beside a melody, `NAME.melody.pins`, that says how it is tested.
//!
//! ```toml
//! format = 1
//!
//! [inputs]                     # inputs of every case
//! who = "Ada"
//!
//! [node.draft]                 # values that a node gives instead of being played: port = value
//! text = "Dear Ada"
//!
//! [expect]                     # outputs of the melody, or "NODE.PORT"
//! letter = "Dear Ada!"
//!
//! [case.stranger]              # further cases: they begin with what stands above
//! inputs = { who = "Bob" }
//! expect = { letter = "Dear Bob!" }
//! ```
//!
//! Without `[case.…]` the file is one case.

use super::diagnostics::Diagnostic;
use super::model::{InputDecl, Span, Spanned};
use super::values;
use crate::events::RunStatus;
use crate::score::Score;
use crate::score::pinned::{PinnedValues, ports_of};
use crate::types::Schemas;
use crate::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use toml_edit::{Document, Item, TableLike, Value as Toml};

/// The cases of a melody.
#[derive(Clone, Debug)]
pub struct Pins {
    path: String,
    source: Arc<str>,
    /// The cases, in the order of the text.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// Its name; empty where the file is one case.
    pub name: String,
    /// Inputs of the melody.
    pub inputs: Named,
    /// For each pinned node: where it is named, and its values by port.
    pub pins: BTreeMap<String, (Span, Named)>,
    /// Expected outputs, of the melody (`NAME`) or of a node (`NODE.PORT`).
    pub expect: Named,
    /// How the run must end.
    pub status: Option<RunStatus>,
}

/// Values with their places, by name.
pub type Named = BTreeMap<String, Spanned<Value>>;

impl Case {
    /// The values of the pinned nodes.
    pub fn values(&self) -> PinnedValues {
        let plain = |named: &Named| named.iter().map(|(port, value)| (port.clone(), value.value.clone())).collect();
        self.pins.iter().map(|(node, (_, named))| (node.clone(), plain(named))).collect()
    }
}

impl Pins {
    /// Reads a file of pins. `path` names it in findings.
    ///
    /// # Errors
    /// Every mistake in the text, with its place.
    pub fn parse(path: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let source: Arc<str> = Arc::from(text);
        let mut reader = Reader { path, source: Arc::clone(&source), findings: Vec::new() };
        let document = match Document::parse(text) {
            Ok(document) => document,
            Err(error) => {
                reader.wrong(error.span().unwrap_or(0..0), "bad-pins", error.message().to_owned(), "the file is TOML");
                return Err(reader.findings);
            }
        };
        let root = document.as_table();
        let mut common = Case::default();
        reader.case(root, &mut common, &["case"]);
        let mut cases = Vec::new();
        if let Some(item) = root.get("case")
            && let Some(table) = reader.table(item, "case")
        {
            for (name, item) in table.iter() {
                let mut case = Case { name: name.to_owned(), ..common.clone() };
                if let Some(table) = reader.table(item, name) {
                    reader.case(table, &mut case, &[]);
                }
                cases.push(case);
            }
        }
        if cases.is_empty() {
            cases.push(common);
        }
        match reader.findings.is_empty() {
            true => Ok(Self { path: path.to_owned(), source, cases }),
            false => Err(reader.findings),
        }
    }

    /// Holds a case against the melody that it is for, and widens its values to the types of their ports.
    ///
    /// # Errors
    /// Unknown nodes, ports, inputs and outputs, values of other types, each with its place.
    pub fn fit(
        &self,
        case: &Case,
        score: &Score,
        declared: &[InputDecl],
        schemas: &Schemas,
    ) -> Result<Case, Vec<Diagnostic>> {
        let mut reader = Reader { path: &self.path, source: Arc::clone(&self.source), findings: Vec::new() };
        let mut case = case.clone();
        for (name, value) in &mut case.inputs {
            let Some(input) = declared.iter().find(|input| input.name.value == *name) else {
                let known = names(declared.iter().map(|input| input.name.value.as_str()));
                reader.wrong(value.span.clone(), "unknown-input", format!("the melody has no input `{name}`"), &known);
                continue;
            };
            match input.ty.value.check_value(&value.value, schemas) {
                Ok(fitted) => value.value = fitted,
                Err(error) => {
                    reader.type_differs(value.span.clone(), &format!("`{name}` is {}", input.ty.value), &error)
                }
            }
        }
        for (node, (span, ports)) in &mut case.pins {
            let Some((declared, within)) = ports_of(score, node) else {
                let known = names(score.ids.iter().map(|id| &**id));
                reader.wrong(span.clone(), "unknown-node", format!("the melody has no node `{node}`"), &known);
                continue;
            };
            for (name, value) in ports {
                reader.port(node, name, value, declared, &within.schemas);
            }
        }
        for (name, value) in &mut case.expect {
            match name.rsplit_once('.') {
                Some((node, port)) => match score.row_of(node) {
                    Some(row) if !matches!(score.spec(row).action, crate::score::Action::Map(_)) => {
                        reader.port(node, port, value, &score.spec(row).outputs, &score.schemas);
                    }
                    Some(_) => {}
                    None => {
                        let known = names(score.ids.iter().map(|id| &**id));
                        let what = format!("the melody itself has no node `{node}`");
                        reader.wrong(value.span.clone(), "unknown-node", what, &known);
                    }
                },
                None if score.outputs.iter().any(|output| *output.name == **name) => {}
                None => {
                    let known = names(score.outputs.iter().map(|output| &*output.name));
                    let what = format!("the melody has no output `{name}`");
                    reader.wrong(
                        value.span.clone(),
                        "unknown-output",
                        what,
                        &format!("{known}; a node's is \"NODE.PORT\""),
                    );
                }
            }
        }
        match reader.findings.is_empty() {
            true => Ok(case),
            false => Err(reader.findings),
        }
    }
}

fn names<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.take(12).collect();
    if names.is_empty() { "there are none".to_owned() } else { format!("there are: {}", names.join(", ")) }
}

struct Reader<'t> {
    path: &'t str,
    source: Arc<str>,
    findings: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn wrong(&mut self, span: Span, code: &'static str, message: String, help: &str) {
        self.findings
            .push(Diagnostic::error(code, message).in_file(self.path, &self.source).at(span, "here").help(help));
    }

    fn type_differs(&mut self, span: Span, what: &str, error: &dyn std::fmt::Display) {
        self.wrong(span, "type-mismatch", format!("{what}: {error}"), "give a value of that type");
    }

    fn port(
        &mut self,
        node: &str,
        name: &str,
        value: &mut Spanned<Value>,
        ports: &[crate::ports::Port],
        schemas: &Schemas,
    ) {
        let Some(port) = ports.iter().find(|port| port.name == name) else {
            let known = names(ports.iter().map(|port| port.name.as_str()));
            let what = format!("{node} has no output `{name}`");
            return self.wrong(value.span.clone(), "unknown-port", what, &known);
        };
        match port.ty.check_value(&value.value, schemas) {
            Ok(fitted) => value.value = fitted,
            Err(error) => self.type_differs(value.span.clone(), &format!("`{node}.{name}` is {}", port.ty), &error),
        }
    }

    fn table<'i>(&mut self, item: &'i Item, name: &str) -> Option<&'i dyn TableLike> {
        let table = item.as_table_like();
        if table.is_none() {
            let span = item.span().unwrap_or(0..0);
            self.wrong(span, "bad-pins", format!("`{name}` must be a table"), "write NAME = VALUE lines below it");
        }
        table
    }

    /// Reads the keys of a case over what it has already.
    fn case(&mut self, table: &dyn TableLike, case: &mut Case, others: &[&str]) {
        for (key, item) in table.iter() {
            let span = table.key(key).and_then(toml_edit::Key::span).or_else(|| item.span()).unwrap_or(0..0);
            match key {
                "inputs" => case.inputs.extend(self.named(item, key)),
                "expect" => case.expect.extend(self.named(item, key)),
                "format" => {
                    if item.as_integer() != Some(1) {
                        self.wrong(span, "bad-pins", "this format is not known".to_owned(), "write `format = 1`");
                    }
                }
                "node" => {
                    let Some(nodes) = self.table(item, key) else { continue };
                    for (node, item) in nodes.iter() {
                        let span = nodes.key(node).and_then(toml_edit::Key::span).unwrap_or_else(|| span.clone());
                        let ports = self.named(item, node);
                        case.pins.entry(node.to_owned()).or_insert((span, Named::new())).1.extend(ports);
                    }
                }
                "status" => match item.as_str().and_then(status) {
                    Some(status) => case.status = Some(status),
                    None => {
                        let what = "`status` says how the run must end".to_owned();
                        self.wrong(span, "bad-pins", what, "write \"completed\", \"failed\" or \"halted\"");
                    }
                },
                key if others.contains(&key) => {}
                key => {
                    let what = format!("unknown key `{key}`");
                    self.wrong(
                        span,
                        "unknown-key",
                        what,
                        "there are: format, inputs, node.ID, expect, status, case.NAME",
                    );
                }
            }
        }
    }

    fn named(&mut self, item: &Item, name: &str) -> Named {
        let mut named = Named::new();
        if let Some(table) = self.table(item, name) {
            flatten(table, "", &mut named);
        }
        named
    }
}

/// Values of a table by name. What TOML makes of `draft.text = "…"` (a dotted key) is `draft.text` again.
fn flatten(table: &dyn TableLike, above: &str, named: &mut Named) {
    for (key, item) in table.iter() {
        let name = format!("{above}{key}");
        let span = table.key(key).and_then(toml_edit::Key::span).or_else(|| item.span()).unwrap_or(0..0);
        match item {
            Item::Value(Toml::InlineTable(inner)) if inner.is_dotted() => flatten(inner, &format!("{name}."), named),
            Item::Table(inner) if inner.is_dotted() => flatten(inner, &format!("{name}."), named),
            item => {
                named.insert(name, Spanned { value: values::of(item), span });
            }
        }
    }
}

fn status(word: &str) -> Option<RunStatus> {
    [RunStatus::Completed, RunStatus::Failed, RunStatus::Halted].into_iter().find(|status| status.as_str() == word)
}

#[cfg(test)]
#[path = "pins_tests.rs"]
mod tests;
