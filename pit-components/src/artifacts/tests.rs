//! Tests of the store: what it keeps, what it refuses, and what a power cut leaves.

use super::faults::{Fault, FaultyDisk};
use super::{Disk, RealDisk, Report, Store};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use symphony_ecs_core::ports::{ArtifactError, ArtifactPort as _};
use symphony_ecs_core::value::Digest;

fn real(dir: &Path) -> Store {
    Store::open(&dir.join("artifacts"), Arc::new(RealDisk)).unwrap()
}

fn path_of(store: &Store, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    store.root().join(&hex[..2]).join(&hex[2..])
}

/// Replaces a stored file behind the store's back.
fn replace(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

fn temps(store: &Store) -> usize {
    fs::read_dir(store.root().join("tmp")).map_or(0, Iterator::count)
}

#[test]
fn bytes_come_back_in_every_way() {
    let dir = tempfile::tempdir().unwrap();
    let store = real(dir.path());
    let large = (0..3_000_000u32).map(|at| (at % 251) as u8).collect::<Vec<_>>();
    for bytes in [&b""[..], b"a waltz", &large] {
        let handle = store.put(bytes, "text/plain").unwrap();
        assert_eq!((handle.digest, handle.size), (Digest::of(bytes), bytes.len() as u64));
        assert_eq!(handle.media_type, "text/plain");
        for store in [&store, &real(dir.path())] {
            assert_eq!(store.get(&handle.digest).unwrap(), bytes);
            for _ in 0..2 {
                let mut read = Vec::new();
                store.open(&handle.digest).unwrap().read_to_end(&mut read).unwrap();
                assert_eq!(read, bytes);
            }
        }
    }
    assert!(matches!(store.get(&Digest::of(b"?")), Err(ArtifactError::Missing(_))));
    assert!(matches!(store.open(&Digest::of(b"?")), Err(ArtifactError::Missing(_))));
    assert_eq!(temps(&store), 0);
}

#[test]
fn a_file_is_taken_from_its_beginning_and_a_pipe_as_it_comes() {
    let dir = tempfile::tempdir().unwrap();
    let store = real(dir.path());
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"all of it").unwrap();
    let handle = store.put_file(file.try_clone().unwrap(), "text/plain").unwrap();
    assert_eq!((handle.digest, handle.size), (Digest::of(b"all of it"), 9));
    assert_eq!(file.stream_position().unwrap(), 9, "the cursor stays where it was");
    assert_eq!(store.put_file(file, "text/plain").unwrap(), handle);

    let (reader, mut writer) = std::io::pipe().unwrap();
    let bytes = vec![5; 700_000];
    let sent = bytes.clone();
    let sender = std::thread::spawn(move || writer.write_all(&sent));
    let reader: std::os::fd::OwnedFd = reader.into();
    let handle = store.put_file(File::from(reader), "text/plain").unwrap();
    sender.join().unwrap().unwrap();
    assert_eq!(store.get(&handle.digest).unwrap(), bytes);
    assert_eq!(temps(&store), 0);
}

#[test]
fn equal_bytes_are_written_once() {
    let disk = FaultyDisk::new(0);
    let store = Store::open(Path::new("/artifacts"), Arc::new(disk.clone())).unwrap();
    store.put(b"once", "text/plain").unwrap();
    disk.fail_after(0, Fault::ReadOnly);
    let handle = store.put(b"once", "text/markdown").unwrap();
    assert_eq!(handle.media_type, "text/markdown");
    assert!(store.put(b"twice", "text/plain").is_err());
}

#[test]
fn many_are_put_with_one_sync_per_folder() {
    let dir = tempfile::tempdir().unwrap();
    let store = real(dir.path());
    let bytes: Vec<Vec<u8>> = (0..600u32).map(|number| (number % 500).to_le_bytes().to_vec()).collect();
    let artifacts: Vec<(&[u8], &str)> = bytes.iter().map(|bytes| (&bytes[..], "x/y")).collect();
    let handles = store.put_many(&artifacts).unwrap();
    for (handle, bytes) in handles.iter().zip(&bytes) {
        assert_eq!(&store.get(&handle.digest).unwrap(), bytes);
    }
    let report = store.verify().unwrap();
    assert_eq!((report.sound, report.bytes, report.damaged.len()), (500, 2_000, 0));

    // On the counting disk: 40 artifacts of one folder cost one sync of the folder.
    let disk = FaultyDisk::new(0);
    let store = Store::open(Path::new("/artifacts"), Arc::new(disk.clone())).unwrap();
    let same: Vec<Vec<u8>> = (0..20_000u32).map(|number| number.to_le_bytes().to_vec()).collect();
    let same: Vec<(&[u8], &str)> =
        same.iter().filter(|bytes| Digest::of(bytes).0[0] == 7).take(40).map(|bytes| (&bytes[..], "x/y")).collect();
    store.put(same[0].0, "x/y").unwrap();
    let before = disk.operations();
    store.put_many(&same[1..]).unwrap();
    // Each: look for it, create, write, sync, rename, look at it; then one sync of the folder.
    assert_eq!(disk.operations() - before, 39 * 6 + 1);
}

