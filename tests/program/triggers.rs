//! `symphony up` as people meet it: the API and its token, policies, files, chains, schedules, kills.

use crate::house::{House, ended, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::process::Child;

/// A melody that notes its beginning and its end in `effects`.
fn steps(name: &str, on: &str, seconds: &str) -> String {
    format!(
        r#"
format = 1
name = "{name}"
on = {{ {on} }}
[inputs]
n = {{ type = "int", default = 0 }}
[outputs]
text = "work.stdout"
[node.work]
uses = "operator:shell/run"
in = {{ n = "inputs.n" }}
with = {{ command = "echo begin {name} >> effects; sleep {seconds}; echo end {name} >> effects; printf done" }}
"#
    )
}

/// `symphony up`, killed when the test is over.
struct Up<'h> {
    house: &'h House,
    child: Child,
    log: String,
}

impl<'h> Up<'h> {
    fn start(house: &'h House, log: &str) -> Self {
        let child = house.start_into(&["up", "--json"], log);
        let up = Self { house, child, log: log.to_owned() };
        house.wait_for(log, "\"listening\"");
        up
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.child.id() as i32).unwrap(), signal).unwrap();
    }

    fn stop(mut self) -> Option<i32> {
        self.signal(Signal::INT);
        ended(&mut self.child)
    }

    fn kill(mut self) {
        self.signal(Signal::KILL);
        ended(&mut self.child);
    }

    /// Asks with the right token; gives the status and the answer.
    fn ask(&self, method: &str, path: &str, body: &str, key: Option<&str>) -> (u16, Json) {
        let token = self.house.read(".symphony/up.token");
        self.ask_as(method, path, body, key, &format!("Bearer {}", token.trim()))
    }

    fn ask_as(&self, method: &str, path: &str, body: &str, key: Option<&str>, shown: &str) -> (u16, Json) {
        let address: Json = serde_json::from_str(&self.house.read(".symphony/up.json")).unwrap();
        let url = format!("http://127.0.0.1:{}{path}", address["port"]);
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut response = match method {
            "GET" => agent.get(&url).header("Authorization", shown).call().unwrap(),
            _ => {
                let mut request = agent.post(&url).header("Authorization", shown);
                if let Some(key) = key {
                    request = request.header("Idempotency-Key", key);
                }
                request.send(body).unwrap()
            }
        };
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&text).unwrap())
    }

    /// Asks for a melody; gives the run.
    fn trigger(&self, melody: &str) -> String {
        let (status, answer) = self.ask("POST", &format!("/melodies/{melody}"), "", None);
        assert_eq!(status, 202, "{answer}");
        answer["run"].as_str().unwrap().to_owned()
    }

    /// Waits until nothing is open any more.
    fn rest(&self) {
        until("all runs are over", || self.ask("GET", "/runs", "", None).1["runs"] == json!([]));
    }

    fn open(&self, status: &str) -> usize {
        let (_, answer) = self.ask("GET", "/runs", "", None);
        answer["runs"].as_array().unwrap().iter().filter(|run| run["status"] == status).count()
    }

    fn status(&self, run: &str) -> String {
        self.ask("GET", &format!("/runs/{run}"), "", None).1["status"].as_str().unwrap_or_default().to_owned()
    }

    /// Lines of the log with this event.
    fn told(&self, event: &str) -> Vec<Json> {
        let log = self.house.read(&self.log);
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
        lines.filter(|line| line["event"] == event).collect()
    }
}

