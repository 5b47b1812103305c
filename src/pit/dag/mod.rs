//! `symphony pit dag`: the DAG Tracker of a run, live or recorded.

mod kinds;
mod lore;
mod outlook;
mod plan;
mod reroute;

pub use lore::{add as learn, known};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::state::State;
use clap::{Args, Subcommand};

/// The critical path of a run, the slack of its nodes, and when it will end
///
/// Reads the journal, so a run that plays is not disturbed. Nodes take as long as their melody says (`estimate`), as was
/// learned from earlier runs, or as their kind of player usually does.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  symphony pit dag last
  symphony pit dag r06fk2q --json
  symphony pit dag kinds
  symphony pit dag reroute last --add lint.toml --remove review
  symphony pit dag plan last --lose-artifact draft.text --lose-player instrument:openai-chat/ask"
)]
pub struct Dag {
    #[command(subcommand)]
    what: Option<What>,
    /// The run: its id, an unmistakable part of it, or `last`
    #[arg(default_value = "last")]
    run: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    Kinds(kinds::Kinds),
    Plan(plan::Plan),
    Reroute(reroute::Reroute),
}

impl Dag {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        match self.what {
            None => outlook::show(state, &self.run, self.json),
            Some(What::Kinds(kinds)) => kinds.run(state),
            Some(What::Plan(plan)) => plan.run(state),
            Some(What::Reroute(reroute)) => reroute.run(state),
        }
    }
}

/// Nanoseconds as people read them.
fn seconds(nanos: u64) -> String {
    let seconds = nanos as f64 / 1e9;
    match seconds {
        s if s < 0.001 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_their_size() {
        let told = [900, 25_000_000, 1_500_000_000, 600_000_000_000, 9_000_000_000_000].map(seconds);
        assert_eq!(told, ["1 µs", "25 ms", "1.5 s", "10 min", "2.5 h"]);
    }
}
