//! What is wrong is said with its place and its cure, with a documented exit code, and nothing is lost.

use crate::house::House;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// Plays a melody that is wrong and gives what was said.
fn refused(text: impl AsRef<[u8]>) -> String {
    let house = House::new();
    house.write("bad.melody.toml", text);
    let checked = house.expect(3, &["check", "bad.melody.toml"]);
    let played = house.expect(3, &["play", "bad.melody.toml"]);
    assert_eq!(checked.stderr, played.stderr, "play says what check says");
    assert!(!house.path().join(".symphony/runs").exists(), "nothing was begun");
    played.stderr
}

const HEAD: &str = "format = 1\nname = \"bad\"\n";

fn node(rest: &str) -> String {
    refused(format!("{HEAD}[node.a]\n{rest}"))
}

#[test]
fn melodies_that_are_wrong_show_the_line() {
    for (said, parts) in [
        (node("uses = \"builtin:text/upper\"\nin = { text = \"b.text\" }"), &["bad.melody.toml:5", "b.text"][..]),
        (node("uses = \"builtin:text/upper\"\nin = { text = \"a.text\" }"), &["bad.melody.toml:5"]),
        (node("uses = \"builtin:text/uper\"\nin = { text = { value = \"x\" } }"), &["bad.melody.toml:4", "upper"]),
        (node("uses = \"operator:nowhere/do\""), &["bad.melody.toml:4", ".symphony/extensions"]),
        (node("uses = \"builtin:text/upper\"\nin = { text = { value = 7 } }"), &["bad.melody.toml:5"]),
        (node("uses = \"builtin:text/upper\"\nin = { tex = { value = \"x\" } }"), &["bad.melody.toml:5", "text"]),
        (node("uses = \"builtin:text/upper\"\nretri = { max = 2 }"), &["bad.melody.toml:5", "retry"]),
        (node("loop = { body = \"missing.melody.toml\", max = 2 }"), &["missing.melody.toml"]),
    ] {
        for part in parts {
            assert!(said.contains(part), "{part}\n{said}");
        }
    }
}

#[test]
fn files_that_are_no_melodies_say_why() {
    let house = House::new();
    let said = house.expect(3, &["play", "missing.melody.toml"]).stderr;
    assert!(said.contains("missing.melody.toml: there is no such file"), "{said}");
    assert!(refused(b"name = \"\xff\"").contains("line 1 is not UTF-8"));
    assert!(refused("").contains("format"));
    let nested =
        format!("{HEAD}[inputs]\nx = {{ type = \"any\", default = {}{} }}\n", "[".repeat(10_000), "]".repeat(10_000));
    assert!(refused(nested).contains("nested"));
    let mut garbage = vec![b'a'; 50 << 20];
    garbage[7] = b'\n';
    let said = refused(garbage);
    assert!(said.contains("50 MiB"), "{said}");
}

#[test]
fn inputs_that_do_not_fit_are_usage_errors() {
    let house = House::new();
    let melody = format!(
        "{HEAD}[inputs]\nn = {{ type = \"int\", required = true }}\n[node.a]\nuses = \"builtin:value/pass\"\n\
                          in = {{ n = \"inputs.n\" }}\nout = {{ n = \"int\" }}\n"
    );
    house.write("a.melody.toml", melody);
    assert!(house.expect(2, &["play", "a.melody.toml"]).stderr.contains("--input n=VALUE"));
    assert!(house.expect(2, &["play", "a.melody.toml", "-i", "n=x"]).stderr.contains("input `n`"));
    assert!(house.expect(2, &["play", "a.melody.toml", "-i", "m=1"]).stderr.contains("takes: n"));
    house.expect(2, &["play"]);
    house.expect(2, &["dance"]);
    house.expect(0, &["play", "a.melody.toml", "-i", "n=1", "-q"]);
}

#[test]
fn a_state_folder_that_cannot_be_used_is_named() {
    let house = House::new();
    house.expect(0, &["new", "hello"]);
    house.write("blocked", "a file");
    let said = house.expect(4, &["play", "hello.melody.toml", "--state", "blocked"]).stderr;
    assert!(said.contains("blocked") && said.contains("--state DIR"), "{said}");
    // Root may write anywhere, so only a kernel file system refuses it as well.
    let said = house.expect(4, &["play", "hello.melody.toml", "--state", "/proc/symphony"]).stderr;
    assert!(said.contains("/proc/symphony"), "{said}");
    let folder = house.path().join("locked");
    fs::create_dir(&folder).expect("a folder");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).expect("permissions");
    if fs::write(folder.join("probe"), "").is_err() {
        let said = house.expect(4, &["play", "hello.melody.toml", "--state", "locked/state"]).stderr;
        assert!(said.contains("make the folder writable"), "{said}");
    }
}

#[test]
fn a_full_disk_is_said_and_nothing_is_lost() {
    // /dev/full is a disk that is always full, but only for one file; a small file system would need root.
    let house = House::new();
    house.expect(0, &["new", "hello"]);
    let full = fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    let output = house.symphony(&["play", "hello.melody.toml", "--json"]).stdout(full).output().expect("it starts");
    // The view is gone, the run is not.
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(house.expect(0, &["runs", "--json"]).lines[0]["status"], "completed");
}

#[test]
fn journals_that_are_damaged_or_newer_are_not_played() {
    let house = House::new();
    house.expect(0, &["new", "hello"]);
    house.expect(0, &["play", "hello.melody.toml", "-q"]);
    let id = house.expect(0, &["runs", "--json"]).lines[0]["run"].as_str().expect("an id").to_owned();
    let journal = format!(".symphony/runs/{id}/journal.db");
    let sound = fs::read(house.path().join(&journal)).expect("a journal");
    house.write(&journal, &sound[..sound.len() / 2]);
    for command in ["resume", "show"] {
        let said = house.expect(4, &[command, "last"]).stderr;
        assert!(said.contains("journal.db"), "{command}: {said}");
    }
    assert!(house.expect(0, &["runs"]).stdout.contains("unreadable"));
    house.write(&journal, sound);
    house.expect(0, &["resume", "last"]);
    fs::remove_file(house.path().join(&journal)).expect("gone");
    house.expect(4, &["resume", "last"]);
}
