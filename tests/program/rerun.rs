//! Playing again: what is clean is taken over, what changed plays, and `why` says which and why.

use crate::house::House;
use serde_json::Value;

/// Three steps by a shell, each of which leaves a line where it was played, and two functions between them.
const STEPS: &str = r#"
format = 1
name   = "steps"
[inputs]
who = { type = "text", default = "Ada" }
[outputs]
page = "page.stdout"
[node.facts]
uses = "operator:shell/run"
in   = { who = "inputs.who" }
with = { command = 'echo facts >> played.txt; echo "facts of $IN_WHO"' }
[node.title]
uses = "builtin:template/render"
in   = { who = "inputs.who" }
with = { template = "About {{ who }}" }
[node.draft]
uses = "operator:shell/run"
in   = { facts = "facts.stdout", title = "title.text" }
with = { command = 'echo draft >> played.txt; echo "$IN_TITLE: $IN_FACTS"' }
[node.page]
uses = "operator:shell/run"
in   = { stdin = "draft.stdout" }
with = { command = 'echo page >> played.txt; cat' }
"#;

fn steps() -> House {
    let house = House::new();
    house.write("steps.melody.toml", STEPS);
    house
}

/// Plays and gives what was played since the last time, and the summary.
fn play(house: &House, arguments: &[&str]) -> (String, Value) {
    house.write("played.txt", "");
    let said = house.expect(0, &[&["play", "steps.melody.toml", "--json"], arguments].concat());
    let mut lines: Vec<String> = house.read("played.txt").lines().map(str::to_owned).collect();
    lines.sort();
    (lines.join(" "), said.summary().clone())
}

fn why(house: &House, arguments: &[&str]) -> Value {
    house.expect(0, &[&["why", "--json"], arguments].concat()).lines.remove(0)
}

#[test]
fn what_is_clean_is_taken_over_and_what_changed_plays() {
    let house = steps();
    let (played, first) = play(&house, &[]);
    assert_eq!((played.as_str(), &first["played"], &first["reused"]), ("draft facts page", &4.into(), &0.into()));
    let (played, second) = play(&house, &[]);
    assert_eq!((played.as_str(), &second["played"], &second["reused"]), ("", &0.into(), &4.into()));
    assert_eq!(second["artifacts"], first["artifacts"]);
    // An edit of the draft's command plays the draft; it says the same, so the page is clean.
    house.write("steps.melody.toml", STEPS.replace("echo draft >>", "echo  draft >>"));
    assert_eq!(play(&house, &[]).0, "draft");
    house.write("steps.melody.toml", STEPS);
    assert_eq!(play(&house, &[]).0, "", "an edit that is taken back");
    let (played, other) = play(&house, &["--input", "who=Bo"]);
    assert_eq!((played.as_str(), &other["played"]), ("draft facts page", &4.into()));
    assert_eq!(play(&house, &["--fresh"]).0, "draft facts page");
}

#[test]
fn a_part_of_the_melody_is_played_anew_or_at_all() {
    let house = steps();
    let (played, summary) = play(&house, &["--until", "draft"]);
    assert_eq!((played.as_str(), &summary["skipped"]), ("draft facts", &1.into()));
    assert_eq!(play(&house, &["--from", "draft"]).0, "draft page");
    assert_eq!(play(&house, &["--from", "facts", "--until", "draft"]).0, "draft facts");
    let said = house.expect(2, &["play", "steps.melody.toml", "--from", "drafft"]);
    assert!(said.stderr.contains("no node `drafft`") && said.stderr.contains("`draft`"), "{}", said.stderr);
    house.expect(2, &["play", "steps.melody.toml", "--until", "nothing_like_it"]);
    house.expect(2, &["play", "steps.melody.toml", "--from", "draft", "--fresh"]);
    assert_eq!(house.runs().len(), 3, "a mistake on the command line begins no run");
}

