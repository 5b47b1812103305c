//! `git/diff` and `git/show`: what changed between two commits, and what a commit or a file of it holds.

use super::log::changed;
use super::repository::Repository;
use crate::bundled::ask::{Ask, refused};
use crate::bundled::content::as_port;
use crate::bundled::process::Stdin;
use crate::sdk::{Call, ErrorClass, Failure, Outcome, PortType, Value};
use std::collections::BTreeMap;

/// Plays `diff`: from `from` (default `HEAD`) to `to`, or to the files of the work tree when `to` is left out.
pub(super) fn diff(call: &Call, repository: &Repository<'_>) -> Result<Outcome, Failure> {
    let from = repository.must_commit(call.maybe_text("from")?.unwrap_or("HEAD"))?;
    let to = call.maybe_text("to")?.map(|to| repository.must_commit(to)).transpose()?;
    let paths = call.texts("paths")?;
    let context = format!("--unified={}", call.count("context", 3)?);
    let read = |form: &[&str]| {
        let mut arguments = vec!["diff", "-M", "--no-color", "--no-ext-diff", "--no-textconv"];
        arguments.extend(form);
        arguments.extend(["--end-of-options", &from]);
        arguments.extend(to.as_deref());
        arguments.push("--");
        arguments.extend(paths.iter().map(String::as_str));
        repository.read(&arguments, Stdin::Empty)
    };
    let mut outcome = Outcome::default();
    if let Some(port) = call.outputs.iter().find(|port| port.name == "diff") {
        let value =
            as_port(lossy(read(&[&context])?, &port.ty), &port.ty, "text/x-diff", "the diff", repository.report)?;
        outcome = outcome.with("diff", value);
    }
    if call.wants("files") {
        outcome = outcome.with("files", files(&read(&["--name-status", "-z"])?, &read(&["--numstat", "-z"])?)?);
    }
    Ok(outcome)
}

/// A diff may hold bytes of any encoding; as text, what is not UTF-8 becomes the replacement character.
fn lossy(bytes: Vec<u8>, ty: &PortType) -> Vec<u8> {
    match ty {
        PortType::Artifact(_) | PortType::Bytes => bytes,
        _ => String::from_utf8_lossy(&bytes).into_owned().into_bytes(),
    }
}

/// `{ path, status, from?, added?, deleted? }` of every file; a binary file has no counts.
fn files(names: &[u8], counts: &[u8]) -> Result<Value, Failure> {
    let counts = String::from_utf8_lossy(counts);
    let mut words = counts.split('\0');
    let mut lines: BTreeMap<String, (Option<i64>, Option<i64>)> = BTreeMap::new();
    while let Some(word) = words.next().filter(|word| !word.is_empty()) {
        let mut columns = word.splitn(3, '\t');
        let (added, deleted) = (columns.next(), columns.next());
        let path = match columns.next() {
            // A rename: the old and the new path follow.
            Some("") => words.nth(1).unwrap_or_default(),
            Some(path) => path,
            None => return Err(Failure::new(ErrorClass::InvalidOutput, "git's list of counts is cut")),
        };
        let number = |text: Option<&str>| text.and_then(|text| text.parse().ok());
        lines.insert(path.to_owned(), (number(added), number(deleted)));
    }
    let names = String::from_utf8_lossy(names);
    let mut words = names.split('\0').filter(|word| !word.is_empty());
    let mut files = Vec::new();
    while let Some(status) = words.next() {
        let Value::Map(file) = changed(status, &mut words)? else { continue };
        let mut file = (*file).clone();
        let path = file.get("path").and_then(Value::as_text).unwrap_or_default();
        let (added, deleted) = lines.get(path).copied().unwrap_or_default();
        for (name, count) in [("added", added), ("deleted", deleted)] {
            if let Some(count) = count {
                file.insert(name.to_owned(), Value::Int(count));
            }
        }
        files.push(Value::map(file));
    }
    Ok(Value::list(files))
}

