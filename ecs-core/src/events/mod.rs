//! What happens in a run: the transitions that are journaled, replayed, exported and shown.
//!
//! Folding a run's events gives its state; nothing else is kept. Events name blocks and rows by number; what people
//! and programs see of them are the [`Notice`]s of [`notice`], which name nodes by path.

pub mod notice;

pub use notice::{Notice, What};

use crate::clock::{ClockKind, Time};
use crate::ids::{BlockId, Row, RunId};
use crate::melody::model::ErrorClass;
use crate::ports::Usage;
use crate::value::Value;
use serde::{Deserialize, Serialize};

/// One transition of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The run began (block 0 follows).
    Began {
        /// Which clock.
        clock: ClockKind,
        /// Seed of everything random in the run.
        seed: u64,
    },
    /// A block opened: its rows are pending from here on.
    Opened {
        /// Its number.
        block: BlockId,
        /// The composite row that it plays for; `None` for the melody itself.
        parent: Option<(BlockId, Row)>,
        /// Its place below that row.
        place: Place,
        /// Values of the score's inputs, in their order.
        inputs: Vec<Value>,
    },
    /// A loop's block starts over for its next iteration: all rows pending again.
    Iterated {
        /// The block.
        block: BlockId,
        /// The iteration that begins, 0 for the first.
        iteration: u32,
        /// Values of the score's inputs.
        inputs: Vec<Value>,
    },
    /// A block's outputs were taken and its rows given back.
    Closed {
        /// The block.
        block: BlockId,
    },
    /// Attempts began.
    Started {
        /// The block.
        block: BlockId,
        /// The rows; more than one only for first attempts with the first player.
        rows: Rows,
        /// 1 for the first attempt, counted over all players of the node.
        attempt: u32,
        /// Which of the node's players; 255 for its `reconstruct`.
        choice: u32,
    },
    /// Rows finished without outputs and without cost.
    Finished {
        /// The block.
        block: BlockId,
        /// The rows.
        rows: Rows,
    },
    /// A row finished with outputs.
    Played {
        /// The block.
        block: BlockId,
        /// The row.
        row: Row,
        /// Values of its output ports, in their order.
        outputs: Vec<Value>,
        /// What the last attempt cost.
        usage: Usage,
    },
    /// A row took over what an equal call gave before: nothing was played.
    Reused {
        /// The block.
        block: BlockId,
        /// The row.
        row: Row,
        /// Values of its output ports, in their order.
        outputs: Vec<Value>,
        /// The run in which they were made.
        run: RunId,
    },
    /// An attempt failed.
    Faulted {
        /// The block.
        block: BlockId,
        /// The row.
        row: Row,
        /// Why.
        class: ErrorClass,
        /// Why, for people.
        message: String,
        /// What the attempt cost.
        usage: Usage,
        /// What follows.
        then: Then,
    },
    /// A row will not be played.
    Skipped {
        /// The block.
        block: BlockId,
        /// The row.
        row: Row,
        /// Why.
        reason: SkipReason,
    },
    /// A row failed for good (its last attempt is in a `Faulted` before this).
    Failed {
        /// The block.
        block: BlockId,
        /// The row.
        row: Row,
        /// Why.
        class: ErrorClass,
        /// Why, for people.
        message: String,
    },
    /// A row waits for a person.
    Asked {
        /// The block.
        block: BlockId,
        /// The row.
        row: Row,
        /// Until when.
        until: Option<Time>,
    },
    /// A person (or the end of the wait) answered.
    Answered {
        /// The block.
        block: BlockId,
        /// The row.
        row: Row,
        /// Whether the node may play.
        approved: bool,
        /// Who said so.
        by: String,
    },
    /// A row was stopped with its run.
    Cancelled {
        /// The block.
        block: BlockId,
        /// The row.
        row: Row,
    },
    /// Nodes of the melody that had not begun were added, replaced and taken away: block 0 has another score and other
    /// row numbers from here on.
    Rerouted {
        /// The edit, in the words of whoever makes scores of it.
        text: String,
        /// Ids of nodes that are new although they were there.
        replaced: Vec<String>,
        /// Who did it.
        by: String,
    },
    /// The run plays nothing new any more: running calls are stopped, then undos are played if it compensates.
    Halting {
        /// How the run will end.
        status: RunStatus,
        /// Why, for people.
        reason: String,
        /// Whether completed work is undone first.
        compensate: bool,
    },
    /// An undo began.
    UndoStarted {
        /// Its place in the order of undoing, from 0.
        index: u32,
        /// Path of the node whose work is undone.
        path: String,
        /// 1 for the first attempt.
        attempt: u32,
    },
    /// An undo ended.
    UndoEnded {
        /// Its place.
        index: u32,
        /// Why it failed, if it did.
        error: Option<String>,
        /// What it cost.
        usage: Usage,
    },
    /// The run is over.
    Ended {
        /// How.
        status: RunStatus,
        /// Values of the melody's outputs, in their order; absent ones were not obtained.
        outputs: Vec<Value>,
    },
}

impl Event {
    /// How many notices tell of it: the numbers (`seq`) that it takes in the run's story.
    pub fn notices(&self) -> u64 {
        match self {
            Self::Opened { parent: None, .. } | Self::Opened { place: Place::Item(_), .. } | Self::Closed { .. } => 0,
            Self::Started { rows, .. } | Self::Finished { rows, .. } => rows.0.len() as u64,
            _ => 1,
        }
    }

