//! The further examples: each does something useful, on material of the test's own.

use crate::house::House;
use std::path::Path;
use std::process::Command;

/// A house with the examples in it: their Python files are named from the folder above them.
fn house() -> House {
    let house = House::new();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let status = Command::new("cp").arg("-r").arg(examples).arg(house.path().join("examples")).status().unwrap();
    assert!(status.success());
    house
}

#[test]
fn documents_become_pages_an_index_and_a_report() {
    let house = house();
    house.write("notes/a.md", "# Alpha\n\nMusic for *strings*, see [beta](b.md) and [gone](gone.md).\n");
    house.write(
        "notes/b.md",
        "# Beta\n\n- music for `winds`\n- a [page](https://example.org)\n\n```\n[no](link.md)\n```\n",
    );
    let play = ["play", "examples/documents.melody.toml", "--input", "pattern=notes/*.md", "--json"];
    let said = house.expect(0, &play);
    assert_eq!(said.summary()["status"], "completed");
    let page = house.read("site/notes/a.md.html");
    assert!(page.contains("<h1>Alpha</h1>") && page.contains("<em>strings</em>"), "{page}");
    assert!(page.contains(r#"<a href="b.md">beta</a>"#), "{page}");
    let terms: serde_json::Value = serde_json::from_str(&house.read("site/index.json")).unwrap();
    assert_eq!(terms["music"], serde_json::json!({"notes/a.md": 1, "notes/b.md": 1}));
    let report = house.read("site/REPORT.md");
    assert!(report.contains("- `notes/a.md` line 3: `gone.md` leads nowhere"), "{report}");
    assert!(!report.contains("link.md"), "code is no prose\n{report}");
}

#[test]
fn a_change_is_reviewed_by_rules_and_by_a_model() {
    let house = house();
    let git = |words: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "init.defaultBranch=main", "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]);
        let status = command.args(words).env("GIT_CONFIG_GLOBAL", "/dev/null").current_dir(house.path()).status();
        assert!(status.unwrap().success(), "git {words:?}");
    };
    git(&["init", "-q"]);
    house.write("door.rs", "fn open() {}\n");
    git(&["add", "door.rs"]);
    git(&["commit", "-q", "-m", "Add a door"]);
    house.write("door.rs", "fn open() {\n    dbg!(1);\n    lock.get().unwrap(); // TODO\n}\n");
    let play = ["play", "examples/code-review.melody.toml", "--json", "--input"];
    house.expect(0, &[&play[..], &["from=HEAD"]].concat());
    let review = house.read("REVIEW.md");
    assert!(review.starts_with("# Review: fix\n"), "{review}");
    assert!(review.contains("## Before it can land\n\n- `door.rs:2` a macro that must not stay"), "{review}");
    assert!(review.contains("- warning, line 3: `unwrap` outside of a test"), "{review}");
    assert!(review.contains("Looks fine."), "the stand-in's opinion\n{review}");

    git(&["commit", "-q", "-a", "-m", "Open the door"]);
    git(&["commit", "-q", "--allow-empty", "-m", "Rest"]);
    house.expect(0, &[&play[..], &["path=EMPTY.md"]].concat());
    assert!(house.read("EMPTY.md").starts_with("# Review: approve\n\n0 files"), "{}", house.read("EMPTY.md"));
}

#[test]
fn eight_stages_build_a_program_that_works() {
    let house = house();
    let said = house.expect(0, &["play", "examples/agent-development.melody.toml", "--json"]);
    for stage in
        ["intent", "vision", "breakdown", "architecture", "coordination", "logic", "implementation", "assembly"]
    {
        assert!(said.nodes("node_played").contains(&stage), "{stage}\n{}", said.stdout);
    }
    assert!(said.nodes("node_played").contains(&"assembly[0].repair"), "the tests found the first attempt's mistake");
    let program = Command::new("python3").args(["built/main.py", "1994", "xlii"]).current_dir(house.path()).output();
    assert_eq!(String::from_utf8_lossy(&program.unwrap().stdout), "MCMXCIV\n42\n");
}

#[test]
fn a_recorded_execution_is_forecast_and_becomes_a_melody() {
    let house = house();
    let recorded = "examples/recorded/star-map.json";
    let counts = house.expect(0, &["import", recorded, "--out", "star-map.melody.toml", "--json"]).summary().clone();
    assert_eq!((&counts["nodes"], &counts["edges"]), (&44.into(), &75.into()), "{counts}");
    let on = ["--machines", "4", "--policy", "heft", "--json"];
    let forecast = |file: &str| house.expect(0, &[&["simulate", file], &on[..]].concat()).summary().clone();
    let (recording, melody) = (forecast(recorded), forecast("star-map.melody.toml"));
    assert_eq!(recording["makespan_s"], melody["makespan_s"]);
    assert_eq!(recording["critical_path"].as_array().and_then(|path| path.last()), Some(&"detect_00".into()));
    assert!(recording["makespan_s"].as_f64() >= recording["lower_bound_s"].as_f64(), "{recording}");
}
