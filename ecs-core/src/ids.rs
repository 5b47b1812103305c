//! Identifiers: one newtype per index space, so that a row of a block is never taken for a row of the world.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::sync::Arc;

/// A run's name on disk and on the command line: `r` and 26 lower-case base-32 digits, sortable by time of birth.
/// Whoever speaks of a run has its name, so clones share it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(Arc<str>);

impl RunId {
    /// Builds an id from a birth time (milliseconds since the Unix epoch) and 80 bits of entropy.
    pub fn new(unix_ms: u64, entropy: u128) -> Self {
        const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let bits = (u128::from(unix_ms) << 80) | (entropy & ((1 << 80) - 1));
        let mut name = String::with_capacity(27);
        name.push('r');
        name.extend((0..26).rev().map(|place| char::from(DIGITS[(bits >> (place * 5)) as usize & 31])));
        Self(Arc::from(name))
    }

    /// Accepts what could be a run id: letters, digits and dashes, at most 64 of them. Anything else is `None`,
    /// so that an id can be used as the name of a folder.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (!text.is_empty() && text.len() <= 64 && text.chars().all(plain)).then(|| Self(Arc::from(text)))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RunId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|name| Self(Arc::from(name)))
    }
}

/// A row of a score (and of every block that plays it): the node's place in topological order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Row(pub u32);

impl Row {
    /// The row as an index into a column.
    #[inline]
    pub fn ix(self) -> usize {
        self.0 as usize
    }
}

/// Which run of the world (a slot; slots are reused, so a [`CallId`] carries a generation as well).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunSlot(pub u32);

/// Which block of a run. Block 0 is the melody itself; nested melodies, loop bodies and map items follow. Numbers
/// are given once per run, in the order in which blocks open, and are never reused within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlockId(pub u32);

/// One attempt at one call: what a stage gets with a request and sends back with every event of it.
///
/// `serial` is unique within the process, so an answer that comes late (after a time-out, a retry or a reused
/// slot) names a call that nobody waits for any more and is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId {
    /// The run's slot in the world.
    pub run: RunSlot,
    /// Unique number of the call within the process.
    pub serial: u64,
}
