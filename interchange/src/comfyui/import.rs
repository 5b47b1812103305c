//! From a workflow of ComfyUI to a melody, and a melody for each subgraph.

use super::nodes::{Named, bypass, draft};
use super::read::{End, Graph, Link, Mode, Node, Port, read};
use super::{prompt, types};
use crate::Format;
use crate::flow::{Arc, Flow, Gate, MAX_ITERATIONS};
use crate::json::{Json, Value};
use crate::names::{Ids, melody_name};
use crate::report::{Findings, Imported, Refusal, Report, Written};
use crate::toml::{Draft, DraftNode, quoted, setting, table};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Imports a workflow, or a prompt of the API.
pub(crate) fn import(base: &str, text: &str, json: &Json<'_>) -> Result<Imported, Refusal> {
    let mut findings = Findings::new(text);
    let graphs = if prompt::is_prompt(json) {
        vec![prompt::read(json, &mut findings)]
    } else {
        read(text, json, &mut findings)?
    };
    if graphs.iter().all(|graph| graph.nodes.is_empty()) || graphs.first().is_none_or(|graph| graph.nodes.is_empty()) {
        let help = "a melody has one node at least; notes are none";
        return Err(Refusal::new("the workflow has no nodes", help).at(text, json.at));
    }
    let mut library = Library::new(base, &graphs);
    library.widen(&graphs);
    let mut files = Vec::new();
    for (place, graph) in graphs.iter().enumerate() {
        let sub = library.subs.get(graph.id).filter(|sub| sub.place == place);
        if place == 0 || sub.is_some() {
            files.extend(library.lay(base, graph, sub, &mut findings));
        } else {
            let what = "subgraph that is empty, contains itself or has no id of its own, with all its nodes";
            findings.note(what, graph.name.unwrap_or(graph.id), graph.at);
        }
    }
    let report = Report {
        format: Format::ComfyUi,
        nodes: graphs.iter().map(|graph| graph.nodes.len()).sum(),
        edges: graphs.iter().map(|graph| graph.counted).sum(),
        unsupported: findings.into_list(),
    };
    Ok(Imported { files, report })
}

/// A subgraph as its instances see it.
struct Sub<'j> {
    /// Its place among the graphs.
    place: usize,
    ending: String,
    named: Named,
    /// Types of its inputs.
    types: Vec<String>,
    outputs: &'j [Port<'j>],
    /// The outputs that something within it gives.
    given: BTreeSet<usize>,
}

/// Subgraphs by id.
struct Library<'j> {
    base: String,
    subs: HashMap<&'j str, Sub<'j>>,
}

impl<'j> Library<'j> {
    fn new(base: &str, graphs: &'j [Graph<'j, '_>]) -> Self {
        let (mut ids, mut subs) = (Ids::default(), HashMap::new());
        for (place, graph) in graphs.iter().enumerate().skip(1) {
            let playable = !graph.id.is_empty() && !graph.nodes.is_empty() && !contains_itself(graph, graphs);
            if !playable || subs.contains_key(graph.id) {
                continue;
            }
            let id = ids.of(graph.name.unwrap_or("subgraph"), "subgraph");
            let ending = format!("-{}", id.trim_end_matches('_').replace('_', "-"));
            let types = graph.inputs.iter().map(|port| types::of(port.ty)).collect();
            let named = Named::new(&graph.inputs, &graph.outputs);
            let given = graph.links.iter().filter(|link| link.to == End::Border).map(|link| link.input).collect();
            subs.insert(graph.id, Sub { place, ending, named, types, outputs: &graph.outputs, given });
        }
        Self { base: base.to_owned(), subs }
    }

