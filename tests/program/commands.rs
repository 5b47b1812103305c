//! Each command once, as its help shows it.

use crate::house::House;
use serde_json::Value;

#[test]
fn play_streams_json_and_ends_with_the_summary() {
    let house = House::new();
    house.expect(0, &["new", "hello"]);
    let lines = house.expect(0, &["play", "hello.melody.toml", "--json", "-i", "name=Ada"]).lines;
    assert!(lines.iter().all(|line| line["run"].is_string()), "{lines:?}");
    let (summary, events) = lines.split_last().expect("lines");
    assert!(events.iter().all(|event| event["event"].is_string()));
    let numbers: Vec<u64> = events.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>(), "numbers have no gaps");
    assert_eq!(summary["status"], "completed");
    assert_eq!((&summary["nodes"], &summary["played"]), (&Value::from(1), &Value::from(1)));
    assert_eq!((&summary["skipped"], &summary["failed"]), (&Value::from(0), &Value::from(0)));
    assert!(summary["cost_usd"].is_number() && summary["wall_s"].is_number());
    let digest = blake3_of(r#""Hello, Ada!""#);
    assert_eq!(summary["artifacts"]["greeting"], digest);
    assert_eq!(house.expect(0, &["show", "last", "--output", "greeting"]).stdout, "Hello, Ada!");
}

/// The digest of a value's canonical JSON, by the library's own means.
fn blake3_of(canonical: &str) -> String {
    symphony_ecs_core::value::Digest::of(canonical.as_bytes()).to_string()
}

#[test]
fn every_template_checks_and_those_that_need_nobody_play() {
    let house = House::new();
    git(&house);
    let listed = house.expect(0, &["new", "--list"]).stdout;
    let templates: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(templates.len() >= 5, "{listed}");
    for template in templates {
        house.expect(0, &["new", template]);
        let melody = format!("{template}.melody.toml");
        let checked = house.expect(0, &["check", &melody]);
        assert_eq!(checked.stderr, "", "{template} has warnings");
        house.expect(0, &["graph", &melody]);
        if template != "approval" {
            house.expect(0, &["play", &melody, "--quiet"]);
        }
    }
}

/// A repository with a commit, for templates that read one.
fn git(house: &House) {
    let script = "git init -q . && git config user.name Ada && git config user.email ada@example.org \
                  && git commit -q --allow-empty -m 'Fix the first thing'";
    let status = std::process::Command::new("sh").args(["-c", script]).current_dir(house.path()).status();
    assert!(status.expect("sh runs").success());
}

#[test]
fn the_state_folder_ignores_itself_and_lies_where_it_is_told() {
    let house = House::new();
    house.expect(0, &["new", "hello"]);
    house.expect(0, &["play", "hello.melody.toml", "-q"]);
    assert_eq!(house.read(".symphony/.gitignore"), "*\n");
    house.expect(0, &["play", "hello.melody.toml", "-q", "--state", "elsewhere/deep"]);
    assert_eq!(house.read("elsewhere/deep/.gitignore"), "*\n");
    assert_eq!(house.expect(0, &["runs", "--json"]).lines.len(), 1);
    let mut command = house.symphony(&["runs", "--json"]);
    let output = command.env("SYMPHONY_STATE", "elsewhere/deep").output().expect("the program starts");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1);
}

#[test]
fn runs_and_show_tell_what_was() {
    let house = House::new();
    house.expect(0, &["new", "loop"]);
    house.expect(0, &["play", "loop.melody.toml", "-q"]);
    let runs = house.expect(0, &["runs", "--json"]).lines;
    assert_eq!((&runs[0]["status"], &runs[0]["melody"]), (&"completed".into(), &"loop".into()));
    let show = house.expect(0, &["show", "last", "--json"]).lines.remove(0);
    assert_eq!(show["summary"]["status"], "completed");
    let nodes = show["nodes"].as_array().expect("nodes");
    assert!(nodes.iter().any(|node| node["node"] == "draft" && node["status"] == "done"), "{nodes:?}");
    let id = runs[0]["run"].as_str().expect("an id");
    assert!(house.expect(0, &["show", &id[id.len() - 6..]]).stdout.contains("polish"));
    house.expect(2, &["show", "nosuchrun"]);
    house.expect(2, &["show", "last", "--output", "nothing"]);
}

