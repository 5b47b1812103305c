//! The ledger: the durable record of what triggers have accepted.
//!
//! One SQLite database, `triggers.db`, in WAL mode with full synchronisation. A batch of changes is one transaction:
//! what was accepted is on the disk before anybody is told and before anything starts. Starts that are over are
//! deleted; their runs have journals of their own. Melodies and schedules are kept by name, since rows change with
//! what is armed.

#[cfg(test)]
mod tests;

use crate::triggers::{Change, Facts, Kept, MelodyRow, Ms, Phase, Start, Triggers};
use rusqlite::{Connection, ErrorCode, params};
use std::path::{Path, PathBuf};
use std::time::Duration;
use symphony_ecs_core::ids::RunId;

/// Version of the format, kept in `user_version`.
const FORMAT: u32 = 1;
/// `application_id`: "SyTr".
const APPLICATION: i64 = 0x5379_5472;

const TABLES: &str = "
    CREATE TABLE starts(ticket INTEGER PRIMARY KEY, melody TEXT NOT NULL, run TEXT NOT NULL, phase INTEGER NOT NULL,
                        born INTEGER NOT NULL, due INTEGER NOT NULL, cause TEXT NOT NULL, facts TEXT NOT NULL);
    CREATE TABLE keys(melody TEXT NOT NULL, key TEXT NOT NULL, run TEXT NOT NULL, at INTEGER NOT NULL,
                      PRIMARY KEY(melody, key)) WITHOUT ROWID;
    CREATE TABLE seen(schedule TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
";

/// Why the ledger cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The disk, or SQLite, says no.
    #[error("{path}: {message}")]
    Io {
        /// The file.
        path: String,
        /// What happened, and the cure.
        message: String,
    },
    /// A newer program wrote it.
    #[error("{path} has format {found}; this program knows format {FORMAT}: install a newer Symphony")]
    Newer {
        /// The file.
        path: String,
        /// Its version.
        found: u32,
    },
    /// It does not read back as it was written.
    #[error("{path}: {message}; move the file away to begin anew: what it had accepted and not begun is lost then")]
    Damaged {
        /// The file.
        path: String,
        /// Where.
        message: String,
    },
}

/// The open database.
#[derive(Debug)]
pub struct Ledger {
    db: Connection,
    path: PathBuf,
    /// The next ticket, as the database knows it.
    next: u64,
}

/// What the database held, by name.
#[derive(Debug, Default)]
pub struct Found {
    /// What can be taken up.
    pub kept: Kept,
    /// Starts of melodies that are not armed any more: (melody, run).
    pub strangers: Vec<(String, RunId)>,
}

impl Ledger {
    /// Opens the ledger, or begins it. `salt` tells this place from others and is kept from its beginning on.
    ///
    /// # Errors
    /// The disk says no, the file is not a ledger, or a newer program wrote it.
    pub fn open(path: &Path, salt: u64) -> Result<Self, LedgerError> {
        let db = Connection::open(path).map_err(|error| sql(path, &error))?;
        let ledger = Self { db, path: path.to_path_buf(), next: 0 };
        ledger.prepare(salt).map_err(|error| ledger.error(&error))?;
        let found: u32 = ledger
            .db
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(|error| ledger.error(&error))?;
        if found > FORMAT {
            return Err(LedgerError::Newer { path: path.display().to_string(), found });
        }
        let application: i64 = ledger
            .db
            .pragma_query_value(None, "application_id", |row| row.get(0))
            .map_err(|error| ledger.error(&error))?;
        if application != APPLICATION {
            return Err(ledger.damaged("it is the database of another program"));
        }
        Ok(ledger)
    }

