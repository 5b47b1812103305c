//! `builtin:text/{replace,trim,upper,lower,count}`: texts changed and measured.

use crate::builtin::ask::{Ask, give, refused};
use crate::builtin::describe::Builtin;
use symphony_ecs_core::ports::{CallFailure, InProcessCall};
use symphony_ecs_core::types::PortType;
use symphony_ecs_core::value::Value;

/// Most bytes that `replace` writes.
const MAX_REPLACED: usize = 16 << 20;

pub(super) fn builtins() -> Vec<Builtin> {
    let plain = |name, play, summary, example| {
        Builtin::new(name, play, summary)
            .takes("text", PortType::Text)
            .gives("text", PortType::Text)
            .example_is(example)
    };
    vec![
        plain(
            "builtin:text/replace",
            replace,
            "Replaces every occurrence of one text by another, literally.",
            "[node.clean]\nuses = \"builtin:text/replace\"\nin   = { text = \"draft.text\" }\nwith = { find = \"TODO\", by = \"\" }",
        )
        .may_take("find", PortType::Text)
        .may_take("by", PortType::Text)
        .with("find", "string", "What is replaced; not empty. The input `find` goes first.")
        .with("by", "string", "What stands there afterwards (default: nothing). The input `by` goes first."),
        plain(
            "builtin:text/trim",
            |call| map(call, |text| text.trim().to_owned()),
            "Takes white space from both ends.",
            "[node.tidy]\nuses = \"builtin:text/trim\"\nin   = { text = \"draft.text\" }",
        ),
        plain(
            "builtin:text/upper",
            |call| map(call, str::to_uppercase),
            "Makes every letter upper case.",
            "[node.loud]\nuses = \"builtin:text/upper\"\nin   = { text = \"inputs.name\" }",
        ),
        plain(
            "builtin:text/lower",
            |call| map(call, str::to_lowercase),
            "Makes every letter lower case.",
            "[node.soft]\nuses = \"builtin:text/lower\"\nin   = { text = \"inputs.name\" }",
        ),
        Builtin::new("builtin:text/count", count, "Counts the characters, words and lines of a text.")
            .takes("text", PortType::Text)
            .gives("chars", PortType::Int)
            .gives("words", PortType::Int)
            .gives("lines", PortType::Int)
            .example_is("[node.size]\nuses = \"builtin:text/count\"\nin   = { text = \"draft.text\" }"),
    ]
}

fn map(call: &mut InProcessCall<'_>, change: fn(&str) -> String) -> Result<(), CallFailure> {
    let changed = change(call.text("text")?);
    give(call, "text", changed);
    Ok(())
}

fn replace(call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
    let text = call.text("text")?;
    let find = call.text_or_setting("find")?.unwrap_or_default();
    if find.is_empty() {
        return Err(refused("there is nothing to find: give `with.find` or bind input `find`, not empty"));
    }
    let by = call.text_or_setting("by")?.unwrap_or_default();
    let places = text.matches(find).count();
    if places.saturating_mul(by.len()).saturating_add(text.len()) > MAX_REPLACED.max(text.len()) {
        return Err(refused(format!("{places} replacements by {} bytes make more than 16 MiB", by.len())));
    }
    give(call, "text", text.replace(find, by));
    Ok(())
}

fn count(call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
    let text = call.text("text")?;
    let int = |count: usize| Value::Int(i64::try_from(count).unwrap_or(i64::MAX));
    give(call, "chars", int(text.chars().count()));
    give(call, "words", int(text.split_whitespace().count()));
    give(call, "lines", int(text.lines().count()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::builtin::trial::{one, play};
    use proptest::prelude::*;
    use symphony_ecs_core::value::Value;

    fn changed(name: &str, text: &str) -> Value {
        one(name, &[("text", text.into())], &[], "text")
    }

    #[test]
    fn plain_changes() {
        assert_eq!(changed("text/trim", " \n ä b\t"), "ä b".into());
        assert_eq!(changed("text/upper", "straße"), "STRASSE".into());
        assert_eq!(changed("text/lower", "ÄB"), "äb".into());
    }

    #[test]
    fn replace_is_literal_and_bounded() {
        let text = [("text", Value::text("a.b.c"))];
        assert_eq!(one("text/replace", &text, &[("find", ".".into()), ("by", "::".into())], "text"), "a::b::c".into());
        assert!(play("text/replace", &text, &[], &["text"]).unwrap_err().message.contains("with.find"));
        let many = [("text", Value::text("x".repeat(10_000)))];
        let settings = [("find", "x".into()), ("by", Value::text("y".repeat(10_000)))];
        assert!(play("text/replace", &many, &settings, &["text"]).unwrap_err().message.contains("16 MiB"));
    }

    #[test]
    fn count_counts() {
        let counts = play("text/count", &[("text", "ä b\nc\n".into())], &[], &["lines", "words", "chars"]).unwrap();
        assert_eq!(counts, [Value::Int(2), Value::Int(3), Value::Int(6)]);
    }

    proptest! {
        #[test]
        fn replacing_there_and_back_is_the_text(text in "[a-y ]{0,40}") {
            let there = one("text/replace", &[("text", text.clone().into())], &[("find", "a".into()), ("by", "zz".into())], "text");
            let back = one("text/replace", &[("text", there)], &[("find", "zz".into()), ("by", "a".into())], "text");
            prop_assert_eq!(back, Value::text(text));
        }
    }
}
