//! Decisions: Manual mode lives here, so that falling back to it needs nothing else.

mod manual;

pub use manual::Manual;

use bevy_ecs::prelude::Resource;
use std::sync::{Mutex, PoisonError};
use symphony_ecs_core::ports::ConductorPort;

/// The conductor of the world.
#[derive(Resource)]
pub struct Conductor(Mutex<Box<dyn ConductorPort>>);

impl Conductor {
    /// Seats a conductor.
    pub fn new(port: Box<dyn ConductorPort>) -> Self {
        Self(Mutex::new(port))
    }

    /// The conductor.
    pub fn port(&mut self) -> &mut dyn ConductorPort {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut()
    }
}
