//! Where values come from: references, literals, expressions and joins, held against the ports that take them.

use super::advice::conversion;
use super::findings::{Findings, suggestion};
use super::graph::Edge;
use super::names::{Names, Ports};
use crate::expr::{Expr, NameUse, SETTINGS};
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::{Candidate, EdgeKind, Join, JoinKind, RefTarget, Reference, Source, Span};
use crate::types::{PortType, Schemas};
use crate::value::Value;

/// Everything that checking a source needs, and what it finds out on the way.
pub(super) struct Context<'a> {
    pub(super) names: &'a Names<'a>,
    pub(super) ports: &'a Ports<'a>,
    pub(super) schemas: &'a Schemas,
    pub(super) findings: &'a mut Findings,
    /// Who waits for whom.
    pub(super) edges: Vec<Edge>,
    /// Which inputs are used.
    pub(super) used: Vec<bool>,
}

/// Where a source stands.
#[derive(Clone, Copy)]
pub(super) struct At<'t> {
    /// The node; `None` for the outputs of the melody.
    pub(super) node: Option<usize>,
    /// The type of `item`, and its other name; `None` where there is no item.
    pub(super) item: Option<(&'t PortType, Option<&'t str>)>,
    /// What kind of place it is.
    pub(super) role: Role,
}

/// What kind of place a source stands at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// An input of a node, or `map.over`: the node waits for what is named.
    Input,
    /// The node's `if`.
    Condition,
    /// An input of `undo`: played afterwards, so it sees the node itself and nobody waits.
    Undo,
    /// An input of `reconstruct`: nobody waits until it is needed.
    Reconstruct,
    /// An output of the melody.
    Output,
}

/// What a port takes.
pub(super) struct Want<'t> {
    pub(super) port: &'t str,
    pub(super) ty: &'t PortType,
    pub(super) required: bool,
}

