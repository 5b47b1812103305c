//! Calls beside a node's own: `undo`, and `reconstruct`, whose inputs may not come from what the node feeds.

use super::bindings::{At, Context};
use super::findings::Findings;
use super::graph::{self, Edge};
use super::inputs::{self, Border};
use super::names::Names;
use super::players::{Player, known_schemas};
use super::settings;
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::{Candidate, EdgeKind, Node, OnError, RefTarget, SideCall, Source, Span};
use crate::ports::{Operation, Port};

/// Checks the bindings and settings of `undo` or `reconstruct`.
pub(super) fn check(context: &mut Context<'_>, at: At<'_>, call: &SideCall, player: &Player) {
    settings::check(player, &call.with, None, &call.uses.span, context.findings);
    let border = Border::from(&*player.operation);
    inputs::check(context, at, &call.inputs, &call.with, &[border], &call.uses.span);
}

/// Checks that a reconstruction gives every output of its node.
pub(super) fn check_outputs(
    context: &mut Context<'_>,
    node: &Node,
    call: &SideCall,
    operation: &Operation,
    ports: &[Port],
) {
    for port in ports {
        let given = operation.outputs.iter().find(|given| given.name == port.name);
        let (message, label) = match given.map(|given| known_schemas(&given.ty, context.schemas)) {
            Some(theirs) if port.ty.accepts(&theirs) || theirs.accepts(port.ty.present()) => continue,
            Some(theirs) => (
                format!("`{}` gives `{}` as `{theirs}`, not as `{}`", operation.name, port.name, port.ty),
                "of another type",
            ),
            None if operation.open_outputs || !port.required => continue,
            None => (
                format!("`{}` cannot reconstruct `{}.{}`", operation.name, node.id.value, port.name),
                "has no such output",
            ),
        };
        let finding = Diagnostic::error("reconstruct-output", message).at(call.uses.span.clone(), label);
        context.findings.report(finding.help("name an operation that gives the outputs of the node"));
    }
}

/// Checks that the failure policy of a node can be followed.
pub(super) fn check_policy(node: &Node, findings: &mut Findings) {
    let id = &node.id.value;
    let finding = match (&node.reconstruct, node.on_error) {
        (None, OnError::Reconstruct) => {
            Diagnostic::error("missing-reconstruct", format!("`{id}` does not say how to reconstruct"))
                .at(node.id.span.clone(), "`reconstruct` is missing")
                .help("name an inverse operator: `reconstruct = { uses = \"KIND:NAME/OPERATION\", in = { … } }`")
        }
        (Some(call), OnError::Reconstruct) if node.map.is_some() => {
            Diagnostic::error("not-playable", format!("`{id}` is mapped, and items cannot be reconstructed"))
                .at(call.uses.span.clone(), "would be called for an item")
                .help("map a nested melody (`uses = \"melody:PATH\"`) whose node has the `reconstruct`")
        }
        (Some(call), policy) if policy != OnError::Reconstruct => {
            let message = format!("`{id}` says how to reconstruct its output, but never does so");
            Diagnostic::warning("unused-reconstruct", message)
                .at(call.uses.span.clone(), "`on_error` is not \"reconstruct\"")
                .help("write `on_error = \"reconstruct\"`, or leave `reconstruct` out")
        }
        _ => return,
    };
    findings.report(finding);
}

/// Proves that no reconstruction needs what only exists after its node. A node that another reconstruction may take
/// counts as waited for by it, so that two failed nodes never wait for each other.
pub(super) fn check_reconstruct_inputs(names: &Names<'_>, edges: &[Edge], findings: &mut Findings) {
    let mut taken: Vec<(usize, usize, Span)> = Vec::new();
    for (node, declared) in names.melody.nodes.iter().enumerate() {
        let inputs = declared.reconstruct.iter().flat_map(|call| &call.inputs);
        for binding in inputs {
            let mut seen = Vec::new();
            match &binding.from {
                Source::Ref(reference) => named(&reference.target, &reference.span, names, &mut seen),
                Source::Join(join) => {
                    for candidate in &join.candidates {
                        if let Candidate::One(reference) = candidate {
                            named(&reference.target, &reference.span, names, &mut seen);
                        }
                    }
                }
                Source::Expr(expr) => {
                    for name in expr.references() {
                        if let Some(used) = names.node(&name.name) {
                            seen.push((used, findings.place_in(&binding.span, expr.text(), &name.span)));
                        }
                    }
                }
                Source::Literal(_) => {}
            }
            taken.extend(seen.into_iter().map(|(used, span)| (node, used, span)));
        }
    }
    if taken.is_empty() {
        return;
    }
    let waits = edges.iter().map(|edge| (edge.from, edge.to));
    let spare = taken.iter().map(|(node, used, _)| (*used, *node));
    let knots = graph::knots(waits.chain(spare), names.melody.nodes.len());
    for (node, used, span) in taken {
        // A node that takes itself is reported as such.
        if node != used && knots.get(node) == knots.get(used) {
            let message = format!(
                "`{}` cannot be reconstructed from `{}`, which itself waits for it",
                names.id(node),
                names.id(used)
            );
            let finding = Diagnostic::error("reconstruct-from-descendant", message).at(span, "comes after the node");
            findings.report(finding.help("take results that exist without it"));
        }
    }
}

fn named(target: &RefTarget, span: &Span, names: &Names<'_>, seen: &mut Vec<(usize, Span)>) {
    if let RefTarget::Port(id, _) = target
        && let Some(node) = names.node(id)
    {
        seen.push((node, span.clone()));
    }
}

/// Checks `needs`: order without data.
pub(super) fn check_needs(context: &mut Context<'_>, at: At<'_>, node: &Node) {
    for need in &node.needs {
        let id = need.node.value.as_str();
        let span = &need.node.span;
        match context.names.node(id) {
            None => {
                let help = super::findings::suggestion(id, context.names.node_ids(), "the nodes are", "there are none");
                let finding = Diagnostic::error("unknown-node", format!("there is no node `{id}`"));
                context.findings.report(finding.at(span.clone(), "names no node").help(help));
            }
            Some(needed) if Some(needed) == at.node => {
                let finding = Diagnostic::error("self-reference", format!("`{id}` waits for itself"));
                context.findings.report(finding.at(span.clone(), "never ends").help("leave it out"));
            }
            Some(needed) if need.kind != EdgeKind::Optional => context.wait(at, needed, span),
            Some(_) => {}
        }
    }
}
