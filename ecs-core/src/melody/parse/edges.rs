//! Edges, written at their consumer: references, literals, expressions, joins, and order without data.

use super::ids::is_id;
use super::keys;
use super::reader::Reader;
use super::tree::{Entry, Table, Tree, TreeValue};
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::{
    Binding, Candidate, EdgeKind, Join, JoinKind, Need, RefTarget, Reference, Source, Span, Spanned,
};
use crate::value::Value;

/// What `item` and `index` mean where a reference stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// The node has a `map`.
    pub mapped: bool,
    /// `as` of the map.
    pub item_name: Option<String>,
}

/// The ways to spell a source as a table.
const FORMS: [&str; 7] = ["from", "value", "expr", "all", "any_of", "first_of", "n_of"];

const REFERENCE_HELP: &str =
    "write \"node.port\" or \"inputs.port\"; a constant is `{ value = … }`, a computed value `{ expr = \"…\" }`";

impl<'t> Reader<'t> {
    /// The value of `in` (or `[outputs]`): ports and where their values come from.
    pub fn bindings(&mut self, what: &str, role: &str, tree: Tree<'t>, scope: &Scope) -> Vec<Binding> {
        let Some(table) = self.table(what, tree, "in = { port = \"node.port\" }") else { return Vec::new() };
        let mut bindings = Vec::with_capacity(table.entries.len());
        for Entry { key, value } in table.entries {
            let port = self.id(role, key);
            let span = value.span.clone();
            if let Some(from) = self.source(value, scope) {
                bindings.push(Binding { port, from, span });
            }
        }
        bindings
    }

    /// Where a value comes from.
    pub fn source(&mut self, tree: Tree<'t>, scope: &Scope) -> Option<Source> {
        match tree.value {
            TreeValue::Text(text) => self.reference(&text, tree.span, scope, EdgeKind::Hard, None).map(Source::Ref),
            TreeValue::Table(table) => self.source_table(table, tree.span, scope),
            TreeValue::List(_) => {
                self.wrong_type("a source", &tree, "a reference or a table", "several sources are a join: `{ all = […] }`, `{ any_of = […] }`, `{ first_of = […] }`; a constant list is `{ value = […] }`");
                None
            }
            _ => {
                self.wrong_type("a source", &tree, "a reference or a table", "a constant is written `{ value = … }`");
                None
            }
        }
    }

