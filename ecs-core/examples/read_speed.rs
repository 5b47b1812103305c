//! How long it takes to read a melody: `cargo run --release -p symphony-ecs-core --example read_speed [NODES]`.
//!
//! Prints the fastest of some runs for a melody with three edges per node, and the same melody as JSON.

use std::fmt::Write as _;
use std::time::{Duration, Instant};
use symphony_ecs_core::melody::{from_json, parse, to_json};

fn main() {
    let nodes = std::env::args().nth(1).and_then(|nodes| nodes.parse().ok()).unwrap_or(2_000);
    let text = melody(nodes);
    let Ok(parsed) = parse("large.melody.toml", &text) else {
        eprintln!("the melody is not read");
        return;
    };
    let json = to_json(&parsed.melody).to_string();
    let toml = fastest(|| parse("large.melody.toml", &text).is_ok());
    let from = fastest(|| from_json("large.json", &json).is_ok());
    println!("{nodes} nodes, {} KiB TOML: {toml:?}; {} KiB JSON: {from:?}", text.len() >> 10, json.len() >> 10);
    let edit = fastest(|| toml_edit::Document::parse(text.as_str()).is_ok());
    println!("for comparison, toml_edit's document of the same text (no melody made of it): {edit:?}");
}

fn melody(nodes: usize) -> String {
    let mut text = "format = 1\nname = \"large\"\n".to_owned();
    for node in 0..nodes {
        let at = |back: usize| format!("n{}.out", node.saturating_sub(back));
        let _ = writeln!(
            text,
            "\n[node.n{node}]\nuses = \"builtin:text/join@^1\"\nwith = {{ separator = \", \" }}\nout = {{ out = \"text\" }}"
        );
        if node >= 3 {
            let _ = writeln!(text, "in = {{ a = \"{}\", b = \"{}\", c = \"{}\" }}", at(1), at(2), at(3));
        }
    }
    text
}

fn fastest(mut run: impl FnMut() -> bool) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        assert!(run());
        best = best.min(start.elapsed());
    }
    best
}
