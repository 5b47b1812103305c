//! `uses`: `KIND:NAME/OPERATION@RANGE`, `melody:PATH`, `mcp:SERVER/TOOL`.

use super::keys::{listing, nearest};
use super::reader::Reader;
use super::tree::{Tree, TreeValue};
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::{PlayerKind, PlayerRef, Span, Spanned};
use crate::melody::words::Word;
use semver::VersionReq;

const FORM: &str = "write \"KIND:NAME/OPERATION@RANGE\", such as \"operator:clippy/lint@^1.4\"";

/// What is wrong with a player's name: the part of the text, what it is, and the cure.
struct BadPlayer {
    part: Span,
    label: String,
    help: String,
}

impl<'t> Reader<'t> {
    /// A player, or a finding at the part of it that is wrong.
    pub fn player(&mut self, what: &str, tree: Tree<'t>) -> Option<Spanned<PlayerRef>> {
        let TreeValue::Text(text) = &tree.value else {
            self.wrong_type(what, &tree, "a player's name in quotes", FORM);
            return None;
        };
        match parse_player(text) {
            Ok(value) => Some(Spanned { value, span: tree.span }),
            Err(BadPlayer { part, label, help }) => {
                let span = self.part(&tree.span, text, &part);
                self.report(
                    Diagnostic::error("bad-uses", format!("{what} does not name a player: `{text}`"))
                        .at(span, label)
                        .help(help),
                );
                None
            }
        }
    }

    /// The value of a node's `uses`: one player, or the first choice and its fallbacks.
    pub fn players(&mut self, tree: Tree<'t>) -> Vec<Spanned<PlayerRef>> {
        match tree.value {
            TreeValue::List(items) if items.is_empty() => {
                let finding =
                    Diagnostic::error("missing-player", "`uses` names no player").at(tree.span, "an empty list");
                self.report(finding.help(FORM));
                Vec::new()
            }
            TreeValue::List(items) => {
                items.into_iter().filter_map(|item| self.player("an entry of `uses`", item)).collect()
            }
            _ => self.player("`uses`", tree).into_iter().collect(),
        }
    }
}

fn parse_player(text: &str) -> Result<PlayerRef, BadPlayer> {
    let bad = |part: Span, label: &str, help: String| BadPlayer { part, label: label.to_owned(), help };
    let kinds = || PlayerKind::WORDS.iter().map(|(word, _)| *word);
    let Some((kind_text, rest)) = text.split_once(':') else {
        return Err(bad(0..text.len(), "no kind of player before a `:`", FORM.to_owned()));
    };
    let Some((_, kind)) = PlayerKind::WORDS.iter().find(|(word, _)| *word == kind_text) else {
        let label = nearest(kind_text, kinds())
            .map_or("not a kind of player".to_owned(), |meant| format!("did you mean `{meant}`?"));
        return Err(bad(0..kind_text.len(), &label, format!("kinds of players are {}", listing(kinds()))));
    };
    let start = kind_text.len() + 1;
    if *kind == PlayerKind::Melody {
        return match rest.trim() {
            "" => Err(bad(0..text.len(), "no path", "write \"melody:PATH\", relative to this file".to_owned())),
            path if path != rest => {
                Err(bad(start..text.len(), "spaces around the path", format!("write \"melody:{path}\"")))
            }
            path => Ok(PlayerRef { kind: *kind, name: path.to_owned(), operation: None, range: VersionReq::STAR }),
        };
    }
    let (name_text, range_text) = match rest.split_once('@') {
        Some((name, range)) => (name, Some(range)),
        None => (rest, None),
    };
    let (name, operation) = match name_text.split_once('/') {
        Some((name, operation)) => (name, Some(operation)),
        None => (name_text, None),
    };
    let name_part = start..start + name.len();
    if !is_extension_name(name) {
        let label = if name.is_empty() { "the player's name is missing" } else { "not the name of an extension" };
        let small = name.to_ascii_lowercase();
        if is_extension_name(&small) {
            return Err(bad(name_part, "names have small letters only", format!("write `{small}`")));
        }
        let help = format!("names are small letters, digits, `-`, `_` and `.`, a letter first; {FORM}");
        return Err(bad(if name.is_empty() { 0..text.len() } else { name_part }, label, help));
    }
    if let Some(operation) = operation {
        let part = name_part.end + 1..name_part.end + 1 + operation.len();
        let fine = match kind {
            // Servers name their tools as they like.
            PlayerKind::Mcp => {
                operation.len() <= 128
                    && operation.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte))
            }
            _ => is_extension_name(operation),
        };
        if operation.is_empty() {
            return Err(bad(
                name_part.end..part.end,
                "no operation after the `/`",
                format!("name one, or write \"{kind}:{name}\" where the player has one only"),
            ));
        }
        if !fine {
            return Err(bad(
                part,
                "not the name of an operation",
                format!("operations are small letters, digits, `-`, `_` and `.`; {FORM}"),
            ));
        }
    } else if *kind == PlayerKind::Mcp {
        return Err(bad(0..text.len(), "no tool", "write \"mcp:SERVER/TOOL\"".to_owned()));
    }
    let range = match range_text {
        None => VersionReq::STAR,
        Some(range) => {
            let part = text.len() - range.len()..text.len();
            if *kind == PlayerKind::Mcp {
                return Err(bad(
                    part.start - 1..part.end,
                    "tools of MCP servers have no versions",
                    format!("write \"{}\"", text.split('@').next().unwrap_or_default()),
                ));
            }
            VersionReq::parse(range).map_err(|error| {
                let help = "ranges are `*`, `1.2.0`, `^1.4`, `~1.4`, `>=1.2, <2`".to_owned();
                bad(
                    if range.is_empty() { part.start - 1..part.end } else { part },
                    &format!("not a range of versions: {error}"),
                    help,
                )
            })?
        }
    };
    Ok(PlayerRef { kind: *kind, name: name.to_owned(), operation: operation.map(str::to_owned), range })
}

/// `[a-z][a-z0-9_.-]{0,63}`
fn is_extension_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn players_survive_their_text() {
        for text in [
            "operator:clippy/lint@^1.4",
            "instrument:large/chat@^2",
            "instrument:local/chat",
            "builtin:template",
            "melody:parts/fix.melody.toml",
            "mcp:github/create_issue",
            "addon:diff-view@>=1.2, <2",
        ] {
            let player = parse_player(text).unwrap_or_else(|bad| panic!("{text}: {}", bad.label));
            assert_eq!(player.to_string(), text);
        }
        let any = parse_player("instrument:local/chat@*").ok().unwrap();
        assert_eq!((any.range, any.operation.as_deref()), (VersionReq::STAR, Some("chat")));
    }

    #[test]
    fn what_names_no_player_is_refused() {
        for text in [
            "",
            ":",
            "clippy",
            "operator:",
            "operator:/lint",
            "operator:Clippy",
            "operator:clippy/",
            "operator:clippy@",
            "operator:clippy@latest",
            "robot:x",
            "mcp:github",
            "mcp:github/x@1",
            "melody:",
            "melody: a",
            "operator:clippy/li nt",
        ] {
            assert!(parse_player(text).is_err(), "{text} was taken");
        }
    }

    proptest! {
        #[test]
        fn findings_lie_within_the_text(text in "(operator|mcp|melody|x)?:?[a-zA-Zä/@.^* ]{0,12}") {
            if let Err(bad) = parse_player(&text) {
                prop_assert!(bad.part.start <= bad.part.end && bad.part.end <= text.len(), "{:?}", bad.part);
                prop_assert!(text.get(bad.part).is_some());
            }
        }
    }
}
