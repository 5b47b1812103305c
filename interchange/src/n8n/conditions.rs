//! Conditions of IF, Filter and Switch as CEL over one item, `i`. What is not plain gives `None`, and stays with the
//! node's player.
//!
//! A field that is missing is a field that does not fit: every path is guarded, so no item makes the expression fail.

use super::read::Node;
use crate::json::{Json, Value};

/// What must hold of an item for each output of a branching node.
pub(super) fn outputs(node: &Node<'_, '_>) -> Option<Vec<String>> {
    let parameters = node.parameters;
    match node.short() {
        "if" => {
            let holds = all(parameters.get("conditions"), parameters.get("combineOperation").text())?;
            Some(vec![holds.clone(), format!("!({holds})")])
        }
        "filter" => {
            all(parameters.get("conditions"), parameters.get("combineConditions").text()).map(|holds| vec![holds])
        }
        "switch" => switch(parameters),
        _ => None,
    }
}

/// The first rule that holds decides.
fn switch(parameters: &Json<'_>) -> Option<Vec<String>> {
    let options = parameters.get("options");
    let rules = parameters.get("rules").get("values");
    if !rules.is_list() || rules.items().is_empty() || options.get("allMatchingOutputs").truth() == Some(true) {
        return None;
    }
    let mut outputs: Vec<String> = Vec::new();
    let mut none_before: Vec<String> = Vec::new();
    for rule in rules.items() {
        let holds = all(rule.get("conditions"), None)?;
        let mut parts = none_before.clone();
        parts.push(format!("({holds})"));
        outputs.push(parts.join(" && "));
        none_before.push(format!("!({holds})"));
    }
    match options.get("fallbackOutput").word().as_deref() {
        None | Some("none") => {}
        Some("extra") => outputs.push(none_before.join(" && ")),
        Some(place) => {
            let output = outputs.get_mut(place.parse::<usize>().ok()?)?;
            *output = format!("{output} || {}", none_before.join(" && "));
        }
    }
    Some(outputs)
}

/// A group of conditions, of version 2 (`conditions: […]`) or 1 (`string: […], number: […]`).
fn all(group: &Json<'_>, combine: Option<&str>) -> Option<String> {
    let mut parts = Vec::new();
    let listed = group.get("conditions");
    let combinator = group.get("combinator").text().or(combine).unwrap_or("and");
    let join = if matches!(combinator, "or" | "any" | "OR") { " || " } else { " && " };
    if listed.is_list() {
        let options = group.get("options");
        if options.get("caseSensitive").truth() == Some(false) {
            return None;
        }
        for condition in listed.items() {
            let operator = condition.get("operator");
            let (kind, operation) = (operator.get("type").text()?, operator.get("operation").text()?);
            parts.push(one(kind, operation, condition.get("leftValue"), condition.get("rightValue"))?);
        }
    } else {
        for (kind, conditions) in group.entries() {
            for condition in conditions.items() {
                let default = if kind == "number" { "smaller" } else { "equal" };
                let operation = match condition.get("operation").text().unwrap_or(default) {
                    "equal" => "equals",
                    "notEqual" => "notEquals",
                    "larger" => "gt",
                    "largerEqual" => "gte",
                    "smaller" => "lt",
                    "smallerEqual" => "lte",
                    "isEmpty" => "empty",
                    "isNotEmpty" => "notEmpty",
                    other => other,
                };
                parts.push(one(kind, operation, condition.get("value1"), condition.get("value2"))?);
            }
        }
    }
    match parts.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        _ => Some(parts.iter().map(|part| format!("({part})")).collect::<Vec<_>>().join(join)),
    }
}

/// One comparison.
fn one(kind: &str, operation: &str, left: &Json<'_>, right: &Json<'_>) -> Option<String> {
    let path = path(left.text()?)?;
    let there = guard(&path);
    let field = format!("i.json.{}", path.join("."));
    let literal = || literal(kind, right);
    let text = |holds: String| Some(format!("{there} && {holds}"));
    let missing_or = |holds: String| Some(format!("!({there} && !({holds}))"));
    match (kind, operation) {
        (_, "exists") => Some(there),
        (_, "notExists") => Some(format!("!({there})")),
        ("string" | "number" | "boolean", "equals") => text(format!("{field} == {}", literal()?)),
        ("string" | "number" | "boolean", "notEquals") => missing_or(format!("{field} != {}", literal()?)),
        ("number", "gt" | "lt" | "gte" | "lte") => {
            let sign = match operation {
                "gt" => ">",
                "lt" => "<",
                "gte" => ">=",
                _ => "<=",
            };
            text(format!("{field} {sign} {}", literal()?))
        }
        ("boolean", "true") => text(format!("{field} == true")),
        ("boolean", "false") => missing_or(format!("{field} == false")),
        ("string", "contains" | "startsWith" | "endsWith") => text(format!("{field}.{operation}({})", literal()?)),
        ("string", "notContains") => missing_or(format!("!{field}.contains({})", literal()?)),
        ("string" | "array" | "object", "notEmpty") => text(format!("size({field}) > 0")),
        ("string" | "array" | "object", "empty") => missing_or(format!("size({field}) == 0")),
        ("array", "lengthGt") => text(format!("size({field}) > {}", number(right)?)),
        ("array", "lengthGte") => text(format!("size({field}) >= {}", number(right)?)),
        ("array", "lengthLt") => text(format!("size({field}) < {}", number(right)?)),
        ("array", "lengthLte") => text(format!("size({field}) <= {}", number(right)?)),
        ("array", "lengthEquals") => text(format!("size({field}) == {}", number(right)?)),
        _ => None,
    }
}

