//! The graph of a melody as a picture: what is drawn, before it is written for Graphviz or Mermaid.
//!
//! A node that plays a body (a nested melody, a loop) is a cluster: the node itself and, in a frame beside it, the
//! body's own graph.

mod dot;
mod edges;
mod mermaid;

pub use dot::dot;
pub(crate) use edges::of as edges_of;
pub use mermaid::mermaid;

use std::collections::BTreeMap;
use symphony_ecs_core::melody::model::{EdgeKind, Melody, Node, PlayerKind};

/// A melody's graph.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The melody's name.
    pub name: String,
    /// Whether anything takes the melody's inputs.
    pub has_inputs: bool,
    /// Whether it declares outputs.
    pub has_outputs: bool,
    /// Nodes in the order of the text.
    pub nodes: Vec<ChartNode>,
    /// Edges by consumer, in the order of the text.
    pub edges: Vec<ChartEdge>,
}

/// A node of the picture.
#[derive(Clone, Debug)]
pub struct ChartNode {
    /// Its id.
    pub id: String,
    /// Lines of its label: title or id, player, what is special about it.
    pub label: Vec<String>,
    /// It plays only sometimes.
    pub conditional: bool,
    /// What it plays, if that is a melody that could be read.
    pub body: Option<Chart>,
}

/// An edge of the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartEdge {
    /// Where it begins.
    pub from: End,
    /// Where it ends.
    pub to: End,
    /// How it binds.
    pub kind: EdgeKind,
    /// The ports it carries; empty for order without data.
    pub ports: Vec<String>,
}

/// An end of an edge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// The melody's inputs.
    Inputs,
    /// A node.
    Node(String),
    /// The melody's outputs.
    Outputs,
}

impl Chart {
    /// Draws a melody. `body` reads the melody at a path that a file names, if it can be read.
    pub fn of(melody: &Melody, body: &mut dyn FnMut(&str, &str) -> Option<Melody>) -> Self {
        Self::within(melody, body, 0)
    }

    fn within(melody: &Melody, body: &mut dyn FnMut(&str, &str) -> Option<Melody>, depth: usize) -> Self {
        // A checked melody contains no cycle of bodies; an unchecked one must not hang us.
        const DEEPEST: usize = 16;
        let edges = edges::of(melody);
        let has_inputs = edges.iter().any(|edge| edge.from == End::Inputs);
        let mut nodes = Vec::with_capacity(melody.nodes.len());
        for node in &melody.nodes {
            let path = body_path(node).filter(|_| depth < DEEPEST);
            let inner = path.and_then(|path| body(&melody.path, path));
            let body = inner.map(|inner| Self::within(&inner, body, depth + 1));
            let (id, conditional) = (node.id.value.clone(), node.condition.is_some());
            nodes.push(ChartNode { id, label: label(node), conditional, body });
        }
        let (name, has_outputs) = (melody.name.value.clone(), !melody.outputs.is_empty());
        Self { name, has_inputs, has_outputs, nodes, edges }
    }
}

/// The melody that a node plays.
fn body_path(node: &Node) -> Option<&str> {
    if let Some(repeat) = &node.repeat {
        return Some(&repeat.body.value);
    }
    let first = node.uses.first()?;
    (first.value.kind == PlayerKind::Melody).then_some(&first.value.name)
}

fn label(node: &Node) -> Vec<String> {
    let mut lines = vec![node.title.clone().unwrap_or_else(|| node.id.value.clone())];
    if let Some(first) = node.uses.first() {
        let more = match node.uses.len() {
            1 => String::new(),
            count => format!(" (+{})", count - 1),
        };
        lines.push(format!("{}{more}", first.value));
    }
    if let Some(repeat) = &node.repeat {
        let until = repeat.until.as_ref().map(|until| format!(" until {}", until.value.text())).unwrap_or_default();
        lines.push(format!("loop, at most {}{until}", repeat.max));
    }
    if let Some(map) = &node.map {
        let bound = map.max_parallel.map(|bound| format!(", {bound} at a time")).unwrap_or_default();
        lines.push(format!("for each item{bound}"));
    }
    if let Some(condition) = &node.condition {
        lines.push(format!("if {}", condition.value.text()));
    }
    if node.approve.is_some() {
        lines.push("asks first".to_owned());
    }
    lines.iter().map(|line| shortened(line)).collect()
}

/// A line that does not blow the picture up.
fn shortened(line: &str) -> String {
    const WIDEST: usize = 48;
    match line.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// Names for nodes of the whole picture: letters, digits and underscores, unique, `n0`, `n1`, … in drawing order.
struct Names(BTreeMap<String, usize>);

impl Names {
    fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// The name of a thing by its path.
    fn of(&mut self, path: &str) -> String {
        let next = self.0.len();
        format!("n{}", self.0.entry(path.to_owned()).or_insert(next))
    }

    /// The name of an edge's end within the chart at `prefix`.
    fn end(&mut self, prefix: &str, end: &End) -> String {
        match end {
            // A dot keeps them apart from every node, whose id has none.
            End::Inputs => self.of(&format!("{prefix}.inputs")),
            End::Outputs => self.of(&format!("{prefix}.outputs")),
            End::Node(id) => self.of(&format!("{prefix}{id}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use symphony_ecs_core::melody::parse;

    const TOP: &str = r#"
format = 1
name = "review"
[inputs]
diff = { type = "text", required = true }
[outputs]
patch = { first_of = ["fix.diff", "inputs.diff"] }
[node.lint]
uses = "operator:shell/run@^1"
in = { stdin = "inputs.diff" }
[node.review]
uses = ["instrument:openai-chat/chat", "instrument:scripted-model/chat"]
in = { prompt = "inputs.diff", lint = { from = "lint.stdout", kind = "optional" } }
[node.fix]
if = "review.text == \"fix\""
loop = { body = "fix.melody.toml", carry = { diff = "diff" }, until = "outputs.ok", max = 5 }
in = { diff = "inputs.diff" }
[node.ship]
title = "Ship \"it\""
uses = "operator:shell/run"
needs = ["lint", { node = "fix", kind = "soft" }]
approve = { by = "human" }
[node.notes_a]
uses = "builtin:text/upper"
in = { text = "review.text" }
[node.notes_b]
uses = "builtin:text/upper"
in = { text = "review.text" }
[node.notes]
uses = "builtin:text/join"
in = { list = { all = ["notes_*.text"] } }
"#;

    const BODY: &str = r#"
format = 1
name = "fix"
[inputs]
diff = { type = "text", required = true }
[outputs]
diff = "patch.text"
[node.patch]
uses = "builtin:text/upper"
in = { text = "inputs.diff" }
"#;

    fn chart() -> Chart {
        let top = parse("review.melody.toml", TOP).expect("the melody is sound").melody;
        Chart::of(&top, &mut |from, path| {
            assert_eq!((from, path), ("review.melody.toml", "fix.melody.toml"));
            Some(parse(path, BODY).expect("the body is sound").melody)
        })
    }

    #[test]
    fn graphviz_reads_it() {
        insta::assert_snapshot!(dot(&chart()));
    }

    #[test]
    fn mermaid_reads_it() {
        insta::assert_snapshot!(mermaid(&chart()));
    }

    #[test]
    fn a_body_that_contains_itself_ends() {
        let own =
            parse("a.melody.toml", "format = 1\nname = \"a\"\n[node.a]\nuses = \"melody:a.melody.toml\"").unwrap();
        let chart = Chart::of(&own.melody, &mut |_, _| Some(own.melody.clone()));
        assert!(dot(&chart).lines().count() < 200);
    }
}
