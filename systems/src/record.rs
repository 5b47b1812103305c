//! The blob of a frame: what the journal keeps, versioned.
//!
//! Layout: one byte of version (1), then MessagePack of `[time, [event, …]]` in compact form. Rows are packed as
//! zigzag deltas; values as themselves, artifacts by their handles. `docs/journal.md` has the tables around it.

use serde::{Deserialize, Serialize};
use symphony_ecs_core::clock::Time;
use symphony_ecs_core::events::Event;
use symphony_ecs_core::ports::JournalError;

/// Version of the encoding that this program writes.
pub const VERSION: u8 = 1;

/// A sealed frame.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FrameRecord {
    /// The run's time in that frame.
    pub time: Time,
    /// What happened, in order.
    pub events: Vec<Event>,
}

impl FrameRecord {
    /// Encodes the frame.
    pub fn encode(&self) -> Vec<u8> {
        // Most events are small; a blob that must grow is moved while it grows.
        let mut blob = Vec::with_capacity(32 + self.events.len() * 48);
        blob.push(VERSION);
        // Writing to memory cannot fail, and every part of an event can be written.
        let written = rmp_serde::encode::write(&mut blob, self);
        debug_assert!(written.is_ok(), "{written:?}");
        blob
    }

    /// Decodes a frame of the journal `path`.
    pub fn decode(blob: &[u8], path: &str) -> Result<Self, JournalError> {
        let damaged = |message: String| JournalError::Damaged { path: path.to_owned(), message };
        match blob.split_first() {
            Some((&VERSION, body)) => rmp_serde::from_slice(body).map_err(|error| damaged(error.to_string())),
            Some((version, _)) if *version > VERSION => {
                Err(JournalError::Newer { path: path.to_owned(), found: (*version).into(), known: VERSION.into() })
            }
            _ => Err(damaged("a frame without a version".to_owned())),
        }
    }
}