/// `has(i.json.a) && has(i.json.a.b)`
fn guard(path: &[String]) -> String {
    let steps = (1..=path.len()).map(|end| format!("has(i.json.{})", path.get(..end).unwrap_or_default().join(".")));
    steps.collect::<Vec<_>>().join(" && ")
}

/// The fields of `={{ $json.a.b }}` or `={{ $json["a"].b }}`, if that is all.
fn path(text: &str) -> Option<Vec<String>> {
    let inner = text.strip_prefix('=')?.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let mut rest = inner.strip_prefix("$json")?;
    let mut path = Vec::new();
    while !rest.is_empty() {
        let (field, after) = if let Some(dotted) = rest.strip_prefix('.') {
            let end = dotted.find(['.', '[']).unwrap_or(dotted.len());
            dotted.split_at(end)
        } else {
            let quote = rest.strip_prefix('[')?;
            let sign = quote.chars().next().filter(|sign| matches!(sign, '"' | '\''))?;
            let inner = quote.get(1..)?;
            let end = inner.find(sign)?;
            (inner.get(..end)?, inner.get(end + 1..)?.strip_prefix(']')?)
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let fits = field.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && field.chars().all(plain);
        let word =
            ["in", "true", "false", "null", "if", "else", "for", "while", "loop", "import", "return", "var", "as"];
        if !fits || word.contains(&field) {
            return None;
        }
        path.push(field.to_owned());
        rest = after;
    }
    (!path.is_empty()).then_some(path)
}

/// A constant of CEL; expressions of n8n are none.
fn literal(kind: &str, json: &Json<'_>) -> Option<String> {
    match (kind, &json.value) {
        ("string", Value::Text(text)) if !text.starts_with('=') => {
            Some(serde_json::Value::from(text.as_ref()).to_string())
        }
        ("string", Value::Number(number)) => Some(format!("\"{number}\"")),
        ("number", _) => number(json),
        ("boolean", Value::Bool(truth)) => Some(truth.to_string()),
        ("boolean", Value::Text(text)) if matches!(text.as_ref(), "true" | "false") => Some(text.to_string()),
        _ => None,
    }
}

fn number(json: &Json<'_>) -> Option<String> {
    let text = json.word()?;
    let value: f64 = text.trim().parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    Some(if value.fract() == 0.0 && value.abs() < 9e15 { format!("{}", value as i64) } else { format!("{value:?}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::read;
    use symphony_ecs_core::expr::Expr;

    fn branches(kind: &str, parameters: &str) -> Option<Vec<String>> {
        let json = read(parameters).unwrap();
        let nothing = read("{}").unwrap();
        let kind = format!("n8n-nodes-base.{kind}");
        let outputs = outputs(&Node { name: "n", kind: &kind, json: &nothing, parameters: &json })?;
        for output in &outputs {
            Expr::parse(output).unwrap_or_else(|error| panic!("{output}: {error:?}"));
        }
        Some(outputs)
    }

    #[test]
    fn plain_comparisons_become_cel() {
        let two = r#"{"conditions": {"combinator": "or", "conditions": [
            {"operator": {"type": "string", "operation": "equals"}, "leftValue": "={{ $json.a[\"b\"] }}", "rightValue": "x\"y"},
            {"operator": {"type": "number", "operation": "gte"}, "leftValue": "={{$json.n}}", "rightValue": "0.5"}]}}"#;
        let holds =
            "(has(i.json.a) && has(i.json.a.b) && i.json.a.b == \"x\\\"y\") || (has(i.json.n) && i.json.n >= 0.5)";
        assert_eq!(branches("if", two), Some(vec![holds.to_owned(), format!("!({holds})")]));
        let old = r#"{"conditions": {"boolean": [{"value1": "={{ $json.ok }}", "value2": true}]}}"#;
        assert_eq!(branches("if", old).unwrap()[0], "has(i.json.ok) && i.json.ok == true");
    }

    #[test]
    fn the_first_rule_of_a_switch_decides() {
        let switch = r#"{"options": {"fallbackOutput": "extra"}, "rules": {"values": [
            {"conditions": {"conditions": [{"operator": {"type": "string", "operation": "notEmpty"}, "leftValue": "={{ $json.a }}"}]}},
            {"conditions": {"conditions": [{"operator": {"type": "boolean", "operation": "true"}, "leftValue": "={{ $json.b }}"}]}}]}}"#;
        let (a, b) = ("has(i.json.a) && size(i.json.a) > 0", "has(i.json.b) && i.json.b == true");
        assert_eq!(
            branches("switch", switch).unwrap(),
            [format!("({a})"), format!("!({a}) && ({b})"), format!("!({a}) && !({b})")]
        );
    }

    #[test]
    fn what_is_not_plain_stays_with_the_player() {
        for left in [
            "={{ $('Other').item.json.x }}",
            "={{ $json.x.trim() }}",
            "text",
            "={{ $json['a b'] }}",
            "={{ $json.x[0] }}",
        ] {
            let json = serde_json::json!({"conditions": {"string": [{"value1": left, "value2": "x"}]}}).to_string();
            assert_eq!(branches("if", &json), None, "{left}");
        }
    }
}
