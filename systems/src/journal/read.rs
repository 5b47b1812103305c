//! Reading a journal without owning the run: for `show` and `runs`, and what an owner reads when it opens.
//!
//! A reader sees one consistent state of the journal, also while another process writes, also in a folder that
//! cannot be written. Nothing that does not match its seal is handed out.

use super::lock::RunLock;
use super::schema::{self, Chain, Head, damaged, number, sql_error};
use super::seal::Seal;
use super::{Command, DB, Meta, Role, io_error, wal};
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use symphony_ecs_core::ports::JournalError;

/// All that can be read of a journal.
#[derive(Debug)]
pub struct Record {
    /// What was written at the run's birth.
    pub meta: Meta,
    /// The newest intact checkpoint.
    pub checkpoint: Option<(u64, Vec<u8>)>,
    /// Every intact frame from the beginning, in order, up to the damage if there is any.
    pub frames: Vec<(u64, Vec<u8>)>,
    /// The commands that other processes left.
    pub commands: Vec<Command>,
    /// What is damaged and where; empty for a sound journal.
    pub damage: Vec<JournalError>,
}

/// Reads the whole journal in `dir`, without the run's lock.
///
/// Damage behind the meta data is reported in [`Record::damage`], beside what is intact.
///
/// # Errors
/// [`JournalError::Io`], [`JournalError::Newer`], or [`JournalError::Damaged`] if not even the meta data can be read.
pub fn read(dir: &Path) -> Result<Record, JournalError> {
    let mut damage = Vec::new();
    let mut reader = Reader::open(dir)?;
    damage.extend(reader.damage.take());
    let mut frames = Vec::new();
    damage.extend(reader.frames_after(None, |frame, blob| frames.push((frame, blob.to_vec()))).err());
    let mut warnings = Vec::new();
    let checkpoint = reader.newest_checkpoint(&mut warnings).unwrap_or_else(|error| {
        damage.push(error);
        None
    });
    damage.extend(warnings.into_iter().map(|message| damaged(&reader.path, message)));
    let commands = reader.commands().unwrap_or_else(|error| {
        damage.push(error);
        Vec::new()
    });
    Ok(Record { meta: reader.meta, checkpoint, frames, commands, damage })
}

/// An open journal, for reading piece by piece.
#[derive(Debug)]
pub struct Reader {
    db: Connection,
    path: PathBuf,
    meta: Meta,
    /// Damage that was found while opening and does not keep the rest from being read.
    damage: Option<JournalError>,
    /// The copy that is read instead of a journal whose folder cannot be written; removed on drop.
    _copy: Option<Copy>,
}

impl Reader {
    /// Opens the journal in `dir` without the run's lock, and reads its meta data.
    ///
    /// # Errors
    /// [`JournalError::Io`], [`JournalError::Newer`], or [`JournalError::Damaged`] if the meta data cannot be read.
    pub fn open(dir: &Path) -> Result<Self, JournalError> {
        let path = dir.join(DB);
        fs::metadata(&path).map_err(|error| io_error(&path, &error))?;
        // While somebody writes, the end of the WAL is in motion and proves nothing.
        let damage = if RunLock::owner(dir).is_none() { wal::check(dir).err() } else { None };
        let (db, copy) = match schema::connect(dir, Role::Read) {
            Ok(db) => (db, None),
            Err(JournalError::Io { .. }) if !wal::is_present(dir) => (schema::connect_immutable(dir)?, None),
            // SQLite must write an index beside the WAL to read it: let it do so beside a copy.
            Err(JournalError::Io { .. }) => {
                let copy = Copy::of(dir)?;
                (schema::connect(&copy.0, Role::Read)?, Some(copy))
            }
            Err(error) => return Err(error),
        };
        // One read transaction from here on, so that all that is read belongs together.
        db.execute_batch("BEGIN").map_err(|error| sql_error(&path, &error))?;
        let mut reader = Self::over(db, path)?;
        (reader.damage, reader._copy) = (damage, copy);
        Ok(reader)
    }

    /// A reader over an open database.
    pub(super) fn over(db: Connection, path: PathBuf) -> Result<Self, JournalError> {
        let meta = read_meta(&db).map_err(|error| sql_error(&path, &error))?;
        let head = schema::head(&db, &path, Chain::Meta)?;
        if (Head { next: meta.len() as u64, seal: Seal::of_meta(&meta) }) != head {
            return Err(damaged(&path, "its meta data (melody, inputs, options) does not match its seal"));
        }
        Ok(Self { db, path, meta, damage: None, _copy: None })
    }

    pub(super) fn into_connection(self) -> Connection {
        self.db
    }

