//! Edges of the picture, read off the melody's text: one for each pair of nodes, with the ports it carries.

use super::{ChartEdge, End};
use symphony_ecs_core::expr::Expr;
use symphony_ecs_core::melody::model::{Binding, Candidate, EdgeKind, Melody, Node, RefTarget, Source};

/// All edges of a melody, by consumer in the order of the text.
pub fn of(melody: &Melody) -> Vec<ChartEdge> {
    let mut edges = Edges { melody, list: Vec::new() };
    for node in &melody.nodes {
        let to = End::Node(node.id.value.clone());
        edges.node(node, &to);
    }
    for output in &melody.outputs {
        edges.source(&output.from.from, &End::Outputs);
    }
    edges.list
}

struct Edges<'m> {
    melody: &'m Melody,
    list: Vec<ChartEdge>,
}

impl Edges<'_> {
    fn node(&mut self, node: &Node, to: &End) {
        for Binding { from, .. } in &node.inputs {
            self.source(from, to);
        }
        if let Some(map) = &node.map {
            self.source(&map.over, to);
        }
        if let Some(condition) = &node.condition {
            self.expression(&condition.value, to);
        }
        for need in &node.needs {
            self.add(End::Node(need.node.value.clone()), to, need.kind, None);
        }
    }

    fn source(&mut self, source: &Source, to: &End) {
        match source {
            Source::Ref(reference) => self.target(&reference.target, reference.kind, to),
            Source::Literal(_) => {}
            Source::Expr(expr) => self.expression(expr, to),
            Source::Join(join) => {
                for candidate in &join.candidates {
                    match candidate {
                        Candidate::One(reference) => self.target(&reference.target, reference.kind, to),
                        Candidate::Pattern { nodes, port, .. } => self.pattern(nodes, port, to),
                    }
                }
            }
        }
    }

    fn target(&mut self, target: &RefTarget, kind: EdgeKind, to: &End) {
        match target {
            RefTarget::Input(port) => self.add(End::Inputs, to, kind, Some(port)),
            RefTarget::Port(node, port) => self.add(End::Node(node.clone()), to, kind, Some(port)),
            RefTarget::Item | RefTarget::Index => {}
        }
    }

    fn expression(&mut self, expr: &Expr, to: &End) {
        for used in expr.references() {
            let from = match used.name.as_str() {
                "inputs" => End::Inputs,
                name if self.melody.nodes.iter().any(|node| node.id.value == name) => End::Node(name.to_owned()),
                _ => continue,
            };
            self.add(from, to, EdgeKind::Soft, used.port.as_deref());
        }
    }

    fn pattern(&mut self, pattern: &str, port: &str, to: &End) {
        let melody = self.melody;
        for node in melody.nodes.iter().filter(|node| fits(pattern, &node.id.value)) {
            self.add(End::Node(node.id.value.clone()), to, EdgeKind::Hard, Some(port));
        }
    }

    /// Adds an edge, or its port to the edge that is there. The stricter kind stays.
    fn add(&mut self, from: End, to: &End, kind: EdgeKind, port: Option<&str>) {
        let port = port.map(str::to_owned);
        let known = self.list.iter_mut().rev().take_while(|edge| edge.to == *to).find(|edge| edge.from == from);
        match known {
            Some(edge) => {
                if strictness(kind) < strictness(edge.kind) {
                    edge.kind = kind;
                }
                if let Some(port) = port.filter(|port| !edge.ports.contains(port)) {
                    edge.ports.push(port);
                }
            }
            None => self.list.push(ChartEdge { from, to: to.clone(), kind, ports: port.into_iter().collect() }),
        }
    }
}

fn strictness(kind: EdgeKind) -> u8 {
    match kind {
        EdgeKind::Hard => 0,
        EdgeKind::Soft => 1,
        EdgeKind::Optional => 2,
    }
}

/// Whether an id fits a pattern in which `*` stands for any run of characters.
fn fits(pattern: &str, id: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| id.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_ids() {
        for (pattern, id, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a_*", "a_1", true),
            ("*_x", "a_1_x", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(fits(pattern, id), expected, "{pattern} {id}");
        }
    }
}
