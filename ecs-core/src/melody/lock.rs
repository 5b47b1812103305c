//! The lock, `NAME.melody.lock`: the version and digest of every player that a melody and its bodies use.
//!
//! ```toml
//! # Versions and digests of the players of this melody; written by symphony, kept in version control.
//! format = 1
//!
//! [players]
//! "operator:git/log" = { version = "1.0.0", digest = "blake3:…" }
//! ```
//!
//! One sorted line per player, so that changes are easy to read and to merge. Where a melody uses one player in
//! several versions, each has a line, the version after `@`.

use super::check::Checked;
use super::diagnostics::Diagnostic;
use super::model::Span;
use crate::ports::Operation;
use crate::value::Digest;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use toml_edit::{Document, Item, Table, TableLike};

/// The format that is written, and the newest that is read.
const FORMAT: i64 = 1;

/// The players of a melody, by the full name of their operation (`operator:git/log`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// One entry per operation.
    pub players: BTreeMap<String, LockEntry>,
}

/// What is locked of a player.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockEntry {
    /// Version of the extension.
    pub version: semver::Version,
    /// What makes this player this player.
    pub digest: Digest,
}

/// A difference between a lock and the players found now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockChange {
    /// A player that the lock does not have.
    Added {
        /// Its operation.
        name: String,
        /// What was found.
        found: LockEntry,
    },
    /// A player that is not used any more.
    Removed {
        /// Its operation.
        name: String,
        /// What was locked.
        locked: LockEntry,
    },
    /// A player that is another one now.
    Changed {
        /// Its operation.
        name: String,
        /// What was locked.
        locked: LockEntry,
        /// What was found.
        found: LockEntry,
    },
}

impl Lock {
    /// The lock of a checked melody: the players of all its nodes and bodies, of fallbacks, undos and
    /// reconstructions.
    pub fn of(checked: &Checked) -> Self {
        let mut by_name: BTreeMap<&str, BTreeMap<&semver::Version, Digest>> = BTreeMap::new();
        for node in checked.melodies.iter().flat_map(|melody| &melody.nodes) {
            for operation in node.players.iter().chain(&node.undo).chain(&node.reconstruct) {
                let operation: &Operation = operation;
                by_name.entry(&operation.name).or_default().insert(&operation.version, operation.digest);
            }
        }
        let mut players = BTreeMap::new();
        for (name, versions) in by_name {
            let several = versions.len() > 1;
            for (version, digest) in versions {
                let key = if several { format!("{name}@{version}") } else { name.to_owned() };
                players.insert(key, LockEntry { version: version.clone(), digest });
            }
        }
        Self { players }
    }

    /// Compares the lock with the players found now, in the order of their names.
    pub fn compare(&self, checked: &Checked) -> Vec<LockChange> {
        let now = Self::of(checked);
        let mut names: Vec<&String> = self.players.keys().chain(now.players.keys()).collect();
        names.sort();
        names.dedup();
        let change = |name: &String| match (self.players.get(name), now.players.get(name)) {
            (Some(locked), Some(found)) if locked == found => None,
            (Some(locked), Some(found)) => {
                Some(LockChange::Changed { name: name.clone(), locked: locked.clone(), found: found.clone() })
            }
            (Some(locked), None) => Some(LockChange::Removed { name: name.clone(), locked: locked.clone() }),
            (None, Some(found)) => Some(LockChange::Added { name: name.clone(), found: found.clone() }),
            (None, None) => None,
        };
        names.into_iter().filter_map(change).collect()
    }

    /// Reads a lock. `path` names the file in findings.
    ///
    /// # Errors
    /// Every mistake in the text; a lock written by a newer program is one.
    pub fn parse(path: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut reader = Reader { path, source: Arc::from(text), findings: Vec::new() };
        let lock = match Document::parse(text) {
            Ok(document) => reader.lock(document.as_table()),
            Err(error) => {
                let message = error.message().lines().next().unwrap_or("not TOML").to_owned();
                reader.report("toml-syntax", "the lock is not TOML".to_owned(), error.span(), &message, REWRITE);
                Self::default()
            }
        };
        if reader.findings.is_empty() { Ok(lock) } else { Err(reader.findings) }
    }
}

