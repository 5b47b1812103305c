//! `builtin:assert/that`: a gate that lets a value through when it is as expected, and says both sides when not.

use super::ask::{Ask, give, kind, refused, shortened, shown};
use super::describe::Builtin;
use symphony_ecs_core::ports::{CallFailure, InProcessCall};
use symphony_ecs_core::types::PortType;
use symphony_ecs_core::value::Value;

/// The description.
pub(super) fn that() -> Builtin {
    Builtin::new(
        "builtin:assert/that",
        play,
        "Passes `value` through when every given expectation holds; fails with class `refused` otherwise, and the \
         message shows what was expected and what was found.",
    )
    .may_take("value", PortType::Any)
    .may_take("ok", PortType::Bool)
    .takes_any()
    .gives("value", PortType::Any)
    .with("equals", "", "The value must equal this (1 and 1.0 are equal).")
    .with("matches", "string", "The value, as text, must contain this.")
    .with("min", "number", "The value must be a number of at least this; for text and lists the length counts.")
    .with("max", "number", "The value must be a number of at most this; for text and lists the length counts.")
    .with("message", "string", "What to say first when it fails.")
    .example_is(
        "[node.gate]\nuses = \"builtin:assert/that\"\nin   = { value = \"review.score\" }\nwith = { min = 0.8, message = \"the review is not good enough\" }",
    )
}

fn play(call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
    let value = call.maybe("value").cloned().unwrap_or_default();
    let mut asked = false;
    let mut faults = Vec::new();
    if let Some(ok) = call.maybe("ok") {
        asked = true;
        if ok.as_bool() != Some(true) {
            faults.push(format!("expected `ok` to be true, found {}", shortened(ok)));
        }
    }
    if let Some(expected) = call.option("equals") {
        asked = true;
        if !equal(expected, &value) {
            faults.push(format!("expected {}, found {}", shortened(expected), shortened(&value)));
        }
    }
    if let Some(expected) = call.option("matches") {
        asked = true;
        if !shown(&value).contains(&*shown(expected)) {
            faults.push(format!("expected text that contains {}, found {}", shortened(expected), shortened(&value)));
        }
    }
    for (name, words) in [("min", "at least"), ("max", "at most")] {
        let Some(bound) = call.option(name) else { continue };
        asked = true;
        let limit = bound.as_float().ok_or_else(|| refused(format!("setting `{name}` must be a number")))?;
        let Some((size, what)) = size(&value) else {
            faults.push(format!("expected a number of {words} {}, found {}", shortened(bound), kind(&value)));
            continue;
        };
        if if name == "min" { size < limit } else { size > limit } {
            faults.push(format!("expected {what} of {words} {}, found {size}", shortened(bound)));
        }
    }
    if !asked {
        let cure = "bind input `ok`, or give one of the settings `equals`, `matches`, `min`, `max`";
        return Err(refused(format!("nothing is asserted: {cure}")));
    }
    if faults.is_empty() {
        give(call, "value", value);
        return Ok(());
    }
    let said = match call.option("message") {
        Some(message) => format!("{}: {}", shown(message), faults.join("; ")),
        None => faults.join("; "),
    };
    Err(refused(said))
}

/// Equal as values, numbers by their worth.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Int(_), Value::Float(_)) | (Value::Float(_), Value::Int(_)) => left.as_float() == right.as_float(),
        _ => left == right,
    }
}

/// What `min` and `max` measure, and its name.
fn size(value: &Value) -> Option<(f64, &'static str)> {
    match value {
        Value::Text(text) => Some((text.chars().count() as f64, "a length")),
        Value::List(items) => Some((items.len() as f64, "a length")),
        other => other.as_float().map(|number| (number, "a number")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{one, play};
    use super::*;
    use symphony_ecs_core::melody::model::ErrorClass;

    fn message(inputs: &[(&str, Value)], settings: &[(&str, Value)]) -> String {
        let failure = play("assert/that", inputs, settings, &["value"]).unwrap_err();
        assert_eq!(failure.class, ErrorClass::Refused);
        failure.message
    }

    #[test]
    fn a_value_that_holds_passes_through() {
        let value = Value::list(vec![Value::Int(1), Value::Int(2)]);
        let input = [("value", value.clone())];
        assert_eq!(one("assert/that", &input, &[("min", Value::Int(2)), ("max", Value::Int(2))], "value"), value);
        assert_eq!(one("assert/that", &input, &[("equals", value.clone())], "value"), value);
        let ok = [("ok", Value::Bool(true)), ("value", Value::text("through"))];
        assert_eq!(one("assert/that", &ok, &[], "value"), Value::text("through"));
        let int = [("value", Value::Int(1))];
        assert_eq!(one("assert/that", &int, &[("equals", Value::Float(1.0))], "value"), Value::Int(1));
    }

    #[test]
    fn a_failure_shows_both_sides() {
        let input = [("value", Value::text("a draft"))];
        assert_eq!(message(&input, &[("equals", "done".into())]), r#"expected "done", found "a draft""#);
        assert_eq!(
            message(&input, &[("matches", "final".into()), ("message", "not ready".into())]),
            r#"not ready: expected text that contains "final", found "a draft""#
        );
        assert_eq!(message(&input, &[("min", Value::Int(10))]), "expected a length of at least 10, found 7");
        assert_eq!(message(&[("ok", Value::Bool(false))], &[]), "expected `ok` to be true, found false");
        assert_eq!(
            message(&[("value", Value::Bool(true))], &[("max", Value::Int(1))]),
            "expected a number of at most 1, found a truth value"
        );
    }

    #[test]
    fn an_absent_value_or_an_empty_assertion_is_refused() {
        assert!(message(&[], &[("equals", Value::Int(1))]).contains("found null"));
        assert!(message(&[("value", Value::Int(1))], &[]).starts_with("nothing is asserted"));
        assert!(message(&[("ok", Value::Absent)], &[]).starts_with("nothing is asserted"));
    }

    #[test]
    fn long_values_are_cut_in_messages() {
        let long = Value::text("ä".repeat(5000));
        let said = message(&[("value", long)], &[("equals", "x".into())]);
        assert!(said.len() < 600 && said.contains("(10002 bytes)"), "{said}");
    }
}
