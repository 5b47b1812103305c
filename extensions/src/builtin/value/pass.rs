//! `builtin:value/pass`: gives its inputs on as outputs of the same names.

use crate::builtin::describe::Builtin;
use symphony_ecs_core::ports::{CallFailure, InProcessCall};

pub(super) fn builtin() -> Builtin {
    Builtin::new(
        "builtin:value/pass",
        play,
        "Gives every input on as the output of the same name. Gathers values of several nodes under one id.",
    )
    .takes_any()
    .gives_any()
    .example_is("[node.chosen]\nuses = \"builtin:value/pass\"\nin   = { text = { first_of = [\"polished.text\", \"draft.text\"] } }\nout  = { text = \"text\" }")
}

/// Allocates nothing: it is the cheapest node there is, and what the cost of a node is measured with.
fn play(call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
    for (port, slot) in call.outputs.iter().zip(call.results.iter_mut()) {
        let place = call.input_names.iter().position(|name| **name == *port.name);
        if let Some(value) = place.and_then(|place| call.inputs.get(place)) {
            *slot = value.clone();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::builtin::trial::play;
    use symphony_ecs_core::value::Value;

    #[test]
    fn names_decide() {
        let inputs = [("a", Value::Int(1)), ("b", Value::text("x"))];
        let results = play("value/pass", &inputs, &[], &["b", "a", "c"]).unwrap();
        assert_eq!(results, [Value::text("x"), Value::Int(1), Value::Absent]);
    }
}