#[test]
fn what_is_damaged_is_never_handed_out_and_a_put_heals_it() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = vec![3; 10_000];
    let digest = Digest::of(&bytes);
    let mut flipped = bytes.clone();
    flipped[9_999] ^= 1;
    for wrong in [&bytes[..9_999], &[&bytes[..], b"x"].concat(), b"", &flipped] {
        // Damaged under the eyes of an open store, and before it was opened.
        let store = real(dir.path());
        store.put(&bytes, "x/y").unwrap();
        drop(store.open(&digest).unwrap());
        replace(&path_of(&store, &digest), wrong);
        for store in [&store, &real(dir.path())] {
            assert!(matches!(store.open(&digest), Err(ArtifactError::Damaged(damaged)) if damaged == digest));
            assert!(matches!(store.get(&digest), Err(ArtifactError::Damaged(damaged)) if damaged == digest));
        }
        let report = store.verify().unwrap();
        assert_eq!((report.sound, report.damaged.len()), (0, 1));
        assert_eq!((report.damaged[0].digest, &report.damaged[0].path), (digest, &path_of(&store, &digest)));
        store.put(&bytes, "x/y").unwrap();
        assert_eq!(store.get(&digest).unwrap(), bytes);
        replace(&path_of(&store, &digest), wrong);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        real(dir.path()).put_file(file, "x/y").unwrap();
        assert_eq!(store.get(&digest).unwrap(), bytes);
    }
}

#[test]
fn strays_are_listed_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = real(dir.path());
    let handle = store.put(b"x", "x/y").unwrap();
    let folder = path_of(&store, &handle.digest).parent().unwrap().to_owned();
    fs::write(folder.join("README"), "").unwrap();
    fs::write(store.root().join("README"), "").unwrap();
    let strays = vec![store.root().join("README"), folder.join("README")];
    let expected = Report { sound: 1, bytes: 1, damaged: vec![], strays };
    let mut report = store.verify().unwrap();
    report.strays.sort();
    assert_eq!(report.sound, expected.sound);
    assert_eq!(report.strays.len(), 2);
    assert!(report.strays.iter().all(|stray| expected.strays.contains(stray)));
}

#[test]
fn temporary_files_of_the_dead_are_removed_at_the_opening() {
    let dir = tempfile::tempdir().unwrap();
    let store = real(dir.path());
    store.put(b"x", "x/y").unwrap();
    let tmp = store.root().join("tmp");
    for name in ["4194305-1-0", "4194306-77-3", "1-5-0", "notes"] {
        fs::write(tmp.join(name), "").unwrap();
    }
    real(dir.path());
    let mut left: Vec<_> = fs::read_dir(&tmp).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["1-5-0", "notes"]);
}

#[test]
fn every_failing_operation_is_told_and_tears_nothing() {
    for fault in [Fault::NoSpace, Fault::Io, Fault::ReadOnly] {
        let mut failures = 0;
        for operation in 0..24 {
            let disk = FaultyDisk::new(operation);
            let store = Store::open(Path::new("/deep/artifacts"), Arc::new(disk.clone())).unwrap();
            store.put(b"before", "x/y").unwrap();
            disk.fail_after(operation, fault);
            let artifacts: [(&[u8], &str); 3] = [(b"one", "x/y"), (b"two", "x/y"), (b"before", "x/y")];
            let result = store.put_many(&artifacts);
            // The fault hit an operation that it does not concern, or came too late.
            let Err(error) = result else { continue };
            failures += 1;
            let ArtifactError::Io { path, source } = &error else { panic!("{error}") };
            assert!(path.starts_with("/deep/artifacts"), "{error}");
            let kind = match fault {
                Fault::NoSpace => ErrorKind::StorageFull,
                Fault::ReadOnly => ErrorKind::ReadOnlyFilesystem,
                _ => ErrorKind::Other,
            };
            assert_eq!(source.kind(), kind);
            assert_eq!(store.get(&Digest::of(b"before")).unwrap(), b"before");
            assert_eq!(store.verify().unwrap().damaged, []);
            if fault != Fault::ReadOnly {
                // The fault was a single one: nothing is left behind, and trying again works.
                assert_eq!(disk.read_dir(&store.root().join("tmp")).unwrap(), Vec::<String>::new());
                store.put_many(&artifacts).unwrap();
                disk.crash();
                assert_eq!(store.get(&Digest::of(b"two")).unwrap(), b"two");
            }
        }
        assert!(failures > 8, "{fault:?}: {failures}");
    }
}

#[test]
fn a_store_that_cannot_be_made_names_the_folder() {
    let disk = FaultyDisk::new(0);
    disk.fail_after(0, Fault::ReadOnly);
    let error = Store::open(Path::new("/state/artifacts"), Arc::new(disk)).unwrap_err();
    assert_eq!(error.to_string(), "/state/artifacts: read-only filesystem or storage medium");
}

