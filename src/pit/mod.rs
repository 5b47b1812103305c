//! `symphony pit`: the members of the Pit, as a person sees and uses them.

pub mod arbitration;
pub mod dag;
pub mod pool;

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
  symphony pit dag kinds                   # what playing has taught
  symphony pit pool                        # which players are warm, or were learned
  symphony pit pool why operator:git       # why one is warm, or is not")]
pub struct Pit {
    #[command(subcommand)]
    member: Member,
}

#[derive(Debug, Subcommand)]
enum Member {
    Arbitration(arbitration::Arbitration),
    Dag(dag::Dag),
    Pool(pool::Pool),
}

impl Pit {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        match self.member {
            Member::Arbitration(arbitration) => arbitration.run(state),
            Member::Dag(dag) => dag.run(state),
            Member::Pool(pool) => pool.run(state),
        }
    }
}
