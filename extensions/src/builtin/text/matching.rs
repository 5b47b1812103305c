//! `builtin:text/match`: whether a text starts with, ends with, contains, equals or fits a pattern.

use crate::builtin::ask::{Ask, give, refused, shown};
use crate::builtin::describe::Builtin;
use symphony_ecs_core::ports::{CallFailure, InProcessCall};
use symphony_ecs_core::types::PortType;

pub(super) fn builtin() -> Builtin {
    Builtin::new(
        "builtin:text/match",
        play,
        "Says whether a text meets every test that is given. `like` is a pattern over the whole text in which `*` \
         stands for any run of characters and `?` for one.",
    )
    .takes("text", PortType::Text)
    .gives("ok", PortType::Bool)
    .with("starts", "string", "It must begin with this.")
    .with("ends", "string", "It must end with this.")
    .with("contains", "string", "It must contain this.")
    .with("equals", "string", "It must be this.")
    .with("like", "string", "It must fit this pattern.")
    .with("ignore_case", "boolean", "Upper and lower case are the same (default: false).")
    .example_is("[node.is_fix]\nuses = \"builtin:text/match\"\nin   = { text = \"commit.subject\" }\nwith = { like = \"fix*\", ignore_case = true }")
}

fn play(call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
    let fold = call.flag("ignore_case", false)?;
    let folded = |text: &str| if fold { text.to_lowercase() } else { text.to_owned() };
    let text = folded(call.text("text")?);
    type Test = fn(&str, &str) -> bool;
    let tests: [(&str, Test); 5] = [
        ("starts", |text, test| text.starts_with(test)),
        ("ends", |text, test| text.ends_with(test)),
        ("contains", |text, test| text.contains(test)),
        ("equals", |text, test| text == test),
        ("like", like),
    ];
    let given: Vec<bool> = tests
        .iter()
        .filter_map(|(name, meets)| call.option(name).map(|test| meets(&text, &folded(&shown(test)))))
        .collect();
    if given.is_empty() {
        return Err(refused("no test is given: use `starts`, `ends`, `contains`, `equals` or `like` in `with`"));
    }
    give(call, "ok", given.iter().all(|met| *met));
    Ok(())
}

/// Whether a text fits a pattern of `*` and `?`. Time is at most text × pattern: after a mismatch only the last `*`
/// takes one character more.
fn like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut at, mut in_pattern) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match (pattern.get(in_pattern), text.get(at)) {
            (Some('*'), _) => {
                star = Some((in_pattern, at));
                in_pattern += 1;
            }
            (Some(wanted), Some(found)) if *wanted == '?' || wanted == found => {
                at += 1;
                in_pattern += 1;
            }
            _ => match star {
                Some((place, taken)) => {
                    star = Some((place, taken + 1));
                    at = taken + 1;
                    in_pattern = place + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(in_pattern).all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::trial::{one, play};
    use proptest::prelude::*;
    use symphony_ecs_core::value::Value;

    fn ok(text: &str, settings: &[(&str, Value)]) -> bool {
        one("text/match", &[("text", text.into())], settings, "ok") == Value::Bool(true)
    }

    #[test]
    fn all_tests_must_hold() {
        assert!(ok("Fix the bus", &[("starts", "Fix".into()), ("ends", "bus".into()), ("contains", "the".into())]));
        assert!(!ok("Fix the bus", &[("starts", "Fix".into()), ("equals", "Fix".into())]));
        assert!(ok("Fix", &[("like", "f?X".into()), ("ignore_case", true.into())]));
        assert!(play("text/match", &[("text", "a".into())], &[], &["ok"]).unwrap_err().message.contains("`like`"));
    }

    /// The definition of a pattern, without cleverness.
    fn oracle(text: &[char], pattern: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, rest) => rest.is_none(),
            (Some(('*', rest)), _) => {
                oracle(text, rest) || text.split_first().is_some_and(|(_, text)| oracle(text, pattern))
            }
            (Some((wanted, rest)), Some((found, text))) => (*wanted == '?' || wanted == found) && oracle(text, rest),
            (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn like_is_its_definition(text in "[ab]{0,8}", pattern in "[ab*?]{0,6}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(like(&text, &pattern), oracle(&chars(&text), &chars(&pattern)));
        }
    }
}