/// The cure for a lock that is damaged.
const REWRITE: &str = "mend the line, or remove the file: it is written anew from the players found";

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "# Versions and digests of the players of this melody; written by symphony, kept in version control.\n",
        )?;
        writeln!(f, "format = {FORMAT}\n\n[players]")?;
        for (name, entry) in &self.players {
            writeln!(f, "{} = {{ version = \"{}\", digest = \"{}\" }}", quoted(name), entry.version, entry.digest)?;
        }
        Ok(())
    }
}

/// A name as a TOML key in quotes.
fn quoted(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('"');
    for c in name.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

struct Reader<'a> {
    path: &'a str,
    source: Arc<str>,
    findings: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn report(&mut self, code: &'static str, message: String, span: Option<Span>, label: &str, help: &str) {
        let mut finding = Diagnostic::error(code, message).in_file(self.path, &self.source).help(help);
        finding.span = span.map(|span| span.start.min(self.source.len())..span.end.min(self.source.len()));
        finding.label = label.to_owned();
        self.findings.push(finding);
    }

    fn lock(&mut self, root: &Table) -> Lock {
        let mut lock = Lock::default();
        match root.get("format").and_then(Item::as_integer) {
            Some(FORMAT) => {}
            Some(newer) if newer > FORMAT => {
                let message = format!("the lock has format {newer}; this program understands {FORMAT}");
                let span = root.get("format").and_then(Item::span);
                self.report("newer-format", message, span, "written by a newer program", "use a newer symphony");
                return lock;
            }
            _ => {
                let span = root.get("format").and_then(Item::span).or(Some(0..0));
                self.report(
                    "bad-lock",
                    "the lock does not say its format".to_owned(),
                    span,
                    "expected `format = 1`",
                    REWRITE,
                );
            }
        }
        for (key, item) in root.iter().filter(|(key, _)| !matches!(*key, "format" | "players")) {
            let span = root.key(key).and_then(toml_edit::Key::span).or_else(|| item.span());
            self.report("unknown-key", format!("unknown key `{key}` in a lock"), span, "not of a lock", REWRITE);
        }
        let Some(players) = root.get("players").and_then(Item::as_table_like) else {
            if let Some(item) = root.get("players") {
                self.report(
                    "bad-lock",
                    "`players` is not a table".to_owned(),
                    item.span(),
                    "expected a table",
                    REWRITE,
                );
            }
            return lock;
        };
        for (name, item) in players.iter() {
            let span = players.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
            match entry(item) {
                Ok(entry) => {
                    lock.players.insert(name.to_owned(), entry);
                }
                Err((why, at)) => {
                    self.report("bad-lock", format!("the entry of `{name}` cannot be read"), at.or(span), why, REWRITE);
                }
            }
        }
        lock
    }
}

