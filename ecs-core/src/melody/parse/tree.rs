//! The spanned tree: what TOML and JSON texts have in common, before anything is known about melodies.
//!
//! Both front ends build it and one reader turns it into a [`Melody`](crate::melody::model::Melody), so the two
//! forms cannot drift apart. Text is borrowed from the source wherever it needs no decoding.

use crate::melody::model::Span;
use crate::value::Value;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// Arrays and tables may be nested this deep.
pub(super) const MAX_DEPTH: usize = 64;

/// Tables with more entries than this get an index.
const INDEX_FROM: usize = 12;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tree<'t> {
    pub value: TreeValue<'t>,
    pub span: Span,
}

/// What stands there.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TreeValue<'t> {
    /// Something that could not be read; it has been reported already.
    Broken,
    /// JSON's `null`.
    Null,
    Bool(bool),
    Int(i64),
    /// Always finite.
    Float(f64),
    Text(Cow<'t, str>),
    List(Vec<Tree<'t>>),
    Table(Table<'t>),
}

/// A key and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key<'t> {
    pub text: Cow<'t, str>,
    pub span: Span,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry<'t> {
    pub key: Key<'t>,
    pub value: Tree<'t>,
}

/// How a table came to be. TOML decides by it which tables may still be extended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// By its own header `[a.b]` (and the root).
    Header,
    /// As an element of `[[a.b]]`.
    Element,
    /// As the parent of a header: `a` of `[a.b]`.
    Parent,
    /// By a dotted key: `a` of `a.b = 1`.
    Dotted,
    /// Written in one piece: `{ … }`.
    Inline,
}

/// Entries in the order of the text.
#[derive(Clone, Debug)]
pub(super) struct Table<'t> {
    pub entries: Vec<Entry<'t>>,
    pub origin: Origin,
    /// Key → place in `entries`, once there are many.
    index: Option<HashMap<Cow<'t, str>, usize>>,
}

impl PartialEq for Table<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl<'t> Table<'t> {
    pub fn new(origin: Origin) -> Self {
        Self { entries: Vec::new(), origin, index: None }
    }

    /// The place of a key's entry.
    pub fn find(&self, key: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(key).copied(),
            None => self.entries.iter().position(|entry| entry.key.text == key),
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Tree<'t>> {
        self.find(key).and_then(|at| self.entries.get(at)).map(|entry| &entry.value)
    }

    /// Adds an entry whose key is known to be new, and says where it stands.
    pub fn push(&mut self, key: Key<'t>, value: Tree<'t>) -> usize {
        let at = self.entries.len();
        if let Some(index) = &mut self.index {
            index.insert(key.text.clone(), at);
        }
        self.entries.push(Entry { key, value });
        if self.index.is_none() && self.entries.len() > INDEX_FROM {
            let places = self.entries.iter().enumerate();
            self.index = Some(places.map(|(at, entry)| (entry.key.text.clone(), at)).collect());
        }
        at
    }
}

impl Tree<'_> {
    /// What stands there, in words.
    pub fn kind(&self) -> &'static str {
        match self.value {
            TreeValue::Broken => "unreadable",
            TreeValue::Null => "null",
            TreeValue::Bool(_) => "a truth value",
            TreeValue::Int(_) => "a whole number",
            TreeValue::Float(_) => "a number with a fraction",
            TreeValue::Text(_) => "text",
            TreeValue::List(_) => "a list",
            TreeValue::Table(_) => "a table",
        }
    }

    /// The tree as a value that can travel along an edge.
    pub fn to_value(&self) -> Value {
        match &self.value {
            TreeValue::Broken | TreeValue::Null => Value::Absent,
            TreeValue::Bool(truth) => Value::Bool(*truth),
            TreeValue::Int(int) => Value::Int(*int),
            TreeValue::Float(float) => Value::Float(*float),
            TreeValue::Text(text) => Value::text(text.as_ref()),
            TreeValue::List(items) => Value::list(items.iter().map(Tree::to_value).collect()),
            TreeValue::Table(table) => {
                let entries = table.entries.iter();
                let map: BTreeMap<String, Value> =
                    entries.map(|entry| (entry.key.text.to_string(), entry.value.to_value())).collect();
                // Handles and bytes are spelled as objects; their spelling is known in one place only.
                if map.contains_key("$artifact") || map.contains_key("$bytes") {
                    Value::from_json(&Value::Map(map.into()).to_json())
                } else {
                    Value::Map(map.into())
                }
            }
        }
    }

    /// The tree as plain JSON data.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            TreeValue::Broken | TreeValue::Null => Json::Null,
            TreeValue::Bool(truth) => Json::Bool(*truth),
            TreeValue::Int(int) => Json::from(*int),
            TreeValue::Float(float) => Json::from(*float),
            TreeValue::Text(text) => Json::from(text.as_ref()),
            TreeValue::List(items) => Json::Array(items.iter().map(Tree::to_json).collect()),
            TreeValue::Table(table) => {
                let entries = table.entries.iter();
                Json::Object(entries.map(|entry| (entry.key.text.to_string(), entry.value.to_json())).collect())
            }
        }
    }
}