impl Context<'_> {
    /// Checks a source against the port that takes it. Returns its type, where it is known.
    pub(super) fn source(
        &mut self,
        at: At<'_>,
        from: &Source,
        span: &Span,
        want: Option<&Want<'_>>,
    ) -> Option<PortType> {
        match from {
            Source::Ref(reference) => {
                let ty = self.reference(at, reference)?;
                if let Some(want) = want {
                    self.fit(at, reference, &ty, want.ty, want);
                    self.fit_absent(at, reference, want);
                    self.fit_default(at, reference.default.as_ref(), &reference.span, want);
                }
                Some(match &reference.default {
                    Some(default) => PortType::union([ty, type_of(default)]),
                    None if reference.kind == EdgeKind::Hard => ty,
                    None => ty.optional(),
                })
            }
            Source::Literal(value) => {
                if let Some(want) = want
                    && let Err(error) = want.ty.check_value(value, self.schemas)
                {
                    let message = format!("{} takes `{}`, but the value is another", self.port(at, want), want.ty);
                    self.findings
                        .report(Diagnostic::error("literal-type", message).at(span.clone(), error.to_string()));
                }
                Some(type_of(value))
            }
            Source::Expr(expr) => {
                self.expression(at, expr, span);
                Some(PortType::Any)
            }
            Source::Join(join) => self.join(at, join, span, want),
        }
    }

    fn join(&mut self, at: At<'_>, join: &Join, span: &Span, want: Option<&Want<'_>>) -> Option<PortType> {
        let lists = matches!(join.kind, JoinKind::All | JoinKind::NOf(_));
        // What each candidate must fit: the items of the port's list, where the join gives one.
        let item = match want.map(|want| want.ty.present()) {
            Some(PortType::List(item)) if lists => Some((**item).clone()),
            Some(PortType::Any | PortType::Json(None) | PortType::Union(_)) if lists => Some(PortType::Any),
            Some(ty) if lists => {
                if let Some(want) = want {
                    let message =
                        format!("{} takes `{ty}`, but `{}` gives a list", self.port(at, want), join.kind.word());
                    let finding = Diagnostic::error("type-mismatch", message).at(span.clone(), "a list");
                    self.findings.report(finding.help("use `first_of` or `any_of` for one of them"));
                }
                None
            }
            Some(ty) => Some(ty.clone()),
            None => None,
        };
        let mut types = Vec::with_capacity(join.candidates.len());
        for candidate in &join.candidates {
            let Candidate::One(reference) = candidate else { continue };
            let Some(ty) = self.reference(at, reference) else { continue };
            if let (Some(want), Some(item)) = (want, &item) {
                self.fit(at, reference, &ty, item, want);
            }
            if let Some(default) = &reference.default {
                types.push(type_of(default));
            }
            types.push(ty);
        }
        if types.is_empty() {
            return None;
        }
        let ty = PortType::union(types);
        let ty = if lists { PortType::list(ty) } else { ty };
        if let Some(want) = want {
            if lists && item.is_some() && !want.ty.accepts(&ty) && matches!(want.ty.present(), PortType::Union(_)) {
                let message = format!("{} takes `{}`, but the join gives `{ty}`", self.port(at, want), want.ty);
                self.findings.report(Diagnostic::error("type-mismatch", message).at(span.clone(), "a list"));
            }
            self.fit_default(at, join.default.as_ref(), span, want);
        }
        Some(match &join.default {
            Some(default) => PortType::union([ty, type_of(default)]),
            None => ty,
        })
    }

    /// The type that a reference gives when it gives something; reports names that do not exist.
    pub(super) fn reference(&mut self, at: At<'_>, reference: &Reference) -> Option<PortType> {
        let names = self.names;
        match &reference.target {
            RefTarget::Input(name) => {
                let input = self.input(name, &reference.span)?;
                names.melody.inputs.get(input).map(|decl| decl.ty.value.present().clone())
            }
            RefTarget::Port(id, port) => {
                let node = self.node(at, id, Some(port), &reference.span)?;
                if reference.kind != EdgeKind::Optional {
                    self.wait(at, node, &reference.span);
                }
                self.ports.ty(node, port).map(|ty| ty.present().clone())
            }
            RefTarget::Item => match at.item {
                Some((item, _)) => Some(item.present().clone()),
                None => self.no_item("item", &reference.span),
            },
            RefTarget::Index => match at.item {
                Some(_) => Some(PortType::Int),
                None => self.no_item("index", &reference.span),
            },
        }
    }

    fn no_item<T>(&mut self, name: &str, span: &Span) -> Option<T> {
        let finding = Diagnostic::error("no-item", format!("`{name}` is known in mapped nodes only"));
        let finding = finding.at(span.clone(), "there is no item here");
        self.findings.report(finding.help("give the node `map = { over = \"node.port\" }`, or name what is meant"));
        None
    }

    /// Notes that the node waits for another.
    pub(super) fn wait(&mut self, at: At<'_>, from: usize, span: &Span) {
        if let (Some(to), Role::Input | Role::Condition) = (at.node, at.role) {
            self.edges.push(Edge { from, to, span: span.clone() });
        }
    }

    /// Finds an input of the melody, or reports that there is none.
    fn input(&mut self, name: &str, span: &Span) -> Option<usize> {
        if let Some(input) = self.names.input(name) {
            if let Some(used) = self.used.get_mut(input) {
                *used = true;
            }
            return Some(input);
        }
        let none = format!("the melody declares no inputs; add `{name} = {{ type = \"text\" }}` to `[inputs]`");
        let help = suggestion(name, self.names.input_names(), "the inputs are", &none);
        let finding = Diagnostic::error("unknown-input", format!("the melody has no input `{name}`"));
        self.findings.report(finding.at(span.clone(), "not in `[inputs]`").help(help));
        None
    }

    /// Finds a node and its port, or reports what is wrong.
    fn node(&mut self, at: At<'_>, id: &str, port: Option<&str>, span: &Span) -> Option<usize> {
        let Some(node) = self.names.node(id) else {
            let help = if at.item.is_some_and(|(_, name)| name == Some(id)) {
                format!(
                    "`{id}` is the item of the map; take a field of it with `{{ expr = \"{id}.{}\" }}`",
                    port.unwrap_or("field")
                )
            } else if self.names.input(id).is_some() {
                format!("`{id}` is an input: write `inputs.{id}`")
            } else {
                suggestion(id, self.names.node_ids(), "the nodes are", "the melody has no nodes")
            };
            let finding = Diagnostic::error("unknown-node", format!("there is no node `{id}`"));
            self.findings.report(finding.at(span.clone(), "names no node").help(help));
            return None;
        };
        if at.node == Some(node) && at.role != Role::Undo {
            let finding = Diagnostic::error("self-reference", format!("`{id}` refers to itself"));
            let finding = finding.at(span.clone(), "its own output is not there before it has played");
            self.findings.report(finding.help("to feed a result into the next round, use a `loop` with `carry`"));
            return None;
        }
        let port = port?;
        if self.ports.has(node, port) {
            return Some(node);
        }
        if self.ports.known(node) {
            let none = format!("`{id}` has no outputs; declare them: `out = {{ {port} = \"text\" }}`");
            let help = suggestion(port, self.ports.names(node), &format!("the outputs of `{id}` are"), &none);
            let mut finding = Diagnostic::error("unknown-port", format!("`{id}` has no output `{port}`"))
                .at(span.clone(), "no such output");
            if let Some(producer) = self.names.get(node) {
                finding = finding.see(producer.id.span.clone(), format!("`{id}` stands here"));
            }
            self.findings.report(finding.help(help));
            return None;
        }
        // Its player is unknown, which is reported there; who waits for whom still counts.
        self.wait(at, node, span);
        None
    }

    /// The port that takes a value, for messages.
    fn port(&self, at: At<'_>, want: &Want<'_>) -> String {
        let call = match at.role {
            Role::Undo => " of `undo`",
            Role::Reconstruct => " of `reconstruct`",
            _ => "",
        };
        match at.node {
            Some(node) => format!("`{}.{}`{call}", self.names.id(node), want.port),
            None => format!("output `{}`", want.port),
        }
    }

    /// Reports a type that does not widen to the one wanted.
    fn fit(&mut self, at: At<'_>, reference: &Reference, from: &PortType, to: &PortType, want: &Want<'_>) {
        if to.accepts(from) {
            return;
        }
        let source = reference.target.to_string();
        let message = format!("`{source}` is `{from}`, but {} takes `{}`", self.port(at, want), want.ty);
        let mut finding =
            Diagnostic::error("type-mismatch", message).at(reference.span.clone(), format!("`{from}` is no `{to}`"));
        let declared = match &reference.target {
            RefTarget::Input(name) => self
                .names
                .input(name)
                .and_then(|input| self.names.melody.inputs.get(input).map(|decl| decl.ty.span.clone())),
            RefTarget::Port(id, port) => self.names.node(id).and_then(|node| self.names.get(node)).map(|node| {
                let declared = node.out.iter().find(|out| out.name.value == *port);
                declared.map_or_else(|| node.id.span.clone(), |out| out.ty.span.clone())
            }),
            _ => None,
        };
        if let Some(span) = declared {
            finding = finding.see(span, format!("`{source}` comes from here"));
        }
        self.findings.report(finding.help(conversion(&source, from, to)));
    }

    /// Reports an edge that may bring nothing to a port that must have something.
    fn fit_absent(&mut self, at: At<'_>, reference: &Reference, want: &Want<'_>) {
        let brings = reference.kind == EdgeKind::Hard || reference.default.is_some();
        if brings || !want.required || want.ty.may_be_absent() || at.role == Role::Output {
            return;
        }
        let kind = reference.kind.word();
        let message = format!("{} must have a value, but a {kind} edge may bring none", self.port(at, want));
        let finding = Diagnostic::error("maybe-absent", message).at(reference.span.clone(), format!("a {kind} edge"));
        self.findings.report(finding.help(format!(
            "give a value for that case: `{{ from = \"{}\", kind = \"{kind}\", default = … }}`, or leave `kind` out",
            reference.target
        )));
    }

    fn fit_default(&mut self, at: At<'_>, default: Option<&Value>, span: &Span, want: &Want<'_>) {
        if let Some(Err(error)) = default.map(|default| want.ty.check_value(default, self.schemas)) {
            let message = format!("the default does not fit: {} takes `{}`", self.port(at, want), want.ty);
            self.findings.report(Diagnostic::error("default-type", message).at(span.clone(), error.to_string()));
        }
    }

    /// Checks the names of an expression that stands somewhere in `span`; they are soft edges.
    pub(super) fn expression(&mut self, at: At<'_>, expr: &Expr, span: &Span) {
        for name in expr.references() {
            self.expression_name(at, expr, name, span);
        }
    }

    fn expression_name(&mut self, at: At<'_>, expr: &Expr, name: &NameUse, span: &Span) {
        let id = name.name.as_str();
        let place = |findings: &Findings| findings.place_in(span, expr.text(), &name.span);
        if id == "inputs" {
            match &name.port {
                None => self.used.fill(true),
                Some(port) if self.names.input(port).is_some() => {
                    self.input(port, span);
                }
                Some(port) => {
                    let place = place(self.findings);
                    self.input(port, &place);
                }
            }
            return;
        }
        if id == SETTINGS {
            // A person's preferences: which there are is known when a run begins.
            return;
        }
        if let Some(node) = self.names.node(id) {
            let clean = at.node != Some(node) || at.role == Role::Undo;
            if clean && name.port.as_deref().is_none_or(|port| self.ports.has(node, port) || !self.ports.known(node)) {
                if at.node.is_some() {
                    let place = place(self.findings);
                    self.wait(at, node, &place);
                }
                return;
            }
            let place = place(self.findings);
            self.node(at, id, name.port.as_deref(), &place);
            return;
        }
        let item_name = at.item.and_then(|(_, name)| name);
        let place = place(self.findings);
        let (message, label, help) = if id == "item" || id == "index" || item_name == Some(id) {
            match (at.item, at.role) {
                (Some(_), Role::Condition) => (
                    format!("`if` cannot see `{id}`: it decides about the whole node before its items are there"),
                    "belongs to one item",
                    "filter the list instead: `map = { over = { expr = \"node.port.filter(x, x > 0)\" } }`".to_owned(),
                ),
                (Some(_), _) => return,
                (None, _) => {
                    self.no_item::<()>(id, &place);
                    return;
                }
            }
        } else if id == "iteration" || id == "outputs" {
            let help = "give the body what it needs through its inputs, and let it give outputs".to_owned();
            let place = if id == "outputs" { "`until` of a loop and in `gate`" } else { "`until` of a loop" };
            (format!("`{id}` is known in {place} only"), "not known here", help)
        } else {
            let help = if self.names.input(id).is_some() {
                format!("`{id}` is an input: write `inputs.{id}`")
            } else {
                suggestion(
                    id,
                    self.names.node_ids(),
                    "expressions see `inputs` and the nodes",
                    "expressions see `inputs` and the nodes",
                )
            };
            (format!("there is no node `{id}`"), "names nothing", help)
        };
        let code = if message.starts_with("`if`") { "item-in-if" } else { "unknown-name" };
        self.findings.report(Diagnostic::error(code, message).at(place, label).help(help));
    }
}

/// The narrowest type that certainly has a value.
pub(super) fn type_of(value: &Value) -> PortType {
    match value {
        Value::Absent => PortType::Any,
        Value::Bool(_) => PortType::Bool,
        Value::Int(_) => PortType::Int,
        Value::Float(_) => PortType::Float,
        Value::Text(_) => PortType::Text,
        Value::Bytes(_) => PortType::Bytes,
        Value::List(items) => PortType::list(PortType::union(items.iter().map(type_of))),
        Value::Map(_) => PortType::Json(None),
        Value::Artifact(_) => PortType::Artifact(None),
    }
}
