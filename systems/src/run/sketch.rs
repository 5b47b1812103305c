//! Sketches: what each call of a run was made of, for those who ask why a node plays.

use super::Run;
use super::reuse::first_choice;
use super::values::Scope;
use std::sync::Arc;
use symphony_ecs_core::ids::{Row, RunId};
use symphony_ecs_core::score::Score;
use symphony_ecs_core::value::Value;
use symphony_pit::dag::Block;

/// What a row's newest call was made of.
#[derive(Clone, Debug)]
pub struct Sketch {
    /// The score in which it stands.
    pub score: Arc<Score>,
    /// Its row there.
    pub row: Row,
    /// Values of its input ports; empty if they came to nothing.
    pub inputs: Vec<(Arc<str>, Value)>,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It began.
    Begun,
    /// It was played to its end.
    Played,
    /// It took over the result of this run.
    Reused(RunId),
    /// It waits for a person before it plays.
    Asks,
    /// It was not played, for this reason.
    Skipped(String),
    /// It failed.
    Failed,
}

impl Run {
    /// Writes down what a row's call is made of, if anybody wants to know.
    pub(crate) fn sketch(&mut self, block: &Block, row: Row, fate: impl FnOnce() -> Fate) {
        if self.sketches.is_none() {
            return;
        }
        let path = self.path(block, row);
        let mut inputs = Vec::new();
        let names = &block.score.spec(row).input_names;
        let inputs = match Scope::of(block).inputs(row, &mut inputs) {
            Ok(()) => names.iter().map(Arc::clone).zip(inputs).collect(),
            Err(_) => Vec::new(),
        };
        let fate = fate();
        if let Some(sketches) = &mut self.sketches {
            match sketches.get_mut(&path) {
                // The inputs are those with which it began.
                Some(known) if fate == Fate::Played && known.fate == Fate::Begun => known.fate = fate,
                _ => drop(sketches.insert(path, Sketch { score: Arc::clone(&block.score), row, inputs, fate })),
            }
        }
    }
}

impl Sketch {
    /// The operation whose result counts; none for bodies.
    pub fn operation(&self) -> Option<&symphony_ecs_core::ports::Operation> {
        first_choice(self.score.spec(self.row))
    }
}
