//! From a workflow of n8n to a melody, its loops' bodies and its pins.

use super::read::{Link, Node, Workflow, read};
use super::{conditions, nodes, pins, triggers};
use crate::Format;
use crate::flow::{Arc, Flow, Gate, Laid, MAX_ITERATIONS};
use crate::json::Json;
use crate::names::{melody_name, slug};
use crate::report::{Findings, Imported, Refusal, Report, Written};
use crate::toml::Draft;
use std::collections::BTreeMap;

/// Imports a workflow.
pub(crate) fn import(base: &str, text: &str, json: &Json<'_>) -> Result<Imported, Refusal> {
    let mut findings = Findings::new(text);
    let workflow = read(text, json, &mut findings)?;
    if workflow.nodes.is_empty() {
        let help = "a melody has one node at least; is the export complete?";
        return Err(Refusal::new("the workflow has no nodes", help).at(text, json.at));
    }
    let mut flow = Flow { head: head(&workflow, base, &mut findings), ..Flow::default() };
    for node in &workflow.nodes {
        let id = flow.ids.of(node.name, "node");
        flow.nodes.push(nodes::draft(node, id, &mut findings));
    }
    for link in &workflow.links {
        flow.arcs.push(arc(&workflow, link));
    }
    branches(&workflow, &mut flow, &mut findings);
    joins(&workflow, &flow, &mut findings);
    let ids: Vec<String> = flow.nodes.iter().map(|node| node.id.clone()).collect();
    let mut laid = flow.lay(base, "");
    for members in &laid.loops {
        let inside: Vec<&Node<'_, '_>> = members.iter().filter_map(|place| workflow.nodes.get(*place)).collect();
        let names: Vec<&str> = inside.iter().map(|node| node.name).take(6).collect();
        let what = format!("cycle without a bound: a loop of at most {MAX_ITERATIONS} iterations");
        findings.note(what, names.join(", "), inside.first().map_or(0, |node| node.json.at));
    }
    let pinned = pinned(&workflow, &ids, &laid, &mut findings);
    laid.files.extend(pinned);
    let report = Report {
        format: Format::N8n,
        nodes: workflow.nodes.len(),
        edges: workflow.connections,
        unsupported: findings.into_list(),
    };
    Ok(Imported { files: laid.files, report })
}

fn head(workflow: &Workflow<'_, '_>, base: &str, findings: &mut Findings<'_>) -> Draft {
    let name = workflow.name.unwrap_or(base);
    let mut head = Draft { name: melody_name(name), ..Draft::default() };
    head.title = (head.name != name).then(|| name.to_owned());
    head.comments = workflow.notes.iter().map(|note| (*note).to_owned()).collect();
    head.more.extend(triggers::on(&workflow.nodes, workflow.settings, findings).map(|on| ("on", on)));
    if let Some(seconds) = workflow.settings.get("executionTimeout").count().filter(|seconds| *seconds > 0) {
        head.more.push(("limits", format!("{{ wall = \"{seconds}s\" }}")));
    }
    if let Some(other) = workflow.settings.find("errorWorkflow") {
        findings.note("error workflow", "settings", other.at);
    }
    head
}

/// The port of an output or an input: `main`, `main_1`, `ai_tool`, …
fn port(kind: &str, place: u64) -> String {
    let name = slug(kind, "port");
    if place == 0 { name } else { format!("{name}_{place}") }
}

fn arc(workflow: &Workflow<'_, '_>, link: &Link<'_>) -> Arc {
    let from = workflow.nodes.get(link.from);
    let place = link.slot as u64;
    let errors = from.is_some_and(|node| node.json.get("onError").text() == Some("continueErrorOutput"));
    let last = errors && link.kind == "main" && from.is_some_and(|node| link.slot >= nodes::outputs(node));
    // What is disabled hands its first input on; its other outputs give nothing.
    let output = if last { "error".to_owned() } else { port(link.kind, place) };
    Arc {
        from: link.from,
        output: Some(output),
        to: link.to,
        input: port(link.kind, link.index),
        together: link.kind == "ai_tool",
        gate: Gate::Open,
    }
}

