//! What is kept is found again; what is damaged, gone or newer is not, and nothing breaks.

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use symphony_ecs_core::ids::RunId;
use symphony_ecs_core::ports::ArtifactError;
use symphony_ecs_core::value::{ArtifactRef, Value};

/// A store that has one artifact.
struct One;

impl ArtifactPort for One {
    fn put(&self, _: &[u8], _: &str) -> Result<ArtifactRef, ArtifactError> {
        Err(ArtifactError::Missing(Digest::of(b"")))
    }
    fn put_file(&self, _: fs::File, _: &str) -> Result<ArtifactRef, ArtifactError> {
        Err(ArtifactError::Missing(Digest::of(b"")))
    }
    fn open(&self, digest: &Digest) -> Result<fs::File, ArtifactError> {
        Err(ArtifactError::Missing(*digest))
    }
    fn get(&self, digest: &Digest) -> Result<Vec<u8>, ArtifactError> {
        Err(ArtifactError::Missing(*digest))
    }
    fn has(&self, digest: &Digest) -> bool {
        *digest == Digest::of(b"here")
    }
}

fn call(part: &str, whole: &str) -> CallIdentity {
    CallIdentity { part: Digest::of(part.as_bytes()), whole: Digest::of(whole.as_bytes()) }
}

fn finished(run: &str, outputs: Vec<Value>) -> FinishedCall {
    FinishedCall { run: RunId::parse(run).unwrap(), outputs }
}

fn artifact(content: &str) -> Value {
    let digest = Digest::of(content.as_bytes());
    Value::Artifact(ArtifactRef { digest, media_type: "text/plain".into(), size: 4 }.into())
}

fn open(folder: &Path, parts: &[&str]) -> (Results, Option<String>) {
    let parts = parts.iter().map(|part| Digest::of(part.as_bytes())).collect();
    Results::open(folder, &parts, &One, Purpose::Play)
}

#[test]
fn what_is_kept_is_found_by_the_next_run_and_the_newest_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (results, warning) = open(folder.path(), &[]);
    assert_eq!(warning, None);
    results.keep(&call("a", "a1"), finished("r1", vec![Value::Int(1)]));
    results.keep(&call("a", "a2"), finished("r1", vec![Value::text("two"), Value::Absent]));
    results.keep(&call("b", "b1"), finished("r1", vec![]));
    results.keep(&call("a", "a1"), finished("r2", vec![Value::Int(2)]));
    assert_eq!(results.find(&call("a", "a1")), None, "a run does not take over what it played itself");
    drop(results);
    let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "outputs are nobody else's business");
    let (results, warning) = open(folder.path(), &["a"]);
    assert_eq!((warning, results.len()), (None, 2));
    assert_eq!(results.find(&call("a", "a1")), Some(finished("r2", vec![Value::Int(2)])));
    assert_eq!(results.find(&call("a", "a2")), Some(finished("r1", vec![Value::text("two"), Value::Absent])));
    assert_eq!(results.find(&call("b", "b1")), None, "it was not asked for");
}

#[test]
fn results_whose_artifacts_are_gone_are_left_out_however_deep_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let (results, _) = open(folder.path(), &[]);
    results.keep(&call("a", "here"), finished("r1", vec![artifact("here")]));
    results.keep(&call("a", "gone"), finished("r1", vec![artifact("gone")]));
    let deep = Value::list(vec![Value::map([("file", artifact("gone"))])]);
    results.keep(&call("a", "deep"), finished("r1", vec![deep]));
    drop(results);
    let (results, _) = open(folder.path(), &["a"]);
    assert_eq!(results.len(), 1);
    assert!(results.find(&call("a", "here")).is_some());
}

