//! `builtin:text/{join,split,lines,concat}`: texts put together and taken apart.

use crate::builtin::ask::{Ask, give, refused, shown, texts};
use crate::builtin::describe::{Builtin, list};
use std::collections::BTreeMap;
use symphony_ecs_core::ports::{CallFailure, InProcessCall};
use symphony_ecs_core::types::PortType;
use symphony_ecs_core::value::Value;

pub(super) fn builtins() -> Vec<Builtin> {
    vec![
        Builtin::new(
            "builtin:text/join",
            join,
            "Joins the items of a list with a separator. Items that are not text are written as JSON; absent items \
             are left out.",
        )
        .takes("list", list(PortType::Any))
        .may_take("separator", PortType::Text)
        .gives("text", PortType::Text)
        .with("separator", "string", "What stands between the items (default: a line break).")
        .example_is("[node.all]\nuses = \"builtin:text/join\"\nin   = { list = \"summaries.text\" }\nwith = { separator = \"\\n\\n\" }"),
        Builtin::new(
            "builtin:text/split",
            split,
            "Splits a text at every separator. An empty text gives an empty list.",
        )
        .takes("text", PortType::Text)
        .may_take("separator", PortType::Text)
        .gives("list", list(PortType::Text))
        .with("separator", "string", "Where to split; not empty (default: a line break).")
        .with("keep_empty", "boolean", "Keep empty pieces (default: true).")
        .example_is("[node.tags]\nuses = \"builtin:text/split\"\nin   = { text = \"inputs.tags\" }\nwith = { separator = \",\", keep_empty = false }"),
        Builtin::new("builtin:text/lines", lines, "Splits a text into lines, without their line breaks.")
            .takes("text", PortType::Text)
            .gives("list", list(PortType::Text))
            .with("keep_empty", "boolean", "Keep empty lines (default: true).")
            .example_is("[node.rows]\nuses = \"builtin:text/lines\"\nin   = { text = \"read.text\" }"),
        Builtin::new(
            "builtin:text/concat",
            concat,
            "Puts all inputs after each other, in the order of their names. Inputs that are not text are written as \
             JSON; absent ones are left out.",
        )
        .takes_any()
        .gives("text", PortType::Text)
        .with("separator", "string", "What stands between the inputs (default: nothing).")
        .example_is("[node.page]\nuses = \"builtin:text/concat\"\nin   = { a_head = \"head.text\", b_body = \"body.text\" }\nwith = { separator = \"\\n\" }"),
    ]
}

fn join(call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
    let separator = call.text_or_setting("separator")?.unwrap_or("\n");
    let joined = put_together(call.list("list")?, separator);
    give(call, "text", joined);
    Ok(())
}

fn put_together<'v>(items: impl IntoIterator<Item = &'v Value>, separator: &str) -> String {
    let mut joined = String::new();
    let mut first = true;
    for item in items.into_iter().filter(|item| item.is_present()) {
        if !std::mem::take(&mut first) {
            joined.push_str(separator);
        }
        joined.push_str(&shown(item));
    }
    joined
}

fn split(call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
    let text = call.text("text")?;
    let separator = call.text_or_setting("separator")?.unwrap_or("\n");
    if separator.is_empty() {
        return Err(refused("`separator` is empty; give at least one character"));
    }
    let keep = call.flag("keep_empty", true)?;
    let pieces = text.split(separator).filter(|piece| keep || !piece.is_empty());
    give(call, "list", texts(pieces.take(if text.is_empty() { 0 } else { usize::MAX })));
    Ok(())
}

fn lines(call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
    let keep = call.flag("keep_empty", true)?;
    let lines = texts(call.text("text")?.lines().filter(|line| keep || !line.is_empty()));
    give(call, "list", lines);
    Ok(())
}

fn concat(call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
    let by_name: BTreeMap<&str, &Value> = call.bound().collect();
    let separator = call.text_or_setting("separator")?.unwrap_or_default();
    give(call, "text", put_together(by_name.into_values(), separator));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::builtin::trial::{json, one, play};
    use proptest::prelude::*;
    use serde_json::json;
    use symphony_ecs_core::value::Value;

    #[test]
    fn join_writes_what_is_not_text_as_json() {
        let items = json(json!(["a", 1, null, {"k": true}]));
        assert_eq!(
            one("text/join", &[("list", items)], &[("separator", "-".into())], "text"),
            "a-1-{\"k\":true}".into()
        );
        let failure = play("text/join", &[("list", "a".into())], &[], &["text"]).unwrap_err();
        assert_eq!(failure.message, "input `list` must be a list, not text");
    }

    #[test]
    fn an_empty_piece_is_a_piece() {
        let text = [("text", Value::text(",a,,b"))];
        let comma = ("separator", Value::text(","));
        assert_eq!(one("text/split", &text, std::slice::from_ref(&comma), "list"), json(json!(["", "a", "", "b"])));
        assert_eq!(one("text/split", &text, &[comma, ("keep_empty", false.into())], "list"), json(json!(["a", "b"])));
        let failure = play("text/split", &text, &[("separator", "".into())], &["list"]).unwrap_err();
        assert!(failure.message.contains("empty"));
    }

    #[test]
    fn lines_know_both_breaks() {
        assert_eq!(
            one("text/lines", &[("text", "a\r\nb\n\nc\n".into())], &[], "list"),
            json(json!(["a", "b", "", "c"]))
        );
    }

    #[test]
    fn concat_goes_by_name() {
        let inputs = [("b", "2".into()), ("a", "1".into()), ("c", Value::Absent)];
        assert_eq!(one("text/concat", &inputs, &[], "text"), "12".into());
        assert_eq!(one("text/concat", &inputs, &[("separator", "\n".into())], "text"), "1\n2".into());
    }

    proptest! {
        #[test]
        fn join_undoes_split(text in "[ab,;\n]{1,30}", separator in "[,;\n]|,;") {
            let with = [("separator", Value::text(separator))];
            let list = one("text/split", &[("text", Value::text(text.clone()))], &with, "list");
            prop_assert_eq!(one("text/join", &[("list", list)], &with, "text"), Value::text(text));
        }

        #[test]
        fn split_undoes_join(items in prop::collection::vec("[a-zä ]{0,5}", 1..8)) {
            prop_assume!(items != [""]);
            let list = Value::list(items.into_iter().map(Value::text).collect());
            let text = one("text/join", &[("list", list.clone())], &[], "text");
            prop_assert_eq!(one("text/split", &[("text", text)], &[], "list"), list);
        }
    }
}
