//! Melodies made at random, as JSON and in every spelling of TOML, and their comparison.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};
use std::fmt::Write as _;
use symphony_ecs_core::melody::Melody;
use symphony_ecs_core::melody::model::{Binding, Candidate, Reference, SideCall, Source, Span, Spanned};

fn id() -> impl Strategy<Value = String> {
    // A digit or `_` within keeps it apart from reserved words.
    "[a-z]{1,4}[0-9_][a-z0-9_]{0,3}"
}

fn reference() -> impl Strategy<Value = String> {
    prop_oneof![
        (id(), id()).prop_map(|(node, port)| format!("{node}.{port}")),
        id().prop_map(|port| format!("inputs.{port}"))
    ]
}

/// A value that TOML and JSON can both write.
fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-1e12..1e12f64).prop_map(Json::from),
        ".{0,8}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::from),
            // `secret` has a meaning of its own.
            btree_map("[a-zA-Z0-9 ä_.-]{0,5}", inner, 0..4).prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

fn ty() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "any",
        "text",
        "int",
        "bool?",
        "list<float>",
        "json",
        "json<Report>",
        "enum<a|b>",
        "artifact<text/*>",
        "int|text",
    ])
}

fn expression() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "true",
        "1 + 2 == 3",
        "inputs.a1 == 'x'",
        "has(b_.out) && b_.out > 1.5",
        "size(\"ä\\n\") > 0",
    ])
}

fn duration() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["1ms", "2s", "90s", "1h30m", "1d", "60m"])
}

fn player() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "builtin:text",
        "operator:a-b/run@^1.4",
        "instrument:x/y@*",
        "melody:a b/c.toml",
        "mcp:s/Do_It",
        "addon:v@>=1.2, <2",
    ])
}

fn word(words: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(words)
}

/// An object of the entries that are there.
fn object(entries: Vec<(&str, Option<Json>)>) -> Json {
    Json::Object(entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect())
}

fn js<T: Into<Json>>(value: Option<T>) -> Option<Json> {
    value.map(Into::into)
}

fn table(
    keys: impl Strategy<Value = String>,
    values: impl Strategy<Value = Json>,
    most: usize,
) -> impl Strategy<Value = Json> {
    btree_map(keys, values, 0..most).prop_map(|map| Json::Object(map.into_iter().collect()))
}

fn candidate() -> impl Strategy<Value = Json> {
    prop_oneof![
        3 => reference().prop_map(Json::from),
        1 => id().prop_map(|port| json!(format!("a_*.{port}"))),
        1 => (reference(), word(&["hard", "soft"])).prop_map(|(from, kind)| json!({ "from": from, "kind": kind })),
    ]
}

fn source() -> impl Strategy<Value = Json> {
    let join = (word(&["all", "any_of", "first_of"]), vec(candidate(), 1..4), option::of(value()))
        .prop_map(|(kind, candidates, default)| object(vec![(kind, Some(json!(candidates))), ("default", default)]));
    let n_of = vec(candidate(), 2..4).prop_map(|candidates| json!({ "n_of": 2, "from": candidates }));
    let from = (reference(), option::of(word(&["hard", "soft", "optional"])), option::of(value())).prop_map(
        |(from, kind, default)| object(vec![("from", js(Some(from))), ("kind", js(kind)), ("default", default)]),
    );
    prop_oneof![
        4 => reference().prop_map(Json::from),
        1 => from,
        1 => value().prop_map(|value| json!({ "value": value })),
        1 => expression().prop_map(|expr| json!({ "expr": expr })),
        1 => join,
        1 => n_of,
    ]
}

fn estimate() -> impl Strategy<Value = Json> {
    let parts = (
        option::of(0.0..1e9f64),
        option::of(0..=1_000_000_000_000_000u64),
        option::of(0..=i64::MAX),
        option::of(0.0..=1.0f64),
    );
    parts.prop_map(|(seconds, micros, tokens, failure)| {
        let cost = micros.map(|micros| micros as f64 / 1e6);
        object(vec![("seconds", js(seconds)), ("cost_usd", js(cost)), ("tokens", js(tokens)), ("failure", js(failure))])
    })
}

