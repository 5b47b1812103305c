//! What an importer says: the files it wrote, what it counted, and everything it could not carry over.

use crate::Format;
use std::fmt;

/// A workflow of another tool as a melody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The melody first, then what lies beside it: bodies, pins.
    pub files: Vec<Written>,
    /// What was counted and what was not carried over.
    pub report: Report,
}

/// A file of the result. `name` is what follows the base name: `.melody.toml`, `-loop.melody.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The file's name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// What was counted and what was not carried over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The format that was read.
    pub format: Format,
    /// Nodes of the original workflow, each in the melody or among `unsupported`.
    pub nodes: usize,
    /// Edges of the original workflow, each in the melody or among `unsupported`.
    pub edges: usize,
    /// What was not carried over, in the order of the original.
    pub unsupported: Vec<Unsupported>,
}

/// Something that the melody does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// What it is.
    pub what: String,
    /// Where it stands in the original.
    pub place: String,
}

/// Why a text is not imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    /// What is wrong.
    pub message: String,
    /// Line and column, from 1, where the text itself is at fault.
    pub place: Option<(usize, usize)>,
    /// The cure.
    pub help: String,
}

impl Refusal {
    /// A refusal without a place.
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, help: help.into() }
    }

    /// Adds the place of a byte of a text.
    pub fn at(mut self, text: &str, offset: usize) -> Self {
        self.place = Some(Lines::new(text).of(offset));
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "line {line}, column {column}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Lines of a text: from an offset in bytes to line and column.
#[derive(Clone, Debug)]
pub(crate) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub fn new(text: &'t str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(ends).collect() }
    }

    /// Line and column from 1; columns are counted in characters.
    pub fn of(&self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(offset - start, |before| before.chars().count()) + 1;
        (line, column)
    }

    /// The line alone.
    pub fn line(&self, offset: usize) -> usize {
        self.of(offset).0
    }
}

/// Collects what is not carried over.
#[derive(Clone, Debug)]
pub(crate) struct Findings<'t> {
    lines: Lines<'t>,
    list: Vec<Unsupported>,
}

impl<'t> Findings<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { lines: Lines::new(text), list: Vec::new() }
    }

    /// Notes something with its name and the byte at which it stands.
    pub fn note(&mut self, what: impl Into<String>, place: impl fmt::Display, offset: usize) {
        let line = self.lines.line(offset);
        self.list.push(Unsupported { what: what.into(), place: format!("{place} (line {line})") });
    }

    pub fn into_list(self) -> Vec<Unsupported> {
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters() {
        let lines = Lines::new("ä = 1\nöx\n");
        assert_eq!(lines.of(0), (1, 1));
        assert_eq!(lines.of("ä".len()), (1, 2));
        assert_eq!(lines.of("ä = 1\nö".len()), (2, 2));
        assert_eq!(lines.of(10_000), (3, 1));
    }
}
