//! `symphony test`: plays melodies with their pins as unit tests.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::opening;
use crate::state::State;
use crate::testing::{self, Outcome, Unpinned};
use clap::Args;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use symphony_ecs_core::melody::pins::Pins;

/// Play melodies with their pins as unit tests
///
/// Beside NAME.melody.toml, NAME.melody.pins says what nodes give instead of being called, the inputs, and what is
/// expected. Pinned nodes are not called; built-in players really play; time is virtual and approvals are given. Ends
/// with 1 if a case does not hold.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony test                              # every melody with pins below this folder
  symphony test review.melody.toml
  symphony test review.melody.toml --case empty --json")]
pub struct Test {
    /// The melodies [default: all below the current folder that have pins]
    #[arg(value_name = "MELODY")]
    melodies: Vec<PathBuf>,
    /// Only cases whose name holds this
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
    /// Call the players that are not pinned
    #[arg(long)]
    live: bool,
    /// Print one JSON object a case, the counts last
    #[arg(long)]
    json: bool,
}

/// How it went so far.
#[derive(Default)]
struct Counts {
    passed: usize,
    failed: usize,
}

impl Test {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        let melodies = match self.melodies.is_empty() {
            true => pinned_below(Path::new(".")),
            false => self.melodies.clone(),
        };
        if melodies.is_empty() {
            return Err(Failure::usage("no melody below this folder has pins")
                .help("write NAME.melody.pins beside NAME.melody.toml; docs/src/time-travel.md shows one"));
        }
        let mut counts = Counts::default();
        let mut exit = Exit::Completed;
        for melody in &melodies {
            if let Some(bad) = self.melody(state, melody, &mut counts)? {
                exit = bad;
            }
        }
        let Counts { passed, failed } = counts;
        let text = match self.json {
            true => {
                format!("{}\n", serde_json::json!({ "cases": passed + failed, "passed": passed, "failed": failed }))
            }
            false => format!("{} cases: {passed} passed, {failed} failed\n", passed + failed),
        };
        super::print(text.as_bytes())?;
        match (exit, failed) {
            (Exit::Completed, 0) => Ok(Exit::Completed),
            (Exit::Completed, _) => Ok(Exit::RunFailed),
            (bad, _) => Ok(bad),
        }
    }

    /// Plays the cases of one melody; gives the exit code if they could not be played.
    fn melody(&self, state: &State, melody: &Path, counts: &mut Counts) -> Result<Option<Exit>, Failure> {
        let opened = match opening::open(state, melody) {
            Ok(opened) => opened,
            Err(findings) => {
                opening::say(&findings);
                return Ok(Some(Exit::Melody));
            }
        };
        let path = melody.with_extension("pins");
        let text = fs::read_to_string(&path).map_err(|error| {
            Failure::new(Exit::Melody, format!("{}: {error}", path.display()))
                .help("the pins of NAME.melody.toml stand in NAME.melody.pins beside it")
        })?;
        let pins = match Pins::parse(&path.to_string_lossy(), &text) {
            Ok(pins) => pins,
            Err(findings) => {
                opening::say(&findings);
                return Ok(Some(Exit::Melody));
            }
        };
        if !self.json {
            super::print(format!("{}\n", melody.display()).as_bytes())?;
        }
        let unpinned = if self.live { Unpinned::Called } else { Unpinned::Refused };
        let mut exit = None;
        for case in pins.cases.iter().filter(|case| self.case.as_ref().is_none_or(|name| case.name.contains(name))) {
            match testing::play(state, &opened, &pins, case, unpinned)? {
                Err(findings) => {
                    opening::say(&findings);
                    exit = Some(Exit::Melody);
                }
                Ok(outcome) => {
                    if outcome.problems.is_empty() {
                        counts.passed += 1;
                    } else {
                        counts.failed += 1;
                    }
                    self.report(melody, &case.name, &outcome)?;
                }
            }
        }
        Ok(exit)
    }

    fn report(&self, melody: &Path, case: &str, outcome: &Outcome) -> Result<(), Failure> {
        let good = outcome.problems.is_empty();
        if self.json {
            let object = serde_json::json!({
                "melody": melody.to_string_lossy(),
                "case": case,
                "ok": good,
                "status": outcome.status,
                "problems": outcome.problems,
            });
            return super::print(format!("{object}\n").as_bytes()).map(drop);
        }
        let name = if case.is_empty() { "(the only case)" } else { case };
        let glyph = if good { console::style("✔").green() } else { console::style("✘").red() };
        let mut text = format!("  {glyph} {name}\n");
        for problem in &outcome.problems {
            let _ = writeln!(text, "      {problem}");
        }
        super::print(text.as_bytes()).map(drop)
    }
}

/// Melodies with pins below a folder, in order. Hidden folders and those of build tools are left out.
fn pinned_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        // A folder that cannot be read holds no tests of ours.
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" => {
                    folders.push(path);
                }
                Ok(kind) if kind.is_file() && name.ends_with(".melody.pins") => {
                    let melody = path.with_extension("toml");
                    found.push(melody.strip_prefix("./").map_or(melody.clone(), Path::to_path_buf));
                }
                _ => {}
            }
        }
    }
    found.sort();
    found
}
