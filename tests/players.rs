//! Players of the outside world: an OpenAI-compatible endpoint, and a person's own 20-line Python script.

mod house;

use house::House;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// A scripted endpoint on loopback: answers every chat request with the next of its answers, and keeps what was asked.
fn endpoint(answers: Vec<(u16, String)>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    std::thread::spawn(move || {
        for (answer, connection) in answers.into_iter().zip(listener.incoming()) {
            let mut reader = BufReader::new(connection.unwrap());
            let (mut length, mut line) = (0, String::new());
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some(text) = line.to_lowercase().strip_prefix("content-length:") {
                    length = text.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            kept.lock().unwrap().push(String::from_utf8(body).unwrap());
            let (status, text) = answer;
            let mut connection = reader.into_inner();
            write!(
                connection,
                "HTTP/1.1 {status} X\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n{text}"
            )
            .unwrap();
        }
    });
    (address, asked)
}

fn streamed(pieces: &[&str], prompt: u32, completion: u32) -> String {
    let mut text = String::new();
    for piece in pieces {
        let chunk = serde_json::json!({ "choices": [{ "index": 0, "delta": { "content": piece } }] });
        text += &format!("data: {chunk}\n\n");
    }
    let total = prompt + completion;
    let usage = serde_json::json!({
        "choices": [],
        "usage": { "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total }
    });
    text + &format!("data: {usage}\n\ndata: [DONE]\n\n")
}

const ASK: &str = r#"
format = 1
name = "ask"
[inputs]
url = { type = "text", required = true }
[outputs]
answer = "ask.text"
[node.ask]
uses = "instrument:openai-chat/chat"
in = { prompt = { value = "What is an orchestra?" }, base_url = "inputs.url" }
with = { model = "small", api_key = { secret = "TEST_KEY" }, usd_per_1m_input = 1.0, usd_per_1m_output = 2.0 }
retry = { max = 2, base = "10ms" }
"#;

#[test]
fn an_openai_compatible_endpoint_is_streamed_counted_and_retried() {
    let answer = streamed(&["Many ", "players, ", "one score."], 1000, 500);
    let (url, asked) = endpoint(vec![(503, "busy".into()), (200, answer)]);
    let house = House::new();
    house.write("ask.melody.toml", ASK);
    let input = format!("url={url}");
    let mut command = house.symphony(&["play", "ask.melody.toml", "--json", "--input", &input]);
    let said = house::Said::of(command.env("TEST_KEY", "sk-very-secret").output().unwrap());
    assert_eq!(said.code, Some(0), "{} {}", said.stdout, said.stderr);
    let summary = said.summary();
    assert_eq!(summary["status"], "completed");
    assert_eq!(summary["tokens"], 1500);
    assert!((summary["cost_usd"].as_f64().unwrap() - 0.002).abs() < 1e-9, "{summary}");
    let chunks: String =
        said.lines.iter().filter(|line| line["event"] == "chunk").map(|line| line["text"].as_str().unwrap()).collect();
    assert_eq!(chunks, "Many players, one score.");
    assert_eq!(said.nodes("attempt_failed"), ["ask"]);
    assert!(asked.lock().unwrap()[1].contains("What is an orchestra?"));
    // The secret went to the endpoint and nowhere else.
    let state = house.path().join(".symphony");
    assert!(!contains(&state, b"sk-very-secret"), "a secret was written to the state folder");
    assert!(!said.stdout.contains("sk-very-secret") && !said.stderr.contains("sk-very-secret"));
}

#[test]
fn the_example_takes_a_real_endpoint_by_one_setting() {
    let reply = || (200, streamed(&["{\"score\": 0.9, \"advice\": \"\", \"text\": \"A fine release.\"}"], 10, 5));
    let (url, asked) = endpoint(std::iter::repeat_with(reply).take(12).collect());
    let house = House::new();
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.args(["-c", "user.name=A", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]);
        assert!(command.args(arguments).current_dir(house.path()).output().unwrap().status.success());
    };
    git(&["init"]);
    git(&["commit", "--allow-empty", "-m", "feat: sing"]);
    let melody = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/release-notes.melody.toml");
    let input = format!("model_url={url}");
    let mut command = house.symphony(&["play", melody.to_str().unwrap(), "--json", "--input", &input]);
    let said = house::Said::of(command.env_remove("MODEL_KEY").output().unwrap());
    assert_eq!(said.summary()["status"], "completed", "{} {}", said.stdout, said.stderr);
    assert!(said.summary()["tokens"].as_u64().unwrap() >= 30, "{}", said.summary());
    assert!(asked.lock().unwrap().iter().any(|body| body.contains("sing")), "the model was told of the commit");
    assert!(house.read("RELEASE_NOTES.md").contains("sing"));
}

fn contains(folder: &std::path::Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| match path.is_dir() {
        true => contains(&path, needle),
        false => std::fs::read(&path).is_ok_and(|bytes| bytes.windows(needle.len()).any(|window| window == needle)),
    })
}

#[test]
fn a_python_script_and_its_manifest_are_a_player() {
    let house = House::new();
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/extensions/word-count");
    for file in ["Symphony.toml", "player.py"] {
        let text = std::fs::read(example.join(file)).unwrap();
        house.write(&format!(".symphony/extensions/word-count/{file}"), text);
    }
    let script = house.read(".symphony/extensions/word-count/player.py");
    let lines = script.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    assert!(lines.count() <= 20, "the example promises 20 lines");
    house.write(
        "m.melody.toml",
        r#"
format = 1
name = "words"
[outputs]
words = "count.words"
[node.count]
uses = "operator:word-count/count"
in = { text = { value = "one two three" } }
"#,
    );
    let said = house.say(&["play", "m.melody.toml", "--json"]);
    assert_eq!(said.code, Some(0), "{} {}", said.stdout, said.stderr);
    assert_eq!(said.nodes("node_played"), ["count"]);
    let three = symphony_ecs_core::value::Value::Int(3).digest().to_string();
    assert_eq!(said.summary()["artifacts"]["words"], three);
}

#[test]
fn a_player_that_crashes_hangs_or_floods_harms_nothing_else() {
    let house = House::new();
    house.write(
        "m.melody.toml",
        r#"
format = 1
name = "rough"
[outputs]
fine = "fine.stdout"
[node.crash]
uses = "operator:shell/run"
with = { command = "kill -9 $PPID" }
on_error = "skip"
[node.hang]
uses = "operator:shell/run"
with = { command = "sleep 600" }
limits = { timeout = "300ms" }
on_error = "skip"
[node.flood]
uses = "operator:shell/run"
with = { command = "yes flood | head -c 3000000" }
on_error = "skip"
[node.fine]
uses = "operator:shell/run"
needs = [{ node = "crash", kind = "soft" }, { node = "hang", kind = "soft" }, { node = "flood", kind = "soft" }]
with = { command = "printf fine" }
"#,
    );
    let said = house.say(&["play", "m.melody.toml", "--json"]);
    assert_eq!(said.summary()["status"], "completed", "{}", said.stderr);
    let class = |node: &str| {
        let failed = |line: &&serde_json::Value| line["event"] == "attempt_failed" && line["node"] == node;
        said.lines.iter().find(failed).map(|line| line["class"].as_str().unwrap().to_owned())
    };
    assert_eq!(class("crash").as_deref(), Some("crash"));
    assert_eq!(class("hang").as_deref(), Some("timeout"));
    assert_eq!(class("flood"), None);
    assert_eq!(said.nodes("node_skipped").len(), 2);
}
