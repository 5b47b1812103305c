//! Playing again whenever a file changes: what `play --watch` waits for.
//!
//! The kernel tells of changes (inotify); nothing is polled. Folders are watched rather than files, because editors
//! replace files instead of writing into them.

use crate::exit::Exit;
use crate::failure::Failure;
use rustix::fs::inotify;
use std::collections::BTreeSet;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Changes within this time of each other count as one: editors write in several steps.
const SETTLE: Duration = Duration::from_millis(120);

/// Plays, waits for a change of the melody or of a file that the last playing read, and plays again. Ends when a
/// playing was interrupted.
pub fn forever(
    melody: &Path,
    mut play: impl FnMut() -> Result<(Exit, Vec<PathBuf>), Failure>,
) -> Result<Exit, Failure> {
    let mut files = vec![melody.to_path_buf()];
    loop {
        // Watching begins before playing, so a change while it plays is not missed.
        let watch = Watch::of(&files)?;
        let (exit, read) = play()?;
        if exit == Exit::Interrupted {
            return Ok(exit);
        }
        if !read.is_empty() && read.iter().any(|file| !files.contains(file)) {
            files.extend(read);
            files.sort();
            files.dedup();
            eprintln!("watching {} files; Ctrl-C ends", files.len());
            Watch::of(&files)?.wait()?;
        } else {
            eprintln!("watching; Ctrl-C ends");
            watch.wait()?;
        }
    }
}

/// Folders that are watched and the names within them that count.
struct Watch {
    handle: rustix::fd::OwnedFd,
    names: BTreeSet<std::ffi::OsString>,
}

impl Watch {
    fn of(files: &[PathBuf]) -> Result<Self, Failure> {
        let failed = |path: &Path, error: rustix::io::Errno| {
            Failure::state(format!("{} cannot be watched: {error}", path.display()))
        };
        let handle =
            inotify::init(inotify::CreateFlags::CLOEXEC).map_err(|error| failed(Path::new("a file"), error))?;
        let mut names = BTreeSet::new();
        let mut folders = BTreeSet::new();
        for file in files {
            names.extend(file.file_name().map(std::ffi::OsStr::to_owned));
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            folders.insert(folder.to_path_buf());
        }
        let flags = inotify::WatchFlags::CLOSE_WRITE | inotify::WatchFlags::MOVED_TO | inotify::WatchFlags::CREATE;
        for folder in folders {
            inotify::add_watch(&handle, &folder, flags).map_err(|error| failed(&folder, error))?;
        }
        Ok(Self { handle, names })
    }

    /// Sleeps until one of the files changes.
    fn wait(self) -> Result<(), Failure> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.handle, &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                // Ctrl-C while nothing plays ends the program by the default handler's means.
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(Failure::state(format!("waiting for changes: {error}"))),
            };
            let name = event.file_name().map(|name| std::ffi::OsString::from(name.to_string_lossy().into_owned()));
            if name.is_some_and(|name| self.names.contains(&name)) {
                std::thread::sleep(SETTLE);
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_change_of_a_named_file_wakes_and_others_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.melody.toml");
        std::fs::write(&file, "1").unwrap();
        let watch = Watch::of(std::slice::from_ref(&file)).unwrap();
        let (woken, wakes) = mpsc::channel();
        std::thread::spawn(move || woken.send(watch.wait().is_ok()));
        std::fs::write(folder.path().join("other"), "x").unwrap();
        assert!(wakes.recv_timeout(Duration::from_millis(300)).is_err());
        // As editors do: a new file takes the old one's name.
        std::fs::write(folder.path().join("a.tmp"), "2").unwrap();
        std::fs::rename(folder.path().join("a.tmp"), &file).unwrap();
        assert!(wakes.recv_timeout(Duration::from_secs(10)).unwrap());
    }
}
