//! The table of results: SQLite, one row a call, sealed one by one.

use super::{Kept, Purpose};
use rusqlite::{Connection, ErrorCode, OpenFlags, params};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use symphony_ecs_core::ids::RunId;
use symphony_ecs_core::ports::FinishedCall;
use symphony_ecs_core::value::{Digest, Value};

/// Version of the format, kept in `user_version`.
const FORMAT: i64 = 1;
/// `application_id`: "SyCl".
const APPLICATION: i64 = 0x5379_436c;

/// Results that are kept; the oldest go first.
pub(super) const MOST_ROWS: u64 = 500_000;
/// Bytes that the file may have.
pub(super) const MOST_BYTES: u64 = 1 << 30;

/// How long another process's write is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS results(
        at INTEGER PRIMARY KEY AUTOINCREMENT,
        identity BLOB NOT NULL UNIQUE,
        part BLOB NOT NULL,
        run TEXT NOT NULL,
        outputs BLOB NOT NULL,
        seal BLOB NOT NULL);
    CREATE INDEX IF NOT EXISTS parts ON results(part);
";

/// An open table.
pub(super) struct Table {
    db: Connection,
}

impl Table {
    /// Opens the table; makes it when it is missing, and anew when it is damaged, unless somebody only looks. A table of a
    /// newer program is left alone.
    pub fn open(path: &Path, purpose: Purpose) -> Result<Option<Self>, String> {
        if purpose == Purpose::Look && !path.exists() {
            return Ok(None);
        }
        match Self::connect(path, purpose) {
            Ok(table) => Ok(Some(table)),
            Err(Trouble::Newer(found)) => {
                Err(format!("its format {found} is newer than {FORMAT}; use a newer symphony"))
            }
            Err(Trouble::Damaged) if purpose == Purpose::Play => {
                remove(path).map_err(|error| error.to_string())?;
                Self::connect(path, purpose).map(Some).map_err(|trouble| trouble.to_string())
            }
            Err(trouble) => Err(trouble.to_string()),
        }
    }

    fn connect(path: &Path, purpose: Purpose) -> Result<Self, Trouble> {
        let flags = match purpose {
            Purpose::Play => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            Purpose::Look => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
        if purpose == Purpose::Play && !path.exists() {
            // Outputs of runs are nobody else's business. SQLite takes an empty file for a new table.
            let made = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
            made.map_err(|error| Trouble::Io(error.to_string()))?;
        }
        let db = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        db.busy_timeout(PATIENCE)?;
        db.pragma_update(None, "trusted_schema", "OFF")?;
        db.pragma_update(None, "cell_size_check", "ON")?;
        // Nobody waits for the disk: what a power cut takes or tears is played again, and seals tell it.
        db.pragma_update(None, "synchronous", "OFF")?;
        let number = |pragma| db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
        match (number("application_id")?, number("user_version")?) {
            (APPLICATION, FORMAT) => {}
            (APPLICATION, newer) if newer > FORMAT => return Err(Trouble::Newer(newer)),
            // A new file. Two that make it at the same time write the same.
            (0, 0) if purpose == Purpose::Play => {
                db.pragma_update(None, "journal_mode", "WAL")?;
                db.execute_batch(TABLES)?;
                db.pragma_update(None, "application_id", APPLICATION)?;
                db.pragma_update(None, "user_version", FORMAT)?;
            }
            _ => return Err(Trouble::Damaged),
        }
        Ok(Self { db })
    }

    /// Hands every intact result of a part to `take`, the oldest first.
    pub fn load(&self, part: &Digest, mut take: impl FnMut(Digest, FinishedCall)) -> rusqlite::Result<()> {
        let mut query =
            self.db.prepare_cached("SELECT identity, run, outputs, seal FROM results WHERE part = ?1 ORDER BY at")?;
        let mut rows = query.query([&part.0[..]])?;
        while let Some(row) = rows.next()? {
            let (identity, run): (Vec<u8>, String) = (row.get(0)?, row.get(1)?);
            let (outputs, seal): (Vec<u8>, Vec<u8>) = (row.get(2)?, row.get(3)?);
            if seal != seal_of(&identity, &part.0, &run, &outputs) {
                continue;
            }
            let values: Option<Vec<Value>> = rmp_serde::from_slice(&outputs).ok();
            if let (Ok(identity), Some(run), Some(outputs)) = (identity.try_into(), RunId::parse(&run), values) {
                take(Digest(identity), FinishedCall { run, outputs });
            }
        }
        Ok(())
    }

    /// Keeps results; newer ones take the place of older ones of the same identity.
    pub fn keep(&mut self, results: &[Kept]) -> rusqlite::Result<()> {
        let transaction = self.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT OR REPLACE INTO results(identity, part, run, outputs, seal) VALUES(?1, ?2, ?3, ?4, ?5)",
            )?;
            for (call, finished) in results {
                let Ok(outputs) = rmp_serde::to_vec(&finished.outputs) else { continue };
                let (whole, part, run) = (&call.whole.0[..], &call.part.0[..], finished.run.as_str());
                let seal = seal_of(whole, part, run, &outputs);
                insert.execute(params![whole, part, run, outputs, &seal[..]])?;
            }
        }
        transaction.commit()
    }

    /// Forgets the oldest results beyond so many rows, and a quarter of them when the file is larger than so many bytes.
    pub fn forget_the_oldest(&mut self, rows: u64, bytes: u64) -> rusqlite::Result<()> {
        let number = |sql: &str| self.db.query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
        let last = number("SELECT MAX(at) FROM results")?.unwrap_or(0);
        let used = number(
            "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()",
        )?;
        let mut first = last.saturating_sub(i64::try_from(rows).unwrap_or(i64::MAX));
        if used.unwrap_or(0) > i64::try_from(bytes).unwrap_or(i64::MAX) {
            let quarter = "SELECT at FROM results ORDER BY at LIMIT 1 OFFSET (SELECT COUNT(*) / 4 FROM results)";
            first = first.max(number(quarter)?.unwrap_or(0));
        }
        self.db.execute("DELETE FROM results WHERE at <= ?1", [first]).map(drop)
    }
}

/// A seal over everything that a row says.
fn seal_of(identity: &[u8], part: &[u8], run: &str, outputs: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key("symphony results 1");
    for field in [identity, part, run.as_bytes(), outputs] {
        hasher.update(&(field.len() as u64).to_le_bytes()).update(field);
    }
    let digest = *hasher.finalize().as_bytes();
    std::array::from_fn(|place| digest[place])
}

/// Whether an error says that the file is not what was written.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

/// Takes a damaged table away, with what SQLite keeps beside it.
pub(super) fn remove(path: &Path) -> std::io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(PathBuf::from(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("its format {0} is newer than this program understands")]
    Newer(i64),
    #[error("it is damaged")]
    Damaged,
    #[error("{0}")]
    Io(String),
    #[error("{0}")]
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        if is_damage(&error) { Self::Damaged } else { Self::Sql(error) }
    }
}
