//! `symphony why`: whether a node would play now, and why.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::opening;
use crate::past::{self, Made};
use crate::seating;
use crate::state::State;
use crate::why;
use clap::Args;
use std::path::{Path, PathBuf};
use symphony_ecs_core::ids::RunId;

/// Say whether a node would play now, and why
///
/// Nothing is played but functions of this program. A node plays when its player, its settings or its inputs are not
/// those of a call that finished before; the answer names what changed and follows it to where it began.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony why polish                           # the melody of the newest run
  symphony why polish review.melody.toml
  symphony why 'polish[1].judge' review.melody.toml --run r06fk2q
  symphony why lint review.melody.toml --input depth=3 --json")]
pub struct Why {
    /// The node: its id, or its path within a body
    node: String,
    /// The melody [default: that of the run]
    melody: Option<PathBuf>,
    /// The run to compare with: its id, an unmistakable part of it, or `last` [default: the newest of the melody]
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// An input, if it is to be another one than in that run (repeatable)
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    inputs: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Why {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        let named = self.run.as_deref().map(|run| state.find_run(run)).transpose()?;
        let (melody, run) = match (&self.melody, named) {
            (Some(melody), named) => (melody.clone(), named),
            (None, named) => {
                let run = named.map_or_else(|| state.find_run("last"), Ok)?;
                let birth = past::glance(state, &run).map_err(|error| seating::journal_failure(&error))?.birth;
                (Path::new(&birth.folder).join(&birth.path), Some(run))
            }
        };
        let opened = opening::or_say(opening::open(state, &melody))?;
        let run = match run {
            Some(run) => Some(run),
            None => newest_of(state, &opened.path)?,
        };
        let before: Option<Made> = run.map(|run| past::made(state, &run)).transpose()?;
        let answer = why::explain(state, &opened, before.as_ref(), &self.node, &self.inputs)?;
        match self.json {
            true => {
                let json = serde_json::to_string(&answer).map_err(Failure::state)?;
                super::print(format!("{json}\n").as_bytes())
            }
            false => super::print(answer.words().as_bytes()),
        }
    }
}

/// The newest run of a melody.
fn newest_of(state: &State, path: &str) -> Result<Option<RunId>, Failure> {
    let mut runs = state.run_ids()?;
    runs.reverse();
    // A run whose journal cannot be read is none of this melody's, as far as anybody can know.
    Ok(runs.into_iter().find(|run| past::glance(state, run).is_ok_and(|glance| glance.birth.path == path)))
}
