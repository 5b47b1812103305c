//! From names of other tools to ids of melodies: `[a-z][a-z0-9_]{0,63}`, not reserved, one for each thing.

use std::collections::{HashMap, HashSet};
use symphony_ecs_core::melody::RESERVED;

/// Longest id.
const LONGEST: usize = 64;

/// The id that a name stands for, without regard to other names.
pub(crate) fn slug(name: &str, otherwise: &str) -> String {
    let mut slug = String::with_capacity(name.len().min(LONGEST));
    let mut after_small = false;
    for c in name.chars() {
        if slug.len() >= LONGEST {
            break;
        }
        if c.is_ascii_alphanumeric() {
            // `fixLoop` becomes `fix_loop`; `HTTPRequest` stays one word.
            if c.is_ascii_uppercase() && after_small {
                slug.push('_');
            }
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('_') {
            slug.push('_');
        }
        after_small = c.is_ascii_lowercase();
    }
    slug.truncate(LONGEST);
    while slug.ends_with('_') {
        slug.pop();
    }
    if !slug.starts_with(|c: char| c.is_ascii_lowercase()) {
        slug = if slug.is_empty() { otherwise.to_owned() } else { format!("{otherwise}_{slug}") };
        slug.truncate(LONGEST);
    }
    if RESERVED.contains(&slug.as_str()) {
        slug.push('_');
    }
    slug
}

/// Whether a text is an id as it stands.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() <= LONGEST
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        && !RESERVED.contains(&text)
}

/// The name of a melody (dashes between words) that a title or a file's name stands for.
pub(crate) fn melody_name(title: &str) -> String {
    let name = slug(title, "melody").replace('_', "-");
    name.trim_end_matches('-').to_owned()
}

/// The name of a player or an operation, `[a-z][a-z0-9_.-]{0,63}`.
pub(crate) fn player_name(name: &str) -> String {
    slug(name, "x").trim_end_matches('_').replace('_', "-")
}

/// Gives every thing an id of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ids {
    taken: HashSet<String>,
    next: HashMap<String, u32>,
}

impl Ids {
    /// The id of a name: the name itself where it is one and free, else its slug, else that with a number.
    pub fn of(&mut self, name: &str, otherwise: &str) -> String {
        let wanted = if is_id(name) { name.to_owned() } else { slug(name, otherwise) };
        if self.taken.insert(wanted.clone()) {
            return wanted;
        }
        let next = self.next.entry(wanted.clone()).or_insert(2);
        loop {
            let number = next.to_string();
            let mut id = wanted.clone();
            id.truncate(LONGEST - 1 - number.len());
            let id = format!("{}_{number}", id.trim_end_matches('_'));
            *next += 1;
            if self.taken.insert(id.clone()) {
                return id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use symphony_ecs_core::melody::parse;

    #[test]
    fn names_become_ids() {
        for (name, id) in [
            ("HTTP Request", "http_request"),
            ("fixLoop", "fix_loop"),
            ("  Größe 2 ", "gr_e_2"),
            ("2nd", "n_2nd"),
            ("", "n"),
            ("日本", "n"),
            ("If", "if_"),
            ("mProject_ID0000002", "m_project_id0000002"),
            ("already_an_id", "already_an_id"),
        ] {
            assert_eq!(slug(name, "n"), id, "{name}");
        }
        assert_eq!(melody_name("My Flow (v2)"), "my-flow-v2");
        assert_eq!(melody_name("loop"), "loop");
    }

    #[test]
    fn every_thing_has_an_id_of_its_own() {
        let mut ids = Ids::default();
        let given: Vec<String> = ["a b", "A-B", "a_b", "a b 2", "a b"].iter().map(|name| ids.of(name, "n")).collect();
        assert_eq!(given, ["a_b", "a_b_2", "a_b_3", "a_b_2_2", "a_b_4"]);
    }

    proptest! {
        #[test]
        fn any_names_make_a_melody(names in proptest::collection::vec(".{0,80}|if|loop|a_{0,70}", 1..12)) {
            let mut ids = Ids::default();
            let mut text = format!("format = 1\nname = \"{}\"\n", melody_name(&names[0]));
            for name in &names {
                let player = player_name(name);
                text += &format!("[node.{}]\nuses = \"operator:{player}/{player}\"\n", ids.of(name, "n"));
            }
            prop_assert!(parse("t.melody.toml", &text).is_ok(), "{text}");
        }
    }
}
