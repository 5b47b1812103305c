//! Tests of expressions: meaning, names, bounds, and the `cel` crate's own evaluator as the oracle.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

fn names() -> impl Names {
    let names: BTreeMap<&str, Value> = BTreeMap::from([
        (
            "review",
            Value::from_json(&serde_json::json!({
                "verdict": "fix", "score": 3, "ratio": 0.5, "flags": [true, false], "gone": null,
                "report": { "items": [{ "n": 1 }, { "n": 2 }, {}], "note": null }
            })),
        ),
        ("empty", Value::map::<String>([])),
        ("index", Value::Int(4)),
        ("big", Value::map([("list", Value::list((0..1_000_000).map(Value::Int).collect()))])),
    ]);
    move |name: &str| names.get(name).cloned()
}

fn eval(text: &str) -> Result<Value, EvalError> {
    Expr::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}")).eval(&names())
}

#[test]
fn expressions_mean_what_cel_says() {
    for (text, json) in [
        ("1 + 2 * 3 - 4 / 2 % 3", serde_json::json!(5)),
        ("review.verdict == 'fix' && review.score >= 2.5", true.into()),
        ("review.score == 3.0 && 3 in [1.0, 3.0] && 1 != 1.5", true.into()),
        ("9007199254740993 > 9007199254740992.0", true.into()),
        ("'a' < 'b' ? \"yes\" : \"no\"", "yes".into()),
        ("[1, 2] + [3]", serde_json::json!([1, 2, 3])),
        ("{'a': 1, 'b': [2]}.b[0]", 2.into()),
        ("size('äö') + size([1]) + [1, 2].size()", 5.into()),
        ("review.report.items.filter(i, has(i.n) && i.n > 1).map(i, i.n * 10)", serde_json::json!([20])),
        ("[1, 2, 3].map(x, x > 1, x + 1)", serde_json::json!([3, 4])),
        ("[1, 2].all(x, x > 0) && [1, 2].exists(x, x == 2) && [1, 2].exists_one(x, x == 2)", true.into()),
        ("[[1, 2], [3]].map(row, row.map(x, x * size(row)))", serde_json::json!([[2, 4], [3]])),
        ("{'b': 1, 'a': 2}.map(k, k)", serde_json::json!(["a", "b"])),
        ("'a,b'.split(',').join('-') + ' X '.trim().lowerAscii() + 'aa'.replace('a', 'b')", "a-bxbb".into()),
        ("min(3, 1, 2) + max([1, 5])", 6.into()),
        ("int('4') + int(4.9) + int(double(1))", 9.into()),
        ("string(1) + string(1.5) + string(true)", "11.5true".into()),
        ("!review.flags[1] && -review.score == -3", true.into()),
        ("review.report.note == null", true.into()),
        ("b'abc' == bytes('abc')", true.into()),
        ("[1, 'x'] == [1.0, 'x'] && {'a': [1]} == {'a': [1]} && 1 != '1'", true.into()),
        ("'x' in {'x': 1} && !('y' in {'x': 1})", true.into()),
    ] {
        let value = eval(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(value.to_json(), json, "{text}");
    }
}

#[test]
fn absence_is_seen_by_has_and_told_by_name() {
    for (text, truth) in [
        ("has(review.verdict)", true),
        ("has(empty.verdict)", false),
        ("has(review.gone)", false),
        ("has(nobody.verdict)", false),
        ("has(review.report.note)", true),
        ("has(empty.report.note)", false),
        ("has(empty.verdict) && empty.verdict == 'fix'", false),
        ("empty.verdict == 'fix' && false", false),
        ("empty.verdict == 'fix' || true", true),
        ("[{}, {'ok': true}].exists(x, x.ok)", true),
        ("[{}, {'ok': false}].all(x, x.ok)", false),
    ] {
        assert_eq!(eval(text), Ok(Value::Bool(truth)), "{text}");
    }
    for (text, name) in [
        ("nobody.verdict == 1", "nobody"),
        ("empty.verdict == 1", "empty.verdict"),
        ("review.gone", "review.gone"),
        ("review.report.total.sum > 1", "review.report.total"),
        ("[{}, {'ok': false}].exists(x, x.ok)", "x.ok"),
        ("review.report.items.map(i, i.n)", "i.n"),
        ("review['gone']", "review[\"gone\"]"),
    ] {
        assert_eq!(eval(text), Err(EvalError::Absent(name.to_owned())), "{text}");
    }
}

#[test]
fn failures_say_what_does_not_go_together() {
    let said = [
        "1 / 0",
        "1 % 0",
        "9223372036854775807 + 1",
        "-(-9223372036854775807 - 1)",
        "1.0 / 0.0",
        "1 + 1.5",
        "1 + 'x'",
        "'x' < 1",
        "[1] < [2]",
        "!1",
        "1 && true",
        "review.score ? 1 : 2",
        "review.score.x",
        "review.flags[5]",
        "review.flags['a']",
        "{1: 2}",
        "{'a': 1, 'a': 2}",
        "size(1)",
        "int('x')",
        "[1].join(',')",
        "min([])",
        "5.map(x, x)",
        "1 in 2",
    ]
    .map(|text| format!("{text}  →  {}", eval(text).unwrap_err()));
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn spilled_values_are_not_looked_into() {
    let artifact = |media_type: &str| {
        let digest = crate::value::Digest::of(b"");
        Value::Artifact(Arc::new(crate::value::ArtifactRef { digest, media_type: media_type.to_owned(), size: 70_000 }))
    };
    let node = Value::map([("large", artifact(crate::value::SPILLED)), ("file", artifact("text/plain"))]);
    let names = |_: &str| Some(node.clone());
    let eval = |text: &str| Expr::parse(text).unwrap().eval(&names);
    assert_eq!(eval("has(a.large)"), Ok(Value::Bool(true)));
    assert_eq!(eval("a.file.size"), Ok(Value::Int(70_000)));
    assert_eq!(eval("a.large"), Ok(artifact(crate::value::SPILLED)));
    for text in ["a.large.items", "a.large == 'x'", "'x' in [a.large]", "size(a.large)", "a.large.map(x, x)"] {
        assert!(matches!(eval(text), Err(EvalError::Failed(_))), "{text}");
    }
}

#[test]
fn names_of_the_outside_are_found_with_their_ports_and_places() {
    let text =
        "has(review.verdict) && ünit == 1 || inputs . items.exists(x, x.ok && fix.n == x.n) ? item : size(a.b.c)";
    let text = text.replace("ünit", "'ü' + unit");
    let expr = Expr::parse(&text).unwrap();
    let found: Vec<(&str, Option<&str>, &str)> = expr
        .references()
        .iter()
        .map(|name| (name.name.as_str(), name.port.as_deref(), &text[name.span.clone()]))
        .collect();
    assert_eq!(
        found,
        [
            ("review", Some("verdict"), "review.verdict"),
            ("unit", None, "unit"),
            ("inputs", Some("items"), "inputs . items"),
            ("fix", Some("n"), "fix.n"),
            ("item", None, "item"),
            ("a", Some("b"), "a.b"),
        ]
    );
}

#[test]
fn what_is_no_expression_says_where_and_how_to_mend_it() {
    let said = [
        "",
        "a.b = 1",
        "a.b and c.d",
        "not a.b",
        "a.b ==",
        "(a.b",
        "a.b)",
        "'open",
        "a.b == 'ä' extra",
        "now() > 1",
        "a.b.matches('x.*')",
        "lenght(a.b)",
        "len(a.b)",
        "size(a.b, 1)",
        "contains(a.b, 'x')",
        "has(a)",
        "a.b.filter(x.y, true)",
        "a.b.map(x)",
        "1u + 2u",
        ".a.b == 1",
        "Message{field: 1}",
        "a.if == 1",
        "if == 1",
        "a.?b",
        "99999999999999999999",
        "a.b\n  && c.d ? 1",
    ]
    .map(|text| {
        let Err(error) = Expr::parse(text) else { return format!("{text:?} is an expression") };
        assert!(text.get(error.span.clone()).is_some(), "{text}: {:?}", error.span);
        format!("{text:?} {:?}: {} [{}]", error.span, error.message, error.help.unwrap_or_default())
    });
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn reading_is_bounded_in_length_nesting_and_chains() {
    let refused = |text: String, why: &str| {
        let start = Instant::now();
        let error = Expr::parse(&text).unwrap_err();
        assert!(error.message.contains(why), "{}", error.message);
        assert!(start.elapsed() < Duration::from_secs(2));
    };
    refused(format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000)), "nests deeper");
    refused("[".repeat(10_000), "nests deeper");
    refused(format!("{}1", "true ? 1 : ".repeat(5_000)), "nests deeper");
    refused(format!("1{}", " + 1".repeat(10_000)), "in a row");
    refused(format!("a{}", ".b".repeat(10_000)), "in a row");
    refused(format!("a{}", "[0]".repeat(10_000)), "in a row");
    refused(format!("a{}", ".size()".repeat(5_000)), "in a row");
    refused("!".repeat(10_000), "in a row");
    refused("-".repeat(10_000), "in a row");
    refused(format!("1{}", " in [1]".repeat(5_000)), "in a row");
    refused(format!("'{}'", "x".repeat(MAX_LENGTH)), "bytes long");
    // What stands within a text counts as nothing.
    let text = format!("size('{}') + size(r'''{}''') // {}", "(+".repeat(5_000), "\\[".repeat(5_000), "(".repeat(99));
    assert_eq!(eval(&text), Ok(Value::Int(20_000)));
}

#[test]
fn everything_within_the_bounds_fits_a_small_stack() {
    let texts = [
        format!("{}1{}", "(".repeat(MAX_NESTING), ")".repeat(MAX_NESTING)),
        format!("{}1{}", "[".repeat(MAX_NESTING), "]".repeat(MAX_NESTING)),
        format!("{}1", "true ? 1 : ".repeat(MAX_NESTING)),
        format!("1{}", " + 1".repeat(MAX_CHAIN)),
        format!("index{}", " - 1".repeat(MAX_CHAIN)),
        format!("has(a{})", ".b".repeat(MAX_CHAIN - 2)),
        format!("{}true", "!".repeat(MAX_CHAIN)),
        vec!["review.score == 3"; 2_000].join(" || "),
        vec!["review.score == 3"; 2_000].join(" && "),
        format!("{}1{}", "[1].map(x, ".repeat(40), ")".repeat(40)),
    ];
    let play = move || {
        for text in &texts {
            let expr = Expr::parse(text).unwrap_or_else(|error| panic!("{}: {error}", &text[..40]));
            let _ = expr.eval(&names());
        }
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(play).unwrap().join().unwrap();
}

#[test]
fn steps_are_bounded_however_they_are_spent() {
    let doubling = (0..20).fold("'0123456789'".to_owned(), |text, _| format!("[{text}].map(x, x + x)[0]"));
    let doubling_lists = (0..20).fold("[1, 2]".to_owned(), |text, _| format!("[{text}].map(x, x + x)[0]"));
    for text in [
        "big.list.all(x, x >= 0)",
        "big.list.map(x, big.list.filter(y, y == x))",
        "big.list.exists(x, big.list.exists(y, big.list.exists(z, x + y + z == -1)))",
        "big.list.map(x, x)",
        "-1 in big.list",
        "big.list == big.list + [1] || big.list == big.list",
        &doubling,
        &doubling_lists,
        "[1,2,3,4,5,6,7,8,9,10].map(a, [1,2,3,4,5,6,7,8,9,10].map(b, [1,2,3,4,5,6,7,8,9,10].map(c, [1,2,3,4,5,6,7,8,9,10].map(d, a + b))))",
        "[1].all(x, big.list.all(y, y >= 0)) || true",
    ] {
        let start = Instant::now();
        let error = eval(text);
        assert!(
            matches!(&error, Err(EvalError::Failed(message)) if message.contains("more than 10000 steps")),
            "{text}: {error:?}"
        );
        assert!(start.elapsed() < Duration::from_secs(2), "{text} took {:?}", start.elapsed());
    }
}

#[test]
fn ten_thousand_items_are_within_the_steps() {
    let list = Value::map([("items", Value::list((0..9_600).map(Value::Int).collect()))]);
    let eval = |text: &str| Expr::parse(text).unwrap().eval(&|_: &str| Some(list.clone()));
    assert_eq!(eval("size(a.items.map(x, x))"), Ok(Value::Int(9_600)));
    assert_eq!(eval("9599 in a.items"), Ok(Value::Bool(true)));
    assert!(eval("a.items.filter(x, x > 5)").is_err(), "two steps an item are too many");
}

#[test]
fn expressions_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Expr>();
}

/// Random expressions over integers, truth values, texts and lists.
fn any_expr() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (-3i64..4).prop_map(|n| n.to_string()),
        Just("1.5".to_owned()),
        Just("2.0".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        Just("'ab'".to_owned()),
        Just("'b'".to_owned()),
        Just("null".to_owned()),
        Just("n".to_owned()),
        Just("list".to_owned()),
        Just("map.k".to_owned()),
        Just("map.missing".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        let sign =
            prop::sample::select(vec!["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "in"]);
        let fold = prop::sample::select(vec!["map", "filter", "all", "exists", "exists_one"]);
        prop_oneof![
            (two.clone(), sign).prop_map(|((left, right), sign)| format!("({left} {sign} {right})")),
            inner.clone().prop_map(|inner| format!("!{inner}")),
            inner.clone().prop_map(|inner| format!("-({inner})")),
            (inner.clone(), two.clone()).prop_map(|(c, (a, b))| format!("({c} ? {a} : {b})")),
            two.clone().prop_map(|(a, b)| format!("[{a}, {b}]")),
            two.clone().prop_map(|(a, b)| format!("{a}[{b}]")),
            (inner.clone(), fold, prop::sample::select(vec!["x", "x + 1", "x == 1", "x > 0", "x == n"]))
                .prop_map(|(list, fold, body)| format!("{list}.{fold}(x, {body})")),
            inner.clone().prop_map(|inner| format!("size({inner})")),
            two.prop_map(|(a, b)| format!("{a}.contains({b})")),
            Just("has(map.k)".to_owned()),
            Just("has(map.missing)".to_owned()),
        ]
    })
}

/// The crate's own evaluator, in our values; `None` for errors and for what only it has.
fn oracle(text: &str) -> Option<Value> {
    fn ours(value: &cel::Value) -> Option<Value> {
        Some(match value {
            cel::Value::Null => Value::Absent,
            cel::Value::Bool(truth) => Value::Bool(*truth),
            cel::Value::Int(int) => Value::Int(*int),
            cel::Value::Float(float) => Value::Float(*float),
            cel::Value::String(text) => Value::text(text.as_str()),
            cel::Value::List(items) => Value::list(items.iter().map(ours).collect::<Option<_>>()?),
            _ => return None,
        })
    }
    let program = cel::Program::compile(text).ok()?;
    let mut context = cel::Context::default();
    context.add_variable_from_value("n", 2i64);
    context.add_variable_from_value("list", vec![1i64, 2, 3]);
    context.add_variable_from_value("map", std::collections::HashMap::from([("k", 1i64)]));
    ours(&program.execute(&context).ok()?)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn we_agree_with_the_crates_evaluator(text in any_expr()) {
        let names = |name: &str| match name {
            "n" => Some(Value::Int(2)),
            "list" => Some(Value::list(vec![Value::Int(1), Value::Int(2), Value::Int(3)])),
            "map" => Some(Value::map([("k", Value::Int(1))])),
            _ => None,
        };
        let ours = Expr::parse(&text).ok().and_then(|expr| expr.eval(&names).ok());
        prop_assert_eq!(ours, oracle(&text), "{}", text);
    }

    #[test]
    fn no_text_breaks_the_reader(text in r#"[a-c0-2.(){}?:,+\-*/%!=<>&|'"\\ \n\[\]üu]{0,40}"#) {
        if let Err(error) = Expr::parse(&text) {
            prop_assert!(text.get(error.span).is_some());
        }
    }

    #[test]
    fn no_broken_expression_breaks_the_reader(text in any_expr(), cut in 0usize..60, put in "[(){},.?:x'\\]]{0,2}") {
        let cut = text.char_indices().nth(cut).map_or(text.len(), |(at, _)| at);
        let broken = format!("{}{put}{}", &text[..cut], text.get(cut + 1..).unwrap_or(""));
        if let Err(error) = Expr::parse(&broken) {
            prop_assert!(broken.get(error.span).is_some());
        }
    }
}
