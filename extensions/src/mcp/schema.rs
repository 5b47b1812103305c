//! The type of a port from a JSON Schema: what the schema says that port types can say, and `json` or `any` for the rest.

use serde_json::{Map, Value as Json};
use symphony_ecs_core::types::PortType;

/// Schemas nested deeper than this are `any` from there on; a `$ref` that leads back to itself ends here too.
const DEEPEST: usize = 16;

/// The type of the values that `schema` describes. `root` is the document that `$ref` points into.
///
/// The type never refuses a value that the schema allows; the server itself holds arguments against the whole schema.
pub fn port_type(schema: &Json, root: &Json) -> PortType {
    type_of(schema, root, 0)
}

fn type_of(schema: &Json, root: &Json, depth: usize) -> PortType {
    let Json::Object(map) = schema else { return PortType::Any };
    if depth > DEEPEST {
        return PortType::Any;
    }
    if let Some(target) = map.get("$ref").and_then(Json::as_str) {
        let found = target.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return found.map_or(PortType::Any, |found| type_of(found, root, depth + 1));
    }
    if let Some(constant) = map.get("const") {
        return words(std::slice::from_ref(constant));
    }
    if let Some(Json::Array(options)) = map.get("enum") {
        return words(options);
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(Json::Array(members)) = map.get(key) {
            return union(members.iter().map(|member| type_of(member, root, depth + 1)));
        }
    }
    if let Some(Json::Array(parts)) = map.get("allOf") {
        return match parts.as_slice() {
            [only] => type_of(only, root, depth + 1),
            _ => PortType::Any,
        };
    }
    match map.get("type") {
        Some(Json::String(word)) => named(word, map, root, depth),
        Some(Json::Array(several)) => {
            union(several.iter().filter_map(Json::as_str).map(|word| named(word, map, root, depth)))
        }
        _ => PortType::Any,
    }
}

fn named(word: &str, map: &Map<String, Json>, root: &Json, depth: usize) -> PortType {
    match word {
        "string" => PortType::Text,
        "integer" => PortType::Int,
        "number" => PortType::Float,
        "boolean" => PortType::Bool,
        "array" => {
            let items = map.get("items").map_or(PortType::Any, |items| type_of(items, root, depth + 1));
            PortType::list(items)
        }
        "object" => PortType::Json(None),
        "null" => PortType::Any.optional(),
        _ => PortType::Any,
    }
}

/// The type of one of these constants.
fn words(options: &[Json]) -> PortType {
    let nullable = options.iter().any(Json::is_null);
    let given: Vec<&Json> = options.iter().filter(|option| !option.is_null()).collect();
    let texts: Option<Vec<String>> = given.iter().map(|option| option.as_str().map(str::to_owned)).collect();
    let ty = match texts {
        Some(texts) if !texts.is_empty() => {
            let ty = PortType::Enum(texts);
            // A word that a melody could not spell leaves plain text.
            if PortType::parse(&ty.to_string()).as_ref() == Ok(&ty) { ty } else { PortType::Text }
        }
        _ if !given.is_empty() && given.iter().all(|option| option.is_i64()) => PortType::Int,
        _ if !given.is_empty() && given.iter().all(|option| option.is_number()) => PortType::Float,
        _ if !given.is_empty() && given.iter().all(|option| option.is_boolean()) => PortType::Bool,
        _ => PortType::Any,
    };
    // `any` takes nothing as it is; `any?` is kept for what is nothing and no more.
    if nullable && (given.is_empty() || ty != PortType::Any) { ty.optional() } else { ty }
}