#[test]
fn notices_views_and_show_say_what_was_reused() {
    let house = steps();
    play(&house, &[]);
    let first = house.runs().remove(0);
    let again = house.expect(0, &["play", "steps.melody.toml", "--json"]);
    assert_eq!(again.nodes("node_reused").len(), 4);
    assert!(again.nodes("node_started").is_empty());
    let reused = again.lines.iter().find(|line| line["event"] == "node_reused").unwrap();
    assert_eq!(reused["from"], first.as_str());
    assert!(reused["outputs"].as_object().is_some_and(|outputs| !outputs.is_empty()));
    let plain = house.expect(0, &["play", "steps.melody.toml", "--plain"]).stdout;
    assert!(plain.contains("reused   draft") && plain.contains("0 played, 4 reused of 4 nodes"), "{plain}");
    let shown = house.expect(0, &["show", "last"]).stdout;
    assert!(shown.lines().any(|line| line.contains("= draft") && line.ends_with("reused")), "{shown}");
    assert_eq!(house.expect(0, &["show", "last", "--json"]).lines[0]["nodes"][0]["reused"], true);
    assert_eq!(house.expect(0, &["show", "last", "--output", "page"]).stdout.trim(), "About Ada: facts of Ada");
}

#[test]
fn the_memory_of_results_may_be_lost_damaged_or_without_its_artifacts() {
    let house = steps();
    play(&house, &[]);
    house.write(".symphony/clean.db", "no database any more, but long enough to be taken for one at first sight");
    assert_eq!(play(&house, &[]).0, "draft facts page");
    assert_eq!(play(&house, &[]).0, "");
    std::fs::remove_file(house.path().join(".symphony/clean.db")).unwrap();
    assert_eq!(play(&house, &[]).0, "draft facts page");
    // A result that lies in the store is gone with it.
    let large = "format = 1\nname = \"large\"\n[node.a]\nuses = \"operator:shell/run\"\n\
                 with = { command = 'echo a >> played.txt; head -c 100000 /dev/zero | tr \"\\\\0\" x' }\n";
    house.write("steps.melody.toml", large);
    assert_eq!(play(&house, &[]).0, "a");
    assert_eq!(play(&house, &[]).0, "");
    for entry in std::fs::read_dir(house.path().join(".symphony/artifacts")).unwrap() {
        std::fs::remove_dir_all(entry.unwrap().path()).unwrap();
    }
    assert_eq!(play(&house, &[]).0, "a");
}

#[test]
fn players_that_look_at_the_world_play_and_what_follows_depends_on_what_they_see() {
    let house = House::new();
    house.write(
        "steps.melody.toml",
        "format = 1\nname = \"look\"\n[node.look]\nuses = \"operator:file/read\"\nwith = { path = \"note.txt\" }\n\
         [node.use_it]\nuses = \"operator:shell/run\"\nin = { stdin = \"look.text\" }\n\
         with = { command = 'echo used >> played.txt; cat' }\n",
    );
    house.write("note.txt", "one");
    assert_eq!(play(&house, &[]).0, "used");
    let (played, summary) = play(&house, &[]);
    assert_eq!((played.as_str(), &summary["played"], &summary["reused"]), ("", &1.into(), &1.into()));
    let answer = why(&house, &["look"]);
    assert_eq!((&answer["plays"], &answer["chain"][0]["reasons"][0]["what"]), (&true.into(), &"always".into()));
    let answer = why(&house, &["use_it"]);
    assert_eq!((&answer["plays"], &answer["chain"][0]["on"]), (&Value::Null, &"look".into()));
    house.write("note.txt", "two");
    assert_eq!(play(&house, &[]).0, "used");
    // From here on what was read before counts.
    house.write("note.txt", "three");
    assert_eq!(play(&house, &["--from", "use_it"]).1["reused"], 1);
}

