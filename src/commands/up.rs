//! `symphony up`: watches triggers and plays what they start.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::state::State;
use crate::up::{self, Manner, Melodies, Telling};
use clap::Args;
use std::path::PathBuf;

/// Watch triggers and play what they start
///
/// Arms every melody below the folders whose `on` says more than `manual`: schedules, files, outputs of other runs,
/// ends of other melodies, and the API. What was accepted is written down before anything starts: after a kill the next
/// `up` goes on where this one was, and nothing is lost or started twice. Ctrl-C stops cleanly.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony up
  symphony up melodies/ nightly.melody.toml --port 4180
  symphony up --once --json    # what is due now, such as missed schedules, then end")]
pub struct Up {
    /// Melodies, and folders with melodies below them [default: the current folder]
    places: Vec<PathBuf>,
    /// Port of the API on 127.0.0.1 [default: any that is free]
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Runs that play at once; what is more waits
    #[arg(long, value_name = "NUMBER", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    runs: u32,
    /// Play what is due now and what waited, then end; no API, no files
    #[arg(long)]
    once: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

impl Up {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        let places = if self.places.is_empty() { vec![PathBuf::from(".")] } else { self.places };
        let melodies = Melodies::find(state, &places)?;
        let manner = Manner { port: self.port, room: self.runs, once: self.once };
        up::watch(state, melodies, &manner, Telling::new(self.json))
    }
}