/// Plays `show`: a commit with its changes, or with `path` the file as that commit has it.
pub(super) fn show(call: &Call, repository: &Repository<'_>) -> Result<Outcome, Failure> {
    let commit = repository.must_commit(call.maybe_text("rev")?.unwrap_or("HEAD"))?;
    let ty = call.outputs.iter().find(|port| port.name == "text").map_or(PortType::Text, |port| port.ty.clone());
    let Some(path) = call.maybe_text("path")? else {
        let arguments = ["show", "--no-color", "--no-notes", "--no-ext-diff", "--no-textconv", "--format=fuller"];
        let arguments: Vec<&str> = arguments.into_iter().chain(["--end-of-options", &commit, "--"]).collect();
        let bytes = lossy(repository.read(&arguments, Stdin::Empty)?, &ty);
        return Ok(Outcome::of("text", as_port(bytes, &ty, "text/plain", "the commit", repository.report)?));
    };
    if path.is_empty() {
        return Err(refused("`path` is empty; leave it out to show the commit"));
    }
    let object = format!("{commit}:{path}");
    let ended = repository.ask(&["cat-file", "blob", &object], Stdin::Empty)?;
    if ended.code() != 0 {
        let message = format!("commit {commit} has no file `{path}`: {}", ended.tail());
        return Err(Failure::new(ErrorClass::Io, message));
    }
    Ok(Outcome::of("text", as_port(ended.stdout, &ty, "text/plain", path, repository.report)?))
}

#[cfg(test)]
mod tests {
    use super::super::trial::{git, repository};
    use super::*;
    use crate::bundled::trial::{call, json, play, typed};
    use serde_json::json;
    use std::path::Path;

    fn asked(at: &Path, operation: &str, settings: &[(&str, Value)], output: &str) -> Result<Value, Failure> {
        play("git", at, call(operation, &[], settings, &[output])).0.map(|outcome| outcome.outputs[output].clone())
    }

    #[test]
    fn a_diff_and_its_files() {
        let folder = repository();
        let at = folder.path();
        let range = [("from", "v1~1".into()), ("to", "HEAD".into())];
        let text = asked(at, "diff", &range, "diff").unwrap();
        assert!(text.as_text().unwrap().contains("+more\n"));
        let files = asked(at, "diff", &range, "files").unwrap();
        let expected = json!([
            {"added": 1, "deleted": 0, "path": "a.txt", "status": "M"},
            {"added": 1, "deleted": 0, "path": "b ü.txt", "status": "A"},
        ]);
        assert_eq!(files, json(expected));
        let one =
            asked(at, "diff", &[("from", "v1~1".into()), ("to", "HEAD".into()), ("paths", "a.txt".into())], "files");
        assert_eq!(one.unwrap().as_list().unwrap().len(), 1);
    }

    #[test]
    fn without_an_end_it_is_the_work_tree() {
        let folder = repository();
        let at = folder.path();
        git(at, &["mv", "b ü.txt", "c.txt"]);
        std::fs::write(at.join("a.txt"), [0u8, 159, 10]).unwrap();
        let files = asked(at, "diff", &[], "files").unwrap();
        let expected = json!([
            {"path": "a.txt", "status": "M"},
            {"added": 0, "deleted": 0, "from": "b ü.txt", "path": "c.txt", "status": "R"},
        ]);
        assert_eq!(files, json(expected));
    }

    #[test]
    fn show_gives_a_commit_or_a_file() {
        let folder = repository();
        let at = folder.path();
        let commit = asked(at, "show", &[("rev", "v1".into())], "text").unwrap();
        assert!(commit.as_text().unwrap().contains("Ada Löve") && commit.as_text().unwrap().contains("+two"));
        let file = asked(at, "show", &[("rev", "v1".into()), ("path", "a.txt".into())], "text").unwrap();
        assert_eq!(file, Value::text("one\n"));
        let bytes = typed("show", &[], &[("path", "a.txt".into())], &[("text", PortType::Bytes)]);
        let bytes = play("git", at, bytes).0.unwrap();
        assert_eq!(bytes.outputs["text"], Value::Bytes(b"one\nmore\n".as_slice().into()));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let folder = repository();
        let at = folder.path();
        let failure = asked(at, "show", &[("path", "missing".into())], "text").unwrap_err();
        assert!(failure.class == ErrorClass::Io && failure.message.contains("no file `missing`"));
        let failure = asked(at, "diff", &[("from", "--output=stolen".into())], "diff").unwrap_err();
        assert!(failure.message.contains("no commit `--output=stolen`"));
        assert!(!at.join("stolen").exists());
    }
}
