//! Playing a plan: a run of its own that begins where everything else is done already.

use super::Recovery;
use crate::birth::{self, Birth};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::past;
use crate::rerun::Wanted;
use crate::seating::{self, Beginning, Seating};
use crate::state::State;
use crate::view::Style;
use std::sync::Arc;
use symphony_ecs_core::ids::RunId;
use symphony_ecs_core::ports::JournalPort as _;
use symphony_ecs_core::value::Digest;
use symphony_systems::journal::Journal;

/// What playing a plan came to.
pub struct Outcome {
    /// The run that played it.
    pub run: RunId,
    /// How that run ended.
    pub exit: Exit,
    /// Slots whose values came out equal: they are back.
    pub back: Vec<u32>,
    /// Slots whose values came out otherwise, with the digest they have in the new run; none if they were not given.
    pub other: Vec<(u32, Option<Digest>)>,
}

/// Plays the plan of a recovery.
pub fn play(state: &State, recovery: &Recovery, style: Style) -> Result<Outcome, Failure> {
    // Players find the files of the run where it began.
    std::env::set_current_dir(&recovery.birth.folder).map_err(|error| {
        Failure::state(format!("{}: {error}", recovery.birth.folder))
            .help("the run began in this folder; make it again")
    })?;
    let (run, _) = birth::draw()?;
    let birth = Birth {
        born_ms: birth::now_ms(),
        symphony: env!("CARGO_PKG_VERSION").to_owned(),
        // What is played was asked for: nothing of earlier runs stands in for it.
        wanted: Wanted { fresh: true, seed: recovery.birth.wanted.seed, ..Wanted::default() },
        ..recovery.birth.clone()
    };
    let folder = state.run(&run);
    let broken = |error| seating::journal_failure(&error);
    let mut journal = Journal::create(&folder, &birth.to_meta()?).map_err(broken)?;
    journal.append(0, recovery.ground.fork(&recovery.plan).encode()).map_err(broken)?;
    journal.close().map_err(broken)?;
    let journal = Journal::open(&folder).map_err(broken)?;
    let artifacts = seating::artifacts(state)?;
    let seating = Seating {
        state,
        run: &run,
        birth: &birth,
        opened: &recovery.opened,
        artifacts: Arc::clone(&artifacts) as _,
        style,
    };
    let exit = seating.play(Beginning::Resumed(Box::new(journal)))?;
    let (_, _, ground) = past::ground(state, &run)?;
    let (mut back, mut other) = (Vec::new(), Vec::new());
    for loss in &recovery.losses {
        let row = recovery.ground.giver(loss.slot).0;
        if !recovery.plan.steps.iter().any(|step| step.row == row) {
            continue;
        }
        let value = ground.values.get(loss.slot as usize).filter(|value| value.is_present());
        match value.map(symphony_ecs_core::value::Value::digest) {
            Some(digest) if digest == loss.digest => back.push(loss.slot),
            digest => other.push((loss.slot, digest)),
        }
    }
    Ok(Outcome { run, exit, back, other })
}
