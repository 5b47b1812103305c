//! The program as a person meets it: commands, their output, their exit codes.

mod approving;
mod arbitrating;
mod bad_input;
mod commands;
mod docs;
mod examples;
mod gallery;
mod importing;
mod pools;
mod recovering;
mod rerun;
mod resuming;
mod simulate;
mod tracker;
mod travelling;
mod triggers;

#[path = "../house/mod.rs"]
mod house;
