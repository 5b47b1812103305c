//! What was committed is there again, in order.

use super::super::{Command, Journal, append_command, owner, read};
use super::*;

#[test]
fn everything_comes_back_in_order() {
    let dir = folder();
    let run = dir.path().join("runs/r1");
    closed(&run, 300);
    let opened = Journal::open(&run).unwrap();
    assert_eq!(opened.meta, meta());
    assert_eq!(opened.frames, blobs(1..=300));
    assert_eq!((opened.checkpoint, opened.warnings), (None, vec![]));
    let mut journal = opened.journal;
    assert_eq!(journal.last(), Some(300));
    append(&mut journal, 301..=310);
    wait_for(&journal, 310);
    journal.close().unwrap();
    assert_eq!(read(&run).unwrap().frames, blobs(1..=310));
}

#[test]
fn a_clean_close_leaves_one_file_and_an_empty_lock() {
    let dir = folder();
    closed(dir.path(), 20);
    let mut names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["journal.db", "lock"]);
    assert_eq!(std::fs::metadata(dir.path().join("lock")).unwrap().len(), 0);
}

#[test]
fn an_empty_run_opens() {
    let dir = folder();
    closed(dir.path(), 0);
    let opened = Journal::open(dir.path()).unwrap();
    assert!(opened.frames.is_empty());
    assert_eq!(opened.journal.last(), None);
}

#[test]
fn frames_may_start_anywhere_but_rise_by_one() {
    let dir = folder();
    let mut journal = Journal::create(dir.path(), &meta()).unwrap();
    append(&mut journal, 0..3);
    let error = journal.append(4, vec![]).unwrap_err();
    assert!(error.to_string().contains("frame 4 cannot follow frame 2"), "{error}");
    append(&mut journal, 3..5);
    journal.close().unwrap();
    assert_eq!(read(dir.path()).unwrap().frames, blobs(0..5));
}

#[test]
fn opening_reads_from_the_newest_checkpoint() {
    let dir = folder();
    let mut journal = Journal::create(dir.path(), &meta()).unwrap();
    journal.checkpoint(0, b"born".to_vec()).unwrap();
    for frame in 1..=40 {
        append(&mut journal, [frame]);
        if frame % 10 == 0 {
            journal.checkpoint(frame, frame.to_le_bytes().to_vec()).unwrap();
        }
    }
    // One that comes late, after frames that follow it.
    append(&mut journal, 41..=45);
    journal.checkpoint(43, b"late".to_vec()).unwrap();
    journal.close().unwrap();
    let opened = Journal::open(dir.path()).unwrap();
    assert_eq!(opened.checkpoint, Some((43, b"late".to_vec())));
    assert_eq!(opened.frames, blobs(44..=45));
    drop(opened);
    let db = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    let kept: i64 = db.query_row("SELECT count(*) FROM checkpoints", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 2);
}

#[test]
fn a_checkpoint_before_the_first_frame_opens() {
    let dir = folder();
    let mut journal = Journal::create(dir.path(), &meta()).unwrap();
    journal.checkpoint(0, b"born".to_vec()).unwrap();
    append(&mut journal, 1..=3);
    journal.close().unwrap();
    let opened = Journal::open(dir.path()).unwrap();
    assert_eq!(opened.checkpoint, Some((0, b"born".to_vec())));
    assert_eq!(opened.frames, blobs(1..=3));
}

#[test]
fn a_checkpoint_of_a_frame_that_never_was_stops_the_journal() {
    let dir = folder();
    let mut journal = Journal::create(dir.path(), &meta()).unwrap();
    append(&mut journal, 1..=3);
    journal.checkpoint(9, vec![]).unwrap();
    let error = journal.close().unwrap_err();
    assert!(error.to_string().contains("frame 9, which was never appended"), "{error}");
}

#[test]
fn a_second_owner_is_told_the_first() {
    let dir = folder();
    let journal = Journal::create(dir.path(), &meta()).unwrap();
    let pid = std::process::id();
    let path = dir.path().join("lock").display().to_string();
    assert_eq!(Journal::open(dir.path()).unwrap_err(), JournalError::Locked { path: path.clone(), pid });
    assert_eq!(append_command(dir.path(), "{}").unwrap_err(), JournalError::Locked { path, pid });
    assert_eq!(owner(dir.path()), Some(pid));
    drop(journal);
    assert_eq!(owner(dir.path()), None);
    Journal::open(dir.path()).unwrap();
}

#[test]
fn a_run_is_begun_once() {
    let dir = folder();
    closed(dir.path(), 1);
    let error = Journal::create(dir.path(), &meta()).unwrap_err();
    assert!(error.to_string().contains("has begun already"), "{error}");
}

#[test]
fn what_a_killed_creation_left_is_no_hindrance() {
    let dir = folder();
    std::fs::write(dir.path().join("journal.new"), b"half a journal").unwrap();
    std::fs::write(dir.path().join("journal.new-wal"), b"and its log").unwrap();
    let error = read(dir.path()).unwrap_err();
    assert!(error.to_string().contains("never begun"), "{error}");
    closed(dir.path(), 2);
    assert_eq!(read(dir.path()).unwrap().frames, blobs(1..=2));
}

#[test]
fn a_reader_sees_what_is_committed_while_the_owner_writes() {
    let dir = folder();
    let mut journal = Journal::create(dir.path(), &meta()).unwrap();
    let mut appended = 0;
    while appended < 3_000 {
        append(&mut journal, appended + 1..=appended + 100);
        appended += 100;
        wait_for(&journal, appended);
        let record = read(dir.path()).unwrap();
        assert!(record.damage.is_empty(), "{:?}", record.damage);
        assert_eq!(record.frames.len() as u64, appended);
    }
    journal.close().unwrap();
    assert_eq!(read(dir.path()).unwrap().frames, blobs(1..=3_000));
}

#[test]
fn commands_wait_until_a_frame_holds_their_effect() {
    let dir = folder();
    closed(dir.path(), 1);
    assert_eq!(append_command(dir.path(), r#"{"approve":"a"}"#), Ok(1));
    assert_eq!(append_command(dir.path(), r#"{"cancel":true}"#), Ok(2));
    let approve = Command { id: 1, json: r#"{"approve":"a"}"#.into(), taken: false };
    let cancel = Command { id: 2, json: r#"{"cancel":true}"#.into(), taken: false };
    let opened = Journal::open(dir.path()).unwrap();
    assert_eq!(opened.commands, [approve.clone(), cancel.clone()]);
    let mut journal = opened.journal;
    journal.taken(1).unwrap();
    append(&mut journal, [2]);
    // No frame follows this mark, so the command must come back.
    journal.taken(2).unwrap();
    journal.close().unwrap();
    assert_eq!(Journal::open(dir.path()).unwrap().commands, std::slice::from_ref(&cancel));
    assert_eq!(read(dir.path()).unwrap().commands, [Command { taken: true, ..approve }, cancel]);
}

#[test]
fn nobody_is_left_waiting_for_a_commit() {
    // The channel holds one word: the newest number overtakes the older ones and is never lost.
    let dir = folder();
    let mut journal = Journal::create(dir.path(), &meta()).unwrap();
    append(&mut journal, 1..=500);
    wait_for(&journal, 500);
    assert!(journal.committed().is_empty());
    assert!(journal.committed().try_recv() != Err(crossbeam_channel::TryRecvError::Disconnected));
}