#[test]
fn resuming_what_is_over_tells_how_it_ended() {
    let house = House::new();
    house.expect(0, &["new", "hello"]);
    let played = house.expect(0, &["play", "hello.melody.toml", "--json"]).lines;
    let resumed = house.expect(0, &["resume", "last", "--json"]).lines;
    let (played, resumed) = (played.last().expect("a summary"), resumed.last().expect("a summary"));
    for key in ["run", "status", "nodes", "played", "artifacts"] {
        assert_eq!(played[key], resumed[key], "{key}");
    }
}

#[test]
fn rehearsals_are_equal_byte_for_byte() {
    let house = House::new();
    house.expect(0, &["new", "loop"]);
    let rehearse = |seed: &str| {
        let said = house.expect(0, &["play", "loop.melody.toml", "--rehearse", "--seed", seed, "--json"]);
        let run = said.lines[0]["run"].as_str().expect("an id").to_owned();
        said.stdout.replace(&run, "RUN")
    };
    assert_eq!(rehearse("7"), rehearse("7"));
}

#[test]
fn graphs_are_drawn_with_bodies_as_clusters() {
    let house = House::new();
    house.expect(0, &["new", "loop"]);
    let dot = house.expect(0, &["graph", "loop.melody.toml"]).stdout;
    assert!(dot.starts_with("digraph \"loop\" {") && dot.contains("subgraph cluster_"), "{dot}");
    let mermaid = house.expect(0, &["graph", "loop.melody.toml", "--format", "mermaid"]).stdout;
    assert!(mermaid.starts_with("flowchart LR\n") && mermaid.contains("subgraph "), "{mermaid}");
}

#[test]
fn a_lock_binds_players_to_what_they_were() {
    let house = House::new();
    let player = |version: &str| {
        house.write(
            ".symphony/extensions/echo/Symphony.toml",
            format!(
                "schema = 1\n[extension]\nid = \"echo\"\nversion = \"{version}\"\nkind = \"operator\"\n\
                 [runtime]\ncommand = [\"cat\"]\n[operation.say]\nin = {{ text = \"text\" }}\nout = {{ text = \"text\" }}\n"
            ),
        )
    };
    player("1.0.0");
    let melody =
        "format = 1\nname = \"a\"\n[node.say]\nuses = \"operator:echo/say\"\nin = { text = { value = \"x\" } }\n";
    house.write("a.melody.toml", melody);
    house.expect(0, &["check", "a.melody.toml", "--lock"]);
    assert!(house.read("a.melody.lock").contains("operator:echo/say"), "{}", house.read("a.melody.lock"));
    house.expect(0, &["check", "a.melody.toml"]);
    player("1.0.1");
    let said = house.expect(3, &["check", "a.melody.toml"]);
    assert!(said.stderr.contains("locked to 1.0.0"), "{}", said.stderr);
}

#[test]
fn the_doctor_finds_what_ails() {
    let house = House::new();
    let findings = house.expect(0, &["doctor", "--json"]).lines.remove(0);
    assert!(findings["findings"].as_array().expect("findings").iter().all(|finding| finding["what"].is_string()));
    assert!(!house.path().join(".symphony").exists(), "the doctor changes nothing");
    house.write(".symphony/extensions/odd/Symphony.toml", "schema = 1\nfoo = 2\n");
    let said = house.expect(5, &["doctor"]);
    assert!(said.stdout.contains("player odd"), "{}", said.stdout);
    house.expect(0, &["new", "hello"]);
    house.expect(0, &["play", "hello.melody.toml", "-q"]);
    let id = house.expect(0, &["runs", "--json"]).lines[0]["run"].as_str().expect("an id").to_owned();
    house.write(&format!(".symphony/runs/{id}/journal.db"), "not a database at all, and long enough to look like one");
    let said = house.expect(4, &["doctor"]);
    assert!(said.stdout.contains(&format!("run {id}")), "{}", said.stdout);
}

#[test]
fn completions_and_help_are_there() {
    let house = House::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(house.expect(0, &["completions", shell]).stdout.contains("symphony"));
    }
    let help = house.expect(0, &["--help"]).stdout;
    for words in ["Exit codes:", "130", "Examples:", "resume"] {
        assert!(help.contains(words), "{help}");
    }
    let schema = house.expect(0, &["check", "--schema"]).stdout;
    assert!(serde_json::from_str::<Value>(&schema).is_ok());
}