#[test]
fn why_names_what_changed_and_follows_it_to_its_root() {
    let house = steps();
    let answer = why(&house, &["draft", "steps.melody.toml"]);
    assert_eq!((&answer["plays"], &answer["run"]), (&true.into(), &Value::Null), "{answer}");
    assert!(!house.path().join(".symphony").exists(), "asking makes nothing");
    play(&house, &[]);
    let answer = why(&house, &["page"]);
    assert_eq!((&answer["plays"], &answer["chain"][0]["verdict"]), (&false.into(), &"reused".into()));
    house.write("steps.melody.toml", STEPS.replace("About", "On"));
    let answer = why(&house, &["draft"]);
    let chain = answer["chain"].as_array().unwrap();
    assert_eq!((&answer["plays"], chain.len()), (&true.into(), 2), "{answer}");
    assert_eq!((&chain[0]["reasons"][0]["what"], &chain[0]["reasons"][0]["name"]), (&"input".into(), &"title".into()));
    assert_eq!((&chain[1]["node"], &chain[1]["reasons"][0]["what"]), (&"title".into(), &"parameter".into()));
    let words = house.expect(0, &["why", "page"]).stdout;
    let place = |part: &str| words.find(part).unwrap_or_else(|| panic!("{part}\n{words}"));
    let places = [
        place("page plays only if `draft` gives something else than it did"),
        place("draft plays"),
        place("input `title` (from `title.text`) changed: About Ada → On Ada"),
        place("title plays"),
        place("parameter `with.template`: About {{ who }} → On {{ who }}"),
    ];
    assert!(places.is_sorted(), "{words}");
    // What is before it plays, and it is itself not what it was.
    house.write("steps.melody.toml", STEPS.replace("About", "On").replace("echo page >>", "echo  page >>"));
    let answer = why(&house, &["page"]);
    assert_eq!((&answer["plays"], &answer["chain"][0]["reasons"][0]["name"]), (&true.into(), &"command".into()));
    house.write("steps.melody.toml", STEPS);
    let answer = why(&house, &["facts", "--input", "who=Bo"]);
    assert_eq!(answer["chain"][0]["reasons"][0]["is"], "Bo");
    let said = house.expect(2, &["why", "pge"]);
    assert!(said.stderr.contains("did you mean `page`"), "{}", said.stderr);
    assert_eq!(house.runs().len(), 1, "asking plays nothing");
}

#[test]
fn a_new_version_of_a_player_is_a_reason_and_so_are_its_files() {
    let house = House::new();
    let player = |version: &str, answer: &str| {
        house.write(
            ".symphony/extensions/echo/Symphony.toml",
            format!(
                "schema = 1\n[extension]\nid = \"echo\"\nversion = \"{version}\"\nkind = \"operator\"\n[runtime]\n\
                 command = [\"python3\", \"player.py\"]\nsdk = \"python\"\n[operation.say]\nin = {{ text = \"text\" }}\n\
                 out = {{ text = \"text\" }}\n"
            ),
        );
        let code = format!(
            "import symphony_player as symphony\n\ndef play(call, report):\n    return {{'text': '{answer}'}}\n\n\
             symphony.serve(play)\n"
        );
        house.write(".symphony/extensions/echo/player.py", code);
    };
    player("1.4.0", "a");
    house.write(
        "steps.melody.toml",
        "format = 1\nname = \"a\"\n[node.say]\nuses = \"operator:echo/say\"\nin = { text = { value = \"x\" } }\n",
    );
    house.expect(0, &["play", "steps.melody.toml"]);
    player("1.5.0", "a");
    let answer = why(&house, &["say"]);
    let reason = &answer["chain"][0]["reasons"][0];
    assert_eq!((&reason["what"], &reason["was"], &reason["is"]), (&"player".into(), &"1.4.0".into(), &"1.5.0".into()));
    player("1.4.0", "b");
    let answer = why(&house, &["say"]);
    assert!(answer["chain"][0]["reasons"][0]["words"].as_str().unwrap().contains("its files changed"), "{answer}");
}

#[test]
fn bodies_are_explained_by_what_plays_within_them() {
    let house = House::new();
    house.expect(0, &["new", "loop"]);
    house.expect(0, &["play", "loop.melody.toml", "-q"]);
    let again = house.expect(0, &["play", "loop.melody.toml", "--json"]);
    assert_eq!(again.summary()["played"], 0, "{}", again.stdout);
    let top = again.nodes("node_reused").into_iter().find(|node| !node.contains(['.', '['])).unwrap().to_owned();
    assert_eq!(why(&house, &[&top])["plays"], false);
}
