//! Tests of types: reading, widening and the border.

use super::*;
use crate::value::{ArtifactRef, Digest, SPILLED, Value};
use proptest::prelude::*;
use std::sync::Arc;

fn ty(text: &str) -> PortType {
    PortType::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn artifact(media_type: &str) -> Value {
    Value::Artifact(Arc::new(ArtifactRef { digest: Digest::of(b"x"), media_type: media_type.into(), size: 1 }))
}

#[test]
fn types_are_read_and_written() {
    for (text, written) in [
        ("any", "any"),
        (" list < int > ", "list<int>"),
        ("json<any>", "json"),
        ("json<Lint-Report_2>", "json<Lint-Report_2>"),
        ("enum< fix it | no >", "enum<fix it|no>"),
        ("artifact<*/*>", "artifact"),
        ("artifact<Text/*>", "artifact<text/*>"),
        ("artifact<application/vnd.api+json>", "artifact<application/vnd.api+json>"),
        ("int|text?|int", "int|text?"),
        ("(int|text)?", "(int|text)?"),
        ("int??", "int?"),
        ("((int))", "int"),
        ("int|(float|text)", "int|float|text"),
    ] {
        assert_eq!(ty(text).to_string(), written, "{text}");
    }
}

#[test]
fn what_is_no_type_says_where_and_how_to_mend_it() {
    let said: Vec<String> = [
        "",
        "string",
        "Boolean",
        "flaot",
        "LintReport",
        "list",
        "list<int",
        "list<list<int>",
        "enum",
        "enum<>",
        "enum<a|a>",
        "json<>",
        "artifact<text>",
        "artifact<*/md>",
        "int text",
        "int|",
        "?",
        "text>",
        "(int",
        "list<ü>",
        "dictionary_of_things",
    ]
    .iter()
    .map(|text| {
        let error = PortType::parse(text).unwrap_err();
        assert!(error.span.start <= error.span.end && text.get(error.span.clone()).is_some(), "{text}: {error:?}");
        format!("{text:?} {:?}: {} [{}]", error.span, error.message, error.help.unwrap_or_default())
    })
    .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn nesting_is_bounded() {
    let deep = |levels: usize| format!("{}int{}", "list<".repeat(levels), ">".repeat(levels));
    assert!(PortType::parse(&deep(MAX_NESTING)).is_ok());
    assert!(PortType::parse(&deep(MAX_NESTING + 1)).unwrap_err().message.contains("deeper than 32"));
    assert!(PortType::parse(&"(".repeat(100_000)).is_err());
    assert_eq!(ty(&format!("int{}", "?".repeat(100_000))), PortType::Int.optional());
}

#[test]
fn widening_follows_the_list_of_the_format() {
    let widens = [
        ("float", "int"),
        ("text", "enum<a|b>"),
        ("enum<b|c|a>", "enum<a|b>"),
        ("json", "json<S>"),
        ("json", "bool"),
        ("json", "list<enum<a>>"),
        ("json", "list<int?>"),
        ("artifact", "artifact<a/b>"),
        ("artifact<a/*>", "artifact<a/b>"),
        ("artifact", "artifact<a/*>"),
        ("any", "artifact<a/b>"),
        ("any", "int?"),
        ("int?", "int"),
        ("float?", "int?"),
        ("int|text", "text"),
        ("float|text", "int|enum<a>"),
        ("list<float>", "list<int>"),
        ("int", "any"),
        ("list<int>", "list<any>"),
    ];
    let narrows = [
        ("int", "float"),
        ("enum<a>", "text"),
        ("enum<a>", "enum<a|b>"),
        ("json<S>", "json"),
        ("json<S>", "json<T>"),
        ("json", "bytes"),
        ("json", "artifact"),
        ("json", "list<bytes>"),
        ("artifact<a/b>", "artifact<a/*>"),
        ("artifact<a/*>", "artifact"),
        ("artifact<a/*>", "artifact<b/c>"),
        ("int", "int?"),
        ("int", "int|text"),
        ("list<int>", "list<float>"),
        ("list<int>", "int"),
        ("text", "bytes"),
        ("text", "int"),
        ("text", "bool"),
        ("text", "json"),
    ];
    for (to, from) in widens {
        assert!(ty(to).accepts(&ty(from)), "{from} → {to} is a widening");
    }
    for (to, from) in narrows {
        assert!(!ty(to).accepts(&ty(from)), "{from} → {to} is no widening");
    }
}

fn schemas() -> Schemas {
    let mut schemas = Schemas::new();
    let report = serde_json::json!({
        "type": "object", "required": ["items"],
        "properties": { "items": { "type": "array", "items": {
            "type": "object", "properties": { "score": { "type": "number" }, "kind": { "enum": ["a", "b"] } } } } }
    });
    schemas.add("Report", report).unwrap();
    schemas
}

#[test]
fn the_border_widens_and_names_what_does_not_fit() {
    let schemas = schemas();
    let check = |text: &str, json: serde_json::Value| ty(text).check_value(&Value::from_json(&json), &schemas);
    assert_eq!(check("float", 3.into()), Ok(Value::Float(3.0)));
    assert_eq!(
        check("list<float|text>", serde_json::json!([1, "x", 2.5])),
        Ok(Value::list(vec![Value::Float(1.0), Value::text("x"), Value::Float(2.5)]))
    );
    assert_eq!(check("int|float", 3.into()), Ok(Value::Int(3)), "a member that fits comes before one that widens");
    assert_eq!(check("int?", serde_json::Value::Null), Ok(Value::Absent));
    let errors = [
        ("bytes", serde_json::json!("x")),
        ("int", serde_json::json!(1.0)),
        ("int", serde_json::Value::Null),
        ("enum<yes|no>", serde_json::json!("maybe")),
        ("list<list<int>>", serde_json::json!([[1], [2, "x"]])),
        ("list<list<int>|list<text>>", serde_json::json!([[1], [2, "x"]])),
        ("text", serde_json::json!({"a": 1, "b": 2})),
        ("artifact<text/*>", serde_json::json!("x".repeat(100))),
        ("json<Report>", serde_json::json!({"items": [{"score": 1}, {"score": "x"}]})),
        ("json<Report>", serde_json::json!({"items": [{"kind": "c"}]})),
        ("list<json<Report>>", serde_json::json!([{"items": []}, {}])),
        ("json<Unknown>", serde_json::json!({})),
    ]
    .map(|(text, json)| check(text, json).unwrap_err().to_string());
    insta::assert_snapshot!(errors.join("\n"));
}

#[test]
fn artifacts_are_held_against_their_media_type() {
    let fits = |text: &str, media: &str| ty(text).check_value(&artifact(media), &Schemas::new()).is_ok();
    assert!(fits("artifact", "image/png"));
    assert!(fits("artifact<text/*>", "text/plain; charset=utf-8"));
    assert!(fits("artifact<text/markdown>", "TEXT/Markdown"));
    assert!(!fits("artifact<text/*>", "image/png"));
    assert!(!fits("text", "text/plain"));
    assert!(!fits("json", "application/json"));
}

#[test]
fn a_spilled_value_fits_everything_but_an_artifact() {
    for text in ["text", "int", "list<text>", "json<Report>", "bytes?", "enum<a>|int"] {
        assert_eq!(ty(text).check_value(&artifact(SPILLED), &schemas()), Ok(artifact(SPILLED)), "{text}");
    }
    assert!(ty("artifact").check_value(&artifact(SPILLED), &schemas()).is_err());
    assert!(ty("list<text>").check_value(&Value::list(vec![artifact(SPILLED)]), &schemas()).is_ok());
}

#[test]
fn a_value_that_needs_no_widening_is_shared() {
    let items = Value::list(vec![Value::Int(1), Value::Int(2)]);
    let (Value::List(before), Ok(Value::List(after))) = (&items, ty("list<int>").check_value(&items, &schemas()))
    else {
        panic!("a list stays a list")
    };
    assert!(Arc::ptr_eq(before, &after));
}

#[test]
fn schemas_stand_alone() {
    let mut schemas = Schemas::new();
    for reference in ["https://example.org/schema.json", "file:///etc/passwd", "other.json"] {
        let error = schemas.add("S", serde_json::json!({ "$ref": reference })).unwrap_err();
        assert!(error.message.contains("another document") || error.message.contains(reference), "{error}");
    }
    assert!(schemas.add("S", serde_json::json!({ "type": 3 })).is_err());
    assert!(
        schemas.add("S", serde_json::json!({ "$ref": "#/$defs/n", "$defs": { "n": { "type": "integer" } } })).is_ok()
    );
}

fn any_type() -> impl Strategy<Value = PortType> {
    type_over(prop_oneof![4 => sure_leaf(), 1 => Just(PortType::Any)].boxed())
}

/// A type without `any` (which goes both ways, so it breaks transitivity on purpose).
fn sure_type() -> impl Strategy<Value = PortType> {
    type_over(sure_leaf().boxed())
}

fn sure_leaf() -> impl Strategy<Value = PortType> {
    let word = "[a-c]{1,2}";
    prop_oneof![
        Just(PortType::Bool),
        Just(PortType::Int),
        Just(PortType::Float),
        Just(PortType::Text),
        Just(PortType::Bytes),
        Just(PortType::Json(None)),
        "[A-C]".prop_map(|name| PortType::Json(Some(name))),
        proptest::collection::btree_set(word, 1..4).prop_map(|words| PortType::Enum(words.into_iter().collect())),
        Just(PortType::Artifact(None)),
        ("[ab]", proptest::option::of("[ab]"))
            .prop_map(|(kind, subtype)| PortType::Artifact(Some(MediaType { kind, subtype }))),
    ]
}

fn type_over(leaf: BoxedStrategy<PortType>) -> impl Strategy<Value = PortType> {
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(PortType::list),
            inner.clone().prop_map(PortType::optional),
            proptest::collection::vec(inner, 2..4).prop_map(PortType::union),
        ]
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Absent),
        any::<bool>().prop_map(Value::Bool),
        (-9i64..9).prop_map(Value::Int),
        (-9i8..9).prop_map(|n| Value::Float(f64::from(n) / 2.0)),
        "[a-c]{1,2}".prop_map(Value::from),
        Just(Value::Bytes(vec![1].into())),
        "[ab]/[ab]".prop_map(|media| artifact(&media)),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| proptest::collection::vec(inner, 0..3).prop_map(Value::list))
}

