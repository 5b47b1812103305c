//! What playing has taught, on the disk: `.symphony/pit/dag.json`, whole or not at all, for all runs of a state folder.
//!
//! It is a memory and never a record: a file that is damaged or newer is warned of and left out, and a run that could not
//! add to it has still played.

use crate::state::State;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use symphony_pit::dag::{BadLore, Lore};

fn file(state: &State) -> PathBuf {
    state.root().join("pit").join("dag.json")
}

/// What is known; nothing, with a warning on standard error, if it cannot be read.
pub fn known(state: &State) -> Lore {
    let path = file(state);
    match read(&path) {
        Ok(Ok(lore)) => lore,
        Ok(Err(bad)) => {
            eprintln!(
                "warning: {}: {bad}; going on without what was learned (remove the file to start over)",
                path.display()
            );
            Lore::default()
        }
        Err(error) => {
            eprintln!("warning: {}: {error}; going on without what was learned", path.display());
            Lore::default()
        }
    }
}

fn read(path: &Path) -> io::Result<Result<Lore, BadLore>> {
    match fs::read(path) {
        Ok(bytes) => Ok(match std::str::from_utf8(&bytes) {
            Ok(text) => Lore::from_json(text),
            Err(error) => Err(BadLore::Damaged(error.to_string())),
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Ok(Lore::default())),
        Err(error) => Err(error),
    }
}

/// Adds what a run has taught. Runs that end together wait for each other.
pub fn add(state: &State, lesson: &Lore) {
    if lesson.kinds().all(|(_, kind)| kind.finished + kind.faults + kind.failed == 0) {
        return;
    }
    let path = file(state);
    if let Err(error) = try_add(&path, lesson) {
        eprintln!("warning: {}: {error}; what this run has taught is not kept", path.display());
    }
}

fn try_add(path: &Path, lesson: &Lore) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let lock = File::options().create(true).truncate(false).write(true).open(path.with_extension("lock"))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    let mut lore = match read(path)? {
        Ok(lore) => lore,
        // Another program of ours knows more than this one: it is not ours to write over.
        Err(bad @ BadLore::Newer(_)) => return Err(io::Error::other(bad)),
        Err(BadLore::Damaged(_)) => Lore::default(),
    };
    lore.merge(lesson);
    let beside = path.with_extension(format!("{}.part", std::process::id()));
    let mut out = File::create(&beside)?;
    // Not worth a wait for the disk: what a power cut spoils is warned of, and learned again.
    let written = out.write_all(lore.to_json().as_bytes());
    let placed = written.and_then(|()| fs::rename(&beside, path));
    if placed.is_err() {
        let _ = fs::remove_file(&beside);
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;
    use symphony_pit::dag::KindName;

    fn lesson() -> Lore {
        let mut lore = Lore::default();
        let kind = lore.number(KindName { melody: "m".into(), plays: "p".into() });
        lore.finished(kind, 1_000_000, 2);
        lore
    }

    fn finished(state: &State) -> u64 {
        known(state).kinds().map(|(_, kind)| kind.finished).sum()
    }

    #[test]
    fn lessons_add_up_and_bad_files_are_no_failure() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::locate(Some(folder.path())).unwrap();
        assert_eq!(finished(&state), 0);
        add(&state, &Lore::default());
        assert!(!file(&state).exists(), "nothing was taught");
        let lessons: Vec<_> = (0..4).map(|_| (state.clone(), lesson())).collect();
        std::thread::scope(|scope| lessons.iter().for_each(|(state, lesson)| _ = scope.spawn(|| add(state, lesson))));
        assert_eq!(finished(&state), 8);
        fs::write(file(&state), "{").unwrap();
        assert_eq!(finished(&state), 0);
        add(&state, &lesson());
        assert_eq!(finished(&state), 2, "it starts over");
        let newer = fs::read_to_string(file(&state)).unwrap().replace("\"version\":1", "\"version\":9");
        fs::write(file(&state), &newer).unwrap();
        add(&state, &lesson());
        assert_eq!(fs::read_to_string(file(&state)).unwrap(), newer, "a newer file stays as it is");
        let left: Vec<_> = fs::read_dir(folder.path().join("pit")).unwrap().collect();
        assert_eq!(left.len(), 2, "the file and its lock: {left:?}");
    }
}
