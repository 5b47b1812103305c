//! Sample values: what a port gives in a forecast when nobody has said what it gives. The same value every time.

use serde_json::{Value as Json, json};
use std::sync::Arc;
use symphony_ecs_core::types::{PortType, Schemas};
use symphony_ecs_core::value::{ArtifactRef, Digest, Value};

/// Items of a sample list: enough for a map to show what it does.
pub const ITEMS: usize = 3;

/// How deep samples of schemas go.
const DEEPEST: usize = 8;

/// A value of a type. Lists have so many items, texts say that they are samples, objects have what their schema requires.
pub fn sample(ty: &PortType, schemas: &Schemas, items: usize) -> Value {
    match ty {
        PortType::Any | PortType::Text => Value::text("sample"),
        PortType::Bool => Value::Bool(false),
        PortType::Int => Value::Int(0),
        PortType::Float => Value::Float(0.0),
        PortType::Bytes => Value::Bytes(Arc::from([])),
        PortType::Json(None) => Value::map::<String>([]),
        PortType::Json(Some(name)) => {
            let schema = schemas.text(name);
            schema.map_or_else(
                || Value::map::<String>([]),
                |schema| Value::from_json(&of_schema(schema, schema, DEEPEST)),
            )
        }
        PortType::Enum(words) => words.first().map(|word| Value::text(word.as_str())).unwrap_or_default(),
        PortType::List(item) => Value::list(vec![sample(item, schemas, items); items]),
        PortType::Artifact(media) => {
            let media = media.as_ref();
            let kind = media.map_or("application", |media| media.kind.as_str());
            let subtype = media.and_then(|media| media.subtype.as_deref()).unwrap_or("octet-stream");
            let media_type = format!("{kind}/{subtype}");
            Value::Artifact(Arc::new(ArtifactRef { digest: Digest::of(media_type.as_bytes()), media_type, size: 0 }))
        }
        PortType::Optional(_) => Value::Absent,
        PortType::Union(types) => types.first().map(|ty| sample(ty, schemas, items)).unwrap_or_default(),
    }
}

/// The plainest JSON that a schema is likely to take.
fn of_schema(schema: &Json, root: &Json, deepest: usize) -> Json {
    if deepest == 0 {
        return Json::Null;
    }
    let of = |schema: &Json| of_schema(schema, root, deepest - 1);
    if let Some(known) = ["const", "default"].iter().find_map(|key| schema.get(key)) {
        return known.clone();
    }
    if let Some(first) = ["enum", "examples"].iter().find_map(|key| schema.get(key)?.get(0)) {
        return first.clone();
    }
    if let Some(place) = schema.get("$ref").and_then(Json::as_str).and_then(|place| place.strip_prefix('#')) {
        return root.pointer(place).map_or(Json::Null, of);
    }
    if let Some(first) = ["oneOf", "anyOf", "allOf"].iter().find_map(|key| schema.get(key)?.get(0)) {
        return of(first);
    }
    let kind = schema.get("type");
    let kind = kind
        .and_then(|kind| kind.get(0).unwrap_or(kind).as_str())
        .unwrap_or(if schema.get("properties").is_some() { "object" } else { "null" });
    let number = |key: &str| schema.get(key).and_then(Json::as_f64);
    match kind {
        "object" => {
            let required =
                schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
            let property = |name: &str| schema.get("properties").and_then(|all| all.get(name)).map_or(Json::Null, of);
            Json::Object(required.map(|name| (name.to_owned(), property(name))).collect())
        }
        "array" => {
            let least = number("minItems").unwrap_or(0.0).clamp(0.0, 100.0) as usize;
            let item = schema.get("items").map_or(Json::Null, of);
            Json::Array(vec![item; least.max(usize::from(schema.get("items").is_some()) * ITEMS)])
        }
        "string" => json!("sample"),
        "boolean" => json!(false),
        "integer" => json!(number("minimum").unwrap_or(0.0).ceil() as i64),
        "number" => json!(number("minimum").unwrap_or(0.0)),
        _ => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_fit_their_types() {
        let mut schemas = Schemas::new();
        let schema = json!({
            "type": "object", "required": ["score", "notes", "kind", "where"],
            "properties": {
                "score": { "type": "number", "minimum": 0.5 },
                "notes": { "type": "array", "items": { "type": "string" } },
                "kind": { "enum": ["a", "b"] },
                "where": { "$ref": "#/$defs/place" },
                "left_out": { "type": "string" }
            },
            "$defs": { "place": { "type": "object", "required": ["line"], "properties": { "line": { "type": "integer" } } } }
        });
        schemas.add("Report", schema).unwrap();
        for text in [
            "any",
            "bool",
            "int",
            "float",
            "text",
            "bytes",
            "json",
            "json<Report>",
            "enum<a|b>",
            "list<list<int>>",
            "artifact",
            "artifact<text/*>",
            "artifact<text/markdown>",
            "int|text",
            "text?",
        ] {
            let ty = PortType::parse(text).unwrap();
            let value = sample(&ty, &schemas, ITEMS);
            if value.is_present() {
                ty.check_value(&value, &schemas).unwrap_or_else(|error| panic!("{text}: {error}"));
            } else {
                assert!(ty.may_be_absent(), "{text}");
            }
        }
        assert_eq!(sample(&PortType::parse("list<int>").unwrap(), &schemas, ITEMS).as_list().unwrap().len(), 3);
    }
}