#[test]
fn many_threads_put_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let store = real(dir.path());
    std::thread::scope(|scope| {
        for thread in 0..8u32 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..100u32 {
                    let number = (number + thread * 13) % 100;
                    let handle = store.put(&number.to_le_bytes(), "x/y").unwrap();
                    assert_eq!(store.get(&handle.digest).unwrap(), number.to_le_bytes());
                }
            });
        }
    });
    let report = store.verify().unwrap();
    assert_eq!((report.sound, report.damaged.len(), temps(&store)), (100, 0, 0));
}

/// What happens to a store in the crash test.
#[derive(Clone, Debug)]
enum Act {
    Put(u8),
    PutMany(Vec<u8>),
    PutFile(u8),
    Get(u8),
    Reopen,
    Crash,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => any::<u8>().prop_map(Act::Put),
        2 => prop::collection::vec(any::<u8>(), 0..6).prop_map(Act::PutMany),
        2 => any::<u8>().prop_map(Act::PutFile),
        2 => any::<u8>().prop_map(Act::Get),
        1 => Just(Act::Reopen),
        1 => Just(Act::Crash),
    ];
    prop::collection::vec(act, 1..40)
}

/// A few contents, some long, so that puts repeat.
fn content(number: u8) -> Vec<u8> {
    vec![number % 24; usize::from(number % 24) * 97]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_was_acknowledged_survives_any_power_cut(acts in acts(), seed: u64, cuts in prop::collection::vec(0..80u64, 0..4)) {
        let disk = FaultyDisk::new(seed);
        let root = Path::new("/state/artifacts");
        let open = || Store::open(root, Arc::new(disk.clone()));
        let mut acknowledged: BTreeMap<Digest, Vec<u8>> = BTreeMap::new();
        let mut cuts = cuts.into_iter();
        if let Some(cut) = cuts.next() {
            disk.fail_after(cut, Fault::PowerCut);
        }
        let mut store = open();
        // The last act is a power cut, so that every case has one.
        for act in acts.into_iter().chain([Act::Crash]) {
            let put = match (&store, act) {
                (_, Act::Crash) => {
                    disk.crash();
                    store = open();
                    let sound = store.as_ref().map_err(|error| TestCaseError::fail(error.to_string()))?;
                    for (digest, bytes) in &acknowledged {
                        prop_assert_eq!(&sound.get(digest).unwrap(), bytes);
                    }
                    let report = sound.verify().unwrap();
                    prop_assert_eq!(report.damaged, vec![]);
                    if let Some(cut) = cuts.next() {
                        disk.fail_after(cut, Fault::PowerCut);
                    }
                    continue;
                }
                (_, Act::Reopen) => {
                    store = open();
                    continue;
                }
                (Err(_), _) => continue,
                (Ok(store), Act::Put(number)) => store.put(&content(number), "x/y").map(|_| vec![number]),
                (Ok(store), Act::PutMany(numbers)) => {
                    let contents: Vec<Vec<u8>> = numbers.iter().map(|number| content(*number)).collect();
                    let artifacts: Vec<(&[u8], &str)> = contents.iter().map(|bytes| (&bytes[..], "x/y")).collect();
                    store.put_many(&artifacts).map(|_| numbers)
                }
                (Ok(store), Act::PutFile(number)) => {
                    let mut file = tempfile::tempfile().unwrap();
                    file.write_all(&content(number)).unwrap();
                    store.put_file(file, "x/y").map(|_| vec![number])
                }
                (Ok(store), Act::Get(number)) => {
                    if let Ok(bytes) = store.get(&Digest::of(&content(number))) {
                        prop_assert_eq!(bytes, content(number));
                    }
                    continue;
                }
            };
            for number in put.unwrap_or_default() {
                acknowledged.insert(Digest::of(&content(number)), content(number));
            }
        }
    }
}

#[test]
fn the_faulty_disk_forgets_what_was_not_synced() {
    // The test bench itself: without syncs, a crash loses or tears something for some seeds, and not for all.
    let (mut lost, mut torn, mut kept) = (0, 0, 0);
    for seed in 0..200 {
        let disk = FaultyDisk::new(seed);
        disk.create(Path::new("/a")).unwrap().write_all(&[1; 100]).unwrap();
        disk.crash();
        match disk.content(Path::new("/a")) {
            None => lost += 1,
            Some(bytes) if bytes == [1; 100] => kept += 1,
            Some(_) => torn += 1,
        }
    }
    assert!(lost > 20 && torn > 20 && kept > 20, "{lost} lost, {torn} torn, {kept} kept");
    let disk = FaultyDisk::new(0);
    let mut file = disk.create(Path::new("/a")).unwrap();
    disk.crash();
    assert!(file.write_all(b"x").is_err(), "a file from before the power cut");
}
