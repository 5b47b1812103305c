//! From the JSON that ComfyUI's editor saves to graphs: the workflow itself and its subgraphs.

use crate::json::{Json, Value};
use crate::report::{Findings, Refusal};
use std::collections::HashMap;

/// A workflow or a subgraph.
#[derive(Debug, Default)]
pub(super) struct Graph<'j, 't> {
    /// The id by which instances name a subgraph; empty for the workflow.
    pub id: &'j str,
    pub name: Option<&'j str>,
    pub nodes: Vec<Node<'j, 't>>,
    pub links: Vec<Link>,
    /// What a subgraph takes and gives.
    pub inputs: Vec<Port<'j>>,
    pub outputs: Vec<Port<'j>>,
    /// Notes on the canvas.
    pub notes: Vec<&'j str>,
    /// Titles of groups.
    pub groups: Vec<&'j str>,
    /// Links counted, those that lead nowhere among them.
    pub counted: usize,
    /// Where it stands.
    pub at: usize,
}

/// A node.
#[derive(Debug)]
pub(super) struct Node<'j, 't> {
    /// Its id within the graph.
    pub key: String,
    pub kind: &'j str,
    pub title: Option<&'j str>,
    /// The package that its type comes from.
    pub package: &'j str,
    pub mode: Mode,
    pub inputs: Vec<Port<'j>>,
    pub outputs: Vec<Port<'j>>,
    /// Values of its widgets by name.
    pub widgets: Vec<(String, &'j Json<'t>)>,
    pub at: usize,
}

/// Whether a node plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It does.
    Plays,
    /// It does not, and what needs it does not either.
    Muted,
    /// Its inputs go on to its outputs of the same type.
    Bypassed,
}

/// A port.
#[derive(Clone, Copy, Debug)]
pub(super) struct Port<'j> {
    pub name: &'j str,
    pub ty: &'j str,
}

/// An end of a link: a node by its place, or the border of the subgraph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Node(usize),
    Border,
}

/// A link from an output to an input, by their places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub from: End,
    pub output: usize,
    pub to: End,
    pub input: usize,
    pub at: usize,
}

/// Whether a JSON value looks like a workflow of the editor.
pub(crate) fn is_workflow(json: &Json<'_>) -> bool {
    json.get("nodes").is_list() && (json.get("links").is_list() || json.find("last_node_id").is_some())
}

/// Reads the workflow and its subgraphs, the workflow first.
pub(super) fn read<'j, 't>(
    text: &str,
    json: &'j Json<'t>,
    findings: &mut Findings<'_>,
) -> Result<Vec<Graph<'j, 't>>, Refusal> {
    let mut graphs = vec![graph(text, json, findings)?];
    for definition in json.get("definitions").get("subgraphs").items() {
        graphs.push(graph(text, definition, findings)?);
    }
    Ok(graphs)
}

fn graph<'j, 't>(text: &str, json: &'j Json<'t>, findings: &mut Findings<'_>) -> Result<Graph<'j, 't>, Refusal> {
    let mut graph = Graph {
        id: json.get("id").text().unwrap_or_default(),
        at: json.at,
        name: json.get("name").text().filter(|name| !name.trim().is_empty()),
        inputs: ports(json.get("inputs")),
        outputs: ports(json.get("outputs")),
        groups: json.get("groups").items().iter().filter_map(|group| group.get("title").text()).collect(),
        ..Graph::default()
    };
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut notes: Vec<String> = Vec::new();
    for json in json.get("nodes").items() {
        let (Some(id), Some(kind)) = (json.get("id").word(), json.get("type").text()) else {
            let help = "every node of ComfyUI has an `id` and a `type`; save the workflow again";
            return Err(Refusal::new("a node has no `id` or no `type`", help).at(text, json.at));
        };
        if matches!(kind, "Note" | "MarkdownNote") {
            graph.notes.extend(json.get("widgets_values").items().first().and_then(Json::text));
            notes.push(id.into_owned());
            continue;
        }
        let key = id.into_owned();
        if places.insert(key.clone(), graph.nodes.len()).is_some() {
            findings.note("second node of this id: links mean the last one", format!("{kind} (#{key})"), json.at);
        }
        graph.nodes.push(node(json, key, kind, findings));
    }
    let borders = ["inputNode", "outputNode"].map(|key| json.get(key).get("id").word().map(|id| id.into_owned()));
    let mut numbers: Vec<Option<String>> = Vec::new();
    for link in json.get("links").items().iter().filter(|link| link.value != Value::Null) {
        graph.counted += 1;
        let part = |place: usize, key: &str| link.items().get(place).unwrap_or_else(|| link.get(key));
        let end = |json: &Json<'_>, border: &Option<String>| {
            let id = json.word()?;
            if border.as_deref() == Some(id.as_ref()) {
                return Some(End::Border);
            }
            places.get(id.as_ref()).map(|place| End::Node(*place))
        };
        let [input, output] = &borders;
        let from = end(part(1, "origin_id"), input);
        let to = end(part(3, "target_id"), output);
        let slot = |json: &Json<'_>| json.count().and_then(|slot| usize::try_from(slot).ok());
        let slots = (slot(part(2, "origin_slot")), slot(part(4, "target_slot")));
        match (from, to, slots) {
            (Some(from), Some(to), (Some(output), Some(input))) => {
                graph.links.push(Link { from, output, to, input, at: link.at });
                numbers.push(part(0, "id").word().map(|id| id.into_owned()));
            }
            _ => {
                let name = |json: &Json<'_>| json.word().unwrap_or_default().into_owned();
                let place = format!("{} → {}", name(part(1, "origin_id")), name(part(3, "target_id")));
                findings.note("link of a node that does not exist", place, link.at);
            }
        }
    }
    drop_stale(&mut graph, &numbers, json, findings);
    Ok(graph)
}

