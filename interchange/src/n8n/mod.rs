//! Workflows of n8n: nodes that hand lists of items to each other, and sub-nodes that lend an AI node a capability.
//!
//! A port carries n8n's list of items, `[{ json: {…} }, …]`. The first output is `main`, further ones `main_1`, …, an
//! error output `error`; a capability (`ai_languageModel`, `ai_tool`, …) is a port of that name.

mod conditions;
mod import;
mod nodes;
mod pins;
mod read;
#[cfg(test)]
mod tests;
mod triggers;

pub(crate) use import::import;
pub(crate) use read::workflow_of;
