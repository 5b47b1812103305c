//! One file: its schemas, its nodes with their players and ports, its edges, its outputs.

use super::bindings::{At, Context, Role};
use super::files::Files;
use super::findings::Findings;
use super::inputs::Border;
use super::names::{Names, Outputs, Ports};
use super::players::Player;
use super::{CheckedMelody, CheckedNode, flow, graph, inputs, patterns, players, settings, side};
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::{Melody, Node, OnError, PlayerKind, SchemaSource, Spanned};
use crate::ports::Port;
use crate::types::{PortType, Schemas};
use std::rc::Rc;
use std::sync::Arc;

/// Who plays a node.
struct Cast {
    players: Vec<Rc<Player>>,
    body: Option<usize>,
    /// The body's inputs.
    body_inputs: Vec<Port>,
    undo: Option<Rc<Player>>,
    reconstruct: Option<Rc<Player>>,
}

/// Checks a file.
pub(super) fn check(files: &mut Files<'_>, mut melody: Melody, findings: &mut Findings) -> CheckedMelody {
    patterns::expand(&mut melody, findings);
    let schemas = load_schemas(files, &melody, findings);
    check_declarations(&melody, &schemas, findings);

    let mut casts = Vec::with_capacity(melody.nodes.len());
    let mut outputs = Vec::with_capacity(melody.nodes.len());
    for node in &melody.nodes {
        let cast = cast(files, &melody, node, &schemas, findings);
        outputs.push(judged_outputs(files, node, &cast, &schemas, findings));
        casts.push(cast);
    }

    let names = Names::new(&melody);
    let ports = Ports::new(&outputs);
    let mut context = Context {
        names: &names,
        ports: &ports,
        schemas: &schemas,
        findings,
        edges: Vec::with_capacity(melody.nodes.len() * 3),
        used: vec![false; melody.inputs.len()],
    };
    let mut input_types = Vec::with_capacity(melody.nodes.len());
    for (place, ((node, cast), own)) in melody.nodes.iter().zip(&casts).zip(&outputs).enumerate() {
        input_types.push(check_node(&mut context, place, node, cast));
        if let (Some(call), Some(player), true) = (&node.reconstruct, &cast.reconstruct, own.known) {
            side::check_outputs(&mut context, node, call, &player.operation, &own.ports);
        }
    }
    let at = At { node: None, item: None, role: Role::Output };
    let output_types: Vec<PortType> = melody
        .outputs
        .iter()
        .map(|output| context.source(at, &output.from.from, &output.from.span, None).unwrap_or(PortType::Any))
        .collect();
    let Context { edges, used, findings, .. } = context;
    graph::report_cycles(&edges, &names, findings);
    side::check_reconstruct_inputs(&names, &edges, findings);
    report_oddities(&melody, &used, findings);

    let nodes = casts
        .into_iter()
        .zip(input_types)
        .zip(outputs)
        .map(|((cast, input_types), outputs)| CheckedNode {
            players: cast.players.iter().map(|player| player.operation.clone()).collect(),
            body: cast.body,
            outputs: outputs.ports,
            input_types,
            undo: cast.undo.map(|player| player.operation.clone()),
            reconstruct: cast.reconstruct.map(|player| player.operation.clone()),
        })
        .collect();
    CheckedMelody { melody: Arc::new(melody), nodes, schemas: Arc::new(schemas), outputs: output_types }
}

/// Reads and compiles `[types]`.
fn load_schemas(files: &mut Files<'_>, melody: &Melody, findings: &mut Findings) -> Schemas {
    let mut schemas = Schemas::new();
    for (name, source) in &melody.types {
        let (schema, span) = match source {
            SchemaSource::Inline(schema) => (schema.clone(), name.span.clone()),
            SchemaSource::Path(path) => {
                let read = files.text(&melody.path, &path.value).and_then(|(_, text)| {
                    serde_json::from_str(&text).map_err(|error| format!("it is not JSON: {error}"))
                });
                match read {
                    Ok(schema) => (schema, path.span.clone()),
                    Err(why) => {
                        let message = format!("the schema `{}` cannot be read: {why}", path.value);
                        let finding = Diagnostic::error("unreadable-file", message);
                        findings.report(finding.at(path.span.clone(), "names this file").help(
                            "paths are relative to the melody; a small schema may stand here as an inline table",
                        ));
                        // Known all the same, so that its uses are not reported too.
                        let _ = schemas.add(name.value.as_str(), serde_json::Value::Bool(true));
                        continue;
                    }
                }
            }
        };
        if let Err(error) = schemas.add(name.value.as_str(), schema) {
            let finding =
                Diagnostic::error("bad-schema", format!("`{}` is not a JSON Schema that can be used", name.value));
            findings.report(finding.at(span, error.message));
            let _ = schemas.add(name.value.as_str(), serde_json::Value::Bool(true));
        }
    }
    schemas
}

