//! `symphony fork`: a new run that leaves another at a point.

use super::play::Showing;
use crate::birth::{self, Birth, Origin};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::inputs;
use crate::opening;
use crate::past::{self, Recorded};
use crate::preferences;
use crate::rerun::Wanted;
use crate::seating::{self, Beginning, Seating};
use crate::state::State;
use crate::view::Style;
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;
use symphony_ecs_core::melody::lock::Lock;
use symphony_ecs_core::ports::JournalPort as _;
use symphony_systems::journal::Journal;
use symphony_systems::travel::{At, Branch, BranchError, branch};

/// Begin a new run with what another had finished
///
/// The fork is a run of its own: what was finished at the point is taken along and not played again, its artifacts are
/// shared, and everything else plays anew under the fork's name. Inputs and settings that are given hold for what plays
/// from there on.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony fork last                                   # a failed run: what failed plays anew
  symphony fork last --at 12                           # as it was after its event 12
  symphony fork last --at 90% --input tone=plain
  symphony fork last --melody repaired.melody.toml     # after the melody was repaired")]
pub struct Fork {
    /// The run: its id, an unmistakable part of it, or `last`
    run: String,
    /// Where it leaves the run: an event (12), a time (1.5s), a part of its time (90%) [default: its end]
    #[arg(long, value_name = "EVENT|TIME")]
    at: Option<At>,
    /// An input that shall be another from there on; NAME=@FILE takes a file's content (repeatable)
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    inputs: Vec<String>,
    /// A preference that shall be another from there on (repeatable)
    #[arg(long = "setting", value_name = "NAME=VALUE")]
    settings: Vec<String>,
    /// Play on by this text; finished nodes must be in it with the same id, player and outputs
    #[arg(long, value_name = "FILE")]
    melody: Option<PathBuf>,
    #[command(flatten)]
    show: Showing,
}

impl Fork {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        let origin = state.find_run(&self.run)?;
        let recorded = Recorded::read(state, &origin)?;
        recorded.say_damage();
        let timeline = recorded.timeline()?;
        let told = self.at.map_or(Ok(timeline.told()), |at| past::point(&timeline, at))?;
        let old = &recorded.birth;
        let repaired = match &self.melody {
            Some(path) => Some(opening::or_say(opening::open(state, path))?),
            None => None,
        };
        let opened = repaired.as_ref().unwrap_or(&recorded.opened);
        let Some(root) = opened.checked.melodies.first() else { return Ok(Exit::Melody) };
        let artifacts = seating::artifacts(state)?;
        let mut given = old.inputs.clone();
        given.retain(|name, _| root.melody.inputs.iter().any(|input| input.name.value == *name));
        let inputs = inputs::over(given, &root.melody.inputs, &root.schemas, &self.inputs, None, &*artifacts)?;
        let (run, _) = birth::draw()?;
        let players = Lock::of(&opened.checked).players;
        let birth = Birth {
            symphony: env!("CARGO_PKG_VERSION").to_owned(),
            born_ms: birth::now_ms(),
            name: root.melody.name.value.clone(),
            path: opened.path.clone(),
            readings: opened.readings.clone(),
            inputs,
            settings: preferences::over(old.settings.clone(), &self.settings)?,
            versions: players.iter().map(|(name, entry)| (name.clone(), entry.version.to_string())).collect(),
            // What had not finished is played, not taken over from the run that it is forked from.
            wanted: Wanted { fresh: true, ..Wanted::default() },
            players: players.into_iter().map(|(operation, entry)| (operation, entry.digest)).collect(),
            origin: Some(Origin { run: origin.clone(), event: told.checked_sub(1) }),
            ..old.clone()
        };
        let options = seating::options(&run, &birth, opened, seating::score_of(opened, &birth.settings)?);
        let branch = branch(&recorded.options, &options, recorded.frames(), told).map_err(|error| refused(&error))?;
        std::env::set_current_dir(&birth.folder).map_err(|error| {
            Failure::state(format!("{}: {error}", birth.folder)).help("the run began in this folder; make it again")
        })?;
        let style = self.show.style();
        if !matches!(style, Style::Json | Style::Quiet) {
            say(&branch, &origin, told);
        }
        let beginning = begin(state, &run, &birth, branch)?;
        Seating { state, run: &run, birth: &birth, opened, artifacts: Arc::clone(&artifacts) as _, style }
            .play(beginning)
    }
}

/// Writes the fork's journal with the past that it takes along.
fn begin(
    state: &State,
    run: &symphony_ecs_core::ids::RunId,
    birth: &Birth,
    branch: Branch,
) -> Result<Beginning, Failure> {
    let failed = |error| seating::journal_failure(&error);
    let folder = state.run(run);
    let mut journal = Journal::create(&folder, &birth.to_meta()?).map_err(failed)?;
    for (frame, blob) in (0..).zip(branch.frames) {
        journal.append(frame, blob).map_err(failed)?;
    }
    journal.close().map_err(failed)?;
    Ok(Beginning::Resumed(Box::new(Journal::open(&folder).map_err(failed)?)))
}

fn say(branch: &Branch, origin: &symphony_ecs_core::ids::RunId, told: u64) {
    let point = told.checked_sub(1).map_or("its beginning".to_owned(), |event| format!("event {event}"));
    let anew = match branch.anew.as_slice() {
        [] => String::new(),
        paths if paths.len() > 5 => format!("; {} nodes that had begun play anew", paths.len()),
        paths => format!("; had begun and plays anew: {}", paths.join(", ")),
    };
    eprintln!("fork of {origin} after {point}: {} finished nodes are taken along{anew}", branch.kept);
}

fn refused(error: &BranchError) -> Failure {
    match error {
        BranchError::Journal(error) => seating::journal_failure(error),
        BranchError::Undone { .. } | BranchError::Rewired { .. } => Failure::usage(error),
        BranchError::Changed { .. } | BranchError::Waits { .. } => Failure::new(Exit::Melody, error).help(
            "give it the id, player, outputs and producers that it had, or fork at an event before it was finished (--at)",
        ),
    }
}
