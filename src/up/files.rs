//! Files: changes below watched folders, told once they have settled.
//!
//! A folder is watched from the first part of a pattern that is not plain: of `src/**/*.rs` that is `src`. What the
//! program itself writes into its state folder starts nothing.

use super::News;
use crate::failure::Failure;
use crate::state::State;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;
use symphony_systems::triggers::{Armed, Event};

/// Changes within this time of each other are told together: editors write in several steps.
const SETTLE: Duration = Duration::from_millis(100);

/// Changes that may wait.
const WAITING: usize = 1 << 16;

/// Watches the files for which melodies wait. Watching ends when this is dropped.
pub fn watch(state: &State, armed: &[Armed], news: Sender<News>) -> Result<Option<RecommendedWatcher>, Failure> {
    let folders = folders(armed);
    if folders.is_empty() {
        return Ok(None);
    }
    let own = std::fs::canonicalize(state.root()).unwrap_or_else(|_| state.root().to_path_buf());
    let (changes_in, changes) = bounded(WAITING);
    let tell = move |event: notify::Result<notify::Event>| match event {
        Ok(event) if is_change(event.kind) => {
            // When more changes than can wait come at once, the settling below has been told of many already.
            event.paths.into_iter().for_each(|path| drop(changes_in.try_send(path)));
        }
        Ok(_) => {}
        Err(error) => eprintln!("warning: files: {error}"),
    };
    let mut watcher = notify::recommended_watcher(tell)
        .map_err(|error| Failure::state(format!("files cannot be watched: {error}")))?;
    for (folder, mode) in folders {
        watcher.watch(&folder, mode).map_err(|error| {
            Failure::state(format!("{} cannot be watched: {error}", folder.display())).help(
                "make the folder that the melody's `event` names; if there are too many folders, raise \
                 fs.inotify.max_user_watches or name a narrower pattern",
            )
        })?;
    }
    let settle = move || settle(&changes, &own, &news);
    std::thread::Builder::new().name("files".to_owned()).spawn(settle).map_err(Failure::state)?;
    Ok(Some(watcher))
}

/// Gathers changes until nothing has changed for a while, then tells each path once.
fn settle(changes: &Receiver<PathBuf>, own: &Path, news: &Sender<News>) {
    let mut gathered: BTreeSet<PathBuf> = BTreeSet::new();
    loop {
        let change = match gathered.is_empty() {
            true => changes.recv().map_err(|_| RecvTimeoutError::Disconnected),
            false => changes.recv_timeout(SETTLE),
        };
        match change {
            Ok(path) if path.starts_with(own) || path.is_dir() => {}
            Ok(path) => drop(gathered.insert(path)),
            Err(RecvTimeoutError::Timeout) => {
                for path in std::mem::take(&mut gathered) {
                    if news.send(News::Happened(Event::File(path), None)).is_err() {
                        return;
                    }
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// A file is new, was written, or took a name. Reading and removing are no changes to start from.
fn is_change(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Access(AccessKind::Close(AccessMode::Write)) | EventKind::Modify(ModifyKind::Name(RenameMode::To))
    )
}

/// Folders to watch, and whether with all below them.
fn folders(armed: &[Armed]) -> BTreeMap<PathBuf, RecursiveMode> {
    let mut folders: BTreeMap<PathBuf, RecursiveMode> = BTreeMap::new();
    for melody in armed {
        for pattern in melody.on.events.iter().filter_map(|event| event.file.as_deref()) {
            let (folder, deep) = folder_of(pattern);
            let mode = if deep { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            let kept = folders.entry(melody.folder.join(folder)).or_insert(mode);
            if deep {
                *kept = mode;
            }
        }
    }
    folders
}

/// The plain beginning of a pattern, and whether it reaches into folders below it.
fn folder_of(pattern: &str) -> (PathBuf, bool) {
    let parts: Vec<&str> = pattern.trim_start_matches("./").split('/').collect();
    let names = parts.len().saturating_sub(1);
    let plain = parts.iter().take(names).take_while(|part| !part.contains(['*', '?', '[', '{', '\\'])).count();
    (parts.iter().take(plain).collect(), plain < names || parts.last().is_some_and(|last| last.contains("**")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_watched_from_where_patterns_begin() {
        let of = |pattern| {
            let (folder, deep) = folder_of(pattern);
            (folder.to_string_lossy().into_owned(), deep)
        };
        assert_eq!(of("src/**/*.rs"), ("src".into(), true));
        assert_eq!(of("inbox/*.csv"), ("inbox".into(), false));
        assert_eq!(of("./a/b/c.txt"), ("a/b".into(), false));
        assert_eq!(of("*.md"), (String::new(), false));
        assert_eq!(of("**"), (String::new(), true));
        assert_eq!(of("{a,b}/x"), (String::new(), true));
    }
}
