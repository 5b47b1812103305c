//! `symphony check`: finds mistakes in melodies before they play.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::opening::{self, Opened};
use crate::players::{self, Listing};
use crate::state::State;
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use symphony_ecs_core::melody::lock::Lock;
use symphony_ecs_core::melody::{Diagnostic, json_schema, to_json};

/// Find mistakes in melodies before they play
///
/// Reads the melody and everything it names: bodies, schemas, players. Every finding comes with its place and its
/// cure. Ends with 3 if there are errors.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony check review.melody.toml
  symphony check melodies/a.melody.toml melodies/b.melody.toml --json
  symphony check review.melody.toml --lock
  symphony check review.melody.toml --refresh    # an MCP server was updated
  symphony check --schema > melody.schema.json")]
pub struct Check {
    /// The melodies
    #[arg(required_unless_present = "schema", value_name = "MELODY")]
    melodies: Vec<PathBuf>,
    /// Print one JSON object a melody: path, errors, warnings, findings
    #[arg(long)]
    json: bool,
    /// Write NAME.melody.lock beside each melody: version and digest of every player it uses now
    #[arg(long)]
    lock: bool,
    /// Start the MCP servers that the melodies name and read their tools anew
    #[arg(long)]
    refresh: bool,
    /// Print the melodies in their canonical JSON form
    #[arg(long, conflicts_with = "json")]
    canonical: bool,
    /// Print the JSON Schema of the canonical JSON form
    #[arg(long, conflicts_with_all = ["melodies", "json", "canonical", "lock", "refresh"])]
    schema: bool,
}

impl Check {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        if self.schema {
            return super::print(pretty(&json_schema()).as_bytes());
        }
        let mut exit = Exit::Completed;
        for path in &self.melodies {
            // A new lock is made from what is found without the old one.
            let listing = if self.refresh { Listing::Fresh } else { Listing::Kept };
            let opened = match self.lock {
                true => opening::open_with(state, path, None, listing),
                false => {
                    players::read_lock(path).and_then(|lock| opening::open_with(state, path, lock.as_ref(), listing))
                }
            };
            if opened.is_err() {
                exit = Exit::Melody;
            }
            self.report(path, opened)?;
        }
        Ok(exit)
    }

    fn report(&self, path: &Path, opened: Result<Opened, Vec<Diagnostic>>) -> Result<(), Failure> {
        let findings = match &opened {
            Ok(opened) => &opened.checked.warnings,
            Err(findings) => findings,
        };
        if self.json {
            super::print(as_json(path, findings).as_bytes())?;
        } else {
            opening::say(findings);
        }
        let Ok(opened) = opened else { return Ok(()) };
        let Some(melody) = opened.melody() else { return Ok(()) };
        if self.lock {
            let lock = players::lock_path(path);
            let text = Lock::of(&opened.checked).to_string();
            fs::write(&lock, text).map_err(|error| Failure::usage(format!("{}: {error}", lock.display())))?;
        }
        if self.canonical {
            super::print(pretty(&to_json(melody)).as_bytes())?;
        } else if !self.json {
            let (name, nodes) = (&melody.name.value, melody.nodes.len());
            let bodies = match opened.checked.melodies.len() - 1 {
                0 => String::new(),
                1 => " and 1 body".to_owned(),
                many => format!(" and {many} bodies"),
            };
            super::print(format!("{}: {name} is sound, {nodes} nodes{bodies}\n", path.display()).as_bytes())?;
        }
        Ok(())
    }
}

fn as_json(path: &Path, findings: &[Diagnostic]) -> String {
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let object = serde_json::json!({
        "path": path.to_string_lossy(),
        "errors": errors,
        "warnings": findings.len() - errors,
        "findings": findings.iter().map(Diagnostic::to_json).collect::<Vec<_>>(),
    });
    format!("{object}\n")
}

fn pretty(json: &serde_json::Value) -> String {
    let mut text = serde_json::to_string_pretty(json).unwrap_or_default();
    text.push('\n');
    text
}