#[test]
fn a_file_that_is_no_table_is_begun_anew_and_a_newer_one_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    fs::write(&path, "this is no database, and it is long enough to look like one to somebody in a hurry").unwrap();
    let (results, warning) = open(folder.path(), &["a"]);
    assert_eq!((warning, results.len()), (None, 0));
    results.keep(&call("a", "a1"), finished("r1", vec![Value::Int(1)]));
    drop(results);
    assert_eq!(open(folder.path(), &["a"]).0.len(), 1);
    let db = rusqlite::Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 2).unwrap();
    drop(db);
    let (results, warning) = open(folder.path(), &["a"]);
    assert!(warning.unwrap().contains("newer symphony") && results.is_empty());
    results.keep(&call("a", "a2"), finished("r1", vec![]));
    let db = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(db.query_row("SELECT COUNT(*) FROM results", [], |row| row.get::<_, i64>(0)), Ok(1));
}

#[test]
fn a_row_that_was_changed_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let (results, _) = open(folder.path(), &[]);
    results.keep(&call("a", "a1"), finished("r1", vec![Value::Int(1)]));
    results.keep(&call("a", "a2"), finished("r1", vec![Value::Int(1)]));
    drop(results);
    let db = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    let other = rmp_serde::to_vec(&vec![Value::Int(9)]).unwrap();
    let changed =
        db.execute("UPDATE results SET outputs = ?1 WHERE identity = ?2", (other, &call("a", "a1").whole.0[..]));
    assert_eq!(changed, Ok(1));
    drop(db);
    let (results, _) = open(folder.path(), &["a"]);
    assert_eq!((results.len(), results.find(&call("a", "a1"))), (1, None));
}

#[test]
fn damage_anywhere_in_the_file_never_gives_a_wrong_result() {
    let folder = tempfile::tempdir().unwrap();
    let (results, _) = open(folder.path(), &[]);
    for number in 0..40 {
        results.keep(&call("a", &number.to_string()), finished("r1", vec![Value::Int(number)]));
    }
    drop(results);
    let path = folder.path().join(FILE);
    let db = rusqlite::Connection::open(&path).unwrap();
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(db);
    let intact = fs::read(&path).unwrap();
    let (mut lost, mut all) = (0, 0);
    for place in (0..intact.len()).step_by(97) {
        let mut bytes = intact.clone();
        bytes[place] ^= 0x55;
        let damaged = tempfile::tempdir().unwrap();
        fs::write(damaged.path().join(FILE), bytes).unwrap();
        let (results, _) = open(damaged.path(), &["a"]);
        for number in 0..40 {
            let found = results.find(&call("a", &number.to_string()));
            assert!(found.is_none_or(|found| found.outputs == [Value::Int(number)]), "byte {place}");
        }
        drop(results);
        // Whatever was damaged, the next but one run finds what the next one kept.
        let (results, _) = open(damaged.path(), &["a"]);
        results.keep(&call("a", "new"), finished("r2", vec![Value::Int(7)]));
        drop(results);
        let found = open(damaged.path(), &["a"]).0.find(&call("a", "new"));
        lost += usize::from(found.is_none_or(|found| found.outputs != [Value::Int(7)]));
        all += 1;
    }
    // A page that is only met when it is written to may stop the keeping; that is all it may do.
    assert!(lost * 4 < all, "{lost} of {all} damaged files keep nothing");
}

#[test]
fn who_only_looks_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let (results, warning) = Results::open(folder.path(), &BTreeSet::new(), &One, Purpose::Look);
    results.keep(&call("a", "a1"), finished("r1", vec![]));
    assert_eq!((warning, folder.path().join(FILE).exists()), (None, false));
}

#[test]
fn the_oldest_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let mut table = Table::open(&path, Purpose::Play).unwrap().unwrap();
    let kept: Vec<Kept> =
        (0..100).map(|number| (call("a", &number.to_string()), finished("r1", vec![Value::Int(number)]))).collect();
    table.keep(&kept).unwrap();
    let left = |table: &Table| {
        let mut left = Vec::new();
        table.load(&Digest::of(b"a"), |_, finished| left.push(finished.outputs[0].as_int().unwrap())).unwrap();
        left
    };
    table.forget_the_oldest(60, u64::MAX).unwrap();
    assert_eq!(left(&table), (40..100).collect::<Vec<_>>());
    table.forget_the_oldest(60, 1).unwrap();
    assert_eq!(left(&table), (56..100).collect::<Vec<_>>());
}