    /// What was written at the run's birth.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Hands every frame after `after` (every frame at all for `None`) to `visit`, in order, each verified first.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] names the first frame that is missing or does not match its seal; the frames before
    /// it have been visited.
    pub fn frames_after(&mut self, after: Option<u64>, mut visit: impl FnMut(u64, &[u8])) -> Result<(), JournalError> {
        let head = schema::head(&self.db, &self.path, Chain::Frames)?;
        // With `after`, the chain starts at the seal of that frame, which a checkpoint has vouched for.
        let mut here = match after {
            Some(frame) => Head { next: frame.saturating_add(1), seal: self.seal_after(frame)? },
            None => Head { next: 0, seal: Seal::of_meta(&self.meta) },
        };
        let mut first = after.is_none();
        let sql_error = |error: rusqlite::Error| sql_error(&self.path, &error);
        let mut query = self
            .db
            .prepare("SELECT frame, blob, seal FROM frames WHERE frame >= ?1 ORDER BY frame")
            .map_err(sql_error)?;
        let mut rows = query.query([number(here.next).map_err(sql_error)?]).map_err(sql_error)?;
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(error) => return Err(at_frame(&self.path, here.next, &error)),
            };
            let read = || Ok((row.get::<_, i64>(0)?, row.get_ref(1)?.as_blob()?, row.get::<_, Seal>(2)?));
            let (frame, blob, seal) = read().map_err(|error| at_frame(&self.path, here.next, &error))?;
            let frame = frame.unsigned_abs();
            if !first && frame != here.next {
                return Err(damaged(&self.path, format!("frame {} is missing", here.next)));
            }
            if seal != Seal::of_frame(here.seal, frame, blob) {
                return Err(damaged(&self.path, format!("frame {frame} does not match its seal")));
            }
            visit(frame, blob);
            here = Head { next: frame + 1, seal };
            first = false;
        }
        match here == head {
            true => Ok(()),
            false if head.next > here.next => {
                Err(damaged(&self.path, format!("frames {} to {} are missing", here.next, head.next - 1)))
            }
            false => Err(damaged(&self.path, "the head of its frames does not match the last frame")),
        }
    }

    /// The newest checkpoint that is intact. What is wrong with a newer one is added to `warnings`.
    ///
    /// # Errors
    /// [`JournalError::Io`] if the disk says no.
    pub fn newest_checkpoint(&self, warnings: &mut Vec<String>) -> Result<Option<(u64, Vec<u8>)>, JournalError> {
        let read = || {
            let mut query = self.db.prepare("SELECT frame FROM checkpoints ORDER BY frame DESC LIMIT 2")?;
            let frames = query.query_map([], |row| row.get::<_, i64>(0))?;
            frames.collect::<rusqlite::Result<Vec<i64>>>()
        };
        let frames = match read().map_err(|error| sql_error(&self.path, &error)) {
            Ok(frames) => frames,
            Err(JournalError::Damaged { message, .. }) => {
                warnings.push(format!("its checkpoints cannot be read: {message}"));
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        for frame in frames {
            match self.checkpoint_after(frame) {
                Ok(checkpoint) => return Ok(Some(checkpoint)),
                Err(JournalError::Damaged { .. }) => {
                    warnings.push(format!("the checkpoint after frame {frame} does not match its seal"));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn checkpoint_after(&self, frame: i64) -> Result<(u64, Vec<u8>), JournalError> {
        let (blob, seal) = self
            .db
            .query_row("SELECT blob, seal FROM checkpoints WHERE frame = ?1", [frame], |row| {
                Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Seal>(1)?))
            })
            .map_err(|error| sql_error(&self.path, &error))?;
        let number = frame.unsigned_abs();
        if seal != Seal::of_checkpoint(self.seal_after(number)?, number, &blob) {
            return Err(damaged(&self.path, "checkpoint"));
        }
        Ok((number, blob))
    }

    /// The chain's seal after a frame; of the meta data if there is no frame at all yet.
    fn seal_after(&self, frame: u64) -> Result<Seal, JournalError> {
        let seal = number(frame)
            .and_then(|frame| self.db.query_row("SELECT seal FROM frames WHERE frame = ?1", [frame], |row| row.get(0)));
        match seal {
            Err(rusqlite::Error::QueryReturnedNoRows) => Ok(Seal::of_meta(&self.meta)),
            other => other.map_err(|error| sql_error(&self.path, &error)),
        }
    }

    /// The commands that other processes left, oldest first.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] if one is missing or does not match its seal.
    pub fn commands(&self) -> Result<Vec<Command>, JournalError> {
        let head = schema::head(&self.db, &self.path, Chain::Commands)?;
        let taken = schema::head(&self.db, &self.path, Chain::Taken)?;
        let read = || {
            let mut query = self.db.prepare("SELECT id, json, seal FROM commands ORDER BY id")?;
            let rows = query.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get::<_, Seal>(2)?)))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let rows: Vec<(i64, String, Seal)> = read().map_err(|error| sql_error(&self.path, &error))?;
        let mut here = Head { next: 1, seal: Seal::of_no_commands() };
        let mut commands = Vec::with_capacity(rows.len());
        for (id, json, seal) in rows {
            let id = id.unsigned_abs();
            if id != here.next || seal != Seal::of_command(here.seal, id, &json) {
                return Err(damaged(&self.path, format!("command {} does not match its seal", here.next)));
            }
            commands.push(Command { id, json, taken: id <= taken.next });
            here = Head { next: id + 1, seal };
        }
        if here != head || taken.seal != Seal::of_taken(taken.next) {
            return Err(damaged(&self.path, "the head of its commands does not match the last command"));
        }
        Ok(commands)
    }
}

fn at_frame(path: &Path, frame: u64, error: &rusqlite::Error) -> JournalError {
    match sql_error(path, error) {
        JournalError::Damaged { message, .. } => damaged(path, format!("frame {frame} cannot be read: {message}")),
        other => other,
    }
}

fn read_meta(db: &Connection) -> rusqlite::Result<Meta> {
    let mut query = db.prepare("SELECT key, value FROM meta")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// A journal's files in a folder of their own, removed on drop.
#[derive(Debug)]
struct Copy(PathBuf);

impl Copy {
    fn of(dir: &Path) -> Result<Self, JournalError> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COPIES: AtomicU32 = AtomicU32::new(0);
        let name = format!("symphony-journal-{}-{}", std::process::id(), COPIES.fetch_add(1, Ordering::Relaxed));
        let target = std::env::temp_dir().join(name);
        fs::DirBuilder::new().mode(0o700).create(&target).map_err(|error| io_error(&target, &error))?;
        let copy = Self(target);
        for name in [DB, wal::NAME] {
            let target = copy.0.join(name);
            fs::copy(dir.join(name), &target).map_err(|error| io_error(&target, &error))?;
        }
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
