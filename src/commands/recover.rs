//! `symphony recover`: what a run has lost, and the fewest nodes that bring it back.

use super::play::Showing;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::recover::{self, Named};
use crate::state::State;
use crate::view::Style;
use clap::Args;

/// Say which nodes bring back what a run has lost, and play just those
///
/// Lost is what the store has no sound bytes for. Lost outputs are wanted if the melody gives them or a node that is
/// not over takes them. The plan is the smallest one: it stops at whatever is still there. With --play it is played in a
/// run of its own: values that come out equal are back in the store under their digests, others are reported; nothing is
/// overwritten.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony recover last                              # what is gone, and what brings it back
  symphony recover last --lost draft.text            # as if this were gone too
  symphony recover r06fk2q --play
  symphony recover last --json")]
pub struct Recover {
    /// The run: its id, an unmistakable part of it, or `last`
    run: String,
    /// What else counts as lost: an output of a node, or a digest (repeatable)
    #[arg(long, value_name = "NODE.PORT|DIGEST")]
    lost: Vec<Named>,
    /// Play the plan
    #[arg(long)]
    play: bool,
    #[command(flatten)]
    show: Showing,
}

impl Recover {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        let run = state.find_run(&self.run)?;
        let recovery = recover::find(state, &run, &self.lost)?;
        let style = self.show.style();
        let outcome = match self.play && !recovery.plan.steps.is_empty() {
            true => Some(recover::play(state, &recovery, style)?),
            false => None,
        };
        let said = match style {
            Style::Json => format!("{}\n", recover::to_json(&recovery, outcome.as_ref())),
            _ => recover::in_words(&recovery, outcome.as_ref()),
        };
        super::print(said.as_bytes())?;
        let whole = outcome.as_ref().is_none_or(|outcome| outcome.other.is_empty());
        Ok(match &outcome {
            Some(outcome) if outcome.exit != Exit::Completed => outcome.exit,
            _ if self.play && !(whole && recovery.plan.hopeless.is_empty()) => Exit::RunFailed,
            _ => Exit::Completed,
        })
    }
}
