//! `symphony pit dag reroute`: rewires a melody while it plays.

use crate::commands::reach::{Reached, reach};
use crate::control::{Answer, Command};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::rewriting::Change;
use crate::state::State;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Rewire a run: add, replace and take away nodes that have not begun
///
/// Files hold `[node.ID]` tables as a melody has them. The edited melody is checked as a whole: a circle, a type that does
/// not fit or a name that is not there is refused with its place, and so is a change of a node that has begun. The edit
/// is journaled, so resume, replay and travel know it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony pit dag reroute last --add lint.toml
  symphony pit dag reroute r06fk2q --replace draft.toml --remove review --json")]
pub struct Reroute {
    /// The run: its id, an unmistakable part of it, or `last`
    run: String,
    /// Nodes that come
    #[arg(long, value_name = "FILE")]
    add: Option<PathBuf>,
    /// Nodes that take the place of those with their ids
    #[arg(long, value_name = "FILE")]
    replace: Option<PathBuf>,
    /// A node that goes (repeatable)
    #[arg(long, value_name = "ID")]
    remove: Vec<String>,
    /// Who does it [default: the user's name]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Reroute {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        let run = state.find_run(&self.run)?;
        let change =
            Change { add: read(self.add.as_deref())?, replace: read(self.replace.as_deref())?, remove: self.remove };
        if change == Change::default() {
            return Err(
                Failure::usage("nothing is to be changed").help("give --add FILE, --replace FILE or --remove ID")
            );
        }
        let by = self.by.or_else(|| std::env::var("USER").ok()).filter(|name| !name.is_empty());
        match reach(state, &run, &Command::Reroute { change, by })? {
            Reached::Answered(Answer { ok: true, message, status }) => {
                let message = message.unwrap_or_else(|| "rewired".to_owned());
                let text = match self.json {
                    true => json!({"run": run, "kept": false, "edit": status}).to_string(),
                    false => format!("{run}: {message}"),
                };
                crate::commands::print(format!("{text}\n").as_bytes())
            }
            Reached::Answered(Answer { message, .. }) => {
                Err(Failure::usage(format!("{run}: {}", message.unwrap_or_default()))
                    .help(format!("`symphony show {run}` says how its nodes stand; nothing was changed")))
            }
            Reached::Kept => {
                let text = match self.json {
                    true => json!({"run": run, "kept": true}).to_string(),
                    false => format!("{run}: kept; nobody plays it now, `symphony resume {run}` looks at the edit"),
                };
                crate::commands::print(format!("{text}\n").as_bytes())
            }
        }
    }
}

fn read(path: Option<&Path>) -> Result<String, Failure> {
    let Some(path) = path else { return Ok(String::new()) };
    let bytes = crate::files::read_bytes(path).map_err(|why| Failure::usage(format!("{}: {why}", path.display())))?;
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{}: it is not UTF-8", path.display())))
}
