//! From n8n's JSON to nodes and links.

use crate::json::{Json, Value};
use crate::report::{Findings, Refusal};
use std::collections::HashMap;

/// The type of a note on the canvas.
const NOTE: &str = "n8n-nodes-base.stickyNote";

/// A workflow.
#[derive(Debug)]
pub(super) struct Workflow<'j, 't> {
    pub name: Option<&'j str>,
    pub nodes: Vec<Node<'j, 't>>,
    pub links: Vec<Link<'j>>,
    /// Connections counted, those that lead nowhere among them.
    pub connections: usize,
    /// Notes on the canvas.
    pub notes: Vec<&'j str>,
    pub pins: &'j Json<'t>,
    pub settings: &'j Json<'t>,
}

/// A node.
#[derive(Debug)]
pub(super) struct Node<'j, 't> {
    pub name: &'j str,
    /// Package and type, `n8n-nodes-base.httpRequest`.
    pub kind: &'j str,
    pub json: &'j Json<'t>,
    pub parameters: &'j Json<'t>,
}

impl Node<'_, '_> {
    /// The type without its package.
    pub fn short(&self) -> &str {
        self.kind.rsplit('.').next().unwrap_or(self.kind)
    }

    /// Whether a switch of the node is on.
    pub fn is(&self, key: &str) -> bool {
        self.json.get(key).truth() == Some(true)
    }

    pub fn version(&self) -> f64 {
        self.json.get("typeVersion").number().unwrap_or(1.0)
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link<'j> {
    pub from: usize,
    /// `main`, `ai_tool`, …
    pub kind: &'j str,
    /// The place of the output.
    pub slot: usize,
    pub to: usize,
    /// The place of the input.
    pub index: u64,
    pub at: usize,
}

/// The workflow within a JSON value: itself, the only one of a list, or below `workflow`.
pub(crate) fn workflow_of<'j, 't>(json: &'j Json<'t>) -> Option<&'j Json<'t>> {
    let fits = |json: &Json<'_>| json.get("nodes").is_list() && json.get("connections").is_object();
    let inner = match &json.value {
        Value::List(items) if items.len() == 1 => items.first()?,
        _ if fits(json) => json,
        _ => json.get("workflow"),
    };
    fits(inner).then_some(inner)
}

/// Reads a workflow.
pub(super) fn read<'j, 't>(
    text: &str,
    json: &'j Json<'t>,
    findings: &mut Findings<'_>,
) -> Result<Workflow<'j, 't>, Refusal> {
    let refuse = |at: usize, message: String, help: &str| Err(Refusal::new(message, help).at(text, at));
    let (mut nodes, mut notes, mut places) = (Vec::new(), Vec::new(), HashMap::new());
    for json in json.get("nodes").items() {
        let (Some(name), Some(kind)) = (json.get("name").text(), json.get("type").text()) else {
            let help = "every node of n8n has a `name` and a `type`; export the workflow again";
            return refuse(json.at, "a node has no `name` or no `type`".to_owned(), help);
        };
        let parameters = json.get("parameters");
        if kind == NOTE {
            notes.extend(parameters.get("content").text().filter(|text| !text.trim().is_empty()));
            continue;
        }
        if places.insert(name, nodes.len()).is_some() {
            findings.note("second node of this name: connections mean the last one", name, json.at);
        }
        nodes.push(Node { name, kind, json, parameters });
    }
    let (mut links, mut connections) = (Vec::new(), 0);
    for (source, kinds) in json.get("connections").entries() {
        for (kind, slots) in kinds.entries() {
            for (slot, targets) in slots.items().iter().enumerate() {
                for target in targets.items().iter().filter(|target| target.value != Value::Null) {
                    connections += 1;
                    let Some(name) = target.get("node").text() else {
                        let help = "a connection names the `node` that it leads to; export the workflow again";
                        return refuse(target.at, format!("a connection of `{source}` leads nowhere"), help);
                    };
                    match (places.get(source.as_ref()), places.get(name)) {
                        (Some(from), Some(to)) => links.push(Link {
                            from: *from,
                            kind,
                            slot,
                            to: *to,
                            index: target.get("index").count().unwrap_or(0),
                            at: target.at,
                        }),
                        _ => findings.note(
                            "connection of a node that does not exist",
                            format!("{source} → {name}"),
                            target.at,
                        ),
                    }
                }
            }
        }
    }
    let name = json.get("name").text().filter(|name| !name.trim().is_empty());
    Ok(Workflow { name, nodes, links, connections, notes, pins: json.get("pinData"), settings: json.get("settings") })
}
