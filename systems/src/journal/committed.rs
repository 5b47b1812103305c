//! The channel that tells which frames are committed: the newest number, and the failure that ends it.

use crossbeam_channel::{Receiver, Sender, bounded};
use symphony_ecs_core::ports::JournalError;

type Word = Result<u64, JournalError>;

/// Both ends of the channel. It holds the newest number that nobody has read, so nobody need read at all.
///
/// Whoever speaks and whoever listens keep both ends, so that a listener who selects over it never sees it
/// disconnected.
#[derive(Clone, Debug)]
pub(super) struct Committed {
    sender: Sender<Word>,
    receiver: Receiver<Word>,
}

impl Committed {
    pub fn new() -> Self {
        // One place for a number, one for the failure after it.
        let (sender, receiver) = bounded(2);
        Self { sender, receiver }
    }

    /// Tells a word. A number that nobody has read yet is overtaken by the next number, but not by a failure, after
    /// which nothing follows. One thread speaks.
    pub fn publish(&self, word: Word) {
        while word.is_ok() && self.receiver.try_recv().is_ok() {}
        // There is room: at most one number is left.
        let _ = self.sender.try_send(word);
    }

    pub fn receiver(&self) -> &Receiver<Word> {
        &self.receiver
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_overtake_each_other_and_a_failure_comes_last() {
        let committed = Committed::new();
        (1..=5).for_each(|frame| committed.publish(Ok(frame)));
        let failure = JournalError::Io { path: "p".into(), message: "full".into() };
        committed.publish(Err(failure.clone()));
        assert_eq!(committed.receiver().try_iter().collect::<Vec<_>>(), [Ok(5), Err(failure)]);
    }
}
