//! (skeleton)
pub mod journal;