    /// An input to which something of another type is bound anywhere takes anything.
    fn widen(&mut self, graphs: &[Graph<'_, '_>]) {
        for graph in graphs {
            for (place, node) in graph.nodes.iter().enumerate() {
                let Some(sub) = self.subs.get(node.kind) else { continue };
                let mut other: BTreeSet<usize> = BTreeSet::new();
                for link in graph.links.iter().filter(|link| link.to == End::Node(place)) {
                    let name = node.inputs.get(link.input).map_or("", |port| port.name);
                    let Some(input) = sub.input(name, link.input) else { continue };
                    let given = match link.from {
                        End::Node(from) => graph
                            .nodes
                            .get(from)
                            .filter(|node| self.has_types(node))
                            .and_then(|node| node.outputs.get(link.output)),
                        End::Border => None,
                    };
                    if given.map(|port| types::of(port.ty)) != sub.types.get(input).cloned() {
                        other.insert(input);
                    }
                }
                for (name, value) in &node.widgets {
                    if let Some(input) = sub.by_name(name).filter(|input| !fits(value, sub.types.get(*input))) {
                        other.insert(input);
                    }
                }
                let Some(sub) = self.subs.get_mut(node.kind) else { continue };
                for input in other {
                    if let Some(ty) = sub.types.get_mut(input) {
                        *ty = "any".to_owned();
                    }
                }
            }
        }
    }

    /// Whether the outputs of a node have the types that it says.
    fn has_types(&self, node: &Node<'_, '_>) -> bool {
        node.mode != Mode::Bypassed && node.kind != "Reroute" && !self.subs.contains_key(node.kind)
    }