/// What is wrong with an entry, and where.
type Mistake = (&'static str, Option<Span>);

/// Reads an entry.
fn entry(item: &Item) -> Result<LockEntry, Mistake> {
    let shape = "expected `{ version = \"1.0.0\", digest = \"blake3:…\" }`";
    let table: &dyn TableLike = item.as_table_like().ok_or((shape, item.span()))?;
    let text = |key: &str| -> Result<(&str, Option<Span>), Mistake> {
        let value = table.get(key).and_then(Item::as_value).ok_or((shape, item.span()))?;
        value.as_str().map(|text| (text, value.span())).ok_or((shape, value.span()))
    };
    if table.iter().any(|(key, _)| !matches!(key, "version" | "digest")) {
        return Err((shape, item.span()));
    }
    let (version, version_span) = text("version")?;
    let (digest, digest_span) = text("digest")?;
    Ok(LockEntry {
        version: version.parse().map_err(|_| ("not a version such as 1.0.0", version_span))?,
        digest: digest.parse().map_err(|_| ("not `blake3:` and 64 hexadecimal digits", digest_span))?,
    })
}

impl fmt::Display for LockChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |entry: &LockEntry| format!("{} ({}…)", entry.version, entry.digest.hex().get(..12).unwrap_or(""));
        match self {
            Self::Added { name, found } => write!(f, "{name}: new, {}", short(found)),
            Self::Removed { name, locked } => write!(f, "{name}: not used any more, was {}", short(locked)),
            Self::Changed { name, locked, found } => write!(f, "{name}: was {}, is {}", short(locked), short(found)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::melody::render;
    use proptest::prelude::*;

    fn entry(version: &str, seed: &str) -> LockEntry {
        LockEntry { version: version.parse().unwrap(), digest: Digest::of(seed.as_bytes()) }
    }

    fn lock(entries: &[(&str, LockEntry)]) -> Lock {
        Lock { players: entries.iter().map(|(name, entry)| ((*name).to_owned(), entry.clone())).collect() }
    }

    fn checked(uses: &[&str]) -> Checked {
        let nodes: Vec<String> =
            uses.iter().enumerate().map(|(place, uses)| format!("[node.n{place}]\nuses = \"{uses}\"\n")).collect();
        super::super::check::tests::plays(&nodes.concat())
    }

    #[test]
    fn a_lock_is_one_sorted_line_per_player() {
        let lock =
            lock(&[("operator:git/log", entry("1.2.0", "a")), ("builtin:json/query", entry("1.0.0-rc.1+b", "b"))]);
        insta::assert_snapshot!(lock);
        assert_eq!(Lock::parse("x.melody.lock", &lock.to_string()), Ok(lock));
    }

    #[test]
    fn the_lock_of_a_melody_holds_its_players() {
        let checked = checked(&["operator:git/log", "builtin:json", "operator:git/log"]);
        let locked = Lock::of(&checked);
        assert_eq!(locked.players.keys().collect::<Vec<_>>(), ["builtin:json/query", "operator:git/log"]);
        assert_eq!(locked.compare(&checked), []);
    }

    #[test]
    fn changes_name_both_sides() {
        let now = checked(&["operator:git/log", "builtin:json"]);
        let before = lock(&[("operator:git/log", entry("0.9.0", "old")), ("operator:gone/away", entry("1.0.0", "x"))]);
        let changes = before.compare(&now);
        assert!(matches!(
            &changes[..],
            [LockChange::Added { .. }, LockChange::Changed { .. }, LockChange::Removed { .. }]
        ));
        let said: Vec<String> = changes.iter().map(LockChange::to_string).collect();
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn mistakes_in_a_lock_have_places_and_cures() {
        let text = "extra = 1\n[players]\na = 5\nb = { version = \"1\", digest = \"blake3:0\" }\nc = { version = \"1.0.0\", digest = \"blake3:0\" }\nd = { version = 1 }\n";
        insta::assert_snapshot!(render(&Lock::parse("x.melody.lock", text).unwrap_err(), false));
        let broken = render(&Lock::parse("x.melody.lock", "[players\n<<<<<<< HEAD").unwrap_err(), false);
        assert!(broken.contains("the lock is not TOML") && broken.contains("x.melody.lock:"), "{broken}");
        let newer = Lock::parse("x.melody.lock", "format = 2\nanything = true\n").unwrap_err();
        assert_eq!((newer.len(), newer[0].code), (1, "newer-format"));
    }

    proptest! {
        #[test]
        fn every_lock_reads_back(names in proptest::collection::btree_set("\\PC{0,20}|[a-z]+:[a-z\"\\\\\n]+/[a-z]+", 0..5)) {
            let lock = Lock { players: names.into_iter().map(|name| (name.clone(), entry("1.2.3", &name))).collect() };
            prop_assert_eq!(Lock::parse("x", &lock.to_string()), Ok(lock));
        }

        #[test]
        fn no_text_breaks_the_reader(text in "[a-z0-9=\\[\\]{}\". :\n]{0,60}") {
            let _ = Lock::parse("x", &text);
        }
    }
}
