//! What people get wrong in TOML, in the words of this format, with the cure.

use super::tree::{Key, Origin, TreeValue};
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::Span;
use crate::melody::places::Places;
use toml_parser::decoder::ScalarKind;
use toml_parser::{Expected, ParseError};

/// The code of brackets and braces that are never closed: the rest of the text was read as their contents.
pub(super) const UNCLOSED: &str = "toml-unclosed";

/// Explains faults of the grammar, the first of each line: what follows it there is mostly its consequence.
pub(super) fn explain_all(text: &str, faults: &[ParseError]) -> Vec<Diagnostic> {
    let places = Places::new(text);
    let mut lines_seen = std::collections::BTreeSet::new();
    let mut findings = Vec::new();
    for fault in faults {
        let finding = explain(text, fault);
        let line = finding.span.as_ref().map(|span| places.line_start(span.start));
        if lines_seen.insert(line) {
            findings.push(finding);
        }
    }
    if let Some(end) = end_of_sense(&findings) {
        findings.retain(|finding| finding.span.as_ref().is_some_and(|span| span.start <= end));
    }
    findings
}

/// Where a text stops making sense: at the first bracket or brace that is never closed.
pub(super) fn end_of_sense(findings: &[Diagnostic]) -> Option<usize> {
    let unclosed = findings.iter().filter(|finding| finding.code == UNCLOSED);
    unclosed.filter_map(|finding| Some(finding.span.as_ref()?.start)).min()
}

