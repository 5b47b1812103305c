//! The picture in Graphviz's language.

use super::{Chart, ChartEdge, ChartNode, EdgeKind, End, Names};
use std::fmt::Write as _;

/// Writes a chart as a `digraph`.
pub fn dot(chart: &Chart) -> String {
    let mut text = format!("digraph {} {{\n", quoted(&chart.name));
    text += "  rankdir = LR;\n";
    text += "  node [shape = box, style = rounded, fontname = \"sans-serif\", fontsize = 11];\n";
    text += "  edge [fontname = \"sans-serif\", fontsize = 9];\n";
    draw(chart, "", 1, &mut Names::new(), &mut text);
    text + "}\n"
}

fn draw(chart: &Chart, prefix: &str, depth: usize, names: &mut Names, text: &mut String) {
    let pad = "  ".repeat(depth);
    for (present, end, word) in
        [(chart.has_inputs, End::Inputs, "inputs"), (chart.has_outputs, End::Outputs, "outputs")]
    {
        if present {
            let _ = writeln!(text, "{pad}{} [label = \"{word}\", shape = plaintext];", names.end(prefix, &end));
        }
    }
    for node in &chart.nodes {
        draw_node(node, prefix, depth, names, text);
    }
    for ChartEdge { from, to, kind, ports } in &chart.edges {
        let (from, to) = (names.end(prefix, from), names.end(prefix, to));
        let style = match kind {
            EdgeKind::Hard => "solid",
            EdgeKind::Soft => "dashed",
            EdgeKind::Optional => "dotted",
        };
        let label = quoted(&ports.join(", "));
        let _ = writeln!(text, "{pad}{from} -> {to} [label = {label}, style = {style}];");
    }
}

fn draw_node(node: &ChartNode, prefix: &str, depth: usize, names: &mut Names, text: &mut String) {
    let pad = "  ".repeat(depth);
    let name = names.end(prefix, &End::Node(node.id.clone()));
    let shape = if node.conditional { ", style = \"rounded,dashed\"" } else { "" };
    let label = quoted(&node.label.join("\n"));
    let Some(body) = &node.body else {
        let _ = writeln!(text, "{pad}{name} [label = {label}{shape}];");
        return;
    };
    let _ = writeln!(text, "{pad}subgraph cluster_{name} {{");
    let _ = writeln!(text, "{pad}  label = {}; style = rounded; color = gray;", quoted(&body.name));
    let _ = writeln!(text, "{pad}  {name} [label = {label}, shape = folder];");
    draw(body, &format!("{prefix}{}/", node.id), depth + 1, names, text);
    let _ = writeln!(text, "{pad}}}");
}

/// A quoted string of the language.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
