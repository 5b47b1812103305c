//! What a stand-in is told to do.

use crate::bundled::ask::{kind, refused};
use crate::sdk::{ErrorClass, Failure, Usage, Value};
use std::collections::BTreeMap;

/// The settings of a stand-in, checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// `script`: the first line whose `match` is found in the prompt answers.
    pub script: Vec<Line>,
    /// `reply` or `replies`: templates by iteration, when no line answers. Empty means a summary of the prompt.
    pub replies: Vec<String>,
    /// `system`: counts as tokens of the prompt.
    pub system: Option<Value>,
    /// `latency_ms`.
    pub latency_ms: f64,
    /// `latency_per_token_ms`, for each token of the reply.
    pub latency_per_token_ms: f64,
    /// `jitter`: the latency varies by this part of it, 0 to 1.
    pub jitter: f64,
    /// `cost_usd_per_1k_tokens`, in and out alike.
    pub cost_usd_per_1k_tokens: f64,
    /// `quality`: 0 to 1, one for all or by iteration. Empty means drawn from the seed, 0.6 to 0.95.
    pub quality: Vec<f64>,
    /// `fail`.
    pub faults: Faults,
}

/// A line of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// `match`: what the prompt must contain; `*` for any prompt.
    pub pattern: String,
    /// `reply` or `replies`: templates by iteration, at least one.
    pub replies: Vec<String>,
}

/// `fail`: which attempts fail.
#[derive(Clone, Debug, PartialEq)]
pub struct Faults {
    /// `first`: the first so many attempts fail.
    pub first: u32,
    /// `rate`: the part of the others that fail, 0 to 1.
    pub rate: f64,
    /// `class`.
    pub class: ErrorClass,
    /// `message`.
    pub message: String,
    /// `retry_after_ms`.
    pub retry_after_ms: Option<u64>,
}

impl Default for Faults {
    fn default() -> Self {
        let message = "a fault that the settings ask for".to_owned();
        Self { first: 0, rate: 0.0, class: ErrorClass::Io, message, retry_after_ms: None }
    }
}

impl Faults {
    /// The failure of an attempt, given a random number from 0 to 1.
    pub(super) fn strike(&self, attempt: u32, random: f64, usage: Usage) -> Option<Failure> {
        let retry_after = self.retry_after_ms.map(std::time::Duration::from_millis);
        (attempt <= self.first || random < self.rate).then(|| Failure {
            retry_after,
            usage,
            ..Failure::new(self.class, self.message.as_str())
        })
    }
}

impl Settings {
    /// Reads and checks the settings of a node. Unknown ones are left to the manifest's schema.
    ///
    /// # Errors
    /// `refused`, naming the setting.
    pub fn read(settings: &BTreeMap<String, Value>) -> Result<Self, Failure> {
        let of = |name: &str| settings.get(name).filter(|value| value.is_present());
        let script = match of("script") {
            None => Vec::new(),
            Some(Value::List(lines)) => lines.iter().map(line).collect::<Result<_, _>>()?,
            Some(other) => return Err(refused(format!("`script` must be a list, not {}", kind(other)))),
        };
        let quality = match of("quality") {
            None => Vec::new(),
            Some(Value::List(all)) => all.iter().map(|one| part("quality", one)).collect::<Result<_, _>>()?,
            Some(one) => vec![part("quality", one)?],
        };
        let amount = |name: &str| of(name).map_or(Ok(0.0), |value| amount(name, value));
        Ok(Self {
            script,
            replies: replies(settings)?,
            system: of("system").cloned(),
            latency_ms: amount("latency_ms")?,
            latency_per_token_ms: amount("latency_per_token_ms")?,
            jitter: of("jitter").map_or(Ok(0.0), |value| part("jitter", value))?,
            cost_usd_per_1k_tokens: amount("cost_usd_per_1k_tokens")?,
            quality,
            faults: of("fail").map_or_else(|| Ok(Faults::default()), faults)?,
        })
    }

