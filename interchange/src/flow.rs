//! Nodes and arcs of another tool's graph, on their way into melodies.
//!
//! Melodies have no cycles, other tools do. A strongly connected part becomes one `loop` node whose body, a melody of
//! its own, holds its nodes. Arcs against the order (a feedback arc set) are carried from one iteration to the next,
//! and the loop ends when nothing is carried back:
//!
//! ```text
//!  a → b → c → d          a → loop → d        body:  inputs.x_1, inputs.back_1 → b → c → outputs.y_1, outputs.back_1
//!      ↑___│
//! ```

use crate::names::Ids;
use crate::report::Written;
use crate::toml::{Draft, DraftNode, quoted, table};
use petgraph::algo::{greedy_feedback_arc_set, tarjan_scc};
use petgraph::graph::DiGraph;
use petgraph::visit::EdgeRef as _;
use std::collections::{BTreeMap, BTreeSet};

/// How often a loop is played at most when the other tool knows no bound.
pub(crate) const MAX_ITERATIONS: u32 = 1000;

/// An edge between two nodes, by their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arc {
    /// The producer.
    pub from: usize,
    /// Its output port; without one the arc is order without data.
    pub output: Option<String>,
    /// The consumer.
    pub to: usize,
    /// Its input port.
    pub input: String,
    /// Several arcs into this port are taken together, as a list; otherwise the first that gives something counts.
    pub together: bool,
    /// When it leads anything.
    pub gate: Gate,
}

/// When an arc leads anything. Only arcs outside of cycles may have a gate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Whenever the producer gives something.
    #[default]
    Open,
    /// The items `i` of the producer's list of which this holds; nothing if there is none.
    Filter(String),
    /// When the producer gave nothing on this other port: it failed and was forgiven.
    Without(String),
}

/// A graph to be written.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// The head of the melody; its nodes come from `nodes`.
    pub head: Draft,
    /// Nodes without `in` and `needs` of other nodes, which come from `arcs`.
    pub nodes: Vec<DraftNode>,
    /// The arcs.
    pub arcs: Vec<Arc>,
    /// The ids that are given already.
    pub ids: Ids,
}

/// What became of the cycles.
#[derive(Debug)]
pub(crate) struct Laid {
    /// The melody first, then the bodies.
    pub files: Vec<Written>,
    /// The places of the nodes of each loop; its body is the file after the last one's.
    pub loops: Vec<Vec<usize>>,
}

impl Flow {
    /// Which nodes are part of a cycle.
    pub fn cyclic(&self) -> Vec<bool> {
        let mut cyclic = vec![false; self.nodes.len()];
        for place in cycles(self.nodes.len(), &self.arcs).into_iter().flatten() {
            if let Some(cyclic) = cyclic.get_mut(place) {
                *cyclic = true;
            }
        }
        cyclic
    }

