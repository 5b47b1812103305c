//! The durable record of a run: what was committed here is never lost and never played again.
//!
//! A run's folder holds `journal.db`, an SQLite database in WAL mode, and `lock`, which its owner holds. The journal
//! keeps the run's meta data (written once), one sealed blob per frame, the last two checkpoints and the commands
//! that other processes left. What is inside a blob is the orchestra's business; the journal keeps order, seals and
//! durability. The format is described in `docs/journal.md`.
//!
//! ```no_run
//! use std::path::Path;
//! use symphony_ecs_core::ports::JournalPort as _;
//! use symphony_systems::journal::{Journal, Meta};
//!
//! let dir = Path::new(".symphony/runs/r0123");
//! let meta = Meta::from([("melody".to_owned(), b"[node.a]".to_vec())]);
//! let mut writer = Journal::create(dir, &meta)?;
//! writer.append(1, b"frame".to_vec())?;
//! writer.close()?;
//!
//! let opened = Journal::open(dir)?;
//! assert_eq!(opened.frames, [(1, b"frame".to_vec())]);
//! # Ok::<(), symphony_ecs_core::ports::JournalError>(())
//! ```

mod commands;
mod committed;
mod lock;
mod memory;
mod queue;
mod read;
mod schema;
mod seal;
#[cfg(test)]
mod tests;
mod wal;
mod writer;

pub use commands::{Command, append_command};
pub use memory::MemoryJournal;
pub use read::{Reader, Record, read};
pub use schema::FORMAT;
pub use writer::Writer;

use lock::RunLock;
use schema::Chain;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use symphony_ecs_core::ports::JournalError;

/// The database's name within the run's folder.
const DB: &str = "journal.db";

/// What is written at a run's birth and never again: melody, inputs, seed, options, by name.
pub type Meta = BTreeMap<String, Vec<u8>>;

/// For which purpose a database is opened.
#[derive(Clone, Copy, Debug)]
enum Role {
    Write,
    Read,
}

/// Opens and creates journals. A name for the functions that give a [`Writer`].
#[derive(Debug)]
pub struct Journal;

/// A run that was opened to be played on.
#[derive(Debug)]
pub struct Opened {
    /// Goes on where the journal ends; holds the run's lock.
    pub journal: Writer,
    /// What was written at the run's birth.
    pub meta: Meta,
    /// The newest intact checkpoint: the state after this frame.
    pub checkpoint: Option<(u64, Vec<u8>)>,
    /// Every frame after the checkpoint (all of them if there is none), in order.
    pub frames: Vec<(u64, Vec<u8>)>,
    /// Commands that nobody has taken yet, oldest first.
    pub commands: Vec<Command>,
    /// What was not as it should be and did no harm, such as a damaged checkpoint that an older one replaces.
    pub warnings: Vec<String>,
}

impl Journal {
    /// Begins a journal in `dir`, which is made if it is missing, and takes the run's lock.
    ///
    /// The file appears under its name only when it is complete and on the disk, so a journal that exists can be
    /// opened.
    ///
    /// # Errors
    /// [`JournalError::Io`] if there is a journal already or the disk says no; [`JournalError::Locked`] if another
    /// process is at work there.
    pub fn create(dir: &Path, meta: &Meta) -> Result<Writer, JournalError> {
        make_dir(dir)?;
        let lock = RunLock::take(dir)?;
        let path = dir.join(DB);
        if path.exists() {
            let message = "this run has begun already; resume it, or begin another".to_owned();
            return Err(JournalError::Io { path: path.display().to_string(), message });
        }
        // What a killed creation left behind.
        let new = dir.join("journal.new");
        for name in ["journal.new", "journal.new-wal", "journal.new-shm", "journal.new-journal"] {
            match fs::remove_file(dir.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error(&new, &error)),
                _ => {}
            }
        }
        schema::write_new(&new, meta).map_err(|error| schema::sql_error(&new, &error))?;
        File::open(&new).and_then(|file| file.sync_all()).map_err(|error| io_error(&new, &error))?;
        fs::rename(&new, &path).map_err(|error| io_error(&path, &error))?;
        sync_dir(dir)?;
        let db = schema::connect(dir, Role::Write)?;
        let head = schema::head(&db, &path, Chain::Frames)?;
        Writer::start(path, db, lock, head)
    }

    /// Opens the journal in `dir` to play the run on, and takes the run's lock.
    ///
    /// Everything that is returned is verified against its seals. Frames before the checkpoint are not read, so
    /// opening costs what happened since then.
    ///
    /// # Errors
    /// [`JournalError::Locked`] if another process plays the run, [`JournalError::Newer`] if a newer program wrote
    /// it, [`JournalError::Damaged`] if it does not read back as it was written ([`read`] still gives what is
    /// intact), [`JournalError::Io`] if the disk says no.
    pub fn open(dir: &Path) -> Result<Opened, JournalError> {
        let path = dir.join(DB);
        fs::metadata(&path).map_err(|error| io_error(&path, &error))?;
        let lock = RunLock::take(dir)?;
        wal::check(dir)?;
        let db = schema::connect(dir, Role::Write)?;
        // A torn transaction that a crash left behind the end of the WAL must not be taken for a lost one later.
        schema::empty_wal(&db).map_err(|error| schema::sql_error(&path, &error))?;
        let mut reader = Reader::over(db, path.clone())?;
        let mut warnings = Vec::new();
        let checkpoint = reader.newest_checkpoint(&mut warnings)?;
        let mut frames = Vec::new();
        reader.frames_after(checkpoint.as_ref().map(|(frame, _)| *frame), |frame, blob| {
            frames.push((frame, blob.to_vec()));
        })?;
        let commands = reader.commands()?.into_iter().filter(|command| !command.taken).collect();
        let meta = reader.meta().clone();
        let db = reader.into_connection();
        let head = schema::head(&db, &path, Chain::Frames)?;
        let journal = Writer::start(path, db, lock, head)?;
        Ok(Opened { journal, meta, checkpoint, frames, commands, warnings })
    }
}

/// The process that plays the run in `dir`: `None` if nobody does, 0 if its pid is not known.
pub fn owner(dir: &Path) -> Option<u32> {
    RunLock::owner(dir)
}

/// How long ago something was written to the journal in `dir`; nothing if that cannot be told.
pub fn since_last_write(dir: &Path) -> std::time::Duration {
    let written = |name: &str| fs::metadata(dir.join(name)).and_then(|file| file.modified()).ok();
    let last = [DB, wal::NAME].into_iter().filter_map(written).max();
    last.and_then(|last| last.elapsed().ok()).unwrap_or_default()
}

/// Makes a folder and every missing one above it, each entry synced to the disk.
fn make_dir(dir: &Path) -> Result<(), JournalError> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if parent != dir {
        make_dir(parent)?;
    }
    match fs::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(io_error(dir, &error)),
        _ => sync_dir(parent),
    }
}

fn sync_dir(dir: &Path) -> Result<(), JournalError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| io_error(dir, &error))
}

/// An error of the file system, with the cure.
fn io_error(path: &Path, error: &io::Error) -> JournalError {
    let cure = match error.kind() {
        io::ErrorKind::NotFound => {
            "; there is no journal here: the run was never begun, or it lies elsewhere (--state)"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; make the folder writable or choose another with --state"
        }
        io::ErrorKind::StorageFull => "; make room, then try again",
        _ => "",
    };
    JournalError::Io { path: path.display().to_string(), message: format!("{error}{cure}") }
}
