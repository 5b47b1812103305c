//! A node's settings for one attempt.

use std::sync::Arc;
use symphony_ecs_core::melody::model::Setting;
use symphony_ecs_core::ports::SettingValue;
use symphony_ecs_core::score::NodeSpec;

/// The settings of the `attempt`-th attempt (from 1) with the same player: `with`, varied as `retry.vary` says.
pub(crate) fn for_attempt(spec: &NodeSpec, attempt: u32) -> Vec<(Arc<str>, SettingValue)> {
    let mut settings: Vec<_> = spec.with.iter().map(|(name, setting)| (Arc::clone(name), as_value(setting))).collect();
    let Some(retry) = spec.retry.as_deref().filter(|_| attempt > 1) else { return settings };
    for (name, values) in &retry.vary {
        let Some(value) = values.get(attempt as usize - 2).or(values.last()) else { continue };
        let value = SettingValue::Value(value.clone());
        match settings.iter_mut().find(|(known, _)| **known == *name.value) {
            Some((_, setting)) => *setting = value,
            None => settings.push((name.value.as_str().into(), value)),
        }
    }
    settings
}

pub(crate) fn as_value(setting: &Setting) -> SettingValue {
    match setting {
        Setting::Value(value) => SettingValue::Value(value.clone()),
        Setting::Secret(name) => SettingValue::Secret(name.value.as_str().into()),
    }
}