fn limits(wall: bool) -> impl Strategy<Value = Json> {
    let times = (
        option::of(duration()),
        option::of(duration()),
        option::of(1..=u32::MAX),
        option::of(0..=1_000_000_000_000_000u64),
    );
    let rest =
        (option::of(0..=i64::MAX), option::of(word(&["512MiB", "1000kB", "3B", "1024KiB"])), option::of(1..=i64::MAX));
    (times, rest).prop_map(move |((most, timeout, parallel, micros), (tokens, mem, cpu))| {
        let cost = micros.map(|micros| micros as f64 / 1e6);
        object(vec![
            ("wall", js(most.filter(|_| wall))),
            ("timeout", js(timeout)),
            ("parallel", js(parallel)),
            ("cost_usd", js(cost)),
            ("tokens", js(tokens)),
            ("mem", js(mem)),
            ("cpu", js(cpu)),
        ])
    })
}

fn settings() -> impl Strategy<Value = Json> {
    let setting = prop_oneof![4 => value(), 1 => "[A-Z_]{1,8}".prop_map(|name| json!({ "secret": name }))];
    table("[a-zA-Z0-9_ä-]{1,6}", setting, 4)
}

fn side_call() -> impl Strategy<Value = Json> {
    (player(), option::of(table(id(), source(), 3)), option::of(settings()))
        .prop_map(|(uses, inputs, with)| object(vec![("uses", js(Some(uses))), ("in", inputs), ("with", with)]))
}

fn repeat() -> impl Strategy<Value = Json> {
    (option::of(table(id(), id().prop_map(Json::from), 3)), option::of(expression()), 1..=u32::MAX).prop_map(
        |(carry, until, max)| {
            object(vec![
                ("body", Some(json!("body.melody.toml"))),
                ("carry", carry),
                ("until", js(until)),
                ("max", js(Some(max))),
            ])
        },
    )
}

fn retry() -> impl Strategy<Value = Json> {
    let vary = table("[a-z]{1,5}".boxed(), vec(value(), 1..3).prop_map(Json::from), 3);
    let words = (
        option::of(word(&["none", "fixed", "linear", "exp"])),
        option::of(word(&["1s", "0s", "250ms"])),
        vec(word(&["io", "rate_limited"]), 0..3),
    );
    (1..=u32::MAX, words, option::of(vary)).prop_map(|(max, (backoff, base, on), vary)| {
        object(vec![
            ("max", js(Some(max))),
            ("backoff", js(backoff)),
            ("base", js(base)),
            ("on", Some(json!(on))),
            ("vary", vary),
        ])
    })
}

fn node() -> impl Strategy<Value = Json> {
    let plays = prop_oneof![
        player().prop_map(|uses| ("uses", json!(uses))),
        vec(player(), 1..3).prop_map(|uses| ("uses", json!(uses))),
        repeat().prop_map(|repeat| ("loop", repeat)),
    ];
    let need = prop_oneof![
        id().prop_map(Json::from),
        (id(), word(&["hard", "soft"])).prop_map(|(node, kind)| json!({ "node": node, "kind": kind }))
    ];
    let words = (option::of(".{0,8}"), option::of("[a-zä\n\"]{0,8}"), option::of(expression()));
    let tables = (
        option::of(table(id(), source(), 4)),
        option::of(settings()),
        option::of(table(id(), ty().prop_map(Json::from), 3)),
        option::of(limits(false)),
        option::of(estimate()),
    );
    let map = prop_oneof![reference().prop_map(Json::from), expression().prop_map(|expr| json!({ "expr": expr }))];
    let map = (map, option::of(prop_oneof![id(), Just("item".to_owned())]), option::of(1..=u32::MAX)).prop_map(
        |(over, name, most)| object(vec![("over", Some(over)), ("as", js(name)), ("max_parallel", js(most))]),
    );
    let approve = (option::of(duration()), option::of(word(&["skip", "fail"]))).prop_map(|(timeout, or)| {
        object(vec![("by", Some(json!("human"))), ("timeout", js(timeout)), ("else", js(or))])
    });
    let flow = (
        option::of(map),
        option::of(retry()),
        option::of(approve),
        option::of(vec(need, 0..3)),
        option::of(any::<bool>()),
    );
    let failure = (option::of(word(&["skip", "compensate", "halt"])), option::of(side_call()), option::of(side_call()));
    (plays, words, tables, flow, failure).prop_map(
        |(
            plays,
            (title, description, condition),
            (inputs, with, out, limits, estimate),
            (map, retry, approve, needs, reuse),
            (on_error, undo, reconstruct),
        )| {
            object(vec![
                (plays.0, Some(plays.1)),
                ("title", js(title)),
                ("description", js(description)),
                ("if", js(condition)),
                ("in", inputs),
                ("with", with),
                ("out", out),
                ("limits", limits),
                ("estimate", estimate),
                ("map", map),
                ("retry", retry),
                ("approve", approve),
                ("needs", js(needs)),
                ("reuse", js(reuse)),
                ("on_error", js(on_error)),
                ("undo", undo),
                ("reconstruct", reconstruct),
            ])
        },
    )
}

