//! Recovery: what a run has lost comes back by playing the fewest nodes, and reconstruction stands in for a failure.

use crate::house::House;
use serde_json::Value;
use std::path::PathBuf;

/// Every step leaves a line where it was played, and gives more text than travels inline.
const STEPS: &str = r#"
format = 1
name   = "steps"
[inputs]
seed = { type = "artifact<text/plain>", required = true }
[outputs]
page = "page.stdout"
[node.facts]
uses = "operator:shell/run"
in   = { seed = "inputs.seed" }
with = { command = 'echo facts >> played.txt; seq 20000' }
[node.draft]
uses = "operator:shell/run"
in   = { stdin = "facts.stdout" }
with = { command = 'echo draft >> played.txt; sed s/^/x/' }
[node.note]
uses = "operator:shell/run"
in   = { stdin = "facts.stdout" }
with = { command = 'echo note >> played.txt; sed s/^/note/' }
[node.page]
uses = "operator:shell/run"
in   = { stdin = "draft.stdout" }
with = { command = 'echo page >> played.txt; sed s/^/p/' }
"#;

/// Plays the melody and gives its run.
fn played(melody: &str) -> (House, String) {
    let house = House::new();
    house.write("steps.melody.toml", melody);
    house.write("seed.txt", "seed");
    house.write("played.txt", "");
    house.expect(0, &["play", "steps.melody.toml", "--input", "seed=@seed.txt"]);
    let run = house.runs().remove(0);
    (house, run)
}

/// The blob of an output of a node.
fn blob(house: &House, run: &str, node: &str) -> PathBuf {
    let shown = house.expect(0, &["show", run, "--json"]).lines.remove(0);
    let nodes = shown["nodes"].as_array().unwrap();
    let digest = match nodes.iter().find(|known| known["node"] == node) {
        Some(known) => known["outputs"]["stdout"]["$artifact"].as_str().unwrap().to_owned(),
        None => shown["inputs"][node]["$artifact"].as_str().unwrap().to_owned(),
    };
    let hex = digest.strip_prefix("blake3:").unwrap();
    house.path().join(".symphony/artifacts").join(&hex[..2]).join(&hex[2..])
}

fn lose(house: &House, run: &str, nodes: &[&str]) {
    for node in nodes {
        std::fs::remove_file(blob(house, run, node)).unwrap();
    }
}

fn recover(house: &House, code: i32, arguments: &[&str]) -> Value {
    house.write("played.txt", "");
    house.expect(code, &[&["recover", "--json"], arguments].concat()).lines.pop().unwrap()
}

fn plan(said: &Value) -> String {
    let steps = said["plan"].as_array().unwrap().iter();
    let words = steps.map(|step| format!("{} {}", step["way"].as_str().unwrap(), step["node"].as_str().unwrap()));
    words.collect::<Vec<_>>().join(", ")
}

#[test]
fn what_is_gone_comes_back_by_the_fewest_nodes_and_the_run_stays_as_it_is() {
    let (house, run) = played(STEPS);
    assert!(house.expect(0, &["recover", "last"]).stdout.contains("has lost nothing"));
    let page = std::fs::read(blob(&house, &run, "page")).unwrap();
    lose(&house, &run, &["page", "draft", "note"]);
    let said = recover(&house, 0, &[&run]);
    assert_eq!(plan(&said), "play draft, play page");
    assert_eq!(house.read("played.txt"), "", "a plan plays nothing");
    let wanted = |port: &str| {
        said["lost"].as_array().unwrap().iter().find(|loss| loss["port"] == port).unwrap()["wanted"].clone()
    };
    assert_eq!(
        (wanted("page.stdout"), wanted("draft.stdout"), wanted("note.stdout")),
        (true.into(), false.into(), false.into())
    );
    let words = house.expect(0, &["recover", &run]).stdout;
    assert!(words.contains("2 of 4 nodes to play") && words.contains("`page` takes what it gave"), "{words}");
    let before = house.expect(0, &["show", &run, "--json"]).stdout;
    let said = recover(&house, 0, &[&run, "--play"]);
    assert_eq!(house.read("played.txt"), "draft\npage\n");
    assert_eq!(said["played"]["back"], serde_json::json!(["draft.stdout", "page.stdout"]));
    assert_eq!(std::fs::read(blob(&house, &run, "page")).unwrap(), page);
    assert_eq!(house.expect(0, &["show", &run, "--json"]).stdout, before);
    assert!(house.expect(0, &["show", &run, "--output", "page"]).stdout.len() > 100_000);
    let other = said["played"]["run"].as_str().unwrap();
    assert_ne!(other, run);
    assert!(house.expect(0, &["show", other]).stdout.contains("reused"));
    // Nobody wants the note; it stays lost.
    assert_eq!(plan(&recover(&house, 0, &[&run])), "");
}

#[test]
fn a_damaged_blob_is_replaced_and_what_a_person_names_counts_as_lost() {
    let (house, run) = played(STEPS);
    let page = blob(&house, &run, "page");
    let sound = std::fs::read(&page).unwrap();
    let mut permissions = std::fs::metadata(&page).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    std::fs::set_permissions(&page, permissions).unwrap();
    std::fs::write(&page, "not what was stored").unwrap();
    let said = recover(&house, 0, &[&run, "--lost", "draft.stdout"]);
    assert_eq!(plan(&said), "play draft, play page");
    assert!(said["lost"].to_string().contains("damaged in the store"), "{said}");
    let said = recover(&house, 0, &[&run, "--play"]);
    assert_eq!((plan(&said).as_str(), house.read("played.txt").as_str()), ("play page", "page\n"));
    assert_eq!(std::fs::read(&page).unwrap(), sound);
    let digest = said["lost"][0]["digest"].as_str().unwrap();
    assert_eq!(plan(&recover(&house, 0, &[&run, "--lost", digest])), "play page");
    assert!(house.expect(2, &["recover", &run, "--lost", "draft.stdot"]).stderr.contains("did you mean `stdout`"));
    house.expect(2, &["recover", &run, "--lost", "drafft.stdout"]);
    house.expect(2, &["recover", &run, "--lost", "draft"]);
}