    /// Writes the melody and the bodies of its loops. `base` begins the names of files, `kind` the name of a body.
    pub fn lay(mut self, base: &str, ending: &str) -> Laid {
        let loops = cycles(self.nodes.len(), &self.arcs);
        let mut home: Vec<Option<usize>> = vec![None; self.nodes.len()];
        for (number, members) in loops.iter().enumerate() {
            for member in members {
                if let Some(home) = home.get_mut(*member) {
                    *home = Some(number);
                }
            }
        }
        let mut bodies: Vec<Body> = Vec::with_capacity(loops.len());
        for (number, members) in loops.iter().enumerate() {
            let suffix = if number == 0 { "-loop".to_owned() } else { format!("-loop-{}", number + 1) };
            let file = format!("{base}{ending}{suffix}.melody.toml");
            bodies.push(Body {
                id: self.ids.of("loop", "loop_1"),
                file,
                back: backs(members, &self.arcs),
                ..Body::default()
            });
        }
        let outputs = self.outputs_needed(&home, &bodies);
        for (place, port) in outputs {
            if let Some(node) = self.nodes.get_mut(place)
                && !node.out.iter().any(|(known, _)| *known == port)
            {
                node.out.push((port, "any".to_owned()));
            }
        }
        let mut ports: Vec<Ports> = (0..self.nodes.len()).map(|_| Ports::default()).collect();
        let mut outer: Vec<Ports> = (0..bodies.len()).map(|_| Ports::default()).collect();
        // Arcs within a loop come first: what comes from outside stays the same in every iteration, so it counts last.
        let within = |arc: &&Arc| at(&home, arc.from).is_some() && at(&home, arc.from) == at(&home, arc.to);
        let others = self.arcs.iter().filter(|arc| !within(arc));
        for arc in self.arcs.iter().filter(within).chain(others) {
            let (from_home, to_home) = (at(&home, arc.from), at(&home, arc.to));
            let output = arc.output.as_deref();
            let from_id = self.nodes.get(arc.from).map_or("", |node| node.id.as_str());
            let Some(taker) = ports.get_mut(arc.to) else { continue };
            let inside = from_home.filter(|_| from_home == to_home).and_then(|number| bodies.get_mut(number));
            if let Some(body) = inside {
                if body.back.contains(&(arc.from, arc.to)) {
                    let name = body.carry(from_id, output.unwrap_or(DONE));
                    let port = if output.is_some() { arc.input.clone() } else { format!("after_{from_id}") };
                    taker.take_first(&port, format!("inputs.{name}"), output.is_none());
                } else {
                    taker.take(arc, from_id);
                }
                continue;
            }
            // What the rest of the melody sees of the producer.
            let seen = match from_home.and_then(|number| bodies.get_mut(number)) {
                None => (from_id.to_owned(), output.map(str::to_owned)),
                Some(body) => (body.id.clone(), output.map(|port| body.give(from_id, port))),
            };
            let Some(number) = to_home else {
                taker.take(&Arc { output: seen.1, ..arc.clone() }, &seen.0);
                continue;
            };
            let (Some(body), Some(outer)) = (bodies.get_mut(number), outer.get_mut(number)) else { continue };
            match seen.1 {
                None => outer.need(&seen.0),
                Some(port) => {
                    let source = format!("{}.{port}", seen.0);
                    let name = body.ask(&source);
                    outer.bind(&name, source);
                    let inner = Arc { output: Some(name), ..arc.clone() };
                    taker.take(&inner, "inputs");
                }
            }
        }
        let mut members: Vec<Vec<DraftNode>> = (0..bodies.len()).map(|_| Vec::new()).collect();
        let mut top = Vec::new();
        for (place, (mut node, ports)) in self.nodes.into_iter().zip(ports).enumerate() {
            ports.into_node(&mut node);
            match at(&home, place) {
                None => top.push(node),
                Some(number) => {
                    // The loop stands where its first node stood.
                    if let (Some(list), Some(body), Some(outer)) =
                        (members.get_mut(number), bodies.get(number), outer.get_mut(number))
                    {
                        if list.is_empty() {
                            let mut node = body.node();
                            std::mem::take(outer).into_node(&mut node);
                            top.push(node);
                        }
                        list.push(node);
                    }
                }
            }
        }
        let mut files = Vec::with_capacity(1 + bodies.len());
        self.head.nodes.extend(top);
        files.push(Written { name: format!("{base}{ending}.melody.toml"), text: self.head.text() });
        for (body, nodes) in bodies.into_iter().zip(members) {
            files.push(Written { name: body.file.clone(), text: body.draft(&self.head, nodes).text() });
        }
        Laid { files, loops }
    }

    /// Output ports that are named by arcs, so that a player that nobody knows yet has them.
    fn outputs_needed(&self, home: &[Option<usize>], bodies: &[Body]) -> BTreeSet<(usize, String)> {
        let mut outputs = BTreeSet::new();
        for arc in &self.arcs {
            let back = at(home, arc.from)
                .and_then(|number| bodies.get(number))
                .is_some_and(|body| body.back.contains(&(arc.from, arc.to)));
            match &arc.output {
                Some(port) => outputs.insert((arc.from, port.clone())),
                None if back => outputs.insert((arc.from, DONE.to_owned())),
                None => false,
            };
            if let Gate::Without(port) = &arc.gate {
                outputs.insert((arc.from, port.clone()));
            }
        }
        outputs
    }
}

/// The port that stands for a node's end where order must be carried.
const DONE: &str = "done";

fn at(home: &[Option<usize>], place: usize) -> Option<usize> {
    home.get(place).copied().flatten()
}

