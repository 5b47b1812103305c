//! `symphony approve`: answers a node that waits for a person.

use super::reach::{Reached, reach};
use crate::control::{Answer, Command, Verdict};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::state::State;
use clap::Args;

/// Answer a node that waits for a person
///
/// Reaches the process that plays the run; when none does, the answer is kept and `symphony resume` finds it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony approve last ship               # let it play
  symphony approve last ship --refuse      # do not
  symphony approve r06fk2q 'fix[2].ship' --by ada")]
pub struct Approve {
    /// The run: its id, an unmistakable part of it, or `last`
    run: String,
    /// The node's path in the run, as `symphony show` prints it
    node: String,
    /// Say no
    #[arg(long)]
    refuse: bool,
    /// Who says so [default: the user's name]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl Approve {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        let run = state.find_run(&self.run)?;
        let verdict = if self.refuse { Verdict::Refuse } else { Verdict::Approve };
        let by = self.by.or_else(|| std::env::var("USER").ok()).filter(|name| !name.is_empty());
        let command = Command::Approve { node: self.node.clone(), verdict, by };
        match reach(state, &run, &command)? {
            Reached::Answered(Answer { ok: true, message, .. }) => {
                let message = message.unwrap_or_else(|| format!("{} answered", self.node));
                super::print(format!("{run}: {message}\n").as_bytes())
            }
            Reached::Answered(Answer { message, .. }) => {
                Err(Failure::usage(format!("{run}: {}", message.unwrap_or_default()))
                    .help(format!("`symphony show {run}` lists the nodes that wait")))
            }
            Reached::Kept => {
                let text = format!("{run}: kept; nobody plays it now, `symphony resume {run}` takes the answer\n");
                super::print(text.as_bytes())
            }
        }
    }
}
