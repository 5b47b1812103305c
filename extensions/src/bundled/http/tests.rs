use super::*;
use crate::bundled::server::{Server, Step, answer};
use crate::bundled::trial::{Notes, call, json, typed};
use crate::sdk::ErrorClass;
use serde_json::json;
use std::time::Instant;

fn get(server: &Server, settings: &[(&str, Value)], outputs: &[&str]) -> Result<Outcome, Failure> {
    let mut call = call("request", &[], settings, outputs);
    call.inputs.insert("url".to_owned(), format!("{}/a?key=hidden", server.url).into());
    Http.play(&call, &Notes::default())
}

#[test]
fn an_answer_fills_the_ports() {
    let server = Server::once("200 OK", "content-type: application/json\r\nx-a: 1\r\nx-a: 2\r\n", "{\"n\": 1}");
    let outcome =
        get(&server, &[("headers", json(json!({"accept": "x/y"})))], &["status", "headers", "body", "json"]).unwrap();
    assert_eq!(outcome.outputs["status"], Value::Int(200));
    assert_eq!(outcome.outputs["headers"].get("x-a"), Some(&Value::text("1, 2")));
    assert_eq!(outcome.outputs["body"], Value::text("{\"n\": 1}"));
    assert_eq!(outcome.outputs["json"], json(json!({"n": 1})));
    let head = &server.received()[0].head;
    assert!(head.starts_with("GET /a?key=hidden HTTP/1.1\r\n") && head.contains("accept: x/y"), "{head}");
}

#[test]
fn json_is_posted() {
    let server = Server::once("201 Created", "", "");
    let outcome = get(&server, &[("json", json(json!({"b": [1], "a": "ä"})))], &["status", "json"]).unwrap();
    assert_eq!(outcome, Outcome::of("status", Value::Int(201)).with("json", Value::Absent));
    let received = &server.received()[0];
    assert!(received.head.starts_with("POST ") && received.head.contains("content-type: application/json"));
    assert_eq!(received.body, r#"{"a":"ä","b":[1]}"#);
}

#[test]
fn a_body_can_be_an_artifact() {
    let server = Server::once("200 OK", "content-type: image/png; x=y\r\n", "PNG");
    let notes = Notes::default();
    let inputs = [("url", Value::text(server.url.as_str())), ("body", notes.keep(b"sent", "text/plain"))];
    let ports = [("picture", PortType::Artifact(None))];
    let outcome = Http.play(&typed("request", &inputs, &[("method", "put".into())], &ports), &notes).unwrap();
    assert!(matches!(&outcome.outputs["picture"], Value::Artifact(artifact) if artifact.media_type == "image/png"));
    assert_eq!(notes.content(&outcome.outputs["picture"]), b"PNG");
    assert_eq!(server.received()[0].body, "sent");
}

#[test]
fn errors_have_classes() {
    for (status, class) in [
        ("429 Too Many Requests", ErrorClass::RateLimited),
        ("503 Service Unavailable", ErrorClass::RateLimited),
        ("401 Unauthorized", ErrorClass::Denied),
        ("404 Not Found", ErrorClass::Refused),
        ("408 Request Timeout", ErrorClass::Io),
        ("500 Internal Server Error", ErrorClass::Io),
    ] {
        let server = Server::once(status, "retry-after: 7\r\n", "because");
        let failure = get(&server, &[], &["body"]).unwrap_err();
        assert_eq!(failure.class, class, "{status}");
        assert!(failure.message.ends_with(": because") && !failure.message.contains("hidden"), "{}", failure.message);
        let wait = (class == ErrorClass::RateLimited).then_some(Duration::from_secs(7));
        assert!(wait.is_none() || failure.retry_after == wait);
    }
    let server = Server::once("404 Not Found", "", "x");
    assert_eq!(get(&server, &[("check", false.into())], &["status"]).unwrap(), Outcome::of("status", Value::Int(404)));
}

#[test]
fn a_redirect_is_followed_as_often_as_told() {
    let there = Server::once("200 OK", "", "there");
    let here = Server::once("302 Found", &format!("location: {}/b\r\n", there.url), "");
    assert_eq!(get(&here, &[], &["body"]).unwrap(), Outcome::of("body", "there"));
    let here = Server::once("302 Found", &format!("location: {}/b\r\n", there.url), "");
    let none = get(&here, &[("redirects", Value::Int(0))], &["status"]);
    assert!(none.is_err() || none.is_ok_and(|outcome| outcome == Outcome::of("status", Value::Int(302))));
}

#[test]
fn a_silent_server_is_a_timeout() {
    let server = Server::with(vec![vec![Step::Wait(Duration::from_secs(5))]]);
    let mut call = call("request", &[("url", Value::text(server.url.as_str()))], &[], &["body"]);
    call.timeout = Some(Duration::from_millis(200));
    assert_eq!(Http.play(&call, &Notes::default()).unwrap_err().class, ErrorClass::Timeout);
}

#[test]
fn a_body_that_breaks_off_is_io() {
    let whole = answer("200 OK", "", "0123456789");
    let server = Server::with(vec![vec![Step::Send(whole[..whole.len() - 4].to_owned())]]);
    let failure = get(&server, &[], &["body"]).unwrap_err();
    assert_eq!(failure.class, ErrorClass::Io);
    assert!(failure.message.contains("broke off"), "{}", failure.message);
}

#[test]
fn a_cancelled_call_does_not_wait() {
    let server = Server::with(vec![vec![Step::Wait(Duration::from_secs(10))]]);
    let notes = Notes::default();
    notes.cancelled.store(true, std::sync::atomic::Ordering::Relaxed);
    let begun = Instant::now();
    let failure = Http.play(&call("request", &[("url", server.url.as_str().into())], &[], &[]), &notes).unwrap_err();
    assert_eq!(failure.class, ErrorClass::Cancelled);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn what_cannot_be_asked_is_said() {
    let message = |settings: &[(&str, Value)]| {
        Http.play(&call("request", &[], settings, &[]), &Notes::default()).unwrap_err().message
    };
    assert!(message(&[]).contains("`url` is missing"));
    let url = ("url", Value::text("http://127.0.0.1:1"));
    assert!(message(&[url.clone(), ("body", "x".into()), ("method", "GET".into())]).contains("has no body"));
    assert!(message(&[url.clone(), ("body", "x".into()), ("json", "x".into())]).contains("not both"));
    assert!(message(&[url, ("headers", "x".into())]).contains("`headers` must be a table"));
    assert!(message(&[("url", "file:///etc/passwd".into())]).contains("only http:// and https://"));
}
