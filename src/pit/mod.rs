//! `symphony pit`: the members of the Pit, as a person sees and uses them.

pub mod arbitration;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::state::State;
use clap::{Args, Subcommand};

/// Look at the members of the Pit, and use them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony pit arbitration last            # who had to wait for what is scarce, and why
  symphony pit arbitration --rules         # what is scarce here")]
pub struct Pit {
    #[command(subcommand)]
    member: Member,
}

#[derive(Debug, Subcommand)]
enum Member {
    Arbitration(arbitration::Arbitration),
}

impl Pit {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        match self.member {
            Member::Arbitration(arbitration) => arbitration.run(state),
        }
    }
}
