use super::*;
use crate::bundled::trial::{Notes, call, json, play};
use serde_json::json;
use std::sync::atomic::Ordering;
use tempfile::TempDir;

fn folder(source: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("score.py"), source).unwrap();
    folder
}

fn asked(source: &str, inputs: &[(&str, Value)], outputs: &[&str]) -> (Result<Outcome, Failure>, Notes) {
    let settings = [("file", "score.py".into()), ("function", "play".into())];
    play("python", folder(source).path(), call("call", inputs, &settings, outputs))
}

#[test]
fn a_dictionary_fills_the_ports_by_name() {
    let source = "import pathlib\ndef play(words, n=2):\n    print('counting', words)\n    return {'count': len(words) * n, 'path': pathlib.Path('ä'), 'set': {2, 1}, 'more': 1}\n";
    let (result, notes) = asked(source, &[("words", json(json!(["a", "b"])))], &["count", "path", "set"]);
    let expected = Outcome::of("count", Value::Int(4)).with("path", "ä").with("set", json(json!([1, 2])));
    assert_eq!(result.unwrap(), expected);
    assert!(notes.logged(Level::Info, "counting ['a', 'b']"));
}

#[test]
fn an_input_may_have_the_name_of_a_setting() {
    let (result, _) = asked(
        "def play(file, function):\n    return file + function\n",
        &[("file", "a".into()), ("function", "b".into())],
        &["out"],
    );
    assert_eq!(result.unwrap(), Outcome::of("out", "ab"));
}

#[test]
fn one_port_takes_what_is_returned() {
    let (result, _) = asked("def play(text):\n    return text.upper()\n", &[("text", "wörld".into())], &["out"]);
    assert_eq!(result.unwrap(), Outcome::of("out", "WÖRLD"));
    let (result, _) = asked("def play():\n    return {'a': 1}\n", &[], &["out"]);
    assert_eq!(result.unwrap(), Outcome::of("out", Value::map([("a", Value::Int(1))])));
    let (result, _) = asked("def play():\n    return {'out': 1}\n", &[], &["out"]);
    assert_eq!(result.unwrap(), Outcome::of("out", Value::Int(1)));
    let (result, _) = asked("def play():\n    return 3\n", &[], &["a", "b"]);
    assert!(result.unwrap_err().message.contains("must return a dictionary"));
}

#[test]
fn an_artifact_is_a_file_to_read() {
    let folder = folder("def play(data):\n    return open(data, encoding='utf-8').read() + '!'\n");
    let notes = Notes::default();
    let inputs = [("data", notes.keep("größe".as_bytes(), "text/plain"))];
    let settings = [("file", "score.py".into()), ("function", "play".into())];
    let mut call = call("call", &inputs, &settings, &["out"]);
    call.working_dir = folder.path().to_owned();
    assert_eq!(Python.play(&call, &notes).unwrap(), Outcome::of("out", "größe!"));
}

#[test]
fn exceptions_have_classes() {
    for (statement, class) in [
        ("raise RuntimeError('no')", ErrorClass::Refused),
        ("raise TimeoutError('no')", ErrorClass::Timeout),
        ("open('/no/such/file')", ErrorClass::Io),
        ("raise ValueError('no')", ErrorClass::InvalidOutput),
        ("return float('nan')", ErrorClass::InvalidOutput),
        ("return object()", ErrorClass::InvalidOutput),
        ("import sys; sys.exit(3)", ErrorClass::Refused),
        ("import os; os._exit(3)", ErrorClass::Crash),
    ] {
        let (result, _) = asked(&format!("def play():\n    {statement}\n"), &[], &["out"]);
        let failure = result.unwrap_err();
        assert_eq!(failure.class, class, "{statement}: {}", failure.message);
    }
    let (result, _) = asked("def play():\n    raise RuntimeError('no')\n", &[], &["out"]);
    let message = result.unwrap_err().message;
    assert!(message.starts_with("RuntimeError: no\n") && message.contains("score.py\", line 2, in play"), "{message}");
}

#[test]
fn what_is_missing_is_named() {
    let message = |source: &str| asked(source, &[], &["out"]).0.unwrap_err().message;
    assert!(message("x = 1\n").contains("has no function 'play'"));
    assert!(message("def play(:\n").contains("SyntaxError"));
    let missing = [("file", Value::text("nowhere.py")), ("function", "play".into())];
    let (result, _) = play("python", folder("").path(), call("call", &[], &missing, &[]));
    assert_eq!(result.unwrap_err().class, ErrorClass::Io);
    let settings = [("file", "score.py".into()), ("function", "play".into()), ("python", "no-such-python".into())];
    let (result, _) = play("python", folder("").path(), call("call", &[], &settings, &[]));
    assert!(result.unwrap_err().message.contains("SYMPHONY_PYTHON"));
}

#[test]
fn a_sleeping_function_is_cancelled() {
    let folder = folder("import time\ndef play():\n    time.sleep(100)\n");
    let settings = [("file", "score.py".into()), ("function", "play".into())];
    let mut call = call("call", &[], &settings, &[]);
    call.working_dir = folder.path().to_owned();
    let notes = Notes::default();
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(200));
            notes.cancelled.store(true, Ordering::Relaxed);
        });
        Python.play(&call, &notes)
    });
    assert_eq!(result.unwrap_err().class, ErrorClass::Cancelled);
}
