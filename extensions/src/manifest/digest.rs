//! The digest of a person's own player: BLAKE3 over its manifest and the regular files beside it, by path.

use super::{FILE, ManifestError};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use symphony_ecs_core::value::Digest;

/// Files that a player's folder may hold.
pub const MAX_FILES: usize = 10_000;
/// Bytes that they may have together.
pub const MAX_BYTES: u64 = 64 << 20;
/// Longest manifest.
const MAX_MANIFEST: u64 = 1 << 20;
/// Folders deeper than this are refused.
const MAX_DEPTH: usize = 32;

/// Folders that are no part of the player.
const SKIPPED: [&str; 2] = [".git", "__pycache__"];

fn error(path: &Path, message: impl Into<String>, help: impl Into<String>) -> ManifestError {
    ManifestError { path: path.to_owned(), line: 1, column: 1, message: message.into(), help: help.into() }
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> ManifestError {
    let path = path.to_owned();
    move |cause| error(&path, format!("cannot be read: {cause}"), "check that it exists and may be read")
}

/// Reads a manifest, if it is a plain file of reasonable length.
pub(super) fn read_bounded(path: &Path) -> Result<Vec<u8>, ManifestError> {
    let about = std::fs::metadata(path).map_err(unreadable(path))?;
    if !about.is_file() || about.len() > MAX_MANIFEST {
        return Err(error(path, "this is no plain file of at most 1 MiB", "a manifest is a short text file"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable(path))?;
    file.take(MAX_MANIFEST).read_to_end(&mut bytes).map_err(unreadable(path))?;
    Ok(bytes)
}

/// Digests the folder. Symbolic links are left out: what they point to is not the player's.
pub(super) fn of_folder(folder: &Path) -> Result<Digest, ManifestError> {
    let mut files = Vec::new();
    collect(folder, Path::new(""), 0, &mut files)?;
    files.sort();
    let mut hasher = blake3::Hasher::new();
    let mut room = MAX_BYTES;
    for relative in files {
        let path = folder.join(&relative);
        let name = relative.to_string_lossy();
        let file = File::open(&path).map_err(unreadable(&path))?;
        let mut one = blake3::Hasher::new();
        let length = std::io::copy(&mut file.take(room + 1), &mut one).map_err(unreadable(&path))?;
        room = room.checked_sub(length).ok_or_else(|| {
            let message = format!("the folder holds more than {} MiB", MAX_BYTES >> 20);
            error(&folder.join(FILE), message, "keep data out of a player's folder")
        })?;
        // Lengths before contents, so that no two folders look the same.
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes()).update(one.finalize().as_bytes());
    }
    Ok(Digest(*hasher.finalize().as_bytes()))
}

fn collect(folder: &Path, relative: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), ManifestError> {
    let here = folder.join(relative);
    for entry in std::fs::read_dir(&here).map_err(unreadable(&here))? {
        let entry = entry.map_err(unreadable(&here))?;
        let kind = entry.file_type().map_err(unreadable(&entry.path()))?;
        let path = relative.join(entry.file_name());
        if kind.is_dir() && !SKIPPED.iter().any(|skipped| entry.file_name() == *skipped) {
            if depth >= MAX_DEPTH {
                return Err(error(&folder.join(FILE), "folders are nested too deep beside it", "keep the player flat"));
            }
            collect(folder, &path, depth + 1, files)?;
        } else if kind.is_file() {
            files.push(path);
        }
        if files.len() > MAX_FILES {
            let message = format!("the folder holds more than {MAX_FILES} files");
            return Err(error(&folder.join(FILE), message, "keep data out of a player's folder"));
        }
    }
    Ok(())
}