    fn prepare(&self, salt: u64) -> rusqlite::Result<()> {
        self.db.busy_timeout(Duration::from_secs(10))?;
        self.db.pragma_update(None, "trusted_schema", "OFF")?;
        self.db.pragma_update(None, "synchronous", "FULL")?;
        self.db.pragma_update(None, "journal_mode", "WAL")?;
        // A burst is one large transaction: its pages stay in memory until it is written, and move into the database
        // once in a while instead of after each.
        self.db.pragma_update(None, "cache_size", -65_536)?;
        self.db.pragma_update(None, "wal_autocheckpoint", 16_384)?;
        let tables: i64 = self.db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables == 0 {
            let tx = self.db.unchecked_transaction()?;
            tx.pragma_update(None, "application_id", APPLICATION)?;
            tx.pragma_update(None, "user_version", FORMAT)?;
            tx.execute_batch(TABLES)?;
            let salt = (salt & 0xff_ffff_ffff) as i64;
            tx.execute("INSERT INTO counters VALUES('salt', ?1), ('next', 1)", [salt])?;
            tx.commit()?;
        }
        Ok(())
    }

    /// Reads everything, for melodies with these names in this order.
    ///
    /// # Errors
    /// The disk says no, or it does not read back as it was written.
    pub fn read(&mut self, names: &[&str]) -> Result<Found, LedgerError> {
        let mut found = Found::default();
        let row_of = |name: &str| names.iter().position(|known| *known == name).map(|row| row as MelodyRow);
        let number = |ledger: &Self, name: &str| -> Result<u64, LedgerError> {
            let read = ledger.db.query_row("SELECT value FROM counters WHERE name = ?1", [name], |row| row.get(0));
            let value: i64 = read.map_err(|error| ledger.error(&error))?;
            u64::try_from(value).map_err(|_| ledger.damaged("a counter below zero"))
        };
        found.kept.salt = number(self, "salt")?;
        found.kept.next = number(self, "next")?;
        self.next = found.kept.next;
        let starts = "SELECT ticket, melody, run, phase, born, due, cause, facts FROM starts ORDER BY ticket";
        for line in self.rows(starts, |row| {
            let texts: (i64, String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            let rest: (Ms, Ms, String, String) = (row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?);
            Ok((texts, rest))
        })? {
            let ((ticket, melody, run, phase), (born, due, cause, facts)) = line;
            let damaged = |what: &str| self.damaged(&format!("start {ticket}: {what}"));
            let run = RunId::parse(&run).ok_or_else(|| damaged("its run has no name"))?;
            let Some(melody) = row_of(&melody) else {
                found.strangers.push((melody, run));
                continue;
            };
            found.kept.starts.push(Start {
                ticket: u64::try_from(ticket).map_err(|_| damaged("its number"))?,
                melody,
                run,
                phase: phase_of(phase).ok_or_else(|| damaged("its phase"))?,
                born,
                due,
                cause: serde_json::from_str(&cause).map_err(|error| damaged(&error.to_string()))?,
                facts: Some(serde_json::from_str::<Facts>(&facts).map_err(|error| damaged(&error.to_string()))?),
            });
        }
        for (melody, key, run, at) in self.rows("SELECT melody, key, run, at FROM keys", |row| {
            Ok::<(String, String, String, Ms), _>((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })? {
            let run = RunId::parse(&run).ok_or_else(|| self.damaged("a key's run has no name"))?;
            found.kept.keys.extend(row_of(&melody).map(|melody| (melody, key.into(), run, at)));
        }
        let seen = self.rows("SELECT schedule, at FROM seen", |row| Ok((row.get(0)?, row.get(1)?)))?;
        found.kept.seen = seen.into_iter().collect();
        Ok(found)
    }

    fn rows<T>(
        &self,
        query: &str,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, LedgerError> {
        let mut statement = self.db.prepare(query).map_err(|error| self.error(&error))?;
        let rows = statement.query_map([], read).and_then(|rows| rows.collect());
        rows.map_err(|error| self.error(&error))
    }

    /// Writes a batch of changes in one transaction; on the disk when it returns.
    ///
    /// # Errors
    /// The disk says no: nothing of the batch is written then.
    pub fn commit(&mut self, triggers: &Triggers, changes: &[Change]) -> Result<(), LedgerError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.write(triggers, changes).map_err(|error| self.error(&error))
    }

    fn write(&mut self, triggers: &Triggers, changes: &[Change]) -> rusqlite::Result<()> {
        let tx = self.db.unchecked_transaction()?;
        {
            let mut put = tx.prepare_cached("INSERT OR REPLACE INTO starts VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
            let mut moved = tx.prepare_cached("UPDATE starts SET phase = ?2 WHERE ticket = ?1")?;
            let mut gone = tx.prepare_cached("DELETE FROM starts WHERE ticket = ?1")?;
            let mut key_put = tx.prepare_cached("INSERT OR REPLACE INTO keys VALUES(?1, ?2, ?3, ?4)")?;
            for change in changes {
                match change {
                    Change::Accepted(ticket) | Change::Moved(ticket) => {
                        // What is gone by the end of the batch leaves no trace.
                        let Some(start) = triggers.row(*ticket) else { continue };
                        let number = *ticket as i64;
                        match start.facts {
                            None => moved.execute(params![number, start.phase as i64])?,
                            Some(facts) => put.execute(params![
                                number,
                                triggers.name(start.melody),
                                start.run.as_str(),
                                start.phase as i64,
                                start.born,
                                start.due,
                                json(start.cause),
                                json(facts),
                            ])?,
                        };
                    }
                    Change::Gone(ticket) => drop(gone.execute([*ticket as i64])?),
                    Change::Key { melody, key, run, at } => {
                        key_put.execute(params![triggers.name(*melody), &**key, run.as_str(), at])?;
                    }
                    Change::Forget { melody, key } => {
                        tx.prepare_cached("DELETE FROM keys WHERE melody = ?1 AND key = ?2")?
                            .execute(params![triggers.name(*melody), &**key])?;
                    }
                    Change::ForgetBefore(at) => {
                        tx.execute("DELETE FROM keys WHERE at < ?1", [at])?;
                    }
                    Change::Seen { schedule, at } => {
                        tx.prepare_cached("INSERT OR REPLACE INTO seen VALUES(?1, ?2)")?
                            .execute(params![triggers.schedule_id(*schedule), at])?;
                    }
                }
            }
        }
        let next = triggers.next_ticket();
        if next != self.next {
            tx.execute("UPDATE counters SET value = ?1 WHERE name = 'next'", [next as i64])?;
        }
        tx.commit()?;
        self.next = next;
        Ok(())
    }

    /// Forgets starts of melodies that are armed no more.
    ///
    /// # Errors
    /// The disk says no.
    pub fn forget(&mut self, strangers: &[(String, RunId)]) -> Result<(), LedgerError> {
        let forget = || {
            let tx = self.db.unchecked_transaction()?;
            for (_, run) in strangers {
                tx.execute("DELETE FROM starts WHERE run = ?1", [run.as_str()])?;
            }
            tx.commit()
        };
        forget().map_err(|error| self.error(&error))
    }

    fn error(&self, error: &rusqlite::Error) -> LedgerError {
        sql(&self.path, error)
    }

    fn damaged(&self, what: &str) -> LedgerError {
        LedgerError::Damaged { path: self.path.display().to_string(), message: what.to_owned() }
    }
}

fn phase_of(number: i64) -> Option<Phase> {
    Phase::ALL.into_iter().find(|phase| *phase as i64 == number)
}

/// Plain data: writing it to memory cannot fail.
fn json(data: &impl serde::Serialize) -> String {
    serde_json::to_string(data).unwrap_or_default()
}

fn sql(path: &Path, error: &rusqlite::Error) -> LedgerError {
    let path = path.display().to_string();
    let cure = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "; make room, then try again",
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "; make the folder writable or choose another with --state"
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            return LedgerError::Damaged { path, message: error.to_string() };
        }
        _ => "",
    };
    LedgerError::Io { path, message: format!("{error}{cure}") }
}
