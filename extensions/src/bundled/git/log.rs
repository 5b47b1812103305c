//! `git/log`: commits of a range, newest first.

use super::repository::Repository;
use crate::bundled::ask::{Ask, refused};
use crate::bundled::process::Stdin;
use crate::sdk::{Call, ErrorClass, Failure, Outcome, Value};
use std::collections::BTreeMap;

/// Commits a call gives when it does not say how many.
const DEFAULT_MAX: u64 = 200;
/// Fields of a record, in order; they are separated (and records ended) by NUL, which no commit can hold.
const FIELDS: [&str; 7] = ["hash", "short", "author", "email", "date", "subject", "body"];
const FORMAT: &str = "--format=tformat:%H%x00%h%x00%an%x00%ae%x00%aI%x00%s%x00%b";

/// Plays `log`.
pub(super) fn log(call: &Call, repository: &Repository<'_>) -> Result<Outcome, Failure> {
    let Some(revisions) = revisions(call, repository)? else {
        repository.warn("the repository has no commits yet");
        return Ok(Outcome::of("commits", Vec::new()).with("count", Value::Int(0)));
    };
    let max = format!("--max-count={}", call.count("max", DEFAULT_MAX)?);
    let mut arguments = vec!["log", "-z", "--no-color", "--no-decorate", "--no-notes", "--no-patch", FORMAT, &max];
    let since = call.maybe_text("since")?.map(|since| format!("--since={since}"));
    arguments.extend(since.as_deref());
    if !call.flag("merges", true)? {
        arguments.push("--no-merges");
    }
    arguments.push("--end-of-options");
    arguments.extend(revisions.iter().map(String::as_str));
    arguments.push("--");
    let paths = call.texts("paths")?;
    arguments.extend(paths.iter().map(String::as_str));
    let mut commits = parse(&repository.read(&arguments, Stdin::Empty)?)?;
    if call.flag("files", false)? {
        add_files(&mut commits, repository)?;
    }
    let count = i64::try_from(commits.len()).unwrap_or(i64::MAX);
    let commits: Vec<Value> = commits.into_iter().map(Value::map).collect();
    Ok(Outcome::of("commits", commits).with("count", Value::Int(count)))
}

/// What to hand to git: names of commits, the excluded ones with `^` before them. `None` when there is no commit.
fn revisions(call: &Call, repository: &Repository<'_>) -> Result<Option<Vec<String>>, Failure> {
    let range = call.maybe_text("range")?.map(str::trim).filter(|range| !range.is_empty());
    let Some(range) = range else {
        return Ok(repository.commit("HEAD")?.map(|head| vec![head]));
    };
    let or_head = |revision: &str| if revision.is_empty() { "HEAD".to_owned() } else { revision.to_owned() };
    let (left, right, both) = match (range.split_once("..."), range.split_once("..")) {
        (Some((left, right)), _) => (or_head(left), or_head(right), true),
        (None, Some((left, right))) => (or_head(left), or_head(right), false),
        (None, None) => return repository.must_commit(range).map(|commit| Some(vec![commit])),
    };
    if left.starts_with('.') || right.starts_with('.') {
        return Err(refused(format!("`{range}` is no range of commits; write `A..B`, `A...B` or one commit")));
    }
    let right = repository.must_commit(&right)?;
    Ok(Some(match repository.commit(&left)? {
        Some(left) if both => vec![format!("{left}...{right}")],
        Some(left) => vec![right, format!("^{left}")],
        None => {
            repository.warn(&format!(
                "there is no commit `{left}` here (a shallow clone has only the newest ones); taking all commits up to \
                 the end of the range `{range}`"
            ));
            vec![right]
        }
    }))
}

/// Fields of a commit.
type Commit = BTreeMap<String, Value>;

fn parse(output: &[u8]) -> Result<Vec<Commit>, Failure> {
    let output = String::from_utf8_lossy(output);
    let mut fields: Vec<&str> = output.split('\0').collect();
    // Every field ends with a NUL, so there is nothing after the last one.
    if fields.last() == Some(&"") {
        fields.pop();
    }
    if !fields.len().is_multiple_of(FIELDS.len()) {
        let message = format!("git log gave {} fields, not a multiple of {}", fields.len(), FIELDS.len());
        return Err(Failure::new(ErrorClass::InvalidOutput, message));
    }
    let commit = |fields: &[&str]| {
        FIELDS.iter().zip(fields).map(|(name, text)| ((*name).to_owned(), Value::text(text.trim_end()))).collect()
    };
    Ok(fields.chunks_exact(FIELDS.len()).map(commit).collect())
}

