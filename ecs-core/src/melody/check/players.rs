//! Players: what `uses` names, and the ports that a node has because of it.

use super::files::Files;
use super::findings::{Findings, suggestion};
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::{Node, OutPort, PlayerKind, PlayerRef, Spanned};
use crate::ports::{Operation, Port};
use crate::types::{PortType, Schemas};
use std::rc::Rc;
use std::sync::Arc;

/// An operation with its settings' schema compiled.
pub(super) struct Player {
    pub(super) operation: Arc<Operation>,
    /// `None` takes any settings; an error means the player's own schema is broken.
    pub(super) settings: Option<Result<jsonschema::Validator, String>>,
}

impl Player {
    pub(super) fn new(operation: Arc<Operation>) -> Self {
        let settings = operation
            .settings
            .as_ref()
            .map(|schema| crate::types::compile_schema(schema).map_err(|error| error.message));
        Self { operation, settings }
    }
}

/// Finds a player, or reports why it cannot play.
pub(super) fn find(files: &mut Files<'_>, uses: &Spanned<PlayerRef>, findings: &mut Findings) -> Option<Rc<Player>> {
    let kind = uses.value.kind;
    if kind == PlayerKind::Addon {
        let message = format!("`{}` players are not played by this version", kind.word());
        let help = "an addon is a piece of UI; let an operator or instrument play this node";
        let finding = Diagnostic::error("not-playable", message).at(uses.span.clone(), "cannot be called yet");
        findings.report(finding.help(help));
        return None;
    }
    match files.player(&uses.value) {
        Ok(player) => Some(player),
        Err(error) => {
            let mut finding =
                Diagnostic::error("unknown-player", error.message).at(uses.span.clone(), "no such player");
            finding.help = error.help;
            findings.report(finding);
            None
        }
    }
}

/// The output ports of a node: what its players declare, narrowed by the node's `out`. False when a player is
/// missing, so that more ports may exist.
pub(super) fn outputs(
    node: &Node,
    players: &[Rc<Player>],
    schemas: &Schemas,
    findings: &mut Findings,
) -> (Arc<[Port]>, bool) {
    let complete = players.len() == node.uses.len() && !players.is_empty();
    let Some((first, fallbacks)) = players.split_first() else {
        return (declared(node).into(), false);
    };
    let operation = &first.operation;
    let mut ports: Vec<Port> =
        operation.outputs.iter().map(|port| Port { ty: known_schemas(&port.ty, schemas), ..port.clone() }).collect();
    narrow(&mut ports, &node.out, operation.open_outputs, &operation.name, findings);
    for fallback in fallbacks {
        agree(&mut ports, node, &fallback.operation, schemas, findings);
    }
    (ports.into(), complete)
}

/// The ports that a node's `out` declares.
pub(super) fn declared(node: &Node) -> Vec<Port> {
    node.out.iter().map(port_of).collect()
}

fn port_of(out: &OutPort) -> Port {
    Port { name: out.name.value.clone(), ty: out.ty.value.clone(), required: !out.ty.value.may_be_absent() }
}

/// Narrows (or widens) the ports of a player by a node's `out`; where it is open, `out` adds to them.
pub(super) fn narrow(ports: &mut Vec<Port>, out: &[OutPort], open: bool, of: &str, findings: &mut Findings) {
    for declared in out {
        let Some(port) = ports.iter_mut().find(|port| port.name == declared.name.value) else {
            if open {
                ports.push(port_of(declared));
                continue;
            }
            let names: Vec<&str> = ports.iter().map(|port| port.name.as_str()).collect();
            let help = suggestion(
                &declared.name.value,
                names.iter().copied(),
                &format!("the outputs of `{of}` are"),
                &format!("`{of}` has no outputs; leave `out` away"),
            );
            let finding =
                Diagnostic::error("unknown-output", format!("`{of}` has no output `{}`", declared.name.value));
            findings.report(finding.at(declared.name.span.clone(), "the player gives no such output").help(help));
            continue;
        };
        let (theirs, ours) = (&port.ty, &declared.ty.value);
        if !ours.accepts(theirs) && !theirs.accepts(ours.present()) {
            let message = format!("`{of}` gives `{}` as `{theirs}`, but `out` says `{ours}`", port.name);
            let finding = Diagnostic::error("out-type", message).at(declared.ty.span.clone(), "never what arrives");
            findings.report(finding.help(format!("write `{theirs}`, a narrower or a wider type, or leave it out")));
            continue;
        }
        port.required = port.required && !ours.may_be_absent();
        port.ty = ours.clone();
    }
}

/// Brings the ports of a fallback into agreement with those of the first choice.
fn agree(ports: &mut [Port], node: &Node, operation: &Operation, schemas: &Schemas, findings: &mut Findings) {
    for port in ports {
        let declared = node.out.iter().find(|out| out.name.value == port.name);
        let place = declared.map_or_else(|| node.id.span.clone(), |out| out.name.span.clone());
        match operation.outputs.iter().find(|other| other.name == port.name) {
            Some(other) => {
                let theirs = known_schemas(&other.ty, schemas);
                if port.ty.accepts(&theirs) || (declared.is_some() && theirs.accepts(port.ty.present())) {
                    port.required &= other.required;
                } else if theirs.accepts(&port.ty) {
                    port.ty = theirs;
                    port.required &= other.required;
                } else {
                    let message = format!(
                        "the fallback `{}` gives `{}` as `{theirs}`, not as `{}`",
                        operation.name, port.name, port.ty
                    );
                    let finding =
                        Diagnostic::error("fallback-type", message).at(place, "must be the same for all players");
                    findings.report(finding.help("choose a fallback with the same outputs, or leave it out"));
                }
            }
            // An open player gives what `out` says, and nothing else for certain.
            None if declared.is_some() && operation.open_outputs => {}
            None if declared.is_some() => {
                let message = format!("the fallback `{}` has no output `{}`", operation.name, port.name);
                let finding =
                    Diagnostic::error("fallback-output", message).at(place, "every player of the node must give it");
                findings.report(
                    finding.help("choose a fallback with this output, or leave the output or the fallback out"),
                );
            }
            None => port.required = false,
        }
    }
}

/// A player's type as this melody sees it: a schema that the melody does not name is any JSON to it.
pub(super) fn known_schemas(ty: &PortType, schemas: &Schemas) -> PortType {
    match ty {
        PortType::Json(Some(name)) if schemas.text(name).is_none() => PortType::Json(None),
        PortType::List(item) => PortType::list(known_schemas(item, schemas)),
        PortType::Optional(inner) => known_schemas(inner, schemas).optional(),
        PortType::Union(members) => PortType::union(members.iter().map(|member| known_schemas(member, schemas))),
        other => other.clone(),
    }
}
