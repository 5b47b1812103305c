//! A journal that keeps everything in memory: for virtual runs and tests, which outlive nothing.

use super::committed::Committed;
use crossbeam_channel::Receiver;
use symphony_ecs_core::ports::{JournalError, JournalPort};

/// Commits at once and keeps the blobs.
#[derive(Debug)]
pub struct MemoryJournal {
    frames: Vec<(u64, Vec<u8>)>,
    checkpoint: Option<(u64, Vec<u8>)>,
    committed: Committed,
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self { frames: Vec::new(), checkpoint: None, committed: Committed::new() }
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
        self.committed.publish(Ok(frame));
        Ok(())
    }

    fn checkpoint(&mut self, frame: u64, blob: Vec<u8>) -> Result<(), JournalError> {
        self.checkpoint = Some((frame, blob));
        Ok(())
    }

    fn committed(&self) -> &Receiver<Result<u64, JournalError>> {
        self.committed.receiver()
    }
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