impl Drop for Up<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_api_needs_its_token_and_says_what_is_wrong() {
    let house = House::new();
    house.write("a.melody.toml", steps("a", "api = true", "0"));
    house.write("b.melody.toml", steps("b", "after = \"a\"", "0"));
    let up = Up::start(&house, "up.jsonl");
    for wrong in ["", "Bearer", "Bearer 00", "Basic x"] {
        for path in ["/runs", "/melodies/a", "/nothing"] {
            let (status, answer) = up.ask_as("POST", path, "", None, wrong);
            assert_eq!(status, 401, "{answer}");
            assert!(answer["help"].as_str().unwrap().contains("up.token"), "{answer}");
        }
    }
    assert_eq!(up.ask_as("GET", "/health", "", None, "").0, 200);
    let wrong = [
        ("GET", "/nowhere", "", 404, "there is no /nowhere"),
        ("GET", "/melodies/a", "", 405, "not known"),
        ("POST", "/melodies/zzz", "", 404, "armed are: a, b"),
        ("POST", "/melodies/b", "", 403, "api = true"),
        ("POST", "/melodies/a", "{", 400, "not JSON"),
        ("POST", "/melodies/a", "[1]", 400, "JSON object"),
        ("POST", "/melodies/a", "{\"n\": \"x\"}", 422, "input `n` is int"),
        ("POST", "/melodies/a", "{\"m\": 1}", 422, "the melody takes: n"),
        ("GET", "/runs/..", "", 404, "there is no run"),
        ("GET", "/runs/r0", "", 404, "there is no run"),
        ("POST", "/runs/r0/cancel", "", 404, "waits or plays"),
    ];
    for (method, path, body, status, words) in wrong {
        let (found, answer) = up.ask(method, path, body, None);
        assert_eq!(found, status, "{method} {path} {body}: {answer}");
        assert!(answer.to_string().contains(words), "{answer}");
    }
    let large = format!("{{\"n\": \"{}\"}}", "x".repeat(1 << 20));
    assert_eq!(up.ask("POST", "/melodies/a", &large, None).0, 413);
    assert_eq!(up.ask("GET", "/runs", "", None).1["runs"], json!([]), "nothing has started");
    let second = house.expect(4, &["up"]);
    assert!(second.stderr.contains("watched already"), "{}", second.stderr);
    assert_eq!(up.stop(), Some(0));
    let said = house.expect(4, &["trigger", "a"]);
    assert!(said.stderr.contains("nobody watches"), "{}", said.stderr);
}

#[test]
fn a_key_starts_one_run_even_after_a_restart() {
    let house = House::new();
    house.write("a.melody.toml", steps("a", "api = true", "0"));
    let up = Up::start(&house, "up.jsonl");
    let (status, first) = up.ask("POST", "/melodies/a", "{\"n\": 1}", Some("k"));
    assert_eq!((status, &first["state"]), (202, &json!("starts")));
    let (status, second) = up.ask("POST", "/melodies/a", "{\"n\": 2}", Some("k"));
    assert_eq!((status, &second["state"], &second["run"]), (200, &json!("known"), &first["run"]));
    up.rest();
    let (_, over) = up.ask("GET", &format!("/runs/{}", first["run"].as_str().unwrap()), "", None);
    assert_eq!((&over["status"], &over["outputs"]), (&json!("completed"), &json!({ "text": "done" })));
    assert_eq!(up.stop(), Some(0));
    let up = Up::start(&house, "again.jsonl");
    let said = house.expect(0, &["trigger", "a", "--key", "k", "--json"]);
    assert_eq!((&said.summary()["state"], &said.summary()["run"]), (&json!("known"), &first["run"]));
    assert_ne!(house.expect(0, &["trigger", "a", "--json", "--input", "n=4"]).summary()["run"], first["run"]);
    up.rest();
    assert_eq!(house.runs().len(), 2);
}

#[test]
fn runs_of_one_melody_queue_skip_replace_or_play_together() {
    let house = House::new();
    house.write("queue.melody.toml", steps("queue", "api = true, concurrency = \"queue\"", "0.3"));
    house.write("skip.melody.toml", steps("skip", "api = true, concurrency = \"skip\"", "1"));
    house.write("replace.melody.toml", steps("replace", "api = true, concurrency = \"replace\"", "30"));
    house.write("parallel.melody.toml", steps("parallel", "api = true, concurrency = \"parallel\"", "1"));
    let up = Up::start(&house, "up.jsonl");

    let queued: Vec<String> = (0..3).map(|_| up.trigger("queue")).collect();
    up.rest();
    assert_eq!(house.read("effects").trim(), ["begin queue", "end queue"].repeat(3).join("\n"));
    assert!(queued.iter().all(|run| up.status(run) == "completed"));

    let playing = up.trigger("skip");
    let (status, answer) = up.ask("POST", "/melodies/skip", "", Some("k"));
    assert_eq!((status, answer["playing"].as_str()), (409, Some(playing.as_str())));
    up.rest();
    assert_eq!(up.ask("POST", "/melodies/skip", "", Some("k")).0, 202, "the key has started nothing yet");
    up.rest();

    let first = up.trigger("replace");
    until("the first plays", || house.read("effects").contains("begin replace"));
    let (second, third) = (up.trigger("replace"), up.trigger("replace"));
    until("the first was stopped", || up.status(&first) == "cancelled");
    until("the third plays", || house.read("effects").matches("begin replace").count() == 2);
    assert_eq!(up.ask("GET", &format!("/runs/{second}"), "", None).0, 404, "the second never began");
    let said = house.expect(0, &["cancel", &third]);
    assert!(said.stdout.contains("cancelling"), "{}", said.stdout);
    up.rest();
    assert_eq!(up.status(&third), "cancelled");

    up.trigger("parallel");
    up.trigger("parallel");
    assert_eq!(up.open("playing"), 2);
    up.rest();
    let effects = house.read("effects");
    let last: Vec<&str> = effects.lines().rev().take(4).collect();
    assert_eq!(last, ["end parallel", "end parallel", "begin parallel", "begin parallel"]);
}

