//! Flow: what a map goes over, what a loop carries and when it ends, and the border of a nested melody.

use super::CheckedMelody;
use super::bindings::{At, Context};
use super::findings::{Findings, suggestion};
use crate::expr::{Expr, SETTINGS};
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::{LoopDecl, MapDecl, Node, Source, Spanned};
use crate::ports::Port;
use crate::types::{PortType, Schemas};

/// Checks what a map goes over. Returns the type of its items, `any` where it is not known.
pub(super) fn item_type(context: &mut Context<'_>, at: At<'_>, map: &MapDecl) -> PortType {
    if let Some(name) = &map.item_name
        && context.names.node(&name.value).is_some()
    {
        let message = format!("the item cannot be called `{}`: a node has that name", name.value);
        let finding = Diagnostic::error("item-name", message).at(name.span.clone(), "means the node already");
        context.findings.report(finding.help("choose another name, or say `item`"));
    }
    let Some(ty) = context.source(at, &map.over, &map.span, None) else { return PortType::Any };
    match items_of(ty.present()) {
        Some(item) => item,
        None => {
            let source = match &map.over {
                Source::Ref(reference) => format!("`{}`", reference.target),
                _ => "this".to_owned(),
            };
            let message = format!("a map goes over a list, but {source} is `{ty}`");
            let help = match ty.present() {
                PortType::Text => "split it first: `over = { expr = \"node.port.split(',')\" }`",
                _ => "name a port of type `list<…>`, or make a list: `over = { expr = \"[…]\" }`",
            };
            context.findings.report(Diagnostic::error("map-over", message).at(map.span.clone(), "no list").help(help));
            PortType::Any
        }
    }
}

/// The items of what may be a list.
fn items_of(ty: &PortType) -> Option<PortType> {
    match ty {
        PortType::List(item) => Some((**item).clone()),
        PortType::Any | PortType::Json(_) => Some(PortType::Any),
        PortType::Union(members) => {
            let items: Option<Vec<PortType>> = members.iter().map(|member| items_of(member.present())).collect();
            Some(PortType::union(items?))
        }
        _ => None,
    }
}

/// A type of one melody as another one sees it: a schema keeps the name under which the other knows the same schema;
/// one that it does not know is any JSON to it, and is checked within.
pub(super) fn across(ty: &PortType, of: &Schemas, to: &Schemas) -> PortType {
    match ty {
        PortType::Json(Some(name)) => {
            let schema = of.text(name);
            let same = |other: &str| schema.is_some() && to.text(other) == schema;
            if same(name) {
                return ty.clone();
            }
            PortType::Json(to.names().find(|other| same(other)).map(str::to_owned))
        }
        PortType::List(item) => PortType::list(across(item, of, to)),
        PortType::Optional(inner) => across(inner, of, to).optional(),
        PortType::Union(members) => PortType::union(members.iter().map(|member| across(member, of, to))),
        other => other.clone(),
    }
}

/// The inputs of a body, as ports seen from the melody around it.
pub(super) fn body_inputs(body: &CheckedMelody, schemas: &Schemas) -> Vec<Port> {
    let port = |decl: &crate::melody::model::InputDecl| Port {
        name: decl.name.value.clone(),
        ty: across(&decl.ty.value, &body.schemas, schemas),
        required: decl.required && decl.default.is_none(),
    };
    body.melody.inputs.iter().map(port).collect()
}

/// The outputs of a body, as ports seen from the melody around it. Any of them may be absent: the node that gives it
/// may be skipped.
pub(super) fn body_outputs(body: &CheckedMelody, schemas: &Schemas) -> Vec<Port> {
    let outputs = body.melody.outputs.iter().zip(&body.outputs);
    outputs
        .map(|(decl, ty)| Port {
            name: decl.name.value.clone(),
            ty: across(ty, &body.schemas, schemas),
            required: false,
        })
        .collect()
}

/// Checks the names in `gate`: it sees what the node gives (one item's, when it is mapped) and the person's settings.
pub(super) fn check_gate(gate: &Spanned<Expr>, outputs: &[Port], open: bool, findings: &mut Findings) {
    let ports = || outputs.iter().map(|port| port.name.as_str());
    if outputs.is_empty() && !open {
        let finding = Diagnostic::error("gate-name", "`gate` judges outputs, and this node gives none");
        findings.report(finding.at(gate.span.clone(), "nothing to judge").help("take `gate` away, or declare `out`"));
        return;
    }
    for name in gate.value.references() {
        let (message, help) = match (name.name.as_str(), name.port.as_deref()) {
            (SETTINGS, _) | ("outputs", None) => continue,
            ("outputs", Some(port)) if open || ports().any(|known| known == port) => continue,
            ("outputs", Some(port)) => (
                format!("this node has no output `{port}`"),
                suggestion(port, ports(), "its outputs are", "it gives no outputs"),
            ),
            (other, _) if ports().any(|known| known == other) => {
                (format!("`gate` does not see `{other}`"), format!("write `outputs.{other}`"))
            }
            (other, _) => (
                format!("`gate` does not see `{other}`"),
                "it sees `outputs` of its own node and `settings`; compare with other nodes in the `if` of the next"
                    .to_owned(),
            ),
        };
        let place = findings.place_in(&gate.span, gate.value.text(), &name.span);
        findings.report(Diagnostic::error("gate-name", message).at(place, "not known here").help(help));
    }
}

