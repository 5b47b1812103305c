use super::*;
use crate::bundled::server::{Server, Step, answer};
use crate::bundled::trial::{Notes, call, json, typed};
use crate::sdk::PortType;
use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::Instant;

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

fn event(data: serde_json::Value) -> Step {
    Step::Send(format!("data: {data}\n\n"))
}

fn delta(text: &str) -> Step {
    event(json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]}))
}

fn finish(why: &str) -> Step {
    event(json!({"choices": [{"index": 0, "delta": {}, "finish_reason": why}]}))
}

fn stream(steps: Vec<Step>) -> Server {
    let done = Step::Send("data: [DONE]\n\n".to_owned());
    Server::with(vec![std::iter::once(Step::Send(HEAD.to_owned())).chain(steps).chain([done]).collect()])
}

fn chat(server: &Server, settings: &[(&str, Value)], outputs: &[&str]) -> (Result<Outcome, Failure>, Notes) {
    let mut call = call("chat", &[("prompt", "How many ducks?".into())], settings, outputs);
    call.settings.insert("base_url".to_owned(), format!("{}/v1/", server.url).into());
    call.settings.entry("model".to_owned()).or_insert_with(|| "m-1".into());
    let notes = Notes::default();
    (Chat.play(&call, &notes), notes)
}

#[test]
fn a_reply_is_streamed_counted_and_priced() {
    let usage = event(json!({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 10}}));
    let server = stream(vec![Step::Send(": ping\n\n".into()), delta("Two "), delta("dücks."), finish("stop"), usage]);
    let settings = [
        ("system", Value::text("Be brief.")),
        ("api_key", "sk-secret".into()),
        ("temperature", Value::Float(0.2)),
        ("usd_per_1m_input", Value::Float(2.5)),
        ("usd_per_1m_output", Value::Int(10)),
    ];
    let (result, notes) = chat(&server, &settings, &["text", "tokens_in", "finish"]);
    let outcome = result.unwrap();
    assert_eq!(outcome.outputs["text"], Value::text("Two dücks."));
    assert_eq!((&outcome.outputs["tokens_in"], &outcome.outputs["finish"]), (&Value::Int(100), &Value::text("stop")));
    assert_eq!(outcome.usage, Usage { tokens: 110, cost_micros: 350 });
    assert_eq!(notes.streamed("text"), "Two dücks.");
    assert_eq!(notes.chunks.lock().unwrap().len(), 2);

    let received = &server.received()[0];
    assert!(received.head.starts_with("POST /v1/chat/completions HTTP/1.1"), "{}", received.head);
    assert!(received.head.contains("authorization: Bearer sk-secret"));
    let body: serde_json::Value = serde_json::from_str(&received.body).unwrap();
    let expected = json!({
        "model": "m-1", "stream": true, "stream_options": {"include_usage": true}, "temperature": 0.2,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How many ducks?"}],
    });
    assert_eq!(body, expected);
}

#[test]
fn fields_of_a_json_reply_fill_the_ports() {
    let server = stream(vec![delta("{\"count\": 2,"), delta(" \"ok\": true}"), finish("stop")]);
    let (result, _) = chat(&server, &[("json", true.into())], &["text", "count", "ok"]);
    let outputs = result.unwrap().outputs;
    assert_eq!((&outputs["count"], &outputs["ok"]), (&Value::Int(2), &Value::Bool(true)));
    let body: serde_json::Value = serde_json::from_str(&server.received()[0].body).unwrap();
    assert_eq!(body["response_format"], json!({"type": "json_object"}));

    let server = stream(vec![delta("I would rather not"), finish("stop")]);
    let failure = chat(&server, &[("json", true.into())], &["count"]).0.unwrap_err();
    assert_eq!(failure.class, ErrorClass::InvalidOutput);
    assert!(failure.usage.tokens > 0 && failure.message.contains("I would rather not"));
}

