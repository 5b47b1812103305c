//! Commands that a process leaves for a run that nobody plays: approvals and cancellations, taken at the next resume.

use super::lock::RunLock;
use super::schema::{self, Chain, Head, number, sql_error};
use super::seal::Seal;
use super::{DB, Role, io_error, wal};
use rusqlite::{TransactionBehavior, params};
use std::path::Path;
use symphony_ecs_core::ports::JournalError;

/// A command that was left for the run's next owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its number; they rise by one from 1.
    pub id: u64,
    /// The command, in the words of whoever left it.
    pub json: String,
    /// Its effect is in the journal already.
    pub taken: bool,
}

/// Leaves a command for the next owner of the run in `dir` and gives its number. It is on the disk on return.
///
/// The run's lock is held meanwhile, so no owner can miss the command: either it opens the journal afterwards, or
/// this returns [`JournalError::Locked`] and the owner is to be spoken to over its socket.
///
/// # Errors
/// As for [`super::Journal::open`].
pub fn append_command(dir: &Path, json: &str) -> Result<u64, JournalError> {
    let path = dir.join(DB);
    std::fs::metadata(&path).map_err(|error| io_error(&path, &error))?;
    let _lock = RunLock::take(dir)?;
    wal::check(dir)?;
    let mut db = schema::connect(dir, Role::Write)?;
    let head = schema::head(&db, &path, Chain::Commands)?;
    let seal = Seal::of_command(head.seal, head.next, json);
    let append = || {
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute("INSERT INTO commands(id, json, seal) VALUES(?1, ?2, ?3)", params![number(head.next)?, json, seal])?;
        schema::set_head(&tx, Chain::Commands, Head { next: head.next + 1, seal })?;
        tx.commit()?;
        db.close().map_err(|(_, error)| error)
    };
    append().map_err(|error| sql_error(&path, &error))?;
    Ok(head.next)
}
