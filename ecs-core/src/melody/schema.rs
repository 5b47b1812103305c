//! The published JSON Schema of the canonical JSON.

use serde_json::{Value, json};

/// The JSON Schema (2020-12) of a melody's canonical JSON, for editors and other programs.
pub fn json_schema() -> Value {
    json!({})
}
