//! What is wrong with a melody, where, and how to mend it.

use super::model::Span;
use std::sync::Arc;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The melody plays, but probably not as meant.
    Warning,
    /// The melody cannot play.
    Error,
}

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable code such as `unknown-key`.
    pub code: &'static str,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// The file.
    pub path: String,
    /// Its text, when it could be read.
    pub source: Option<Arc<str>>,
    /// Where; `None` when the finding has no place in the text.
    pub span: Option<Span>,
    /// What stands at that place, in a few words.
    pub label: String,
    /// Other places that matter, each with a few words.
    pub related: Vec<(Span, String)>,
    /// The cure.
    pub help: Option<String>,
}
