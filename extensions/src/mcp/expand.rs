//! `${VAR}` and `${VAR:-default}` in a server's declaration: the environment's value, put in when the server starts.

/// The text with its variables replaced. `Err` names a variable that is not set and has no default.
///
/// What only looks like a variable (`$HOME`, `${}`, an open brace) stays as it is, as in the other programs that read
/// these files.
pub(crate) fn expand(text: &str, known: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((inside, behind)) = after.split_once('}') else {
            out.push_str("${");
            rest = after;
            break;
        };
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if is_variable(name) {
            // An empty value counts as none where there is a default, as in a shell.
            let value = known(name).filter(|value| default.is_none() || !value.is_empty());
            out.push_str(&value.or_else(|| default.map(str::to_owned)).ok_or_else(|| name.to_owned())?);
            rest = behind;
        } else {
            out.push_str("${");
            rest = after;
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// The variable that a text is, if it is one and nothing else.
pub(super) fn sole_variable(text: &str) -> Option<&str> {
    let inside = text.strip_prefix("${")?.strip_suffix('}')?;
    let name = inside.split_once(":-").map_or(inside, |(name, _)| name);
    is_variable(name).then_some(name)
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn known(name: &str) -> Option<String> {
        match name {
            "A" => Some("1".into()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_put_in_and_the_rest_stands() {
        let expanded = |text: &str| expand(text, &known);
        assert_eq!(expanded("a ${A}${A} b"), Ok("a 11 b".into()));
        assert_eq!(expanded("${B:-two} ${EMPTY:-three} ${EMPTY}."), Ok("two three .".into()));
        assert_eq!(expanded("$A ${} ${1} ${A b} ${A"), Ok("$A ${} ${1} ${A b} ${A".into()));
        assert_eq!(expanded("x ${NO_SUCH}"), Err("NO_SUCH".into()));
        assert_eq!(
            (sole_variable("${A}"), sole_variable("x${A}"), sole_variable("${A:-b}")),
            (Some("A"), None, Some("A"))
        );
    }

    proptest! {
        #[test]
        fn texts_without_variables_stand(text in "[a-z$}: -]{0,40}") {
            prop_assert_eq!(expand(&text, &known), Ok(text.clone()));
        }

        #[test]
        fn no_text_breaks_it(text in "[${}:AB-]{0,40}") {
            let _ = expand(&text, &known);
        }
    }
}
