//! Workflows of ComfyUI: nodes with typed ports, as the editor saves them or as its API takes them.
//!
//! A subgraph is written as a melody of its own, which every instance of it plays. A muted node is never played, a
//! bypassed one hands its inputs on to outputs of the same type.

mod import;
mod nodes;
mod prompt;
mod read;
#[cfg(test)]
mod tests;
mod types;

pub(crate) use import::import;
pub(crate) use prompt::is_prompt;
pub(crate) use read::is_workflow;
