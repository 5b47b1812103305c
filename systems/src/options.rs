//! What a run is told when it begins.

use crate::run::Rescore;
use std::sync::Arc;
use symphony_ecs_core::clock::ClockKind;
use symphony_ecs_core::ids::RunId;
use symphony_ecs_core::melody::model::Limits;
use symphony_ecs_core::ports::ReusePort;
use symphony_ecs_core::score::Score;
use symphony_ecs_core::value::Value;
use symphony_pit::dag::Lore;

/// How a run reuses the results of finished calls.
pub struct Reusing {
    /// Where they are found and kept.
    pub results: Arc<dyn ReusePort>,
    /// What holds for each row of the melody and what plays within it; clean ones are reused where none is given.
    pub rules: Vec<ReuseRule>,
    /// The seed, if a person named one: then it belongs to the identity of a call.
    pub seed: Option<u64>,
}

/// Which results a node may take over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReuseRule {
    /// Those of equal calls, unless node or player say that it must play.
    #[default]
    Clean,
    /// None: it plays anew.
    Anew,
    /// Those of equal calls, whatever node and player say.
    Finished,
}

impl std::fmt::Debug for Reusing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reusing").field("rules", &self.rules).field("seed", &self.seed).finish_non_exhaustive()
    }
}

/// Options of a run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Its name.
    pub id: RunId,
    /// The compiled melody.
    pub score: Arc<Score>,
    /// Values of the score's inputs, in their order (defaults are put in for absent ones).
    pub inputs: Vec<Value>,
    /// Limits of the whole run.
    pub limits: Limits,
    /// Calls in flight at once where the melody does not say.
    pub default_parallel: u32,
    /// Which clock.
    pub clock: ClockKind,
    /// Seed of everything random.
    pub seed: u64,
    /// Whether events are recorded (they must be for a journal).
    pub record: bool,
    /// Whether notices are written.
    pub notices: bool,
    /// How it reuses what finished before; without it everything plays.
    pub reusing: Option<Arc<Reusing>>,
    /// Which rows of the melody it plays; empty for all.
    pub asked: Vec<bool>,
    /// Whether it writes down what each call is made of (see [`Sketch`](crate::run::Sketch)).
    pub sketches: bool,
    /// What is known of nodes from earlier runs, if the run keeps its slack and learns. It plays the same without.
    pub tracking: Option<Arc<Lore>>,
    /// Makes scores of edits, if the run may be rewired while it plays.
    pub rescore: Option<RescoreHandle>,
}

/// Who makes scores of edits.
#[derive(Clone)]
pub struct RescoreHandle(pub Arc<dyn Rescore>);

impl std::fmt::Debug for RescoreHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RescoreHandle")
    }
}

impl RunOptions {
    /// A run under the virtual clock that records nothing: simulation at full speed.
    pub fn simulated(score: Arc<Score>, seed: u64) -> Self {
        Self {
            id: RunId::new(0, u128::from(seed)),
            score,
            inputs: Vec::new(),
            limits: Limits::default(),
            default_parallel: u32::MAX,
            clock: ClockKind::Virtual,
            seed,
            record: false,
            notices: false,
            reusing: None,
            asked: Vec::new(),
            sketches: false,
            tracking: None,
            rescore: None,
        }
    }
}
