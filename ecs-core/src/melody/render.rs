//! Findings as people read them: the line, the place under it and the cure.

use super::diagnostics::{Diagnostic, Severity};
use super::model::Span;
use super::places::Places;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use std::fmt::Write as _;

/// Places farther apart than this get a picture each.
const NEAR: usize = 4_000;

/// A line that is longer than this (in bytes) is not drawn.
const LONGEST_LINE: usize = 2_000;

/// Writes findings for people, each followed by an empty line, in the manner of `rustc`. `color` adds ANSI colours.
pub fn render(findings: &[Diagnostic], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for finding in findings {
        text.push_str(&render_one(finding, &renderer));
        text.push_str("\n\n");
    }
    text
}

fn render_one(finding: &Diagnostic, renderer: &Renderer) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(finding.message.as_str()).id(finding.code);
    let mut pictures = Vec::new();
    if let (Some(source), Some(span)) = (&finding.source, &finding.span) {
        pictures = draw(source, &finding.path, span, finding);
    }
    let group = match pictures.is_empty() {
        false => Group::with_title(title).elements(pictures),
        true if finding.path.is_empty() => Group::with_title(title),
        true => Group::with_title(title).element(place_without_picture(finding)),
    };
    let mut groups = vec![group];
    if let Some(help) = &finding.help {
        groups.push(Group::with_title(Level::HELP.secondary_title(help.as_str())));
    }
    renderer.render(&groups)
}

/// The file (and the line and column, where they are known but the line cannot be drawn).
fn place_without_picture(finding: &Diagnostic) -> annotate_snippets::Origin<'_> {
    let origin = annotate_snippets::Origin::path(finding.path.as_str());
    match (&finding.source, &finding.span) {
        (Some(text), Some(span)) => {
            let (line, column) = Places::new(text).line_column(span.start);
            origin.line(line).char_column(column)
        }
        _ => origin,
    }
}

/// Pictures of the place and of the related ones. Only the lines around them are handed on, so a finding in a large
/// file costs no more than one in a small file.
fn draw<'d>(source: &'d str, path: &'d str, span: &Span, finding: &'d Diagnostic) -> Vec<Snippet<'d, Annotation<'d>>> {
    let places = Places::new(source);
    let (near, far): (Vec<_>, Vec<_>) =
        finding.related.iter().partition(|(other, _)| other.start.abs_diff(span.start) < NEAR);
    let start = near.iter().map(|(other, _)| other.start).fold(span.start, usize::min);
    let end = near.iter().map(|(other, _)| other.end).fold(span.end, usize::max);
    let whole = places.lines_around(&(start..end), 0, 0);
    let piece = places.slice(whole.clone());
    if piece.lines().any(|line| line.len() > LONGEST_LINE) {
        return Vec::new();
    }
    let within = |span: &Span| clip(piece, span, whole.start);
    let mut main = Snippet::source(piece).path(path).line_start(places.line_column(whole.start).0).annotation(
        AnnotationKind::Primary
            .span(within(span))
            .label(Some(finding.label.as_str()).filter(|label| !label.is_empty())),
    );
    for (other, label) in near {
        main = main.annotation(AnnotationKind::Context.span(within(other)).label(label.as_str()));
    }
    let mut pictures = vec![main];
    for (other, label) in far {
        let whole = places.lines_around(other, 0, 0);
        let piece = places.slice(whole.clone());
        if piece.lines().all(|line| line.len() <= LONGEST_LINE) {
            let mark = AnnotationKind::Context.span(clip(piece, other, whole.start)).label(label.as_str());
            let line = places.line_column(whole.start).0;
            pictures.push(Snippet::source(piece).path(path).line_start(line).annotation(mark));
        }
    }
    pictures
}

/// A span of the whole text as a span of a piece that starts at `start`: within it, and between characters.
fn clip(piece: &str, span: &Span, start: usize) -> Span {
    let floor = |offset: usize| {
        let mut offset = offset.saturating_sub(start).min(piece.len());
        while !piece.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    };
    let (from, to) = (floor(span.start), floor(span.end));
    from..to.max(from)
}

/// One line for a count of findings: `2 errors, 1 warning`.
pub fn summary(findings: &[Diagnostic]) -> String {
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let warnings = findings.len() - errors;
    let mut text = String::new();
    for (count, word) in [(errors, "error"), (warnings, "warning")] {
        if count > 0 {
            let comma = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{comma}{count} {word}{}", if count == 1 { "" } else { "s" });
        }
    }
    text
}
