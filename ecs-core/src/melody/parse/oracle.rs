//! `toml_edit` as the judge of our TOML: what it takes we take, with the same contents, and nothing else.

use super::tree::{Table, Tree, TreeValue};
use proptest::prelude::*;
use serde_json::{Map, Value as Json};

fn ours(text: &str) -> Option<Json> {
    let (table, findings) = super::toml::read(text);
    findings.is_empty().then(|| Tree { value: TreeValue::Table(table), span: 0..0 }.to_json())
}

fn theirs(text: &str) -> Option<Json> {
    let document = toml_edit::Document::parse(text).ok()?;
    Some(table(document.as_table()))
}

fn table(table: &dyn toml_edit::TableLike) -> Json {
    Json::Object(table.iter().map(|(key, item)| (key.to_owned(), item_json(item))).collect())
}

fn item_json(item: &toml_edit::Item) -> Json {
    match item {
        toml_edit::Item::None => Json::Null,
        toml_edit::Item::Value(value) => value_json(value),
        toml_edit::Item::Table(inner) => table(inner),
        toml_edit::Item::ArrayOfTables(tables) => Json::Array(tables.iter().map(|inner| table(inner)).collect()),
    }
}

fn value_json(value: &toml_edit::Value) -> Json {
    match value {
        toml_edit::Value::String(text) => Json::from(text.value().as_str()),
        toml_edit::Value::Integer(number) => Json::from(*number.value()),
        toml_edit::Value::Float(number) => Json::from(*number.value()),
        toml_edit::Value::Boolean(truth) => Json::from(*truth.value()),
        toml_edit::Value::Datetime(date) => Json::from(date.value().to_string()),
        toml_edit::Value::Array(items) => Json::Array(items.iter().map(value_json).collect()),
        toml_edit::Value::InlineTable(inner) => table(inner),
    }
}

fn agree(text: &str) {
    let (ours, theirs) = (ours(text), theirs(text));
    if ours.is_none() && theirs.is_some() && only_extends_lists_of_tables(text) {
        return;
    }
    assert_eq!(ours, theirs, "{text}");
}

/// Here we follow the specification and `toml_edit` does not: below `[[a.b]]`, the line `b.c.d = 1` of `[a]` may not
/// reach into the list.
fn only_extends_lists_of_tables(text: &str) -> bool {
    let (_, findings) = super::toml::read(text);
    let extends = |message: &str| message.ends_with("nothing can be added to it");
    text.contains("[[") && findings.iter().all(|finding| finding.code == "duplicate-key" && extends(&finding.message))
}

#[test]
fn dotted_keys_do_not_reach_into_lists_of_tables() {
    let text = "[[a.b]]\n[a]\nb.c.d = 1\n";
    assert!(only_extends_lists_of_tables(text) && ours(text).is_none());
}

#[test]
fn the_rules_about_tables_are_toml_s() {
    for text in [
        "[a]\n[a]\n",
        "[a.b]\n[a]\nc = 1\n",
        "[a]\nb = 1\n[a.b]\n",
        "[a]\nb.c = 1\n[a.b]\n",
        "[a]\nb.c = 1\n[a.b.d]\n",
        "a = {}\na.b = 1\n",
        "a = { b = 1 }\n[a.c]\n",
        "a = { b.c = 1, b.d = 2 }\n",
        "a = { b.c = 1, b = 2 }\n",
        "a = { b = { c = 1 }, b.d = 2 }\n",
        "a.b = 1\na.c = 2\n",
        "a.b = 1\n[a]\n",
        "a.b = 1\n[a.c]\n",
        "[[a]]\n[[a]]\nb = 1\n",
        "[[a]]\n[a]\n",
        "[a]\n[[a]]\n",
        "[[a]]\n[a.b]\nc = 1\n[[a]]\n[a.b]\nc = 2\n",
        "a = []\n[[a]]\n",
        "a = [{}]\n[[a]]\n",
        "[[a.b]]\n[a]\nb.c = 1\n",
        "[a.b.c]\nz = 9\n[a]\nb.c.t = 1\n",
        "[a.b.c]\nz = 9\n[a]\nb.d = 1\n",
        "a = 1\na = 2\n",
        "a = 1\n[a.b]\n",
        "\"a\" = 1\n'a' = 2\n",
        "'' = 1\n",
        "\u{feff}a = 1\n",
        "a = 1979-05-27 07:32:00Z\nb = 07:32\n",
        "a = +1_000\nb = -0x1\nc = 0o17\nd = 1e3\n",
        "a = {\n  b = 1, # remark\n}\n",
    ] {
        agree(text);
    }
}

#[test]
fn spans_count_from_the_start_of_the_file() {
    let text = "\u{feff}a = 'x'\n";
    let (table, _): (Table<'_>, _) = super::toml::read(text);
    let entry = &table.entries[0];
    assert_eq!((&text[entry.key.span.clone()], &text[entry.value.span.clone()]), ("a", "'x'"));
}

fn line() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec!["a", "b", "c", "a.b", "a.c", "b.c", "a.b.c", "\"a\"", "in", "in.a"]);
    let value = prop::sample::select(vec![
        "1",
        "-2.5",
        "true",
        "'x'",
        "\"y\\n\"",
        "[]",
        "[1, [2]]",
        "{}",
        "{ a = 1 }",
        "{ a.b = 1, a.c = 2 }",
        "{ a = {}, a.b = 1 }",
        "[{ a = 1 }]",
        "2026-01-31",
        "\"\"\"z\nz\"\"\"",
        "nope",
        "",
    ]);
    prop_oneof![
        3 => (key.clone(), value).prop_map(|(key, value)| format!("{key} = {value}")),
        2 => key.clone().prop_map(|key| format!("[{key}]")),
        1 => key.prop_map(|key| format!("[[{key}]]")),
        1 => Just("# remark".to_owned()),
    ]
}

/// So many cases, or more where `PROPTEST_CASES` asks for more.
fn at_least(cases: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.max(cases), ..config }
}

proptest! {
    #![proptest_config(at_least(2_000))]

    #[test]
    fn random_tables_are_read_as_toml_edit_reads_them(lines in prop::collection::vec(line(), 0..8)) {
        agree(&lines.join("\n"));
    }

    #[test]
    fn random_text_is_taken_as_toml_edit_takes_it(text in "[a-c=\\[\\]{}.,\"'#0-9 \n+_:T-]{0,24}") {
        agree(&text);
    }

    #[test]
    fn random_data_survive(entries in prop::collection::btree_map(".{0,6}", ".{0,12}", 0..20)) {
        let mut document = toml_edit::DocumentMut::new();
        for (key, value) in &entries {
            document.insert(key, toml_edit::value(value));
        }
        let entries: Map<String, Json> = entries.into_iter().map(|(key, value)| (key, Json::from(value))).collect();
        prop_assert_eq!(ours(&document.to_string()), Some(Json::Object(entries)));
    }
}