fn explain(text: &str, fault: &ParseError) -> Diagnostic {
    let place = fault.unexpected().or(fault.context()).unwrap_or_default();
    let span = place.start()..place.end();
    let context = fault.context().map_or(span.clone(), |context| context.start()..context.end());
    let places = Places::new(text);
    let standing = places.slice(span.clone());
    let whole = places.slice(context.clone());
    let rest_of_line = places.slice(span.start..places.line_end(span.start));
    let syntax = |message: &str| Diagnostic::error("toml-syntax", message);
    match fault.description() {
        "string values must be quoted" => syntax("a text value is not quoted")
            .at(context, "this is text")
            .help(format!("write `\"{}\"`", shorten(whole))),
        "missing opening quote" => syntax("a text has no opening quote")
            .at(context, "the quote before this is missing")
            .help("put the same quote before and after the text"),
        "invalid boolean" => syntax("a text value is not quoted, or `true` or `false` is misspelled")
            .at(context, "neither `true` nor `false`")
            .help(format!(
                "write `\"{}\"` for text; truth values are `true` and `false`, in small letters",
                shorten(whole)
            )),
        "key with no value" | "missing value for key" => {
            let colon = rest_of_line.trim_start().starts_with(':')
                || places.slice(places.line_start(span.start)..span.start).contains(':');
            let help = if colon { "write `=` between key and value, not `:`" } else { "write `KEY = VALUE`" };
            syntax("a key has no value").at(span, "`=` and a value are missing here").help(help)
        }
        "unclosed table" | "unclosed array table" => syntax("the header of a table is not closed")
            .at(context, "`]` is missing at its end")
            .help(format!("write `{}]`", shorten(whole))),
        "unclosed array" => Diagnostic::error(UNCLOSED, "a list is not closed")
            .at(context, "opened here; everything below was read as part of it")
            .help("put `]` after the last item"),
        "unclosed inline table" => Diagnostic::error(UNCLOSED, "an inline table is not closed")
            .at(context, "opened here; everything below was read as part of it")
            .help("put `}` after the last entry"),
        "missing comma between array elements" => syntax("two items of a list have no comma between them")
            .at(span, "a comma is missing before this")
            .help("put `,` between them"),
        "missing comma between key-value pairs" => syntax("two entries of an inline table have no comma between them")
            .at(span, "a comma is missing before this")
            .help("put `,` between them"),
        "extra comma in array" | "extra comma in inline table" => syntax("there is a comma too many")
            .at(span, "no value stands before this comma")
            .help("take the comma away"),
        "missing assignment between key-value pairs" | "extra assignment between key-value pairs" => {
            syntax("an entry of an inline table is not `KEY = VALUE`")
                .at(span, "`=` is expected here")
                .help("write `{ key = value, other = value }`")
        }
        "invalid unquoted key" if whole.contains(':') => syntax("a key holds a colon")
            .at(context, "keys and values are separated by `=`")
            .help(format!("write `{} = …`", whole.trim_end_matches(':'))),
        "invalid unquoted key" => syntax("a key holds a character that keys may not hold")
            .at(span, "not a letter, digit, `-` or `_`")
            .help("keys are letters, digits, `-` and `_`; put any other key in quotes"),
        "unquoted keys cannot be empty" => {
            syntax("a key is missing").at(span, "a key must stand here").help("keys are letters, digits, `-` and `_`")
        }
        "unexpected key or value" => syntax("something stands after the end of a value")
            .at(span.start..places.line_end(span.start).max(span.start), "this does not belong to the value before it")
            .help("begin a new line before it, or put `#` before it if it is a remark"),
        "extra `=`" => syntax("there is a `=` too many").at(span, "take this away").help("write `KEY = VALUE`"),
        "unexpected leading zero" => syntax("a number begins with a zero")
            .at(context, "whole numbers have no leading zeros")
            .help(format!("write `{}`, or put it in quotes if it is text", whole.trim_start_matches('0'))),
        "invalid basic string"
        | "invalid multi-line basic string"
        | "invalid literal string"
        | "invalid multi-line literal string" => {
            let end = places.line_end(context.start).min(context.end.max(context.start + 1));
            syntax("a text is not closed, or holds a character that must be escaped")
                .at(context.start..end.max(context.start), "this text")
                .help("put the closing quote at its end; text of several lines stands between `\"\"\"`, control characters are written `\\u0001`")
        }
        "missing escaped value" | "invalid escape sequence" => syntax("a text holds a backslash that is no escape")
            .at(span, "not an escape that TOML knows")
            .help("write `\\\\` for a backslash, or put the text in single quotes: 'C:\\temp'"),
        "missing table open" | "missing array opening" => syntax("a closing `]` has no opening `[`")
            .at(span, "nothing is open here")
            .help("put `[` before it, or take `]` away"),
        "missing inline table opening" => syntax("a closing `}` has no opening `{`")
            .at(span, "nothing is open here")
            .help("put `{` before it, or take `}` away"),
        number
            if number.starts_with("invalid ")
                && ["integer", "float", "date"].iter().any(|kind| number.contains(kind)) =>
        {
            syntax("a value looks like a number or a date, but is none")
                .at(context, "neither text nor number nor date")
                .help("put text in quotes; numbers are written 12, -0.5 or 1_000, dates 2026-01-31")
        }
        "invalid key-value pair" => syntax("a line is neither `KEY = VALUE` nor `[HEADER]`")
            .at(span.start..places.line_end(span.start).max(span.start), "this line")
            .help("write `KEY = VALUE`; TOML is not JSON: the outermost braces are left out"),
        other => {
            let label = if standing.is_empty() { "here".to_owned() } else { format!("`{}`", shorten(standing)) };
            let finding = syntax(&format!("this is not TOML: {other}")).at(span, label);
            match fault.expected().map(expected_text).filter(|text| !text.is_empty()) {
                Some(expected) => finding.help(format!("expected here: {expected}")),
                None => finding.help("mend or take away what stands here; lines are `KEY = VALUE` or `[HEADER]`"),
            }
        }
    }
}

fn expected_text(expected: &[Expected]) -> String {
    let words: Vec<_> = expected
        .iter()
        .map(|expected| match expected {
            Expected::Literal("\n") => "the end of the line".to_owned(),
            Expected::Literal(text) => format!("`{text}`"),
            Expected::Description(text) => (*text).to_owned(),
            _ => String::new(),
        })
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" or ")
}

