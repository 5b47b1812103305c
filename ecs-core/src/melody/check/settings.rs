//! Settings: `with` and `retry.vary`, held against the schema that the player declares for them.

use super::findings::{Findings, nearest};
use super::players::Player;
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::{Retry, Setting, Span, Spanned};
use jsonschema::error::ValidationErrorKind;
use jsonschema::paths::LocationSegment;
use serde_json::{Map, Value as Json};

/// What stands for a secret, whose value nobody knows before the call.
const SECRET: &str = "secret";

/// Checks a call's settings against a player's schema.
pub(super) fn check(
    player: &Player,
    with: &[(Spanned<String>, Setting)],
    retry: Option<&Retry>,
    node: &Span,
    findings: &mut Findings,
) {
    let name = &player.operation.name;
    let validator = match &player.settings {
        None => return,
        Some(Ok(validator)) => validator,
        Some(Err(error)) => {
            let message = format!("the settings of `{name}` cannot be checked: its schema is broken");
            findings.report(Diagnostic::warning("broken-settings-schema", message).at(node.clone(), error.clone()));
            return;
        }
    };
    let mut settings = Map::new();
    for (key, setting) in with {
        let json = match setting {
            Setting::Value(value) => value.to_json(),
            Setting::Secret(_) => Json::from(SECRET),
        };
        settings.insert(key.value.clone(), json);
    }
    let secret =
        |key: &str| with.iter().any(|(known, setting)| known.value == key && matches!(setting, Setting::Secret(_)));
    let place = |key: &str| with.iter().find(|(known, _)| known.value == key).map(|(known, _)| known.span.clone());
    let settings = Json::Object(settings);
    for error in validator.iter_errors(&settings) {
        let top = top_of(&error);
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } if top.is_none() => {
                for key in unexpected {
                    let finding = Diagnostic::error("unknown-setting", format!("`{name}` has no setting `{key}`"));
                    let finding = finding.at(place(key).unwrap_or_else(|| node.clone()), "the player does not know it");
                    findings.report(finding.help(known_settings(player, key)));
                }
            }
            ValidationErrorKind::Required { property } if top.is_none() => {
                let key = property.as_str().unwrap_or_default();
                let finding = Diagnostic::error("missing-setting", format!("`{name}` needs the setting `{key}`"));
                let finding = finding.at(node.clone(), format!("`with.{key}` is missing"));
                findings.report(finding.help(format!("add `with.{key} = …`")));
            }
            _ if top.as_deref().is_some_and(&secret) => {}
            _ => {
                let key = top.unwrap_or_default();
                let message = format!("`{name}` does not take this value for the setting `{key}`");
                let finding = Diagnostic::error("bad-setting", message);
                findings.report(finding.at(place(&key).unwrap_or_else(|| node.clone()), error.to_string()));
            }
        }
    }
    check_vary(player, validator, &settings, retry, findings);
}

/// Checks each value that an attempt would vary a setting to.
fn check_vary(
    player: &Player,
    validator: &jsonschema::Validator,
    settings: &Json,
    retry: Option<&Retry>,
    findings: &mut Findings,
) {
    let name = &player.operation.name;
    for (key, values) in retry.map(|retry| retry.vary.as_slice()).unwrap_or_default() {
        let mut varied = settings.clone();
        for value in values {
            if let Json::Object(map) = &mut varied {
                map.insert(key.value.clone(), value.to_json());
            }
            let wrong = validator.iter_errors(&varied).find_map(|error| {
                let top = top_of(&error);
                match error.kind() {
                    ValidationErrorKind::AdditionalProperties { unexpected } if top.is_none() => {
                        unexpected.contains(&key.value).then(|| {
                            (
                                format!("`{name}` has no setting `{}`", key.value),
                                Some(known_settings(player, &key.value)),
                            )
                        })
                    }
                    _ if top.as_deref() == Some(key.value.as_str()) => Some((error.to_string(), None)),
                    _ => None,
                }
            });
            if let Some((label, help)) = wrong {
                let message = format!("`retry.vary` gives `{}` a value that `{name}` does not take", key.value);
                let mut finding = Diagnostic::error("bad-setting", message).at(key.span.clone(), label);
                finding.help = help;
                findings.report(finding);
                break;
            }
        }
    }
}

/// The setting that an error is about; `None` when it is about them all.
fn top_of(error: &jsonschema::ValidationError<'_>) -> Option<String> {
    error.instance_path().into_iter().next().map(|segment| match segment {
        LocationSegment::Property(name) => name.into_owned(),
        LocationSegment::Index(place) => place.to_string(),
    })
}

fn known_settings(player: &Player, written: &str) -> String {
    let properties = player.operation.settings.as_ref().and_then(|schema| schema.get("properties"));
    let mut names: Vec<&str> =
        properties.and_then(Json::as_object).map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default();
    names.sort_unstable();
    match nearest(written, names.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if names.is_empty() => "it takes no settings; inputs are bound with `in`".to_owned(),
        None => format!("its settings are {}", names.join(", ")),
    }
}
