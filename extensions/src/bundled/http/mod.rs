//! `operator:http/request`: one HTTP exchange.

pub(super) mod client;
mod retry_after;

use super::ask::{Ask, kind, refused, shown};
use super::content::{MAX_CONTENT, as_port, bytes_of};
use crate::sdk::{Call, Failure, Level, Outcome, Player, PortType, Reporter, Value};
use client::{Asked, broken, class_of};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use ureq::http::HeaderMap;

/// Time-out of a call that has none.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The player.
pub(super) struct Http;

impl Player for Http {
    fn play(&self, call: &Call, report: &dyn Reporter) -> Result<Outcome, Failure> {
        let asked = asked(call, report)?;
        let name = asked.name();
        let answer = apart(report, move || exchange(&asked))??;
        if call.flag("check", true)? && answer.status >= 400 {
            let (class, retry_after) = class_of(answer.status, &answer.headers);
            let said: String = String::from_utf8_lossy(&answer.body).trim().chars().take(500).collect();
            let said = if said.is_empty() { said } else { format!(": {said}") };
            let message = format!("{name} answered {}{said}", answer.status);
            return Err(Failure { retry_after, ..Failure::new(class, message) });
        }
        outcome(call, answer, &name, report)
    }
}

/// Does a piece of work on a thread of its own, so that a cancelled call need not wait for it. The work is bounded by
/// its own time-out and touches nothing of the call's.
pub(super) fn apart<T: Send + 'static>(
    report: &dyn Reporter,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(work()));
    loop {
        match receiver.recv_timeout(Duration::from_millis(20)) {
            Ok(done) => return Ok(done),
            Err(RecvTimeoutError::Timeout) if report.is_cancelled() => return Err(Failure::cancelled()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure::new(crate::sdk::ErrorClass::Crash, "the exchange ended without a word"));
            }
        }
    }
}

/// A whole answer.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

fn asked(call: &Call, report: &dyn Reporter) -> Result<Asked, Failure> {
    let mut headers: Vec<(String, String)> = match call.value("headers") {
        None => Vec::new(),
        Some(Value::Map(map)) => map.iter().map(|(name, value)| (name.clone(), shown(value))).collect(),
        Some(other) => return Err(refused(format!("`headers` must be a table of texts, not {}", kind(other)))),
    };
    let body = match (call.value("body"), call.value("json")) {
        (Some(_), Some(_)) => return Err(refused("give `body` or `json`, not both")),
        (Some(body), None) => Some(bytes_of(body, "`body`", report)?),
        (None, Some(json)) => {
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                headers.push(("content-type".to_owned(), "application/json".to_owned()));
            }
            Some(json.canonical_json().into_bytes())
        }
        (None, None) => None,
    };
    let default = if body.is_some() { "POST" } else { "GET" };
    let method = call.maybe_text("method")?.unwrap_or(default).to_uppercase();
    if body.is_some() && matches!(method.as_str(), "GET" | "HEAD") {
        return Err(refused(format!("a {method} request has no body; set `method` to POST, PUT or PATCH")));
    }
    Ok(Asked {
        method,
        url: call.must_text("url")?.to_owned(),
        headers,
        body,
        timeout: call.timeout_or(TIMEOUT),
        redirects: u32::try_from(call.count("redirects", 5)?).unwrap_or(u32::MAX),
    })
}

fn exchange(asked: &Asked) -> Result<Answer, Failure> {
    let name = asked.name();
    let (head, mut body) = asked.send()?.into_parts();
    let mut bytes = Vec::new();
    body.as_reader().take(MAX_CONTENT + 1).read_to_end(&mut bytes).map_err(|error| broken(&name, &error))?;
    if bytes.len() as u64 > MAX_CONTENT {
        return Err(refused(format!("{name}: the answer is larger than 64 MiB")));
    }
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: bytes })
}

fn outcome(call: &Call, answer: Answer, name: &str, report: &dyn Reporter) -> Result<Outcome, Failure> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &answer.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let line = headers.entry(name.as_str().to_owned()).or_default();
        *line = if line.is_empty() { value.into_owned() } else { format!("{line}, {value}") };
    }
    let media_type = headers.get("content-type").and_then(|line| line.split(';').next()).unwrap_or_default().trim();
    let media_type = if media_type.is_empty() { "application/octet-stream" } else { media_type };
    let mut outcome = Outcome::default();
    for port in &call.outputs {
        let value = match (port.name.as_str(), &port.ty) {
            ("status", _) => Value::Int(i64::from(answer.status)),
            ("headers", _) => {
                Value::map(headers.iter().map(|(name, value)| (name.as_str(), Value::text(value.as_str()))))
            }
            ("json", _) => serde_json::from_slice(&answer.body).unwrap_or_default(),
            ("body", PortType::Text | PortType::Any) => {
                let text = String::from_utf8_lossy(&answer.body);
                if text.contains('\u{fffd}') {
                    let cure = "declare an output of type `bytes` or `artifact` to take the body as it is";
                    report.log(Level::Warn, &format!("{name}: the body is not UTF-8; {cure}"));
                }
                Value::text(text)
            }
            (_, ty) => as_port(answer.body.clone(), ty, media_type, "the body", report)?,
        };
        outcome.outputs.insert(port.name.clone(), value);
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests;
