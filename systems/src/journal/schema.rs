//! The journal's tables, how the file is opened, and what SQLite's errors mean for a run.

use super::seal::Seal;
use super::{DB, Meta, Role, io_error};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, params};
use std::path::Path;
use std::time::Duration;
use symphony_ecs_core::ports::JournalError;

/// Version of the format, kept in `user_version`. Raised whenever an older program would misread the file.
pub const FORMAT: u32 = 1;
/// `application_id`: "SyJo".
const APPLICATION: i64 = 0x5379_4a6f;

/// How long a connection waits for another one's lock.
const PATIENCE: Duration = Duration::from_secs(10);

const TABLES: &str = "
    CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE frames(frame INTEGER PRIMARY KEY, blob BLOB NOT NULL, seal BLOB NOT NULL);
    CREATE TABLE checkpoints(frame INTEGER PRIMARY KEY, blob BLOB NOT NULL, seal BLOB NOT NULL);
    CREATE TABLE commands(id INTEGER PRIMARY KEY, json TEXT NOT NULL, seal BLOB NOT NULL);
    CREATE TABLE heads(name TEXT PRIMARY KEY, next INTEGER NOT NULL, seal BLOB NOT NULL) WITHOUT ROWID;
";

/// Where a chain stands: the number that comes next and the seal it will follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub next: u64,
    pub seal: Seal,
}

/// The heads that a journal keeps.
#[derive(Clone, Copy, Debug)]
pub(super) enum Chain {
    /// The meta data: how many keys, and their seal.
    Meta,
    /// The frames.
    Frames,
    /// The commands that other processes left.
    Commands,
    /// How many of them were taken.
    Taken,
}

impl Chain {
    fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Frames => "frames",
            Self::Commands => "commands",
            Self::Taken => "taken",
        }
    }
}

/// Writes an empty journal with its meta data into a new file. Nothing is synced: the caller syncs the whole file
/// before it gives it its name.
pub(super) fn write_new(file: &Path, meta: &Meta) -> rusqlite::Result<()> {
    let mut db = Connection::open(file)?;
    db.pragma_update(None, "synchronous", "OFF")?;
    // Nobody sees the file before it is whole, so there is nothing to roll back to.
    db.pragma_update(None, "journal_mode", "MEMORY")?;
    let tx = db.transaction()?;
    tx.pragma_update(None, "application_id", APPLICATION)?;
    tx.pragma_update(None, "user_version", FORMAT)?;
    tx.execute_batch(TABLES)?;
    for (key, value) in meta {
        tx.execute("INSERT INTO meta(key, value) VALUES(?1, ?2)", params![key, value])?;
    }
    let seal = Seal::of_meta(meta);
    set_head(&tx, Chain::Meta, Head { next: meta.len() as u64, seal })?;
    set_head(&tx, Chain::Frames, Head { next: 0, seal })?;
    set_head(&tx, Chain::Commands, Head { next: 1, seal: Seal::of_no_commands() })?;
    set_head(&tx, Chain::Taken, Head { next: 0, seal: Seal::of_taken(0) })?;
    tx.commit()?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.close().map_err(|(_, error)| error)
}

