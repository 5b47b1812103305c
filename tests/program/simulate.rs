//! `symphony simulate`: forecasts of recordings and melodies, comparisons, pictures, and what is refused.

use crate::house::{House, Said};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A recording: (id, category, seconds, parents).
fn recording(tasks: &[(&str, &str, f64, &[&str])]) -> String {
    let specified = tasks.iter().map(|(id, category, _, parents)| {
        let children = tasks.iter().filter(|(.., parents)| parents.contains(id)).map(|(child, ..)| *child);
        json!({ "id": id, "name": category, "parents": parents, "children": children.collect::<Vec<_>>() })
    });
    let ran = tasks.iter().map(|(id, _, seconds, _)| json!({ "id": id, "runtimeInSeconds": seconds }));
    json!({
        "name": "tune", "schemaVersion": "1.5",
        "workflow": {
            "specification": { "tasks": specified.collect::<Vec<_>>() },
            "execution": { "makespanInSeconds": 99, "tasks": ran.collect::<Vec<_>>() }
        }
    })
    .to_string()
}

/// Two chains and a task alone: FIFO begins with the wrong ones.
fn house() -> House {
    let house = House::new();
    let tasks: [(&str, &str, f64, &[&str]); 4] =
        [("a", "short", 2.0, &[]), ("b", "short", 2.0, &[]), ("c", "first", 1.0, &[]), ("d", "long", 6.0, &["c"])];
    house.write("tune.json", recording(&tasks));
    house
}

fn number(json: &Value, key: &str) -> f64 {
    json[key].as_f64().unwrap_or_else(|| panic!("no {key} in {json}"))
}

/// The last line without the time that the simulation itself took.
fn timeless(said: &Said) -> Value {
    let mut object = said.summary().clone();
    assert!(object.as_object_mut().unwrap().remove("cpu_s").is_some_and(|cpu| cpu.as_f64().unwrap() >= 0.0));
    object
}

