//! A built-in on trial: plays one with named inputs, settings and output ports, for tests.

use super::player;
use std::sync::Arc;
use symphony_ecs_core::ports::{CallFailure, InProcessCall, Port, SettingValue};
use symphony_ecs_core::types::PortType;
use symphony_ecs_core::value::Value;

/// Plays `builtin:NAME`; gives the values of the output ports in the order asked for.
pub fn play(
    name: &str,
    inputs: &[(&str, Value)],
    settings: &[(&str, Value)],
    outputs: &[&str],
) -> Result<Vec<Value>, CallFailure> {
    let player = player(&format!("builtin:{name}")).unwrap_or_else(|| panic!("no builtin:{name}"));
    let names: Vec<Arc<str>> = inputs.iter().map(|(name, _)| (*name).into()).collect();
    let values: Vec<Value> = inputs.iter().map(|(_, value)| value.clone()).collect();
    let settings: Vec<(Arc<str>, SettingValue)> =
        settings.iter().map(|(name, value)| ((*name).into(), SettingValue::Value(value.clone()))).collect();
    let ports: Vec<Port> =
        outputs.iter().map(|name| Port { name: (*name).to_owned(), ty: PortType::Any, required: true }).collect();
    let mut results = vec![Value::Absent; ports.len()];
    player.play(&mut InProcessCall {
        input_names: &names,
        inputs: &values,
        settings: &settings,
        outputs: &ports,
        results: &mut results,
    })?;
    Ok(results)
}

/// [`play`] with one output, which must succeed.
pub fn one(name: &str, inputs: &[(&str, Value)], settings: &[(&str, Value)], output: &str) -> Value {
    play(name, inputs, settings, &[output]).unwrap().remove(0)
}

/// JSON as a value.
pub fn json(json: serde_json::Value) -> Value {
    Value::from_json(&json)
}
