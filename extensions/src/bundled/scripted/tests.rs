use super::*;
use crate::bundled::trial::{Notes, call, json, typed};
use crate::sdk::PortType;
use proptest::prelude::*;
use serde_json::json;
use std::sync::atomic::Ordering;

fn settings(of: serde_json::Value) -> Settings {
    let Value::Map(map) = json(of) else { panic!("settings are a table") };
    Settings::read(&map).unwrap()
}

fn prompt(text: &str) -> BTreeMap<String, Value> {
    BTreeMap::from([("prompt".to_owned(), Value::text(text))])
}

const FIRST: Attempt = Attempt { seed: 1, number: 1, iteration: 0 };

#[test]
fn the_first_line_that_matches_answers() {
    let settings = settings(json!({
        "script": [
            {"match": "review", "replies": ["fix it", "approved in round {{ iteration }}"]},
            {"match": "*", "reply": "said: {{ prompt | upper }}"},
        ],
    }));
    let text = |words: &str, iteration| reply(&settings, &prompt(words), Attempt { iteration, ..FIRST }).unwrap().text;
    assert_eq!(text("please review this", 0), "fix it");
    assert_eq!(text("please review this", 1), "approved in round 1");
    assert_eq!(text("please review this", 9), "approved in round 9");
    assert_eq!(text("other", 0), "said: OTHER");
}

#[test]
fn tokens_latency_and_cost_are_counted() {
    let settings = settings(json!({
        "reply": "12345678", "latency_ms": 100, "latency_per_token_ms": 10, "cost_usd_per_1k_tokens": 0.5,
    }));
    let reply = reply(&settings, &prompt("123"), FIRST).unwrap();
    assert_eq!((reply.tokens, reply.cost_micros, reply.latency), (3, 1500, Duration::from_millis(120)));
}

#[test]
fn faults_strike_as_told() {
    let first = settings(json!({"reply": "x", "fail": {"first": 2, "class": "rate_limited", "retry_after_ms": 5}}));
    for (number, strikes) in [(1, true), (2, true), (3, false)] {
        let failure = reply(&first, &prompt(""), Attempt { number, ..FIRST }).unwrap().failure;
        assert_eq!(failure.is_some(), strikes);
        assert!(
            failure.is_none_or(|failure| failure.class == ErrorClass::RateLimited
                && failure.retry_after == Some(Duration::from_millis(5)))
        );
    }
    let rate = settings(json!({"reply": "x", "fail": {"rate": 0.25}}));
    let strikes = |seed| reply(&rate, &prompt(""), Attempt { seed, ..FIRST }).unwrap().failure.is_some();
    let struck = (0..4000).filter(|seed| strikes(*seed)).count();
    assert!((850..1150).contains(&struck), "{struck} of 4000 at a rate of 0.25");
}

#[test]
fn quality_goes_by_iteration_or_by_seed() {
    let told = settings(json!({"reply": "x", "quality": [0.4, 0.9]}));
    let quality = |settings: &Settings, seed, iteration| {
        reply(settings, &prompt(""), Attempt { seed, iteration, number: 1 }).unwrap().quality
    };
    assert_eq!([0, 1, 5].map(|iteration| quality(&told, 1, iteration)), [0.4, 0.9, 0.9]);
    let drawn = settings(json!({"reply": "x"}));
    assert_eq!(quality(&drawn, 3, 0), quality(&drawn, 3, 0));
    assert_ne!(quality(&drawn, 3, 0), quality(&drawn, 4, 0));
}

#[test]
fn wrong_settings_are_named() {
    for (of, words) in [
        (json!({"script": "x"}), "`script` must be a list"),
        (json!({"script": [{"match": "x"}]}), "needs a `reply`"),
        (json!({"reply": "a", "replies": ["b"]}), "not both"),
        (json!({"quality": 2}), "`quality` must be a number from 0 to 1"),
        (json!({"latency_ms": -1}), "`latency_ms`"),
        (json!({"fail": {"class": "tired"}}), "rate_limited"),
        (json!({"fail": {"often": 1}}), "no `often`"),
    ] {
        let Value::Map(map) = json(of) else { panic!() };
        let message = Settings::read(&map).unwrap_err().message;
        assert!(message.contains(words), "{message}");
    }
    let wrong = settings(json!({"reply": "{{ nobody }}"}));
    assert!(reply(&wrong, &prompt(""), FIRST).unwrap_err().message.contains("line 1"));
}

#[test]
fn a_call_streams_and_gives_fields_by_name() {
    let settings = [("reply", json(json!({"verdict": "approve", "notes": "about {{ prompt }}"})))];
    let ports = [
        ("text", PortType::Text),
        ("verdict", PortType::Text),
        ("notes", PortType::Text),
        ("quality", PortType::Float),
    ];
    let notes = Notes::default();
    let outcome = Scripted.play(&typed("chat", &[("prompt", "ducks".into())], &settings, &ports), &notes).unwrap();
    assert_eq!(outcome.outputs["verdict"], Value::text("approve"));
    assert_eq!(outcome.outputs["notes"], Value::text("about ducks"));
    assert_eq!(Value::text(notes.streamed("text")), outcome.outputs["text"]);
    assert!(outcome.usage.tokens > 0);
}

#[test]
fn the_path_says_which_iteration_it_is() {
    let mut call = call("chat", &[("prompt", "x".into())], &[("replies", json(json!(["a", "b", "c"])))], &["text"]);
    for (path, text) in [("draft", "a"), ("loop[1].draft", "b"), ("loop[1].map[2].draft", "c"), ("loop[x].draft", "a")]
    {
        call.path = path.to_owned();
        assert_eq!(Scripted.play(&call, &Notes::default()).unwrap().outputs["text"], Value::text(text), "{path}");
    }
}

#[test]
fn a_fault_breaks_the_stream_and_costs() {
    let settings = [
        ("reply", Value::text("one two three four")),
        ("cost_usd_per_1k_tokens", Value::Float(1.0)),
        ("fail", json(json!({"first": 1, "class": "crash", "message": "lost"}))),
    ];
    let notes = Notes::default();
    let failure = Scripted.play(&call("chat", &[], &settings, &["text"]), &notes).unwrap_err();
    assert_eq!((failure.class, failure.message.as_str()), (ErrorClass::Crash, "lost"));
    assert_eq!(failure.usage, Usage { tokens: 5, cost_micros: 5000 });
    assert_eq!(notes.streamed("text"), "one two ");
}

#[test]
fn a_long_wait_can_be_cancelled() {
    let notes = Notes::default();
    notes.cancel_after_chunks.store(1, Ordering::Relaxed);
    let settings = [("reply", Value::text("one two three")), ("latency_ms", Value::Int(3000))];
    let begun = Instant::now();
    let failure = Scripted.play(&call("chat", &[], &settings, &["text"]), &notes).unwrap_err();
    assert_eq!(failure.class, ErrorClass::Cancelled);
    assert!(begun.elapsed() < Duration::from_millis(2500));
}

proptest! {
    #[test]
    fn equal_arguments_give_equal_replies(words in "\\PC{0,60}", seed: u64, number in 1u32..4, iteration in 0u32..4) {
        let settings = settings(json!({"jitter": 0.5, "latency_ms": 10, "fail": {"rate": 0.5}}));
        let attempt = Attempt { seed, number, iteration };
        prop_assert_eq!(reply(&settings, &prompt(&words), attempt), reply(&settings, &prompt(&words), attempt));
    }
}