/// An input takes one link. Where the file lists more, the one that the input itself names is meant, else the last.
fn drop_stale(graph: &mut Graph<'_, '_>, numbers: &[Option<String>], json: &Json<'_>, findings: &mut Findings<'_>) {
    let mut taken: HashMap<(usize, usize), Vec<usize>> = HashMap::new();
    for (number, link) in graph.links.iter().enumerate() {
        if let End::Node(to) = link.to {
            taken.entry((to, link.input)).or_default().push(number);
        }
    }
    let twice = |links: &Vec<usize>| links.len() > 1;
    if !taken.values().any(twice) {
        return;
    }
    let named: HashMap<String, &Json<'_>> = json
        .get("nodes")
        .items()
        .iter()
        .filter_map(|node| Some((node.get("id").word()?.into_owned(), node.get("inputs"))))
        .collect();
    let mut stale = vec![false; graph.links.len()];
    for ((to, input), links) in taken.iter().filter(|(_, links)| twice(links)) {
        let inputs = graph.nodes.get(*to).and_then(|node| named.get(&node.key));
        let said = inputs.and_then(|inputs| inputs.items().get(*input)).and_then(|input| input.get("link").word());
        let number = |link: &usize| numbers.get(*link).and_then(Option::as_deref);
        let kept =
            links.iter().find(|link| said.is_some() && number(link) == said.as_deref()).or(links.last()).copied();
        for link in links.iter().filter(|link| Some(**link) != kept) {
            if let Some(stale) = stale.get_mut(*link) {
                *stale = true;
            }
        }
    }
    let mut number = 0;
    graph.links.retain(|link| {
        let gone = stale.get(number).copied().unwrap_or_default();
        number += 1;
        if let (true, End::Node(to)) = (gone, link.to) {
            let node = graph.nodes.get(to);
            let (kind, key) = node.map_or(("", ""), |node| (node.kind, node.key.as_str()));
            findings.note("second link into one input", format!("{kind} (#{key})"), link.at);
        }
        !gone
    });
}

fn ports<'j>(json: &'j Json<'_>) -> Vec<Port<'j>> {
    let port = |json: &'j Json<'_>| Port {
        name: json.get("name").text().unwrap_or_default(),
        ty: json.get("type").text().unwrap_or("*"),
    };
    json.items().iter().map(port).collect()
}

fn node<'j, 't>(json: &'j Json<'t>, key: String, kind: &'j str, findings: &mut Findings<'_>) -> Node<'j, 't> {
    let properties = json.get("properties");
    let package = properties.find("cnr_id").or_else(|| properties.find("aux_id")).and_then(Json::text);
    let mode = match json.get("mode").count() {
        Some(2) => Mode::Muted,
        Some(4) => Mode::Bypassed,
        None | Some(0) => Mode::Plays,
        Some(other) => {
            findings.note(format!("mode {other}: the node plays always"), format!("{kind} (#{key})"), json.at);
            Mode::Plays
        }
    };
    Node {
        key,
        kind,
        title: json.get("title").text().filter(|title| !title.trim().is_empty()),
        package: package.unwrap_or("comfyui"),
        mode,
        inputs: ports(json.get("inputs")),
        outputs: ports(json.get("outputs")),
        widgets: widgets(json),
        at: json.at,
    }
}

/// Values of widgets: by their names where the file says them, else by their places.
fn widgets<'j, 't>(json: &'j Json<'t>) -> Vec<(String, &'j Json<'t>)> {
    let values = json.get("widgets_values");
    let named = if values.is_object() { values } else { json.get("widgets_values_named") };
    if named.is_object() {
        return named.entries().iter().map(|(name, value)| (name.to_string(), value)).collect();
    }
    let inputs = json.get("inputs").items().iter();
    let names: Vec<&str> = inputs.filter_map(|input| input.get("widget").get("name").text()).collect();
    let all_named = names.len() == values.items().len();
    let name = |place: usize| match names.get(place).filter(|_| all_named) {
        Some(name) => (*name).to_owned(),
        None => format!("widget_{place}"),
    };
    values.items().iter().enumerate().map(|(place, value)| (name(place), value)).collect()
}