/// Strongly connected parts with a cycle, each in rising order, in the order of their first nodes.
fn cycles(nodes: usize, arcs: &[Arc]) -> Vec<Vec<usize>> {
    let mut graph = DiGraph::<(), ()>::with_capacity(nodes, arcs.len());
    let places: Vec<_> = (0..nodes).map(|_| graph.add_node(())).collect();
    let mut to_itself = BTreeSet::new();
    for arc in arcs {
        if let (Some(from), Some(to)) = (places.get(arc.from), places.get(arc.to)) {
            graph.update_edge(*from, *to, ());
        }
        if arc.from == arc.to {
            to_itself.insert(arc.from);
        }
    }
    let mut cycles: Vec<Vec<usize>> = tarjan_scc(&graph)
        .into_iter()
        .map(|part| {
            let mut part: Vec<usize> = part.into_iter().map(|node| node.index()).collect();
            part.sort_unstable();
            part
        })
        .filter(|part| part.len() > 1 || part.first().is_some_and(|node| to_itself.contains(node)))
        .collect();
    cycles.sort();
    cycles
}

/// The arcs of a strongly connected part that go back: those to the node where it is entered, and of what is cyclic
/// even without them a feedback arc set.
fn backs(members: &[usize], arcs: &[Arc]) -> BTreeSet<(usize, usize)> {
    let inside = |place: &usize| members.binary_search(place).is_ok();
    let entered = arcs.iter().filter(|arc| inside(&arc.to) && !inside(&arc.from)).map(|arc| arc.to).min();
    let Some(header) = entered.or_else(|| members.first().copied()) else { return BTreeSet::new() };
    let mut backs = BTreeSet::new();
    let mut graph = DiGraph::<usize, ()>::new();
    let nodes: BTreeMap<usize, _> = members.iter().map(|member| (*member, graph.add_node(*member))).collect();
    for arc in arcs {
        let (Some(from), Some(to)) = (nodes.get(&arc.from), nodes.get(&arc.to)) else { continue };
        if arc.to == header || arc.from == arc.to {
            backs.insert((arc.from, arc.to));
        } else {
            graph.update_edge(*from, *to, ());
        }
    }
    let node = |index| graph.node_weight(index).copied().unwrap_or_default();
    backs.extend(greedy_feedback_arc_set(&graph).map(|arc| (node(arc.source()), node(arc.target()))));
    backs
}

/// A loop and its body.
#[derive(Debug, Default)]
struct Body {
    id: String,
    file: String,
    back: BTreeSet<(usize, usize)>,
    /// What comes in: source outside → name.
    asked: Vec<(String, String)>,
    /// What goes out: source inside → name.
    given: Vec<(String, String)>,
    /// What is carried: source inside → name.
    carried: Vec<(String, String)>,
}

impl Body {
    fn named(list: &mut Vec<(String, String)>, source: String, prefix: &str) -> String {
        if let Some((_, name)) = list.iter().find(|(known, _)| *known == source) {
            return name.clone();
        }
        let name = format!("{prefix}_{}", list.len() + 1);
        list.push((source, name.clone()));
        name
    }

    fn ask(&mut self, source: &str) -> String {
        Self::named(&mut self.asked, source.to_owned(), "x")
    }

    fn give(&mut self, id: &str, port: &str) -> String {
        Self::named(&mut self.given, format!("{id}.{port}"), "y")
    }

    fn carry(&mut self, id: &str, port: &str) -> String {
        Self::named(&mut self.carried, format!("{id}.{port}"), "back")
    }

    /// The node that plays the body.
    fn node(&self) -> DraftNode {
        let names = |list: &[(String, String)]| list.iter().map(|(_, name)| name.clone()).collect::<Vec<_>>();
        let carry: Vec<(String, String)> =
            names(&self.carried).iter().map(|name| (name.clone(), quoted(name))).collect();
        let still: Vec<String> = names(&self.carried).iter().map(|name| format!("!has(outputs.{name})")).collect();
        let spec = [
            ("body".to_owned(), quoted(&self.file)),
            ("carry".to_owned(), table(&carry)),
            ("until".to_owned(), quoted(&still.join(" && "))),
            ("max".to_owned(), MAX_ITERATIONS.to_string()),
        ];
        DraftNode {
            id: self.id.clone(),
            comments: vec!["A cycle of the original: played again as long as something is carried back.".to_owned()],
            more: vec![("loop", table(&spec))],
            ..DraftNode::default()
        }
    }

    fn draft(&self, head: &Draft, nodes: Vec<DraftNode>) -> Draft {
        let any = |(_, name): &(String, String)| (name.clone(), "{ type = \"any\" }".to_owned());
        let source = |(source, name): &(String, String)| (name.clone(), quoted(source));
        let stem = self.file.strip_suffix(".melody.toml").unwrap_or(&self.file);
        Draft {
            name: crate::names::melody_name(stem),
            comments: vec![format!("One iteration of the loop `{}` of {}.", self.id, head.name)],
            inputs: self.asked.iter().chain(&self.carried).map(any).collect(),
            outputs: self.given.iter().chain(&self.carried).map(source).collect(),
            nodes,
            ..Draft::default()
        }
    }
}

