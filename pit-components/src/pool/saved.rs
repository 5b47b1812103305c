//! A history as text: one JSON object with a version. Reading checks everything, since the text comes from outside.

use super::history::{BUCKETS, Context, Facts, Followers, History, NOBODY, PlayerNo, Whence};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Version of the text.
pub const VERSION: u32 = 1;

/// Why a history could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// It is no history, or a damaged one.
    #[error("{0}")]
    Damaged(#[from] serde_json::Error),
    /// A newer program wrote it.
    #[error("its version is {0}, and this program knows {VERSION}")]
    Newer(u32),
    /// It names something that it does not hold.
    #[error("it names {what} {number}, and there are only {count}")]
    Dangling {
        /// Of what kind.
        what: &'static str,
        /// Which.
        number: u32,
        /// How many there are.
        count: usize,
    },
}

#[derive(Serialize, Deserialize)]
struct Version {
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    version: u32,
    runs: u64,
    players: Vec<Player>,
    melodies: Vec<String>,
    contexts: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Player {
    name: String,
    facts: Facts,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    of: Whence,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    melody: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<u32>,
    seen: u32,
    /// (player, [(bucket, count)…]), the empty buckets left out.
    then: Vec<(u32, Vec<(u8, u16)>)>,
}

fn some(number: u32) -> Option<u32> {
    (number != NOBODY).then_some(number)
}

impl History {
    /// The history as text, without the contexts that were seen least when there are very many.
    pub fn to_text(&self) -> String {
        let mut kept = std::borrow::Cow::Borrowed(self);
        if self.is_large() {
            kept.to_mut().thin();
        }
        let players = self.players.iter().zip(&self.facts);
        let text = Text {
            version: VERSION,
            runs: self.runs,
            players: players.map(|(name, facts)| Player { name: name.to_string(), facts: *facts }).collect(),
            melodies: self.melodies.iter().map(ToString::to_string).collect(),
            contexts: kept.contexts.iter().map(row).collect(),
        };
        serde_json::to_string(&text).unwrap_or_default()
    }

    /// Reads a history.
    ///
    /// # Errors
    /// It is damaged, written by a newer program, or names what it does not hold.
    pub fn from_text(text: &str) -> Result<Self, SavedError> {
        let Version { version } = serde_json::from_str(text)?;
        if version > VERSION {
            return Err(SavedError::Newer(version));
        }
        let text: Text = serde_json::from_str(text)?;
        let mut history = Self { runs: text.runs, ..Self::default() };
        for player in &text.players {
            let number = history.player(&player.name);
            if let Some(facts) = history.facts.get_mut(number.0 as usize) {
                *facts = player.facts;
                facts.load_seconds = facts.load_seconds.max(0.0);
                facts.call_seconds = facts.call_seconds.max(0.0);
            }
        }
        for (name, number) in text.melodies.iter().zip(0u32..) {
            let name = Arc::<str>::from(name.as_str());
            history.by_melody.insert(Arc::clone(&name), number);
            history.melodies.push(name);
        }
        let (players, melodies) = (history.players.len(), history.melodies.len());
        let known = |what, number: Option<u32>, count: usize| match number {
            Some(number) if number as usize >= count => Err(SavedError::Dangling { what, number, count }),
            _ => Ok(number.unwrap_or(NOBODY)),
        };
        for row in text.contexts {
            let melody = known("melody", row.melody, melodies)?;
            let before = known("player", row.before, players)?;
            // The place of the last player holds the hour where that is the context.
            let last = if row.of == Whence::Hour { row.last.unwrap_or(0) } else { known("player", row.last, players)? };
            let mut followers = Followers { seen: row.seen, players: BTreeMap::new() };
            for (player, counts) in row.then {
                known("player", Some(player), players)?;
                let all = followers.players.entry(PlayerNo(player)).or_insert([0; BUCKETS]);
                for (bucket, count) in counts {
                    if let Some(known) = all.get_mut(usize::from(bucket)) {
                        *known = count;
                    }
                }
            }
            history.contexts.insert((row.of, melody, before, last), followers);
        }
        Ok(history)
    }
}

fn row((context, followers): (&Context, &Followers)) -> Row {
    let (of, melody, before, last) = *context;
    let counts = |counts: &[u16; BUCKETS]| {
        let buckets = (0u8..).zip(counts.iter().copied());
        buckets.filter(|(_, count)| *count > 0).collect::<Vec<_>>()
    };
    let then = followers.players.iter().map(|(player, all)| (player.0, counts(all))).collect();
    Row { of, melody: some(melody), before: some(before), last: some(last), seen: followers.seen, then }
}
