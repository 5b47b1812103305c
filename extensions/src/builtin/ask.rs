//! How a built-in asks for its inputs and settings, and how it answers.
//!
//! What is looked up borrows from the score, not from the call, so that results can be written while it is held.

use std::borrow::Cow;
use std::sync::Arc;
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{CallFailure, InProcessCall, SettingValue, Usage};
use symphony_ecs_core::value::Value;

/// A failure that cost nothing.
pub(super) fn failure(class: ErrorClass, message: impl Into<String>) -> CallFailure {
    CallFailure { class, message: message.into(), retry_after: None, usage: Usage::default() }
}

/// The failure of a player that was asked for something it cannot do.
pub(super) fn refused(message: impl Into<String>) -> CallFailure {
    failure(ErrorClass::Refused, message)
}

/// Lookups that give an error which names the port.
pub(super) trait Ask<'a> {
    /// The bound inputs with their names, absent ones too.
    fn bound(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a, Self>;
    /// An input that may be absent.
    fn maybe(&self, name: &str) -> Option<&'a Value>;
    /// An input that must be present.
    fn any(&self, name: &str) -> Result<&'a Value, CallFailure>;
    /// An input that must be text.
    fn text(&self, name: &str) -> Result<&'a str, CallFailure>;
    /// An input that must be a list.
    fn list(&self, name: &str) -> Result<&'a [Value], CallFailure>;
    /// A setting that may be left out.
    fn option(&self, name: &str) -> Option<&'a Value>;
    /// A text that is an input or a setting of that name (the input first).
    fn text_or_setting(&self, name: &str) -> Result<Option<&'a str>, CallFailure>;
    /// A setting that is a whole number, not negative.
    fn count(&self, name: &str) -> Result<Option<usize>, CallFailure>;
    /// A setting that is a truth value.
    fn flag(&self, name: &str, default: bool) -> Result<bool, CallFailure>;
}

impl<'a> Ask<'a> for InProcessCall<'a> {
    fn bound(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        let (names, values) = (self.input_names, self.inputs);
        names.iter().map(|name| &**name).zip(values)
    }

    fn maybe(&self, name: &str) -> Option<&'a Value> {
        self.bound().find_map(|(known, value)| (known == name && value.is_present()).then_some(value))
    }

    fn any(&self, name: &str) -> Result<&'a Value, CallFailure> {
        self.maybe(name).ok_or_else(|| refused(format!("input `{name}` is absent; bind it in `in`")))
    }

    fn text(&self, name: &str) -> Result<&'a str, CallFailure> {
        let value = self.any(name)?;
        value.as_text().ok_or_else(|| refused(format!("input `{name}` must be text, not {}", kind(value))))
    }

    fn list(&self, name: &str) -> Result<&'a [Value], CallFailure> {
        let value = self.any(name)?;
        value.as_list().ok_or_else(|| refused(format!("input `{name}` must be a list, not {}", kind(value))))
    }

    fn option(&self, name: &str) -> Option<&'a Value> {
        let settings = self.settings;
        settings.iter().find_map(|(known, setting)| match setting {
            SettingValue::Value(value) if &**known == name && value.is_present() => Some(value),
            _ => None,
        })
    }

    fn text_or_setting(&self, name: &str) -> Result<Option<&'a str>, CallFailure> {
        match self.maybe(name).or_else(|| self.option(name)) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(other) => Err(refused(format!("`{name}` must be text, not {}", kind(other)))),
        }
    }

    fn count(&self, name: &str) -> Result<Option<usize>, CallFailure> {
        self.option(name)
            .map(|value| {
                let count = value.as_int().and_then(|int| usize::try_from(int).ok());
                count.ok_or_else(|| refused(format!("setting `{name}` must be a whole number of 0 or more")))
            })
            .transpose()
    }

    fn flag(&self, name: &str, default: bool) -> Result<bool, CallFailure> {
        self.option(name).map_or(Ok(default), |value| {
            value.as_bool().ok_or_else(|| refused(format!("setting `{name}` must be true or false")))
        })
    }
}

/// Writes an output, if the node has a port of that name.
pub(super) fn give(call: &mut InProcessCall<'_>, name: &str, value: impl Into<Value>) {
    if let Some(place) = call.outputs.iter().position(|port| port.name == name)
        && let Some(slot) = call.results.get_mut(place)
    {
        *slot = value.into();
    }
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
        Value::Artifact(_) => "an artifact (read it with operator:file/read first)",
    }
}

/// A value as text: text as it is, everything else as canonical JSON; absent is empty.
pub(super) fn shown(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Text(text) => Cow::Borrowed(text),
        Value::Absent => Cow::Borrowed(""),
        other => Cow::Owned(other.canonical_json()),
    }
}

/// A value for a message: canonical JSON, cut after 200 characters.
pub(super) fn shortened(value: &Value) -> String {
    let json = value.canonical_json();
    match json.char_indices().nth(200) {
        Some((end, _)) => format!("{}… ({} bytes)", json.get(..end).unwrap_or_default(), json.len()),
        None => json,
    }
}

/// A list of texts.
pub(super) fn texts<T: Into<Arc<str>>>(items: impl IntoIterator<Item = T>) -> Value {
    Value::list(items.into_iter().map(|item| Value::text(item)).collect())
}
