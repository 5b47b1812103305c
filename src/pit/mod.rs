//! `symphony pit`: the members of the Pit, as a person sees and uses them.

pub mod arbitration;
pub mod dag;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::state::State;
use clap::{Args, Subcommand};

/// Look at the members of the Pit, and use them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony pit arbitration last            # who had to wait for what is scarce, and why
  symphony pit arbitration --rules         # what is scarce here
  symphony pit dag last                    # the critical path and the slack of a run
  symphony pit dag kinds                   # what playing has taught")]
pub struct Pit {
    #[command(subcommand)]
    member: Member,
}

#[derive(Debug, Subcommand)]
enum Member {
    Arbitration(arbitration::Arbitration),
    Dag(dag::Dag),
}

impl Pit {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        match self.member {
            Member::Arbitration(arbitration) => arbitration.run(state),
            Member::Dag(dag) => dag.run(state),
        }
    }
}
