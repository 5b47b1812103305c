//! Players in Python: one with nothing but the standard library, one with the SDK.

use crate::harness::Theatre;
use std::path::Path;
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{ArtifactPort, CallWhat};
use symphony_ecs_core::value::Value;

fn example(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("extensions").join(name);
    std::fs::create_dir_all(&to).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/extensions").join(name);
    for entry in std::fs::read_dir(from).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    folder
}

#[test]
fn twenty_lines_of_python_are_a_player() {
    let mut theatre = Theatre::over(example("word-count"), |_| {});
    for (text, words) in [("one two  three", 3), ("", 0)] {
        let request = theatre.request_to("word-count", "count", &[("text", Value::from(text))]);
        let played = theatre.play(request);
        let outcome = played.end.as_ref().unwrap_or_else(|failure| panic!("{failure:?}"));
        assert!(outcome.outputs.contains(&("words".to_owned(), Value::Int(words))));
    }
    let script = std::fs::read_to_string(theatre.folder.path().join("extensions/word-count/player.py")).unwrap();
    let lines = script.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    assert!(lines.count() <= 20, "it is said to be 20 lines long");
}

const SDK_PLAYER: &str = r#"
import time

import symphony_player as symphony

def play(call, report):
    if call.operation == "fail":
        raise symphony.Failure("rate_limited", "later", retry_after=2.5)
    if call.operation == "wait":
        while not report.cancelled():
            time.sleep(0.005)
        raise symphony.Failure("cancelled", "stopped")
    if call.operation == "bug":
        return {}["missing"]
    report.progress(0.5, "half")
    report.log("info", "a line")
    report.chunk("y", "piece")
    text = report.open(call.inputs["x"]).read().decode() if call.operation == "file" else call.inputs["x"]
    return {"y": report.give(text.upper().encode(), "text/plain") if call.operation == "file" else text * 2}

symphony.serve(play)
"#;

const SDK_MANIFEST: &str = r#"
schema = 1
[extension]
id = "snake"
version = "0.1.0"
kind = "operator"
[runtime]
command = ["python3", "snake.py"]
sdk = "python"
startup = "30s"
"#;

#[test]
fn the_python_sdk_plays_reports_fails_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("extensions/snake");
    std::fs::create_dir_all(&to).unwrap();
    let operation = |name: &str| format!("[operation.{name}]\nin = {{ x = \"any?\" }}\nout = {{ y = \"any?\" }}\n");
    let operations: String = ["double", "file", "fail", "wait", "bug"].into_iter().map(operation).collect();
    std::fs::write(to.join("Symphony.toml"), format!("{SDK_MANIFEST}{operations}")).unwrap();
    std::fs::write(to.join("snake.py"), SDK_PLAYER).unwrap();
    let mut theatre = Theatre::over(folder, |_| {});

    let request = theatre.request_to("snake", "double", &[("x", Value::from("ab"))]);
    let played = theatre.play(request);
    assert_eq!(played.value(), &Value::from("abab"));
    let told = |wanted: fn(&CallWhat) -> bool| played.told.iter().any(wanted);
    assert!(told(|what| matches!(what, CallWhat::Chunk { text, .. } if text == "piece")));
    assert!(told(|what| matches!(what, CallWhat::Log { message, .. } if message == "a line")));

    let stored = theatre.store.put("grün".as_bytes(), "text/plain").unwrap();
    let request = theatre.request_to("snake", "file", &[("x", Value::Artifact(stored.into()))]);
    let played = theatre.play(request);
    let Value::Artifact(given) = played.value() else { panic!("{:?}", played.end) };
    assert_eq!(theatre.store.get(&given.digest).unwrap(), "GRÜN".as_bytes());

    // A value of half a megabyte is spilled by the host and read back by the SDK.
    let request = theatre.request_to("snake", "double", &[("x", Value::from("z".repeat(200_000)))]);
    let large = theatre.play(request).value().clone();
    assert!(matches!(&large, Value::Artifact(_)));
    let request = theatre.request_to("snake", "double", &[("x", large)]);
    let Value::Artifact(larger) = theatre.play(request).value().clone() else { panic!("not spilled") };
    assert_eq!(larger.size, 800_002);

    let request = theatre.request_to("snake", "fail", &[]);
    let played = theatre.play(request);
    assert_eq!(played.failure().class, ErrorClass::RateLimited);
    assert_eq!(played.failure().retry_after, Some(std::time::Duration::from_millis(2500)));

    let mut request = theatre.request_to("snake", "wait", &[]);
    request.timeout = Some(std::time::Duration::from_millis(100));
    assert_eq!(theatre.play(request).failure().class, ErrorClass::Timeout);

    let request = theatre.request_to("snake", "bug", &[]);
    let played = theatre.play(request);
    assert_eq!(played.failure().class, ErrorClass::Crash);
    assert!(played.failure().message.contains("KeyError: 'missing'"), "{}", played.failure().message);
    let request = theatre.request_to("snake", "double", &[("x", Value::from("y"))]);
    assert_eq!(theatre.play(request).value(), &Value::from("yy"), "and it plays on");
}
