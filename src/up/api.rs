//! The API: HTTP on the loopback interface, for programs of this machine that know the token.
//!
//! ```text
//! GET  /health               is it there? (needs no token)
//! POST /melodies/NAME        inputs as a JSON object, Idempotency-Key: KEY     → 202 {"run","state"}
//! POST /topics/NAME          anything as JSON, Idempotency-Key: KEY            → 202 {"started":[…]}
//! GET  /runs                 what is accepted and not over
//! GET  /runs/ID              how a run stands, with its outputs
//! POST /runs/ID/cancel
//! ```
//!
//! An error is `{"error": what is wrong, "help": the cure}`.

use super::http::{BadBody, Request, Server};
use super::token::{self, Address, Token};
use super::{Melodies, News, Open, json_of};
use crate::failure::Failure;
use crate::inputs;
use crate::past;
use crate::state::State;
use crossbeam_channel::{Sender, bounded};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Duration;
use symphony_ecs_core::ids::RunId;
use symphony_ecs_core::value::Value;
use symphony_systems::triggers::{Event, Facts, MelodyRow, Verdict};

/// Largest body, in bytes.
const LARGEST: usize = 1 << 20;
/// Longest key and topic, in bytes.
const LONGEST: usize = 256;
/// How long the loop may take to answer: a commit on a slow disk.
const PATIENCE: Duration = Duration::from_secs(30);

/// The listening side; it stops when dropped.
pub struct Api {
    server: Server,
    state: State,
}

/// What an answering thread knows.
#[derive(Clone)]
struct Clerk {
    state: State,
    melodies: Arc<Melodies>,
    token: Token,
    news: Sender<News>,
}

/// A status and a body.
struct Answer(u16, Json);

/// An error with its cure.
fn wrong(status: u16, error: impl Into<String>, help: impl Into<String>) -> Answer {
    Answer(status, json!({ "error": error.into(), "help": help.into() }))
}

impl Api {
    /// Listens on a port of 127.0.0.1; 0 takes any that is free.
    pub fn start(state: &State, melodies: Arc<Melodies>, port: u16, news: Sender<News>) -> Result<Self, Failure> {
        let clerk = Clerk { state: state.clone(), melodies, token: Token::of(state)?, news };
        let answer = move |request: &mut Request| {
            let Answer(status, body) = clerk.answer(request);
            (status, format!("{body}\n"))
        };
        let server = Server::start(port, answer).map_err(|error| {
            Failure::state(format!("127.0.0.1:{port}: {error}")).help("choose another with --port, or leave it out")
        })?;
        token::publish(state, Address { port: server.port(), pid: std::process::id() })?;
        Ok(Self { server, state: state.clone() })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.server.port()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.state.up("json"));
    }
}

impl Clerk {
    fn answer(&self, request: &mut Request) -> Answer {
        let path = request.path.clone();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        if parts.as_slice() == ["health"] {
            return Answer(200, json!({ "ok": true, "version": env!("CARGO_PKG_VERSION") }));
        }
        let shown = request.header("Authorization").unwrap_or_default();
        if !shown.strip_prefix("Bearer ").is_some_and(|token| self.token.is(token)) {
            let help =
                format!("send `Authorization: Bearer TOKEN`; the token is in {}", self.state.up("token").display());
            return wrong(401, "the token is missing or wrong", help);
        }
        match (request.method.clone().as_str(), parts.as_slice()) {
            ("POST", ["melodies", name]) => self.start(request, name),
            ("POST", ["topics", topic @ ..]) if !topic.is_empty() => self.post(request, &topic.join("/")),
            ("GET", ["runs"]) => self.runs(),
            ("GET", ["runs", run]) => self.run(run),
            ("POST", ["runs", run, "cancel"]) => self.cancel(run),
            (method, ["health" | "runs" | "melodies" | "topics", ..]) => wrong(
                405,
                format!("{method} {path} is not known"),
                "GET /runs, GET /runs/ID, POST /melodies/NAME, POST /topics/NAME, POST /runs/ID/cancel",
            ),
            _ => wrong(
                404,
                format!("there is no {path}"),
                "GET /health, GET /runs, GET /runs/ID, POST /melodies/NAME, POST /topics/NAME, POST /runs/ID/cancel",
            ),
        }
    }

    fn start(&self, request: &mut Request, name: &str) -> Answer {
        let armed = &self.melodies.armed;
        let Some(row) = armed.iter().position(|melody| melody.name == name) else {
            let names: Vec<&str> = armed.iter().map(|melody| melody.name.as_str()).collect();
            return wrong(404, format!("there is no melody {name}"), format!("armed are: {}", names.join(", ")));
        };
        if !armed.get(row).is_some_and(|melody| melody.on.api) {
            return wrong(403, format!("{name} does not start over the API"), "write `api = true` in its `on`");
        }
        let facts = match body(request) {
            Ok(Json::Null) => Facts::new(),
            Ok(Json::Object(fields)) => {
                fields.iter().map(|(name, value)| (name.clone(), Value::from_json(value))).collect()
            }
            Ok(_) => return wrong(400, "the body is not a JSON object", "send {\"INPUT\": value, …}, or nothing"),
            Err(answer) => return answer,
        };
        let Some((melody, schemas)) = self.melodies.melody(row) else {
            return wrong(404, format!("there is no melody {name}"), "start `symphony up` again");
        };
        let facts = match inputs::from_data(&melody.inputs, schemas, facts) {
            Ok(facts) => facts,
            Err(failure) => return refused(422, &failure),
        };
        let event = Event::Asked { melody: row as MelodyRow, facts, key: None };
        let verdicts = match self.happened(request, event) {
            Ok(verdicts) => verdicts,
            Err(answer) => return answer,
        };
        match verdicts.into_iter().next() {
            Some((melody, verdict)) => told(&melody, &verdict),
            None => busy(),
        }
    }

