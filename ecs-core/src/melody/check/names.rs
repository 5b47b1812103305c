//! The names of a melody, indexed once: nodes, inputs and ports.

use crate::melody::model::{Melody, Node};
use crate::ports::Port;
use crate::types::PortType;
use std::collections::HashMap;
use std::sync::Arc;

/// Nodes and inputs by name. Maps are only asked, never walked, so their order does not matter.
pub(super) struct Names<'a> {
    pub(super) melody: &'a Melody,
    nodes: HashMap<&'a str, usize>,
    inputs: HashMap<&'a str, usize>,
}

impl<'a> Names<'a> {
    pub(super) fn new(melody: &'a Melody) -> Self {
        let nodes = melody.nodes.iter().enumerate().map(|(place, node)| (node.id.value.as_str(), place)).collect();
        let inputs =
            melody.inputs.iter().enumerate().map(|(place, input)| (input.name.value.as_str(), place)).collect();
        Self { melody, nodes, inputs }
    }

    pub(super) fn node(&self, id: &str) -> Option<usize> {
        self.nodes.get(id).copied()
    }

    pub(super) fn input(&self, name: &str) -> Option<usize> {
        self.inputs.get(name).copied()
    }

    pub(super) fn get(&self, node: usize) -> Option<&'a Node> {
        self.melody.nodes.get(node)
    }

    pub(super) fn id(&self, node: usize) -> &'a str {
        self.get(node).map_or("", |node| node.id.value.as_str())
    }

    pub(super) fn node_ids(&self) -> impl Iterator<Item = &'a str> + Clone {
        self.melody.nodes.iter().map(|node| node.id.value.as_str())
    }

    pub(super) fn input_names(&self) -> impl Iterator<Item = &'a str> + Clone {
        self.melody.inputs.iter().map(|input| input.name.value.as_str())
    }
}

/// The output ports of a node as its consumers see them.
pub(super) struct Outputs {
    /// The ports; of a mapped node those of one item.
    pub(super) ports: Arc<[Port]>,
    /// False when a player or body could not be found, so that nothing can be said about its ports.
    pub(super) known: bool,
    /// The node is mapped.
    pub(super) mapped: bool,
}

/// The output ports of all nodes, by node and name.
pub(super) struct Ports<'a> {
    pub(super) of_node: &'a [Outputs],
    by_name: HashMap<(usize, &'a str), &'a Port>,
}

impl<'a> Ports<'a> {
    pub(super) fn new(of_node: &'a [Outputs]) -> Self {
        let mut by_name = HashMap::with_capacity(of_node.iter().map(|outputs| outputs.ports.len()).sum());
        for (node, outputs) in of_node.iter().enumerate() {
            by_name.extend(outputs.ports.iter().map(|port| ((node, port.name.as_str()), port)));
        }
        Self { of_node, by_name }
    }

    /// The type that consumers of a port see.
    pub(super) fn ty(&self, node: usize, port: &str) -> Option<PortType> {
        let found = self.by_name.get(&(node, port))?;
        Some(match self.of_node.get(node) {
            Some(outputs) if outputs.mapped => PortType::list(found.ty.clone()),
            _ => found.ty.clone(),
        })
    }

    pub(super) fn has(&self, node: usize, port: &str) -> bool {
        self.by_name.contains_key(&(node, port))
    }

    /// Whether all ports of a node are known.
    pub(super) fn known(&self, node: usize) -> bool {
        self.of_node.get(node).is_some_and(|outputs| outputs.known)
    }

    pub(super) fn names(&self, node: usize) -> impl Iterator<Item = &'a str> + Clone {
        self.of_node.get(node).into_iter().flat_map(|outputs| outputs.ports.iter().map(|port| port.name.as_str()))
    }
}
