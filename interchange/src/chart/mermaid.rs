//! The picture in Mermaid's language, which many renderers of Markdown draw.

use super::{Chart, ChartEdge, ChartNode, EdgeKind, End, Names};
use std::fmt::Write as _;

/// Writes a chart as a flowchart.
pub fn mermaid(chart: &Chart) -> String {
    let mut text = "flowchart LR\n".to_owned();
    draw(chart, "", 1, &mut Names::new(), &mut text);
    text
}

fn draw(chart: &Chart, prefix: &str, depth: usize, names: &mut Names, text: &mut String) {
    let pad = "  ".repeat(depth);
    for (present, end, word) in
        [(chart.has_inputs, End::Inputs, "inputs"), (chart.has_outputs, End::Outputs, "outputs")]
    {
        if present {
            let _ = writeln!(text, "{pad}{}([{word}])", names.end(prefix, &end));
        }
    }
    for node in &chart.nodes {
        draw_node(node, prefix, depth, names, text);
    }
    for ChartEdge { from, to, kind, ports } in &chart.edges {
        let (from, to) = (names.end(prefix, from), names.end(prefix, to));
        let arrow = match kind {
            EdgeKind::Hard => "-->",
            EdgeKind::Soft | EdgeKind::Optional => "-.->",
        };
        let label = match ports.join(", ") {
            ports if ports.is_empty() => String::new(),
            ports => format!("|{}|", escaped(&ports)),
        };
        let _ = writeln!(text, "{pad}{from} {arrow}{label} {to}");
    }
}

fn draw_node(node: &ChartNode, prefix: &str, depth: usize, names: &mut Names, text: &mut String) {
    let pad = "  ".repeat(depth);
    let name = names.end(prefix, &End::Node(node.id.clone()));
    let lines: Vec<String> = node.label.iter().map(|line| escaped(line)).collect();
    let label = lines.join("<br/>");
    let (open, close) = if node.conditional { ("{{", "}}") } else { ("[", "]") };
    let Some(body) = &node.body else {
        let _ = writeln!(text, "{pad}{name}{open}\"{label}\"{close}");
        return;
    };
    let _ = writeln!(text, "{pad}subgraph s{name} [\"{}\"]", escaped(&body.name));
    let _ = writeln!(text, "{pad}  {name}[[\"{label}\"]]");
    draw(body, &format!("{prefix}{}/", node.id), depth + 1, names, text);
    let _ = writeln!(text, "{pad}end");
}

/// Text that neither ends a quoted label nor is read as markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '<' | '>' | '&' | '#' | '|' | ';' | '`' => {
                let _ = write!(escaped, "#{};", u32::from(c));
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