/// Checks the types that the file declares, and the defaults of its inputs.
fn check_declarations(melody: &Melody, schemas: &Schemas, findings: &mut Findings) {
    for input in &melody.inputs {
        check_schema_names(&input.ty, schemas, findings);
        if let Some(default) = &input.default
            && let Err(error) = input.ty.value.check_value(default, schemas)
        {
            let message = format!("the default of `{}` is no `{}`", input.name.value, input.ty.value);
            let finding = Diagnostic::error("default-type", message).at(input.name.span.clone(), error.to_string());
            findings.report(finding.see(input.ty.span.clone(), "its type"));
        }
    }
    for out in melody.nodes.iter().flat_map(|node| &node.out) {
        check_schema_names(&out.ty, schemas, findings);
    }
}

fn check_schema_names(ty: &Spanned<PortType>, schemas: &Schemas, findings: &mut Findings) {
    let mut open = vec![&ty.value];
    while let Some(part) = open.pop() {
        match part {
            PortType::Json(Some(name)) if schemas.text(name).is_none() => {
                let names: Vec<&str> = schemas.names().collect();
                let none = format!("add `{name} = \"schemas/{}.json\"` to `[types]`", name.to_lowercase());
                let help = super::findings::suggestion(name, names.iter().copied(), "the schemas are", &none);
                let finding = Diagnostic::error("unknown-type", format!("there is no schema `{name}`"));
                findings.report(finding.at(ty.span.clone(), "not in `[types]`").help(help));
            }
            PortType::List(inner) | PortType::Optional(inner) => open.push(inner),
            PortType::Union(members) => open.extend(members),
            _ => {}
        }
    }
}

/// Finds who plays a node.
fn cast(files: &mut Files<'_>, melody: &Melody, node: &Node, schemas: &Schemas, findings: &mut Findings) -> Cast {
    let mut cast = Cast { players: Vec::new(), body: None, body_inputs: Vec::new(), undo: None, reconstruct: None };
    let nested = node.uses.iter().find(|uses| uses.value.kind == PlayerKind::Melody);
    let path = match (&node.repeat, nested) {
        (Some(repeat), _) => Some(repeat.body.clone()),
        (None, Some(uses)) => Some(Spanned { value: uses.value.name.clone(), span: uses.span.clone() }),
        (None, None) => None,
    };
    if let (Some(uses), true) = (nested, node.uses.len() > 1 || node.repeat.is_some()) {
        let finding = Diagnostic::error("nested-fallback", "a nested melody stands alone in `uses`");
        findings.report(
            finding
                .at(uses.span.clone(), "cannot be or have a fallback")
                .help("give the nodes within it their own fallbacks, or choose between two nodes with `first_of`"),
        );
    }
    if let Some(path) = path {
        flow::check_nested(node, findings);
        cast.body = files.body(&melody.path, &path, findings);
        if let Some(body) = cast.body.and_then(|body| files.checked(body)) {
            cast.body_inputs = flow::body_inputs(body, schemas);
            if let Some(repeat) = &node.repeat {
                flow::check_loop(repeat, body, findings);
            }
        }
    } else {
        for uses in &node.uses {
            if let Some(player) = players::find(files, uses, findings) {
                settings::check(&player, &node.with, node.retry.as_ref(), &uses.span, findings);
                cast.players.push(player);
            }
        }
        if node.uses.is_empty() {
            let finding = Diagnostic::error("no-player", format!("nobody plays `{}`", node.id.value));
            let finding = finding.at(node.id.span.clone(), "neither `uses` nor `loop`");
            findings.report(finding.help("name a player: `uses = \"KIND:NAME/OPERATION\"`"));
        }
    }
    let mut side_player = |call: &Option<crate::melody::model::SideCall>, what: &str| {
        let call = call.as_ref()?;
        if call.uses.value.kind == PlayerKind::Melody {
            let finding = Diagnostic::error("not-playable", format!("a melody cannot be a node's `{what}`"));
            findings.report(finding.at(call.uses.span.clone(), "no player").help("name an operation"));
            return None;
        }
        players::find(files, &call.uses, findings)
    };
    cast.undo = side_player(&node.undo, "undo");
    cast.reconstruct = side_player(&node.reconstruct, "reconstruct");
    cast
}