/// Opens the journal in `dir` and checks that it is one, of a version that this program understands.
pub(super) fn connect(dir: &Path, role: Role) -> Result<Connection, JournalError> {
    let path = dir.join(DB);
    let flags = match role {
        Role::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Role::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let db = Connection::open_with_flags(&path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    let db = db.map_err(|error| sql_error(&path, &error))?;
    prepare(&db, role).map_err(|error| sql_error(&path, &error))?;
    check_version(&db, &path)?;
    Ok(db)
}

/// Opens a journal that nobody writes, in a folder that cannot be written either.
pub(super) fn connect_immutable(dir: &Path) -> Result<Connection, JournalError> {
    let path = dir.join(DB);
    let escaped = path.display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let db = Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags);
    let db = db.map_err(|error| sql_error(&path, &error))?;
    check_version(&db, &path)?;
    Ok(db)
}

fn prepare(db: &Connection, role: Role) -> rusqlite::Result<()> {
    db.busy_timeout(PATIENCE)?;
    db.pragma_update(None, "trusted_schema", "OFF")?;
    db.pragma_update(None, "cell_size_check", "ON")?;
    if let Role::Write = role {
        db.pragma_update(None, "synchronous", "FULL")?;
        // Pages of the WAL before they move into the database: few enough that moving them is no long stall.
        db.pragma_update(None, "wal_autocheckpoint", 2_000)?;
        db.pragma_update(None, "journal_size_limit", 16 * 1024 * 1024)?;
        db.pragma_update(None, "cache_size", -8_192)?;
    }
    Ok(())
}

/// Moves the write-ahead log into the database and empties it, unless a reader stays in the way.
pub(super) fn empty_wal(db: &Connection) -> rusqlite::Result<()> {
    // Nothing depends on it, so a long reading is not waited for.
    db.busy_timeout(Duration::from_millis(200))?;
    let moved = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    db.busy_timeout(PATIENCE)?;
    moved
}

fn check_version(db: &Connection, path: &Path) -> Result<(), JournalError> {
    let number = |pragma| db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let application = number("application_id").map_err(|error| sql_error(path, &error))?;
    let version = number("user_version").map_err(|error| sql_error(path, &error))?;
    if application != APPLICATION {
        return Err(damaged(path, "the file is not a Symphony journal"));
    }
    match u32::try_from(version) {
        Ok(FORMAT) => Ok(()),
        Ok(found) if found > FORMAT => {
            Err(JournalError::Newer { path: path.display().to_string(), found, known: FORMAT })
        }
        _ => Err(damaged(path, format!("its format version reads as {version}, which never existed"))),
    }
}

/// Reads a head; its absence is damage.
pub(super) fn head(db: &Connection, path: &Path, chain: Chain) -> Result<Head, JournalError> {
    let row = db
        .prepare_cached("SELECT next, seal FROM heads WHERE name = ?1")
        .and_then(|mut query| {
            query.query_row([chain.name()], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?))).optional()
        })
        .map_err(|error| sql_error(path, &error))?;
    match row {
        Some((next, seal)) if next >= 0 => Ok(Head { next: next.unsigned_abs(), seal }),
        _ => Err(damaged(path, format!("the head of its {} is missing", chain.name()))),
    }
}

/// Writes a head.
pub(super) fn set_head(db: &Connection, chain: Chain, head: Head) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO heads(name, next, seal) VALUES(?1, ?2, ?3)")?
        .execute(params![chain.name(), number(head.next)?, head.seal])
        .map(drop)
}

/// SQLite's integers end at 2⁶³ − 1.
pub(super) fn number(number: u64) -> rusqlite::Result<i64> {
    i64::try_from(number).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// What an error of SQLite means for the run, with the cure.
pub(super) fn sql_error(path: &Path, error: &rusqlite::Error) -> JournalError {
    let code = error.sqlite_error_code();
    match code {
        Some(ErrorCode::CannotOpen) if !path.exists() => {
            io_error(path, &std::io::Error::from(std::io::ErrorKind::NotFound))
        }
        Some(ErrorCode::DiskFull) => io(path, "the disk is full; make room, then resume the run".to_owned()),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            io(path, format!("cannot be written ({error}); make the folder writable or choose another with --state"))
        }
        Some(ErrorCode::SystemIoFailure) => io(path, format!("the disk failed ({error})")),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OutOfMemory) => {
            io(path, error.to_string())
        }
        // What is left means that the tables or their cells are not what was written.
        _ => damaged(path, error.to_string()),
    }
}

fn io(path: &Path, message: String) -> JournalError {
    JournalError::Io { path: path.display().to_string(), message }
}

/// A journal that does not read back as it was written.
pub(super) fn damaged(path: &Path, message: impl Into<String>) -> JournalError {
    JournalError::Damaged { path: path.display().to_string(), message: message.into() }
}
