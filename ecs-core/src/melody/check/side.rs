//! Calls beside a node's own: `undo`, and `reconstruct`, whose inputs may not come from what the node feeds.

use super::bindings::{At, Context};
use super::findings::Findings;
use super::graph::{Edge, descendants};
use super::inputs::{self, Border};
use super::names::Names;
use super::players::Player;
use super::settings;
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::{Candidate, EdgeKind, Node, OnError, RefTarget, SideCall, Source, Span};

/// Checks the bindings and settings of `undo` or `reconstruct`.
pub(super) fn check(context: &mut Context<'_>, at: At<'_>, call: &SideCall, player: &Player) {
    settings::check(player, &call.with, None, &call.uses.span, context.findings);
    let border = Border::from(&*player.operation);
    inputs::check(context, at, &call.inputs, &call.with, &[border], &call.uses.span);
}

/// Checks that the failure policy of a node can be followed.
pub(super) fn check_policy(node: &Node, findings: &mut Findings) {
    if node.on_error != OnError::Reconstruct {
        if let Some(call) = &node.reconstruct {
            let message = format!("`{}` says how to reconstruct its output, but never does so", node.id.value);
            let finding = Diagnostic::warning("unused-reconstruct", message);
            let finding = finding.at(call.uses.span.clone(), "`on_error` is not \"reconstruct\"");
            findings.report(finding.help("leave `reconstruct` out until reconstruction is played"));
        }
        return;
    }
    let place = node.reconstruct.as_ref().map_or(&node.id.span, |call| &call.uses.span).clone();
    let cure = "write `on_error = \"skip\"` and let consumers choose with `first_of`, `default` or an expression";
    let finding = match node.reconstruct {
        None => {
            Diagnostic::error("missing-reconstruct", format!("`{}` does not say how to reconstruct", node.id.value))
                .at(place, "`reconstruct` is missing")
                .help(format!(
                    "name an inverse operator in `reconstruct`; this version does not play it yet, so {cure}"
                ))
        }
        Some(_) => Diagnostic::error("not-playable", "reconstruction is not played by this version")
            .at(place, "would be called after a failure")
            .help(cure),
    };
    findings.report(finding);
}

/// Proves that a reconstruction does not need what only exists after the node.
pub(super) fn check_reconstruct_inputs(
    node: usize,
    call: &SideCall,
    edges: &[Edge],
    names: &Names<'_>,
    findings: &mut Findings,
) {
    let after = descendants(edges, names.melody.nodes.len(), node);
    let mut seen: Vec<(usize, Span)> = Vec::new();
    for binding in &call.inputs {
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
    }
    for (used, span) in seen {
        if after.contains(&used) {
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