/// A step up from a type, so that pairs of types that widen are not rare.
fn step_up(ty: &PortType, other: &PortType, choice: u8) -> PortType {
    match (choice % 4, ty) {
        (0, _) => ty.clone().optional(),
        (1, _) => PortType::union([other.clone(), ty.clone()]),
        (_, PortType::Int) => PortType::Float,
        (_, PortType::Enum(words)) if choice < 128 => {
            PortType::Enum(words.iter().cloned().chain(["more".to_owned()]).collect())
        }
        (_, PortType::Enum(_)) => PortType::Text,
        (_, PortType::List(item)) => PortType::list(step_up(item, other, choice / 4)),
        (_, PortType::Artifact(Some(media))) => {
            PortType::Artifact(media.subtype.as_ref().map(|_| MediaType { kind: media.kind.clone(), subtype: None }))
        }
        _ if ty.is_json() && !ty.may_be_absent() => PortType::Json(None),
        _ => ty.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_written_reads_back(ty in any_type()) {
        prop_assert_eq!(PortType::parse(&ty.to_string()), Ok(ty));
    }

    #[test]
    fn widening_is_reflexive(ty in any_type()) {
        prop_assert!(ty.accepts(&ty));
        prop_assert!(PortType::Any.accepts(&ty) && ty.clone().optional().accepts(&ty));
    }

    #[test]
    fn widening_is_transitive(a in sure_type(), other in sure_type(), c in sure_type(), up in any::<(u8, u8)>()) {
        let b = step_up(&a, &other, up.0);
        prop_assert!(b.accepts(&a), "{} → {}", a, b);
        let d = step_up(&b, &other, up.1);
        prop_assert!(d.accepts(&a), "{} → {} → {}", a, b, d);
        if c.accepts(&b) {
            prop_assert!(c.accepts(&a), "{} → {} → {}", a, b, c);
        }
    }

    #[test]
    fn a_union_takes_what_each_member_takes(a in any_type(), b in any_type(), from in any_type()) {
        if a.accepts(&from) {
            prop_assert!(PortType::union([b, a]).accepts(&from));
        }
    }

    #[test]
    fn a_value_of_a_narrow_type_fits_the_wide_one(
        a in sure_type(), other in sure_type(), value in any_value(), up in any::<(u8, u8)>()
    ) {
        let schemas = Schemas::new();
        let b = step_up(&step_up(&a, &other, up.0), &other, up.1);
        if let Ok(inside) = a.check_value(&value, &schemas) {
            let wide = b.check_value(&inside, &schemas);
            prop_assert!(wide.is_ok(), "{} → {}: {:?}", a, b, wide);
        }
    }

    #[test]
    fn the_border_is_idempotent(ty in any_type(), value in any_value()) {
        let schemas = Schemas::new();
        if let Ok(once) = ty.check_value(&value, &schemas) {
            prop_assert_eq!(ty.check_value(&once, &schemas), Ok(once.clone()));
        }
    }

    #[test]
    fn no_text_breaks_the_reader(text in "[a-z<>|?(),/* ü]{0,40}") {
        if let Err(error) = PortType::parse(&text) {
            prop_assert!(text.get(error.span).is_some());
        }
    }
}
