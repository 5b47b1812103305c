//! What is scarce: declared in settings, given to one after the other, explained afterwards.

use crate::house::House;

const LETTERS: &str = r#"
format = 1
name   = "letters"
[node.draft]
uses = "operator:shell/run"
with = { command = "sleep 0.05" }
[node.notes]
uses = "operator:shell/run"
with = { command = "sleep 0.05" }
[node.review]
uses = "operator:shell/run"
with = { command = "sleep 0.05" }
"#;

const DESK: &str = r#"
[[arbitration.resource]]
name     = "desk"
kind     = "model"
capacity = 1
players  = ["operator:shell/*"]
[[arbitration.value]]
node     = "review"
business = 0.9
"#;

fn house() -> House {
    let house = House::new();
    house.write("letters.melody.toml", LETTERS);
    house.write(".symphony/settings.toml", DESK);
    house
}

#[test]
fn waits_are_explained_in_words_and_to_programs() {
    let house = house();
    let played = house.expect(0, &["play", "letters.melody.toml", "--json", "--fresh"]);
    assert_eq!(played.nodes("node_started"), ["review", "draft", "notes"], "the most valuable first");
    let said = house.expect(0, &["pit", "arbitration"]).stdout;
    assert_eq!(said.lines().count(), 3, "{said}");
    assert!(
        said.contains("`review` got model `desk` before `draft`: value 0.81 against 0.65 without waiting"),
        "{said}"
    );
    let explained = house.expect(0, &["pit", "arbitration", "last", "--node", "notes"]).stdout;
    assert!(explained.contains("of waiting; 1 of 1 seats were in use"), "{explained}");
    assert!(explained.contains("business  impact  cost  learning"), "{explained}");
    let objects = house.expect(0, &["pit", "arbitration", "--json"]).lines;
    assert_eq!((objects.len(), &objects[1]["node"], &objects[1]["reason"]), (3, &"draft".into(), &"value".into()));
    assert!(objects[2]["request"]["waited_s"].as_f64().unwrap() > 0.05, "{}", objects[2]);
    let rules = house.expect(0, &["pit", "arbitration", "--rules"]).stdout;
    assert!(rules.contains("desk             model              1  prioritise"), "{rules}");
    let learned = house.read(".symphony/pit/arbitration.json");
    assert!(learned.contains("letters/notes"), "{learned}");
}

#[test]
fn where_nothing_is_scarce_nobody_waits_and_mistakes_are_named() {
    let house = house();
    house.write(".symphony/settings.toml", "");
    house.expect(0, &["play", "letters.melody.toml", "--quiet"]);
    assert!(house.expect(0, &["pit", "arbitration"]).stdout.contains("nobody had to wait for anything scarce"));
    assert!(house.expect(0, &["pit", "arbitration", "--rules"]).stdout.contains("nothing is declared scarce"));
    house.write(".symphony/settings.toml", DESK.replace("capacity", "capcity"));
    let wrong = house.expect(2, &["play", "letters.melody.toml"]).stderr;
    assert!(wrong.contains("settings.toml:2: unknown field `capcity`"), "{wrong}");
    assert_eq!(house.runs().len(), 1, "no run is born with a mistake");
    house.write(".symphony/settings.toml", DESK);
    house.write(".symphony/pit/arbitration.json", "{");
    let said = house.expect(0, &["play", "letters.melody.toml", "--fresh", "--quiet"]);
    assert!(said.stderr.contains("the arbiter learns anew"), "{}", said.stderr);
}
