//! Models of players for rehearsals: what a call would take and give, without anybody playing it.
//!
//! The scripted model's answers are a pure function of its settings, so a rehearsal has them word for word, with the
//! latency and the cost that its settings name. Of every other player only the types of its outputs are known.

use std::collections::BTreeMap;
use std::time::Duration;
use symphony_ecs_core::ports::{CallFailure, CallOutcome, CallRequest, Port, SettingValue, Usage};
use symphony_ecs_core::value::Value;
use symphony_extensions::bundled::scripted::{Attempt, Reply, Settings, reply};
use symphony_extensions::sdk::Failure;
use symphony_systems::stage::{Rehearsal, Rehearsed, TypedRehearsal, sample};

/// The operation whose answers are known beforehand.
pub const SCRIPTED: &str = "instrument:scripted-model/chat";

/// Rehearses the scripted model by its script and everybody else by their types.
#[derive(Clone, Copy, Debug)]
pub struct Scripted;

impl Rehearsal for Scripted {
    fn rehearse(&self, request: &CallRequest, estimate: Duration) -> Rehearsed {
        if request.operation.name != SCRIPTED {
            return TypedRehearsal.rehearse(request, estimate);
        }
        match answer(request) {
            Ok(reply) => rehearsed(request, &reply),
            Err(failure) => Rehearsed { took: Duration::ZERO, result: Err(failed(failure)) },
        }
    }
}

fn answer(request: &CallRequest) -> Result<Reply, Failure> {
    let settings: BTreeMap<String, Value> = request
        .settings
        .iter()
        .filter_map(|(name, setting)| match setting {
            SettingValue::Value(value) => Some((name.to_string(), value.clone())),
            SettingValue::Secret(_) => None,
        })
        .collect();
    let inputs: BTreeMap<String, Value> =
        request.inputs.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
    let given = inputs.get("iteration").and_then(Value::as_int).and_then(|number| u32::try_from(number).ok());
    let iteration = given.unwrap_or_else(|| innermost(&request.path));
    reply(&Settings::read(&settings)?, &inputs, Attempt { seed: request.seed, number: request.attempt, iteration })
}

/// The number of the innermost iteration or item of a path: 3 in `fix_loop[3].patch`.
fn innermost(path: &str) -> u32 {
    let number = path.rsplit_once('[').and_then(|(_, after)| after.split_once(']'));
    number.and_then(|(number, _)| number.parse().ok()).unwrap_or(0)
}

fn rehearsed(request: &CallRequest, reply: &Reply) -> Rehearsed {
    let fields = serde_json::from_str(&reply.text).map(|json| Value::from_json(&json)).unwrap_or_default();
    let value = |port: &Port| match port.name.as_str() {
        "text" => Value::text(reply.text.as_str()),
        "quality" => Value::Float(reply.quality),
        name => fields.get(name).cloned().unwrap_or_else(|| sample(&port.ty)),
    };
    let outputs = request.outputs.iter().map(|port| (port.name.clone(), value(port))).collect();
    let usage = Usage { cost_micros: reply.cost_micros, tokens: reply.tokens };
    let result = match &reply.failure {
        Some(failure) => Err(failed(failure.clone())),
        None => Ok(CallOutcome { outputs, usage }),
    };
    Rehearsed { took: reply.latency, result }
}

fn failed(failure: Failure) -> CallFailure {
    let Failure { class, message, retry_after, usage, .. } = failure;
    CallFailure { class, message, retry_after, usage }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_number_counts() {
        assert_eq!([innermost("a"), innermost("a[3].b"), innermost("a[3].b[12].c"), innermost("a[x]")], [0, 3, 12, 0]);
    }
}
