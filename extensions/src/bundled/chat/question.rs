//! What is asked of the model: the settings and inputs of a call, as the endpoint wants them.

use super::completion::Completion;
use super::{estimate, usage_of};
use crate::bundled::ask::{Ask, kind, refused};
use crate::bundled::http::client::Asked;
use crate::sdk::{Call, Failure, Usage, Value};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Where a model is asked when nobody says where.
const BASE_URL: &str = "https://api.openai.com/v1";
/// Time-out of a call that has none: models think long.
const TIMEOUT: Duration = Duration::from_secs(300);

/// A question, ready to be sent.
pub(super) struct Question {
    url: String,
    key: Option<String>,
    headers: Vec<(String, String)>,
    body: Json,
    timeout: Duration,
    prompt_estimate: u64,
    prices: (f64, f64),
    /// The reply must be JSON.
    pub wants_json: bool,
}

impl Question {
    /// Reads it from a call.
    pub fn read(call: &Call) -> Result<Self, Failure> {
        let messages = messages(call)?;
        let prompt_estimate = messages.iter().filter_map(|message| message["content"].as_str()).map(estimate).sum();
        let stream = call.flag("stream", true)?;
        let mut body = json!({ "model": call.must_text("model")?, "messages": messages, "stream": stream });
        if stream && call.flag("include_usage", true)? {
            body["stream_options"] = json!({ "include_usage": true });
        }
        // Written as the endpoint calls them.
        for name in ["temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed", "reasoning_effort"]
        {
            if let Some(value) = call.setting(name) {
                body[name] = value.to_json();
            }
        }
        let response_format = response_format(call)?;
        let wants_json = response_format.as_ref().is_some_and(|format| format["type"] != "text");
        if let Some(format) = response_format {
            body["response_format"] = format;
        }
        match call.setting("extra") {
            None => {}
            Some(Value::Map(extra)) => extra.iter().for_each(|(name, value)| body[name] = value.to_json()),
            Some(other) => return Err(refused(format!("`extra` must be a table, not {}", kind(other)))),
        }
        let headers = match call.setting("headers") {
            None => Vec::new(),
            Some(Value::Map(map)) => {
                map.iter().map(|(name, value)| (name.clone(), crate::bundled::ask::shown(value))).collect()
            }
            Some(other) => return Err(refused(format!("`headers` must be a table of texts, not {}", kind(other)))),
        };
        let base = call.maybe_text("base_url")?.filter(|base| !base.is_empty()).unwrap_or(BASE_URL);
        Ok(Self {
            url: format!("{}/chat/completions", base.trim_end_matches('/')),
            key: call.maybe_text("api_key")?.filter(|key| !key.is_empty()).map(str::to_owned),
            headers,
            body,
            timeout: call.timeout_or(TIMEOUT),
            prompt_estimate,
            prices: (call.amount("usd_per_1m_input")?.unwrap_or(0.0), call.amount("usd_per_1m_output")?.unwrap_or(0.0)),
            wants_json,
        })
    }

    /// The HTTP request.
    pub fn asked(&self) -> Asked {
        let mut headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("accept".to_owned(), "text/event-stream, application/json".to_owned()),
        ];
        if let Some(key) = &self.key {
            headers.push(("authorization".to_owned(), format!("Bearer {key}")));
        }
        headers.extend(self.headers.iter().cloned());
        Asked {
            method: "POST".to_owned(),
            url: self.url.clone(),
            headers,
            body: Some(self.body.to_string().into_bytes()),
            timeout: self.timeout,
            redirects: 3,
        }
    }

    /// What a reply, whole or not, has cost: as the endpoint counted, else estimated.
    pub fn usage(&self, completion: &Completion) -> Usage {
        if completion.tokens.is_none() && completion.finish.is_none() && completion.text.is_empty() {
            // Nothing came back: nothing is charged.
            return Usage::default();
        }
        let (input, output) = completion.tokens.unwrap_or((self.prompt_estimate, estimate(&completion.text)));
        usage_of(input, output, self.prices)
    }
}

/// The conversation: `system`, then `messages`, then `prompt`.
fn messages(call: &Call) -> Result<Vec<Json>, Failure> {
    let mut messages = Vec::new();
    if let Some(system) = call.maybe_text("system")? {
        messages.push(json!({ "role": "system", "content": system }));
    }
    match call.value("messages") {
        None => {}
        Some(Value::List(given)) => {
            for message in given.iter() {
                if message.get("role").and_then(Value::as_text).is_none() {
                    return Err(refused("each of `messages` must be a table with `role` and `content`"));
                }
                messages.push(message.to_json());
            }
        }
        Some(other) => return Err(refused(format!("`messages` must be a list, not {}", kind(other)))),
    }
    if let Some(prompt) = call.maybe_text("prompt")? {
        messages.push(json!({ "role": "user", "content": prompt }));
    }
    if messages.iter().all(|message| message["role"] == "system") {
        return Err(refused("there is nothing to ask: bind input `prompt` or `messages`"));
    }
    Ok(messages)
}

/// `response_format` as it is, or from `schema`, or from `json = true`.
fn response_format(call: &Call) -> Result<Option<Json>, Failure> {
    if let Some(format) = call.setting("response_format") {
        return Ok(Some(format.to_json()));
    }
    if let Some(schema) = call.setting("schema") {
        let schema = json!({ "name": "reply", "strict": true, "schema": schema.to_json() });
        return Ok(Some(json!({ "type": "json_schema", "json_schema": schema })));
    }
    Ok(call.flag("json", false)?.then(|| json!({ "type": "json_object" })))
}
