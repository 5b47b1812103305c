//! From WfFormat to a melody, counted and reported.

use super::{melody, read};
use crate::Format;
use crate::json::Json;
use crate::report::{Imported, Refusal, Report, Written};

/// Imports a recorded execution.
pub(crate) fn import(base: &str, text: &str, json: &Json<'_>) -> Result<Imported, Refusal> {
    let (recorded, unsupported) = read::of_json(text, json)?;
    if recorded.tasks.is_empty() {
        let help = "a melody has one node at least; is the recording complete?";
        return Err(Refusal::new("the workflow has no tasks", help));
    }
    let report = Report { format: Format::WfFormat, nodes: recorded.tasks.len(), edges: recorded.edges(), unsupported };
    let file = Written { name: format!("{base}.melody.toml"), text: melody::text(&recorded, base) };
    Ok(Imported { files: vec![file], report })
}
