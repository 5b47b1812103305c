//! Files that appear whole or not at all, and never over another one unless asked for.

use crate::failure::Failure;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// Whether a file may be written over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// What is there stays.
    Refuse,
    /// What is there goes.
    Write,
}

/// Writes files: all texts first beside their places, then each at its place, the first file last.
///
/// # Errors
/// A file is there already and may not be written over, or the disk refuses; nothing has been written then, or the
/// message names what has.
pub fn write_all(files: &[(PathBuf, String)], over: Over) -> Result<(), Failure> {
    if over == Over::Refuse
        && let Some((path, _)) = files.iter().find(|(path, _)| path.symlink_metadata().is_ok())
    {
        return Err(taken(path));
    }
    let mut waiting = Waiting(Vec::with_capacity(files.len()));
    for (path, text) in files {
        let beside = beside(path);
        let bad = |error: std::io::Error| Failure::usage(format!("{}: {error}", beside.display()));
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(bad)?;
        }
        let mut file = File::options().write(true).create_new(true).open(&beside).map_err(bad)?;
        waiting.0.push(beside.clone());
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(bad)?;
    }
    for ((path, _), beside) in files.iter().zip(&waiting.0).rev() {
        let placed = match over {
            Over::Write => fs::rename(beside, path),
            // A link, unlike a rename, never replaces a file that came in the meantime. Some disks have none.
            Over::Refuse => match fs::hard_link(beside, path) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists && path.symlink_metadata().is_err() => {
                    fs::rename(beside, path)
                }
                linked => linked,
            },
        };
        placed.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => taken(path),
            _ => Failure::usage(format!("{}: {error}", path.display())),
        })?;
    }
    Ok(())
}

fn taken(path: &Path) -> Failure {
    Failure::usage(format!("{} is there already", path.display()))
        .help("choose another name with --out, or write over it with --force")
}

/// A name beside a file, for this process alone.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{}.part", std::process::id()))
}

/// Files that wait beside their places; what is left of them goes, whatever happens.
struct Waiting(Vec<PathBuf>);

impl Drop for Waiting {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_are_written_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let files = [(at("sub/a"), "1".to_owned()), (at("b"), "2".to_owned())];
        write_all(&files, Over::Refuse).unwrap();
        assert_eq!(fs::read_to_string(at("sub/a")).unwrap(), "1");
        fs::remove_file(at("sub/a")).unwrap();
        let again = [(at("sub/a"), "3".to_owned()), (at("b"), "4".to_owned())];
        assert!(write_all(&again, Over::Refuse).unwrap_err().to_string().contains("--force"));
        assert!(!at("sub/a").exists());
        write_all(&again, Over::Write).unwrap();
        assert_eq!(fs::read_to_string(at("b")).unwrap(), "4");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside them");
    }
}