    /// The template that answers a prompt.
    pub(super) fn template_for(&self, prompt: &str, iteration: u32) -> Option<&str> {
        let answers = |line: &&Line| line.pattern == "*" || prompt.contains(&line.pattern);
        let replies = self.script.iter().find(answers).map_or(&self.replies, |line| &line.replies);
        at(replies, iteration).map(String::as_str)
    }

    /// The quality of an iteration.
    pub(super) fn quality_at(&self, iteration: u32) -> Option<f64> {
        at(&self.quality, iteration).copied()
    }
}

/// The item of an iteration; the last one stays.
fn at<T>(items: &[T], iteration: u32) -> Option<&T> {
    items.get(iteration as usize).or(items.last())
}

fn amount(name: &str, value: &Value) -> Result<f64, Failure> {
    let amount = value.as_float().filter(|amount| amount.is_finite() && *amount >= 0.0);
    amount.ok_or_else(|| refused(format!("`{name}` must be a number of 0 or more")))
}

fn part(name: &str, value: &Value) -> Result<f64, Failure> {
    let part = value.as_float().filter(|part| (0.0..=1.0).contains(part));
    part.ok_or_else(|| refused(format!("`{name}` must be a number from 0 to 1")))
}

/// The templates of `reply` or `replies`.
fn replies(of: &BTreeMap<String, Value>) -> Result<Vec<String>, Failure> {
    let template = |value: &Value| match value {
        Value::Text(text) => Ok(text.to_string()),
        // A table is a reply in JSON; braces of its texts are still a template.
        map @ Value::Map(_) => Ok(map.canonical_json()),
        other => Err(refused(format!("a reply must be text (or a table, for JSON), not {}", kind(other)))),
    };
    match (of.get("reply"), of.get("replies")) {
        (Some(_), Some(_)) => Err(refused("give `reply` or `replies`, not both")),
        (Some(one), None) => Ok(vec![template(one)?]),
        (None, Some(Value::List(many))) => many.iter().map(template).collect(),
        (None, Some(other)) => Err(refused(format!("`replies` must be a list, not {}", kind(other)))),
        (None, None) => Ok(Vec::new()),
    }
}

fn line(value: &Value) -> Result<Line, Failure> {
    let Value::Map(fields) = value else {
        return Err(refused(format!("a line of `script` must be a table, not {}", kind(value))));
    };
    let replies = replies(fields)?;
    let pattern = fields.get("match").map_or(Some("*"), Value::as_text);
    match (pattern, replies.is_empty()) {
        (Some(pattern), false) => Ok(Line { pattern: pattern.to_owned(), replies }),
        (None, _) => Err(refused("`match` in a line of `script` must be text")),
        (_, true) => Err(refused("a line of `script` needs a `reply` or `replies`")),
    }
}

fn faults(value: &Value) -> Result<Faults, Failure> {
    let Value::Map(fields) = value else {
        return Err(refused(format!("`fail` must be a table, not {}", kind(value))));
    };
    let mut faults = Faults::default();
    for (name, value) in fields.iter() {
        let count = || {
            let count = value.as_int().and_then(|int| u32::try_from(int).ok());
            count.ok_or_else(|| refused(format!("`fail.{name}` must be a whole number of 0 or more")))
        };
        match name.as_str() {
            "first" => faults.first = count()?,
            "rate" => faults.rate = part("fail.rate", value)?,
            "retry_after_ms" => faults.retry_after_ms = Some(u64::from(count()?)),
            "message" => faults.message = crate::bundled::ask::shown(value),
            "class" => {
                let word = value.as_text().unwrap_or_default();
                let class = ErrorClass::ALL.into_iter().find(|class| class.as_str() == word);
                let known = ErrorClass::ALL.map(ErrorClass::as_str).join(" ");
                faults.class = class.ok_or_else(|| refused(format!("`fail.class` is one of {known}")))?;
            }
            other => {
                let known = "first, rate, class, message, retry_after_ms";
                return Err(refused(format!("`fail` has no `{other}`; it has {known}")));
            }
        }
    }
    Ok(faults)
}
