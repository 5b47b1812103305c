//! `file/glob` and `file/list`: which files there are, in the order of their names.

use super::confine::resolve;
use crate::bundled::ask::{Ask, refused};
use crate::sdk::{Call, ErrorClass, Failure, Outcome, Reporter, Value};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::fs::FileType;
use std::path::Path;

/// Entries that one `glob` looks at.
const MAX_VISITED: usize = 1_000_000;
/// Paths that one `glob` gives when it does not say how many.
const DEFAULT_MAX: u64 = 10_000;
/// Folders within folders that `glob` enters.
const MAX_DEPTH: usize = 128;

/// Plays `glob`: the files that fit one of the patterns, relative to `folder`. `*` stays within a folder and
/// `**` does not; links to folders are not entered.
pub(super) fn glob(call: &Call, report: &dyn Reporter) -> Result<Outcome, Failure> {
    let patterns = call.texts("pattern")?;
    if patterns.is_empty() {
        return Err(refused("`pattern` is missing: give `with.pattern`, such as \"src/**/*.rs\""));
    }
    let within = call.maybe_text("folder")?.unwrap_or(".");
    let root = resolve(call, within)?;
    let max = usize::try_from(call.count("max", DEFAULT_MAX)?).unwrap_or(usize::MAX);
    let mut walk = Walk {
        patterns: compile(&patterns)?,
        hidden: call.flag("hidden", false)?,
        visited: 0,
        max,
        found: Vec::new(),
        report,
    };
    walk.folder(&root, "", 0)?;
    // By whole path, not folder by folder: the order is that of the texts.
    walk.found.sort();
    let count = i64::try_from(walk.found.len()).unwrap_or(i64::MAX);
    let prefix = if within == "." { String::new() } else { format!("{}/", within.trim_end_matches('/')) };
    let paths: Vec<Value> = walk.found.into_iter().map(|path| Value::text(format!("{prefix}{path}"))).collect();
    Ok(Outcome::of("paths", paths).with("count", Value::Int(count)))
}

fn compile(patterns: &[String]) -> Result<GlobSet, Failure> {
    let wrong = |error: globset::Error| refused(format!("`pattern`: {error}"));
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        if pattern.starts_with('/') || pattern.split('/').any(|part| part == "..") {
            let cure = "patterns are relative; `folder` names the folder to look in";
            return Err(Failure::new(ErrorClass::Denied, format!("`{pattern}` leaves the folder: {cure}")));
        }
        let pattern = pattern.trim_start_matches("./");
        set.add(GlobBuilder::new(pattern).literal_separator(true).build().map_err(wrong)?);
    }
    set.build().map_err(wrong)
}

/// A walk through folders.
struct Walk<'r> {
    patterns: GlobSet,
    hidden: bool,
    visited: usize,
    max: usize,
    found: Vec<String>,
    report: &'r dyn Reporter,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), Failure> {
        if self.report.is_cancelled() {
            return Err(Failure::cancelled());
        }
        for (name, kind) in entries(folder)? {
            self.visited += 1;
            if self.visited > MAX_VISITED {
                return Err(refused("there are more than 1,000,000 files below; name a folder with `folder`"));
            }
            if name.starts_with('.') && !self.hidden {
                continue;
            }
            let path = format!("{prefix}{name}");
            if kind.is_dir() {
                if depth < MAX_DEPTH {
                    self.folder(&folder.join(&name), &format!("{path}/"), depth + 1)?;
                }
            } else if self.patterns.is_match(&path) {
                if self.found.len() >= self.max {
                    let message = format!("more than {} files fit; narrow the pattern or raise `max`", self.max);
                    return Err(refused(message));
                }
                self.found.push(path);
            }
        }
        Ok(())
    }
}

/// The entries of a folder, by name. Names that are not UTF-8 are left out: no text can say them.
fn entries(folder: &Path) -> Result<Vec<(String, FileType)>, Failure> {
    let failed = |error: std::io::Error| Failure::io(format!("cannot look into {}", folder.display()), &error);
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if let Ok(name) = entry.file_name().into_string() {
            entries.push((name, entry.file_type().map_err(failed)?));
        }
    }
    entries.sort_by(|(left, _), (right, _)| left.cmp(right));
    Ok(entries)
}

