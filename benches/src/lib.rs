//! What the figures and the criterion benches share: the graphs that are played.

pub mod graphs;
