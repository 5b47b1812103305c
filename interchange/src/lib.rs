//! What other tools write, read as melodies, and melodies written for them.
//!
//! ```text
//! WfFormat ─┐                        ┌─ WfFormat
//! n8n ──────┤                        │
//! ComfyUI ──┼─ import ─ melody ─ export ─ Graphviz
//! Graphviz ─┘                        └─ Mermaid
//! ```
//!
//! Text in, text out: nothing here touches a disk. Whatever a melody cannot say is reported by name and place, and a
//! text that is broken is refused with its line.

pub mod chart;
mod comfyui;
mod dot;
mod flow;
mod format;
mod json;
mod n8n;
mod names;
mod report;
mod toml;
pub mod wfformat;

pub use format::{Format, import};
pub use report::{Imported, Refusal, Report, Unsupported, Written};