/// What a node takes, port by port.
#[derive(Debug, Default)]
struct Ports {
    ports: Vec<(String, Port)>,
    needs: Vec<String>,
    conditions: Vec<String>,
}

#[derive(Debug, Default)]
struct Port {
    sources: Vec<String>,
    together: bool,
    soft: bool,
    /// An expression instead of sources.
    computed: Option<String>,
}

impl Ports {
    fn port(&mut self, name: &str) -> &mut Port {
        let place = self.ports.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.ports.push((name.to_owned(), Port::default()));
            self.ports.len() - 1
        });
        &mut self.ports[place].1
    }

    fn take(&mut self, arc: &Arc, from: &str) {
        let Some(output) = &arc.output else { return self.need(from) };
        match &arc.gate {
            Gate::Open => {}
            Gate::Filter(holds) => {
                self.conditions.push(format!("{from}.{output}.exists(i, {holds})"));
                self.port(&arc.input).computed = Some(format!("{from}.{output}.filter(i, {holds})"));
                return;
            }
            Gate::Without(other) => {
                self.conditions.push(format!("!has({from}.{other})"));
                self.port(&arc.input).soft = true;
            }
        }
        let port = self.port(&arc.input);
        port.together |= arc.together;
        port.add(format!("{from}.{output}"));
    }

    /// A carried value goes before what comes from outside: that is the first iteration's.
    fn take_first(&mut self, name: &str, source: String, soft: bool) {
        let port = self.port(name);
        port.soft |= soft;
        if !port.sources.contains(&source) {
            port.sources.insert(0, source);
        }
    }

    fn bind(&mut self, name: &str, source: String) {
        self.port(name).add(source);
    }

    fn need(&mut self, id: &str) {
        let id = quoted(id);
        if !self.needs.contains(&id) {
            self.needs.push(id);
        }
    }

    fn into_node(self, node: &mut DraftNode) {
        for (name, port) in self.ports {
            let source = match port.sources.as_slice() {
                _ if port.computed.is_some() => format!("{{ expr = {} }}", quoted(&port.computed.unwrap_or_default())),
                [one] if port.soft => format!("{{ from = {}, kind = \"soft\" }}", quoted(one)),
                [one] if !port.together => quoted(one),
                many => {
                    let list: Vec<String> = many.iter().map(|source| quoted(source)).collect();
                    let join = if port.together { "all" } else { "first_of" };
                    format!("{{ {join} = [{}] }}", list.join(", "))
                }
            };
            node.inputs.push((name, source));
        }
        node.needs.extend(self.needs);
        if !self.conditions.is_empty() {
            node.more.push(("if", quoted(&self.conditions.join(" && "))));
        }
    }
}

impl Port {
    fn add(&mut self, source: String) {
        if !self.sources.contains(&source) {
            self.sources.push(source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(nodes: &[&str], arcs: &[(usize, usize, bool)]) -> Flow {
        let mut flow = Flow { head: Draft { name: "t".into(), ..Draft::default() }, ..Flow::default() };
        for node in nodes {
            let id = flow.ids.of(node, "n");
            let uses = Some("operator:x/run".to_owned());
            flow.nodes.push(DraftNode { id, uses, ..DraftNode::default() });
        }
        for (from, to, data) in arcs.iter().copied() {
            let output = data.then(|| "main".to_owned());
            flow.arcs.push(Arc { from, output, to, input: "main".to_owned(), together: false, gate: Gate::Open });
        }
        flow
    }

    fn shown(laid: &Laid) -> String {
        laid.files.iter().map(|file| format!("── {}\n{}", file.name, file.text)).collect()
    }

    #[test]
    fn a_cycle_becomes_a_loop_with_a_body() {
        let nodes = ["start", "batch", "work", "done"];
        let laid = flow(&nodes, &[(0, 1, true), (1, 2, true), (2, 1, true), (1, 3, true)]).lay("t", "");
        assert_eq!(laid.loops, [vec![1, 2]]);
        insta::assert_snapshot!(shown(&laid));
    }

    #[test]
    fn order_is_carried_too_and_a_node_may_follow_itself() {
        let laid = flow(&["a", "b", "c"], &[(0, 1, false), (1, 1, false), (1, 2, false)]).lay("t", "");
        insta::assert_snapshot!(shown(&laid));
    }
}
