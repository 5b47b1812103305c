//! Kill -9 and torn logs: everything acknowledged is there, in order, and nothing that was never appended.

use super::super::{Journal, read};
use super::*;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

const ROUNDS: u64 = 50;

/// The child: appends for ever, with a checkpoint now and then, and prints every number that is committed.
#[test]
fn child_appends_until_it_is_killed() {
    let Some(dir) = playing("append") else { return };
    let mut journal = match Journal::open(&dir) {
        Ok(opened) => opened.journal,
        Err(_) => Journal::create(&dir, &meta()).unwrap(),
    };
    let mut out = std::io::stdout();
    for frame in journal.last().unwrap_or(0) + 1.. {
        append(&mut journal, [frame]);
        if frame % 97 == 0 {
            journal.checkpoint(frame, blob(frame)).unwrap();
        }
        // In bursts, so that the run does not grow faster than the parent can read it.
        let wait = if frame.is_multiple_of(12) { Duration::from_secs(60) } else { Duration::ZERO };
        if let Ok(committed) = journal.committed().recv_timeout(wait) {
            writeln!(out, "committed {}", committed.unwrap()).unwrap();
        }
    }
}

#[test]
fn a_killed_writer_loses_nothing_it_acknowledged() {
    let dir = folder();
    let run = dir.path().join("run");
    let (mut known, mut kills) = (0, 0);
    for round in 0..ROUNDS {
        let mut child =
            child("crash::child_appends_until_it_is_killed", "append", &run).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Killed at another distance each time; in some rounds before it has committed anything.
        for _ in 0..round * 3 % 20 {
            let line = lines.next().unwrap().unwrap();
            known = line.strip_prefix("committed ").map_or(known, |number| number.parse().unwrap());
        }
        std::thread::sleep(Duration::from_millis(round % 7));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it printed before it died counts as well.
        for line in lines.map_while(Result::ok) {
            known = line.strip_prefix("committed ").and_then(|number| number.parse().ok()).unwrap_or(known);
        }
        match read(&run) {
            Ok(record) => {
                assert!(record.damage.is_empty(), "round {round}: {:?}", record.damage);
                let last = record.frames.len() as u64;
                assert!(last >= known, "round {round}: {known} was acknowledged, {last} are there");
                assert_eq!(record.frames, blobs(1..=last), "round {round}");
                assert_eq!(record.meta, meta());
                known = last;
                kills += 1;
            }
            Err(error) => assert!(known == 0, "round {round}: {error}"),
        }
    }
    assert!(kills > ROUNDS / 2 && known > 0, "{kills} kills hit a writing child, {known} frames");
    let opened = Journal::open(&run).unwrap();
    let checkpoint = opened.checkpoint.map_or(0, |(frame, state)| {
        assert_eq!(state, blob(frame));
        frame
    });
    assert_eq!(opened.frames, blobs(checkpoint + 1..=known));
    assert!(opened.warnings.is_empty());
}

/// A run whose writer was killed, so that its frames lie in the log: (folder, frames, bytes of the log).
pub(super) fn killed(frames: u64) -> (tempfile::TempDir, Vec<u8>, Vec<u8>) {
    let dir = folder();
    let mut journal = Journal::create(dir.path(), &meta()).unwrap();
    for frame in 1..=frames {
        append(&mut journal, [frame]);
        // One transaction per frame.
        wait_for(&journal, frame);
    }
    let db = std::fs::read(dir.path().join("journal.db")).unwrap();
    let wal = std::fs::read(dir.path().join("journal.db-wal")).unwrap();
    drop(journal);
    let dir = folder();
    lay(dir.path(), &db, &wal);
    (dir, db, wal)
}

/// Puts the files of a killed run into a folder.
pub(super) fn lay(dir: &Path, db: &[u8], wal: &[u8]) {
    for name in ["journal.db-shm", "journal.db-wal", "journal.db"] {
        let _ = std::fs::remove_file(dir.join(name));
    }
    std::fs::write(dir.join("journal.db"), db).unwrap();
    std::fs::write(dir.join("journal.db-wal"), wal).unwrap();
}

#[test]
fn a_log_cut_anywhere_gives_a_prefix() {
    let (dir, db, wal) = killed(12);
    let all = blobs(1..=12);
    let mut lengths = std::collections::BTreeSet::new();
    // Every byte of the end, where a power cut tears, and steps of an odd size before it.
    let cuts = (0..wal.len()).step_by(251).chain(wal.len().saturating_sub(300)..=wal.len());
    for cut in cuts {
        lay(dir.path(), &db, &wal[..cut]);
        let opened = Journal::open(dir.path()).unwrap();
        assert!(all.starts_with(&opened.frames), "cut at {cut}");
        lengths.insert(opened.frames.len());
        drop(opened);
    }
    assert_eq!(lengths, (0..=12).collect(), "whole transactions only, and each can be the last");
}

#[test]
fn a_torn_end_does_not_stop_a_run_and_is_not_mistaken_later() {
    let (dir, db, wal) = killed(6);
    let mut torn = wal.clone();
    let place = wal.len() - 100;
    torn[place] ^= 1;
    lay(dir.path(), &db, &torn);
    let opened = Journal::open(dir.path()).unwrap();
    assert_eq!(opened.frames, blobs(1..=5));
    let mut journal = opened.journal;
    append(&mut journal, 6..=9);
    journal.close().unwrap();
    assert_eq!(read(dir.path()).unwrap().frames, blobs(1..=9));
}