#[test]
fn without_a_stream_the_whole_reply_is_taken() {
    let body = json!({
        "choices": [{"message": {"role": "assistant", "content": "Two."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    });
    let server = Server::once("200 OK", "content-type: application/json\r\n", &body.to_string());
    let (result, notes) = chat(&server, &[("stream", false.into())], &["text"]);
    let outcome = result.unwrap();
    assert_eq!((&outcome.outputs["text"], outcome.usage.tokens), (&Value::text("Two."), 4));
    assert_eq!(notes.streamed("text"), "Two.");
    let server = Server::once("200 OK", "content-type: text/html\r\n", "<html>");
    assert_eq!(chat(&server, &[], &["text"]).0.unwrap_err().class, ErrorClass::InvalidOutput);
}

#[test]
fn statuses_have_classes() {
    for (status, class) in [
        ("429 Too Many Requests", ErrorClass::RateLimited),
        ("401 Unauthorized", ErrorClass::Denied),
        ("403 Forbidden", ErrorClass::Denied),
        ("400 Bad Request", ErrorClass::Refused),
        ("500 Internal Server Error", ErrorClass::Io),
        ("503 Service Unavailable", ErrorClass::Io),
    ] {
        let server = Server::once(status, "retry-after: 3\r\n", r#"{"error": {"message": "quota", "code": null}}"#);
        let failure = chat(&server, &[("api_key", "sk-secret".into())], &["text"]).0.unwrap_err();
        assert_eq!(failure.class, class, "{status}");
        assert!(failure.message.ends_with("quota") && !failure.message.contains("sk-secret"), "{}", failure.message);
        assert_eq!(failure.usage, Usage::default());
        if class == ErrorClass::RateLimited {
            assert_eq!(failure.retry_after, Some(Duration::from_secs(3)));
        }
    }
}

#[test]
fn a_cut_stream_is_io_and_costs_what_came() {
    for tail in [Vec::new(), vec![Step::Send("data: {\"choices\"".into())]] {
        let steps: Vec<Step> = [Step::Send(HEAD.into()), delta("Two and a half")].into_iter().chain(tail).collect();
        let broken_event = steps.len() == 3;
        let server = Server::with(vec![steps]);
        let failure = chat(&server, &[], &["text"]).0.unwrap_err();
        let expected = if broken_event { ErrorClass::InvalidOutput } else { ErrorClass::Io };
        assert_eq!(failure.class, expected, "{}", failure.message);
        assert!(failure.usage.tokens >= 4);
    }
}

#[test]
fn a_cut_in_a_counted_body_is_io() {
    let whole = answer("200 OK", "content-type: text/event-stream\r\n", "data: {\"choices\": []}\n\ndata: [DONE]\n\n");
    let server = Server::with(vec![vec![Step::Send(whole[..whole.len() - 20].to_owned())]]);
    let failure = chat(&server, &[], &["text"]).0.unwrap_err();
    assert_eq!(failure.class, ErrorClass::Io, "{}", failure.message);
}

#[test]
fn malformed_events_and_errors_within_the_stream() {
    let server = stream(vec![delta("Two"), Step::Send("data: {oops\n\n".into())]);
    assert_eq!(chat(&server, &[], &["text"]).0.unwrap_err().class, ErrorClass::InvalidOutput);
    let server = stream(vec![delta("Two"), event(json!({"error": {"message": "overloaded"}}))]);
    let failure = chat(&server, &[], &["text"]).0.unwrap_err();
    assert!(failure.class == ErrorClass::Io && failure.message.ends_with("overloaded"));
}

#[test]
fn how_a_reply_ends_counts() {
    let server = stream(vec![delta("Tw"), finish("content_filter")]);
    assert_eq!(chat(&server, &[], &["text"]).0.unwrap_err().class, ErrorClass::Refused);
    let refusal = event(json!({"choices": [{"delta": {"refusal": "I cannot"}, "finish_reason": "stop"}]}));
    let failure = chat(&stream(vec![refusal]), &[], &["text"]).0.unwrap_err();
    assert!(failure.class == ErrorClass::Refused && failure.message.ends_with("I cannot"));
    let server = stream(vec![delta("Tw"), finish("length")]);
    let (result, notes) = chat(&server, &[], &["text"]);
    assert_eq!(result.unwrap().outputs["text"], Value::text("Tw"));
    assert!(notes.logged(Level::Warn, "`max_tokens`"));
}

#[test]
fn cancelling_does_not_wait_for_the_endpoint() {
    let server = stream(vec![delta("Two"), Step::Wait(Duration::from_secs(10))]);
    let notes = Notes::default();
    notes.cancel_after_chunks.store(1, Ordering::Relaxed);
    let mut call = call("chat", &[("prompt", "x".into())], &[("model", "m".into())], &["text"]);
    call.settings.insert("base_url".to_owned(), server.url.as_str().into());
    let begun = Instant::now();
    let failure = Chat.play(&call, &notes).unwrap_err();
    assert_eq!(failure.class, ErrorClass::Cancelled);
    assert!(begun.elapsed() < Duration::from_secs(5) && failure.usage.tokens > 0);
}

#[test]
fn a_silent_endpoint_is_a_timeout() {
    let server = Server::with(vec![vec![Step::Send(HEAD.into()), Step::Wait(Duration::from_secs(5))]]);
    let ports = [("text", PortType::Text)];
    let mut call = typed("chat", &[("prompt", "x".into())], &[("model", "m".into())], &ports);
    call.settings.insert("base_url".to_owned(), server.url.as_str().into());
    call.timeout = Some(Duration::from_millis(300));
    assert_eq!(Chat.play(&call, &Notes::default()).unwrap_err().class, ErrorClass::Timeout);
}

#[test]
fn what_cannot_be_asked_is_said() {
    let message = |inputs: &[(&str, Value)], settings: &[(&str, Value)]| {
        Chat.play(&call("chat", inputs, settings, &["text"]), &Notes::default()).unwrap_err().message
    };
    let model = ("model", Value::text("m"));
    assert!(message(&[("prompt", "x".into())], &[]).contains("`model` is missing"));
    assert!(message(&[], std::slice::from_ref(&model)).contains("nothing to ask"));
    assert!(message(&[("messages", json(json!([{"content": "x"}])))], std::slice::from_ref(&model)).contains("`role`"));
    assert!(message(&[("prompt", "x".into())], &[model, ("extra", "x".into())]).contains("`extra` must be a table"));
}
