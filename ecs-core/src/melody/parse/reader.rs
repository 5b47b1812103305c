//! The reader's state and the questions it asks of every value: is it text, a count, a table?

use super::keys::{Keys, listing, nearest};
use super::tree::{Key, Table, Tree, TreeValue};
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::{Span, Spanned};
use crate::melody::words::Word;

/// Collects findings while a tree is read.
pub(super) struct Reader<'t> {
    text: &'t str,
    findings: Vec<Diagnostic>,
}

impl<'t> Reader<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, findings: Vec::new() }
    }

    pub fn into_findings(self) -> Vec<Diagnostic> {
        self.findings
    }

    /// Notes a finding.
    pub fn report(&mut self, finding: Diagnostic) {
        // A few more than are shown, so that their number is known to be too large.
        if self.findings.len() <= 2 * super::MAX_FINDINGS {
            self.findings.push(finding);
        }
    }

    /// Notes a key that its table may not hold. Returns the key that was probably meant, so that it is not reported
    /// as missing too.
    pub fn unknown_key(&mut self, key: &Key<'_>, keys: &Keys) -> Option<&'static str> {
        let finding = Diagnostic::error("unknown-key", format!("unknown key `{}` in {}", key.text, keys.place));
        let known = listing(keys.known.iter().copied());
        let meant = keys.meant(&key.text);
        let finding = if let Some((_, cure)) = keys.elsewhere.iter().find(|(word, _)| *word == key.text) {
            finding.at(key.span.clone(), "spelled otherwise here").help(*cure)
        } else if let Some(meant) = meant {
            let help = format!("write `{meant}`; known here: {known}");
            finding.at(key.span.clone(), format!("did you mean `{meant}`?")).help(help)
        } else {
            finding.at(key.span.clone(), "not known here").help(format!("known here: {known}"))
        };
        self.report(finding);
        meant
    }

    /// Notes that a value is not of the kind that is expected. Nothing is said of values that could not be read.
    pub fn wrong_type(&mut self, what: &str, tree: &Tree<'_>, expected: &str, help: impl Into<String>) {
        if tree.value != TreeValue::Broken {
            let message = format!("{what} must be {expected}");
            self.report(
                Diagnostic::error("wrong-type", message)
                    .at(tree.span.clone(), format!("this is {}", tree.kind()))
                    .help(help),
            );
        }
    }

    /// Text, or a finding.
    pub fn text(&mut self, what: &str, tree: Tree<'t>) -> Option<Spanned<String>> {
        match tree.value {
            TreeValue::Text(text) => Some(Spanned { value: text.into_owned(), span: tree.span }),
            _ => {
                let help = match &tree.value {
                    TreeValue::Int(number) => format!("put it in quotes: \"{number}\""),
                    TreeValue::Float(number) => format!("put it in quotes: \"{number}\""),
                    TreeValue::Bool(truth) => format!("put it in quotes: \"{truth}\""),
                    _ => "write a text in quotes".to_owned(),
                };
                self.wrong_type(what, &tree, "text", help);
                None
            }
        }
    }

    /// `true` or `false`, or a finding.
    pub fn truth(&mut self, what: &str, tree: &Tree<'t>) -> Option<bool> {
        match &tree.value {
            TreeValue::Bool(truth) => return Some(*truth),
            TreeValue::Text(text) if text == "true" || text == "false" => {
                self.wrong_type(what, tree, "`true` or `false`", format!("take the quotes away: {text}"));
            }
            _ => self.wrong_type(what, tree, "`true` or `false`", "write `true` or `false`, without quotes"),
        }
        None
    }

    /// A table, or a finding.
    pub fn table(&mut self, what: &str, tree: Tree<'t>, form: &str) -> Option<Table<'t>> {
        match tree.value {
            TreeValue::Table(table) => Some(table),
            _ => {
                self.wrong_type(what, &tree, "a table", format!("write `{form}`"));
                None
            }
        }
    }

    /// A list, or a finding.
    pub fn list(&mut self, what: &str, tree: Tree<'t>, form: &str) -> Option<Vec<Tree<'t>>> {
        match tree.value {
            TreeValue::List(items) => Some(items),
            _ => {
                self.wrong_type(what, &tree, "a list", format!("write `{form}`"));
                None
            }
        }
    }

    /// A whole number of at least `least`, or a finding.
    pub fn count(&mut self, what: &str, tree: &Tree<'t>, least: u64) -> Option<u64> {
        match &tree.value {
            TreeValue::Int(number) => match u64::try_from(*number) {
                Ok(number) if number >= least => return Some(number),
                _ => self.report(
                    Diagnostic::error("bad-number", format!("{what} must be at least {least}"))
                        .at(tree.span.clone(), "too small")
                        .help(format!("write a whole number from {least} on")),
                ),
            },
            TreeValue::Text(text) if text.parse::<u64>().is_ok() => {
                self.wrong_type(what, tree, "a whole number", format!("take the quotes away: {text}"));
            }
            _ => self.wrong_type(what, tree, "a whole number", "write a whole number without quotes"),
        }
        None
    }

    /// As [`Reader::count`], for numbers that are kept in 32 bits.
    pub fn small_count(&mut self, what: &str, tree: &Tree<'t>, least: u64) -> Option<u32> {
        let number = self.count(what, tree, least)?;
        let small = u32::try_from(number).ok();
        if small.is_none() {
            self.report(
                Diagnostic::error("bad-number", format!("{what} must be at most {}", u32::MAX))
                    .at(tree.span.clone(), "too large")
                    .help("write a smaller number"),
            );
        }
        small
    }

    /// One of the words of a choice, or a finding.
    pub fn word<W: Word>(&mut self, what: &str, tree: Tree<'t>) -> Option<W> {
        let words = || W::WORDS.iter().map(|(word, _)| *word);
        let TreeValue::Text(text) = &tree.value else {
            self.wrong_type(what, &tree, "a word in quotes", format!("write one of {}", listing(words())));
            return None;
        };
        if let Some((_, choice)) = W::WORDS.iter().find(|(word, _)| word == text) {
            return Some(*choice);
        }
        let finding = Diagnostic::error("bad-word", format!("{what} cannot be `{text}`"));
        let finding = match nearest(text, words()) {
            Some(meant) => finding.at(tree.span, format!("did you mean `{meant}`?")),
            None => finding.at(tree.span, "not one of the known words"),
        };
        self.report(finding.help(format!("write one of {}", listing(words()))));
        None
    }

    /// The place of a part of a text value. `part` counts bytes of the decoded text; where escapes make the two
    /// differ, it is the place of the whole value.
    pub fn part(&self, whole: &Span, decoded: &str, part: &Span) -> Span {
        let written = self.text.get(whole.clone()).unwrap_or_default();
        match written.find(decoded) {
            Some(start) if part.end <= decoded.len() && part.start <= part.end && !decoded.is_empty() => {
                whole.start + start + part.start..whole.start + start + part.end
            }
            _ => whole.clone(),
        }
    }
}
