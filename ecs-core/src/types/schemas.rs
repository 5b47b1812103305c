//! Named JSON Schemas, compiled once and asked at the border.

use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The schemas of a melody's `[types]`, compiled.
///
/// A schema stands alone: a `$ref` to another document is refused, so nothing is read from disk or network. Patterns
/// run on an engine whose time is linear in the text.
#[derive(Clone, Default)]
pub struct Schemas {
    by_name: BTreeMap<String, Arc<Schema>>,
}

struct Schema {
    text: Json,
    validator: jsonschema::Validator,
}

/// Why a schema cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SchemaError {
    /// What is wrong with it, in one sentence without a full stop.
    pub message: String,
}

/// Answers every reference to another document with a refusal.
struct NoDocuments;

impl jsonschema::Retrieve for NoDocuments {
    fn retrieve(&self, uri: &jsonschema::Uri<String>) -> Result<Json, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("`{uri}` is another document; a schema must stand alone, so move it below `$defs`").into())
    }
}

/// Compiles a schema that stands alone.
pub(crate) fn compile(schema: &Json) -> Result<jsonschema::Validator, SchemaError> {
    jsonschema::options()
        .with_retriever(NoDocuments)
        .with_pattern_options(jsonschema::PatternOptions::regex())
        .build(schema)
        .map_err(|error| SchemaError { message: error.to_string() })
}

impl Schemas {
    /// No schemas.
    pub fn new() -> Self {
        Self::default()
    }

    /// Compiles a schema under a name; one of the same name is replaced.
    pub fn add(&mut self, name: impl Into<String>, schema: Json) -> Result<(), SchemaError> {
        let validator = compile(&schema)?;
        self.by_name.insert(name.into(), Arc::new(Schema { text: schema, validator }));
        Ok(())
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// The schema of a name, as it was written.
    pub fn text(&self, name: &str) -> Option<&Json> {
        self.by_name.get(name).map(|schema| &schema.text)
    }

    /// The compiled schema of a name.
    pub(super) fn validator(&self, name: &str) -> Option<&jsonschema::Validator> {
        self.by_name.get(name).map(|schema| &schema.validator)
    }
}

impl fmt::Debug for Schemas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

impl PartialEq for Schemas {
    fn eq(&self, other: &Self) -> bool {
        let texts = |schemas: &Self| -> Vec<(String, Json)> {
            schemas.by_name.iter().map(|(name, schema)| (name.clone(), schema.text.clone())).collect()
        };
        texts(self) == texts(other)
    }
}
