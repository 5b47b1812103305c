//! Flipped bits, missing rows, foreign and newer files: detected and named, or without any effect.

use super::super::{FORMAT, Journal, read};
use super::crash::{killed, lay};
use super::*;
use proptest::prelude::*;
use rusqlite::Connection;

/// What both ways of reading say of a folder: an error, or exactly what was written.
fn detected_or_harmless(dir: &Path, frames: u64) -> Result<(), TestCaseError> {
    if let Ok(record) = read(dir) {
        let whole = record.meta == meta() && record.frames == blobs(1..=frames);
        prop_assert!(whole || !record.damage.is_empty(), "read: silent loss, {} frames", record.frames.len());
        prop_assert!(blobs(1..=frames).starts_with(&record.frames), "read: frames that never were");
    }
    if let Ok(opened) = Journal::open(dir) {
        prop_assert_eq!(&opened.meta, &meta());
        let after = opened.checkpoint.as_ref().map_or(0, |(frame, _)| *frame);
        prop_assert_eq!(&opened.frames, &blobs(after + 1..=frames));
        if let Some((frame, state)) = opened.checkpoint {
            prop_assert_eq!(state, blob(frame));
        }
    }
    Ok(())
}

/// A closed journal with two checkpoints.
fn with_checkpoints(dir: &Path) -> Vec<u8> {
    let mut journal = Journal::create(dir, &meta()).unwrap();
    for frame in 1..=24 {
        append(&mut journal, [frame]);
        if frame % 8 == 0 {
            journal.checkpoint(frame, blob(frame)).unwrap();
        }
    }
    journal.close().unwrap();
    std::fs::read(dir.join("journal.db")).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_bit_flipped_in_the_database_is_detected_or_harmless(place in any::<prop::sample::Index>(), bit in 0..8u8) {
        let dir = folder();
        let mut db = with_checkpoints_once();
        *place.get_mut(&mut db) ^= 1 << bit;
        lay(dir.path(), &db, &[]);
        detected_or_harmless(dir.path(), 24)?;
    }

    #[test]
    fn a_flipped_bit_in_cells_and_headers_is_detected_or_harmless(place in 0..64usize, page in any::<prop::sample::Index>(), bit in 0..8u8) {
        // The first bytes of each page hold its structure, which a random place rarely hits.
        let dir = folder();
        let mut db = with_checkpoints_once();
        let page = page.index(db.len() / 4096);
        db[page * 4096 + place] ^= 1 << bit;
        lay(dir.path(), &db, &[]);
        detected_or_harmless(dir.path(), 24)?;
    }
}

fn with_checkpoints_once() -> Vec<u8> {
    static DB: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    DB.get_or_init(|| with_checkpoints(folder().path())).clone()
}

#[test]
fn a_bit_flipped_in_the_log_is_detected_unless_it_tears_the_last_transaction() {
    let (dir, db, wal) = killed(10);
    let (mut detected, mut torn) = (0, 0);
    for place in (0..wal.len()).step_by(97) {
        let mut flipped = wal.clone();
        flipped[place] ^= 1 << (place % 8);
        lay(dir.path(), &db, &flipped);
        match Journal::open(dir.path()) {
            Err(error) => {
                assert!(is_damaged(&error), "{error}");
                let record = read(dir.path()).unwrap();
                assert!(!record.damage.is_empty());
                assert!(blobs(1..=10).starts_with(&record.frames));
                detected += 1;
            }
            Ok(opened) => {
                assert!(opened.frames == blobs(1..=9) || opened.frames == blobs(1..=10), "place {place}");
                torn += usize::from(opened.frames.len() == 9);
            }
        }
    }
    assert!(detected > 5 * torn && torn > 0, "{detected} detected, {torn} torn");
}

