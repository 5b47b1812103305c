//! Lore: what playing has taught about each kind of node. How long it takes, how often it fails, which small graphs it
//! stands in.
//!
//! A **kind** is what a node plays, in which melody. Learning costs the same however much is known, and what is known has
//! a bounded size. Lore says what to expect; what a run decides never depends on it unless a person asks for that, so
//! that a seed still makes a run repeat.

mod durations;
mod shapes;

pub use durations::Durations;
pub use shapes::{ScoreShapes, Shape, Shapes};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of what [`Lore::to_json`] writes.
const VERSION: u32 = 1;
/// Kinds that are kept; beyond, those that finished least often go.
const MOST: usize = 4096;

/// What is known of a kind of node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kind {
    /// How long a node takes from its first attempt to a good end.
    pub durations: Durations,
    /// Nodes that finished.
    pub finished: u64,
    /// Attempts that failed.
    pub faults: u64,
    /// Nodes that failed for good.
    pub failed: u64,
}

impl Kind {
    /// The share of attempts that fail, from 0 to 1.
    pub fn fault_rate(&self) -> f64 {
        let attempts = self.finished + self.faults;
        if attempts == 0 { 0.0 } else { self.faults as f64 / attempts as f64 }
    }

    /// Attempts that a node takes, on average, until it is over.
    pub fn attempts(&self) -> f64 {
        let nodes = self.finished + self.failed;
        if nodes == 0 { 0.0 } else { (self.finished + self.faults) as f64 / nodes as f64 }
    }

    fn merge(&mut self, other: &Self) {
        self.durations.merge(&other.durations);
        self.finished += other.finished;
        self.faults += other.faults;
        self.failed += other.failed;
    }
}

/// A kind's name: the melody and what the node plays.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KindName {
    /// The melody's name.
    pub melody: String,
    /// What it plays: the operation of its first player.
    pub plays: String,
}

/// What is known of all kinds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lore {
    names: BTreeMap<KindName, u32>,
    kinds: Vec<Kind>,
    /// The small graphs that come again and again.
    pub shapes: Shapes,
}

/// Why learned state was not taken over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLore {
    /// It is newer than this program.
    #[error("it has version {0}, and this program reads version {VERSION}")]
    Newer(u64),
    /// It is not what this program writes.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    kinds: Vec<Entry>,
    shapes: Shapes,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    melody: String,
    plays: String,
    #[serde(flatten)]
    kind: Kind,
}

impl Lore {
    /// The number of a kind, which stays the same as long as this lore lives.
    pub fn number(&mut self, name: KindName) -> u32 {
        let next = self.kinds.len() as u32;
        let number = *self.names.entry(name).or_insert(next);
        if number == next {
            self.kinds.push(Kind::default());
        }
        number
    }

    /// So many nodes of a kind finished, each after so long (nanoseconds).
    #[inline]
    pub fn finished(&mut self, kind: u32, nanos: u64, times: u64) {
        if let Some(kind) = self.kinds.get_mut(kind as usize) {
            kind.durations.learn(nanos, times);
            kind.finished += times;
        }
    }

    /// An attempt of a kind failed.
    pub fn faulted(&mut self, kind: u32) {
        if let Some(kind) = self.kinds.get_mut(kind as usize) {
            kind.faults += 1;
        }
    }

    /// A node of a kind failed for good.
    pub fn failed(&mut self, kind: u32) {
        if let Some(kind) = self.kinds.get_mut(kind as usize) {
            kind.failed += 1;
        }
    }

    /// What is known of a kind.
    pub fn kind(&self, name: &KindName) -> Option<&Kind> {
        self.names.get(name).and_then(|number| self.kinds.get(*number as usize))
    }

    /// How long a kind is thought to take, in nanoseconds: its mean, if it ever finished.
    pub fn expected(&self, name: &KindName) -> Option<u64> {
        let durations = &self.kind(name)?.durations;
        (!durations.is_empty()).then(|| durations.mean() as u64)
    }

    /// All kinds, by name.
    pub fn kinds(&self) -> impl Iterator<Item = (&KindName, &Kind)> {
        self.names.iter().filter_map(|(name, number)| Some((name, self.kinds.get(*number as usize)?)))
    }

