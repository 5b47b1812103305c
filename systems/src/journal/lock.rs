//! The lock of a run: a file that one process at a time holds, so that a run has one owner.
//!
//! It is a kernel lock (`flock`) on `lock` in the run's folder, not the file's existence: when its owner dies, by
//! whatever means, the kernel lets go of it. The owner's pid stands inside, only for the message.

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use symphony_ecs_core::ports::JournalError;

/// Ownership of a run; let go on drop.
#[derive(Debug)]
pub(super) struct RunLock {
    file: File,
}

impl RunLock {
    /// Takes the lock of the run in `dir`, or says who holds it.
    pub fn take(dir: &Path) -> Result<Self, JournalError> {
        let path = dir.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| super::io_error(&path, &error))?;
        let mut tries = 0;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::INTR) => {}
                // Whoever looks for the owner, or leaves a command, holds the lock for an instant: look again.
                Err(Errno::WOULDBLOCK) if tries < 20 => {
                    tries += 1;
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(Errno::WOULDBLOCK) => return Err(locked(path, &mut file)),
                Err(errno) => return Err(super::io_error(&path, &errno.into())),
            }
        }
        // The pid is a courtesy to whoever comes second; a disk without room for it does not matter.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { file })
    }

    /// The process that holds the lock of the run in `dir`: `None` if nobody does, 0 if it has left no pid.
    pub fn owner(dir: &Path) -> Option<u32> {
        let mut file = File::open(dir.join("lock")).ok()?;
        // A shared lock is taken and dropped with the file; it keeps an owner out for an instant only.
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Err(Errno::WOULDBLOCK) => Some(pid(&mut file)),
            _ => None,
        }
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

fn locked(path: PathBuf, file: &mut File) -> JournalError {
    JournalError::Locked { path: path.display().to_string(), pid: pid(file) }
}

fn pid(file: &mut File) -> u32 {
    let mut text = String::new();
    let _ = file.rewind().and_then(|()| Read::take(file, 32).read_to_string(&mut text).map(drop));
    text.trim().parse().unwrap_or(0)
}
