//! `symphony resume`: goes on with a run that was killed or interrupted.

use super::play::Showing;
use crate::birth::Birth;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::opening;
use crate::past;
use crate::playing;
use crate::seating::{self, Beginning, Seating};
use crate::state::State;
use crate::view::{Plan, View};
use clap::Args;
use std::sync::Arc;
use symphony_ecs_core::melody::lock::Lock;
use symphony_systems::journal::Journal;

/// Go on with a run that was killed or interrupted
///
/// What was finished is not played again. The run goes on with the melody, the bodies and the inputs it began with,
/// whatever has become of the files.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony resume last
  symphony resume r06fk2q --json")]
pub struct Resume {
    /// The run: its id, an unmistakable part of it, or `last`
    run: String,
    #[command(flatten)]
    show: Showing,
}

impl Resume {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        let run = state.find_run(&self.run)?;
        let folder = state.run(&run);
        let journal = Journal::open(&folder).map_err(|error| seating::journal_failure(&error))?;
        let birth = Birth::from_meta(&journal.meta, &folder).map_err(|error| seating::journal_failure(&error))?;
        let opened = opening::or_say(opening::reopen(state, &birth.path, &birth.readings))?;
        say_changed_players(&birth, &Lock::of(&opened.checked));
        // Players find the files of the run where it began.
        std::env::set_current_dir(&birth.folder).map_err(|error| {
            Failure::state(format!("{}: {error}", birth.folder)).help("the run began in this folder; make it again")
        })?;
        let artifacts = seating::artifacts(state)?;
        let style = self.show.style();
        if let Some(past) = past::over(&run, &birth, &opened, &journal)? {
            let view =
                View::start(style, Plan::default()).map_err(|error| Failure::state(format!("no thread: {error}")))?;
            let exit = playing::exit_of(past.summary.status);
            view.end(past);
            return Ok(exit);
        }
        let seating =
            Seating { state, run: &run, birth: &birth, opened: &opened, artifacts: Arc::clone(&artifacts) as _, style };
        seating.play(Beginning::Resumed(Box::new(journal)))
    }
}

/// A run goes on with the players of today; where they are not those of its beginning, a person should know.
fn say_changed_players(birth: &Birth, now: &Lock) {
    for (operation, entry) in &now.players {
        if birth.players.get(operation).is_some_and(|then| *then != entry.digest) {
            eprintln!("warning: {operation} has changed since the run began; it goes on with {} ", entry.version);
        }
    }
}
