//! The first example, on repositories of several kinds.

use crate::house::House;
use std::path::{Path, PathBuf};
use std::process::Command;

fn melody() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/release-notes.melody.toml")
}

/// Runs git with a person and a time that do not depend on the machine.
fn git(folder: &Path, words: &[&str]) {
    let status = Command::new("git")
        .args(["-c", "init.defaultBranch=main", "-c", "user.name=Ada", "-c", "user.email=ada@example.org"])
        .args(words)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z")
        .env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z")
        .current_dir(folder)
        .status()
        .expect("git runs");
    assert!(status.success(), "git {words:?}");
}

fn commits(house: &House, messages: &[&str]) {
    git(house.path(), &["init", "-q"]);
    for message in messages {
        git(house.path(), &["commit", "-q", "--allow-empty", "-m", message]);
    }
}

fn play(house: &House, code: i32) -> String {
    let melody = melody();
    let said = house.expect(code, &["play", &melody.to_string_lossy(), "--plain"]);
    format!("{}{}", said.stdout, said.stderr)
}

#[test]
fn notes_are_grouped_by_kind_and_thank_their_authors() {
    let house = House::new();
    let messages = [
        "feat(parser)!: read version 2 files\n\nBREAKING CHANGE: version 1 files must be converted.",
        "feat: fold long lines",
        "Add a map of the house",
        "fix: close the door; lock it",
        "docs: explain the door",
        "chore: sweep",
        "Quux the frobnicator",
    ];
    commits(&house, &messages);
    let said = play(&house, 0);
    let notes = house.read("RELEASE_NOTES.md");
    assert!(notes.starts_with("# Release notes\n\n*2026-01-02 to 2026-01-02, 7 commits*\n"), "{notes}");
    let places: Vec<usize> =
        ["## Breaking changes", "### When you upgrade", "## Features", "## Fixes", "## Documentation"]
            .iter()
            .chain(&["## Upkeep", "## Other changes", "## Thanks to"])
            .map(|heading| notes.find(&format!("\n\n{heading}\n\n")).unwrap_or_else(|| panic!("{heading}\n{notes}")))
            .collect();
    assert!(places.is_sorted(), "{notes}");
    for line in ["- fold long lines (", "- Add a map of the house (", "- close the door; lock it (", "- Ada (7)"] {
        assert!(notes.contains(line), "{line}\n{notes}");
    }
    assert!(said.contains("played   upgrade"), "{said}");
    assert!(!notes.contains("\n\n\n"), "{notes}");
}

#[test]
fn nothing_breaks_so_nothing_is_said_about_it() {
    let house = House::new();
    commits(&house, &["fix: one thing"]);
    let said = play(&house, 0);
    assert!(said.contains("skipped  upgrade"), "{said}");
    let notes = house.read("RELEASE_NOTES.md");
    assert!(!notes.contains("reaking") && notes.contains("1 commit"), "{notes}");
}

#[test]
fn a_shallow_clone_and_a_longer_story_do() {
    let origin = House::new();
    let messages: Vec<String> =
        (0..12).map(|number| format!("feat: the {number}th of a dozen useful new things")).collect();
    commits(&origin, &messages.iter().map(String::as_str).collect::<Vec<_>>());
    let said = play(&origin, 0);
    assert!(said.contains("played   polish[1].judge"), "the loop goes round at least twice\n{said}");
    let clone = House::new();
    let url = format!("file://{}", origin.path().display());
    git(clone.path(), &["clone", "-q", "--depth", "1", &url, "."]);
    play(&clone, 0);
    assert!(clone.read("RELEASE_NOTES.md").contains("1 commit"), "{}", clone.read("RELEASE_NOTES.md"));
}

#[test]
fn a_folder_without_a_repository_is_said() {
    let house = House::new();
    let said = play(&house, 1);
    assert!(said.contains("is no git repository"), "{said}");
    assert!(!house.path().join("RELEASE_NOTES.md").exists());
}
