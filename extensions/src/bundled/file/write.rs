//! `file/write`: a file that is there whole or not at all.
//!
//! The content goes to a temporary file beside the target, is made durable, and takes the target's name in one step.

use super::confine::resolve;
use crate::bundled::ask::{Ask, refused};
use crate::bundled::content::bytes_of;
use crate::sdk::{Call, ErrorClass, Failure, Outcome, Reporter, Value};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use symphony_ecs_core::value::Digest;

/// Plays `write`: input `content` (or `text`) to `path`.
pub(super) fn write(call: &Call, report: &dyn Reporter) -> Result<Outcome, Failure> {
    let path = call.must_text("path")?;
    let content = call.value("content").or_else(|| call.value("text"));
    let content = content.ok_or_else(|| refused("there is nothing to write: bind input `content` or `text`"))?;
    let bytes = bytes_of(content, "the content", report)?;
    let place = resolve(call, path)?;
    match call.maybe_text("if_exists")?.unwrap_or("replace") {
        "replace" => {}
        "refuse" if place.exists() => {
            return Err(refused(format!("{} exists, and `if_exists` is \"refuse\"", place.display())));
        }
        "refuse" => {}
        other => return Err(refused(format!("`if_exists` is \"replace\" or \"refuse\", not {other:?}"))),
    }
    put(&place, &bytes)?;
    Ok(written(path, &bytes))
}

/// The outputs of a written file.
pub(in crate::bundled) fn written(path: &str, bytes: &[u8]) -> Outcome {
    Outcome::of("path", path)
        .with("bytes", Value::Int(i64::try_from(bytes.len()).unwrap_or(i64::MAX)))
        .with("digest", Digest::of(bytes).to_string())
}

/// Writes a file atomically and durably; makes the folders above it.
pub(in crate::bundled) fn put(place: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::io(format!("cannot write {}", place.display()), &error);
    if place.is_dir() {
        return Err(Failure::new(ErrorClass::Io, format!("cannot write {}: it is a folder", place.display())));
    }
    let folder = place.parent().unwrap_or(Path::new("/"));
    make_folders(folder).map_err(failed)?;
    let temporary = Temporary::beside(place);
    let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary.0).map_err(failed)?;
    if let Ok(old) = std::fs::metadata(place) {
        file.set_permissions(old.permissions()).map_err(failed)?;
    }
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&temporary.0, place).map_err(failed)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Makes a folder and those above it; each new name is made durable in its parent.
fn make_folders(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(Path::new("/"));
    make_folders(parent)?;
    match std::fs::create_dir(folder) {
        // Somebody else was faster.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => File::open(parent)?.sync_all(),
    }
}

/// A temporary file's name; the file is removed with it, unless it was renamed.
struct Temporary(PathBuf);

impl Temporary {
    fn beside(place: &Path) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // Not made from the target's own name, which may already have the greatest length a name can have.
        Self(place.with_file_name(format!(".symphony-{}-{number}.tmp", std::process::id())))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundled::trial::{call, json, play};
    use serde_json::json;
    use std::os::unix::fs::PermissionsExt;

    fn write(
        folder: &Path,
        path: &str,
        inputs: &[(&str, Value)],
        settings: &[(&str, Value)],
    ) -> Result<Outcome, Failure> {
        let mut call = call("write", inputs, settings, &["path", "bytes", "digest"]);
        call.settings.insert("path".to_owned(), path.into());
        play("file", folder, call).0
    }

    #[test]
    fn a_file_is_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let outcome = write(folder.path(), "deep/er/a.md", &[("text", "# ä\n".into())], &[]).unwrap();
        assert_eq!(outcome.outputs["bytes"], Value::Int(5));
        assert_eq!(outcome.outputs["digest"], Value::text(Digest::of("# ä\n".as_bytes()).to_string()));
        assert_eq!(std::fs::read_to_string(folder.path().join("deep/er/a.md")).unwrap(), "# ä\n");
        assert_eq!(std::fs::read_dir(folder.path().join("deep/er")).unwrap().count(), 1);
    }

    #[test]
    fn values_are_written_as_json_and_permissions_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.json");
        std::fs::write(&place, "old").unwrap();
        std::fs::set_permissions(&place, PermissionsExt::from_mode(0o640)).unwrap();
        write(folder.path(), "a.json", &[("content", json(json!({"b": 1, "a": 2})))], &[]).unwrap();
        assert_eq!(std::fs::read_to_string(&place).unwrap(), "{\n  \"a\": 2,\n  \"b\": 1\n}\n");
        assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_longest_name_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let name = "n".repeat(255);
        write(folder.path(), &name, &[("text", "x".into())], &[]).unwrap();
        assert!(folder.path().join(name).exists());
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let text = [("text", Value::text("x"))];
        std::fs::write(at.join("file"), "old").unwrap();
        assert!(write(at, ".", &text, &[]).unwrap_err().message.contains("is a folder"));
        assert_eq!(write(at, "file/below", &text, &[]).unwrap_err().class, ErrorClass::Io);
        assert_eq!(write(at, "../x", &text, &[]).unwrap_err().class, ErrorClass::Denied);
        assert!(write(at, "file", &text, &[("if_exists", "refuse".into())]).unwrap_err().message.contains("exists"));
        assert!(write(at, "new", &[], &[]).unwrap_err().message.contains("nothing to write"));
        assert_eq!(std::fs::read_to_string(at.join("file")).unwrap(), "old");
        assert_eq!(std::fs::read_dir(at).unwrap().count(), 1);
    }
}
