//! Time travel as a person meets it: show --at, replay, fork, diff and test, on the melody of the documents.

use crate::house::House;
use serde_json::Value as Json;
use std::fs;
use std::path::Path;

/// The page that shows all of it.
fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/time-travel.md");
    fs::read_to_string(path).expect("the page on time travel")
}

/// A block of the page.
fn block(begins: &str) -> String {
    let page = page();
    let mut blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let found = blocks.find(|block| block.starts_with(begins));
    found.unwrap_or_else(|| panic!("the page shows no block that begins with {begins}")).to_owned()
}

/// A house with the melody of the page and its pins.
fn house() -> House {
    let house = House::new();
    house.write("headline.melody.toml", block("format = 1"));
    house.write("headline.melody.pins", block("[inputs]"));
    house
}

fn play(house: &House, text: &str, code: i32) -> crate::house::Said {
    house.expect(code, &["play", "headline.melody.toml", "--input", &format!("text={text}"), "--json"])
}

/// The lines that are kept.
fn kept(stdout: &str) -> Vec<&str> {
    stdout.lines().filter(|line| line.contains("\"seq\":")).collect()
}

#[test]
fn a_replay_is_the_export_byte_for_byte() {
    let house = house();
    for (text, code) in [("the cat sat", 0), ("one two three four five six seven", 1)] {
        let played = play(&house, text, code);
        let told = house.expect(0, &["replay", "last", "--json"]);
        assert!(kept(&played.stdout).len() > 5);
        assert_eq!(kept(&told.stdout), kept(&played.stdout));
        assert_eq!(told.summary()["artifacts"], played.summary()["artifacts"]);
        assert_eq!(told.summary()["status"], played.summary()["status"]);
    }
    let plain = house.expect(0, &["replay", "last", "--plain", "--speed", "1000"]).stdout;
    assert!(plain.contains("check"), "{plain}");
}

#[test]
fn a_replay_calls_nobody() {
    let house = House::new();
    let melody = "format = 1\nname = \"t\"\n[outputs]\nx = \"once.stdout\"\n[node.once]\nuses = \"operator:shell/run\"\n\
                  with = { command = \"echo played >> played.txt; echo yes\" }\n";
    house.write("t.melody.toml", melody);
    house.expect(0, &["play", "t.melody.toml", "--json"]);
    house.expect(0, &["replay", "last", "--json"]);
    house.expect(0, &["show", "last", "--at", "100%"]);
    // What was finished is not called by a fork either; its output is shared.
    house.expect(0, &["fork", "last", "--json"]);
    assert_eq!(house.read("played.txt"), "played\n");
    assert_eq!(house.expect(0, &["show", "last", "--output", "x"]).stdout, "yes\n");
    // Before it was finished, it plays anew.
    house.expect(0, &["fork", "last", "--at", "1", "--json"]);
    assert_eq!(house.read("played.txt"), "played\nplayed\n");
}

#[test]
fn any_point_is_shown() {
    let house = house();
    let played = play(&house, "the cat sat", 0);
    let last = kept(&played.stdout).len() - 1;
    let at = |at: &str| house.expect(0, &["show", "last", "--at", at, "--json"]).lines.remove(0);
    let status = |moment: &Json, node: &str| {
        let nodes = moment["nodes"].as_array().expect("nodes");
        nodes.iter().find(|known| known["node"] == node).map(|node| node["status"].clone())
    };
    let first = at("0");
    assert_eq!((&first["event"], &first["events"]), (&0.into(), &(last + 1).into()));
    assert_eq!(status(&first, "page"), Some("pending".into()));
    let end = at(&last.to_string());
    assert_eq!((&end["status"], status(&end, "page")), (&"completed".into(), Some("done".into())));
    assert_eq!(at("100%")["nodes"], end["nodes"]);
    // At every event exactly the nodes are done that the story has told of.
    for (event, line) in kept(&played.stdout).into_iter().enumerate() {
        let notice: Json = serde_json::from_str(line).expect("JSON");
        if notice["event"] == "node_played" && !notice["node"].as_str().expect("a node").contains('[') {
            let node = notice["node"].as_str().expect("a node");
            assert_eq!(status(&at(&event.to_string()), node), Some("done".into()), "{node} at {event}");
            assert_ne!(status(&at(&(event - 1).to_string()), node), Some("done".into()), "{node} before {event}");
        }
    }
    let words = house.expect(0, &["show", "last", "--at", &last.to_string()]).stdout;
    assert!(words.contains("completed: "), "{words}");
    let said = house.expect(2, &["show", "last", "--at", "9999"]);
    assert!(said.stderr.contains("numbers 0 to"), "{}", said.stderr);
    assert!(house.expect(2, &["show", "last", "--at", "soon"]).stderr.contains("90%"));
}

