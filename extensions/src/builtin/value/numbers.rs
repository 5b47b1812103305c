//! `builtin:value/{range,sum}`: lists of numbers.

use crate::builtin::ask::{Ask, give, kind, refused};
use crate::builtin::describe::{Builtin, list};
use serde_json::json;
use symphony_ecs_core::ports::{CallFailure, InProcessCall};
use symphony_ecs_core::types::PortType;
use symphony_ecs_core::value::Value;

/// Most numbers in a range.
const MAX_RANGE: usize = 1_000_000;

pub(super) fn builtins() -> Vec<Builtin> {
    vec![
        Builtin::new(
            "builtin:value/range",
            range,
            "The whole numbers from `from` up to, and without, `to`: something for a `map` to go over. At most 1,000,000.",
        )
        .may_take("from", PortType::Int)
        .may_take("to", PortType::Int)
        .gives("list", list(PortType::Int))
        .with("from", "integer", "The first number (default: 0). The input `from` goes first.")
        .with("to", "integer", "The end, not included. The input `to` goes first.")
        .with_schema("step", json!({ "type": "integer", "not": { "const": 0 }, "description": "From one to the next (default: 1)." }))
        .example_is("[node.pages]\nuses = \"builtin:value/range\"\nin   = { to = \"count.pages\" }\nwith = { from = 1 }"),
        Builtin::new(
            "builtin:value/sum",
            sum,
            "Adds the numbers of a list, and says their smallest, largest and mean, which are absent for an empty list. \
             The sum is a whole number while all items are.",
        )
        .takes("list", list(PortType::Union(vec![PortType::Int, PortType::Float])))
        .gives("sum", PortType::Union(vec![PortType::Int, PortType::Float]))
        .gives("min", PortType::Optional(Box::new(PortType::Float)))
        .gives("max", PortType::Optional(Box::new(PortType::Float)))
        .gives("mean", PortType::Optional(Box::new(PortType::Float)))
        .example_is("[node.total]\nuses = \"builtin:value/sum\"\nin   = { list = \"score.points\" }"),
    ]
}

fn range(call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
    let number = |name: &str| match call.maybe(name).or_else(|| call.option(name)) {
        None => Ok(None),
        Some(Value::Int(int)) => Ok(Some(*int)),
        Some(other) => Err(refused(format!("`{name}` must be a whole number, not {}", kind(other)))),
    };
    let from = number("from")?.unwrap_or(0);
    let to = number("to")?.ok_or_else(|| refused("`to` is missing: give `with.to` or bind input `to`"))?;
    let step = number("step")?.unwrap_or(1);
    if step == 0 {
        return Err(refused("setting `step` must not be 0"));
    }
    let inside = |at: &i64| if step > 0 { *at < to } else { *at > to };
    let numbers = std::iter::successors(Some(from), |at| at.checked_add(step)).take_while(inside);
    let numbers: Vec<Value> = numbers.take(MAX_RANGE + 1).map(Value::Int).collect();
    if numbers.len() > MAX_RANGE {
        return Err(refused("the range has more than 1,000,000 numbers"));
    }
    give(call, "list", numbers);
    Ok(())
}

fn sum(call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
    let items = call.list("list")?;
    let mut whole = Some(0i64);
    let mut numbers = Vec::with_capacity(items.len());
    for (place, item) in items.iter().enumerate() {
        let not = || refused(format!("item {place} of `list` must be a number, not {}", kind(item)));
        numbers.push(item.as_float().ok_or_else(not)?);
        whole = whole.zip(item.as_int()).and_then(|(sum, int)| sum.checked_add(int));
    }
    let total: f64 = numbers.iter().sum();
    let finite = |float: f64| if float.is_finite() { Value::Float(float) } else { Value::Absent };
    give(call, "sum", whole.map_or_else(|| finite(total), Value::Int));
    if !numbers.is_empty() {
        give(call, "min", finite(numbers.iter().copied().fold(f64::INFINITY, f64::min)));
        give(call, "max", finite(numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max)));
        give(call, "mean", finite(total / numbers.len() as f64));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::builtin::trial::{json, one, play};
    use serde_json::json;
    use symphony_ecs_core::value::Value;

    #[test]
    fn ranges_go_both_ways_and_end() {
        let range =
            |settings: &[(&str, Value)]| play("value/range", &[], settings, &["list"]).map(|mut all| all.remove(0));
        assert_eq!(range(&[("to", Value::Int(3))]).unwrap(), json(json!([0, 1, 2])));
        let down = [("from", Value::Int(5)), ("to", Value::Int(0)), ("step", Value::Int(-2))];
        assert_eq!(range(&down).unwrap(), json(json!([5, 3, 1])));
        let edge = [("from", Value::Int(i64::MAX - 1)), ("to", Value::Int(i64::MAX)), ("step", Value::Int(5))];
        assert_eq!(range(&edge).unwrap(), json(json!([i64::MAX - 1])));
        assert!(range(&[("to", Value::Int(i64::MAX))]).unwrap_err().message.contains("1,000,000"));
        assert!(range(&[("to", Value::Int(1)), ("step", Value::Int(0))]).is_err());
        assert!(range(&[]).unwrap_err().message.contains("`to` is missing"));
    }

    #[test]
    fn sums_stay_whole_while_they_can() {
        let sum = |list| one("value/sum", &[("list", json(list))], &[], "sum");
        assert_eq!(sum(json!([1, 2, 3])), Value::Int(6));
        assert_eq!(sum(json!([1, 2.5])), Value::Float(3.5));
        assert_eq!(sum(json!([])), Value::Int(0));
        assert_eq!(sum(json!([i64::MAX, 1])), Value::Float(9_223_372_036_854_775_808.0));
        let all = play("value/sum", &[("list", json(json!([4, 2])))], &[], &["min", "max", "mean"]).unwrap();
        assert_eq!(all, [Value::Float(2.0), Value::Float(4.0), Value::Float(3.0)]);
        let failure = play("value/sum", &[("list", json(json!([1, "x"])))], &[], &["sum"]).unwrap_err();
        assert_eq!(failure.message, "item 1 of `list` must be a number, not text");
    }
}
