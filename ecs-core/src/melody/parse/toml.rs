//! From TOML text to the spanned tree.
//!
//! `toml_parser` (the lexer and grammar below `toml_edit`) does the reading and recovers from mistakes, so all of
//! them are reported at once; this module keeps the rules about which tables may be written where. It is a receiver
//! of parse events with a stack of open arrays and inline tables, so no nesting in the text can exhaust ours.

use super::toml_mistakes::{self, Clash};
use super::tree::{Entry, Key, MAX_DEPTH, Origin, Table, Tree, TreeValue};
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::Span;
use std::borrow::Cow;
use std::str::FromStr;
use toml_parser::decoder::{Encoding, ScalarKind};
use toml_parser::parser::{EventReceiver, ValidateWhitespace, parse_document};
use toml_parser::{ErrorSink, ParseError, Source};

/// Reads a TOML text as far as it can be read. Broken values stand as [`TreeValue::Broken`].
pub(super) fn read(text: &str) -> (Table<'_>, Vec<Diagnostic>) {
    let source = Source::new(text);
    let tokens = source.lex().into_vec();
    let mut faults = Faults::default();
    let mut builder = Builder::new(source);
    parse_document(&tokens, &mut ValidateWhitespace::new(&mut builder, source), &mut faults);
    let mut findings = toml_mistakes::explain_all(text, &faults.kept);
    let end = toml_mistakes::end_of_sense(&findings).unwrap_or(text.len());
    let clashes = builder.findings.into_iter();
    findings.extend(clashes.filter(|finding| finding.span.as_ref().is_some_and(|span| span.start <= end)));
    (builder.root, findings)
}

/// Keeps the first faults; a file of garbage has millions.
#[derive(Default)]
struct Faults {
    kept: Vec<ParseError>,
}

impl ErrorSink for Faults {
    fn report_error(&mut self, error: ParseError) {
        if self.kept.len() < super::MAX_FINDINGS {
            self.kept.push(error);
        }
    }
}

/// Passes faults on and notes whether there was one.
struct Watch<'s> {
    sink: &'s mut dyn ErrorSink,
    seen: bool,
}

impl ErrorSink for Watch<'_> {
    fn report_error(&mut self, error: ParseError) {
        self.seen = true;
        self.sink.report_error(error);
    }
}

/// An array or inline table that is still open.
struct Frame<'t> {
    open: Open<'t>,
    start: usize,
    /// How many pending keys belong to those around it.
    keys_below: usize,
}

enum Open<'t> {
    List(Vec<Tree<'t>>),
    Table(Table<'t>),
}

/// A header whose closing bracket has not been seen yet.
struct Header {
    start: usize,
    array: bool,
}

struct Builder<'t> {
    source: Source<'t>,
    root: Table<'t>,
    /// Keys read and not used yet, of the header or of all open key-value pairs.
    keys: Vec<Key<'t>>,
    frames: Vec<Frame<'t>>,
    header: Option<Header>,
    /// Places of the entries that lead from the root to the table under the current header; `None` when the header
    /// is no good, so what follows it has no place.
    current: Option<Vec<usize>>,
    /// The words of the current header.
    current_names: Vec<String>,
    too_deep: bool,
    findings: Vec<Diagnostic>,
}

impl<'t> Builder<'t> {
    fn new(source: Source<'t>) -> Self {
        Self {
            source,
            root: Table::new(Origin::Header),
            keys: Vec::new(),
            frames: Vec::new(),
            header: None,
            current: Some(Vec::new()),
            current_names: Vec::new(),
            too_deep: false,
            findings: Vec::new(),
        }
    }

    /// Opens an array or inline table; refuses beyond the depth that the rest of the program is made for.
    fn open(&mut self, open: Open<'t>, span: toml_parser::Span) -> bool {
        self.frames.push(Frame { open, start: span.start(), keys_below: self.keys.len() });
        let depth = self.current_names.len() + self.keys.len() + self.frames.len();
        let allowed = depth <= MAX_DEPTH;
        if !allowed {
            self.report_depth(span.start()..span.end());
        }
        allowed
    }

    fn report_depth(&mut self, span: Span) {
        if !self.too_deep {
            self.too_deep = true;
            self.findings.push(super::too_deep(span));
        }
    }

    fn close(&mut self, span: toml_parser::Span) {
        let Some(frame) = self.frames.pop() else { return };
        self.keys.truncate(frame.keys_below);
        let value = match frame.open {
            Open::List(items) => TreeValue::List(items),
            Open::Table(table) => TreeValue::Table(table),
        };
        self.place(Tree { value, span: frame.start..span.end() });
    }

