//! `builtin:json/query`: a JMESPath query over a value.

use super::ask::{Ask, give, kind, refused};
use super::describe::Builtin;
use symphony_ecs_core::ports::{CallFailure, InProcessCall};
use symphony_ecs_core::types::PortType;
use symphony_ecs_core::value::Value;

/// Longest query, in bytes.
const MAX_QUERY: usize = 8 * 1024;
/// Most operators in a query. The engine recurses once per operator, so this bounds its stack.
const MAX_OPERATORS: usize = 400;

/// The description.
pub(super) fn query() -> Builtin {
    Builtin::new(
        "builtin:json/query",
        play,
        "Evaluates a JMESPath query over `value`. One declared output gets the result; several get the fields of the \
         resulting object by name, and a field that is missing or null leaves its output absent.",
    )
    .takes("value", PortType::Any)
    .may_take("query", PortType::Text)
    .gives_any()
    .with("query", "string", "The JMESPath expression, unless the input `query` brings it.")
    .example_is(
        "[node.fixes]\nuses = \"builtin:json/query\"\nin   = { value = \"log.commits\" }\nwith = { query = \"[?starts_with(subject, 'Fix')].subject\" }\nout  = { subjects = \"list<text>\" }",
    )
}

fn play(call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
    let query = call
        .text_or_setting("query")?
        .ok_or_else(|| refused("there is no query: give `with.query` or bind input `query`"))?;
    let result = search(query, call.any("value")?)?;
    if let [port] = call.outputs {
        give(call, &port.name, result);
        return Ok(());
    }
    let Value::Map(fields) = &result else {
        return Err(refused(format!(
            "several outputs are declared, so the query must give an object with their names; it gave {}",
            kind(&result)
        )));
    };
    for (port, slot) in call.outputs.iter().zip(call.results.iter_mut()) {
        *slot = fields.get(&port.name).cloned().unwrap_or_default();
    }
    Ok(())
}

/// Evaluates a query.
fn search(query: &str, value: &Value) -> Result<Value, CallFailure> {
    let operators = query.bytes().filter(|byte| b".|&!([{<>=?".contains(byte)).count();
    if query.len() > MAX_QUERY || operators > MAX_OPERATORS {
        return Err(refused(format!(
            "the query is too large ({} bytes, {operators} operators; at most {MAX_QUERY} and {MAX_OPERATORS}): \
             split it over several nodes",
            query.len()
        )));
    }
    let say = |error: jmespath::JmespathError| {
        let place = format!("line {}, column {}", error.line + 1, error.column + 1);
        refused(format!("the query fails at {place}: {}", error.reason))
    };
    let found = jmespath::compile(query).and_then(|expression| expression.search(value)).map_err(say)?;
    let json = serde_json::to_value(&*found).map_err(|error| refused(format!("the query gives no JSON: {error}")))?;
    Ok(Value::from_json(&json))
}

#[cfg(test)]
mod tests {
    use super::super::trial::{json, one, play};
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn commits() -> Value {
        json(json!([{"subject": "Fix a", "n": 9007199254740993i64}, {"subject": "Add b", "n": 1}]))
    }

    #[test]
    fn one_output_gets_the_result() {
        let query = [("query", "[?starts_with(subject, 'Fix')].subject".into())];
        assert_eq!(one("json/query", &[("value", commits())], &query, "out"), json(json!(["Fix a"])));
        let exact = [("query", "[0].n".into())];
        assert_eq!(one("json/query", &[("value", commits())], &exact, "out"), Value::Int(9007199254740993));
    }

    #[test]
    fn several_outputs_get_fields() {
        let query = [("query", "{count: length(@), first: [0].subject}".into())];
        let results = play("json/query", &[("value", commits())], &query, &["first", "count", "more"]).unwrap();
        assert_eq!(results, [Value::text("Fix a"), Value::Int(2), Value::Absent]);
        let failure = play("json/query", &[("value", commits())], &[("query", "@".into())], &["a", "b"]);
        assert!(failure.unwrap_err().message.ends_with("it gave a list"));
    }

    #[test]
    fn faults_name_their_place() {
        let message = |query: &str| {
            let settings = [("query", Value::text(query))];
            play("json/query", &[("value", commits())], &settings, &["out"]).unwrap_err().message
        };
        assert!(message("[?").starts_with("the query fails at line 1, column"));
        assert!(message("length(`1`)").contains("line 1"));
        assert!(message(&"(".repeat(100_000)).starts_with("the query is too large"));
        assert!(message(&format!("a{}", "|a".repeat(4000))).starts_with("the query is too large"));
    }

    #[test]
    fn the_largest_query_fits_a_small_stack() {
        let small = std::thread::Builder::new().stack_size(2 << 20);
        let played = small.spawn(|| {
            for query in [format!("a{}", ".a".repeat(400)), format!("{}a", "!".repeat(400)), "(".repeat(400)] {
                let _ = play("json/query", &[("value", commits())], &[("query", query.into())], &["out"]);
            }
        });
        played.unwrap().join().unwrap();
    }

    proptest! {
        #[test]
        fn no_query_panics(query in "[a-c\\[\\]{}()|&!.*?'`0-9:, @<=>-]{0,40}") {
            let _ = play("json/query", &[("value", commits())], &[("query", query.into())], &["out"]);
        }
    }
}