    fn post(&self, request: &mut Request, topic: &str) -> Answer {
        if topic.len() > LONGEST {
            return wrong(400, "the topic is too long", format!("use at most {LONGEST} bytes"));
        }
        let body = match body(request) {
            Ok(Json::Null) => Value::Absent,
            Ok(body) => Value::from_json(&body),
            Err(answer) => return answer,
        };
        match self.happened(request, Event::Topic { topic: topic.to_owned(), body, key: None }) {
            Ok(verdicts) => {
                let started: Vec<Json> = verdicts.iter().map(|(melody, verdict)| told(melody, verdict).1).collect();
                Answer(202, json!({ "started": started }))
            }
            Err(answer) => answer,
        }
    }

    /// Hands an event to the loop, with the request's key, and waits until it is written down.
    fn happened(&self, request: &Request, event: Event) -> Result<Vec<(String, Verdict)>, Answer> {
        let given = request.header("Idempotency-Key").filter(|key| !key.is_empty()).map(str::to_owned);
        if given.as_ref().is_some_and(|key| key.len() > LONGEST) {
            return Err(wrong(400, "the Idempotency-Key is too long", format!("use at most {LONGEST} bytes")));
        }
        let event = match event {
            Event::Asked { melody, facts, .. } => Event::Asked { melody, facts, key: given },
            Event::Topic { topic, body, .. } => Event::Topic { topic, body, key: given },
            other => other,
        };
        let (reply, verdicts) = bounded(1);
        self.news.send(News::Happened(event, Some(reply))).map_err(|_| busy())?;
        verdicts.recv_timeout(PATIENCE).map_err(|_| busy())
    }

    fn open(&self) -> Result<Vec<Open>, Answer> {
        let (reply, open) = bounded(1);
        self.news.send(News::Open(reply)).map_err(|_| busy())?;
        open.recv_timeout(PATIENCE).map_err(|_| busy())
    }

    fn runs(&self) -> Answer {
        match self.open() {
            Ok(open) => Answer(200, json!({ "runs": open.iter().map(object).collect::<Vec<_>>() })),
            Err(answer) => answer,
        }
    }

    fn run(&self, word: &str) -> Answer {
        let unknown = || wrong(404, format!("there is no run {word}"), "GET /runs lists what is not over");
        let Some(run) = RunId::parse(word) else { return unknown() };
        if self.state.run(&run).join("journal.db").exists() {
            return match past::read(&self.state, &run) {
                Ok(past) => {
                    let mut object = serde_json::to_value(&past.closing.summary).unwrap_or_default();
                    if let Json::Object(fields) = &mut object {
                        fields.insert("melody".to_owned(), past.birth.name.into());
                        fields.insert("outputs".to_owned(), json_of(&past.outputs.into_iter().collect()));
                    }
                    Answer(200, object)
                }
                Err(failure) => refused(500, &failure),
            };
        }
        match self.open() {
            Ok(open) => open.iter().find(|open| open.start.run == run).map_or_else(unknown, |o| Answer(200, object(o))),
            Err(answer) => answer,
        }
    }

    fn cancel(&self, word: &str) -> Answer {
        let gone = || wrong(404, format!("no run {word} waits or plays here"), "GET /runs lists what is not over");
        let Some(run) = RunId::parse(word) else { return gone() };
        let (reply, found) = bounded(1);
        if self.news.send(News::Cancel(run.clone(), reply)).is_err() {
            return busy();
        }
        match found.recv_timeout(PATIENCE) {
            Ok(true) => Answer(202, json!({ "run": run, "state": "stopping" })),
            Ok(false) => gone(),
            Err(_) => busy(),
        }
    }
}

fn busy() -> Answer {
    wrong(503, "the triggers do not answer", "they stop, or the disk is slow; try again with the same Idempotency-Key")
}

fn told(melody: &str, verdict: &Verdict) -> Answer {
    let (status, state) = match verdict {
        Verdict::Starts(_) => (202, "starts"),
        Verdict::Waits(_) => (202, "waits"),
        Verdict::Settles(_) => (202, "settles"),
        Verdict::Known(_) => (200, "known"),
        Verdict::Skipped(run) => {
            let error = format!("{melody} plays already (concurrency = \"skip\")");
            let help = "ask again when it is over";
            let body = json!({ "melody": melody, "state": "skipped", "playing": run, "error": error, "help": help });
            return Answer(409, body);
        }
    };
    Answer(status, json!({ "melody": melody, "run": verdict.run(), "state": state }))
}

fn object(open: &Open) -> Json {
    let start = &open.start;
    let status = start.phase.as_str();
    json!({ "run": start.run, "melody": open.melody, "status": status, "cause": start.cause, "accepted_ms": start.born })
}

fn refused(status: u16, failure: &Failure) -> Answer {
    let text = failure.to_string();
    let (error, help) = text.split_once("\n  help: ").unwrap_or((&text, ""));
    wrong(status, error.trim_start_matches("error: "), help)
}

/// The body as JSON; null if there is none.
fn body(request: &mut Request) -> Result<Json, Answer> {
    let bytes = request.body(LARGEST).map_err(|error| match error {
        BadBody::TooLarge => {
            wrong(413, "the body is too large", format!("send at most {LARGEST} bytes, or a file's path"))
        }
        BadBody::NoLength => wrong(411, "the body has no length", "send Content-Length, not chunks"),
        BadBody::Broken(why) => wrong(400, format!("the body cannot be read: {why}"), "send it whole"),
    })?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Json::Null);
    }
    serde_json::from_slice(&bytes).map_err(|error| wrong(400, format!("the body is not JSON: {error}"), "send JSON"))
}
