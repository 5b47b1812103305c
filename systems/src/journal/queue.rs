//! The queue between the frame and the journal's thread: bounded by count and by bytes, in order, and closed for
//! good by the first failure.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use symphony_ecs_core::ports::JournalError;

/// Entries that may wait.
const MAX_ENTRIES: usize = 1_024;
/// Bytes of blobs that may wait. A larger blob waits alone.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// What the journal's thread writes.
#[derive(Debug)]
pub(super) enum Entry {
    /// A frame.
    Frame(u64, Vec<u8>),
    /// The state after a frame.
    Checkpoint(u64, Vec<u8>),
    /// Commands up to this one have their effect in the next frame.
    Taken(u64),
}

impl Entry {
    fn bytes(&self) -> usize {
        match self {
            Self::Frame(_, blob) | Self::Checkpoint(_, blob) => blob.len(),
            Self::Taken(_) => 0,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    bytes: usize,
    closed: bool,
    failure: Option<JournalError>,
}

/// A bounded queue of entries with one producer and one consumer.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

impl Queue {
    /// Puts an entry at the end; waits while the queue is full.
    pub fn push(&self, entry: Entry) -> Result<(), JournalError> {
        let bytes = entry.bytes();
        let full = |state: &mut State| {
            let fits = state.entries.len() < MAX_ENTRIES && state.bytes.saturating_add(bytes) <= MAX_BYTES;
            state.failure.is_none() && !fits && !state.entries.is_empty()
        };
        let mut state = self.changed.wait_while(self.state(), full).unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        state.bytes += bytes;
        state.entries.push_back(entry);
        self.changed.notify_all();
        Ok(())
    }

    /// Takes everything that waits; waits until there is something. `None` when the queue is closed and empty.
    pub fn take(&self) -> Option<Vec<Entry>> {
        let idle = |state: &mut State| state.entries.is_empty() && !state.closed;
        let mut state = self.changed.wait_while(self.state(), idle).unwrap_or_else(PoisonError::into_inner);
        if state.entries.is_empty() {
            return None;
        }
        state.bytes = 0;
        let entries = std::mem::take(&mut state.entries).into();
        self.changed.notify_all();
        Some(entries)
    }

    /// Nothing follows; what waits is still taken.
    pub fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    /// Drops what waits and refuses everything from now on.
    pub fn fail(&self, failure: JournalError) {
        let mut state = self.state();
        state.entries.clear();
        state.failure = Some(failure);
        self.changed.notify_all();
    }

    /// Why the queue refuses, if it does.
    pub fn failure(&self) -> Option<JournalError> {
        self.state().failure.clone()
    }

    /// A panic while the lock is held cannot leave the state half changed, so poison means nothing here.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks that a frame's number follows the last one.
pub(super) fn follows(last: Option<u64>, frame: u64, path: &str) -> Result<(), JournalError> {
    match last {
        Some(last) if last.checked_add(1) != Some(frame) => {
            let message = format!("frame {frame} cannot follow frame {last}");
            Err(JournalError::Io { path: path.to_owned(), message })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn disk_full() -> JournalError {
        JournalError::Io { path: "p".into(), message: "full".into() }
    }

    #[test]
    fn a_blob_larger_than_the_bound_passes_alone() {
        let queue = Queue::default();
        queue.push(Entry::Frame(1, vec![0; MAX_BYTES + 1])).unwrap();
        assert_eq!(queue.take().unwrap().len(), 1);
    }

    #[test]
    fn a_full_queue_waits_and_a_failure_wakes_it() {
        let queue = Queue::default();
        for frame in 0..MAX_ENTRIES as u64 {
            queue.push(Entry::Frame(frame, vec![])).unwrap();
        }
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.push(Entry::Frame(MAX_ENTRIES as u64, vec![])));
            std::thread::sleep(Duration::from_millis(20));
            assert!(!waiting.is_finished());
            queue.fail(disk_full());
            assert_eq!(waiting.join().unwrap(), Err(disk_full()));
        });
        assert_eq!(queue.push(Entry::Taken(1)), Err(disk_full()));
    }

    #[test]
    fn what_waits_at_the_close_is_still_taken() {
        let queue = Queue::default();
        queue.push(Entry::Frame(1, vec![7])).unwrap();
        queue.close();
        assert_eq!(queue.take().unwrap().len(), 1);
        assert!(queue.take().is_none());
    }
}
