//! A node of ComfyUI as a node of a melody, with names for its ports.

use super::read::{Mode, Node, Port};
use super::types;
use crate::names::{Ids, player_name};
use crate::toml::{DraftNode, setting};

/// The ports of a node by their places.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
}

impl Named {
    pub fn new(inputs: &[Port<'_>], outputs: &[Port<'_>]) -> Self {
        let names = |ports: &[Port<'_>], otherwise: &str| {
            let mut ids = Ids::default();
            ports.iter().map(|port| ids.of(port.name, otherwise)).collect()
        };
        Self { inputs: names(inputs, "value"), outputs: names(outputs, "value") }
    }

    pub fn input(&self, place: usize) -> String {
        self.inputs.get(place).cloned().unwrap_or_else(|| format!("in_{place}"))
    }

    pub fn output(&self, place: usize) -> String {
        self.outputs.get(place).cloned().unwrap_or_else(|| format!("out_{place}"))
    }
}

/// The draft of a node that is no instance of a subgraph, without its edges. `used` are the outputs that are linked.
pub(super) fn draft(node: &Node<'_, '_>, id: String, named: &Named, used: &[usize]) -> DraftNode {
    let mut draft = DraftNode { id, ..DraftNode::default() };
    let title = node.title.unwrap_or(node.kind);
    draft.title = (title != draft.id).then(|| title.to_owned());
    let passes = matches!(node.kind, "Reroute") || node.mode == Mode::Bypassed;
    for place in used {
        let ty = node.outputs.get(*place).map_or("*", |port| port.ty);
        // What is handed on has the type of what comes in, which only that node knows.
        let ty = if passes { "any".to_owned() } else { types::of(ty) };
        draft.out.push((named.output(*place), ty));
    }
    let special: Vec<String> = used
        .iter()
        .filter_map(|place| Some((*place, node.outputs.get(*place)?)))
        .filter(|(_, port)| {
            port.ty != "*" && draft.out.iter().any(|(_, ty)| ty == "any") && types::of(port.ty) == "any"
        })
        .map(|(place, port)| format!("{}: {}", named.output(place), port.ty))
        .collect();
    let mut comment = format!("{} (#{})", one_line(node.kind), one_line(&node.key));
    if !special.is_empty() {
        comment = format!("{comment}, {}", special.join(", "));
    }
    match node.mode {
        Mode::Plays => {}
        Mode::Muted => {
            comment = format!("{comment}; muted");
            draft.more.push(("if", "\"false\"".to_owned()));
        }
        Mode::Bypassed => comment = format!("{comment}; bypassed: it hands on what it gets"),
    }
    draft.comments.push(comment);
    if passes {
        draft.uses = Some("builtin:value/pass".to_owned());
    } else {
        draft.uses = Some(format!("operator:{}/{}", player_name(node.package), player_name(node.kind)));
        draft.with.extend(node.widgets.iter().filter_map(|(name, value)| setting(name, value)));
    }
    draft
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The outputs of a bypassed node that an input is handed on to: of each output the input at its own place if that
/// has its type, else the first that has.
pub(super) fn bypass(node: &Node<'_, '_>, input: usize) -> Vec<usize> {
    let fits = |input: usize, ty: &str| node.inputs.get(input).is_some_and(|port| port.ty == ty);
    let source = |(place, port): (usize, &Port<'_>)| {
        if fits(place, port.ty) { Some(place) } else { (0..node.inputs.len()).find(|input| fits(*input, port.ty)) }
    };
    let outputs = node.outputs.iter().enumerate();
    outputs.filter(|(place, port)| source((*place, port)) == Some(input)).map(|(place, _)| place).collect()
}
