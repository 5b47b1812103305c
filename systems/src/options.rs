//! What a run is told when it begins.

use std::sync::Arc;
use symphony_ecs_core::clock::ClockKind;
use symphony_ecs_core::ids::RunId;
use symphony_ecs_core::melody::model::Limits;
use symphony_ecs_core::score::Score;
use symphony_ecs_core::value::Value;

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
        }
    }
}
