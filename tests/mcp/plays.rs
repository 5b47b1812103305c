//! What plays: both eras, typed ports, results of every kind, progress, cancellation, crashes.

use crate::house::{House, until};
use crate::stand::{failure, house, output, play};

const ECHO: &str = r#"uses = "mcp:own/echo"
in = { some_text = { value = "la" }, times = { value = 2 } }
with = { mood = "loud" }"#;

fn completed(said: &crate::house::Said) {
    assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
}

#[test]
fn a_tool_plays_in_both_eras() {
    for (era, protocol) in [("legacy", "2024-11-05"), ("modern", "2026-07-28"), ("deaf", "2024-11-05")] {
        let house = house(era);
        completed(&play(&house, ECHO, "text = \"n.text\""));
        assert_eq!(output(&house, "text"), "LA LA", "{era}");
        let listing = std::fs::read_dir(house.path().join(".symphony/mcp")).unwrap();
        let listing = listing.map(|entry| entry.unwrap().path()).find(|path| path.extension().is_some()).unwrap();
        assert!(std::fs::read_to_string(listing).unwrap().contains(protocol), "{era}");
    }
}

#[test]
fn every_kind_of_result_has_its_port() {
    let house = house("legacy");
    let node = "uses = \"mcp:own/weather\"\nin = { city = { value = \"Bonn\" } }";
    completed(&play(&house, node, "celsius = \"n.celsius\"\nsky = \"n.sky\"\nall = \"n.structured\""));
    assert_eq!((output(&house, "celsius"), output(&house, "sky")), ("21.5".into(), "clear".into()));
    assert!(output(&house, "all").contains("\"celsius\""));
    completed(&play(&house, "uses = \"mcp:own/picture\"", "files = \"n.files\"\ncontent = \"n.content\""));
    assert!(output(&house, "files").contains("image/png"), "{}", output(&house, "files"));
    assert!(output(&house, "content").contains("\"file\""));
}

#[test]
fn one_process_plays_all_calls_of_a_server() {
    let house = house("modern");
    house.write(
        "m.melody.toml",
        r#"
format = 1
name = "m"
[outputs]
counts = "n.text"
[node.list]
uses = "builtin:value/pass"
in = { value = { value = [1, 2, 3] } }
out = { value = "list<int>" }
[node.n]
uses = "mcp:own/count/All"
map = { over = "list.value", as = "item" }
"#,
    );
    let said = house.say(&["play", "m.melody.toml", "--json"]);
    completed(&said);
    let counts = output(&house, "counts");
    let counts: Vec<String> = serde_json::from_str(&counts).unwrap();
    let mut pids: Vec<&str> = counts.iter().filter_map(|count| count.split(' ').next()).collect();
    pids.dedup();
    assert_eq!((counts.len(), pids.len()), (3, 1), "{counts:?}");
}

#[test]
fn progress_is_passed_on_and_a_time_out_cancels() {
    let house = house("legacy");
    let node = "uses = \"mcp:own/slow\"\nin = { seconds = { value = 30.0 } }\nlimits = { timeout = \"1500ms\" }";
    let said = play(&house, node, "text = \"n.text\"");
    assert_eq!(failure(&said).0, "timeout", "{}", said.stdout);
    let progress: Vec<f64> = said
        .lines
        .iter()
        .filter(|line| line["event"] == "progress")
        .filter_map(|line| line["fraction"].as_f64())
        .collect();
    assert!(progress.len() > 1 && progress.iter().all(|fraction| (0.0..1.0).contains(fraction)), "{progress:?}");
    // The server heard of it, in the folder of its declaration.
    until("the server was told", || house.read("cancelled.txt") == "cancelled");
}

#[test]
fn a_crash_is_a_crash_and_the_next_call_has_a_new_server() {
    let house = house("legacy");
    house.write(
        "m.melody.toml",
        r#"
format = 1
name = "m"
[outputs]
text = "n.text"
[node.crash]
uses = "mcp:own/crash"
on_error = "skip"
[node.n]
uses = "mcp:own/echo"
in = { some_text = { value = "alive" } }
needs = [{ node = "crash", kind = "soft" }]
"#,
    );
    let said = house.say(&["play", "m.melody.toml", "--json"]);
    completed(&said);
    let (class, message) = failure(&said);
    assert_eq!(class, "crash");
    assert!(message.contains("exit status: 3") && message.contains("the score is on fire"), "{message}");
    assert_eq!(output(&house, "text"), "alive");
}

#[test]
fn errors_of_tools_have_classes_and_words() {
    let house = house("modern");
    let failed = |node: &str| failure(&play(&house, node, "text = \"n.text\""));
    let (class, message) = failed("uses = \"mcp:own/fail\"\nin = { why = { value = \"no such city\" } }");
    assert_eq!(class, "io");
    assert!(message.contains("no such city"), "{message}");
    let (class, message) = failed("uses = \"mcp:own/weather\"\nin = { city = { value = \"Nowhere\" } }");
    assert_eq!(class, "invalid_output", "{message}");
    let (class, message) = failed("uses = \"mcp:own/ask\"");
    assert_eq!(class, "refused");
    assert!(message.contains("asks for more input"), "{message}");
}

#[test]
fn secrets_reach_the_server_and_nothing_else() {
    let house = house("legacy");
    house.write("m.melody.toml", crate::stand::melody("uses = \"mcp:own/secret\"", "text = \"n.text\""));
    let mut command = house.symphony(&["play", "m.melody.toml", "--json"]);
    let said = crate::house::Said::of(command.env("SCRIPTED_TOKEN", "sk-very-secret").output().unwrap());
    completed(&said);
    assert_eq!(output(&house, "text"), "14");
    assert!(said.stdout.contains("my token is •••"), "{}", said.stdout);
    assert!(!said.stdout.contains("sk-very-secret") && !said.stderr.contains("sk-very-secret"));
    assert!(!holds(&house.path().join(".symphony"), b"sk-very-secret"), "a secret was written to the state folder");
}

fn holds(folder: &std::path::Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| match path.is_dir() {
        true => holds(&path, needle),
        false => std::fs::read(&path).is_ok_and(|bytes| holds_bytes(&bytes, needle)),
    })
}

fn holds_bytes(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn nothing_is_left_when_the_run_is_killed() {
    let house: House = house("legacy");
    let node = "uses = \"mcp:own/slow\"\nin = { seconds = { value = 60.0 } }";
    house.write("m.melody.toml", crate::stand::melody(node, "text = \"n.text\""));
    house.expect(0, &["check", "m.melody.toml"]);
    let mut run = house.start_into(&["play", "m.melody.toml", "--json"], "out.jsonl");
    house.wait_for("out.jsonl", "\"progress\"");
    run.kill().unwrap();
    run.wait().unwrap();
    // The server runs in the house's folder, which no other process does.
    until("the server is gone", || servers_in(house.path()) == 0);
}

/// Processes of the scripted server that run in a folder.
fn servers_in(folder: &std::path::Path) -> usize {
    let here = folder.canonicalize().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    processes
        .filter(|process| std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == here))
        .filter(|process| std::fs::read(process.join("cmdline")).is_ok_and(|line| holds_bytes(&line, b"server.py")))
        .count()
}
