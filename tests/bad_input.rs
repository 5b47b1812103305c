//! Bad input: each mistake gets a clear error with its place and cure and a documented exit code, and loses nothing.

mod house;

use house::House;
use std::os::unix::fs::PermissionsExt as _;

const FINE: &str =
    "format = 1\nname = \"fine\"\n[node.a]\nuses = \"builtin:template/render\"\nwith = { template = \"hi\" }\n";

fn node(body: &str) -> String {
    format!("format = 1\nname = \"bad\"\n{body}")
}

#[test]
fn mistakes_in_a_melody_name_their_place_and_cure() {
    let house = House::new();
    let shell = |extra: &str| format!("uses = \"operator:shell/run\"\nwith = {{ command = \"true\" }}\n{extra}\n");
    let cases = [
        ("type", node(&format!("[node.a]\n{}", "uses = 5")), "uses"),
        ("cycle", node(&format!("[node.a]\n{}[node.b]\n{}", shell("needs = [\"b\"]"), shell("needs = [\"a\"]"))), "→"),
        ("player", node("[node.a]\nuses = \"operator:nobody/run\"\n"), "nobody"),
        (
            "port",
            node(&format!("[node.a]\n{}[node.b]\n{}", shell(""), shell("in = { stdin = \"a.stduot\" }"))),
            "stdout",
        ),
        (
            "mismatch",
            node(&format!(
                "[node.a]\n{}[node.b]\n{}",
                shell(""),
                "uses = \"builtin:text/upper\"\nin = { text = \"a.code\" }\n"
            )),
            "int",
        ),
        ("key", node("[node.a]\nuse = \"operator:shell/run\"\n"), "uses"),
        ("toml", "format = 1\nname = \"x\n".to_owned(), "2"),
        ("deep", format!("format = 1\nname = {}{}\n", "[".repeat(10_000), "]".repeat(10_000)), "deep"),
    ];
    for (what, text, hint) in cases {
        let file = format!("{what}.melody.toml");
        house.write(&file, text);
        for command in ["check", "play"] {
            let said = house.say(&[command, &file]);
            assert_eq!(said.code, Some(3), "{command} {what}: {} {}", said.stdout, said.stderr);
            let all = format!("{}{}", said.stdout, said.stderr);
            assert!(all.contains(&file) && all.contains(hint), "{command} {what}: {all}");
        }
    }
}

#[test]
fn files_that_cannot_be_melodies_are_refused_quickly() {
    let house = House::new();
    house.write("latin1.melody.toml", b"format = 1\nname = \"caf\xe9\"\n");
    house.write("huge.melody.toml", vec![b'x'; 50 << 20]);
    house.write("zeros.melody.toml", vec![0; 4096]);
    for (file, hint) in [
        ("missing.melody.toml", "missing.melody.toml"),
        ("latin1.melody.toml", "UTF-8"),
        ("huge.melody.toml", "MiB"),
        ("zeros.melody.toml", "zeros.melody.toml"),
    ] {
        let said = house.say(&["play", file]);
        assert_eq!(said.code, Some(3), "{file}: {}", said.stderr);
        assert!(said.stderr.contains(hint), "{file}: {}", said.stderr);
    }
    assert!(house.runs().is_empty(), "nothing was begun");
}

#[test]
fn a_damaged_or_newer_journal_is_named_and_left_alone() {
    let house = House::new();
    house.write("m.melody.toml", FINE);
    let run = house.say(&["play", "m.melody.toml", "--json"]).summary()["run"].as_str().unwrap().to_owned();
    let journal = house.path().join(format!(".symphony/runs/{run}/journal.db"));
    let intact = std::fs::read(&journal).unwrap();
    // The format's version stands in bytes 60 to 63 of an SQLite file (`user_version`).
    let mut newer = intact.clone();
    newer[63] = 99;
    std::fs::write(&journal, &newer).unwrap();
    let said = house.say(&["resume", &run]);
    assert_eq!(said.code, Some(4), "{}", said.stderr);
    assert!(said.stderr.contains("newer"), "{}", said.stderr);
    assert_eq!(std::fs::read(&journal).unwrap(), newer, "it was left alone");
    std::fs::write(&journal, vec![7; 8192]).unwrap();
    let said = house.say(&["resume", &run]);
    assert_eq!(said.code, Some(4), "{}", said.stderr);
    assert!(said.stderr.contains("journal.db"), "{}", said.stderr);
    std::fs::write(&journal, &intact).unwrap();
    assert_eq!(house.say(&["resume", &run]).code, Some(0));
}

#[test]
fn a_state_folder_that_cannot_be_written_is_named() {
    let house = House::new();
    house.write("m.melody.toml", FINE);
    // Root may write anywhere, so the folder is made impossible rather than forbidden.
    let file = house.write("state", "a file, not a folder");
    let said = house.say(&["play", "m.melody.toml", "--state", file.to_str().unwrap()]);
    assert_eq!(said.code, Some(4), "{}", said.stderr);
    assert!(said.stderr.contains("state"), "{}", said.stderr);
    let folder = house.path().join("read-only");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o555)).unwrap();
    if !rustix::process::geteuid().is_root() {
        let said = house.say(&["play", "m.melody.toml", "--state", folder.to_str().unwrap()]);
        assert_eq!(said.code, Some(4), "{}", said.stderr);
    }
}

#[test]
fn wrong_inputs_are_named() {
    let house = House::new();
    house.write("m.melody.toml", "format = 1\nname = \"x\"\n[inputs]\nn = { type = \"int\", required = true }\n[node.a]\nuses = \"builtin:template/render\"\nin = { n = \"inputs.n\" }\nwith = { template = \"{{ n }}\" }\n");
    for (input, hint) in [("n=many", "int"), ("m=1", "no input `m`"), ("n", "NAME=VALUE")] {
        let said = house.say(&["play", "m.melody.toml", "--input", input]);
        assert_eq!(said.code, Some(2), "{input}: {}", said.stderr);
        assert!(said.stderr.contains(hint), "{input}: {}", said.stderr);
    }
    assert_eq!(house.say(&["play", "m.melody.toml"]).code, Some(2));
    assert!(house.runs().is_empty(), "nothing was begun");
}
