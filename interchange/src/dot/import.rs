//! From a graph to a melody: every node needs a player, every edge is order without data.

use super::read::{Graph, Node, read};
use crate::Format;
use crate::flow::{Arc, Flow, Gate, MAX_ITERATIONS};
use crate::names::{melody_name, player_name};
use crate::report::{Findings, Imported, Refusal, Report};
use crate::toml::{Draft, DraftNode};
use std::collections::BTreeMap;

/// Imports a graph. `latin1` says that the bytes were no UTF-8.
pub(crate) fn import(base: &str, text: &str, latin1: bool) -> Result<Imported, Refusal> {
    let graph = read(text)?;
    if graph.nodes.is_empty() {
        return Err(Refusal::new("the graph has no nodes", "a melody has one node at least"));
    }
    let mut findings = Findings::new(text);
    if latin1
        && graph.attributes.get("charset").is_none_or(|(charset, _)| !charset.to_ascii_lowercase().starts_with("latin"))
    {
        findings.note("text that is not UTF-8 and was read as Latin-1", "graph", 0);
    }
    if !graph.directed {
        findings.note("undirected edges: each was given the direction of first appearance", "graph", 0);
    }
    report_attributes(&graph, &mut findings);
    let name = graph.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(base);
    let mut flow = Flow { head: Draft { name: melody_name(name), ..Draft::default() }, ..Flow::default() };
    if melody_name(name) != name {
        flow.head.title = Some(name.to_owned());
    }
    if let Some((label, false)) = graph.attributes.get("label") {
        flow.head.description = Some(plain(label, name));
    }
    for node in &graph.nodes {
        let id = flow.ids.of(&node.name, "n");
        flow.nodes.push(drafted(node, id, name));
    }
    for edge in &graph.edges {
        let (mut from, mut to) = (edge.from, edge.to);
        let named = |place: usize| graph.nodes.get(place).map_or("", |node| node.name.as_str());
        if !graph.directed && from > to {
            (from, to) = (to, from);
        }
        if !graph.directed && from == to {
            findings.note("undirected edge from a node to itself", named(from), edge.at);
            continue;
        }
        if let Some((label, html)) = edge.attributes.get("label").filter(|(label, _)| !label.is_empty()) {
            let label = if *html { stripped(label) } else { plain(label, named(from)) };
            let label = label.split_whitespace().collect::<Vec<_>>().join(" ");
            if let Some(node) = flow.nodes.get_mut(to) {
                node.comments.push(format!("{} → {}: {label}", one_line(named(from)), one_line(named(to))));
            }
        }
        flow.arcs.push(Arc { from, output: None, to, input: String::new(), together: false, gate: Gate::Open });
    }
    if let Some(more) = graph.more {
        findings.note("what follows the first graph", "file", more);
    }
    let (nodes, edges) = (graph.nodes.len(), graph.edges.len());
    let laid = flow.lay(base, "");
    for members in &laid.loops {
        let first = members.first().and_then(|first| graph.nodes.get(*first));
        let names: Vec<&str> =
            members.iter().filter_map(|place| graph.nodes.get(*place)).map(|node| node.name.as_str()).take(6).collect();
        let what = format!("cycle without a bound: a loop of at most {MAX_ITERATIONS} iterations");
        findings.note(what, names.join(", "), first.map_or(0, |node| node.at));
    }
    let report = Report { format: Format::Dot, nodes, edges, unsupported: findings.into_list() };
    Ok(Imported { files: laid.files, report })
}

fn drafted(node: &Node, id: String, graph: &str) -> DraftNode {
    let label = match node.attributes.get("label") {
        Some((label, true)) => stripped(label),
        Some((label, false)) => plain(label, &node.name),
        None => node.name.clone(),
    };
    let title = if label.trim().is_empty() { node.name.clone() } else { label };
    let kind = title.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    DraftNode {
        uses: Some(format!("operator:{}/{}", player_name(graph), player_name(kind))),
        title: (title != id).then_some(title),
        note: (!node.clusters.is_empty()).then(|| format!("in {}", node.clusters.join(" / "))),
        id,
        ..DraftNode::default()
    }
}

/// A label without Graphviz's escapes.
fn plain(label: &str, name: &str) -> String {
    let mut text = String::with_capacity(label.len());
    let mut chars = label.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('n' | 'l' | 'r') => text.push('\n'),
            Some('N' | 'G') => text.push_str(name),
            Some(other) => text.push(other),
            None => text.push('\\'),
        }
    }
    text.trim_end().to_owned()
}

/// The words of an HTML label.
fn stripped(label: &str) -> String {
    let mut text = String::with_capacity(label.len());
    let mut inside = false;
    for c in label.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Attributes are for the drawing. Each kind is reported once, with how often and where first.
fn report_attributes(graph: &Graph, findings: &mut Findings<'_>) {
    let mut kinds: BTreeMap<(String, &str), (usize, usize)> = BTreeMap::new();
    let mut count = |what: String, of: &'static str, at: usize| kinds.entry((what, of)).or_insert((at, 0)).1 += 1;
    for node in &graph.nodes {
        for (key, (_, html)) in &node.attributes {
            match (key.as_str(), html) {
                ("label", false) => {}
                ("label", true) => count("layout of the HTML label".to_owned(), "nodes", node.at),
                _ => count(format!("attribute `{key}`"), "nodes", node.at),
            }
        }
    }
    for edge in &graph.edges {
        for key in edge.attributes.keys().filter(|key| *key != "label") {
            count(format!("attribute `{key}`"), "edges", edge.at);
        }
        if edge.ports {
            count("port".to_owned(), "edges", edge.at);
        }
    }
    for key in graph.attributes.keys().filter(|key| *key != "label" && *key != "charset") {
        count(format!("attribute `{key}`"), "graphs", 0);
    }
    for ((what, of), (at, times)) in kinds {
        findings.note(format!("{what} of {times} {of}"), "graph", at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_becomes_a_melody() {
        let text = "digraph \"My Rules\" {\n  a [label=\"count\\nx: 1\"];\n  subgraph cluster_w { label=\"work\"; b }\n  a -> b [label=\"then\", color=red];\n  b -> \"c d\" -> b\n}";
        let imported = import("x", text, false).unwrap();
        assert_eq!((imported.report.nodes, imported.report.edges), (3, 3));
        insta::assert_debug_snapshot!(imported.report.unsupported);
        let shown: String = imported.files.iter().map(|file| format!("── {}\n{}", file.name, file.text)).collect();
        insta::assert_snapshot!(shown);
    }
}
