//! `symphony cancel`: stops a run for good.

use super::reach::{Reached, reach};
use crate::control::{Answer, Command};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::state::State;
use clap::Args;

/// Stop a run for good
///
/// Calls in flight are stopped and the run ends as cancelled; it cannot be resumed. To stop a run that shall go on
/// later, press Ctrl-C where it plays.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony cancel last
  symphony cancel r06fk2q")]
pub struct Cancel {
    /// The run: its id, an unmistakable part of it, or `last`
    run: String,
}

impl Cancel {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        let run = state.find_run(&self.run)?;
        match reach(state, &run, &Command::Cancel)? {
            Reached::Answered(Answer { ok: true, message, .. }) => {
                let message = message.unwrap_or_else(|| "cancelling".to_owned());
                super::print(format!("{run}: {message}\n").as_bytes())
            }
            Reached::Answered(Answer { message, .. }) => {
                Err(Failure::new(Exit::RunFailed, format!("{run}: {}", message.unwrap_or_default())))
            }
            Reached::Kept => {
                let text = format!("{run}: nobody plays it; `symphony resume {run}` ends it as cancelled\n");
                super::print(text.as_bytes())
            }
        }
    }
}
