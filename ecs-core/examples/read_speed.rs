//! How long it takes to read a melody: `cargo run --release -p symphony-ecs-core --example read_speed [NODES]`.
//!
//! Prints the time for a melody with three edges per node, and the same melody as JSON.

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
    let toml = cost(|| parse("large.melody.toml", &text).is_ok());
    let from = cost(|| from_json("large.json", &json).is_ok());
    println!("{nodes} nodes, {} KiB TOML: {toml:?}; {} KiB JSON: {from:?}", text.len() >> 10, json.len() >> 10);
    let edit = cost(|| toml_edit::Document::parse(text.as_str()).is_ok());
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

/// Time of one run: the fastest by the clock on the wall or, where other programs take turns on the processor, the mean
/// of the processor time, whichever is less.
fn cost(mut run: impl FnMut() -> bool) -> Duration {
    const RUNS: u32 = 50;
    let mut best = Duration::MAX;
    let before = processor_time();
    for _ in 0..RUNS {
        let start = Instant::now();
        assert!(run());
        best = best.min(start.elapsed());
    }
    match before.zip(processor_time()) {
        Some((before, after)) => (after.saturating_sub(before) / RUNS).min(best),
        None => best,
    }
}

/// Time that this thread has spent on a processor, as Linux counts it.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