    /// Forgets what it knows; the numbers of kinds stay.
    pub fn forget(&mut self) {
        self.kinds.iter_mut().for_each(|kind| *kind = Kind::default());
        self.shapes = Shapes::default();
    }

    /// Takes over what another one knows.
    pub fn merge(&mut self, other: &Self) {
        for (name, kind) in other.kinds() {
            let number = self.number(name.clone());
            self.kinds[number as usize].merge(kind);
        }
        self.shapes.merge(&other.shapes);
    }

    /// As a file holds it. Kinds that never finished or failed are left out, and so are those beyond the bound.
    pub fn to_json(&self) -> String {
        let entry = |(name, kind): (&KindName, &Kind)| Entry {
            melody: name.melody.clone(),
            plays: name.plays.clone(),
            kind: kind.clone(),
        };
        let seen = |kind: &Kind| kind.finished + kind.faults + kind.failed;
        let mut kinds: Vec<Entry> = self.kinds().filter(|(_, kind)| seen(kind) > 0).map(entry).collect();
        if kinds.len() > MOST {
            kinds.sort_by_key(|entry| std::cmp::Reverse(seen(&entry.kind)));
            kinds.truncate(MOST);
            kinds.sort_by(|one, other| (&one.melody, &one.plays).cmp(&(&other.melody, &other.plays)));
        }
        let file = File { version: VERSION, kinds, shapes: self.shapes.clone() };
        serde_json::to_string(&file).unwrap_or_default()
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    pub fn from_json(text: &str) -> Result<Self, BadLore> {
        let damaged = |error: serde_json::Error| BadLore::Damaged(error.to_string());
        let value: serde_json::Value = serde_json::from_str(text).map_err(damaged)?;
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(version) if version > u64::from(VERSION) => return Err(BadLore::Newer(version)),
            Some(_) => {}
            None => return Err(BadLore::Damaged("it has no version".to_owned())),
        }
        let file: File = serde_json::from_value(value).map_err(damaged)?;
        let mut lore = Self { shapes: file.shapes, ..Self::default() };
        for Entry { melody, plays, kind } in file.kinds {
            let number = lore.number(KindName { melody, plays });
            lore.kinds[number as usize].merge(&kind);
        }
        Ok(lore)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(plays: &str) -> KindName {
        KindName { melody: "m".into(), plays: plays.into() }
    }

    fn lore() -> Lore {
        let mut lore = Lore::default();
        let (draft, idle) = (lore.number(name("draft")), lore.number(name("idle")));
        assert_eq!(lore.number(name("draft")), draft);
        assert_ne!(draft, idle);
        lore.finished(draft, 2_000_000_000, 3);
        lore.finished(draft, 4_000_000_000, 1);
        lore.faulted(draft);
        lore.failed(draft);
        lore.finished(99, 1, 1);
        lore
    }

    #[test]
    fn kinds_are_learned_and_told() {
        let lore = lore();
        assert_eq!(lore.expected(&name("draft")), Some(2_500_000_000));
        assert_eq!(lore.expected(&name("idle")), None);
        let kind = lore.kind(&name("draft")).unwrap();
        assert!((kind.fault_rate() - 0.2).abs() < 1e-12 && (kind.attempts() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_file_gives_back_what_was_written_and_adds_up() {
        let lore = lore();
        let mut read = Lore::from_json(&lore.to_json()).unwrap();
        assert_eq!(read.kind(&name("draft")), lore.kind(&name("draft")));
        assert_eq!(read.kind(&name("idle")), None, "what never happened is not written");
        read.merge(&lore);
        assert_eq!(read.kind(&name("draft")).unwrap().finished, 8);
        assert_eq!(Lore::from_json(&read.to_json()).unwrap().to_json(), read.to_json());
    }

    #[test]
    fn newer_and_damaged_files_are_refused() {
        let text = lore().to_json();
        assert_eq!(Lore::from_json(&text.replace("\"version\":1", "\"version\":7")), Err(BadLore::Newer(7)));
        for bad in ["", "{}", "[]", "{\"version\":1}", &text[..text.len() / 2]] {
            assert!(matches!(Lore::from_json(bad), Err(BadLore::Damaged(_))), "{bad}");
        }
    }
}
