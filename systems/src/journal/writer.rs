//! The writer of a journal: hands frames to a thread of its own, which commits all that wait in one transaction.
//!
//! While one transaction goes to the disk, the next frames gather; so the slower the disk, the more frames share a
//! commit, and the frame of the orchestra never waits for it (except when the bounded queue is full).

use super::committed::Committed;
use super::lock::RunLock;
use super::queue::{Entry, Queue, follows};
use super::schema::{Chain, Head, number, set_head, sql_error};
use super::seal::Seal;
use crossbeam_channel::Receiver;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use symphony_ecs_core::ports::{JournalError, JournalPort};

/// Appends to a run's journal and owns the run while it lives.
///
/// Dropping it commits what waits; [`Writer::close`] does so too and says whether that worked.
#[derive(Debug)]
pub struct Writer {
    path: String,
    last: Option<u64>,
    queue: Arc<Queue>,
    committed: Committed,
    thread: Option<JoinHandle<()>>,
    /// Let go after the thread has ended.
    _lock: RunLock,
}

impl Writer {
    /// Starts the journal's thread behind the frame that `head` names.
    pub(super) fn start(path: PathBuf, db: Connection, lock: RunLock, head: Head) -> Result<Self, JournalError> {
        let name = path.display().to_string();
        let queue = Arc::new(Queue::default());
        let committed = Committed::new();
        let thread = Thread { path, db, head, taken: None, queue: Arc::clone(&queue), committed: committed.clone() };
        let thread = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || thread.play())
            .map_err(|error| JournalError::Io { path: name.clone(), message: format!("no thread: {error}") })?;
        Ok(Self { path: name, last: head.next.checked_sub(1), queue, committed, thread: Some(thread), _lock: lock })
    }

    /// The number of the last frame that was appended (committed or not).
    pub fn last(&self) -> Option<u64> {
        self.last
    }

    /// Marks every command up to `id` as taken. The mark is committed together with the next frame that is appended,
    /// which must hold their effect; without such a frame the commands come back when the run is opened again.
    ///
    /// # Errors
    /// The failure that stopped the journal.
    pub fn taken(&mut self, id: u64) -> Result<(), JournalError> {
        self.queue.push(Entry::Taken(id))
    }

    /// Commits what waits, moves everything into the database, lets go of the run, and says whether all was written.
    ///
    /// # Errors
    /// The failure that stopped the journal.
    pub fn close(mut self) -> Result<(), JournalError> {
        self.finish();
        self.queue.failure().map_or(Ok(()), Err)
    }

    fn finish(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            let message = "the journal's thread panicked".to_owned();
            self.queue.fail(JournalError::Io { path: self.path.clone(), message });
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish();
    }
}

impl JournalPort for Writer {
    fn append(&mut self, frame: u64, blob: Vec<u8>) -> Result<(), JournalError> {
        follows(self.last, frame, &self.path)?;
        self.queue.push(Entry::Frame(frame, blob))?;
        self.last = Some(frame);
        Ok(())
    }

    fn checkpoint(&mut self, frame: u64, blob: Vec<u8>) -> Result<(), JournalError> {
        self.queue.push(Entry::Checkpoint(frame, blob))
    }

    fn committed(&self) -> &Receiver<Result<u64, JournalError>> {
        self.committed.receiver()
    }
}

/// The journal's thread.
struct Thread {
    path: PathBuf,
    db: Connection,
    /// Where the chain of frames stands on the disk.
    head: Head,
    /// Commands whose effect is in the next frame.
    taken: Option<u64>,
    queue: Arc<Queue>,
    committed: Committed,
}

impl Thread {
    fn play(mut self) {
        while let Some(entries) = self.queue.take() {
            let before = self.head.next;
            if let Err(error) = self.commit(&entries) {
                let failure = self.failure(&error);
                // Told first, so that whoever sees an append fail finds the reason in the channel.
                self.committed.publish(Err(failure.clone()));
                self.queue.fail(failure);
                return;
            }
            if self.head.next > before {
                self.committed.publish(Ok(self.head.next - 1));
            }
        }
        // What is committed is safe in the WAL; a reader that keeps this from finishing does no harm.
        let _ = super::schema::empty_wal(&self.db);
        let _ = self.db.close();
    }

    /// One transaction: all or nothing, on the disk when it returns.
    fn commit(&mut self, entries: &[Entry]) -> rusqlite::Result<()> {
        let (mut head, mut taken) = (self.head, self.taken);
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for entry in entries {
            match entry {
                Entry::Frame(frame, blob) => {
                    let seal = Seal::of_frame(head.seal, *frame, blob);
                    tx.prepare_cached("INSERT INTO frames(frame, blob, seal) VALUES(?1, ?2, ?3)")?.execute(params![
                        number(*frame)?,
                        blob,
                        seal
                    ])?;
                    head = Head { next: number(*frame)?.unsigned_abs() + 1, seal };
                    if let Some(taken) = taken.take() {
                        set_head(&tx, Chain::Taken, Head { next: taken, seal: Seal::of_taken(taken) })?;
                    }
                }
                Entry::Checkpoint(frame, blob) => checkpoint(&tx, head, *frame, blob)?,
                Entry::Taken(id) => taken = taken.max(Some(*id)),
            }
        }
        if head != self.head {
            set_head(&tx, Chain::Frames, head)?;
        }
        tx.commit()?;
        (self.head, self.taken) = (head, taken);
        Ok(())
    }

    fn failure(&self, error: &rusqlite::Error) -> JournalError {
        match error {
            rusqlite::Error::InvalidParameterName(message) => {
                JournalError::Io { path: self.path.display().to_string(), message: message.clone() }
            }
            error => sql_error(&self.path, error),
        }
    }
}

/// Writes a checkpoint and forgets all but the last two.
fn checkpoint(db: &Connection, head: Head, frame: u64, blob: &[u8]) -> rusqlite::Result<()> {
    let after = if head.next == frame.saturating_add(1) || head.next == 0 {
        Some(head.seal)
    } else {
        db.prepare_cached("SELECT seal FROM frames WHERE frame = ?1")?
            .query_row([number(frame)?], |row| row.get(0))
            .optional()?
    };
    let after = after.ok_or_else(|| {
        rusqlite::Error::InvalidParameterName(format!("a checkpoint after frame {frame}, which was never appended"))
    })?;
    db.prepare_cached("INSERT OR REPLACE INTO checkpoints(frame, blob, seal) VALUES(?1, ?2, ?3)")?.execute(params![
        number(frame)?,
        blob,
        Seal::of_checkpoint(after, frame, blob)
    ])?;
    db.prepare_cached(
        "DELETE FROM checkpoints WHERE frame NOT IN (SELECT frame FROM checkpoints ORDER BY frame DESC LIMIT 2)",
    )?
    .execute([])
    .map(drop)
}
