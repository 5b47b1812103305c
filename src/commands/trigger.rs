//! `symphony trigger`: asks the process that watches triggers to start a melody.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::state::State;
use crate::up::token::{self, Token};
use clap::Args;
use serde_json::{Map, Value as Json};
use std::fs;
use std::time::Duration;

/// Start a melody that `symphony up` watches
///
/// The melody's `on` must say `api = true`. With a key, asking again starts nothing and names the run that the key has
/// started.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony trigger review --input diff=@change.diff
  symphony trigger nightly --key 2026-03-29")]
pub struct Trigger {
    /// The melody's name
    name: String,
    /// An input: JSON where it is JSON, else text; NAME=@FILE takes a file's content (repeatable)
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    inputs: Vec<String>,
    /// A key that this start shall be known by
    #[arg(short, long, value_name = "KEY")]
    key: Option<String>,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

impl Trigger {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        let body = self.body()?;
        let nobody = || {
            Failure::state(format!("nobody watches triggers with {}", state.root().display()))
                .help("start `symphony up`; --state DIR looks elsewhere")
        };
        let address = token::listening(state).ok_or_else(nobody)?;
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .into();
        let url = format!("http://127.0.0.1:{}/melodies/{}", address.port, self.name);
        let mut request = agent
            .post(&url)
            .header("Authorization", &Token::found(state)?.header())
            .header("Content-Type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("Idempotency-Key", key);
        }
        let mut response = request.send(body.to_string()).map_err(|error| match error {
            ureq::Error::ConnectionFailed | ureq::Error::Io(_) => nobody(),
            other => Failure::state(format!("{url}: {other}")),
        })?;
        let text = response.body_mut().read_to_string().map_err(|error| Failure::state(format!("{url}: {error}")))?;
        let answer: Json = serde_json::from_str(&text).map_err(|error| Failure::state(format!("{url}: {error}")))?;
        let word = |name: &str| answer.get(name).and_then(Json::as_str).unwrap_or_default();
        if !response.status().is_success() {
            let exit = if response.status() == 409 { Exit::RunFailed } else { Exit::Usage };
            return Err(Failure::new(exit, word("error")).help(word("help")));
        }
        match self.json {
            true => super::print(format!("{answer}\n").as_bytes()),
            false => super::print(format!("{} {} {}\n", self.name, word("state"), word("run")).as_bytes()),
        }
    }

    /// Inputs as one JSON object.
    fn body(&self) -> Result<Json, Failure> {
        let mut object = Map::new();
        for word in &self.inputs {
            let (name, text) = word
                .split_once('=')
                .ok_or_else(|| Failure::usage(format!("`{word}` is not an input")).help("write --input NAME=VALUE"))?;
            let value = match text.strip_prefix('@') {
                Some(path) => {
                    let content = fs::read_to_string(path);
                    Json::from(content.map_err(|error| Failure::usage(format!("input `{name}`: {path}: {error}")))?)
                }
                None => serde_json::from_str(text).unwrap_or_else(|_| Json::from(text)),
            };
            if object.insert(name.to_owned(), value).is_some() {
                return Err(Failure::usage(format!("input `{name}` is given twice")));
            }
        }
        Ok(Json::Object(object))
    }
}
