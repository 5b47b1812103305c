//! The reader: from the text of a melody (TOML or canonical JSON) to the model.
//!
//! ```text
//! TOML ─┐
//!       ├─ tree (values with places) ── reader ── Melody, or every mistake at once
//! JSON ─┘
//! ```
//!
//! Reading goes on after a mistake, so one pass reports them all. Nothing in a text can make it panic, recurse
//! without bound or take memory out of proportion: texts over [`MAX_BYTES`] and nestings over 64 are refused.

mod edges;
mod estimate;
mod flow;
mod head;
mod ids;
mod json;
mod keys;
mod limits;
mod node;
mod reader;
mod scalars;
mod toml;
mod toml_mistakes;
mod tree;
mod triggers;
mod uses;

use super::diagnostics::Diagnostic;
use super::model::{Melody, Span};
use super::places::Places;
pub(super) use flow::RETRY_BASE;
pub(super) use head::FORMAT;
pub use ids::{RESERVED, slug};
use reader::Reader;
use std::collections::BTreeSet;
use std::sync::Arc;
use tree::{MAX_DEPTH, Table};

/// Longer texts are refused: melodies of that size are made by programs, and play from their compiled form.
pub const MAX_BYTES: usize = 16 << 20;

/// At most this many findings are reported of one text.
const MAX_FINDINGS: usize = 200;

/// A melody that was read, and what seems odd about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The melody.
    pub melody: Melody,
    /// Findings that do not keep it from playing, in the order of the text.
    pub warnings: Vec<Diagnostic>,
}

/// Reads a melody from its TOML text. `path` names the file in findings and is kept in the model.
///
/// # Errors
/// Every mistake in the text, in its order; among them the warnings.
pub fn parse(path: &str, text: &str) -> Result<Parsed, Vec<Diagnostic>> {
    read_with(path, text, toml::read)
}

/// Reads a melody from its canonical JSON text.
///
/// # Errors
/// Every mistake in the text, in its order; where it is not JSON, the first place where it is not.
pub(super) fn parse_json(path: &str, text: &str) -> Result<Parsed, Vec<Diagnostic>> {
    read_with(path, text, json::read)
}

type FrontEnd = for<'t> fn(&'t str) -> (Table<'t>, Vec<Diagnostic>);

fn read_with(path: &str, text: &str, front_end: FrontEnd) -> Result<Parsed, Vec<Diagnostic>> {
    if let Some(mut finding) = unreadable(text) {
        finding.path = path.to_owned();
        return Err(vec![finding]);
    }
    let source: Arc<str> = Arc::from(text);
    let (tree, mut findings) = front_end(text);
    let mut reader = Reader::new(text);
    let melody = head::read_melody(&mut reader, path, &source, tree);
    if findings.is_empty() {
        findings = reader.into_findings();
    } else {
        let more = independent(text, &findings, reader.into_findings());
        findings.extend(more);
    }
    // Findings without a place come first; `sort_by_key` keeps the order of those at one place.
    findings.sort_by_key(|finding| finding.span.as_ref().map(|span| (span.start, span.end)));
    let surplus = findings.len().saturating_sub(MAX_FINDINGS);
    findings.truncate(MAX_FINDINGS);
    if surplus > 0 {
        let message = format!("there are at least {surplus} more findings, which are not shown");
        findings.push(Diagnostic::error("too-many-findings", message).help("mend the first ones and check again"));
    }
    for finding in &mut findings {
        finding.path = path.to_owned();
        finding.source = Some(source.clone());
    }
    match melody {
        Some(melody) if !findings.iter().any(Diagnostic::is_error) => Ok(Parsed { melody, warnings: findings }),
        _ => Err(findings),
    }
}

/// Why a text is not worth reading.
fn unreadable(text: &str) -> Option<Diagnostic> {
    if text.len() > MAX_BYTES {
        let message =
            format!("the melody has {} MiB; more than {} MiB are not read", text.len() >> 20, MAX_BYTES >> 20);
        return Some(Diagnostic::error("too-large", message).help(
            "if a program makes it, let it write the compiled form (`.melodyc`); else split it into nested melodies (`uses = \"melody:PATH\"`)",
        ));
    }
    let nul = text.bytes().position(|byte| byte == 0)?;
    let (line, column) = Places::new(text).line_column(nul);
    let message = format!("the file holds a NUL byte (line {line}, column {column}), so it is not text");
    Some(
        Diagnostic::error("nul-byte", message)
            .help("save the file as UTF-8; a compiled melody must have a name that ends in `.melodyc`"),
    )
}

/// The refusal of a nesting that is too deep.
fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error("too-deep", format!("arrays and tables are nested more than {MAX_DEPTH} deep"))
        .at(span, "one level too many")
        .help("keep deeply nested data in a file of its own and read it with a node")
}

/// Findings about the melody that are no consequence of faults in its text: not about what is missing (it may stand
/// where the text could not be read), not in a line that is faulty itself, not behind a bracket that is never closed.
fn independent(text: &str, faults: &[Diagnostic], mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let places = Places::new(text);
    let line_of = |finding: &Diagnostic| finding.span.as_ref().map(|span| places.line_start(span.start));
    let faulty: BTreeSet<_> = faults.iter().map(line_of).collect();
    let end = toml_mistakes::end_of_sense(faults).unwrap_or(usize::MAX);
    findings.retain(|finding| {
        let before_end = finding.span.as_ref().is_none_or(|span| span.start < end);
        before_end && !finding.code.starts_with("missing-") && !faulty.contains(&line_of(finding))
    });
    findings
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
