//! Paths that stay below the working folder, symbolic links and all.

use crate::bundled::ask::{Ask, refused};
use crate::sdk::{Call, ErrorClass, Failure};
use std::path::{Component, Path, PathBuf};

/// The real place of a path that a call names: relative to the working folder, links followed. The path itself need
/// not exist.
///
/// # Errors
/// `denied` when the place is outside of the working folder and `outside` is not set; `io` when a folder on the way
/// cannot be read.
pub(in crate::bundled) fn resolve(call: &Call, path: &str) -> Result<PathBuf, Failure> {
    if path.is_empty() || path.contains('\0') {
        return Err(refused("`path` is empty, or holds a NUL"));
    }
    let root = real(&call.working_dir)?;
    let place = real(&root.join(path))?;
    if !place.starts_with(&root) && !call.flag("outside", false)? {
        let cure = "name a path inside of it, or set `outside = true`";
        let message = format!("`{path}` leaves the working folder {}; {cure}", root.display());
        return Err(Failure::new(ErrorClass::Denied, message));
    }
    Ok(place)
}

/// A path with its links followed. What does not exist yet is taken as it is written; `..` there goes up one.
fn real(path: &Path) -> Result<PathBuf, Failure> {
    match path.canonicalize() {
        Ok(place) => Ok(place),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // A link that leads nowhere is itself the end of the way: follow it by hand.
            if let Ok(target) = std::fs::read_link(path) {
                let folder = path.parent().unwrap_or(Path::new("/"));
                return match real(folder)?.join(target) {
                    next if next == path => Err(Failure::io(path.display(), &error)),
                    next => real_parent(&next),
                };
            }
            real_parent(path)
        }
        Err(error) => Err(Failure::io(path.display(), &error)),
    }
}

fn real_parent(path: &Path) -> Result<PathBuf, Failure> {
    let Some(parent) = path.parent() else { return Ok(path.to_owned()) };
    let mut place = real(parent)?;
    match path.components().next_back() {
        Some(Component::Normal(name)) => place.push(name),
        Some(Component::ParentDir) => {
            place.pop();
        }
        _ => {}
    }
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundled::trial::call;
    use crate::sdk::Value;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_what_lies_inside_is_reached() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("work");
        std::fs::create_dir_all(root.join("sub")).unwrap();
        std::fs::write(folder.path().join("secret"), "x").unwrap();
        symlink("..", root.join("up")).unwrap();
        symlink("../nowhere", root.join("dangling")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        let mut call = call("read", &[], &[], &[]);
        call.working_dir = root.clone();
        for inside in ["a", "sub/../b", "new/deep/c", "sub/./d"] {
            assert!(resolve(&call, inside).unwrap().starts_with(&root), "{inside}");
        }
        assert_eq!(resolve(&call, "new/../e").unwrap(), root.join("e"));
        for outside in ["../secret", "up/secret", "/etc/passwd", "dangling", "new/../../secret", "sub/../../x"] {
            assert_eq!(resolve(&call, outside).unwrap_err().class, ErrorClass::Denied, "{outside}");
        }
        assert!(resolve(&call, "loop").is_err());
        assert!(resolve(&call, "").is_err());
        call.settings.insert("outside".to_owned(), Value::Bool(true));
        assert_eq!(resolve(&call, "../secret").unwrap(), root.parent().unwrap().join("secret"));
    }
}
