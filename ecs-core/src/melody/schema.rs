//! The published JSON Schema of the canonical JSON.
//!
//! It says what the reader says, as far as a schema can: which keys there are, which form their values have, which
//! keys exclude each other. It does not know which nodes exist; the checker does.

use super::model::{ApproveElse, Backoff, EdgeKind, ErrorClass, OnError};
use super::parse::{FORMAT, RESERVED};
use super::words::Word;
use serde_json::{Value, json};

/// The JSON Schema (2020-12) of a melody's canonical JSON, for editors and other programs.
pub fn json_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:symphony:schema:melody:1",
        "title": "Melody",
        "description": "A workflow of Symphony, in the canonical JSON of NAME.melody.toml.",
        "type": "object",
        "required": ["format", "name"],
        "additionalProperties": false,
        "properties": {
            "format": { "const": FORMAT, "description": "Version of the format." },
            "name": { "type": "string", "pattern": "^[a-z][a-z0-9_-]{0,62}[a-z0-9_]$|^[a-z]$" },
            "title": { "type": "string" },
            "description": { "type": "string" },
            "on": { "$ref": "#/$defs/triggers" },
            "limits": { "$ref": "#/$defs/limits" },
            "types": {
                "type": "object",
                "propertyNames": { "pattern": "^[A-Za-z][A-Za-z0-9_]{0,63}$" },
                "additionalProperties": { "anyOf": [{ "$ref": "#/$defs/path" }, { "type": "object" }] }
            },
            "inputs": named("input"),
            "outputs": named("source"),
            "node": named("node")
        },
        "$defs": definitions()
    })
}

/// A table whose keys are ids and whose values have one definition.
fn named(definition: &str) -> Value {
    json!({
        "type": "object",
        "propertyNames": { "$ref": "#/$defs/id" },
        "additionalProperties": { "$ref": format!("#/$defs/{definition}") }
    })
}

fn words<W: Word>() -> Value {
    json!({ "enum": W::WORDS.iter().map(|(word, _)| *word).collect::<Vec<_>>() })
}

fn definitions() -> Value {
    let mut all = serde_json::Map::new();
    for part in [scalars(), head(), edges(), node(), flow()] {
        if let Value::Object(part) = part {
            all.extend(part);
        }
    }
    Value::Object(all)
}

fn scalars() -> Value {
    json!({
        "id": { "type": "string", "pattern": "^[a-z][a-z0-9_]{0,63}$", "not": { "enum": RESERVED } },
        "path": { "type": "string", "pattern": "\\S" },
        "type": { "type": "string", "minLength": 1, "description": "A port type such as `text`, `list<int>` or `artifact<text/*>`." },
        "expression": { "type": "string", "minLength": 1, "description": "A CEL expression." },
        "duration": { "type": "string", "pattern": "^(?=.)([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$" },
        "size": { "type": "string", "pattern": "^[0-9]+(TiB|GiB|MiB|KiB|TB|GB|MB|kB|B)$" },
        "player": {
            "type": "string",
            "description": "KIND:NAME/OPERATION@RANGE, melody:PATH or mcp:SERVER/TOOL.",
            "pattern": "^((builtin|operator|instrument|addon):[a-z][a-z0-9_.-]*(/[a-z][a-z0-9_.-]*)?(@.+)?|melody:\\S(.*\\S)?|mcp:[a-z][a-z0-9_.-]*/[A-Za-z0-9_./-]+)$"
        },
        "count": { "type": "integer", "minimum": 1, "maximum": u32::MAX }
    })
}

