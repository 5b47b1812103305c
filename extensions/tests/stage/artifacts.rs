//! Artifacts and large values, both ways.

use crate::harness::{Theatre, port};
use std::sync::Arc;
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::ArtifactPort;
use symphony_ecs_core::value::{ArtifactRef, SPILLED, Value};

fn artifact(value: &Value) -> &ArtifactRef {
    match value {
        Value::Artifact(artifact) => artifact,
        other => panic!("{} is no artifact", other.canonical_json()),
    }
}

#[test]
fn artifacts_travel_as_descriptors_both_ways() {
    let mut theatre = Theatre::new();
    let stored = theatre.store.put(b"the whole text", "text/plain").unwrap();
    let request = theatre.request("read-file", &[("x", Value::Artifact(Arc::new(stored.clone())))]);
    assert_eq!(theatre.play(request).value(), &Value::from("the whole text"));
    let request = theatre.request("echo", &[("x", Value::Artifact(Arc::new(stored.clone())))]);
    assert_eq!(artifact(theatre.play(request).value()), &stored, "a handle may be passed on");
    let request = theatre.request("give-file", &[("x", Value::from("# Title"))]);
    let played = theatre.play(request);
    let given = artifact(played.value());
    assert_eq!((given.media_type.as_str(), given.size), ("text/markdown", 7));
    assert_eq!(theatre.store.get(&given.digest).unwrap(), b"# Title");
}

#[test]
fn hundreds_of_artifacts_travel_with_one_call() {
    let mut theatre = Theatre::new();
    let handles = |theatre: &Theatre, count: usize| {
        let put = |number: usize| theatre.store.put(format!("{number}").as_bytes(), "text/plain").unwrap();
        Value::list((0..count).map(|number| Value::Artifact(Arc::new(put(number)))).collect())
    };
    let list = handles(&theatre, 450);
    let request = theatre.request("echo", &[("x", list.clone())]);
    assert_eq!(theatre.play(request).value().as_list().unwrap().len(), 450);
    let list = handles(&theatre, 801);
    let request = theatre.request("echo", &[("x", list)]);
    assert!(theatre.play(request).failure().message.contains("801 artifacts"));
}

#[test]
fn a_missing_artifact_fails_the_call_and_not_the_process() {
    let mut theatre = Theatre::new();
    let stored = theatre.store.put(b"x", "text/plain").unwrap();
    let gone = ArtifactRef { digest: symphony_ecs_core::value::Digest::of(b"gone"), ..stored };
    let request = theatre.request("echo", &[("x", Value::Artifact(Arc::new(gone)))]);
    assert_eq!(theatre.play(request).failure().class, ErrorClass::Io);
    assert!(theatre.simple("echo", &[]).end.is_ok());
}

#[test]
fn large_values_spill_and_come_back() {
    let mut theatre = Theatre::new();
    // Inline, spilled by the host, and too large for a frame: spilled by the player.
    for (bytes, spilled) in [(1_000, false), (100_000, true), (5_000_000, true)] {
        let mut request = theatre.request("large", &[]);
        request.settings = crate::harness::set(&[("bytes", Value::Int(bytes))]);
        let played = theatre.play(request);
        let value = played.value().clone();
        assert_eq!(matches!(&value, Value::Artifact(artifact) if artifact.media_type == SPILLED), spilled);
        let whole = Value::list(vec![value, Value::Int(1)]);
        let request = theatre.request("length", &[("x", whole)]);
        assert_eq!(theatre.play(request).value(), &Value::Int(bytes + 2 + 4), "read back on the player's side");
    }
}

#[test]
fn inputs_that_do_not_fit_a_frame_travel_as_files() {
    let mut theatre = Theatre::new();
    let inputs: Vec<Value> = (0..40).map(|_| Value::from("x".repeat(60_000))).collect();
    let whole = Value::list(inputs);
    let length = i64::try_from(whole.canonical_json().len()).unwrap();
    let request = theatre.request("length", &[("x", whole)]);
    assert_eq!(theatre.play(request).value(), &Value::Int(length));
}

#[test]
fn text_for_an_artifact_port_becomes_an_artifact() {
    let mut theatre = Theatre::new();
    for (ty, media_type) in [("artifact<text/markdown>", "text/markdown"), ("artifact<text/*>?", "text/plain")] {
        for text in ["short", &"long ".repeat(500_000)] {
            let mut request = theatre.request("echo", &[("x", Value::from(text))]);
            request.outputs = [port("y", ty)].into();
            let played = theatre.play(request);
            let stored = artifact(played.value());
            assert_eq!(stored.media_type, media_type);
            assert_eq!(theatre.store.get(&stored.digest).unwrap(), text.as_bytes());
        }
    }
}

#[test]
fn outputs_are_held_against_what_was_asked() {
    let mut theatre = Theatre::new();
    let mut request = theatre.request("nothing", &[]);
    request.outputs = [port("y", "text")].into();
    let played = theatre.play(request);
    assert_eq!(played.failure().class, ErrorClass::InvalidOutput);
    assert_eq!(played.failure().message, "output `y` is missing");
    for operation in ["forge", "give-nonsense"] {
        assert_eq!(theatre.simple(operation, &[]).failure().class, ErrorClass::InvalidOutput, "{operation}");
    }
    // A value that disappears into the store is held against its type before.
    let mut request = theatre.request("large", &[]);
    request.settings = crate::harness::set(&[("bytes", Value::Int(100_000))]);
    request.outputs = [port("y", "int")].into();
    assert_eq!(theatre.play(request).failure().class, ErrorClass::InvalidOutput);
    assert!(theatre.simple("echo", &[]).end.is_ok());
}