    /// Writes a graph: the workflow itself, or a subgraph.
    fn lay(
        &self,
        base: &str,
        graph: &Graph<'_, '_>,
        sub: Option<&Sub<'_>>,
        findings: &mut Findings<'_>,
    ) -> Vec<Written> {
        let name = graph.name.unwrap_or(base);
        let mut flow = Flow { head: Draft { name: melody_name(name), ..Draft::default() }, ..Flow::default() };
        flow.head.title = (flow.head.name != name).then(|| name.to_owned());
        flow.head.comments.extend(graph.notes.iter().map(|note| (*note).to_owned()));
        if !graph.groups.is_empty() {
            flow.head.comments.push(format!("Groups: {}", graph.groups.join(", ")));
        }
        let mut used: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); graph.nodes.len()];
        for link in &graph.links {
            if let End::Node(from) = link.from
                && let Some(used) = used.get_mut(from)
            {
                used.insert(link.output);
            }
        }
        let mut names: Vec<Named> = Vec::with_capacity(graph.nodes.len());
        for (node, used) in graph.nodes.iter().zip(&used) {
            let used: Vec<usize> = used.iter().copied().collect();
            let id = flow.ids.of(node.title.unwrap_or(node.kind), "node");
            match self.played(node) {
                Some(sub) => {
                    flow.nodes.push(self.instance(node, id, sub, graph, names.len(), findings));
                    names.push(sub.seen_by(node));
                }
                None => {
                    let named = Named::new(&node.inputs, &node.outputs);
                    flow.nodes.push(draft(node, id, &named, &used));
                    names.push(named);
                }
            }
        }
        let own = sub.map(|sub| &sub.named);
        let mut outputs: BTreeMap<usize, String> = BTreeMap::new();
        for link in &graph.links {
            if let Some(what) = self.leads_nowhere(graph, link) {
                findings.note(what, graph.name.unwrap_or("workflow"), link.at);
                continue;
            }
            connect(graph, link, &names, own, &mut flow, &mut outputs);
        }
        if let Some(sub) = sub {
            for (name, ty) in sub.named.inputs.iter().zip(&sub.types) {
                flow.head.inputs.push((name.clone(), format!("{{ type = {} }}", quoted(ty))));
            }
            for (place, source) in outputs {
                flow.head.outputs.push((sub.named.output(place), source));
            }
        }
        let ending = sub.map_or("", |sub| sub.ending.as_str());
        let laid = flow.lay(base, ending);
        for members in &laid.loops {
            let inside: Vec<&Node<'_, '_>> = members.iter().filter_map(|place| graph.nodes.get(*place)).collect();
            let kinds: Vec<&str> = inside.iter().map(|node| node.kind).take(6).collect();
            let what = format!("cycle without a bound: a loop of at most {MAX_ITERATIONS} iterations");
            findings.note(what, kinds.join(", "), inside.first().map_or(0, |node| node.at));
        }
        laid.files
    }

    /// The subgraph that a node plays.
    fn played(&self, node: &Node<'_, '_>) -> Option<&Sub<'j>> {
        self.subs.get(node.kind).filter(|_| node.mode != Mode::Bypassed)
    }

    /// Why a link of an instance cannot be: its subgraph has no such input, or gives no such output.
    fn leads_nowhere(&self, graph: &Graph<'_, '_>, link: &Link) -> Option<&'static str> {
        if let End::Node(from) = link.from
            && let Some((node, sub)) = graph.nodes.get(from).and_then(|node| Some((node, self.played(node)?)))
            && !sub.output(node, link.output).is_some_and(|place| sub.given.contains(&place))
        {
            return Some("link from an output that its subgraph does not give");
        }
        if let End::Node(to) = link.to
            && let Some((node, sub)) = graph.nodes.get(to).and_then(|node| Some((node, self.played(node)?)))
            && sub.input(node.inputs.get(link.input).map_or("", |port| port.name), link.input).is_none()
        {
            return Some("link into an input that its subgraph does not have");
        }
        None
    }

    /// A node that plays a subgraph. Values of its widgets are bound to the inputs of their names.
    fn instance(
        &self,
        node: &Node<'_, '_>,
        id: String,
        sub: &Sub<'_>,
        graph: &Graph<'_, '_>,
        place: usize,
        findings: &mut Findings<'_>,
    ) -> DraftNode {
        let title = node.title.unwrap_or(sub.ending.trim_start_matches('-'));
        let mut draft = DraftNode { title: (title != id).then(|| title.to_owned()), id, ..DraftNode::default() };
        draft.uses = Some(format!("melody:{}{}.melody.toml", self.base, sub.ending));
        if node.mode == Mode::Muted {
            draft.more.push(("if", "\"false\"".to_owned()));
        }
        let linked: BTreeSet<usize> = graph
            .links
            .iter()
            .filter(|link| link.to == End::Node(place))
            .filter_map(|link| sub.input(node.inputs.get(link.input).map_or("", |port| port.name), link.input))
            .collect();
        for (name, value) in node.widgets.iter().filter(|(_, value)| value.value != Value::Null) {
            match (sub.by_name(name), setting("value", value)) {
                (Some(input), _) if linked.contains(&input) => {}
                (Some(input), Some(value)) if value.0 == "value" => {
                    draft.inputs.push((sub.named.input(input), table(&[value])));
                }
                _ => {
                    let what = format!("value of the widget `{name}`, which is no input of the subgraph");
                    findings.note(what, format!("{title} (#{})", node.key), value.at);
                }
            }
        }
        draft
    }
}

impl Sub<'_> {
    /// The place of an input by its name in the file.
    fn by_name(&self, name: &str) -> Option<usize> {
        let id = Ids::default().of(name, "value");
        self.named.inputs.iter().position(|known| *known == id)
    }

    /// The place of an input as an instance names it; instances may leave inputs out.
    fn input(&self, name: &str, place: usize) -> Option<usize> {
        self.by_name(name).or_else(|| (place < self.named.inputs.len()).then_some(place))
    }

    /// The place of an output as an instance names it.
    fn output(&self, node: &Node<'_, '_>, place: usize) -> Option<usize> {
        let name = node.outputs.get(place).map_or("", |port| port.name);
        let named = self.outputs.iter().position(|known| known.name == name);
        named.or_else(|| (place < self.outputs.len()).then_some(place))
    }

    /// The ports of an instance, by its own places, in the subgraph's names.
    fn seen_by(&self, node: &Node<'_, '_>) -> Named {
        let input = |(place, port): (usize, &Port<'_>)| {
            self.input(port.name, place).map_or_else(|| format!("in_{place}"), |place| self.named.input(place))
        };
        let output = |place: usize| self.named.output(self.output(node, place).unwrap_or(place));
        Named {
            inputs: node.inputs.iter().enumerate().map(input).collect(),
            outputs: (0..node.outputs.len()).map(output).collect(),
        }
    }
}

