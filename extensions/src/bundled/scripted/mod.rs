//! `instrument:scripted-model/chat`: a deterministic stand-in for a model, with latency, cost, quality and faults.
//!
//! The same settings, inputs and seed give the same reply, so melodies can be built, tested and previewed without a
//! model. What it answers is computed by [`reply`], a pure function; the player only lets the time pass and streams.
//!
//! ```
//! use std::collections::BTreeMap;
//! use symphony_extensions::bundled::scripted::{Attempt, Settings, reply};
//! use symphony_extensions::sdk::Value;
//!
//! let settings = BTreeMap::from([("reply".to_owned(), Value::text("Hello, {{ prompt }}!"))]);
//! let settings = Settings::read(&settings).unwrap();
//! let inputs = BTreeMap::from([("prompt".to_owned(), Value::text("stage"))]);
//! let reply = reply(&settings, &inputs, Attempt { seed: 1, number: 1, iteration: 0 }).unwrap();
//! assert_eq!(reply.text, "Hello, stage!");
//! ```

mod random;
mod settings;
mod summary;

pub use settings::{Faults, Line, Settings};

use super::content::spread;
use crate::builtin::template;
use crate::sdk::{Call, ErrorClass, Failure, Outcome, Player, Reporter, Usage, Value};
use random::Random;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Which attempt of which iteration asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The call's seed.
    pub seed: u64,
    /// 1 for the first attempt.
    pub number: u32,
    /// Which iteration of the innermost loop (or item of the innermost map) the node plays in, from 0.
    pub iteration: u32,
}

/// What the stand-in answers, and what that takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The text.
    pub text: String,
    /// How good it is, 0 to 1.
    pub quality: f64,
    /// How long it takes.
    pub latency: Duration,
    /// Tokens in and out: a quarter of the characters, rounded up.
    pub tokens: u64,
    /// What they cost, in micro-dollars.
    pub cost_micros: u64,
    /// The fault that strikes instead, if one does; latency and cost count all the same.
    pub failure: Option<Failure>,
}

/// Computes a reply. Pure: equal arguments give equal replies on every machine.
///
/// # Errors
/// `refused` when a template of the settings is wrong, or a reply needs input `prompt` and there is none.
pub fn reply(settings: &Settings, inputs: &BTreeMap<String, Value>, attempt: Attempt) -> Result<Reply, Failure> {
    let prompt = inputs.get("prompt").map(super::ask::shown).unwrap_or_default();
    let text = match settings.template_for(&prompt, attempt.iteration) {
        Some(template) => fill(template, inputs, attempt)?,
        None => summary::of(&prompt),
    };
    let system = inputs.get("system").or(settings.system.as_ref()).map(super::ask::shown).unwrap_or_default();
    let tokens = tokens_of(&prompt) + tokens_of(&system) + tokens_of(&text);
    let mut random = Random::new(attempt.seed);
    let quality = settings.quality_at(attempt.iteration).unwrap_or_else(|| 0.6 + 0.35 * random.unit());
    let spread = 1.0 + settings.jitter * (2.0 * random.unit() - 1.0);
    let latency = (settings.latency_ms + settings.latency_per_token_ms * tokens_of(&text) as f64) * spread;
    let usage = Usage { tokens, cost_micros: micros(settings.cost_usd_per_1k_tokens, tokens) };
    Ok(Reply {
        text,
        quality,
        latency: Duration::try_from_secs_f64(latency / 1000.0).unwrap_or_default(),
        tokens,
        cost_micros: usage.cost_micros,
        failure: settings.faults.strike(attempt.number, random.unit(), usage),
    })
}

/// A text's tokens, roughly.
fn tokens_of(text: &str) -> u64 {
    (text.chars().count() as u64).div_ceil(4)
}

/// Micro-dollars of a number of tokens.
fn micros(usd_per_1k: f64, tokens: u64) -> u64 {
    // 1 dollar per 1,000 tokens is 1,000 micro-dollars per token. The cast saturates.
    (usd_per_1k * 1000.0 * tokens as f64).round() as u64
}

fn fill(template: &str, inputs: &BTreeMap<String, Value>, attempt: Attempt) -> Result<String, Failure> {
    let numbers = [
        ("iteration", Value::Int(i64::from(attempt.iteration))),
        ("attempt", Value::Int(i64::from(attempt.number))),
        ("prompt", Value::Absent),
        ("system", Value::Absent),
    ];
    let own = numbers.iter().filter(|(name, _)| !inputs.contains_key(*name)).map(|(name, value)| (*name, value));
    let inputs = inputs.iter().map(|(name, value)| (name.as_str(), value));
    template::fill(template, inputs.chain(own))
        .map_err(|error| Failure::new(ErrorClass::Refused, format!("the scripted reply: {error}")))
}

/// The player.
pub(super) struct Scripted;

impl Player for Scripted {
    fn play(&self, call: &Call, report: &dyn Reporter) -> Result<Outcome, Failure> {
        let settings = Settings::read(&call.settings)?;
        let attempt = Attempt { seed: call.seed, number: call.attempt, iteration: iteration_of(call) };
        let reply = reply(&settings, &call.inputs, attempt)?;
        perform(&reply, report)?;
        if let Some(failure) = reply.failure {
            return Err(failure);
        }
        let mut outcome = Outcome::of("text", reply.text.as_str()).with("quality", Value::Float(reply.quality));
        outcome.usage = Usage { tokens: reply.tokens, cost_micros: reply.cost_micros };
        if let Some(fields @ Value::Map(_)) = crate::builtin::embedded_json(&reply.text) {
            spread(call, &mut outcome, &fields);
        }
        Ok(outcome)
    }
}

/// The input `iteration`, else the last number in brackets of the node's path: 3 in `fix_loop[3].patch`.
fn iteration_of(call: &Call) -> u32 {
    let given = call.input("iteration").and_then(Value::as_int).and_then(|number| u32::try_from(number).ok());
    let from_path = || {
        let (_, after) = call.path.rsplit_once('[')?;
        after.split_once(']')?.0.parse().ok()
    };
    given.or_else(from_path).unwrap_or(0)
}

/// Lets the reply's time pass and streams its words evenly over it.
fn perform(reply: &Reply, report: &dyn Reporter) -> Result<(), Failure> {
    let begun = Instant::now();
    let words: Vec<&str> = reply.text.split_inclusive(char::is_whitespace).collect();
    // A fault strikes half-way: a caller sees a broken stream, as with a real model.
    let count = if reply.failure.is_some() { words.len() / 2 } else { words.len() };
    for (number, word) in words.iter().take(count).enumerate() {
        let due = reply.latency.mul_f64((number + 1) as f64 / words.len() as f64);
        wait_until(begun, due, report)?;
        report.chunk("text", word);
    }
    wait_until(begun, reply.latency, report)
}

/// Sleeps until `due` after `begun`, unless the call is cancelled.
fn wait_until(begun: Instant, due: Duration, report: &dyn Reporter) -> Result<(), Failure> {
    loop {
        if report.is_cancelled() {
            return Err(Failure::cancelled());
        }
        let left = due.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(Duration::from_millis(20)));
    }
}

#[cfg(test)]
mod tests;