/// Adds `files`, a list of `{ status, path, from? }`, to each commit. A merge lists no files.
fn add_files(commits: &mut [Commit], repository: &Repository<'_>) -> Result<(), Failure> {
    let hash = |commit: &Commit| commit.get("hash").and_then(Value::as_text).unwrap_or_default().to_owned();
    let names: String = commits.iter().map(|commit| hash(commit) + "\n").collect();
    let arguments =
        ["diff-tree", "--stdin", "-r", "-z", "--root", "-M", "--name-status", "--no-ext-diff", "--no-textconv"];
    let output = repository.read(&arguments, Stdin::Bytes(names.into_bytes()))?;
    let output = String::from_utf8_lossy(&output);
    let mut words = output.split('\0').filter(|word| !word.is_empty()).peekable();
    for commit in commits {
        let own = hash(commit);
        let mut files = Vec::new();
        // A commit without changes is not named at all.
        if words.next_if(|word| *word == own).is_some() {
            while let Some(status) = words.next_if(|word| word.len() <= 4) {
                files.push(changed(status, &mut words)?);
            }
        }
        commit.insert("files".to_owned(), Value::list(files));
    }
    Ok(())
}

/// One entry of a name-status list: its status, and the one or two paths that follow.
pub(super) fn changed<'w>(status: &str, words: &mut impl Iterator<Item = &'w str>) -> Result<Value, Failure> {
    let mut path = || {
        let cut = || Failure::new(ErrorClass::InvalidOutput, "git's list of files ends in the middle");
        words.next().map(Value::text).ok_or_else(cut)
    };
    let letter = status.chars().next().map(String::from).unwrap_or_default();
    let mut file = BTreeMap::from([("status".to_owned(), Value::text(letter.as_str()))]);
    if matches!(letter.as_str(), "R" | "C") {
        file.insert("from".to_owned(), path()?);
    }
    file.insert("path".to_owned(), path()?);
    Ok(Value::map(file))
}

#[cfg(test)]
mod tests {
    use super::super::trial::{commit, git, repository};
    use super::*;
    use crate::bundled::trial::{Notes, call, json, play};
    use crate::sdk::Level;
    use serde_json::json;
    use std::path::Path;

    fn log(folder: &Path, settings: &[(&str, Value)]) -> (Result<Vec<Value>, Failure>, Notes) {
        let (result, notes) = play("git", folder, call("log", &[], settings, &["commits"]));
        (result.map(|outcome| outcome.outputs["commits"].as_list().unwrap().to_vec()), notes)
    }

    fn subjects(folder: &Path, settings: &[(&str, Value)]) -> Vec<String> {
        let commits = log(folder, settings).0.unwrap();
        commits.iter().map(|commit| commit.get("subject").unwrap().as_text().unwrap().to_owned()).collect()
    }

    #[test]
    fn commits_come_newest_first_with_all_fields() {
        let folder = repository();
        let commits = log(folder.path(), &[("files", true.into())]).0.unwrap();
        assert_eq!(commits.len(), 3);
        let first = &commits[2];
        let field = |name: &str| first.get(name).unwrap().as_text().unwrap().to_owned();
        assert_eq!(field("hash"), git(folder.path(), &["rev-parse", "HEAD~2"]).trim());
        assert!(field("hash").starts_with(&field("short")));
        assert_eq!((field("author"), field("email")), ("Ada Löve".to_owned(), "ada@example.org".to_owned()));
        assert_eq!(field("date"), "2024-05-01T10:00:00+02:00");
        assert_eq!((field("subject"), field("body")), ("Add a".to_owned(), "With a body\nof two lines.".to_owned()));
        assert_eq!(first.get("files"), Some(&json(json!([{"path": "a.txt", "status": "A"}]))));
        assert_eq!(commits[1].get("files"), Some(&json(json!([{"path": "b ü.txt", "status": "A"}]))));
        assert_eq!(commits[0].get("subject"), Some(&Value::text("Fix \"a\"\tquickly")));
    }

    #[test]
    fn ranges_counts_and_paths() {
        let folder = repository();
        let at = folder.path();
        assert_eq!(subjects(at, &[("range", "v1..HEAD".into())]), ["Fix \"a\"\tquickly"]);
        assert_eq!(subjects(at, &[("range", "v1..".into())]), ["Fix \"a\"\tquickly"]);
        assert_eq!(subjects(at, &[("range", "v1...HEAD".into())]), ["Fix \"a\"\tquickly"]);
        assert_eq!(subjects(at, &[("range", "v1".into()), ("max", Value::Int(1))]), ["Add b"]);
        assert_eq!(subjects(at, &[("paths", "b ü.txt".into())]), ["Add b"]);
        assert!(subjects(at, &[("since", "2030-01-01".into())]).is_empty());
        assert!(subjects(at, &[("max", Value::Int(0))]).is_empty());
    }

