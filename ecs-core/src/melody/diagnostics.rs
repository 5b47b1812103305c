//! What is wrong with a melody, where, and how to mend it.
//!
//! ```
//! use symphony_ecs_core::melody::{Diagnostic, render};
//! use std::sync::Arc;
//!
//! let text: Arc<str> = Arc::from("nmae = 'x'\n");
//! let finding = Diagnostic::error("unknown-key", "unknown key `nmae` in a melody")
//!     .in_file("demo.melody.toml", &text)
//!     .at(0..4, "did you mean `name`?")
//!     .help("write `name`");
//! assert!(render(&[finding], false).contains("demo.melody.toml:1:1"));
//! ```

use super::model::Span;
use super::places::Places;
use std::fmt;
use std::sync::Arc;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The melody plays, but probably not as meant.
    Warning,
    /// The melody cannot play.
    Error,
}

impl Severity {
    /// `error` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
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

impl Diagnostic {
    /// A finding that keeps the melody from playing, without a place yet.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message.into())
    }

    /// A finding that does not keep the melody from playing, without a place yet.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message.into())
    }

    fn new(severity: Severity, code: &'static str, message: String) -> Self {
        Self {
            severity,
            code,
            message,
            path: String::new(),
            source: None,
            span: None,
            label: String::new(),
            related: Vec::new(),
            help: None,
        }
    }

    /// The file `path` is not text. `byte_offset` is where the first wrong byte stands, `line` its line (from 1).
    pub fn not_utf8(path: &str, byte_offset: usize, line: usize) -> Self {
        let message = format!(
            "the file is not UTF-8 text: the byte at offset {byte_offset} (line {line}) is not part of a character"
        );
        let mut finding = Self::error("not-utf8", message)
            .help("save the file as UTF-8; if it is a compiled melody, its name must end in `.melodyc`");
        finding.path = path.to_owned();
        finding
    }

    /// Names the file and its text.
    pub fn in_file(mut self, path: &str, source: &Arc<str>) -> Self {
        self.path = path.to_owned();
        self.source = Some(source.clone());
        self
    }

    /// Names the place and what stands there.
    pub fn at(mut self, span: Span, label: impl Into<String>) -> Self {
        self.span = Some(span);
        self.label = label.into();
        self
    }

    /// Names another place that matters.
    pub fn see(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// Names the cure.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether it keeps the melody from playing.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The finding as data: `{severity, code, message, path, line, column, end_line, end_column, label, help}`.
    ///
    /// Lines and columns count from 1, columns in characters; the end is the place after the last character. Places
    /// are `null` where the finding has none, `help` where there is no cure to name.
    pub fn to_json(&self) -> serde_json::Value {
        let places = self.source.as_deref().zip(self.span.as_ref()).map(|(text, span)| {
            let places = Places::new(text);
            (places.line_column(span.start), places.line_column(span.end))
        });
        serde_json::json!({
            "severity": self.severity.as_str(),
            "code": self.code,
            "message": self.message,
            "path": self.path,
            "line": places.map(|(start, _)| start.0),
            "column": places.map(|(start, _)| start.1),
            "end_line": places.map(|(_, end)| end.0),
            "end_column": places.map(|(_, end)| end.1),
            "label": self.label,
            "help": self.help,
        })
    }
}

/// One line: `path:line:column: severity[code]: message`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}:", self.path)?;
        }
        if let (Some(text), Some(span)) = (&self.source, &self.span) {
            let (line, column) = Places::new(text).line_column(span.start);
            write!(f, "{line}:{column}:")?;
        }
        if !self.path.is_empty() {
            f.write_str(" ")?;
        }
        write!(f, "{}[{}]: {}", self.severity, self.code, self.message)
    }
}
