//! The checker: holds a melody against the players, schemas and files that it names, before anything plays.
//!
//! One pass reports every finding, each with its place and its cure. What comes out is a [`Checked`]: the melody and
//! every body it reaches, with patterns expanded, players found and the types of all ports settled.
//!
//! ```text
//! files ── melody.rs ─┬─ players.rs   uses, with, out        → CheckedNode
//!                     ├─ bindings.rs  in, [outputs], joins   → types, edges
//!                     ├─ flow.rs      map, loop, nested
//!                     ├─ side.rs      undo, reconstruct
//!                     └─ graph.rs     cycles, descendants
//! ```

mod advice;
mod bindings;
mod files;
mod findings;
mod flow;
mod graph;
mod inputs;
mod melody;
mod names;
mod patterns;
mod players;
mod settings;
mod side;
#[cfg(test)]
pub(crate) mod tests;

use super::diagnostics::Diagnostic;
use super::model::Melody;
use super::sources::Sources;
use crate::ports::{Catalog, Operation, Port};
use crate::types::{PortType, Schemas};
use std::sync::Arc;

/// Melodies may nest this deep (bodies within bodies).
pub const MAX_DEPTH: usize = 32;

/// A melody that can play, with every body it reaches.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The root first; every body once, in the order in which it is reached.
    pub melodies: Vec<CheckedMelody>,
    /// What seems odd but does not keep it from playing.
    pub warnings: Vec<Diagnostic>,
}

/// One melody of a [`Checked`].
#[derive(Clone, Debug)]
pub struct CheckedMelody {
    /// The melody; no join has a pattern any more.
    pub melody: Arc<Melody>,
    /// What is known of its nodes, in the order of `melody.nodes`.
    pub nodes: Vec<CheckedNode>,
    /// Its `[types]`, compiled.
    pub schemas: Arc<Schemas>,
    /// Types of `melody.outputs`.
    pub outputs: Vec<PortType>,
}

/// What is known of a node.
#[derive(Clone, Debug)]
pub struct CheckedNode {
    /// One operation per `uses`; empty when `body` is set.
    pub players: Vec<Arc<Operation>>,
    /// The nested melody or loop body, as an index into [`Checked::melodies`].
    pub body: Option<usize>,
    /// Output ports. Of a mapped node: of one item; consumers see `list<T>`.
    pub outputs: Arc<[Port]>,
    /// What the player's border expects of each of the node's inputs, in their order; `any` where it is open.
    pub input_types: Vec<PortType>,
    /// The operation of `undo`.
    pub undo: Option<Arc<Operation>>,
    /// The operation of `reconstruct`.
    pub reconstruct: Option<Arc<Operation>>,
}

/// Reads and checks a melody and every body it reaches.
///
/// `path` and `text` are the root's; bodies and schemas are read through `sources`, players found in `catalog`.
///
/// # Errors
/// Every finding of every file, errors and warnings, in the order of the files and their texts (at most 200).
pub fn check(sources: &dyn Sources, path: &str, text: &str, catalog: &dyn Catalog) -> Result<Checked, Vec<Diagnostic>> {
    match super::parse(path, text) {
        Ok(parsed) => check_parsed(sources, parsed.melody, parsed.warnings, catalog),
        Err(findings) => Err(findings),
    }
}

/// Checks a melody that was read already, as [`check`] does; `warnings` are the reader's.
///
/// # Errors
/// As of [`check`].
pub fn check_parsed(
    sources: &dyn Sources,
    melody: Melody,
    warnings: Vec<Diagnostic>,
    catalog: &dyn Catalog,
) -> Result<Checked, Vec<Diagnostic>> {
    files::Files::new(sources, catalog).check(melody, warnings)
}
