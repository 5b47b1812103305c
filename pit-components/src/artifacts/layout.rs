//! Where an artifact lies below the store's root, and how files that are being written are named.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use symphony_ecs_core::value::Digest;

/// The folder of files that are being written.
pub(super) const TMP: &str = "tmp";

/// The folder's name and the file's name of an artifact: the first two digits, and the other 62.
pub(super) fn split(digest: &Digest) -> (String, String) {
    let mut folder = digest.hex();
    let file = folder.split_off(2);
    (folder, file)
}

/// The path of an artifact.
pub(super) fn path_of(root: &Path, digest: &Digest) -> PathBuf {
    let (folder, file) = split(digest);
    root.join(folder).join(file)
}

/// The artifact that lies at `folder/file`, if that is a place for one.
pub(super) fn digest_at(folder: &str, file: &str) -> Option<Digest> {
    let digest: Digest = format!("blake3:{folder}{file}").parse().ok()?;
    // Upper-case digits parse as well and name another file.
    (split(&digest) == (folder.to_owned(), file.to_owned())).then_some(digest)
}

/// Whether a name in the root is one of the 256 folders of artifacts.
pub(super) fn is_folder(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// A name for a file that is being written: `PID-BIRTH-NUMBER`, unlike any other of any process.
pub(super) fn temp_name() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}-{}", std::process::id(), birth(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Whether a temporary file belongs to a process that is gone. In doubt (a name that is not ours) it does not.
pub(super) fn is_stale(name: &str) -> bool {
    let mut parts = name.split('-').map(str::parse::<u64>);
    let (Some(Ok(pid)), Some(Ok(of)), Some(Ok(_)), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    if pid == u64::from(std::process::id()) {
        // A process before us had our pid (in a container it often has).
        return of != birth();
    }
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_none_or(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

/// A number that tells this process from an earlier one with the same pid: nanoseconds of its first use.
fn birth() -> u64 {
    static BIRTH: OnceLock<u64> = OnceLock::new();
    *BIRTH.get_or_init(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_and_its_digest_are_one() {
        let digest = Digest::of(b"x");
        let (folder, file) = split(&digest);
        assert_eq!((folder.len(), file.len()), (2, 62));
        assert_eq!(digest_at(&folder, &file), Some(digest));
        assert_eq!(digest_at(&folder, &file.to_uppercase()), None);
        assert_eq!(digest_at("abc", &file), None);
        assert!(is_folder("0f") && !is_folder("0F") && !is_folder(TMP));
    }

    #[test]
    fn temporary_files_of_the_living_are_not_stale() {
        let pid = std::process::id();
        assert!(!is_stale(&temp_name()));
        assert!(is_stale(&format!("{pid}-1-0")), "an earlier process with our pid");
        assert!(!is_stale(&format!("{}-1-0", rustix::process::getppid().unwrap().as_raw_nonzero())));
        assert!(is_stale("4194305-1-0"), "a pid beyond every limit");
        for name in ["notes.txt", "1-2", "1-2-3-4", "-1-2-3", "a-b-c", ""] {
            assert!(!is_stale(name), "{name}");
        }
    }
}
