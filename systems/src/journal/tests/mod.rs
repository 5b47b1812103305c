//! Tests of the journal as a whole: what it keeps, what it refuses, and what a crash or a broken disk leaves.

mod crash;
mod damage;
mod disk;
mod keeps;
mod measure;

use super::{Journal, Meta, Writer};
use std::path::Path;
use std::time::Duration;
use symphony_ecs_core::ports::{JournalError, JournalPort as _};

/// Environment variable that names the role of a re-executed test binary.
const ROLE: &str = "SYMPHONY_JOURNAL_TEST_ROLE";
/// Environment variable that names the folder it plays in.
const DIR: &str = "SYMPHONY_JOURNAL_TEST_DIR";

/// A folder in memory where there is one: what these tests ask does not depend on the disk, and it is much faster.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn meta() -> Meta {
    Meta::from([("melody".to_owned(), b"[node.a]".to_vec()), ("seed".to_owned(), vec![7; 8])])
}

/// The blob of a frame in these tests: its length and content follow from its number.
fn blob(frame: u64) -> Vec<u8> {
    let len = (frame * 7919 % 1500) as usize;
    (0..len).map(|at| (frame as usize * 31 + at) as u8).collect()
}

fn blobs(frames: impl IntoIterator<Item = u64>) -> Vec<(u64, Vec<u8>)> {
    frames.into_iter().map(|frame| (frame, blob(frame))).collect()
}

/// Appends frames of these tests.
fn append(journal: &mut Writer, frames: impl IntoIterator<Item = u64>) {
    for frame in frames {
        journal.append(frame, blob(frame)).unwrap();
    }
}

/// Waits until a frame is committed.
fn wait_for(journal: &Writer, frame: u64) {
    loop {
        match journal.committed().recv_timeout(Duration::from_secs(60)) {
            Ok(Ok(done)) if done >= frame => return,
            Ok(Ok(_)) => {}
            other => panic!("frame {frame} was not committed: {other:?}"),
        }
    }
}

/// A journal with frames 1 to `frames` that was closed cleanly.
fn closed(dir: &Path, frames: u64) {
    let mut journal = Journal::create(dir, &meta()).unwrap();
    append(&mut journal, 1..=frames);
    journal.close().unwrap();
}

/// This test binary again, to play one test as another process.
fn child(test: &str, role: &str, dir: &Path) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("journal::tests::{test}"), "--nocapture", "--test-threads=1"]);
    command.env(ROLE, role).env(DIR, dir);
    command
}

/// The folder that this process was started for, if it is a child in `role`.
fn playing(role: &str) -> Option<std::path::PathBuf> {
    (std::env::var(ROLE).ok()? == role).then(|| std::env::var_os(DIR).map(Into::into))?
}

fn is_damaged(error: &JournalError) -> bool {
    matches!(error, JournalError::Damaged { .. })
}