    /// Puts a finished value where it belongs.
    fn place(&mut self, value: Tree<'t>) {
        let clash = match self.frames.last_mut() {
            Some(Frame { open: Open::List(items), .. }) => {
                items.push(value);
                return;
            }
            Some(Frame { open: Open::Table(table), keys_below, .. }) => {
                insert(table, &mut self.keys, *keys_below, value)
            }
            None if self.current_names.len() + self.keys.len() > MAX_DEPTH => {
                let span = self.keys.last().map_or(0..0, |key| key.span.clone());
                self.keys.clear();
                self.report_depth(span);
                return;
            }
            None => match self.current.as_deref().and_then(|path| walk(&mut self.root, path)) {
                Some(table) => insert(table, &mut self.keys, 0, value),
                None => {
                    self.keys.clear();
                    return;
                }
            },
        };
        if let Err(mut clash) = clash {
            if self.frames.is_empty() {
                clash.path.splice(0..0, self.current_names.iter().cloned());
            }
            self.findings.push(toml_mistakes::explain_clash(&clash));
        }
    }

    /// Makes the table of a header the current one.
    fn finish_header(&mut self, end: usize) {
        let Some(header) = self.header.take() else { return };
        let keys = std::mem::take(&mut self.keys);
        self.current_names = keys.iter().map(|key| key.text.to_string()).collect();
        let span = header.start..end;
        self.current = None;
        if keys.len() > MAX_DEPTH {
            self.current_names.clear();
            self.report_depth(span);
        } else if keys.iter().all(|key| !key.span.is_empty()) {
            match define(&mut self.root, keys, header.array, &span) {
                Ok(path) => self.current = Some(path),
                Err(clash) => self.findings.push(toml_mistakes::explain_clash(&clash)),
            }
        }
    }

    fn decode_scalar(&mut self, span: Span, encoding: Option<Encoding>, sink: &mut dyn ErrorSink) -> TreeValue<'t> {
        let place = toml_parser::Span::new_unchecked(span.start, span.end);
        let Some(raw) = self.source.get(place) else { return TreeValue::Broken };
        let raw = toml_parser::Raw::new_unchecked(raw.as_str(), encoding, place);
        let mut text = Cow::Borrowed("");
        let mut watch = Watch { sink, seen: false };
        let kind = raw.decode_scalar(&mut text, &mut watch);
        if watch.seen {
            return TreeValue::Broken;
        }
        let read = match kind {
            ScalarKind::String => Some(TreeValue::Text(text)),
            ScalarKind::Boolean(truth) => Some(TreeValue::Bool(truth)),
            // Dates have no type of their own in a melody.
            ScalarKind::DateTime => {
                let date = toml_edit::Datetime::from_str(&text).ok();
                date.map(|date| TreeValue::Text(Cow::Owned(date.to_string())))
            }
            ScalarKind::Float => text.parse::<f64>().ok().filter(|float| float.is_finite()).map(TreeValue::Float),
            ScalarKind::Integer(radix) => i64::from_str_radix(&text, radix.value()).ok().map(TreeValue::Int),
        };
        read.unwrap_or_else(|| {
            self.findings.push(toml_mistakes::explain_scalar(kind, span));
            TreeValue::Broken
        })
    }
}

impl EventReceiver for Builder<'_> {
    fn std_table_open(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) {
        self.keys.clear();
        self.frames.clear();
        self.header = Some(Header { start: span.start(), array: false });
    }
    fn array_table_open(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) {
        self.keys.clear();
        self.frames.clear();
        self.header = Some(Header { start: span.start(), array: true });
    }
    fn std_table_close(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) {
        self.finish_header(span.end());
    }
    fn array_table_close(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) {
        self.finish_header(span.end());
    }
    fn inline_table_open(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) -> bool {
        self.open(Open::Table(Table::new(Origin::Inline)), span)
    }
    fn inline_table_close(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) {
        self.close(span);
    }
    fn array_open(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) -> bool {
        self.open(Open::List(Vec::new()), span)
    }
    fn array_close(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) {
        self.close(span);
    }
    fn simple_key(&mut self, span: toml_parser::Span, encoding: Option<Encoding>, sink: &mut dyn ErrorSink) {
        // Far more words than a path may have are not worth keeping; the surplus is enough to be noticed.
        if self.keys.len() > 2 * MAX_DEPTH {
            return;
        }
        let mut text = Cow::Borrowed("");
        if let Some(raw) = self.source.get(span) {
            toml_parser::Raw::new_unchecked(raw.as_str(), encoding, span).decode_key(&mut text, sink);
        }
        self.keys.push(Key { text, span: span.start()..span.end() });
    }
    fn scalar(&mut self, span: toml_parser::Span, encoding: Option<Encoding>, sink: &mut dyn ErrorSink) {
        let span = span.start()..span.end();
        let value = self.decode_scalar(span.clone(), encoding, sink);
        self.place(Tree { value, span });
    }
    fn value_sep(&mut self, _: toml_parser::Span, _: &mut dyn ErrorSink) {
        // A key whose value never came must not become part of the next key.
        if let Some(Frame { open: Open::Table(_), keys_below, .. }) = self.frames.last() {
            self.keys.truncate(*keys_below);
        }
    }
    fn newline(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) {
        // A header that is not closed in its line counts as closed: the lines below it are meant to be its own.
        self.finish_header(span.start());
        if self.frames.is_empty() {
            self.keys.clear();
        }
    }
}

