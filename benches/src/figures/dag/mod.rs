//! `dag.*`: the DAG Tracker with all that it keeps: dependencies of all kinds, slack, learning, edits, checkpoints.

mod edit;
mod keep;
mod track;

use super::{Figure, unknown};
use crate::chorus::number;
use crate::error::BenchError;
use std::sync::Arc;
use std::time::Duration;
use symphony_benches::graphs::{self, Mixed};
use symphony_ecs_core::melody::model::JoinKind;
use symphony_ecs_core::score::{Action, NodeSpec, Score, Wiring};
use symphony_pit::dag::Lore;
use symphony_systems::RunOptions;

/// The figures, in the order in which they are measured.
pub const FIGURES: [Figure; 6] =
    [track::TRACK, keep::BUILD, keep::MEMORY, edit::INSERT, keep::CHECKPOINT, track::SCALE];

/// A million nodes and three million edges.
const LAYERED: [&str; 3] = ["layered", "1000", "1000"];
const WINDOW: [&str; 3] = ["window", "1000000", "4096"];

/// The graph that the words name: `layered LAYERS WIDTH` or `window NODES WINDOW`, three edges a node, of all kinds.
fn graph(words: &[&str]) -> Result<Mixed, BenchError> {
    let (first, second) = (number(words, 1)?, number(words, 2)?);
    match words.first() {
        Some(&"layered") => Ok(graphs::mixed(first * second, graphs::layered(first, second, 3))),
        Some(&"window") => Ok(graphs::mixed(first, graphs::window(first, second, 3))),
        _ => Err(unknown(words)),
    }
}

/// Its score: four kinds of nodes that take one to three seconds of virtual time, with groups of all, any and two.
fn score(mixed: &Mixed) -> Result<Score, BenchError> {
    let groups = [JoinKind::All, JoinKind::AnyOf, JoinKind::NOf(2)];
    let specs = (0..graphs::KINDS).flat_map(|kind| {
        groups.map(|group| {
            let span = Duration::from_secs(1 + u64::from(kind) % 3);
            NodeSpec { group, ..NodeSpec::plain(Action::Pause(span), span) }
        })
    });
    let cyclic = |cycle| BenchError::Wrong(format!("the graph has a cycle: {cycle:?}"));
    Score::in_waves("bench", mixed.rows, &mixed.edges, specs.collect(), mixed.spec_of.clone(), Wiring::Order)
        .map_err(cyclic)
}

/// Options of a run that keeps its slack and learns.
fn tracked(score: Arc<Score>) -> RunOptions {
    RunOptions { tracking: Some(Arc::new(Lore::default())), ..RunOptions::simulated(score, 1) }
}
