//! Recovery of a run: what of it is gone, which nodes bring it back, and playing just those.
//!
//! They play in a run of their own: the run that lost something stays as it is. What they give is stored under its
//! digest, so a value that comes out equal is back where the first run looks for it.

mod losses;
mod play;
mod words;

pub use losses::{Loss, Named, find, find_without};
pub use play::{Outcome, play};
pub use words::{in_words, to_json};

use crate::birth::Birth;
use crate::opening::Opened;
use symphony_ecs_core::ids::RunId;
use symphony_pit::dag::RecoveryPlan;
use symphony_systems::recover::Ground;

/// A run, what is gone of it, and how to have it again.
pub struct Recovery {
    /// The run.
    pub run: RunId,
    /// What it began with.
    pub birth: Birth,
    /// Its melody, with the players of today.
    pub opened: Opened,
    /// What its nodes gave.
    pub ground: Ground,
    /// Lost values, by slot.
    pub losses: Vec<Loss>,
    /// Inputs of the melody that are gone, by name.
    pub lost_inputs: Vec<String>,
    /// What to play.
    pub plan: RecoveryPlan,
    /// Nodes whose values to keep, so that no later loss matters: the fewest that do.
    pub keep: Vec<u32>,
    /// Nodes through which everything comes that is wanted.
    pub threads: Vec<u32>,
}

impl Recovery {
    /// `NODE.PORT` of a slot.
    pub fn port(&self, slot: u32) -> String {
        let row = self.ground.giver(slot);
        let score = &self.ground.score;
        let place = slot as usize - score.slots(row).start;
        let port = score.spec(row).outputs.get(place).map_or("?", |port| &port.name);
        format!("{}.{port}", score.id(row))
    }
}