    /// The first `notices` of its notices and the others, as two events; only events of several rows can be split.
    pub fn split(mut self, notices: u64) -> (Option<Self>, Option<Self>) {
        if notices == 0 {
            return (None, Some(self));
        }
        if notices >= self.notices() {
            return (Some(self), None);
        }
        let mut rest = self.clone();
        let at = usize::try_from(notices).unwrap_or(usize::MAX);
        if let Some(rows) = self.rows_mut() {
            rows.truncate(at);
        }
        if let Some(rows) = rest.rows_mut() {
            rows.drain(..at.min(rows.len()));
        }
        (Some(self), Some(rest))
    }

    fn rows_mut(&mut self) -> Option<&mut Vec<u32>> {
        match self {
            Self::Started { rows, .. } | Self::Finished { rows, .. } => Some(&mut rows.0),
            _ => None,
        }
    }

    /// The block and the rows whose state it changes one by one; none for what concerns a whole block or the run.
    pub fn touched(&self) -> Option<(BlockId, &[u32])> {
        match self {
            Self::Started { block, rows, .. } | Self::Finished { block, rows } => Some((*block, &rows.0)),
            Self::Played { block, row, .. }
            | Self::Reused { block, row, .. }
            | Self::Faulted { block, row, .. }
            | Self::Skipped { block, row, .. }
            | Self::Failed { block, row, .. }
            | Self::Asked { block, row, .. }
            | Self::Answered { block, row, .. }
            | Self::Cancelled { block, row } => Some((*block, std::slice::from_ref(&row.0))),
            Self::Began { .. }
            | Self::Opened { .. }
            | Self::Iterated { .. }
            | Self::Closed { .. }
            | Self::Rerouted { .. }
            | Self::Halting { .. }
            | Self::UndoStarted { .. }
            | Self::UndoEnded { .. }
            | Self::Ended { .. } => None,
        }
    }
}

/// A block's place below its parent row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// The melody itself.
    Root,
    /// A nested melody.
    Nested,
    /// A loop's body.
    Loop,
    /// A map's item.
    Item(u32),
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Then {
    /// Another attempt at this time, with this player of the node's list.
    Retry {
        /// When.
        at: Time,
        /// Which player.
        choice: u32,
    },
    /// Nothing: `Failed` or `Skipped` follows.
    Stop,
    /// Its outputs are obtained by `reconstruct`, once what that takes is there: `Started` or `Failed` follows.
    Reconstruct,
}

/// Why a row was not played.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SkipReason {
    /// Its condition was false.
    Condition,
    /// Its condition touched an absent value or could not be evaluated.
    ConditionAbsent(String),
    /// A producer it depends on gave nothing.
    Upstream,
    /// An input came to nothing.
    InputAbsent(String),
    /// It failed and its `on_error` forgives.
    Forgiven(ErrorClass),
    /// Nobody approved.
    NotApproved,
    /// The run plays a part of the melody, and this is not in it.
    NotAsked,
}

impl SkipReason {
    /// The reason in words.
    pub fn in_words(&self) -> String {
        match self {
            Self::Condition => "its condition was false".to_owned(),
            Self::ConditionAbsent(why) => format!("its condition could not be decided: {why}"),
            Self::Upstream => "a node it depends on gave nothing".to_owned(),
            Self::InputAbsent(why) => why.clone(),
            Self::Forgiven(class) => format!("it failed ({class}) and its `on_error` forgives"),
            Self::NotApproved => "nobody approved".to_owned(),
            Self::NotAsked => "what the run was asked for does not need it".to_owned(),
        }
    }
}

/// How a run stands or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// It plays (or waits to be resumed).
    Playing,
    /// It played to its end.
    Completed,
    /// A node failed and nothing in the melody said what then.
    Failed,
    /// It was halted as the melody said: `on_error` halt or compensate, or a limit of the whole run.
    Halted,
    /// Somebody stopped it for good.
    Cancelled,
}

impl RunStatus {
    /// The word on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Playing => "playing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Halted => "halted",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Rows of one block in the order in which they moved. Encoded as bytes: zigzag deltas, LEB128.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows(pub Vec<u32>);

impl From<Row> for Rows {
    fn from(row: Row) -> Self {
        Self(vec![row.0])
    }
}

impl Serialize for Rows {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::with_capacity(self.0.len() * 2);
        let mut last = 0i64;
        for row in &self.0 {
            let delta = i64::from(*row) - last;
            last = i64::from(*row);
            let mut zigzag = ((delta << 1) ^ (delta >> 63)) as u64;
            while zigzag >= 0x80 {
                bytes.push(zigzag as u8 | 0x80);
                zigzag >>= 7;
            }
            bytes.push(zigzag as u8);
        }
        serializer.serialize_bytes(&bytes)
    }
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Rows;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("rows as delta bytes")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Rows, E> {
                decode_rows(bytes).ok_or_else(|| E::custom("rows are damaged"))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

fn decode_rows(bytes: &[u8]) -> Option<Rows> {
    let mut rows = Vec::with_capacity(bytes.len());
    let (mut last, mut word, mut shift) = (0i64, 0u64, 0u32);
    for byte in bytes {
        word |= u64::from(byte & 0x7f).checked_shl(shift).filter(|_| shift < 35)?;
        shift += 7;
        if byte & 0x80 == 0 {
            let delta = (word >> 1) as i64 ^ -((word & 1) as i64);
            last = last.checked_add(delta)?;
            rows.push(u32::try_from(last).ok()?);
            (word, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(Rows(rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_survive_their_encoding(rows in proptest::collection::vec(any::<u32>(), 0..40)) {
            let rows = Rows(rows);
            let json = serde_json::to_vec(&rows).unwrap();
            let bytes: Vec<u8> = serde_json::from_slice(&json).unwrap();
            prop_assert_eq!(decode_rows(&bytes), Some(rows));
        }

        #[test]
        fn damaged_rows_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode_rows(&bytes);
        }
    }
}
