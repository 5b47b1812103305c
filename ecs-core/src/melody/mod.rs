//! The melody: what a person writes, as a model, and the text format it is written in.

pub mod diagnostics;
pub mod model;
pub mod sources;
