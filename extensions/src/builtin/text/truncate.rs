//! `builtin:text/truncate`: cuts a text to a number of characters.

use crate::builtin::ask::{Ask, give, refused};
use crate::builtin::describe::Builtin;
use serde_json::json;
use symphony_ecs_core::types::PortType;

pub(super) fn builtin() -> Builtin {
    Builtin::new(
        "builtin:text/truncate",
        |call| {
            let text = call.text("text")?;
            let max = call.count("max")?.ok_or_else(|| refused("setting `max` is missing: how many characters"))?;
            let ellipsis = call.text_or_setting("ellipsis")?.unwrap_or("…");
            let short = shorten(text, max, ellipsis);
            give(call, "truncated", short.len() != text.len() || short != text);
            give(call, "text", short);
            Ok(())
        },
        "Cuts a text to at most `max` characters, the ellipsis included, and says whether it was cut.",
    )
    .takes("text", PortType::Text)
    .gives("text", PortType::Text)
    .gives("truncated", PortType::Bool)
    .with_schema("max", json!({ "type": "integer", "minimum": 0, "description": "Most characters." }))
    .must("max")
    .with("ellipsis", "string", "What shows that something was cut (default: `…`).")
    .example_is("[node.short]\nuses = \"builtin:text/truncate\"\nin   = { text = \"log.text\" }\nwith = { max = 4000 }")
}

/// The text, or its beginning and the ellipsis; never more than `max` characters.
pub(crate) fn shorten(text: &str, max: usize, ellipsis: &str) -> String {
    if text.chars().nth(max).is_none() {
        return text.to_owned();
    }
    let room = max.saturating_sub(ellipsis.chars().count());
    text.chars().take(room).chain(ellipsis.chars()).take(max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::trial::{one, play};
    use proptest::prelude::*;
    use symphony_ecs_core::value::Value;

    #[test]
    fn it_says_whether_it_cut() {
        let input = [("text", Value::text("abcdef"))];
        let cut = play("text/truncate", &input, &[("max", Value::Int(4))], &["text", "truncated"]).unwrap();
        assert_eq!(cut, ["abc…".into(), Value::Bool(true)]);
        assert_eq!(one("text/truncate", &input, &[("max", Value::Int(6))], "truncated"), Value::Bool(false));
        assert!(play("text/truncate", &input, &[("max", Value::Int(-1))], &["text"]).is_err());
        assert!(play("text/truncate", &input, &[], &["text"]).unwrap_err().message.contains("`max`"));
    }

    proptest! {
        #[test]
        fn never_longer_than_asked(text in "\\PC{0,30}", max in 0usize..40, ellipsis in "\\PC{0,5}") {
            let short = shorten(&text, max, &ellipsis);
            prop_assert!(short.chars().count() <= max);
            prop_assert!(text.chars().count() > max || short == text);
        }
    }
}
