//! (skeleton)
pub mod artifacts;