#[test]
fn a_fork_at_every_event_gives_the_same() {
    let house = house();
    let played = play(&house, "the cat sat", 0);
    let original = house.runs().remove(0);
    for event in 0..kept(&played.stdout).len() {
        let forked = house.expect(0, &["fork", &original, "--at", &event.to_string(), "--json"]);
        assert_eq!(forked.summary()["artifacts"], played.summary()["artifacts"], "at {event}");
        assert_ne!(forked.summary()["run"], played.summary()["run"]);
        assert_eq!(forked.summary()["played"], played.summary()["played"], "at {event}");
        house.expect(0, &["diff", &original, "last"]);
    }
    let shown = &house.expect(0, &["show", "last", "--json"]).lines[0];
    assert_eq!(shown["origin"]["run"], original.as_str());
    // A fork of a fork.
    let again = house.expect(0, &["fork", "last", "--at", "50%", "--json"]);
    assert_eq!(again.summary()["artifacts"], played.summary()["artifacts"]);
}

#[test]
fn a_fork_takes_new_inputs_from_there_on() {
    let house = house();
    play(&house, "the cat sat", 0);
    let all = house.expect(0, &["fork", "last", "--at", "0", "--input", "text=a dog", "--json"]);
    assert_eq!(all.summary()["status"], "completed");
    assert_eq!(house.expect(0, &["show", "last", "--output", "page"]).stdout, "A DOG (2 words)");
    let said = house.expect(2, &["fork", "last", "--input", "colour=red"]);
    assert!(said.stderr.contains("no input `colour`"), "{}", said.stderr);
}

#[test]
fn a_failed_run_goes_on_after_its_melody_was_repaired() {
    let house = house();
    play(&house, "one two three four five six seven", 1);
    let original = house.runs().remove(0);
    // Nothing was repaired: it fails again.
    house.expect(1, &["fork", &original, "--json"]);
    house.write("repaired.melody.toml", block("format = 1").replace("max = 5", "max = 9"));
    let forked = house.expect(0, &["fork", &original, "--melody", "repaired.melody.toml", "--json"]);
    assert_eq!(forked.nodes("node_played"), ["check", "page"], "only what had not finished plays");
    let text = house.expect(0, &["show", "last", "--output", "page"]).stdout;
    assert_eq!(text, "ONE TWO THREE FOUR FIVE SIX SEVEN (7 words)");
    house.write(
        "other.melody.toml",
        block("format = 1").replace("node.size", "node.length").replace("size.", "length."),
    );
    let said = house.expect(3, &["fork", &original, "--melody", "other.melody.toml"]);
    assert!(said.stderr.contains("size is finished, and is missing in the new text"), "{}", said.stderr);
    assert!(said.stderr.contains("help: "), "{}", said.stderr);
}

#[test]
fn differences_are_told_and_decide_the_exit_code() {
    let house = house();
    let text = block("format = 1");
    house.write("same.melody.toml", format!("# a comment\n{text}\n"));
    assert_eq!(house.expect(0, &["diff", "headline.melody.toml", "same.melody.toml"]).stdout, "");
    house.write("other.melody.toml", text.replace("max = 5", "max = 9"));
    let said = house.expect(1, &["diff", "headline.melody.toml", "other.melody.toml"]).stdout;
    assert_eq!(said, "~ node check: with.max: 5 → 9\n");
    let json = house.expect(1, &["diff", "headline.melody.toml", "other.melody.toml", "--json"]).lines.remove(0);
    assert_eq!((&json["equal"], &json["changed"]["check"][0]["new"]), (&false.into(), &9.into()));

    play(&house, "the cat sat", 0);
    play(&house, "the cat sat", 0);
    play(&house, "the dog sat", 0);
    let runs = house.runs();
    house.expect(0, &["diff", &runs[0], &runs[1]]);
    let json = house.expect(1, &["diff", &runs[0], &runs[2], "--json"]).lines.remove(0);
    assert_eq!(json["equal"], false);
    let first = json["first"].as_str().expect("the first node that differs");
    assert!(json["nodes"][first].is_array(), "{json}");
    let words = house.expect(1, &["diff", &runs[0], &runs[2]]).stdout;
    assert!(words.contains("~ page: output text differs"), "{words}");
    house.expect(2, &["diff", &runs[0], "headline.melody.toml"]);
}

