//! From JSON text to the spanned tree.
//!
//! `serde_json` decodes texts and numbers; the structure is read here, because places are wanted and duplicate keys
//! must be seen.

use super::tree::{Key, MAX_DEPTH, Origin, Table, Tree, TreeValue};
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::Span;
use std::borrow::Cow;

/// Reads a JSON object. The first fault ends the reading: the rest cannot be told from its consequences.
pub(super) fn read(text: &str) -> (Table<'_>, Vec<Diagnostic>) {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut scan = Scan { text, at: start, depth: 0, findings: Vec::new() };
    let table = match scan.document() {
        Ok(table) => table,
        Err(fault) => {
            scan.findings.push(*fault);
            Table::new(Origin::Inline)
        }
    };
    (table, scan.findings)
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    findings: Vec<Diagnostic>,
}

type Read<T> = Result<T, Box<Diagnostic>>;

fn syntax(message: &str, span: Span, label: &str, help: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic::error("json-syntax", message).at(span, label).help(help))
}

impl<'t> Scan<'t> {
    fn document(&mut self) -> Read<Table<'t>> {
        let tree = self.value()?;
        self.skip_space();
        if self.at < self.text.len() {
            return Err(syntax(
                "something stands after the end of the melody",
                self.here(),
                "not part of the object before it",
                "take it away",
            ));
        }
        match tree.value {
            TreeValue::Table(table) => Ok(table),
            _ => Err(syntax("a melody is a JSON object", tree.span, "not an object", "write `{ \"format\": 1, … }`")),
        }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next character, as a place.
    fn here(&self) -> Span {
        self.at..self.at + self.rest().chars().next().map_or(0, char::len_utf8)
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    /// Takes the next character after white space if it is this one.
    fn take(&mut self, wanted: char) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn value(&mut self) -> Read<Tree<'t>> {
        self.skip_space();
        let start = self.at;
        let value = match self.rest().chars().next() {
            Some('{') => self.nested(Self::object)?,
            Some('[') => self.nested(Self::array)?,
            Some('"') => TreeValue::Text(self.string()?),
            Some('-' | '0'..='9') => self.number()?,
            _ => self.word()?,
        };
        Ok(Tree { value, span: start..self.at })
    }

    fn nested(&mut self, read: fn(&mut Self) -> Read<TreeValue<'t>>) -> Read<TreeValue<'t>> {
        if self.depth >= MAX_DEPTH {
            return Err(Box::new(super::too_deep(self.here())));
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Read<TreeValue<'t>> {
        let mut table = Table::new(Origin::Inline);
        if self.take('}') {
            return Ok(TreeValue::Table(table));
        }
        loop {
            self.skip_space();
            let start = self.at;
            if !self.rest().starts_with('"') {
                return Err(syntax(
                    "a key is missing or not in quotes",
                    self.here(),
                    "a key in quotes must stand here",
                    "write `\"key\": value`; no comma stands after the last entry",
                ));
            }
            let key = Key { text: self.string()?, span: start..self.at };
            if !self.take(':') {
                return Err(syntax("a key has no value", self.here(), "`:` is missing here", "write `\"key\": value`"));
            }
            let value = self.value()?;
            match table.find(&key.text).and_then(|at| table.entries.get(at)) {
                Some(first) => {
                    let finding =
                        Diagnostic::error("duplicate-key", format!("the key `{}` is written twice", key.text));
                    self.findings.push(
                        finding
                            .at(key.span, "written again")
                            .see(first.key.span.clone(), "first written here")
                            .help("keep one of them"),
                    );
                }
                None => {
                    table.push(key, value);
                }
            }
            if self.take('}') {
                return Ok(TreeValue::Table(table));
            }
            if !self.take(',') {
                return Err(syntax(
                    "an object is not closed, or two entries have no comma between them",
                    self.here(),
                    "`,` or `}` is missing here",
                    "put `,` between entries and `}` after the last",
                ));
            }
        }
    }

    fn array(&mut self) -> Read<TreeValue<'t>> {
        let mut items = Vec::new();
        if self.take(']') {
            return Ok(TreeValue::List(items));
        }
        loop {
            items.push(self.value()?);
            if self.take(']') {
                return Ok(TreeValue::List(items));
            }
            if !self.take(',') {
                return Err(syntax(
                    "a list is not closed, or two items have no comma between them",
                    self.here(),
                    "`,` or `]` is missing here",
                    "put `,` between items and `]` after the last",
                ));
            }
        }
    }

    fn string(&mut self) -> Read<Cow<'t, str>> {
        let start = self.at;
        let mut escaped = false;
        let bytes = self.text.as_bytes();
        let mut end = start + 1;
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                // Whatever follows a backslash belongs to it, a quote too.
                Some(b'\\') => {
                    escaped = true;
                    end += 2;
                }
                Some(_) => end += 1,
                None => {
                    return Err(syntax("a text is not closed", start..start + 1, "opened here", "put `\"` at its end"));
                }
            }
        }
        self.at = end + 1;
        let inner = self.text.get(start + 1..end).unwrap_or_default();
        if !escaped && inner.bytes().all(|byte| byte >= 0x20) {
            return Ok(Cow::Borrowed(inner));
        }
        let whole = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str::<String>(whole).map(Cow::Owned).map_err(|_| {
            syntax(
                "a text holds a wrong escape or a control character",
                start..self.at,
                "this text",
                "write `\\\\` for a backslash, `\\n` for a new line, `\\u0001` for other control characters",
            )
        })
    }

    fn number(&mut self) -> Read<TreeValue<'t>> {
        let start = self.at;
        let rest = self.rest();
        let length = rest.find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E')).unwrap_or(rest.len());
        self.at += length;
        let span = start..self.at;
        match rest.get(..length).map(serde_json::from_str::<serde_json::Number>) {
            Some(Ok(number)) => match (number.as_i64(), number.as_f64()) {
                (Some(int), _) => Ok(TreeValue::Int(int)),
                (None, Some(float)) if number.is_f64() && float.is_finite() => Ok(TreeValue::Float(float)),
                _ => {
                    self.findings.push(
                        Diagnostic::error("bad-number", "a whole number is too large")
                            .at(span, "this value")
                            .help(super::toml_mistakes::LARGEST),
                    );
                    Ok(TreeValue::Broken)
                }
            },
            _ => Err(syntax(
                "this is not a number",
                span,
                "misspelled or out of range",
                "write a number such as 12, -0.5 or 1e-3",
            )),
        }
    }

    fn word(&mut self) -> Read<TreeValue<'t>> {
        for (word, value) in
            [("true", TreeValue::Bool(true)), ("false", TreeValue::Bool(false)), ("null", TreeValue::Null)]
        {
            if self.rest().starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(syntax(
            "a value is missing or not JSON",
            self.here(),
            "a value must stand here",
            "write a text in quotes, a number, `true`, `false`, `null`, a list or an object",
        ))
    }
}
