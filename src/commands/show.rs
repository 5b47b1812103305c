//! `symphony show`: a run from near: its nodes, what they gave, how it stands.

use super::moment::Told;
use crate::birth::Origin;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::past::{self, Past, Recorded};
use crate::seating;
use crate::state::State;
use crate::view::closing;
use clap::Args;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::ids::RunId;
use symphony_ecs_core::ports::ArtifactPort as _;
use symphony_ecs_core::value::Value;
use symphony_systems::travel::At;

/// Show a run: its nodes, what they gave, how it stands
///
/// Reads the journal; the run may be playing, interrupted or over. A damaged journal is shown up to the damage.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony show last
  symphony show last --output notes > NOTES.md
  symphony show last --at 12        # as it was after its event 12
  symphony show last --at 90%
  symphony show r06fk2q --node polish --json")]
pub struct Show {
    /// The run: its id, an unmistakable part of it, or `last`
    run: String,
    /// Only this node and what plays within it, with the values of its outputs
    #[arg(long, value_name = "PATH")]
    node: Option<String>,
    /// As it was after this event (12), at this time (1.5s), or after this part of its time (90%)
    #[arg(long, value_name = "EVENT|TIME", conflicts_with = "output")]
    at: Option<At>,
    /// Write an output of the melody to standard output: text and artifacts as they are, everything else as JSON
    #[arg(long, value_name = "NAME", conflicts_with_all = ["node", "json"])]
    output: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Show {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        let run = state.find_run(&self.run)?;
        if let Some(at) = self.at {
            return self.moment(state, &run, at);
        }
        let past = past::read(state, &run)?;
        for damage in &past.damage {
            eprintln!("warning: {damage}; what follows is what was before it");
        }
        if let Some(name) = &self.output {
            return write_output(state, &past, name);
        }
        let nodes: Vec<_> = past.nodes.iter().filter(|node| self.wants(&node.path)).collect();
        if let (Some(path), true) = (&self.node, nodes.is_empty()) {
            return Err(Failure::usage(format!("the run has no node {path} now"))
                .help(format!("`symphony show {run}` lists its nodes")));
        }
        if self.json {
            let nodes: Vec<_> = nodes
                .iter()
                .map(|node| {
                    let outputs: BTreeMap<_, _> =
                        node.outputs.iter().filter(|(_, value)| value.is_present()).cloned().collect();
                    serde_json::json!({
                        "node": node.path, "status": node.status, "attempts": node.attempt, "reused": node.reused,
                        "reconstructed": node.reconstructed,
                        "outputs": outputs,
                    })
                })
                .collect();
            let object = serde_json::json!({
                "melody": past.birth.name,
                "path": past.birth.path,
                "seed": past.birth.seed,
                "inputs": past.birth.inputs,
                "origin": past.birth.origin,
                "summary": past.closing.summary,
                "outputs": past.outputs.iter().cloned().collect::<BTreeMap<_, _>>(),
                "nodes": nodes,
            });
            return super::print(format!("{object}\n").as_bytes());
        }
        let mut text = format!("{} ({}), seed {}\n", past.birth.name, past.birth.path, past.birth.seed);
        if let Some(Origin { run, event }) = &past.birth.origin {
            let event = event.map_or_else(|| "its beginning".to_owned(), |event| format!("event {event}"));
            let _ = writeln!(text, "  forked from {run} after {event}");
        }
        for node in &nodes {
            let attempts = if node.attempt > 1 { format!("  {} attempts", node.attempt) } else { String::new() };
            let (glyph, word) = match (node.reused, node.reconstructed) {
                (true, _) => ("=", "reused"),
                (_, true) => ("✔", "reconstructed"),
                _ => (glyph(node.status), node.status.as_str()),
            };
            let _ = writeln!(text, "  {glyph} {:<32} {word}{attempts}", node.path);
            if self.node.is_some() {
                for (port, value) in node.outputs.iter().filter(|(_, value)| value.is_present()) {
                    let _ = writeln!(text, "      {port} = {}", value.in_short());
                }
            }
        }
        text += &closing(&past.closing);
        super::print(text.as_bytes())
    }

    /// The run as it was.
    fn moment(&self, state: &State, run: &RunId, at: At) -> Result<Exit, Failure> {
        let recorded = Recorded::read(state, run)?;
        recorded.say_damage();
        let timeline = recorded.timeline()?;
        let moment = timeline.moment(past::point(&timeline, at)?);
        let nodes: Vec<_> = moment.nodes().filter(|node| self.wants(&node.path)).collect();
        if let (Some(path), true) = (&self.node, nodes.is_empty()) {
            return Err(Failure::usage(format!("the run had no node {path} then"))
                .help(format!("`symphony show {run} --at …` without --node lists those it had")));
        }
        let told = Told { run, birth: &recorded.birth, of: timeline.told(), moment: &moment, nodes: &nodes };
        match self.json {
            true => super::print(told.json().as_bytes()),
            false => super::print(told.words(self.node.is_some()).as_bytes()),
        }
    }

    fn wants(&self, path: &str) -> bool {
        self.node.as_ref().is_none_or(|node| {
            path.strip_prefix(node.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }
}

pub(super) fn glyph(status: Status) -> &'static str {
    match status {
        Status::Pending | Status::Ready => "·",
        Status::AwaitingApproval => "?",
        Status::Backoff => "↻",
        Status::Running => "◐",
        Status::Done => "✔",
        Status::Skipped => "○",
        Status::Failed | Status::Cancelled => "✘",
    }
}

fn write_output(state: &State, past: &Past, name: &str) -> Result<Exit, Failure> {
    let Some((_, value)) = past.outputs.iter().find(|(known, _)| known == name) else {
        let names: Vec<&str> = past.outputs.iter().map(|(known, _)| known.as_str()).collect();
        let help =
            if names.is_empty() { "it has none yet".to_owned() } else { format!("it has: {}", names.join(", ")) };
        return Err(Failure::usage(format!("the run has no output `{name}`")).help(help));
    };
    match value {
        Value::Text(text) => super::print(text.as_bytes()),
        Value::Bytes(bytes) => super::print(bytes),
        Value::Artifact(handle) => {
            let mut file = seating::artifacts(state)?.open(&handle.digest).map_err(Failure::state)?;
            match io::copy(&mut file, &mut io::stdout().lock()) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::state(error)),
                _ => Ok(Exit::Completed),
            }
        }
        other => super::print(format!("{}\n", other.canonical_json()).as_bytes()),
    }
}