/// Plays `list`: the entries of one folder as `{ name, kind, bytes? }`.
pub(super) fn list(call: &Call) -> Result<Outcome, Failure> {
    let folder = resolve(call, call.maybe_text("path")?.unwrap_or("."))?;
    let hidden = call.flag("hidden", false)?;
    let mut listed = Vec::new();
    for (name, kind) in entries(&folder)? {
        if name.starts_with('.') && !hidden {
            continue;
        }
        let word = match (kind.is_dir(), kind.is_file(), kind.is_symlink()) {
            (true, ..) => "folder",
            (_, true, _) => "file",
            (_, _, true) => "link",
            _ => "other",
        };
        let size = std::fs::symlink_metadata(folder.join(&name)).ok().filter(|_| kind.is_file());
        let mut entry = vec![("name", Value::text(name)), ("kind", Value::text(word))];
        entry.extend(size.map(|meta| ("bytes", Value::Int(i64::try_from(meta.len()).unwrap_or(i64::MAX)))));
        listed.push(Value::map(entry));
    }
    let count = i64::try_from(listed.len()).unwrap_or(i64::MAX);
    Ok(Outcome::of("entries", listed).with("count", Value::Int(count)))
}

#[cfg(test)]
mod tests {
    use crate::bundled::trial::{call, json, play};
    use crate::sdk::{ErrorClass, Failure, Value};
    use serde_json::json;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    fn tree() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for path in ["b/x.rs", "b/deep/y.rs", "a.rs", "c.txt", ".hidden/z.rs", "b-side.rs"] {
            let place = folder.path().join(path);
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::write(place, "12345").unwrap();
        }
        symlink("..", folder.path().join("b/up")).unwrap();
        folder
    }

    fn found(tree: &TempDir, settings: &[(&str, Value)]) -> Result<Value, Failure> {
        play("file", tree.path(), call("glob", &[], settings, &["paths"]))
            .0
            .map(|outcome| outcome.outputs["paths"].clone())
    }

    #[test]
    fn files_come_in_the_order_of_their_paths() {
        let tree = tree();
        let all = found(&tree, &[("pattern", "**/*.rs".into())]).unwrap();
        assert_eq!(all, json(json!(["a.rs", "b-side.rs", "b/deep/y.rs", "b/x.rs"])));
        assert_eq!(
            found(&tree, &[("pattern", json(json!(["*.rs", "*.txt"])))]).unwrap(),
            json(json!(["a.rs", "b-side.rs", "c.txt"]))
        );
        let below = found(&tree, &[("pattern", "*.rs".into()), ("folder", "b/".into())]).unwrap();
        assert_eq!(below, json(json!(["b/x.rs"])));
        let hidden = found(&tree, &[("pattern", "**/z.rs".into()), ("hidden", true.into())]).unwrap();
        assert_eq!(hidden, json(json!([".hidden/z.rs"])));
    }

    #[test]
    fn a_glob_is_bounded_and_stays_inside() {
        let tree = tree();
        let few = found(&tree, &[("pattern", "**".into()), ("max", Value::Int(2))]).unwrap_err();
        assert!(few.message.contains("more than 2"));
        assert_eq!(found(&tree, &[("pattern", "../*".into())]).unwrap_err().class, ErrorClass::Denied);
        assert_eq!(
            found(&tree, &[("pattern", "*".into()), ("folder", "b/up/..".into())]).unwrap_err().class,
            ErrorClass::Denied
        );
        assert!(found(&tree, &[("pattern", "[".into())]).unwrap_err().message.starts_with("`pattern`"));
        assert!(
            found(&tree, &[("pattern", "*".into()), ("folder", "nowhere".into())])
                .unwrap_err()
                .message
                .contains("nowhere")
        );
    }

    #[test]
    fn a_folder_is_listed() {
        let tree = tree();
        let call = call("list", &[], &[("path", "b".into())], &["entries"]);
        let entries = play("file", tree.path(), call).0.unwrap().outputs["entries"].clone();
        let expected = json!([
            {"kind": "folder", "name": "deep"}, {"kind": "link", "name": "up"}, {"bytes": 5, "kind": "file", "name": "x.rs"},
        ]);
        assert_eq!(entries, json(expected));
    }
}
