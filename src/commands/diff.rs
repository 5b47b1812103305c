//! `symphony diff`: what differs between two melodies, or between two runs.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::Disk;
use crate::opening;
use crate::past::Recorded;
use crate::seating;
use crate::state::State;
use clap::Args;
use std::fmt::Write as _;
use std::path::Path;
use symphony_ecs_core::melody::diff::{KeyChange, MelodyDiff, diff};
use symphony_ecs_core::melody::sources::Sources as _;
use symphony_ecs_core::melody::{Melody, parse};
use symphony_systems::travel::{Fold, NodeStory, RunDiff, RunStory, compare};

/// Say what differs between two melodies or two runs
///
/// Melodies are compared by what they mean: nodes by id, keys, edges; layout and comments do not count. Runs are
/// compared by what became of every node: state, attempts, cost, tokens, outputs; times are told and do not count.
/// Ends with 0 if nothing differs and with 1 if something does.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony diff review.melody.toml review2.melody.toml
  symphony diff r06fk2q last --json")]
pub struct Diff {
    /// A melody (a file) or a run (its id, an unmistakable part of it, or `last`)
    #[arg(value_name = "A")]
    one: String,
    /// The other one of the same kind
    #[arg(value_name = "B")]
    other: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Diff {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        let (equal, json, words) = match (is_file(&self.one), is_file(&self.other)) {
            (true, true) => {
                let diff = diff(&melody(&self.one)?, &melody(&self.other)?);
                (diff.is_empty(), serde_json::to_value(&diff), melodies_in_words(&diff))
            }
            (false, false) => {
                let diff = compare(&story(state, &self.one)?, &story(state, &self.other)?);
                (diff.is_empty(), serde_json::to_value(&diff), runs_in_words(&diff))
            }
            _ => {
                return Err(Failure::usage(format!("{} and {} are a melody and a run", self.one, self.other))
                    .help("name two melodies (files) or two runs"));
            }
        };
        if self.json {
            let mut object = json.map_err(Failure::state)?;
            object["equal"] = serde_json::json!(equal);
            super::print(format!("{object}\n").as_bytes())?;
        } else {
            super::print(words.as_bytes())?;
        }
        // As `diff` does it.
        Ok(if equal { Exit::Completed } else { Exit::RunFailed })
    }
}

fn is_file(word: &str) -> bool {
    word.ends_with(".toml") || Path::new(word).is_file()
}

/// Reads a melody. It need not be sound, only readable: what differs may be what is wrong.
fn melody(path: &str) -> Result<Melody, Failure> {
    let (known, text) = Disk.read("", path).map_err(|why| Failure::new(Exit::Melody, why))?;
    match parse(&known, &text) {
        Ok(parsed) => Ok(parsed.melody),
        Err(findings) => {
            opening::say(&findings);
            Err(Failure::said(Exit::Melody))
        }
    }
}

fn story(state: &State, word: &str) -> Result<RunStory, Failure> {
    let recorded = Recorded::read(state, &state.find_run(word)?)?;
    recorded.say_damage();
    let mut fold = Fold::new(&recorded.options, "the journal");
    let mut story = RunStory::default();
    for (frame, blob) in recorded.frames() {
        fold.frame(frame, blob, u64::MAX).map_err(|error| seating::journal_failure(&error))?;
        fold.notices().iter().for_each(|notice| story.tell(notice));
    }
    Ok(story)
}

fn melodies_in_words(diff: &MelodyDiff) -> String {
    let mut text = String::new();
    for change in &diff.melody {
        let _ = writeln!(text, "~ {}", in_words(change));
    }
    for (old, new) in &diff.renamed {
        let _ = writeln!(text, "~ node {old} is now {new}");
    }
    for id in &diff.removed {
        let _ = writeln!(text, "- node {id}");
    }
    for id in &diff.added {
        let _ = writeln!(text, "+ node {id}");
    }
    for (id, changes) in &diff.changed {
        for change in changes {
            let _ = writeln!(text, "~ node {id}: {}", in_words(change));
        }
    }
    for (sign, edges) in [("-", &diff.edges_removed), ("+", &diff.edges_added)] {
        for (from, to) in edges {
            let _ = writeln!(text, "{sign} edge {from} → {to}");
        }
    }
    text
}

fn in_words(change: &KeyChange) -> String {
    let value = |value: &Option<serde_json::Value>| value.as_ref().map_or("nothing".to_owned(), ToString::to_string);
    format!("{}: {} → {}", change.key, value(&change.old), value(&change.new))
}

fn runs_in_words(diff: &RunDiff) -> String {
    let mut text = String::new();
    if diff.is_empty() {
        return text;
    }
    if let Some((one, other)) = diff.status {
        let _ = writeln!(text, "~ the run: {} → {}", one.as_str(), other.as_str());
    }
    if let Some(first) = &diff.first {
        let _ = writeln!(text, "first: {first}");
    }
    for (path, pair) in &diff.nodes {
        match pair {
            (Some(was), None) => {
                let _ = writeln!(text, "- {path}: {}", was.state);
            }
            (None, Some(is)) => {
                let _ = writeln!(text, "+ {path}: {}", is.state);
            }
            (Some(was), Some(is)) => {
                let _ = writeln!(text, "~ {path}: {}", differences(was, is).join(", "));
            }
            (None, None) => {}
        }
    }
    let ((one, other), (cost, costs), (tokens, token)) = (diff.seconds, diff.cost_usd, diff.tokens);
    let _ = writeln!(text, "{one:.3} s → {other:.3} s, ${cost:.4} → ${costs:.4}, {tokens} → {token} tokens");
    text
}

fn differences(was: &NodeStory, is: &NodeStory) -> Vec<String> {
    let mut words = Vec::new();
    if was.state != is.state {
        words.push(format!("{} → {}", was.state, is.state));
    }
    if was.attempts != is.attempts {
        words.push(format!("{} → {} attempts", was.attempts, is.attempts));
    }
    if was.cost_usd != is.cost_usd {
        words.push(format!("${:.4} → ${:.4}", was.cost_usd, is.cost_usd));
    }
    if was.tokens != is.tokens {
        words.push(format!("{} → {} tokens", was.tokens, is.tokens));
    }
    let mut ports: Vec<&String> = was.outputs.keys().chain(is.outputs.keys()).collect();
    ports.sort();
    ports.dedup();
    for port in ports.into_iter().filter(|port| was.outputs.get(*port) != is.outputs.get(*port)) {
        words.push(format!("output {port} differs"));
    }
    words
}
