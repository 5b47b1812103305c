//! A journal that keeps everything in memory: for virtual runs and tests, which outlive nothing.

use crossbeam_channel::{Receiver, Sender, bounded};
use symphony_ecs_core::ports::{JournalError, JournalPort};

/// Commits at once and keeps the blobs.
#[derive(Debug)]
pub struct MemoryJournal {
    frames: Vec<(u64, Vec<u8>)>,
    checkpoint: Option<(u64, Vec<u8>)>,
    committed: (Sender<Result<u64, JournalError>>, Receiver<Result<u64, JournalError>>),
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self { frames: Vec::new(), checkpoint: None, committed: bounded(PLACES) }
    }

    /// Every frame so far, in order.
    pub fn frames(&self) -> &[(u64, Vec<u8>)] {
        &self.frames
    }

    /// The newest checkpoint.
    pub fn newest_checkpoint(&self) -> Option<&(u64, Vec<u8>)> {
        self.checkpoint.as_ref()
    }
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new()
    }
}

impl JournalPort for MemoryJournal {
    fn append(&mut self, frame: u64, blob: Vec<u8>) -> Result<(), JournalError> {
        let last = self.frames.last().map(|(last, _)| *last);
        super::queue::follows(last, frame, "memory")?;
        self.frames.push((frame, blob));
        publish(&self.committed, Ok(frame));
        Ok(())
    }

    fn checkpoint(&mut self, frame: u64, blob: Vec<u8>) -> Result<(), JournalError> {
        self.checkpoint = Some((frame, blob));
        Ok(())
    }

    fn committed(&self) -> &Receiver<Result<u64, JournalError>> {
        &self.committed.1
    }
}

/// The places of a channel for [`publish`]: one for the newest number, one for a failure.
pub(super) const PLACES: usize = 2;

/// Tells the newest word over a channel of [`PLACES`]: a number that nobody has read yet is overtaken by the next
/// number, but not by a failure, after which nothing follows.
pub(super) fn publish(
    (sender, receiver): &(Sender<Result<u64, JournalError>>, Receiver<Result<u64, JournalError>>),
    word: Result<u64, JournalError>,
) {
    while word.is_ok() && receiver.try_recv().is_ok() {}
    // There is room: at most one number is left, and this is the only sender.
    let _ = sender.try_send(word);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_at_once_and_in_order() {
        let mut journal = MemoryJournal::new();
        journal.append(1, vec![1]).unwrap();
        journal.append(2, vec![2]).unwrap();
        journal.checkpoint(2, vec![9]).unwrap();
        assert!(journal.append(4, vec![]).is_err());
        assert_eq!(journal.committed().try_recv(), Ok(Ok(2)));
        assert!(journal.committed().is_empty());
        assert_eq!(journal.frames(), [(1, vec![1]), (2, vec![2])]);
        assert_eq!(journal.newest_checkpoint(), Some(&(2, vec![9])));
    }
}
