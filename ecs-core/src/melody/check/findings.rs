//! Findings of one file as they are collected, and the names probably meant.

use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::Span;
use std::sync::Arc;

/// At most this many findings are reported.
const MAX_FINDINGS: usize = 200;
/// Names that are looked at for the one probably meant.
const MAX_SUGGESTED_FROM: usize = 20_000;

/// The findings of one file.
pub(super) struct Findings {
    path: String,
    source: Arc<str>,
    list: Vec<Diagnostic>,
}

impl Findings {
    pub(super) fn new(path: &str, source: &Arc<str>) -> Self {
        Self { path: path.to_owned(), source: source.clone(), list: Vec::new() }
    }

    pub(super) fn report(&mut self, finding: Diagnostic) {
        // Far beyond what is shown, but a melody of wrong references must not take memory without bound.
        if self.list.len() < 50 * MAX_FINDINGS {
            self.list.push(finding.in_file(&self.path, &self.source));
        }
    }

    /// The findings in the order of the text.
    pub(super) fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|finding| finding.span.as_ref().map(|span| span.start));
        self.list
    }

    /// The place of a part of an expression: where the expression's text stands as it is within `span`, the part of
    /// it, else (escapes) all of it.
    pub(super) fn place_in(&self, span: &Span, text: &str, part: &Span) -> Span {
        match self.source.get(span.clone()).and_then(|raw| raw.find(text)) {
            Some(offset) => span.start + offset + part.start..span.start + offset + part.end,
            None => span.clone(),
        }
    }
}

/// Bounds a list of findings, saying how many more there are.
pub(super) fn bounded(mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let surplus = findings.len().saturating_sub(MAX_FINDINGS);
    findings.truncate(MAX_FINDINGS);
    if surplus > 0 {
        let message = format!("there are {surplus} more findings, which are not shown");
        findings.push(Diagnostic::error("too-many-findings", message).help("mend the first ones and check again"));
    }
    findings
}

/// The known name that is nearest to a written one, if one is near.
pub(super) fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let far = (written.chars().count() / 3).clamp(1, 3);
    known
        .take(MAX_SUGGESTED_FROM)
        .filter(|name| name.len().abs_diff(written.len()) <= far)
        .map(|name| (strsim::damerau_levenshtein(name, written), name))
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `did you mean …?`, else the names there are, else `none`.
pub(super) fn suggestion<'a>(
    written: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    what: &str,
    none: &str,
) -> String {
    const SHOWN: usize = 8;
    if let Some(name) = nearest(written, known.clone()) {
        return format!("did you mean `{name}`?");
    }
    let mut names: Vec<String> = known.clone().take(SHOWN).map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        return none.to_owned();
    }
    if known.clone().nth(SHOWN).is_some() {
        names.push("…".to_owned());
    }
    format!("{what} {}", names.join(", "))
}
