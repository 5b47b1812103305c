//! `symphony graph`: the graph of a melody, for Graphviz or Mermaid.

use crate::exit::Exit;
use crate::failure::Failure;

use crate::opening;
use crate::state::State;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use symphony_interchange::chart::{Chart, dot, mermaid};

/// Print the graph of a melody, for Graphviz or Mermaid
///
/// Bodies of loops and nested melodies are drawn as clusters; soft edges are dashed, optional ones dotted.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony graph review.melody.toml > review.dot
  symphony graph review.melody.toml --format mermaid")]
pub struct Graph {
    /// The melody
    melody: PathBuf,
    /// The language
    #[arg(long, value_enum, default_value_t = Format::Dot)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Graphviz
    Dot,
    /// Mermaid
    Mermaid,
}

impl Graph {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        let opened = opening::or_say(opening::open(state, &self.melody))?;
        let Some(melody) = opened.melody() else { return Ok(Exit::Melody) };
        let chart = Chart::of(melody, &mut opening::body);
        let text = match self.format {
            Format::Dot => dot(&chart),
            Format::Mermaid => mermaid(&chart),
        };
        super::print(text.as_bytes())
    }
}