/// One of these types. `null` among them makes the whole optional; `any` among them makes it `any`.
fn union(members: impl Iterator<Item = PortType>) -> PortType {
    let mut nullable = false;
    let mut present = Vec::new();
    for member in members {
        match member {
            PortType::Optional(inner) => {
                nullable = true;
                // `null` alone is written `any?`.
                if *inner != PortType::Any {
                    present.push(*inner);
                }
            }
            other => present.push(other),
        }
    }
    if present.contains(&PortType::Any) {
        return PortType::Any;
    }
    let ty = PortType::union(present);
    if nullable { ty.optional() } else { ty }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use symphony_ecs_core::types::Schemas;
    use symphony_ecs_core::value::Value;

    fn shown(schema: &Json) -> String {
        port_type(schema, schema).to_string()
    }

    #[test]
    fn schemas_become_the_types_of_ports() {
        for (schema, ty) in [
            (json!({ "type": "string" }), "text"),
            (json!({ "type": "integer", "minimum": 1 }), "int"),
            (json!({ "type": "number" }), "float"),
            (json!({ "type": "boolean" }), "bool"),
            (json!({ "type": "object", "properties": {} }), "json"),
            (json!({ "type": "array", "items": { "type": "string" } }), "list<text>"),
            (json!({ "type": "array" }), "list<any>"),
            (json!({ "enum": ["read", "write"] }), "enum<read|write>"),
            (json!({ "enum": ["a|b", "c"] }), "text"),
            (json!({ "enum": [1, 2] }), "int"),
            (json!({ "const": "on" }), "enum<on>"),
            (json!({ "type": ["string", "null"] }), "text?"),
            (json!({ "type": "null" }), "any?"),
            (json!({ "anyOf": [{ "enum": [null, 1, "x"] }, { "type": "string" }] }), "any"),
            (json!({ "anyOf": [{ "type": "integer" }, { "type": "string" }, { "type": "null" }] }), "(int|text)?"),
            (json!({ "allOf": [{ "type": "string" }] }), "text"),
            (json!({ "$ref": "#/$defs/x", "$defs": { "x": { "type": "boolean" } } }), "bool"),
            (json!({ "$ref": "https://example.com/x" }), "any"),
            (json!({ "$ref": "#" }), "any"),
            (json!({}), "any"),
            (json!(true), "any"),
        ] {
            assert_eq!(shown(&schema), ty, "{schema}");
        }
    }

    fn schemas() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            prop::sample::select(vec!["string", "integer", "number", "boolean", "object", "array", "null", "strange"])
                .prop_map(|word| json!({ "type": word })),
            prop::collection::vec("[a-c|<>]{0,2}", 0..4).prop_map(|words| json!({ "enum": words })),
            prop::collection::vec(
                prop_oneof![Just(json!(null)), any::<i8>().prop_map(|n| json!(n)), Just(json!("x"))],
                0..4
            )
            .prop_map(|words| json!({ "enum": words })),
            Just(json!({ "$ref": "#" })),
            Just(json!(false)),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                inner.clone().prop_map(|items| json!({ "type": "array", "items": items })),
                prop::collection::vec(inner.clone(), 0..4).prop_map(|members| json!({ "anyOf": members })),
                prop::collection::vec(inner.clone(), 0..3).prop_map(|parts| json!({ "allOf": parts })),
                inner.prop_map(|items| json!({ "type": ["array", "null", "string"], "items": items })),
            ]
        })
    }

    fn values() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(|truth| json!(truth)),
            any::<i16>().prop_map(|number| json!(number)),
            (-1e6..1e6f64).prop_map(|number| json!(number)),
            "[a-c]{0,2}".prop_map(|text| json!(text)),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Json::Array),
                prop::collection::btree_map("[a-c]", inner, 0..3).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        /// A value that the schema allows is allowed by the type: a melody is never kept from a call that would do.
        #[test]
        fn no_type_is_narrower_than_its_schema(schema in schemas(), value in values()) {
            let Ok(validator) = jsonschema::validator_for(&schema) else { return Ok(()) };
            if validator.is_valid(&value) {
                let ty = port_type(&schema, &schema);
                // A whole number in floating point (`2.0`) is an integer to JSON Schema; ports want `2`.
                prop_assume!(!value.to_string().contains(".0"));
                let value = Value::from_json(&value);
                let fits = ty.check_value(&value, &Schemas::new());
                prop_assert!(fits.is_ok() || !value.is_present(), "{} refuses {:?}: {:?}", ty, value, fits);
            }
        }

        #[test]
        fn every_type_can_be_written_in_a_melody(schema in schemas()) {
            let ty = port_type(&schema, &schema);
            prop_assert_eq!(PortType::parse(&ty.to_string()), Ok(ty));
        }
    }
}
