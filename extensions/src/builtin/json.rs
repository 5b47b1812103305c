//! `builtin:json/{parse,format,merge}`: JSON text to values and back, and maps laid over each other.

use super::ask::{Ask, failure, give, kind, refused};
use super::describe::{Builtin, any_json};
use std::collections::BTreeMap;
use std::sync::Arc;
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{CallFailure, InProcessCall};
use symphony_ecs_core::types::PortType;
use symphony_ecs_core::value::Value;

/// The descriptions.
pub(super) fn builtins() -> Vec<Builtin> {
    vec![
        Builtin::new(
            "builtin:json/parse",
            parse,
            "Reads JSON text. Text that is not JSON fails with class `invalid_output` and its line and column. With \
             `lenient`, JSON inside a Markdown code fence or between other words is found.",
        )
        .takes("text", PortType::Text)
        .gives("value", PortType::Any)
        .with("lenient", "boolean", "Look for the first JSON object or list within the text (default: false).")
        .example_is("[node.verdict]\nuses = \"builtin:json/parse\"\nin   = { text = \"review.text\" }\nwith = { lenient = true }"),
        Builtin::new(
            "builtin:json/format",
            format,
            "Writes a value as JSON with sorted keys: on one line, or indented with `pretty`.",
        )
        .takes("value", PortType::Any)
        .gives("text", PortType::Text)
        .with("pretty", "boolean", "Indent by two columns and end with a line break (default: false).")
        .example_is("[node.file]\nuses = \"builtin:json/format\"\nin   = { value = \"query.result\" }\nwith = { pretty = true }"),
        Builtin::new(
            "builtin:json/merge",
            merge,
            "Lays all inputs over each other in the order of their names; a later key wins. Every input is a map. \
             With `deep`, maps within maps are merged too.",
        )
        .takes_any()
        .gives("value", any_json())
        .with("deep", "boolean", "Merge maps within maps as well (default: false).")
        .example_is("[node.config]\nuses = \"builtin:json/merge\"\nin   = { a_defaults = { value = { retries = 2 } }, b_user = \"inputs.config\" }"),
    ]
}

fn parse(call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
    let text = call.text("text")?;
    let strict = serde_json::from_str::<Value>(text);
    let value = match (strict, call.flag("lenient", false)?) {
        (Ok(value), _) => value,
        (Err(error), lenient) => lenient.then(|| embedded(text)).flatten().ok_or_else(|| {
            failure(ErrorClass::InvalidOutput, format!("not JSON: {error}; the text begins {:?}", beginning(text)))
        })?,
    };
    give(call, "value", value);
    Ok(())
}

/// The first 60 characters.
fn beginning(text: &str) -> String {
    text.chars().take(60).collect()
}

/// The first JSON object or list that starts within a text and reads to its end.
pub(crate) fn embedded(text: &str) -> Option<Value> {
    // Each try may read far before it fails, so a text full of brackets gets only so many.
    const TRIES: usize = 64;
    text.match_indices(['{', '[']).take(TRIES).find_map(|(start, _)| {
        let mut values = serde_json::Deserializer::from_str(text.get(start..)?).into_iter::<Value>();
        values.next()?.ok()
    })
}

fn format(call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
    let value = call.any("value")?;
    let text = match call.flag("pretty", false)? {
        true => serde_json::to_string_pretty(value)
            .map(|text| text + "\n")
            .map_err(|error| refused(format!("the value cannot be written as JSON: {error}")))?,
        false => value.canonical_json(),
    };
    give(call, "text", text);
    Ok(())
}

fn merge(call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
    let deep = call.flag("deep", false)?;
    let by_name: BTreeMap<&str, &Value> = call.bound().filter(|(_, value)| value.is_present()).collect();
    let mut merged = BTreeMap::new();
    for (name, value) in by_name {
        let Value::Map(map) = value else {
            return Err(refused(format!("input `{name}` must be a map, not {}", kind(value))));
        };
        lay_over(&mut merged, map, deep);
    }
    give(call, "value", Value::Map(Arc::new(merged)));
    Ok(())
}

fn lay_over(under: &mut BTreeMap<String, Value>, over: &BTreeMap<String, Value>, deep: bool) {
    for (key, value) in over {
        match (under.get_mut(key), value) {
            (Some(Value::Map(old)), Value::Map(new)) if deep => lay_over(Arc::make_mut(old), new, deep),
            _ => {
                under.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{json, one, play};
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn parse_says_where() {
        let failure = play("json/parse", &[("text", "{\n \"a\": ]".into())], &[], &["value"]).unwrap_err();
        assert_eq!(failure.class, ErrorClass::InvalidOutput);
        assert!(failure.message.contains("line 2 column 7"), "{}", failure.message);
        let deep = "[".repeat(100_000);
        assert!(play("json/parse", &[("text", deep.into())], &[], &["value"]).is_err());
    }

    #[test]
    fn lenient_finds_json_in_prose() {
        let text = "Sure {not this}! Here it is:\n```json\n{\"ok\": true}\n```\nDone.";
        let settings = [("lenient", Value::Bool(true))];
        assert_eq!(one("json/parse", &[("text", text.into())], &settings, "value"), json(json!({"ok": true})));
        assert!(play("json/parse", &[("text", "no json".into())], &settings, &["value"]).is_err());
    }

    #[test]
    fn merge_goes_by_name_and_deep_on_request() {
        let inputs = [
            ("b", json(json!({"x": {"q": 2}, "y": 2}))),
            ("a", json(json!({"x": {"p": 1}, "y": 1}))),
            ("c", Value::Absent),
        ];
        assert_eq!(one("json/merge", &inputs, &[], "value"), json(json!({"x": {"q": 2}, "y": 2})));
        let deep = [("deep", Value::Bool(true))];
        assert_eq!(one("json/merge", &inputs, &deep, "value"), json(json!({"x": {"p": 1, "q": 2}, "y": 2})));
        let failure = play("json/merge", &[("a", Value::Int(1))], &[], &["value"]).unwrap_err();
        assert_eq!(failure.message, "input `a` must be a map, not a whole number");
    }

    #[test]
    fn format_is_canonical_or_pretty() {
        let inputs = [("value", json(json!({"b": 1, "a": [true]})))];
        assert_eq!(one("json/format", &inputs, &[], "text"), Value::text(r#"{"a":[true],"b":1}"#));
        let pretty = one("json/format", &inputs, &[("pretty", Value::Bool(true))], "text");
        assert_eq!(pretty, Value::text("{\n  \"a\": [\n    true\n  ],\n  \"b\": 1\n}\n"));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            "[a-zä\"\\\\\n ]{0,8}".prop_map(Value::text),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::list),
                prop::collection::btree_map("[a-z]{1,4}", inner, 0..5).prop_map(|map| Value::Map(Arc::new(map))),
            ]
        })
    }

    proptest! {
        #[test]
        fn format_then_parse_is_the_value(value in any_value(), pretty: bool) {
            let text = one("json/format", &[("value", value.clone())], &[("pretty", Value::Bool(pretty))], "text");
            prop_assert_eq!(one("json/parse", &[("text", text)], &[], "value"), value);
        }

        #[test]
        fn parse_never_panics(text in "\\PC{0,80}", lenient: bool) {
            let _ = play("json/parse", &[("text", text.into())], &[("lenient", Value::Bool(lenient))], &["value"]);
        }
    }
}