    #[test]
    fn a_missing_left_side_falls_back_and_a_missing_right_side_fails() {
        let folder = repository();
        let (commits, notes) = log(folder.path(), &[("range", "v0..HEAD".into())]);
        assert_eq!(commits.unwrap().len(), 3);
        assert!(notes.logged(Level::Warn, "no commit `v0`"));
        let failure = log(folder.path(), &[("range", "v1..nowhere".into())]).0.unwrap_err();
        assert_eq!(failure.class, ErrorClass::Io);
        assert!(failure.message.contains("no commit `nowhere`"));
    }

    #[test]
    fn a_shallow_clone_and_a_detached_head_do() {
        let folder = repository();
        let clone = tempfile::tempdir().unwrap();
        let url = format!("file://{}", folder.path().display());
        git(clone.path(), &["clone", "-q", "--depth", "1", &url, "."]);
        git(clone.path(), &["checkout", "-q", "--detach"]);
        let (commits, _) = log(clone.path(), &[("range", "v1..HEAD".into()), ("files", true.into())]);
        assert_eq!(commits.unwrap().len(), 1);
    }

    #[test]
    fn an_empty_repository_has_no_commits() {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q"]);
        let (commits, notes) = log(folder.path(), &[]);
        assert!(commits.unwrap().is_empty() && notes.logged(Level::Warn, "no commits"));
    }

    #[test]
    fn renames_and_merges_are_understood() {
        let folder = repository();
        let at = folder.path();
        git(at, &["checkout", "-q", "-b", "side", "HEAD~1"]);
        git(at, &["mv", "a.txt", "moved.txt"]);
        git(at, &["commit", "-q", "-m", "Move a"]);
        git(at, &["checkout", "-q", "main"]);
        git(at, &["merge", "-q", "--no-edit", "side"]);
        let commits = log(at, &[("files", true.into()), ("range", "v1..".into())]).0.unwrap();
        assert_eq!(commits.len(), 3);
        let moved = commits.iter().find(|commit| commit.get("subject") == Some(&"Move a".into())).unwrap();
        assert_eq!(moved.get("files"), Some(&json(json!([{"from": "a.txt", "path": "moved.txt", "status": "R"}]))));
        assert_eq!(subjects(at, &[("merges", false.into()), ("range", "v1..".into())]).len(), 2);
    }

    #[test]
    fn nothing_a_person_names_becomes_an_option() {
        let folder = repository();
        for range in ["--output=stolen", "--all", "v1..--all", "-n1", "^v1", "....", ""] {
            let _ = log(folder.path(), &[("range", range.into())]);
        }
        let _ = log(folder.path(), &[("paths", "--output=stolen".into())]);
        let _ = log(folder.path(), &[("since", "--output=stolen".into())]);
        assert!(!folder.path().join("stolen").exists());
        assert!(log(folder.path(), &[("range", "--all".into())]).0.is_err());
    }

    #[test]
    fn a_folder_without_a_repository_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let failure = log(folder.path(), &[]).0.unwrap_err();
        assert!(failure.class == ErrorClass::Io && failure.message.contains("is no git repository"));
        let failure = log(folder.path(), &[("repo", "missing".into())]).0.unwrap_err();
        assert!(failure.message.contains("is not a folder"));
    }

    #[test]
    fn a_long_history_is_cut_at_the_default() {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q"]);
        commit(folder.path(), "a", "a", "first");
        let import: String = (0..250)
            .map(|n| {
                let from = if n == 0 { "from refs/heads/main^0\n" } else { "" };
                format!("commit refs/heads/main\ncommitter A <a@b> {} +0000\ndata 2\nc\n{from}", 1_800_000_000 + n)
            })
            .collect();
        std::fs::write(folder.path().join("import"), import).unwrap();
        let script = "git fast-import --quiet < import";
        assert!(
            std::process::Command::new("sh")
                .args(["-c", script])
                .current_dir(folder.path())
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(log(folder.path(), &[]).0.unwrap().len(), 200);
        assert_eq!(log(folder.path(), &[("max", Value::Int(1000)), ("files", true.into())]).0.unwrap().len(), 251);
    }
}