/// The JSON of a melody that the reader takes (the checker may not).
pub fn any_melody() -> impl Strategy<Value = Json> {
    let input = (ty(), option::of(any::<bool>()), option::of(value()), option::of(".{0,8}")).prop_map(
        |(ty, required, default, description)| {
            // A default is never taken where the input is required; a warning says so.
            let default = default.filter(|_| required != Some(true));
            object(vec![
                ("type", js(Some(ty))),
                ("required", js(required)),
                ("default", default),
                ("description", js(description)),
            ])
        },
    );
    let on = option::of(prop_oneof![
        any::<bool>().prop_map(|manual| json!({ "manual": manual, "event": { "topic": "x" } })),
        Just(json!({ "schedule": { "cron": "0 6 * * 1-5", "tz": "UTC" }, "concurrency": "skip" })),
        Just(json!({ "after": ["a", { "melody": "b", "ended": "any" }], "api": true, "debounce": "2s" })),
    ]);
    let types = option::of(table(
        "[A-Z][A-Za-z0-9]{2,5}".boxed(),
        prop_oneof![Just(json!("a/b.json")), value().prop_map(|value| json!({ "const": value }))],
        3,
    ));
    let tables =
        (option::of(limits(true)), types, option::of(table(id(), input, 3)), option::of(table(id(), source(), 3)));
    ("[a-z][a-z0-9_-]{0,6}[a-z]", option::of(".{0,8}"), on, tables, table(id(), node(), 6)).prop_map(
        |(name, title, on, (limits, types, inputs, outputs), nodes)| {
            object(vec![
                ("format", Some(json!(1))),
                ("name", js(Some(name))),
                ("title", js(title)),
                ("on", on),
                ("limits", limits),
                ("types", types),
                ("inputs", inputs),
                ("outputs", outputs),
                ("node", Some(nodes)),
            ])
        },
    )
}

/// How tables are spelled: two bits for each table in turn.
pub type Spelling = u64;

/// Writes a JSON object as TOML. `spelling` chooses for each table between `{ … }`, dotted keys and a header.
pub fn to_toml(json: &Json, mut spelling: Spelling) -> String {
    let mut text = String::new();
    write_table(&mut text, json.as_object().unwrap(), &mut Vec::new(), &mut spelling);
    text
}

fn write_table(text: &mut String, table: &Map<String, Json>, path: &mut Vec<String>, spelling: &mut Spelling) {
    let mut below = Vec::new();
    for (key, value) in table {
        let key = toml_edit::Key::new(key).to_string();
        let choice = *spelling & 3;
        *spelling = spelling.rotate_right(2);
        match value {
            Json::Object(inner) if choice >= 2 => below.push((key, inner)),
            Json::Object(inner) if choice == 1 && !inner.is_empty() => {
                for (name, value) in inner {
                    let name = toml_edit::Key::new(name).to_string();
                    writeln!(text, "{key} . {name} = {}", inline(value)).unwrap();
                }
            }
            _ => writeln!(text, "{key} = {}", inline(value)).unwrap(),
        }
    }
    for (key, inner) in below {
        path.push(key);
        writeln!(text, "[{}]", path.join(".")).unwrap();
        write_table(text, inner, path, spelling);
        path.pop();
    }
}