    fn source_table(&mut self, table: Table<'t>, span: Span, scope: &Scope) -> Option<Source> {
        let mut forms: Vec<Entry<'t>> = Vec::new();
        let (mut kind, mut default, mut unknown) = (None, None, false);
        for entry in table.entries {
            match entry.key.text.as_ref() {
                "kind" => kind = Some(entry),
                "default" => default = Some(entry),
                key if FORMS.contains(&key) => forms.push(entry),
                _ => {
                    unknown = true;
                    self.unknown_key(&entry.key, &keys::SOURCE);
                }
            }
        }
        let has = |forms: &[Entry<'t>], key: &str| forms.iter().any(|entry| entry.key.text == key);
        if has(&forms, "n_of") && (forms.len() == 1 || (forms.len() == 2 && has(&forms, "from"))) {
            self.only_with_from(kind.as_ref());
            return self.n_of(forms, span, default, scope);
        }
        let mut forms = forms.into_iter();
        let Some(Entry { key, value }) = forms.next() else {
            if !unknown {
                let help = format!("write one of {}", keys::listing(FORMS));
                let message = "a source does not say where the value comes from";
                self.missing("missing-source", message, span, "none of the keys that name a source", help);
            }
            return None;
        };
        if let Some(other) = forms.next() {
            let message = format!("a source cannot have both `{}` and `{}`", key.text, other.key.text);
            let finding = Diagnostic::error("conflicting-keys", message).at(other.key.span, "the second source");
            self.report(
                finding
                    .see(key.span, "the first source")
                    .help("keep one of them; several producers for one port are a join"),
            );
            return None;
        }
        match key.text.as_ref() {
            "from" => {
                let kind = kind.and_then(|entry| self.word("`kind`", entry.value)).unwrap_or_default();
                let default = default.map(|entry| entry.value.to_value());
                let TreeValue::Text(text) = &value.value else {
                    self.wrong_type(
                        "`from`",
                        &value,
                        "a reference",
                        "write \"node.port\"; several producers are a join, such as `{ first_of = […] }`",
                    );
                    return None;
                };
                self.reference(text, value.span.clone(), scope, kind, default).map(Source::Ref)
            }
            "value" | "expr" => {
                self.only_with_from(kind.as_ref());
                self.no_default(default.as_ref());
                match key.text.as_ref() {
                    "value" => Some(Source::Literal(value.to_value())),
                    _ => self.expression("`expr`", value).map(|expr| Source::Expr(expr.value)),
                }
            }
            join => {
                self.only_with_from(kind.as_ref());
                let kind = match join {
                    "all" => JoinKind::All,
                    "any_of" => JoinKind::AnyOf,
                    _ => JoinKind::FirstOf,
                };
                self.join(kind, value, default, scope)
            }
        }
    }

    fn n_of(&mut self, forms: Vec<Entry<'t>>, span: Span, default: Option<Entry<'t>>, scope: &Scope) -> Option<Source> {
        let (mut number, mut from) = (None, None);
        for Entry { key, value } in forms {
            match key.text.as_ref() {
                "n_of" => number = self.small_count("`n_of`", &value, 1).map(|number| (number, value.span)),
                _ => from = Some(value),
            }
        }
        let Some(from) = from else {
            self.missing(
                "missing-key",
                "`n_of` names no candidates",
                span,
                "`from` is missing",
                "write `{ n_of = 2, from = [\"a.x\", \"b.x\", \"c.x\"] }`",
            );
            return None;
        };
        let (number, number_span) = number?;
        let source = self.join(JoinKind::NOf(number), from, default, scope)?;
        if let Source::Join(Join { candidates, .. }) = &source {
            let exact = candidates.iter().all(|candidate| matches!(candidate, Candidate::One(_)));
            if exact && candidates.len() < number as usize {
                let message = format!("`n_of` asks for {number} of {} candidates", candidates.len());
                let finding = Diagnostic::error("bad-join", message).at(number_span, "more than there are");
                self.report(finding.help(format!("write `n_of = {}` or add candidates", candidates.len())));
            }
        }
        Some(source)
    }

    fn join(&mut self, kind: JoinKind, tree: Tree<'t>, default: Option<Entry<'t>>, scope: &Scope) -> Option<Source> {
        let span = tree.span.clone();
        let items = self.list("the candidates of a join", tree, "[\"a.port\", \"b.port\"]")?;
        if items.is_empty() {
            let finding =
                Diagnostic::error("bad-join", format!("`{}` has no candidates", kind.word())).at(span, "an empty list");
            self.report(finding.help("name at least one: [\"a.port\", \"b.port\"]"));
            return None;
        }
        let candidates = items.into_iter().filter_map(|item| self.candidate(item, scope)).collect();
        Some(Source::Join(Join { kind, candidates, default: default.map(|entry| entry.value.to_value()) }))
    }

    fn candidate(&mut self, tree: Tree<'t>, scope: &Scope) -> Option<Candidate> {
        match tree.value {
            TreeValue::Text(text) if text.contains('*') => self.pattern(&text, tree.span),
            TreeValue::Text(text) => self.reference(&text, tree.span, scope, EdgeKind::Hard, None).map(Candidate::One),
            TreeValue::Table(table) => {
                let (mut from, mut kind, mut default) = (None, EdgeKind::Hard, None);
                for Entry { key, value } in table.entries {
                    match key.text.as_ref() {
                        "from" => from = self.text("`from`", value),
                        "kind" => kind = self.word("`kind`", value).unwrap_or_default(),
                        "default" => default = Some(value.to_value()),
                        _ => {
                            self.unknown_key(&key, &keys::CANDIDATE);
                        }
                    }
                }
                let Some(from) = from else {
                    self.missing(
                        "missing-key",
                        "a candidate names no producer",
                        tree.span,
                        "`from` is missing",
                        "write \"node.port\" or `{ from = \"node.port\" }`",
                    );
                    return None;
                };
                self.reference(&from.value, from.span, scope, kind, default).map(Candidate::One)
            }
            _ => {
                self.wrong_type("a candidate of a join", &tree, "a reference", REFERENCE_HELP);
                None
            }
        }
    }

    /// `"prefix_*.port"`: the star stands for any run of characters of node ids.
    fn pattern(&mut self, text: &str, span: Span) -> Option<Candidate> {
        let is_pattern =
            |nodes: &str| nodes.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'*'));
        match text.split_once('.') {
            Some((nodes, port)) if nodes.contains('*') && nodes.len() <= 64 && is_pattern(nodes) && is_id(port) => {
                Some(Candidate::Pattern { nodes: nodes.to_owned(), port: port.to_owned(), span })
            }
            _ => {
                let finding =
                    Diagnostic::error("bad-reference", format!("`{text}` is not a pattern of nodes and a port"));
                self.report(
                    finding.at(span, "the star may stand in the node's part only").help("write \"prefix_*.port\""),
                );
                None
            }
        }
    }

    fn reference(
        &mut self,
        text: &str,
        span: Span,
        scope: &Scope,
        kind: EdgeKind,
        default: Option<Value>,
    ) -> Option<Reference> {
        match target(text, scope) {
            Ok(target) => Some(Reference { target, kind, default, span }),
            Err((label, help)) => {
                let finding =
                    Diagnostic::error("bad-reference", format!("`{text}` is not a reference")).at(span, label);
                self.report(finding.help(help));
                None
            }
        }
    }

    fn only_with_from(&mut self, kind: Option<&Entry<'t>>) {
        if let Some(entry) = kind {
            let finding = Diagnostic::error("conflicting-keys", "`kind` goes with `from` only")
                .at(entry.key.span.clone(), "has no meaning here");
            self.report(
                finding.help(
                    "take it away; candidates of a join may be written `{ from = \"node.port\", kind = \"soft\" }`",
                ),
            );
        }
    }

    fn no_default(&mut self, default: Option<&Entry<'t>>) {
        if let Some(entry) = default {
            let finding = Diagnostic::error("conflicting-keys", "`default` goes with `from` and joins only")
                .at(entry.key.span.clone(), "has no meaning here");
            self.report(finding.help("take it away; in an expression write `has(node.port) ? node.port : …`"));
        }
    }

    /// The value of `needs`.
    pub fn needs(&mut self, tree: Tree<'t>) -> Vec<Need> {
        let form = "needs = [\"node\", { node = \"other\", kind = \"soft\" }]";
        let Some(items) = self.list("`needs`", tree, form) else { return Vec::new() };
        items.into_iter().filter_map(|item| self.need(item)).collect()
    }

    fn need(&mut self, tree: Tree<'t>) -> Option<Need> {
        match tree.value {
            TreeValue::Text(text) => {
                let node = Spanned { value: text.into_owned(), span: tree.span };
                self.needed_node(node).map(|node| Need { node, kind: EdgeKind::Hard })
            }
            TreeValue::Table(table) => {
                let (mut node, mut kind) = (None, EdgeKind::Hard);
                for Entry { key, value } in table.entries {
                    match key.text.as_ref() {
                        "node" => node = Some(self.text("`node`", value)),
                        "kind" => kind = self.order(value),
                        _ => {
                            self.unknown_key(&key, &keys::NEED);
                        }
                    }
                }
                let Some(node) = node else {
                    self.missing(
                        "missing-key",
                        "an entry of `needs` names no node",
                        tree.span,
                        "`node` is missing",
                        "write \"node\" or `{ node = \"node\", kind = \"soft\" }`",
                    );
                    return None;
                };
                self.needed_node(node?).map(|node| Need { node, kind })
            }
            _ => {
                self.wrong_type(
                    "an entry of `needs`",
                    &tree,
                    "a node's id or a table",
                    "write \"node\" or `{ node = \"node\", kind = \"soft\" }`",
                );
                None
            }
        }
    }

    fn order(&mut self, value: Tree<'t>) -> EdgeKind {
        let span = value.span.clone();
        let kind = self.word("`kind`", value).unwrap_or_default();
        if kind == EdgeKind::Optional {
            let finding = Diagnostic::error("bad-word", "`kind` of an order cannot be `optional`");
            self.report(
                finding
                    .at(span, "waits for nothing, so it orders nothing")
                    .help("write `soft` to go on even if the node fails or is skipped, or take the entry away"),
            );
        }
        kind
    }

    fn needed_node(&mut self, node: Spanned<String>) -> Option<Spanned<String>> {
        if let Some((id, _)) = node.value.split_once('.').filter(|(id, _)| is_id(id)) {
            let finding =
                Diagnostic::error("bad-reference", format!("`{}` is a port; `needs` names nodes", node.value));
            self.report(
                finding
                    .at(node.span, "not the id of a node")
                    .help(format!("write \"{id}\"; to take the port's value write it in `in`")),
            );
            return None;
        }
        self.check_id("a node", &node.value, &node.span).then_some(node)
    }
}