/// Gates arcs: what follows an error output plays when its producer failed, and branches whose conditions are plain
/// become conditions of what follows them.
fn branches(workflow: &Workflow<'_, '_>, flow: &mut Flow, findings: &mut Findings<'_>) {
    let cyclic = flow.cyclic();
    let cyclic = |place: usize| cyclic.get(place).copied().unwrap_or_default();
    let mut taken: BTreeMap<(usize, String), usize> = BTreeMap::new();
    for arc in &flow.arcs {
        *taken.entry((arc.to, arc.input.clone())).or_default() += 1;
    }
    let alone = |arc: &Arc| taken.get(&(arc.to, arc.input.clone())) == Some(&1);
    for (arc, link) in flow.arcs.iter_mut().zip(&workflow.links) {
        if arc.output.as_deref() != Some("error") {
            continue;
        }
        if alone(arc) && !cyclic(arc.from) && !cyclic(arc.to) {
            arc.gate = Gate::Without("main".to_owned());
        } else {
            let what = "error output that is joined or within a loop: a port that only its player can fill";
            findings.note(what, workflow.nodes.get(link.from).map_or("", |node| node.name), link.at);
        }
    }
    for (place, node) in workflow.nodes.iter().enumerate() {
        if !nodes::branches(node) || node.is("disabled") {
            continue;
        }
        let outgoing: Vec<usize> =
            flow.arcs.iter().enumerate().filter(|(_, arc)| arc.from == place).map(|(number, _)| number).collect();
        let plain = outgoing.iter().filter_map(|number| flow.arcs.get(*number)).all(|arc| {
            alone(arc)
                && !cyclic(arc.from)
                && !cyclic(arc.to)
                && arc.gate == Gate::Open
                && arc.output.as_deref() != Some("error")
        });
        let slots = outgoing.iter().filter_map(|number| workflow.links.get(*number)).map(|link| link.slot).max();
        let outputs =
            conditions::outputs(node).filter(|outputs| plain && slots.is_none_or(|slot| slot < outputs.len()));
        let Some(outputs) = outputs else {
            let what =
                format!("conditions of `{}`: its player decides, and leaves the other outputs absent", node.short());
            findings.note(what, node.name, node.json.at);
            nodes::report_expressions(node, findings);
            continue;
        };
        for number in outgoing {
            let (Some(arc), Some(link)) = (flow.arcs.get_mut(number), workflow.links.get(number)) else { continue };
            if let Some(holds) = outputs.get(link.slot) {
                arc.gate = Gate::Filter(holds.clone());
                arc.output = Some("main".to_owned());
            }
        }
        if let Some(draft) = flow.nodes.get_mut(place) {
            draft.comments.push(format!("{}: what follows says in its `if` which items it takes.", node.kind));
            draft.with.clear();
            nodes::pass(draft);
        }
    }
}

/// n8n plays a node once for every connection that delivers; a melody plays it once.
fn joins(workflow: &Workflow<'_, '_>, flow: &Flow, findings: &mut Findings<'_>) {
    let mut into: BTreeMap<(usize, &str), usize> = BTreeMap::new();
    let cyclic = flow.cyclic();
    let cyclic = |place: usize| cyclic.get(place).copied().unwrap_or_default();
    // What comes round again is no second delivery.
    let once = |arc: &&Arc| !arc.together && !(cyclic(arc.from) && cyclic(arc.to));
    for arc in flow.arcs.iter().filter(once) {
        *into.entry((arc.to, arc.input.as_str())).or_default() += 1;
    }
    for ((to, input), count) in into.into_iter().filter(|(_, count)| *count > 1) {
        let Some(node) = workflow.nodes.get(to) else { continue };
        let what = format!("{count} connections into `{input}`: it plays once, with the first that gives something");
        findings.note(what, node.name, node.json.at);
    }
}

/// A file of pins for every melody with pinned nodes.
fn pinned(workflow: &Workflow<'_, '_>, ids: &[String], laid: &Laid, findings: &mut Findings<'_>) -> Vec<Written> {
    let places: BTreeMap<&str, usize> =
        workflow.nodes.iter().enumerate().map(|(place, node)| (node.name, place)).collect();
    let mut files: BTreeMap<usize, Vec<(&str, &Json<'_>)>> = BTreeMap::new();
    for (name, items) in workflow.pins.entries() {
        match places.get(name.as_ref()) {
            Some(place) => {
                let home = laid.loops.iter().position(|members| members.contains(place)).map_or(0, |number| number + 1);
                files.entry(home).or_default().push((ids.get(*place).map_or("", String::as_str), items));
            }
            None => findings.note("pinned data of a node that does not exist", name, items.at),
        }
    }
    let write = |(home, entries): (usize, Vec<(&str, &Json<'_>)>)| {
        let melody = &laid.files.get(home)?.name;
        let name = format!("{}.pins", melody.strip_suffix(".toml").unwrap_or(melody));
        Some(Written { name, text: pins::text(melody, &entries) })
    };
    files.into_iter().filter_map(write).collect()
}
