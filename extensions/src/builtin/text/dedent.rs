//! `builtin:text/dedent`: takes the margin that all lines share.

use crate::builtin::ask::{Ask, give};
use crate::builtin::describe::Builtin;
use symphony_ecs_core::types::PortType;

pub(super) fn builtin() -> Builtin {
    Builtin::new(
        "builtin:text/dedent",
        |call| {
            let text = dedent(call.text("text")?);
            give(call, "text", text);
            Ok(())
        },
        "Removes the white space with which every line begins. Lines of white space only become empty and do not count.",
    )
    .takes("text", PortType::Text)
    .gives("text", PortType::Text)
    .example_is("[node.flat]\nuses = \"builtin:text/dedent\"\nin   = { text = \"inputs.snippet\" }")
}

/// Removes the longest white space that all non-blank lines begin with.
pub(crate) fn dedent(text: &str) -> String {
    let blank = |line: &str| line.trim().is_empty();
    let margin = text.lines().filter(|line| !blank(line)).map(indentation).reduce(shared).unwrap_or_default();
    let mut output = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (body, end) = match line.strip_suffix('\n') {
            Some(body) => (body, "\n"),
            None => (line, ""),
        };
        output.push_str(if blank(body) { "" } else { body.strip_prefix(margin).unwrap_or(body) });
        output.push_str(end);
    }
    output
}

/// The spaces and tabs a line begins with.
fn indentation(line: &str) -> &str {
    let body = line.trim_start_matches([' ', '\t']);
    line.get(..line.len() - body.len()).unwrap_or_default()
}

/// The longest common beginning of two margins (they are ASCII).
fn shared<'t>(left: &'t str, right: &'t str) -> &'t str {
    let length = left.bytes().zip(right.bytes()).take_while(|(left, right)| left == right).count();
    left.get(..length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_shared_margin_goes() {
        assert_eq!(dedent("    a\n      b\n  \n    c"), "a\n  b\n\nc");
        assert_eq!(dedent("\ta\n  b"), "\ta\n  b");
        assert_eq!(dedent(""), "");
    }

    proptest! {
        #[test]
        fn a_second_time_changes_nothing(text in "[ \ta-c\n]{0,40}") {
            let once = dedent(&text);
            prop_assert_eq!(dedent(&once), once);
        }

        #[test]
        fn the_inserted_margin_is_removed(lines in prop::collection::vec("[a-z][a-z ]{0,5}", 1..6)) {
            let indented: Vec<String> = lines.iter().map(|line| format!("   {line}")).collect();
            prop_assert_eq!(dedent(&indented.join("\n")), lines.join("\n"));
        }
    }
}
