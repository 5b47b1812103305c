//! Names: of nodes, ports, inputs and outputs (identifiers in expressions), of melodies and of types.

use super::keys::listing;
use super::reader::Reader;
use super::tree::Key;
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::{Span, Spanned};

/// Longest name.
const LONGEST: usize = 64;

/// Words that expressions keep for themselves: CEL's reserved words, and the names that a melody defines.
pub const RESERVED: [&str; 27] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "index",
    "inputs",
    "item",
    "iteration",
    "let",
    "loop",
    "namespace",
    "null",
    "outputs",
    "package",
    "return",
    "run",
    "true",
    "var",
    "void",
    "while",
];

/// Whether a text has the form `[a-z][a-z0-9_]{0,63}`.
pub(super) fn is_id(text: &str) -> bool {
    text.len() <= LONGEST
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// Whether expressions keep a word for themselves.
pub(super) fn is_reserved(text: &str) -> bool {
    RESERVED.contains(&text)
}

/// The id that a name probably stands for.
pub(super) fn slug(text: &str) -> String {
    let mut slug = String::new();
    let mut after_small = false;
    for c in text.chars().take(LONGEST) {
        // `fixLoop` becomes `fix_loop`.
        if c.is_ascii_uppercase() && after_small {
            slug.push('_');
        }
        after_small = c.is_ascii_lowercase() || c.is_ascii_digit();
        slug.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
    }
    let slug = slug.trim_matches('_');
    let mut slug =
        if slug.starts_with(|c: char| c.is_ascii_lowercase()) { slug.to_owned() } else { format!("n_{slug}") };
    if is_reserved(&slug) {
        slug.push('_');
    }
    slug.truncate(LONGEST);
    slug
}

impl<'t> Reader<'t> {
    /// The name under which a key stands; reports it if it is none.
    pub fn id(&mut self, role: &str, key: Key<'t>) -> Spanned<String> {
        let id = Spanned { value: key.text.into_owned(), span: key.span };
        self.check_id(role, &id.value, &id.span);
        id
    }

    /// Reports a name that cannot be one. Returns whether it can.
    pub fn check_id(&mut self, role: &str, text: &str, span: &Span) -> bool {
        if is_reserved(text) {
            let finding = Diagnostic::error("reserved-id", format!("`{text}` cannot be the name of {role}"));
            self.report(finding.at(span.clone(), "expressions keep this word for themselves").help(format!(
                "choose another name, such as `{}`; reserved are {}",
                slug(text),
                reserved()
            )));
            return false;
        }
        if is_id(text) {
            return true;
        }
        let reason = if text.is_empty() {
            "it is empty"
        } else if text.len() > LONGEST {
            "longer than 64 characters"
        } else if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
            "does not begin with a small letter"
        } else {
            "holds other characters than `a-z`, `0-9` and `_`"
        };
        let finding =
            Diagnostic::error("bad-id", format!("`{text}` cannot be the name of {role}")).at(span.clone(), reason);
        self.report(finding.help(format!(
            "write `{}`: names are identifiers in expressions, a small letter and then small letters, digits and `_`",
            slug(text)
        )));
        false
    }

    /// Reports a name of a melody that cannot be one: as an id, but dashes are welcome.
    pub fn check_melody_name(&mut self, text: &str, span: &Span) {
        let plain = text.replace('-', "_");
        if is_id(&plain) && !text.ends_with('-') {
            return;
        }
        let meant = slug(text).replace('_', "-");
        self.report(
            Diagnostic::error("bad-id", format!("`{text}` cannot be the name of a melody"))
                .at(span.clone(), "not a small letter and then small letters, digits, `-` and `_`, 64 at most")
                .help(format!("write \"{meant}\" and keep the text for people in `title`")),
        );
    }

    /// Reports a name of a schema that cannot be one: letters, digits and `_`, a letter first.
    pub fn check_type_name(&mut self, text: &str, span: &Span) {
        let plain = text.to_ascii_lowercase();
        let taken = ["any", "bool", "int", "float", "text", "bytes", "json", "enum", "list", "artifact"];
        if !is_id(&plain) {
            let finding = Diagnostic::error("bad-id", format!("`{text}` cannot be the name of a type"));
            let finding = finding.at(span.clone(), "not a letter and then letters, digits and `_`, 64 at most");
            self.report(finding.help("write a name such as `LintReport`"));
        } else if taken.contains(&text) {
            let finding = Diagnostic::error("reserved-id", format!("`{text}` is a type already"));
            self.report(
                finding
                    .at(span.clone(), "the name of a built-in type")
                    .help("choose another name, such as `LintReport`"),
            );
        }
    }
}

fn reserved() -> String {
    listing(RESERVED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_are_small_identifiers() {
        for good in ["a", "fix_loop", "x9", &"a".repeat(64)] {
            assert!(is_id(good), "{good}");
        }
        for bad in ["", "A", "9x", "_x", "fix-loop", "ä", "a b", &"a".repeat(65)] {
            assert!(!is_id(bad), "{bad}");
        }
    }

    #[test]
    fn names_become_ids() {
        assert_eq!(slug("Fix Loop"), "fix_loop");
        assert_eq!(slug("fixLoop"), "fix_loop");
        assert_eq!(slug("2nd"), "n_2nd");
        assert_eq!(slug("in"), "in_");
        assert_eq!(slug("Überprüfung"), "berpr_fung");
    }

    proptest! {
        #[test]
        fn every_text_has_an_id(text in ".{0,100}") {
            let slug = slug(&text);
            prop_assert!(is_id(&slug) && !is_reserved(&slug), "{slug}");
        }
    }
}