#[test]
fn pins_are_unit_tests() {
    let house = house();
    let said = house.expect(0, &["test"]);
    assert!(said.stdout.ends_with(" passed, 0 failed\n"), "{}", said.stdout);
    assert!(house.runs().is_empty(), "a test leaves no run behind");
    let pins = block("[inputs]");
    house.write("headline.melody.pins", pins.replacen("(3 words)", "(4 words)", 1));
    let said = house.expect(1, &["test", "headline.melody.toml", "--json"]);
    assert_eq!(said.summary()["failed"], 1);
    let failed = said.lines.iter().find(|line| line["ok"] == false).expect("a case that fails");
    assert!(failed["problems"][0].as_str().expect("a problem").contains("(4 words)"), "{failed}");
}

#[test]
fn mistakes_in_pins_have_their_line() {
    let house = house();
    let wrong = "[inputs]\ntext = 'a b'\n[node.nobody]\nx = 1\n[node.size]\nwords = 'many'\nletters = 3\n[expect]\nnothing = 1\n";
    house.write("headline.melody.pins", wrong);
    let said = house.expect(3, &["test", "headline.melody.toml"]).stderr;
    for (line, what) in
        [(3, "no node `nobody`"), (6, "size.words"), (7, "no output `letters`"), (9, "no output `nothing`")]
    {
        assert!(said.contains(&format!("headline.melody.pins:{line}:")), "line {line}: {said}");
        assert!(said.contains(what), "{what}: {said}");
    }
    house.write("headline.melody.pins", "[inputs\n");
    assert!(house.expect(3, &["test"]).stderr.contains("headline.melody.pins:1:"));
}

/// A melody that calls a program and asks a person, within a nested melody too.
const CALLING: &str = r#"
format = 1
name = "calling"
[outputs]
said = "loud.text"
[node.fetch]
uses = "operator:shell/run"
with = { command = "echo called >> called.txt; echo hello" }
[node.inner]
uses = "melody:./inner.melody.toml"
in = { text = "fetch.stdout" }
approve = { by = "human" }
[node.loud]
uses = "builtin:text/upper"
in = { text = "inner.text" }
"#;

const INNER: &str = r#"
format = 1
name = "inner"
[inputs]
text = { type = "text", required = true }
[outputs]
text = "more.stdout"
[node.more]
uses = "operator:shell/run"
in = { text = "inputs.text" }
with = { command = "echo called >> called.txt; echo \"$IN_TEXT!\"" }
"#;

#[test]
fn unpinned_players_are_refused_or_called_live() {
    let house = House::new();
    house.write("inner.melody.toml", INNER);
    house.write("calling.melody.toml", CALLING);
    house.write("calling.melody.pins", "[expect]\nsaid = \"HELLO!\"\n");
    let said = house.expect(1, &["test", "calling.melody.toml"]).stdout;
    for path in ["fetch is not pinned", "inner.more is not pinned"] {
        assert!(said.contains(path), "{path}: {said}");
    }
    let pins =
        "[node.fetch]\nstdout = \"hello\"\n[node.\"inner.more\"]\nstdout = \"Hello!\"\n[expect]\nsaid = \"HELLO!\"\n";
    house.write("calling.melody.pins", pins);
    house.expect(0, &["test", "calling.melody.toml"]);
    // The whole nested melody at once.
    house.write(
        "calling.melody.pins",
        "[node.fetch]\nstdout = \"x\"\n[node.inner]\ntext = \"whole\"\n[expect]\nsaid = \"WHOLE\"\n",
    );
    house.expect(0, &["test", "calling.melody.toml"]);
    assert_eq!(house.read("called.txt"), "", "nobody was called");
    let live = "[node.\"inner.more\"]\nstdout = \"Hello!\"\n[expect]\nsaid = \"HELLO!\"\n";
    house.write("calling.melody.pins", live);
    house.expect(0, &["test", "calling.melody.toml", "--live"]);
    assert_eq!(house.read("called.txt"), "called\n", "only what is not pinned");
}
