//! Complaints about syntax: the parser's own words put into plain ones, with the cure for what people often write.

use super::ExprError;

/// What people write who come from elsewhere, and CEL's spelling.
const ELSEWHERE: [(&str, &str); 9] = [
    ("and", "&&"),
    ("or", "||"),
    ("not", "!"),
    ("=", "=="),
    ("===", "=="),
    ("<>", "!="),
    ("is", "=="),
    ("&", "&&"),
    ("|", "||"),
];

/// The error for what the parser says about a place (line and column, both from 1).
pub(super) fn syntax(text: &str, place: (isize, isize), said: &str) -> ExprError {
    let line = usize::try_from(place.0).unwrap_or(1).max(1);
    let column = usize::try_from(place.1).unwrap_or(1).max(1);
    let line_start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = text.get(line_start..).unwrap_or("");
    let start = line_start + rest.char_indices().nth(column - 1).map_or(rest.len(), |(offset, _)| offset);
    let found = word_at(text, start);
    let span = start..start + found.len();

    if said.contains("invalid argument to has") {
        let help = Some("write `has(node.port)`".to_owned());
        return ExprError { span, message: "`has` takes a field".to_owned(), help };
    }
    if said.contains("argument must be a simple name") {
        let help = Some("write it as in `list.filter(x, x.ok)`".to_owned());
        return ExprError { span, message: "the first argument must be a new name for the item".to_owned(), help };
    }
    if let Some(word) = said.strip_prefix("reserved identifier: ") {
        let help = Some("it cannot name anything; rename the node or port".to_owned());
        return ExprError { span, message: format!("`{word}` is a reserved word of CEL"), help };
    }
    if let Some((_, instead)) = ELSEWHERE.iter().find(|(foreign, _)| *foreign == found) {
        let help = Some(format!("write `{instead}`"));
        return ExprError { span, message: format!("unexpected `{found}`"), help };
    }
    if text.get(..start).unwrap_or("").trim_end().ends_with("not") {
        let help = Some("write `!` for `not`".to_owned());
        return ExprError { span, message: format!("unexpected `{found}`"), help };
    }
    let message = match found {
        "'" | "\"" => "the text that begins here is not closed".to_owned(),
        _ if said.starts_with("Incomplete") => "the expression is incomplete".to_owned(),
        "" => "the expression ends too early".to_owned(),
        _ if said.starts_with("Syntax error") || said.is_empty() || said == "UNKNOWN" => {
            format!("unexpected `{found}`")
        }
        _ => said.lines().next().unwrap_or("").to_owned(),
    };
    ExprError { span, message, help: Some("expressions are CEL: `lint.ok && review.verdict == 'fix'`".to_owned()) }
}

/// The word or run of signs at a place.
fn word_at(text: &str, start: usize) -> &str {
    let rest = text.get(start..).unwrap_or("");
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let sign = |c: char| "=<>!&|".contains(c);
    let end = match rest.chars().next() {
        None => 0,
        Some(first) if word(first) => rest.find(|c| !word(c)).unwrap_or(rest.len()),
        Some(first) if sign(first) => rest.find(|c| !sign(c)).unwrap_or(rest.len()),
        Some(first) => first.len_utf8(),
    };
    rest.get(..end).unwrap_or("")
}
