//! `symphony approve`: answers a node that waits for a person.

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
  symphony approve last ship               let it play
  symphony approve last ship --refuse      do not
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