/// The output ports that a node has because of who plays it.
fn outputs_of(files: &Files<'_>, node: &Node, cast: &Cast, schemas: &Schemas, findings: &mut Findings) -> Outputs {
    let mapped = node.map.is_some();
    if let Some(body) = cast.body.and_then(|body| files.checked(body)) {
        let mut ports = flow::body_outputs(body, schemas);
        players::narrow(&mut ports, &node.out, false, &body.melody.path, findings);
        return Outputs { ports: ports.into(), known: true, mapped };
    }
    let (ports, known) = players::outputs(node, &cast.players, schemas, findings);
    Outputs { ports, known, mapped }
}

/// The output ports of a node, and whether its `gate` can judge them.
fn judged_outputs(files: &Files<'_>, node: &Node, cast: &Cast, schemas: &Schemas, findings: &mut Findings) -> Outputs {
    let outputs = outputs_of(files, node, cast, schemas, findings);
    if let Some(gate) = &node.gate {
        flow::check_gate(gate, &outputs.ports, !outputs.known, findings);
    }
    outputs
}

/// Checks everything that a node says about others. Returns what its border expects of its inputs.
fn check_node(context: &mut Context<'_>, place: usize, node: &Node, cast: &Cast) -> Vec<PortType> {
    let outside = At { node: Some(place), item: None, role: Role::Input };
    let item = node.map.as_ref().map(|map| flow::item_type(context, outside, map));
    let item_name = node.map.as_ref().and_then(|map| map.item_name.as_ref()).map(|name| name.value.as_str());
    let at = At { item: item.as_ref().map(|item| (item, item_name)), ..outside };

    let complete = cast.body.is_some() || (cast.players.len() == node.uses.len() && !cast.players.is_empty());
    let borders: Vec<Border<'_>> = match cast.body {
        Some(_) => {
            let name = node.repeat.as_ref().map(|repeat| repeat.body.value.as_str());
            let name = name.or_else(|| node.uses.first().map(|uses| uses.value.name.as_str())).unwrap_or("");
            vec![Border { name, ports: &cast.body_inputs, open: false, settings: None }]
        }
        None if complete => cast.players.iter().map(|player| Border::from(&*player.operation)).collect(),
        // A player is missing, which is reported; the rest is still worth checking.
        None => vec![Border { name: "", ports: &[], open: true, settings: None }],
    };
    let span = node.uses.first().map_or(&node.id.span, |uses| &uses.span);
    let types = inputs::check(context, at, &node.inputs, &node.with, &borders, span);
    side::check_needs(context, at, node);
    if let Some(condition) = &node.condition {
        context.expression(At { role: Role::Condition, ..at }, &condition.value, &condition.span);
    }
    if let (Some(call), Some(player)) = (&node.undo, &cast.undo) {
        side::check(context, At { role: Role::Undo, ..at }, call, player);
    }
    if let (Some(call), Some(player)) = (&node.reconstruct, &cast.reconstruct) {
        side::check(context, At { role: Role::Reconstruct, ..at }, call, player);
    }
    side::check_policy(node, context.findings);
    types
}

/// What plays, but probably not as meant.
fn report_oddities(melody: &Melody, used: &[bool], findings: &mut Findings) {
    for (input, _) in melody.inputs.iter().zip(used).filter(|(_, used)| !**used) {
        let finding = Diagnostic::warning("unused-input", format!("the input `{}` is not used", input.name.value));
        findings.report(finding.at(input.name.span.clone(), "nothing refers to it").help("use it or remove it"));
    }
    let undoes = melody.nodes.iter().any(|node| node.undo.is_some());
    for node in melody.nodes.iter().filter(|node| node.on_error == OnError::Compensate && !undoes) {
        let message = format!("`{}` compensates on an error, but no node has an `undo`", node.id.value);
        let finding = Diagnostic::warning("nothing-to-undo", message).at(node.id.span.clone(), "nothing to undo");
        findings.report(finding.help("give nodes with effects an `undo`, or write `on_error = \"halt\"`"));
    }
}