fn head() -> Value {
    json!({
        "triggers": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "manual": { "type": "boolean" },
                "schedule": one_or_many("schedule"),
                "event": one_or_many("event"),
                "api": { "type": "boolean" },
                "after": one_or_many("after"),
                "debounce": { "$ref": "#/$defs/duration" },
                "concurrency": { "enum": ["queue", "skip", "replace", "parallel"] }
            }
        },
        "schedule": {
            "type": "object",
            "required": ["cron"],
            "additionalProperties": false,
            "properties": {
                "cron": { "type": "string", "pattern": "^\\s*(\\S+\\s+){4}\\S+\\s*$" },
                "tz": { "type": "string" },
                "missed": { "enum": ["skip", "once", "all"] }
            }
        },
        "event": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": false,
            "properties": { "artifact": { "type": "string" }, "file": { "type": "string" }, "topic": { "type": "string" } }
        },
        "after": {
            "anyOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "required": ["melody"],
                    "additionalProperties": false,
                    "properties": { "melody": { "type": "string" }, "ended": { "enum": ["completed", "failed", "any"] } }
                }
            ]
        },
        "limits": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "wall": { "$ref": "#/$defs/duration", "description": "Of a run; nodes have none." },
                "timeout": { "$ref": "#/$defs/duration" },
                "parallel": { "$ref": "#/$defs/count" },
                "cost_usd": { "type": "number", "minimum": 0, "maximum": 1_000_000_000 },
                "tokens": { "type": "integer", "minimum": 0, "maximum": i64::MAX },
                "mem": { "$ref": "#/$defs/size" },
                "cpu": { "anyOf": [{ "type": "integer", "minimum": 1, "maximum": i64::MAX }, { "$ref": "#/$defs/duration" }] }
            }
        },
        "input": {
            "type": "object",
            "required": ["type"],
            "additionalProperties": false,
            "properties": {
                "type": { "$ref": "#/$defs/type" },
                "required": { "type": "boolean" },
                "default": true,
                "description": { "type": "string" }
            }
        }
    })
}

fn one_or_many(definition: &str) -> Value {
    let one = json!({ "$ref": format!("#/$defs/{definition}") });
    json!({ "anyOf": [one, { "type": "array", "items": one }] })
}

/// A table with the keys of one form of a source, all of them required but `default` and `kind`.
fn form(properties: Value) -> Value {
    let keys = properties.as_object().into_iter().flat_map(|object| object.keys());
    let required: Vec<_> = keys.filter(|key| !matches!(key.as_str(), "default" | "kind")).collect();
    json!({ "type": "object", "required": required, "additionalProperties": false, "properties": properties })
}

fn edges() -> Value {
    let candidates = json!({ "$ref": "#/$defs/candidates" });
    let from = form(json!({ "from": { "$ref": "#/$defs/reference" }, "kind": words::<EdgeKind>(), "default": true }));
    json!({
        "reference": { "type": "string", "pattern": "^([a-z][a-z0-9_]*\\.[a-z][a-z0-9_]*|[a-z][a-z0-9_]*)$" },
        "pattern": { "type": "string", "pattern": "^[a-z0-9_*]*\\*[a-z0-9_*]*\\.[a-z][a-z0-9_]*$" },
        "source": {
            "anyOf": [
                { "$ref": "#/$defs/reference" },
                from,
                form(json!({ "value": true })),
                form(json!({ "expr": { "$ref": "#/$defs/expression" } })),
                form(json!({ "all": candidates, "default": true })),
                form(json!({ "any_of": candidates, "default": true })),
                form(json!({ "first_of": candidates, "default": true })),
                form(json!({ "n_of": { "$ref": "#/$defs/count" }, "from": candidates, "default": true }))
            ]
        },
        "candidates": {
            "type": "array",
            "minItems": 1,
            "items": { "anyOf": [{ "$ref": "#/$defs/reference" }, { "$ref": "#/$defs/pattern" }, from] }
        },
        "bindings": named("source"),
        "need": {
            "anyOf": [
                { "$ref": "#/$defs/id" },
                {
                    "type": "object",
                    "required": ["node"],
                    "additionalProperties": false,
                    "properties": { "node": { "$ref": "#/$defs/id" }, "kind": { "enum": ["hard", "soft"] } }
                }
            ]
        }
    })
}