#[test]
fn recordings_are_put_on_machines() {
    let house = house();
    let on = |more: &[&str]| {
        let words = [&["simulate", "tune.json", "--json"], more].concat();
        house.expect(0, &words).summary().clone()
    };
    let fifo = on(&["--machines", "2"]);
    assert_eq!((&fifo["tasks"], &fifo["edges"], &fifo["machines"]), (&json!(4), &json!(1), &json!(2)));
    assert_eq!(
        (&fifo["policy"], number(&fifo, "makespan_s"), number(&fifo, "lower_bound_s")),
        (&json!("fifo"), 9.0, 7.0)
    );
    assert_eq!((number(&fifo, "cost_usd"), number(&fifo, "recorded_makespan_s")), (0.0, 99.0));
    assert_eq!(fifo["critical_path"], json!(["c", "d"]));
    assert_eq!(fifo["by_kind"][0]["name"], "long");
    let heft = on(&["--machines", "2", "--policy", "heft"]);
    assert_eq!((number(&heft, "makespan_s"), number(&heft, "busy_s")), (7.0, 11.0));
    let mixed = on(&["--speeds", "1,2", "--policy", "fifo-fastest"]);
    assert_eq!(
        (&mixed["machines"], &mixed["speeds"], number(&mixed, "makespan_s")),
        (&json!(2), &json!([1.0, 2.0]), 4.5)
    );
    let free = on(&[]);
    assert_eq!((&free["machines"], number(&free, "makespan_s")), (&json!(3), 7.0), "as many machines as are needed");
    let first = house.expect(0, &["simulate", "tune.json", "--json"]).stdout;
    assert!(first.starts_with(r#"{"tasks":4,"edges":1,"machines":3,"policy":"fifo","makespan_s":7.0,"#), "{first}");
}

#[test]
fn chance_gives_percentiles_that_repeat() {
    let house = house();
    let words = ["simulate", "tune.json", "-m", "2", "--failures", "0.2", "--noise", "0.3", "--runs", "300", "--json"];
    let with = |seed: &'static str| timeless(&house.expect(0, &[&words[..], &["--seed", seed]].concat()));
    let one = with("1");
    assert_eq!(one, with("1"));
    assert_ne!(one, with("2"));
    let at = |key: &str| one["makespan"][key].as_f64().unwrap();
    assert!(at("p5") < at("p50") && at("p50") < at("p95"), "{one}");
    assert_eq!((&one["runs"], number(&one, "makespan_s")), (&json!(300), at("p50")));
    assert!(number(&one, "lower_bound_s") <= number(&one, "makespan_s"));
}

#[test]
fn variants_stand_beside_what_is_given() {
    let house = house();
    let words =
        ["simulate", "tune.json", "-m", "2", "--what-if", "policy=heft", "--what-if", "machines=1 long.seconds=1"];
    let said = house.expect(0, &[&words[..], &["--json"]].concat());
    let seen: Vec<(&Value, f64)> =
        said.lines.iter().map(|line| (&line["what_if"], number(line, "makespan_s"))).collect();
    assert_eq!(seen, [(&json!("policy=heft"), 7.0), (&json!("machines=1 long.seconds=1"), 6.0), (&Value::Null, 9.0)]);
    let text = house.expect(0, &words).stdout;
    for part in ["what if", "as given", "7.0 s (-22.2 %)", "critical path: 2 tasks, 7.0 s", "c → d"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

/// A melody whose players nobody has.
const REVIEW: &str = r#"
format = 1
name   = "review"
limits = { parallel = 2, cost_usd = 0.03 }

[inputs]
depth = { type = "int", required = true }

[node.list]
uses     = "operator:nowhere/list"
in       = { depth = "inputs.depth" }
out      = { files = "list<text>" }
estimate = { seconds = 2 }

[node.read]
uses     = "operator:nowhere/read"
map      = { over = "list.files", as = "file" }
in       = { file = "item" }
out      = { text = "text" }
estimate = { seconds = 4 }

[node.judge]
uses     = "instrument:nobody/chat"
in       = { texts = "read.text" }
out      = { verdict = "enum<fix|good>" }
estimate = { seconds = 10, cost_usd = 0.02, tokens = 500 }

[node.ship]
uses    = "operator:nowhere/ship"
if      = "judge.verdict == 'good'"
approve = { by = "human" }
"#;

#[test]
fn melodies_unfold_from_their_estimates() {
    let house = House::new();
    house.write("review.melody.toml", REVIEW);
    let words = ["simulate", "review.melody.toml", "--json"];
    let plain = timeless(&house.expect(0, &words));
    // A list of three samples, read two at a time; nobody ships what is to be fixed.
    assert_eq!((&plain["tasks"], &plain["edges"], &plain["machines"]), (&json!(5), &json!(3), &json!(2)));
    assert_eq!(
        (number(&plain, "makespan_s"), number(&plain, "cost_usd"), number(&plain, "tokens")),
        (20.0, 0.02, 500.0)
    );
    assert_eq!(plain["critical_path"], json!(["list", "read[0]", "judge"]));
    assert_eq!(plain["by_node"][0]["name"], "judge");
    house.write(
        "review.melody.pins",
        "format = 1\n[node.judge]\nverdict = \"good\"\n[node.list]\nfiles = [\"a\", \"b\", \"c\", \"d\", \"e\"]\n",
    );
    let pinned = timeless(&house.expect(0, &words));
    assert_eq!((&pinned["tasks"], number(&pinned, "makespan_s")), (&json!(8), 2.0 + 12.0 + 10.0 + 1.0));
    let varied =
        house.expect(0, &[&words[..], &["--what-if", "judge.seconds=1 machines=8 judge.cost_usd=0.05"]].concat());
    assert_eq!(number(&varied.lines[0], "makespan_s"), 2.0 + 4.0 + 1.0 + 1.0);
    let text = house.expect(0, &["simulate", "review.melody.toml", "--what-if", "judge.cost_usd=0.05"]).stdout;
    for part in [
        "instrument:nobody/chat",
        "inputs that were made up: depth",
        "people approve at once: ship",
        "estimate of 3 nodes",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!house.path().join(".symphony").exists(), "nothing is written");
}

#[test]
fn an_imported_recording_takes_as_long_as_the_recording() {
    let house = house();
    house.expect(0, &["import", "tune.json"]);
    for (machines, policy) in [("1", "fifo"), ("2", "heft"), ("3", "critical-path")] {
        let of = |file: &str| house.expect(0, &["simulate", file, "--json", "-m", machines, "-p", policy]);
        let (recording, melody) = (of("tune.json"), of("tune.melody.toml"));
        for key in ["tasks", "edges", "makespan_s", "lower_bound_s", "busy_s"] {
            assert_eq!(recording.summary()[key], melody.summary()[key], "{key} on {machines} machines");
        }
    }
}

#[test]
fn failures_of_estimates_are_retried_as_the_melody_says() {
    let house = House::new();
    let text = "format = 1\nname = \"tune\"\n[node.a]\nuses = \"operator:nowhere/a\"\n\
                estimate = { seconds = 1, failure = 0.5, cost_usd = 0.01 }\nretry = { max = 4 }\n";
    house.write("tune.melody.toml", text);
    let words = ["simulate", "tune.melody.toml", "--runs", "400", "--json"];
    let said = timeless(&house.expect(0, &words));
    assert_eq!(said, timeless(&house.expect(0, &words)));
    // Half of the runs need one attempt; one in sixteen fails four times, and fails.
    let failed = number(&said, "incomplete_runs");
    assert!((10.0..45.0).contains(&failed), "{failed} of 400");
    let mean = said["cost"]["mean"].as_f64().unwrap();
    assert!((0.0175..0.02).contains(&mean), "1.875 attempts of a cent are expected, not {mean}");
    house.write("doomed.melody.toml", text.replace("0.5", "1.0"));
    let doomed = house.expect(1, &["simulate", "doomed.melody.toml"]).stdout;
    assert!(doomed.contains("do not complete: `a` failed"), "{doomed}");
}

#[test]
fn earlier_runs_teach_how_long_calls_take() {
    let house = House::new();
    let text =
        "format = 1\nname = \"tune\"\n[node.a]\nuses = \"operator:shell/run\"\nwith = { command = \"sleep 0.3\" }\n";
    house.write("tune.melody.toml", text);
    let words = ["simulate", "tune.melody.toml", "--json"];
    assert_eq!(number(house.expect(0, &words).summary(), "makespan_s"), 1.0, "a call of which nothing is known");
    house.expect(0, &["play", "tune.melody.toml", "--quiet"]);
    let learned = house.expect(0, &words);
    let seconds = number(learned.summary(), "makespan_s");
    assert!((0.3..1.0).contains(&seconds), "{seconds}");
    assert!(learned.stdout.contains("history of 1 node"), "{}", learned.stdout);
    assert_eq!(house.runs().len(), 1, "a forecast is no run");
}

#[test]
fn the_scripted_model_brings_its_own_profile() {
    let house = House::new();
    let text = "format = 1\nname = \"tune\"\n[node.a]\nuses = \"instrument:scripted-model/chat\"\n\
                in = { prompt = { value = \"Hello\" } }\n\
                with = { reply = \"Hi\", latency_ms = 250, cost_usd_per_1k_tokens = 1.0, quality = 0.9 }\n";
    house.write("tune.melody.toml", text);
    let said = house.expect(0, &["simulate", "tune.melody.toml", "--json", "--what-if", "a.with.latency_ms=750"]);
    assert_eq!(said.lines.iter().map(|line| number(line, "makespan_s")).collect::<Vec<_>>(), [0.75, 0.25]);
    assert_eq!((number(said.summary(), "tokens"), number(said.summary(), "cost_usd")), (3.0, 0.003));
}

#[test]
fn pictures_are_drawn_as_asked() {
    let house = house();
    house.expect(0, &["simulate", "tune.json", "-m", "2", "--gantt", "a.svg"]);
    let svg = house.read("a.svg");
    for part in ["<svg xmlns", "<title>d (long): 3.0 s to 9.0 s, 6.0 s</title>", "critical path, 2 tasks", "</svg>"] {
        assert!(svg.contains(part), "{part}\n{svg}");
    }
    house.expect(0, &["simulate", "tune.json", "-m", "2", "--gantt", "a.png"]);
    let png = std::fs::read(house.path().join("a.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n") && png.len() > 5_000, "{} bytes", png.len());
    let again = house.expect(0, &["simulate", "tune.json", "-m", "2", "--gantt", "b.png"]);
    assert_eq!(png, std::fs::read(house.path().join("b.png")).unwrap(), "{}", again.stdout);
}

#[test]
fn what_cannot_be_forecast_is_refused_with_a_cure() {
    let house = house();
    house.write("broken.json", "{ \"workflow\": [\n  1,, ] }");
    house.write("other.json", "{}");
    house.write("bad.melody.toml", "format = 1\nname = \"bad\"\n[node.a]\nuses = \"builtin:nowhere/x\"\n");
    house.write("folder/tune.json", recording(&[("a", "k", 1.0, &[])]));
    let cases: [(i32, &[&str], &[&str]); 11] = [
        (3, &["broken.json"], &["broken.json:2:"]),
        (3, &["other.json"], &["other.json:1:", "WfFormat"]),
        (3, &["missing.json"], &["missing.json", "help:"]),
        (3, &["missing.melody.toml"], &["missing.melody.toml", "recorded execution"]),
        (3, &["bad.melody.toml"], &["bad.melody.toml:4"]),
        (2, &["folder"], &["is a folder", "--table"]),
        (2, &["tune.json", "--machines", "0"], &["from 1 to"]),
        (2, &["tune.json", "--policy", "best"], &["fifo, fifo-fastest, critical-path, heft"]),
        (2, &["tune.json", "--input", "a=1"], &["no inputs"]),
        (2, &["tune.json", "--gantt", "a.bmp"], &[".svg or a .png"]),
        (2, &["tune.json", "--what-if", "nobody.seconds=3"], &["`nobody`"]),
    ];
    for (code, words, parts) in cases {
        let said = house.expect(code, &[&["simulate"], words].concat());
        for part in parts {
            assert!(said.stderr.contains(part), "{words:?}: {part}\n{}", said.stderr);
        }
    }
    let table = house.expect(0, &["simulate", "folder", "--table"]).stdout;
    assert!(table.contains("| 8 identical | 1.000 | 1.000 | 1.000 | 1.000 |"), "{table}");
    assert!(table.contains("over 1 recorded executions (1 tasks, 0 edges)"), "{table}");
}

/// Every recorded execution on four sets of machines under every policy: counted right, and never below its bound,
/// which is worked out here from the file alone.
#[test]
fn no_recording_beats_its_bound() {
    let Some(data) = std::env::var_os("SYMPHONY_DATA") else {
        eprintln!("skipped: SYMPHONY_DATA is not set");
        return;
    };
    let mut files = Vec::new();
    gather(&PathBuf::from(data).join("wfinstances"), &mut files);
    assert_eq!(files.len(), 109);
    let house = House::new();
    for (number_of, file) in files.iter().enumerate() {
        let json: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let (tasks, edges, longest, work) = measure(&json);
        // One set of machines and one policy a file, all of them in turn: the whole product is the table's.
        let (machines, speeds) = [("8", "1"), ("32", "1"), ("8", "1,1,2,4"), ("32", "1,1,2,4")][number_of % 4];
        let policy = ["fifo", "fifo-fastest", "critical-path", "heft"][number_of / 4 % 4];
        let file = file.to_str().unwrap();
        let words = ["simulate", file, "--json", "-m", machines, "--speeds", speeds, "-p", policy];
        let said = house.expect(0, &words);
        let said = said.summary();
        let (fastest, capacity) = if speeds == "1" { (1.0, 1.0) } else { (4.0, 2.0) };
        let bound = f64::max(longest / fastest, work / (capacity * machines.parse::<f64>().unwrap()));
        assert_eq!((&said["tasks"], &said["edges"]), (&json!(tasks), &json!(edges)), "{file}");
        assert!((number(said, "lower_bound_s") / bound - 1.0).abs() < 1e-9 || bound == 0.0, "{file}: {bound}");
        assert!(number(said, "makespan_s") >= bound * (1.0 - 1e-9), "{file}: {policy} on {machines} × {speeds}");
    }
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            gather(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
}

/// Tasks, edges, the longest way and all work of a recording.
fn measure(json: &Value) -> (usize, usize, f64, f64) {
    let list = |key: &str| json["workflow"][key]["tasks"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let seconds: BTreeMap<String, f64> =
        list("execution").iter().map(|task| (text(&task["id"]), number(task, "runtimeInSeconds"))).collect();
    let parents: BTreeMap<String, Vec<String>> = list("specification")
        .iter()
        .map(|task| (text(&task["id"]), task["parents"].as_array().unwrap().iter().map(text).collect()))
        .collect();
    fn end(
        task: &str,
        parents: &BTreeMap<String, Vec<String>>,
        seconds: &BTreeMap<String, f64>,
        known: &mut BTreeMap<String, f64>,
    ) -> f64 {
        if let Some(known) = known.get(task) {
            return *known;
        }
        let starts = parents[task].iter().map(|parent| end(parent, parents, seconds, known)).fold(0.0, f64::max);
        let ends = starts + seconds[task];
        known.insert(task.to_owned(), ends);
        ends
    }
    let mut known = BTreeMap::new();
    let longest = parents.keys().map(|task| end(task, &parents, &seconds, &mut known)).fold(0.0, f64::max);
    (parents.len(), parents.values().map(Vec::len).sum(), longest, seconds.values().sum())
}