/// Changes the database behind the journal's back.
fn tamper(dir: &Path, sql: &str) {
    Connection::open(dir.join("journal.db")).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn tampering_is_named() {
    for (sql, expected, intact) in [
        ("DELETE FROM frames WHERE frame = 5", "frame 5 is missing", 4),
        ("DELETE FROM frames WHERE frame = 1", "frame 2 does not match its seal", 0),
        ("DELETE FROM frames WHERE frame > 17", "frames 18 to 20 are missing", 17),
        ("DELETE FROM frames", "frames 0 to 20 are missing", 0),
        ("UPDATE frames SET blob = x'00' WHERE frame = 9", "frame 9 does not match its seal", 8),
        ("UPDATE frames SET blob = 'text' WHERE frame = 9", "frame 9 cannot be read", 8),
        ("UPDATE frames SET seal = (SELECT seal FROM frames WHERE frame = 3) WHERE frame = 9", "frame 9 does not", 8),
        ("UPDATE frames SET frame = 90 WHERE frame = 9", "frame 9 is missing", 8),
        ("UPDATE heads SET next = 20 WHERE name = 'frames'", "the head of its frames", 20),
        ("DELETE FROM heads WHERE name = 'frames'", "the head of its frames is missing", 0),
        ("DROP TABLE frames", "no such table: frames", 0),
    ] {
        let dir = folder();
        closed(dir.path(), 20);
        tamper(dir.path(), sql);
        let record = read(dir.path()).unwrap();
        let damage: String = record.damage.iter().map(|error| format!("{error}\n")).collect();
        assert!(damage.contains(expected), "{sql}: {damage}");
        assert_eq!(record.frames, blobs(1..=intact), "{sql}");
        assert_eq!(record.meta, meta());
        let error = Journal::open(dir.path()).unwrap_err();
        assert!(is_damaged(&error) && error.to_string().contains(expected), "{sql}: {error}");
    }
}

#[test]
fn meta_data_and_commands_are_sealed() {
    for (sql, expected) in [
        ("UPDATE meta SET value = x'00' WHERE key = 'seed'", "its meta data (melody, inputs, options)"),
        ("DELETE FROM meta WHERE key = 'seed'", "its meta data (melody, inputs, options)"),
        ("UPDATE commands SET json = '{\"cancel\":1}'", "command 1 does not match its seal"),
        ("DELETE FROM commands", "the head of its commands"),
        ("UPDATE heads SET next = 1 WHERE name = 'taken'", "the head of its commands"),
    ] {
        let dir = folder();
        closed(dir.path(), 2);
        super::super::append_command(dir.path(), "{\"approve\":1}").unwrap();
        tamper(dir.path(), sql);
        let error = Journal::open(dir.path()).unwrap_err();
        assert!(is_damaged(&error) && error.to_string().contains(expected), "{sql}: {error}");
    }
}

#[test]
fn a_damaged_checkpoint_is_replaced_by_the_one_before() {
    let dir = folder();
    with_checkpoints(dir.path());
    tamper(dir.path(), "UPDATE checkpoints SET blob = x'00' WHERE frame = 24");
    let opened = Journal::open(dir.path()).unwrap();
    assert_eq!(opened.checkpoint, Some((16, blob(16))));
    assert_eq!(opened.frames, blobs(17..=24));
    assert_eq!(opened.warnings, ["the checkpoint after frame 24 does not match its seal"]);
    drop(opened);
    tamper(dir.path(), "UPDATE checkpoints SET blob = x'00'");
    let opened = Journal::open(dir.path()).unwrap();
    assert_eq!((opened.checkpoint, opened.warnings.len()), (None, 2));
    assert_eq!(opened.frames, blobs(1..=24));
}

#[test]
fn a_newer_journal_is_left_alone() {
    let dir = folder();
    closed(dir.path(), 3);
    tamper(dir.path(), "PRAGMA user_version = 7");
    let path = dir.path().join("journal.db").display().to_string();
    let newer = JournalError::Newer { path, found: 7, known: FORMAT };
    assert_eq!(Journal::open(dir.path()).unwrap_err(), newer);
    assert_eq!(read(dir.path()).unwrap_err(), newer);
    assert!(newer.to_string().contains("use a newer symphony"));
}

#[test]
fn foreign_files_are_named_and_kept() {
    let foreign: [(&str, Vec<u8>); 3] =
        [("empty", vec![]), ("text", b"# notes\n".repeat(1_000)), ("zeros", vec![0; 65_536])];
    for (name, bytes) in foreign {
        let dir = folder();
        let path = dir.path().join("journal.db");
        std::fs::write(&path, &bytes).unwrap();
        let error = Journal::open(dir.path()).unwrap_err();
        assert!(is_damaged(&error), "{name}: {error}");
        assert!(is_damaged(&read(dir.path()).unwrap_err()), "{name}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "{name}");
    }
    // Another program's database.
    let dir = folder();
    tamper(dir.path(), "CREATE TABLE songs(name TEXT)");
    let error = Journal::open(dir.path()).unwrap_err();
    assert!(error.to_string().contains("not a Symphony journal"), "{error}");
}
