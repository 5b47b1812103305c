//! `symphony export`: a melody for other tools.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::Disk;
use crate::opening;
use crate::whole::{Over, write_all};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use symphony_ecs_core::melody::sources::Sources as _;
use symphony_ecs_core::melody::{Melody, parse};
use symphony_interchange::chart::{Chart, dot, mermaid};
use symphony_interchange::wfformat;

/// Write a melody for other tools
///
/// WfFormat has a task for each node, its estimate as the run time; Graphviz and Mermaid have the picture that
/// `symphony graph` draws. Players need not be installed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony export review.melody.toml --to wfformat --out review.json
  symphony export review.melody.toml --to mermaid")]
pub struct Export {
    /// The melody
    melody: PathBuf,
    /// The format
    #[arg(long, value_enum, value_name = "FORMAT")]
    to: To,
    /// Where to write it [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long, requires = "out")]
    force: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum To {
    /// WfFormat 1.5, as JSON
    Wfformat,
    /// Graphviz
    Dot,
    /// Mermaid
    Mermaid,
}

impl Export {
    pub fn run(self) -> Result<Exit, Failure> {
        let (known, text) = Disk.read("", &self.melody.to_string_lossy()).map_err(|why| {
            Failure::new(Exit::Melody, why)
                .help("give the path of a melody, such as examples/release-notes.melody.toml")
        })?;
        let melody = match parse(&known, &text) {
            Ok(parsed) => parsed.melody,
            Err(findings) => {
                opening::say(&findings);
                return Err(Failure::said(Exit::Melody));
            }
        };
        let text = match self.to {
            To::Wfformat => recorded(&melody)?,
            To::Dot => dot(&Chart::of(&melody, &mut opening::body)),
            To::Mermaid => mermaid(&Chart::of(&melody, &mut opening::body)),
        };
        match self.out {
            None => super::print(text.as_bytes()),
            Some(out) => {
                write_all(&[(out, text)], if self.force { Over::Write } else { Over::Refuse })?;
                Ok(Exit::Completed)
            }
        }
    }
}

fn recorded(melody: &Melody) -> Result<String, Failure> {
    let (text, unsaid) = wfformat::export(melody);
    // A melody that was not checked may have a circle, which no reader of the format would take.
    wfformat::read(&text).map_err(|refusal| {
        Failure::new(Exit::Melody, format!("{}: {}", melody.path, refusal.message))
            .help(format!("`symphony check {}` says where", melody.path))
    })?;
    for entry in unsaid {
        eprintln!("WfFormat does not say: {} — {}", entry.what, entry.place);
    }
    Ok(text)
}