/// What a reference names, or what is wrong with it and the cure.
fn target(text: &str, scope: &Scope) -> Result<RefTarget, (String, String)> {
    let wrong = |label: &str, help: String| Err((label.to_owned(), help));
    let is_item = |word: &str| word == "item" || scope.item_name.as_deref() == Some(word);
    if let Some((node, port)) = text.split_once('.') {
        if is_id(node) && is_id(port) {
            return match node {
                "inputs" => Ok(RefTarget::Input(port.to_owned())),
                _ if scope.mapped && is_item(node) => {
                    wrong("a field of the item", format!("write `{{ expr = \"{text}\" }}`"))
                }
                "outputs" => wrong(
                    "a melody's outputs are no source",
                    "name the node that makes the value: \"node.port\"".to_owned(),
                ),
                _ => Ok(RefTarget::Port(node.to_owned(), port.to_owned())),
            };
        }
        if text.contains('*') {
            return wrong("a pattern of nodes", format!("patterns stand in joins: `{{ all = [\"{text}\"] }}`"));
        }
        if text.split('.').count() > 2 && text.split('.').all(is_id) {
            return wrong(
                "a field of a port's value",
                format!("a reference names a port; write `{{ expr = \"{text}\" }}`"),
            );
        }
    } else if is_item(text) || text == "index" {
        if scope.mapped {
            return Ok(if text == "index" { RefTarget::Index } else { RefTarget::Item });
        }
        return wrong("there is no item here", "`item` and `index` belong to nodes with `map`".to_owned());
    } else if is_id(text) {
        return wrong(
            "names no port",
            format!(
                "write \"{text}.PORT\" for an output of node `{text}`, \"inputs.{text}\" for an input of the melody, or `{{ value = \"{text}\" }}` for the text itself"
            ),
        );
    }
    wrong("neither `node.port` nor `inputs.port`", REFERENCE_HELP.to_owned())
}
