//! Files for the checker: how melodies, their bodies and their schemas are read from the disk, and from the journal of
//! a run that was begun with them.

use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use symphony_ecs_core::melody::sources::Sources;

/// The largest text that is read: a melody of this size has some hundred thousand nodes.
const LARGEST: u64 = 32 << 20;

/// Reads from the disk. A file is known by its real path, relative to the current folder where it lies below it, so one
/// file has one name however it is spelled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Sources for Disk {
    fn read(&self, from: &str, path: &str) -> Result<(String, String), String> {
        let folder = Path::new(from).parent().filter(|_| !from.is_empty());
        let wanted = folder.map_or_else(|| PathBuf::from(path), |folder| folder.join(path));
        let known = fs::canonicalize(&wanted).map_err(|error| format!("{}: {}", wanted.display(), plain(&error)))?;
        let text = read_text(&known).map_err(|why| format!("{}: {why}", wanted.display()))?;
        let here = std::env::current_dir().and_then(fs::canonicalize).unwrap_or_default();
        let short = known.strip_prefix(&here).unwrap_or(&known);
        let name = short.to_str().ok_or_else(|| format!("{}: its name is not UTF-8", wanted.display()))?;
        Ok((name.to_owned(), text))
    }
}

/// One answer that the checker got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The file that named it; empty for the melody itself.
    pub from: String,
    /// The path that it was named by.
    pub path: String,
    /// The path by which it is known.
    pub known: String,
    /// Its text.
    pub text: String,
}

/// Reads from the disk and keeps what was read, so that a run resumes with the texts it began with.
#[derive(Debug, Default)]
pub struct Recorder {
    readings: RefCell<Vec<Reading>>,
}

impl Recorder {
    /// Everything that was read, in the order of reading.
    pub fn into_readings(self) -> Vec<Reading> {
        self.readings.into_inner()
    }
}

impl Sources for Recorder {
    fn read(&self, from: &str, path: &str) -> Result<(String, String), String> {
        let (known, text) = Disk.read(from, path)?;
        let reading =
            Reading { from: from.to_owned(), path: path.to_owned(), known: known.clone(), text: text.clone() };
        self.readings.borrow_mut().push(reading);
        Ok((known, text))
    }
}

/// Reads what was kept.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'r>(pub &'r [Reading]);

impl Sources for Kept<'_> {
    fn read(&self, from: &str, path: &str) -> Result<(String, String), String> {
        let kept = self.0.iter().find(|reading| reading.from == from && reading.path == path);
        let kept = kept.ok_or_else(|| format!("{path}: the run was begun without it"))?;
        Ok((kept.known.clone(), kept.text.clone()))
    }
}

/// Reads a file, or says why not: too large, not a file.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| plain(&error))?;
    let metadata = file.metadata().map_err(|error| plain(&error))?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a folder" } else { "not a regular file" };
        return Err(format!("it is {what}"));
    }
    if metadata.len() > LARGEST {
        let mib = metadata.len() >> 20;
        return Err(format!("it is {mib} MiB large; at most {} MiB are read, so it is hardly a melody", LARGEST >> 20));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| plain(&error))?;
    Ok(bytes)
}

/// Reads a text file, or says why not: also where it is not UTF-8.
fn read_text(path: &Path) -> Result<String, String> {
    String::from_utf8(read_bytes(path)?).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..place).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let byte = error.as_bytes().get(place).copied().unwrap_or_default();
        let mut why = format!("line {line} is not UTF-8: byte 0x{byte:02x} at offset {place}");
        if before.is_empty() && matches!(byte, 0xfe | 0xff) {
            let _ = write!(why, " (is it UTF-16? save it as UTF-8)");
        }
        why
    })
}

/// An error of the operating system without its number.
fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "it may not be read".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.melody.toml");
        fs::write(&path, bytes).unwrap();
        Disk.read("", path.to_str().unwrap()).unwrap_err()
    }

    #[test]
    fn a_body_is_found_beside_the_melody_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("parts")).unwrap();
        fs::write(folder.path().join("a.melody.toml"), "a").unwrap();
        fs::write(folder.path().join("parts/b.melody.toml"), "b").unwrap();
        let top = folder.path().join("a.melody.toml");
        let (a, _) = Disk.read("", top.to_str().unwrap()).unwrap();
        let (b, text) = Disk.read(&a, "parts/b.melody.toml").unwrap();
        assert_eq!(text, "b");
        let (again, _) = Disk.read(&b, "../parts/./b.melody.toml").unwrap();
        assert_eq!(again, b, "one file has one name");
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        assert!(Disk.read("", "/nowhere/x.toml").unwrap_err().ends_with("there is no such file"));
        assert!(Disk.read("", "/").unwrap_err().ends_with("it is a folder"));
        assert!(Disk.read("", "/dev/null").unwrap_err().ends_with("not a regular file"));
        assert!(refusal(b"a = 1\nb = \"\xe9\"").ends_with("line 2 is not UTF-8: byte 0xe9 at offset 11"));
        assert!(refusal(b"\xff\xfea").contains("is it UTF-16?"));
    }

    #[test]
    fn a_huge_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("huge");
        File::create(&path).unwrap().set_len(50 << 20).unwrap();
        let why = Disk.read("", path.to_str().unwrap()).unwrap_err();
        assert!(why.contains("50 MiB large"), "{why}");
    }
}