fn node() -> Value {
    json!({
        "node": {
            "type": "object",
            "oneOf": [{ "required": ["uses"] }, { "required": ["loop"] }],
            "additionalProperties": false,
            "properties": {
                "title": { "type": "string" },
                "description": { "type": "string" },
                "note": { "type": "string" },
                "uses": { "anyOf": [
                    { "$ref": "#/$defs/player" },
                    { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/player" } }
                ] },
                "in": { "$ref": "#/$defs/bindings" },
                "with": { "$ref": "#/$defs/settings" },
                "out": named("type"),
                "needs": { "type": "array", "items": { "$ref": "#/$defs/need" } },
                "if": { "$ref": "#/$defs/expression" },
                "gate": { "$ref": "#/$defs/expression" },
                "map": { "$ref": "#/$defs/map" },
                "loop": { "$ref": "#/$defs/loop" },
                "retry": { "$ref": "#/$defs/retry" },
                "on_error": words::<OnError>(),
                "reconstruct": { "$ref": "#/$defs/side_call" },
                "undo": { "$ref": "#/$defs/side_call" },
                "approve": { "$ref": "#/$defs/approve" },
                "limits": { "$ref": "#/$defs/limits", "properties": { "wall": false } },
                "estimate": { "$ref": "#/$defs/estimate" },
                "reuse": { "type": "boolean", "description": "Whether an earlier result may stand in for a call." }
            }
        },
        "estimate": {
            "type": "object",
            "description": "What one call is expected to take. Forecasts read it; playing does not.",
            "additionalProperties": false,
            "properties": {
                "seconds": { "type": "number", "minimum": 0 },
                "cost_usd": { "type": "number", "minimum": 0, "maximum": 1e9 },
                "tokens": { "type": "integer", "minimum": 0 },
                "failure": { "type": "number", "minimum": 0, "maximum": 1 }
            }
        },
        "settings": {
            "type": "object",
            "description": "Settings of the player: constants, and `{\"secret\": \"NAME\"}`, which the host resolves."
        }
    })
}

fn flow() -> Value {
    json!({
        "map": {
            "type": "object",
            "required": ["over"],
            "additionalProperties": false,
            "properties": {
                "over": { "anyOf": [
                    { "$ref": "#/$defs/reference" },
                    form(json!({ "from": { "$ref": "#/$defs/reference" }, "kind": words::<EdgeKind>(), "default": true })),
                    form(json!({ "expr": { "$ref": "#/$defs/expression" } }))
                ] },
                "as": { "anyOf": [{ "$ref": "#/$defs/id" }, { "const": "item" }] },
                "max_parallel": { "$ref": "#/$defs/count" }
            }
        },
        "loop": {
            "type": "object",
            "required": ["body", "max"],
            "additionalProperties": false,
            "properties": {
                "body": { "$ref": "#/$defs/path" },
                "carry": named("id"),
                "until": { "$ref": "#/$defs/expression" },
                "max": { "$ref": "#/$defs/count" }
            }
        },
        "retry": {
            "type": "object",
            "required": ["max"],
            "additionalProperties": false,
            "properties": {
                "max": { "$ref": "#/$defs/count" },
                "backoff": words::<Backoff>(),
                "base": { "$ref": "#/$defs/duration" },
                "on": { "type": "array", "items": words::<ErrorClass>() },
                "vary": { "type": "object", "additionalProperties": { "type": "array", "minItems": 1 } }
            }
        },
        "side_call": {
            "type": "object",
            "required": ["uses"],
            "additionalProperties": false,
            "properties": {
                "uses": { "$ref": "#/$defs/player" },
                "in": { "$ref": "#/$defs/bindings" },
                "with": { "$ref": "#/$defs/settings" }
            }
        },
        "approve": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "by": { "const": "human" },
                "timeout": { "$ref": "#/$defs/duration" },
                "else": words::<ApproveElse>()
            }
        }
    })
}