/// The beginning of a piece of the text, fit for one line of a message.
fn shorten(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim();
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// Explains a scalar that has the right form but means nothing we can hold.
pub(super) fn explain_scalar(kind: ScalarKind, span: Span) -> Diagnostic {
    let (message, label, help) = match kind {
        ScalarKind::Integer(_) => ("a whole number is too large", "does not fit 64 bits", LARGEST),
        ScalarKind::Float => (
            "a number is not finite",
            "infinite or no number",
            "write a number; infinity and `nan` have no meaning in a melody",
        ),
        _ => ("this is neither a date nor a time", "there is no such day or hour", "put it in quotes if it is text"),
    };
    Diagnostic::error("bad-number", message).at(span, label).help(help)
}

/// What fits a whole number.
pub(super) const LARGEST: &str = "whole numbers go from -9223372036854775808 to 9223372036854775807";

/// Two things were written under one key.
pub(super) struct Clash {
    /// The keys above.
    pub path: Vec<String>,
    key: String,
    span: Span,
    first: Span,
    shape: Shape,
    /// The second one is a header, and whether of a list of tables.
    header: Option<bool>,
    extends: bool,
}

/// How the first one was written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Value,
    Inline,
    Dotted,
    Header,
}

impl Clash {
    fn new(path: Vec<String>, key: &Key<'_>, first: &Key<'_>, value: &TreeValue<'_>, extends: bool) -> Self {
        let shape = match value {
            TreeValue::Table(table) => match table.origin {
                Origin::Inline => Shape::Inline,
                Origin::Dotted => Shape::Dotted,
                Origin::Header | Origin::Element | Origin::Parent => Shape::Header,
            },
            _ => Shape::Value,
        };
        let (span, first) = (key.span.clone(), first.span.clone());
        Self { path, key: key.text.to_string(), span, first, shape, header: None, extends }
    }

    /// A key stands twice in one table.
    pub fn twice(path: Vec<String>, key: &Key<'_>, first: &Key<'_>, value: &TreeValue<'_>) -> Self {
        Self::new(path, key, first, value, false)
    }

    /// Something is added to a value that cannot be added to.
    pub fn extends(path: Vec<String>, key: &Key<'_>, first: &Key<'_>, value: &TreeValue<'_>) -> Self {
        Self::new(path, key, first, value, true)
    }

    /// The second one is a header `[…]`, or `[[…]]`.
    pub fn of_header(self, array: bool) -> Self {
        Self { header: Some(array), ..self }
    }
}

/// Explains a clash.
pub(super) fn explain_clash(clash: &Clash) -> Diagnostic {
    let Clash { path, key, .. } = clash;
    let full = path.iter().map(String::as_str).chain([key.as_str()]).collect::<Vec<_>>().join(".");
    let finding = match path.as_slice() {
        [top, node] if top == "node" && matches!(key.as_str(), "in" | "with" | "out" | "limits" | "estimate") => {
            let keep = match clash.shape {
                Shape::Inline | Shape::Value => {
                    format!("keep `{key} = {{ … }}` and move what is written here into its braces")
                }
                Shape::Dotted => {
                    format!("keep the lines `{key}.NAME = …` and write what is written here as such a line too")
                }
                Shape::Header => format!("keep `[node.{node}.{key}]` and move what is written here below it"),
            };
            Diagnostic::error("mixed-spelling", format!("`{key}` of node `{node}` is spelled in two ways"))
                .at(clash.span.clone(), "written again, in another way")
                .help(format!("{keep}; TOML lets a table be written in one way only"))
        }
        [top] if top == "node" && clash.header.is_some() => {
            Diagnostic::error("duplicate-key", format!("there are two nodes with the id `{key}`"))
                .at(clash.span.clone(), "the second one")
                .help("give one of them another id, or move everything below one header")
        }
        _ if clash.header == Some(true) => {
            Diagnostic::error("duplicate-key", format!("`[[{full}]]` adds to something that is not a list of tables"))
                .at(clash.span.clone(), "written again as `[[…]]`")
                .help(format!("write `[{full}]` once"))
        }
        _ if clash.header.is_some() => {
            Diagnostic::error("duplicate-key", format!("the table `[{full}]` is written twice"))
                .at(clash.span.clone(), "written again")
                .help("move everything below one header")
        }
        _ if clash.extends => {
            Diagnostic::error("duplicate-key", format!("`{full}` has a value already; nothing can be added to it"))
                .at(clash.span.clone(), "used as an open table here")
                .help("write all of it in one place")
        }
        _ => Diagnostic::error("duplicate-key", format!("the key `{full}` is written twice"))
            .at(clash.span.clone(), "written again")
            .help("keep one of them"),
    };
    finding.see(clash.first.clone(), "first written here")
}
