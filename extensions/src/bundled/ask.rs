//! How a bundled player asks for what it needs: an input port, or the setting of the same name.

use crate::sdk::{Call, ErrorClass, Failure, Value};
use std::time::Duration;

/// A failure of class `refused`: the call asks for something that cannot be.
pub(super) fn refused(message: impl Into<String>) -> Failure {
    Failure::new(ErrorClass::Refused, message)
}

/// What a value is, for messages.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Absent => "absent",
        Value::Bool(_) => "a truth value",
        Value::Int(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Text(_) => "text",
        Value::Bytes(_) => "bytes",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
        Value::Artifact(_) => "an artifact",
    }
}

/// A value as text: text as it is, everything else as JSON.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        other => other.canonical_json(),
    }
}

/// Lookups over a call. Each looks for an input port first and for a setting of that name second.
pub(super) trait Ask {
    /// Any value.
    fn value(&self, name: &str) -> Option<&Value>;
    /// Text.
    fn maybe_text(&self, name: &str) -> Result<Option<&str>, Failure>;
    /// Text that must be there.
    fn must_text(&self, name: &str) -> Result<&str, Failure>;
    /// A text that only a setting gives, where the person names the inputs and any name may be among them.
    fn fixed_text(&self, name: &str) -> Result<Option<&str>, Failure>;
    /// A truth value.
    fn flag(&self, name: &str, default: bool) -> Result<bool, Failure>;
    /// A whole number of 0 or more.
    fn count(&self, name: &str, default: u64) -> Result<u64, Failure>;
    /// A finite number of 0 or more.
    fn amount(&self, name: &str) -> Result<Option<f64>, Failure>;
    /// A list of texts; a single text is a list of one.
    fn texts(&self, name: &str) -> Result<Vec<String>, Failure>;
    /// The call's time-out, or another one.
    fn timeout_or(&self, default: Duration) -> Duration;
    /// Whether the node has an output port of that name.
    fn wants(&self, port: &str) -> bool;
}

impl Ask for Call {
    fn value(&self, name: &str) -> Option<&Value> {
        self.input(name).or_else(|| self.setting(name))
    }

    fn maybe_text(&self, name: &str) -> Result<Option<&str>, Failure> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(other) => Err(refused(format!("`{name}` must be text, not {}", kind(other)))),
        }
    }

    fn fixed_text(&self, name: &str) -> Result<Option<&str>, Failure> {
        match self.setting(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(other) => Err(refused(format!("`with.{name}` must be text, not {}", kind(other)))),
        }
    }

    fn must_text(&self, name: &str) -> Result<&str, Failure> {
        self.maybe_text(name)?
            .ok_or_else(|| refused(format!("`{name}` is missing: give `with.{name}` or bind input `{name}`")))
    }

    fn flag(&self, name: &str, default: bool) -> Result<bool, Failure> {
        self.value(name).map_or(Ok(default), |value| {
            value.as_bool().ok_or_else(|| refused(format!("`{name}` must be true or false, not {}", kind(value))))
        })
    }

    fn count(&self, name: &str, default: u64) -> Result<u64, Failure> {
        self.value(name).map_or(Ok(default), |value| {
            let count = value.as_int().and_then(|int| u64::try_from(int).ok());
            count.ok_or_else(|| refused(format!("`{name}` must be a whole number of 0 or more")))
        })
    }

    fn amount(&self, name: &str) -> Result<Option<f64>, Failure> {
        self.value(name)
            .map(|value| {
                let amount = value.as_float().filter(|amount| amount.is_finite() && *amount >= 0.0);
                amount.ok_or_else(|| refused(format!("`{name}` must be a number of 0 or more")))
            })
            .transpose()
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, Failure> {
        let not_texts = || refused(format!("`{name}` must be text or a list of texts"));
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::Text(text)) => Ok(vec![text.to_string()]),
            Some(Value::List(items)) => {
                items.iter().map(|item| item.as_text().map(str::to_owned).ok_or_else(not_texts)).collect()
            }
            Some(_) => Err(not_texts()),
        }
    }

    fn timeout_or(&self, default: Duration) -> Duration {
        self.timeout.unwrap_or(default)
    }

    fn wants(&self, port: &str) -> bool {
        self.outputs.iter().any(|wanted| wanted.name == port)
    }
}
