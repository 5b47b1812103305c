//! Seals: 16 bytes that make a changed bit, a missing frame or an exchanged blob visible.
//!
//! The seals of a run's frames form a chain. It starts at the seal of the run's meta data; each frame's seal is
//! taken over the seal before it, its number and its blob:
//!
//! ```text
//! meta ──▶ seal₀ ──▶ seal of frame 1 ──▶ seal of frame 2 ──▶ … ──▶ head
//!                     ▲ 1 ‖ blob          ▲ 2 ‖ blob
//! ```
//!
//! So a seal vouches for everything before it, and the head (the last seal, kept apart) vouches for the end.

use super::Meta;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

/// The first 16 bytes of a BLAKE3 digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seal([u8; 16]);

impl Seal {
    /// Of all meta data: where the chain of frames starts.
    pub fn of_meta(meta: &Meta) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("symphony journal 1 meta");
        for (key, value) in meta {
            for part in [key.as_bytes(), value] {
                hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
            }
        }
        Self::first(&hasher)
    }

    /// Of a frame that follows `before`: over the seal before it, the number (8 bytes, little endian) and the blob.
    pub fn of_frame(before: Self, frame: u64, blob: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&before.0).update(&frame.to_le_bytes()).update(blob);
        Self::first(&hasher)
    }

    /// Of a checkpoint after the frame whose seal is `after`.
    pub fn of_checkpoint(after: Self, frame: u64, blob: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("symphony journal 1 checkpoint");
        hasher.update(&after.0).update(&frame.to_le_bytes()).update(blob);
        Self::first(&hasher)
    }

    /// Where the chain of commands starts.
    pub fn of_no_commands() -> Self {
        Self::first(&blake3::Hasher::new_derive_key("symphony journal 1 commands"))
    }

    /// Of a command that follows `before`.
    pub fn of_command(before: Self, id: u64, json: &str) -> Self {
        Self::of_frame(before, id, json.as_bytes())
    }

    /// Of how many commands were taken.
    pub fn of_taken(taken: u64) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("symphony journal 1 taken");
        hasher.update(&taken.to_le_bytes());
        Self::first(&hasher)
    }

    fn first(hasher: &blake3::Hasher) -> Self {
        let mut seal = [0; 16];
        hasher.finalize_xof().fill(&mut seal);
        Self(seal)
    }
}

impl ToSql for Seal {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.0)))
    }
}

impl FromSql for Seal {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_blob()?.try_into().map(Self).map_err(|_| FromSqlError::InvalidType)
    }
}
