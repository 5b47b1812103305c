//! The graph of a melody: who waits for whom, the cycles that forbid playing it, and who comes after whom.

use super::findings::Findings;
use super::names::Names;
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::Span;
use petgraph::algo::{kosaraju_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeSet, VecDeque};

/// `to` waits for `from`.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Where the consumer says so.
    pub(super) span: Span,
}

/// Cycles that are reported; more of them mostly say the same.
const MAX_CYCLES: usize = 20;
/// Nodes of a cycle that are named.
const SHOWN: usize = 12;

/// Reports the cycles: a shortest one of each knot of nodes.
pub(super) fn report_cycles(edges: &[Edge], names: &Names<'_>, findings: &mut Findings) {
    let count = names.melody.nodes.len();
    let mut graph: DiGraph<(), usize, u32> = DiGraph::with_capacity(count, edges.len());
    for _ in 0..count {
        graph.add_node(());
    }
    for (place, edge) in edges.iter().enumerate() {
        if edge.from < count && edge.to < count && edge.from != edge.to {
            graph.add_edge(NodeIndex::new(edge.from), NodeIndex::new(edge.to), place);
        }
    }
    if toposort(&graph, None).is_ok() {
        return;
    }
    let mut knots: Vec<BTreeSet<usize>> = kosaraju_scc(&graph)
        .into_iter()
        .filter(|knot| knot.len() > 1)
        .map(|knot| knot.into_iter().map(NodeIndex::index).collect())
        .collect();
    knots.sort();
    for knot in knots.iter().take(MAX_CYCLES) {
        let cycle = shortest_cycle(&graph, knot);
        let Some(last) = cycle.last().and_then(|edge| edges.get(*edge)) else { continue };
        let steps: Vec<&Edge> = cycle.iter().filter_map(|edge| edges.get(*edge)).collect();
        let mut named: Vec<&str> = steps.iter().take(SHOWN).map(|edge| names.id(edge.from)).collect();
        if steps.len() > SHOWN {
            named.push("…");
        }
        named.push(names.id(last.to));
        let waits = |edge: &Edge| format!("`{}` waits for `{}` here", names.id(edge.to), names.id(edge.from));
        let mut finding = Diagnostic::error("cycle", format!("the nodes wait for each other: {}", named.join(" → ")))
            .at(last.span.clone(), waits(last));
        for edge in steps.iter().take(SHOWN.min(steps.len() - 1)) {
            finding = finding.see(edge.span.clone(), waits(edge));
        }
        findings.report(finding.help(
            "cut one of these edges, make it `kind = \"optional\"` (it does not wait), or repeat the nodes in a `loop`",
        ));
    }
}

/// The edges of a shortest cycle through the first node of a knot (a strongly connected set, so there is one).
fn shortest_cycle(graph: &DiGraph<(), usize, u32>, knot: &BTreeSet<usize>) -> Vec<usize> {
    let Some(start) = knot.first().copied() else { return Vec::new() };
    let mut came_by: std::collections::BTreeMap<usize, (usize, usize)> = std::collections::BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        let mut outgoing: Vec<(usize, usize)> =
            graph.edges(NodeIndex::new(node)).map(|edge| (*edge.weight(), edge_target(&edge))).collect();
        outgoing.sort_unstable();
        for (edge, to) in outgoing {
            if to == start {
                let mut cycle = vec![edge];
                let mut at = node;
                while let Some((edge, from)) = came_by.get(&at) {
                    cycle.push(*edge);
                    at = *from;
                }
                cycle.reverse();
                return cycle;
            }
            if knot.contains(&to) && !came_by.contains_key(&to) {
                came_by.insert(to, (edge, node));
                queue.push_back(to);
            }
        }
    }
    Vec::new()
}

fn edge_target(edge: &petgraph::graph::EdgeReference<'_, usize, u32>) -> usize {
    use petgraph::visit::EdgeRef;
    edge.target().index()
}

/// Which knot of nodes that wait for each other each node is in: two nodes are in the same one if each waits for the
/// other, near or far.
pub(super) fn knots(edges: impl Iterator<Item = (usize, usize)>, count: usize) -> Vec<usize> {
    let mut graph: DiGraph<(), (), u32> = DiGraph::with_capacity(count, 0);
    for _ in 0..count {
        graph.add_node(());
    }
    for (from, to) in edges.filter(|(from, to)| *from < count && *to < count) {
        graph.add_edge(NodeIndex::new(from), NodeIndex::new(to), ());
    }
    let mut knot_of = vec![0; count];
    for (number, knot) in kosaraju_scc(&graph).into_iter().enumerate() {
        for node in knot {
            knot_of[node.index()] = number;
        }
    }
    knot_of
}