/// Whether a subgraph plays itself, be it through others.
fn contains_itself(graph: &Graph<'_, '_>, graphs: &[Graph<'_, '_>]) -> bool {
    let (mut seen, mut open) = (BTreeSet::new(), vec![graph]);
    while let Some(outer) = open.pop() {
        for inner in outer.nodes.iter().flat_map(|node| graphs.iter().skip(1).filter(|known| known.id == node.kind)) {
            if inner.id == graph.id {
                return true;
            }
            if seen.insert(inner.id) {
                open.push(inner);
            }
        }
    }
    false
}

/// Whether a constant has a type.
fn fits(value: &Json<'_>, ty: Option<&String>) -> bool {
    match ty.map(String::as_str) {
        Some("int") => value.count().is_some(),
        Some("float") => value.number().is_some(),
        Some("bool") => value.truth().is_some(),
        Some("text") => value.text().is_some(),
        Some(ty) => ty == "any",
        None => false,
    }
}

/// Adds what a link says: an arc, or something that crosses the border of the subgraph.
fn connect(
    graph: &Graph<'_, '_>,
    link: &Link,
    names: &[Named],
    own: Option<&Named>,
    flow: &mut Flow,
    outputs: &mut BTreeMap<usize, String>,
) {
    let ports = |place: usize| names.get(place);
    let id = |flow: &Flow, place: usize| flow.nodes.get(place).map(|node| node.id.clone()).unwrap_or_default();
    // An absent input of the subgraph is an input of the node that has no value.
    let border = |slot: usize| {
        let name = own.map(|own| own.input(slot)).unwrap_or_default();
        format!("{{ from = {}, kind = \"soft\" }}", quoted(&format!("inputs.{name}")))
    };
    let targets = |to: usize| -> Vec<String> {
        let bypassed =
            graph.nodes.get(to).filter(|node| node.mode == Mode::Bypassed).map(|node| bypass(node, link.input));
        let reroute = graph.nodes.get(to).is_some_and(|node| node.kind == "Reroute");
        match (bypassed, ports(to)) {
            (Some(outputs), Some(named)) if !outputs.is_empty() => {
                outputs.iter().map(|place| named.output(*place)).collect()
            }
            (None, Some(named)) if reroute => vec![named.output(0)],
            (Some(_), Some(named)) => vec![format!("unused_{}", named.input(link.input)).chars().take(64).collect()],
            (_, Some(named)) => vec![named.input(link.input)],
            (_, None) => Vec::new(),
        }
    };
    match (link.from, link.to) {
        (End::Node(from), End::Node(to)) => {
            let output = ports(from).map(|named| named.output(link.output));
            for input in targets(to) {
                flow.arcs.push(Arc { from, output: output.clone(), to, input, together: false, gate: Gate::Open });
            }
        }
        (End::Border, End::Node(to)) => {
            let source = border(link.output);
            for input in targets(to) {
                if let Some(node) = flow.nodes.get_mut(to) {
                    node.inputs.retain(|(known, _)| *known != input);
                    node.inputs.push((input, source.clone()));
                }
            }
        }
        (End::Node(from), End::Border) => {
            let port = ports(from).map(|named| named.output(link.output)).unwrap_or_default();
            outputs.insert(link.input, quoted(&format!("{}.{port}", id(flow, from))));
        }
        (End::Border, End::Border) => {
            outputs.insert(link.input, border(link.output));
        }
    }
}