/// Checks what a loop carries from one iteration to the next, and the names in `until`.
pub(super) fn check_loop(repeat: &LoopDecl, body: &CheckedMelody, findings: &mut Findings) {
    let file = &repeat.body.value;
    let outputs = || body.melody.outputs.iter().map(|output| output.name.value.as_str());
    let inputs = || body.melody.inputs.iter().map(|input| input.name.value.as_str());
    let mut fed: Vec<&str> = Vec::new();
    for (output, input) in &repeat.carry {
        let given = body.melody.outputs.iter().position(|decl| decl.name.value == output.value);
        let taken = body.melody.inputs.iter().find(|decl| decl.name.value == input.value);
        if given.is_none() {
            let help = suggestion(&output.value, outputs(), "its outputs are", "it declares no outputs");
            let finding = Diagnostic::error("unknown-carry", format!("`{file}` has no output `{}`", output.value));
            findings.report(finding.at(output.span.clone(), "nothing to carry").help(help));
        }
        if taken.is_none() {
            let help = suggestion(&input.value, inputs(), "its inputs are", "it declares no inputs");
            let finding = Diagnostic::error("unknown-carry", format!("`{file}` has no input `{}`", input.value));
            findings.report(finding.at(input.span.clone(), "nowhere to carry it").help(help));
        }
        if fed.contains(&input.value.as_str()) {
            let finding = Diagnostic::error("carry-twice", format!("two outputs are carried to `{}`", input.value));
            findings.report(finding.at(input.span.clone(), "fed already").help("carry one of them"));
        }
        fed.push(&input.value);
        let (Some(from), Some(taken)) = (given.and_then(|place| body.outputs.get(place)), taken) else { continue };
        let to = &taken.ty.value;
        if !to.accepts(from.present()) {
            let message = format!(
                "the body's output `{}` is `{from}`, but its input `{}` takes `{to}`",
                output.value, input.value
            );
            let finding =
                Diagnostic::error("type-mismatch", message).at(output.span.clone(), "does not fit the next round");
            findings.report(finding.help(format!("let `{file}` give `{to}`, or take `{from}`")));
        }
    }
    let Some(until) = &repeat.until else { return };
    for name in until.value.references() {
        let known = match (name.name.as_str(), name.port.as_deref()) {
            ("iteration", None) | ("inputs" | "outputs", None) | (SETTINGS, _) => true,
            ("inputs", Some(port)) => inputs().any(|known| known == port),
            ("outputs", Some(port)) => outputs().any(|known| known == port),
            _ => false,
        };
        if known {
            continue;
        }
        let place = findings.place_in(&until.span, until.value.text(), &name.span);
        let (message, help) = match (name.name.as_str(), name.port.as_deref()) {
            ("inputs", Some(port)) => (
                format!("`{file}` has no input `{port}`"),
                suggestion(port, inputs(), "its inputs are", "it declares no inputs"),
            ),
            ("outputs", Some(port)) => (
                format!("`{file}` has no output `{port}`"),
                suggestion(port, outputs(), "its outputs are", "it declares no outputs"),
            ),
            ("iteration", _) => {
                ("`iteration` is a number and has no fields".to_owned(), "write `iteration`".to_owned())
            }
            (other, _) if outputs().any(|known| known == other) => {
                (format!("`until` does not see `{other}`"), format!("write `outputs.{other}`"))
            }
            (other, _) => (
                format!("`until` does not see `{other}`"),
                "it sees `inputs`, `outputs` (of the iteration just played) and `iteration`; let the body give it"
                    .to_owned(),
            ),
        };
        findings.report(Diagnostic::error("until-name", message).at(place, "not known here").help(help));
    }
}

/// Reports what a node with a body cannot have.
pub(super) fn check_nested(node: &Node, findings: &mut Findings) {
    if let Some((key, _)) = node.with.first() {
        let what = if node.repeat.is_some() { "a loop" } else { "a nested melody" };
        let finding = Diagnostic::error("unknown-setting", format!("{what} takes no settings"));
        findings.report(finding.at(key.span.clone(), "belongs to a player").help("pass values as inputs: `in`"));
    }
    if let Some((key, _)) = node.retry.as_ref().and_then(|retry| retry.vary.first()) {
        let finding = Diagnostic::error("unknown-setting", "a melody has no settings to vary");
        findings.report(finding.at(key.span.clone(), "belongs to a player").help("retry the nodes within it"));
    }
}
