//! The top of a melody: everything but the nodes.

use super::edges::Scope;
use super::ids::slug;
use super::keys;
use super::limits::LimitsOf;
use super::reader::Reader;
use super::tree::{Entry, Table, Tree, TreeValue};
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::{InputDecl, Limits, Melody, OutputDecl, SchemaSource, Spanned};
use crate::melody::triggers::Triggers;
use std::sync::Arc;

/// The version of the format that this program reads and writes.
pub(in crate::melody) const FORMAT: i64 = 1;

/// Reads a whole melody. `None` where it has no name.
pub(super) fn read_melody<'t>(r: &mut Reader<'t>, path: &str, source: &Arc<str>, table: Table<'t>) -> Option<Melody> {
    let mut melody = Melody {
        path: path.to_owned(),
        source: source.clone(),
        name: Spanned { value: String::new(), span: 0..0 },
        title: None,
        description: None,
        on: Triggers { manual: true, ..Triggers::default() },
        limits: Limits::default(),
        types: Vec::new(),
        inputs: Vec::new(),
        outputs: Vec::new(),
        nodes: Vec::new(),
    };
    let (mut has_format, mut name, mut has_name, mut has_nodes) = (false, None, false, false);
    for Entry { key, value } in table.entries {
        match key.text.as_ref() {
            "format" => {
                has_format = true;
                r.format(&value);
            }
            "name" => {
                has_name = true;
                name = r.text("`name`", value);
            }
            "title" => melody.title = r.text("`title`", value).map(|text| text.value),
            "description" => melody.description = r.text("`description`", value).map(|text| text.value),
            "on" => melody.on = r.triggers(value),
            "limits" => melody.limits = r.limits(value, LimitsOf::Melody),
            "types" => melody.types = r.types(value),
            "inputs" => melody.inputs = r.inputs(value),
            "outputs" => melody.outputs = r.outputs(value),
            "node" => {
                has_nodes = true;
                melody.nodes = r.nodes(value);
            }
            _ => match r.unknown_key(&key, &keys::MELODY) {
                Some("format") => has_format = true,
                Some("name") => has_name = true,
                Some("node") => has_nodes = true,
                _ => {}
            },
        }
    }
    if !has_format {
        let finding =
            Diagnostic::error("missing-format", "the melody does not say which version of the format it is written in");
        r.report(finding.at(0..0, "`format` is missing").help(format!("write `format = {FORMAT}` as the first line")));
    }
    if !has_name {
        let finding = Diagnostic::error("missing-name", "the melody has no name");
        r.report(
            finding
                .at(0..0, "`name` is missing")
                .help(format!("write `name = \"{}\"` below `format`", name_from_path(path))),
        );
    }
    if !has_nodes {
        let finding = Diagnostic::warning("missing-nodes", "the melody has no nodes, so it plays nothing");
        r.report(
            finding
                .at(0..0, "no `[node.ID]`")
                .help("add one: `[node.hello]` and below it `uses = \"builtin:template\"`"),
        );
    }
    if let Some(name) = &name {
        r.check_melody_name(&name.value, &name.span);
    }
    melody.name = name?;
    Some(melody)
}

/// The name that a file's own name suggests.
fn name_from_path(path: &str) -> String {
    let file = path.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = file.split('.').next().unwrap_or_default();
    slug(if stem.is_empty() { "my-melody" } else { stem }).replace('_', "-")
}

impl<'t> Reader<'t> {
    fn format(&mut self, value: &Tree<'t>) {
        match value.value {
            TreeValue::Int(FORMAT) | TreeValue::Broken => {}
            TreeValue::Int(newer) if newer > FORMAT => {
                let message = format!("the melody is written in format {newer}; this program reads format {FORMAT}");
                let finding =
                    Diagnostic::error("unknown-format", message).at(value.span.clone(), "newer than this program");
                self.report(finding.help("install a newer Symphony"));
            }
            TreeValue::Int(_) => {
                let finding = Diagnostic::error("unknown-format", "there is no such version of the format")
                    .at(value.span.clone(), "unknown");
                self.report(finding.help(format!("write `format = {FORMAT}`")));
            }
            _ => self.wrong_type("`format`", value, "a whole number", format!("write `format = {FORMAT}`")),
        }
    }

    /// The value of `types`: name → path of a JSON Schema, or the schema itself.
    fn types(&mut self, tree: Tree<'t>) -> Vec<(Spanned<String>, SchemaSource)> {
        let Some(table) = self.table("`types`", tree, "[types]") else { return Vec::new() };
        let mut types = Vec::with_capacity(table.entries.len());
        for Entry { key, value } in table.entries {
            let name = Spanned { value: key.text.into_owned(), span: key.span };
            self.check_type_name(&name.value, &name.span);
            let source = match &value.value {
                TreeValue::Text(_) => self.path("the path of a schema", value).map(SchemaSource::Path),
                TreeValue::Table(_) => Some(SchemaSource::Inline(value.to_json())),
                _ => {
                    self.wrong_type(
                        "a type",
                        &value,
                        "the path of a JSON Schema, or the schema itself as a table",
                        "write `Name = \"schemas/name.json\"` or `Name = { type = \"object\" }`",
                    );
                    None
                }
            };
            types.extend(source.map(|source| (name, source)));
        }
        types
    }

    /// The value of `inputs`.
    fn inputs(&mut self, tree: Tree<'t>) -> Vec<InputDecl> {
        let Some(table) = self.table("`inputs`", tree, "[inputs]") else { return Vec::new() };
        table.entries.into_iter().filter_map(|entry| self.input(entry)).collect()
    }

    fn input(&mut self, Entry { key, value }: Entry<'t>) -> Option<InputDecl> {
        let name = self.id("an input", key);
        let span = value.span.clone();
        if let TreeValue::Text(text) = &value.value {
            let help = format!("write `{} = {{ type = \"{text}\" }}`", name.value);
            self.wrong_type("an input", &value, "a table", help);
            return None;
        }
        let (mut ty, mut has_type) = (None, false);
        let (mut required, mut default, mut description) = (false, None, None);
        let (mut required_key, mut default_key) = (0..0, 0..0);
        for Entry { key, value } in self.table("an input", value, "name = { type = \"text\" }")?.entries {
            match key.text.as_ref() {
                "type" => {
                    has_type = true;
                    ty = self.port_type("the type of an input", value);
                }
                "required" => {
                    required = self.truth("`required`", &value).unwrap_or_default();
                    required_key = key.span;
                }
                "default" => {
                    default = Some(value.to_value());
                    default_key = key.span;
                }
                "description" => description = self.text("`description`", value).map(|text| text.value),
                _ => has_type |= self.unknown_key(&key, &keys::INPUT) == Some("type"),
            }
        }
        if !has_type {
            self.missing(
                "missing-key",
                format!("input `{}` has no type", name.value),
                span,
                "`type` is missing",
                "write `type = \"text\"`; `any` takes everything",
            );
        }
        if required && default.is_some() {
            let finding = Diagnostic::warning(
                "useless-key",
                format!("input `{}` is required, so its default is never taken", name.value),
            );
            self.report(
                finding
                    .at(default_key, "never taken")
                    .see(required_key, "because of this")
                    .help("take one of them away"),
            );
        }
        Some(InputDecl { name, ty: ty?, required, default, description })
    }

    /// The value of `outputs`.
    fn outputs(&mut self, tree: Tree<'t>) -> Vec<OutputDecl> {
        let bindings = self.bindings("`outputs`", "an output", tree, &Scope::default());
        bindings.into_iter().map(|from| OutputDecl { name: from.port.clone(), from }).collect()
    }
}