fn inline(value: &Json) -> String {
    match value {
        Json::Null => unreachable!("TOML has no null"),
        Json::Bool(truth) => truth.to_string(),
        Json::Number(number) if number.is_f64() => format!("{:?}", number.as_f64().unwrap()),
        Json::Number(number) => number.to_string(),
        Json::String(text) => toml_edit::Value::from(text.as_str()).to_string(),
        Json::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => {
            let entries = map.iter().map(|(key, value)| format!("{} = {}", toml_edit::Key::new(key), inline(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A melody without places, its tables sorted by name: what two spellings of one melody have in common.
pub fn sorted_without_places(mut melody: Melody) -> Melody {
    melody.source = "".into();
    clear(&mut melody.name);
    melody.on.after.iter_mut().for_each(|after| clear(&mut after.melody));
    for (name, source) in &mut melody.types {
        clear(name);
        if let symphony_ecs_core::melody::model::SchemaSource::Path(path) = source {
            clear(path);
        }
    }
    melody.types.sort_by(|a, b| a.0.value.cmp(&b.0.value));
    for input in &mut melody.inputs {
        clear(&mut input.name);
        clear(&mut input.ty);
    }
    melody.inputs.sort_by(|a, b| a.name.value.cmp(&b.name.value));
    for output in &mut melody.outputs {
        clear(&mut output.name);
        clear_bindings(std::slice::from_mut(&mut output.from));
    }
    melody.outputs.sort_by(|a, b| a.name.value.cmp(&b.name.value));
    for node in &mut melody.nodes {
        clear(&mut node.id);
        node.uses.iter_mut().for_each(clear);
        clear_bindings(&mut node.inputs);
        clear_settings(&mut node.with);
        for port in &mut node.out {
            clear(&mut port.name);
            clear(&mut port.ty);
        }
        node.out.sort_by(|a, b| a.name.value.cmp(&b.name.value));
        node.needs.iter_mut().for_each(|need| clear(&mut need.node));
        node.condition.iter_mut().for_each(clear);
        node.gate.iter_mut().for_each(clear);
        if let Some(map) = &mut node.map {
            map.span = NOWHERE;
            clear_source(&mut map.over);
            map.item_name.iter_mut().for_each(clear);
        }
        if let Some(repeat) = &mut node.repeat {
            clear(&mut repeat.body);
            repeat.until.iter_mut().for_each(clear);
            for (output, input) in &mut repeat.carry {
                clear(output);
                clear(input);
            }
            repeat.carry.sort_by(|a, b| a.0.value.cmp(&b.0.value));
        }
        if let Some(retry) = &mut node.retry {
            retry.vary.iter_mut().for_each(|(name, _)| clear(name));
            retry.vary.sort_by(|a, b| a.0.value.cmp(&b.0.value));
        }
        node.undo.iter_mut().chain(&mut node.reconstruct).for_each(clear_side_call);
    }
    melody.nodes.sort_by(|a, b| a.id.value.cmp(&b.id.value));
    melody
}

const NOWHERE: Span = 0..0;

fn clear<T>(spanned: &mut Spanned<T>) {
    spanned.span = NOWHERE;
}

fn clear_side_call(call: &mut SideCall) {
    clear(&mut call.uses);
    clear_bindings(&mut call.inputs);
    clear_settings(&mut call.with);
}

fn clear_settings(settings: &mut [(Spanned<String>, symphony_ecs_core::melody::model::Setting)]) {
    for (name, setting) in settings.iter_mut() {
        clear(name);
        if let symphony_ecs_core::melody::model::Setting::Secret(name) = setting {
            clear(name);
        }
    }
    settings.sort_by(|a, b| a.0.value.cmp(&b.0.value));
}

fn clear_bindings(bindings: &mut [Binding]) {
    for binding in bindings.iter_mut() {
        clear(&mut binding.port);
        binding.span = NOWHERE;
        clear_source(&mut binding.from);
    }
    bindings.sort_by(|a, b| a.port.value.cmp(&b.port.value));
}

fn clear_source(source: &mut Source) {
    let clear_reference = |reference: &mut Reference| reference.span = NOWHERE;
    match source {
        Source::Ref(reference) => clear_reference(reference),
        Source::Join(join) => join.candidates.iter_mut().for_each(|candidate| match candidate {
            Candidate::One(reference) => clear_reference(reference),
            Candidate::Pattern { span, .. } => *span = NOWHERE,
        }),
        Source::Literal(_) | Source::Expr(_) => {}
    }
}