/// Follows places of entries down from the root; through a list of tables it goes to the last one.
fn walk<'a, 't>(root: &'a mut Table<'t>, path: &[usize]) -> Option<&'a mut Table<'t>> {
    path.iter().try_fold(root, |table, at| table_of(&mut table.entries.get_mut(*at)?.value))
}

fn table_of<'a, 't>(tree: &'a mut Tree<'t>) -> Option<&'a mut Table<'t>> {
    match &mut tree.value {
        TreeValue::Table(table) => Some(table),
        TreeValue::List(items) => match &mut items.last_mut()?.value {
            TreeValue::Table(table) if table.origin == Origin::Element => Some(table),
            _ => None,
        },
        _ => None,
    }
}

/// Whether this is a list made of `[[…]]` tables.
fn is_list_of_tables(tree: &Tree<'_>) -> bool {
    let TreeValue::List(items) = &tree.value else { return false };
    matches!(items.last(), Some(Tree { value: TreeValue::Table(table), .. }) if table.origin == Origin::Element)
}

/// Inserts a value under the (dotted) key that stands in `keys` from `first` on.
fn insert<'t>(table: &mut Table<'t>, keys: &mut Vec<Key<'t>>, first: usize, value: Tree<'t>) -> Result<(), Clash> {
    let Some(last) = (keys.len() > first).then(|| keys.pop()).flatten() else { return Ok(()) };
    let mut path = Vec::new();
    let mut table = table;
    for key in keys.drain(first..) {
        let at = match table.find(&key.text) {
            Some(at) => at,
            None => {
                let span = key.span.clone();
                let value = TreeValue::Table(Table::new(Origin::Dotted));
                table.push(key.clone(), Tree { value, span })
            }
        };
        let entry = table.entries.get_mut(at);
        let Some(Entry { key: first, value: tree }) = entry else { return Ok(()) };
        match &mut tree.value {
            TreeValue::Table(inner) if matches!(inner.origin, Origin::Dotted | Origin::Parent) => {}
            value => return Err(Clash::extends(path, &key, first, value)),
        }
        let TreeValue::Table(inner) = &mut tree.value else { return Ok(()) };
        inner.origin = Origin::Dotted;
        path.push(key.text.into_owned());
        table = inner;
    }
    // An empty key stands for one that is missing, which has been reported.
    if last.span.is_empty() {
        return Ok(());
    }
    match table.find(&last.text).and_then(|at| table.entries.get(at)) {
        Some(first) => Err(Clash::twice(path, &last, &first.key, &first.value.value)),
        None => {
            table.push(last, value);
            Ok(())
        }
    }
}

/// Defines the table of a header. Returns the places of the entries that lead to it.
fn define<'t>(root: &mut Table<'t>, keys: Vec<Key<'t>>, array: bool, span: &Span) -> Result<Vec<usize>, Clash> {
    let mut path = Vec::with_capacity(keys.len());
    let mut names = Vec::new();
    let mut table = root;
    let last = keys.len().saturating_sub(1);
    for (depth, key) in keys.into_iter().enumerate() {
        let make = |origin| Tree { value: TreeValue::Table(Table::new(origin)), span: span.clone() };
        let at = match table.find(&key.text) {
            None if depth < last => table.push(key.clone(), make(Origin::Parent)),
            None if array => {
                let value = TreeValue::List(vec![make(Origin::Element)]);
                table.push(key.clone(), Tree { value, span: span.clone() })
            }
            None => table.push(key.clone(), make(Origin::Header)),
            Some(at) => {
                let Some(Entry { key: first, value: tree }) = table.entries.get_mut(at) else { return Ok(path) };
                let many = is_list_of_tables(tree);
                match &mut tree.value {
                    TreeValue::Table(inner) if depth < last && inner.origin != Origin::Inline => {}
                    TreeValue::List(_) if depth < last && many => {}
                    TreeValue::Table(inner) if depth == last && !array && inner.origin == Origin::Parent => {
                        inner.origin = Origin::Header;
                        tree.span = span.clone();
                        first.span = key.span.clone();
                    }
                    TreeValue::List(items) if depth == last && array && many => items.push(make(Origin::Element)),
                    value if depth < last => return Err(Clash::extends(names, &key, first, value)),
                    value => return Err(Clash::twice(names, &key, first, value).of_header(array)),
                }
                at
            }
        };
        path.push(at);
        names.push(key.text.into_owned());
        match table.entries.get_mut(at).and_then(|entry| table_of(&mut entry.value)) {
            Some(inner) => table = inner,
            None => return Ok(path),
        }
    }
    Ok(path)
}
