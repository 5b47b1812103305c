//! Lays the Python SDK down where a player's interpreter finds it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use symphony_ecs_core::value::Digest;

/// The SDK, as it is in the repository.
const SDK: &str = include_str!("../sdk/python/symphony_player.py");

/// Writes the SDK below `cache`, if it is not there, and returns the folder for `PYTHONPATH`.
pub(super) fn lay_down(cache: &Path) -> io::Result<PathBuf> {
    let hex = Digest::of(SDK.as_bytes()).hex();
    let folder = cache.join("sdk").join(hex.get(..16).unwrap_or(&hex));
    let file = folder.join("symphony_player.py");
    // Somebody else may have written there: what a player imports is compared, not trusted.
    if fs::read(&file).is_ok_and(|bytes| bytes == SDK.as_bytes()) {
        return Ok(folder);
    }
    fs::create_dir_all(&folder)?;
    let draft = folder.join(format!(".{}-{:?}", std::process::id(), std::thread::current().id()));
    fs::write(&draft, SDK)?;
    fs::rename(&draft, &file)?;
    Ok(folder)
}