const WATCHER: &str = r#"
format = 1
name = "watcher"
on = { event = { file = "inbox/*.csv" }, debounce = "600ms" }
[inputs]
file = { type = "artifact<text/csv>", required = true }
[outputs]
text = "read.stdout"
[node.read]
uses = "operator:shell/run"
in = { stdin = "inputs.file" }
with = { command = "cat" }
"#;

#[test]
fn files_start_one_run_once_they_have_settled() {
    let house = House::new();
    house.write("watcher.melody.toml", WATCHER);
    std::fs::create_dir(house.path().join("inbox")).unwrap();
    let up = Up::start(&house, "up.jsonl");
    for n in 0..5 {
        house.write("inbox/notes.txt", "of no concern");
        house.write("inbox/a.csv", format!("n\n{n}\n"));
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    until("the run is over", || up.told("ended").len() == 1);
    up.rest();
    assert_eq!(house.runs().len(), 1, "{}", house.read("up.jsonl"));
    assert_eq!(house.expect(0, &["show", "last", "--output", "text"]).stdout, "n\n4\n");
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn chains_outputs_and_topics_start_melodies() {
    let house = House::new();
    house.write("first.melody.toml", steps("first", "api = true", "0"));
    let follow = |name: &str, on: &str| {
        format!(
            "format = 1\nname = \"{name}\"\non = {{ {on} }}\n[inputs]\ntext = {{ type = \"text\", default = \"\" }}\n\
             artifact = {{ type = \"text\", default = \"\" }}\n[outputs]\nsaid = \"say.text\"\n[node.say]\n\
             uses = \"builtin:template/render\"\nin = {{ text = \"inputs.text\", artifact = \"inputs.artifact\" }}\n\
             with = {{ template = \"{name}:{{{{ text }}}}{{{{ artifact }}}}\" }}\n"
        )
    };
    house.write("second.melody.toml", follow("second", "after = \"first\""));
    house.write("third.melody.toml", follow("third", "event = { artifact = \"first.*\" }"));
    house.write("fourth.melody.toml", follow("fourth", "event = { topic = \"news/*\" }"));
    house.write("fifth.melody.toml", follow("fifth", "after = { melody = \"first\", ended = \"failed\" }"));
    let up = Up::start(&house, "up.jsonl");
    up.trigger("first");
    let (status, answer) = up.ask("POST", "/topics/news/today", "{\"text\": \"sun\"}", None);
    assert_eq!((status, answer["started"].as_array().map(Vec::len)), (202, Some(1)));
    until("four runs are over", || up.told("ended").len() == 4);
    up.rest();
    let said: BTreeSet<String> = house
        .runs()
        .iter()
        .filter_map(|run| {
            up.ask("GET", &format!("/runs/{run}"), "", None).1["outputs"]["said"].as_str().map(str::to_owned)
        })
        .collect();
    let expected = ["second:done", "third:done", "fourth:sun"].map(str::to_owned);
    assert_eq!(said, BTreeSet::from(expected));
}

#[test]
fn missed_moments_are_made_up_for_as_the_melody_says() {
    let house = House::new();
    let on = |missed: &str| format!("schedule = {{ cron = \"* * * * *\", missed = \"{missed}\" }}");
    house.write("once.melody.toml", steps("once", &on("once"), "0"));
    house.write("all.melody.toml", steps("all", &format!("{}, concurrency = \"parallel\"", on("all")), "0"));
    house.write("skip.melody.toml", steps("skip", &on("skip"), "0"));
    // Nobody was there before, so nothing was missed.
    house.expect(0, &["up", "--once"]);
    let count = |name: &str| house.read("effects").matches(&format!("end {name}")).count();
    let before = (count("once"), count("all"));
    assert!(before.1 <= 1, "at most the minute that began just now");
    // As if this machine had been off for four minutes and a half, up to half a minute from now.
    let db = rusqlite::Connection::open(house.path().join(".symphony/triggers.db")).unwrap();
    db.execute("UPDATE seen SET at = at - 240000", []).unwrap();
    drop(db);
    let said = house.expect(0, &["up", "--once", "--json"]);
    let starts =
        |name: &str| said.lines.iter().filter(|line| line["event"] == "starts" && line["melody"] == name).count();
    assert_eq!(starts("once"), 1, "{}", said.stdout);
    assert!((4..=6).contains(&starts("all")), "{}", said.stdout);
    assert!(starts("skip") <= 1, "{}", said.stdout);
    assert_eq!(count("all") - before.1, starts("all"), "every start was played");
    let causes = said.lines.iter().filter(|line| line["event"] == "starts" && line["melody"] == "all");
    let moments: BTreeSet<&str> = causes.filter_map(|line| line["cause"]["schedule"].as_str()).collect();
    assert_eq!(moments.len(), starts("all"), "each moment once");
}

#[test]
fn a_killed_up_loses_nothing_and_starts_nothing_twice() {
    let house = House::new();
    house.write("a.melody.toml", steps("a", "api = true, concurrency = \"parallel\"", "0.2"));
    house.write("b.melody.toml", steps("b", "api = true, concurrency = \"queue\"", "0.1"));
    house.write("c.melody.toml", steps("c", "after = \"a\", concurrency = \"parallel\"", "0"));
    let mut accepted = BTreeSet::new();
    let mut kills = 0;
    for instant in [0u64, 40, 150, 400] {
        let up = Up::start(&house, &format!("up{instant}.jsonl"));
        for n in 0..3 {
            for melody in ["a", "b"] {
                let (status, answer) =
                    up.ask("POST", &format!("/melodies/{melody}"), "", Some(&format!("{melody}{instant}{n}")));
                assert_eq!(status, 202, "{answer}");
                accepted.insert(answer["run"].as_str().unwrap().to_owned());
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(instant));
        up.kill();
        kills += 1;
    }
    let up = Up::start(&house, "last.jsonl");
    for key in ["a00", "b4002"] {
        let (status, answer) = up.ask("POST", &format!("/melodies/{}", &key[..1]), "", Some(key));
        assert_eq!((status, accepted.contains(answer["run"].as_str().unwrap())), (200, true), "{answer}");
    }
    up.rest();
    for run in &accepted {
        assert_eq!(up.status(run), "completed", "{run}");
    }
    // Every accepted start is one run, and every run of `a` was followed by one of `c`.
    let runs = house.expect(0, &["runs", "--json"]).lines;
    let of = |melody: &str| runs.iter().filter(|run| run["melody"] == melody).count();
    assert_eq!((of("a"), of("b"), of("c")), (12, 12, 12));
    assert!(runs.iter().all(|run| run["status"] == "completed"), "{runs:?}");
    // What was in flight at a kill plays its node again, and nothing else does.
    let effects = house.read("effects");
    let (begun, done) = (effects.matches("begin a").count(), effects.matches("end a").count());
    assert!((12..=12 + 12 * kills).contains(&begun) && (12..=begun).contains(&done), "{begun} {done}");
    assert!(effects.matches("end b").count() <= 12 + kills);
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn ctrl_c_leaves_runs_that_go_on_with_the_next_up() {
    let house = House::new();
    house.write("a.melody.toml", steps("a", "api = true", "2"));
    let up = Up::start(&house, "up.jsonl");
    let (run, waiting) = (up.trigger("a"), up.trigger("a"));
    until("it plays", || house.read("effects").contains("begin"));
    assert_eq!(up.stop(), Some(130));
    let said = house.expect(0, &["up", "--once", "--json"]);
    let ended: Vec<&str> =
        said.lines.iter().filter(|line| line["event"] == "ended").filter_map(|line| line["run"].as_str()).collect();
    assert_eq!(ended, [run.as_str(), waiting.as_str()]);
}

#[test]
fn triggers_that_cannot_work_are_refused_with_their_place() {
    let house = House::new();
    let said = house.expect(3, &["up"]);
    assert!(said.stderr.contains("no melody with triggers"), "{}", said.stderr);
    house.write("plain.melody.toml", "format = 1\nname = \"plain\"\n[node.a]\nuses = \"builtin:value\"\n");
    let said = house.expect(3, &["up", "plain.melody.toml"]);
    assert!(said.stderr.contains("a person's hand"), "{}", said.stderr);
    house.write("b.melody.toml", steps("b", "after = \"lost\"", "0"));
    let said = house.expect(3, &["up"]);
    assert!(said.stderr.contains("b.melody.toml:4:") && said.stderr.contains("unknown-melody"), "{}", said.stderr);
    house.write("b.melody.toml", steps("b", "api = true", "0"));
    house.write("deep/b.melody.toml", steps("b", "api = true", "0"));
    let said = house.expect(3, &["up"]);
    assert!(said.stderr.contains("both called b"), "{}", said.stderr);
    house.write(
        "deep/b.melody.toml",
        steps("c", "schedule = { cron = \"0 6 * * *\" }", "0").replace("default = 0", "required = true"),
    );
    let said = house.expect(3, &["up"]);
    assert!(said.stderr.contains("missing-input"), "{}", said.stderr);
}
