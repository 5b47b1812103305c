//! `symphony cancel`: stops a run for good.

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
