//! What pools have learned, on the disk: `.symphony/pit/pool.json`, read when a run with players out of the process
//! begins, added to when it is over.
//!
//! It is a memory and never a record: one that is damaged or newer is told of and left alone, and the run begins
//! with nothing learned. Processes that end at the same time add to it one after the other, under a lock.

use crate::failure::Failure;
use crate::opening::Opened;
use crate::state::State;
use crate::whole::{Over, write_all};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::PathBuf;
use symphony_pit::pool::{Budgets, History, Learned};
use symphony_systems::pools::PoolSettings;

/// Bytes that are read at most.
const LARGEST: u64 = 64 << 20;
/// Memory for players that are kept warm, where the machine does not say what it has.
const SOME_MEMORY: u64 = 1 << 30;

/// Where it lies.
pub fn path(state: &State) -> PathBuf {
    state.root().join("pit").join("pool.json")
}

/// What was learned; `None` with the reason when there is something that cannot be used.
pub fn read(state: &State) -> Result<History, Failure> {
    let path = path(state);
    let mut text = String::new();
    match File::open(&path) {
        Ok(file) => {
            let read = file.take(LARGEST).read_to_string(&mut text);
            read.map_err(|error| Failure::state_io(&path, &error))?;
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(History::default()),
        Err(error) => return Err(Failure::state_io(&path, &error)),
    }
    History::from_text(&text).map_err(|error| {
        Failure::state(format!("{}: {error}", path.display()))
            .help("`symphony pit pool forget --all` begins anew; a newer symphony may read it")
    })
}

/// How pools are kept while a melody plays; `None` if it calls nobody out of the process.
pub fn settings(state: &State, opened: &Opened) -> Option<PoolSettings> {
    let mut players =
        opened.checked.melodies.iter().flat_map(|melody| melody.nodes.iter()).flat_map(|node| &node.players);
    if players.all(|operation| operation.in_process) {
        return None;
    }
    let history = read(state).unwrap_or_else(|failure| {
        eprintln!("{}", failure.to_string().replacen("error:", "warning:", 1));
        History::default()
    });
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Some(PoolSettings {
        history,
        day_seconds: since_epoch.as_secs() % 86_400,
        budgets: Budgets { memory: spare_memory(), ..Budgets::default() },
        ..PoolSettings::default()
    })
}

/// A quarter of what the machine has free now.
fn spare_memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.map_or(SOME_MEMORY, |kib| kib * 1024 / 4)
}

/// Adds what was learned. A failure is said and harms nothing.
pub fn keep(state: &State, learned: Option<Learned>) {
    let Some(learned) = learned else { return };
    let kept = change(state, |history| {
        history.absorb(&learned);
        true
    });
    if let Err(failure) = kept {
        eprintln!("{}", failure.to_string().replacen("error:", "warning: what was learned is not kept:", 1));
    }
}

/// Changes what is there, alone; writes it if `edit` says so.
pub fn change(state: &State, edit: impl FnOnce(&mut History) -> bool) -> Result<bool, Failure> {
    let _lock = lock(state)?;
    let mut history = read(state)?;
    let changed = edit(&mut history);
    if changed {
        write_all(&[(path(state), history.to_text())], Over::Write)?;
    }
    Ok(changed)
}

/// Begins anew, whatever is there; says whether there was anything.
pub fn clear(state: &State) -> Result<bool, Failure> {
    let path = path(state);
    let _lock = lock(state)?;
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure::state_io(&path, &error)),
    }
}

/// Held until the file is closed.
fn lock(state: &State) -> Result<File, Failure> {
    state.make()?;
    let path = path(state).with_extension("lock");
    let failed = |error: std::io::Error| Failure::state_io(&path, &error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    flock(&file, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
    Ok(file)
}
