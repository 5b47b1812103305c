//! A disk that fails, and folders that cannot be written.

use super::super::{Journal, read};
use super::*;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;

/// The child: its files cannot grow beyond a limit that was set outside; prints what it was told.
#[test]
fn child_writes_until_the_disk_is_full() {
    let Some(dir) = playing("full") else { return };
    let mut journal = Journal::create(&dir, &meta()).unwrap();
    let (mut committed, mut told) = (0, Vec::new());
    let failure = loop {
        let frame = journal.last().unwrap_or(0) + 1;
        let appended = journal.append(frame, blob(frame));
        // Small transactions, so that some fit before the disk is full.
        let wait = if frame.is_multiple_of(8) { Duration::from_secs(60) } else { Duration::ZERO };
        let first = journal.committed().recv_timeout(wait).ok();
        for word in first.into_iter().chain(journal.committed().try_iter()) {
            match word {
                Ok(frame) => committed = frame,
                Err(error) => told.push(error),
            }
        }
        if let Err(error) = appended {
            break error;
        }
    };
    assert_eq!(told, std::slice::from_ref(&failure));
    assert!(journal.committed().is_empty());
    let next = journal.last().unwrap_or(0) + 1;
    assert_eq!(journal.append(next, vec![]), Err(failure.clone()));
    assert_eq!(journal.checkpoint(1, vec![]), Err(failure.clone()));
    assert_eq!(journal.close(), Err(failure.clone()));
    println!("committed {committed}\n{failure}");
}

#[test]
fn a_full_disk_is_told_once_and_nothing_committed_is_lost() {
    // A limit on the size of files is a disk that fills up as far as SQLite can see: writes fall short, then fail.
    for limit in [150, 151, 260, 700] {
        let dir = tempfile::tempdir().unwrap();
        let child = child("disk::child_writes_until_the_disk_is_full", "full", dir.path());
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {limit}; exec \"$@\""), "sh"]);
        shell.arg(child.get_program()).args(child.get_args());
        shell.env(ROLE, "full").env(DIR, dir.path());
        let output = shell.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let (_, committed) = text.split_once("committed ").unwrap();
        let committed = committed.lines().next().unwrap().parse().unwrap();
        assert!(text.contains("journal.db: the disk"), "{text}");
        let record = read(dir.path()).unwrap();
        assert!(record.damage.is_empty(), "{:?}", record.damage);
        assert!(record.frames.len() as u64 >= committed && committed > 0, "limit {limit}: {text}");
        let mut journal = Journal::open(dir.path()).unwrap().journal;
        let next = journal.last().unwrap() + 1;
        append(&mut journal, [next]);
        journal.close().unwrap();
    }
}

/// Who may not write, also when the tests are played by root.
const NOBODY: u32 = 65_534;

/// The child, as a person who may read the folder and not write it.
#[test]
fn child_reads_without_leave_to_write() {
    let Some(dir) = playing("read") else { return };
    let record = read(&dir).unwrap();
    assert!(record.damage.is_empty(), "{:?}", record.damage);
    assert_eq!(record.frames, blobs(1..=10));
    let error = Journal::open(&dir).unwrap_err();
    assert!(error.to_string().contains("make the folder writable"), "{error}");
    let error = Journal::create(&dir.join("new"), &meta()).unwrap_err();
    assert!(error.to_string().contains("make the folder writable"), "{error}");
    println!("read all");
}

fn read_as_nobody(dir: &Path) {
    // The test binary may lie where nobody may look: bring it along.
    let exe = dir.join("exe");
    std::fs::copy(std::env::current_exe().unwrap(), &exe).unwrap();
    let run = dir.join("run");
    for (path, mode) in [(dir, 0o755), (&run, 0o555), (&exe, 0o755)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    for name in ["journal.db", "journal.db-wal", "lock"] {
        let _ = std::fs::set_permissions(run.join(name), std::fs::Permissions::from_mode(0o444));
    }
    let template = child("disk::child_reads_without_leave_to_write", "read", &run);
    let mut command = std::process::Command::new(&exe);
    command.args(template.get_args()).env(ROLE, "read").env(DIR, &run).current_dir(dir);
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().unwrap();
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o755)).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("read all"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_read_only_folder_is_read_and_not_written() {
    let dir = tempfile::tempdir().unwrap();
    closed(&dir.path().join("run"), 10);
    read_as_nobody(dir.path());
}

#[test]
fn a_read_only_folder_with_a_log_is_read_too() {
    let dir = tempfile::tempdir().unwrap();
    let (_killed, db, wal) = crash::killed(10);
    let run = dir.path().join("run");
    std::fs::create_dir(&run).unwrap();
    crash::lay(&run, &db, &wal);
    std::fs::write(run.join("lock"), "").unwrap();
    read_as_nobody(dir.path());
}