#[test]
fn a_reconstruction_that_has_what_it_takes_spares_the_nodes_before() {
    let spare = "on_error = \"reconstruct\"\nreconstruct = { uses = \"operator:shell/run\", in = { stdin = \"facts.stdout\" }, with = { command = 'echo spare >> played.txt; sed s/^/px/' } }\n";
    let (house, run) = played(&format!("{STEPS}{spare}"));
    lose(&house, &run, &["page", "draft"]);
    let said = recover(&house, 0, &[&run, "--play"]);
    assert_eq!((plan(&said).as_str(), house.read("played.txt").as_str()), ("reconstruct page", "spare\n"));
    assert_eq!(said["played"]["back"], serde_json::json!(["page.stdout"]));
    // Without what the reconstruction takes, everything plays.
    lose(&house, &run, &["page"]);
    let said = recover(&house, 0, &[&run, "--lost", "facts.stdout"]);
    assert_eq!(plan(&said), "play facts, play draft, play page");
}

#[test]
fn a_reconstruction_does_not_wait_for_what_its_player_would_have_taken() {
    let spare = "on_error = \"reconstruct\"\nreconstruct = { uses = \"operator:shell/run\", in = { stdin = \"facts.stdout\" }, with = { command = 'echo spare >> played.txt; sed s/^/px/' } }\n";
    let steps = STEPS.replace("[outputs]", "[outputs]\ndraft = \"draft.stdout\"");
    let steps = steps
        .replace("in   = { stdin = \"draft.stdout\" }", "in   = { stdin = \"draft.stdout\", also = \"note.stdout\" }");
    let (house, run) = played(&format!("{steps}{spare}"));
    lose(&house, &run, &["page", "draft", "note"]);
    let said = recover(&house, 0, &[&run, "--play"]);
    assert_eq!(plan(&said), "play draft, reconstruct page");
    let mut lines: Vec<String> = house.read("played.txt").lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["draft", "spare"], "neither the note nor the player of the page");
    assert_eq!(said["played"]["back"], serde_json::json!(["draft.stdout", "page.stdout"]));
}

#[test]
fn what_comes_out_otherwise_is_reported_and_overwrites_nothing() {
    let (house, run) = played(&STEPS.replace("sed s/^/p/", "sed s/^/p$(cat salt.txt 2>/dev/null)/"));
    let before = house.expect(0, &["show", &run, "--json"]).stdout;
    let page = blob(&house, &run, "page");
    lose(&house, &run, &["page"]);
    house.write("salt.txt", "salt");
    let said = recover(&house, 1, &[&run, "--play"]);
    assert!(said["played"]["other"]["page.stdout"].as_str().unwrap().starts_with("blake3:"), "{said}");
    assert!(!page.exists());
    assert_eq!(house.expect(0, &["show", &run, "--json"]).stdout, before);
}

#[test]
fn what_is_made_of_an_input_that_is_gone_is_said_to_be_hopeless() {
    let (house, run) = played(STEPS);
    lose(&house, &run, &["seed", "facts", "page"]);
    let said = recover(&house, 0, &[&run]);
    assert_eq!((plan(&said).as_str(), &said["lost_inputs"]), ("play page", &serde_json::json!(["seed"])));
    lose(&house, &run, &["draft"]);
    let said = recover(&house, 1, &[&run, "--play"]);
    assert_eq!((plan(&said).as_str(), &said["hopeless"]), ("", &serde_json::json!(["page.stdout"])));
}

#[test]
fn a_node_that_fails_is_reconstructed_and_everybody_says_so() {
    let house = House::new();
    let text = r#"
format = 1
name   = "spare"
[outputs]
text = "scan.stdout"
[node.copy]
uses = "operator:shell/run"
with = { command = 'printf "from the copy"' }
[node.scan]
uses = "operator:shell/run"
with = { command = 'echo scan >> played.txt; exit 3' }
on_error = "reconstruct"
reconstruct = { uses = "operator:shell/run", in = { stdin = "copy.stdout" }, with = { command = 'cat' } }
"#;
    house.write("spare.melody.toml", text);
    let said = house.expect(0, &["play", "spare.melody.toml", "--json"]);
    let of = |event: &str| said.lines.iter().rfind(|line| line["event"] == event && line["node"] == "scan").unwrap();
    assert_eq!(
        (&of("attempt_failed")["reconstructs"], &of("node_started")["reconstructs"]),
        (&true.into(), &true.into())
    );
    assert_eq!((&of("node_started")["attempt"], &of("node_played")["reconstructed"]), (&2.into(), &true.into()));
    assert_eq!(house.expect(0, &["show", "last", "--output", "text"]).stdout, "from the copy");
    assert!(house.expect(0, &["show", "last"]).stdout.contains("reconstructed  2 attempts"));
    // Its result is not taken for that of its player: the next run tries the player again.
    let plain = house.expect(0, &["play", "spare.melody.toml", "--plain"]).stdout;
    assert!(plain.contains("it will be reconstructed") && plain.contains(", reconstructed"), "{plain}");
    assert_eq!(house.read("played.txt"), "scan\nscan\n");
}
