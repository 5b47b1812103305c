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
mod json;
mod names;
mod report;
mod toml;
pub mod wfformat;

pub use report::{Imported, Refusal, Report, Unsupported, Written};

/// A format of another tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Recorded executions of scientific workflows, as JSON (WfCommons).
    WfFormat,
    /// Workflows of n8n, as JSON.
    N8n,
    /// Workflows of ComfyUI, as JSON.
    ComfyUi,
    /// Graphs of Graphviz.
    Dot,
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 4] = [Self::WfFormat, Self::N8n, Self::ComfyUi, Self::Dot];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::WfFormat => "wfformat",
            Self::N8n => "n8n",
            Self::ComfyUi => "comfyui",
            Self::Dot => "dot",
        }
    }
}
