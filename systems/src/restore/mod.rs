//! Restoring a run from its record: replay of its events, and checkpoints so that not all must be replayed.

pub mod checkpoint;
mod packed;
mod replay;
mod validate;

pub(crate) use replay::replay_event;
pub use replay::{Restored, restore};
