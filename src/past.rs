//! A run that is looked at, not played: its journal is read and folded, nothing is locked and nothing is started.

use crate::birth::Birth;
use crate::failure::Failure;
use crate::opening::{self, Opened};
use crate::playing;
use crate::seating;
use crate::state::State;
use crate::view::Closing;
use std::collections::BTreeMap;
use std::sync::Arc;
use symphony_ecs_core::events::{Event, RunStatus};
use symphony_ecs_core::ids::RunId;
use symphony_ecs_core::ports::JournalError;
use symphony_pit::dag::Lore;
use symphony_systems::journal::{self, Opened as OpenedJournal, Reader};
use symphony_systems::orchestra::NodeView;
use symphony_systems::outlook::Outlook;
use symphony_systems::record::FrameRecord;
use symphony_systems::recover::Ground;
use symphony_systems::restore::{Restored, restore};
use symphony_systems::run::Sketch;
use symphony_systems::travel::{At, Timeline};
use symphony_systems::{Orchestra, RunOptions};

/// A run as its journal tells it.
pub struct Past {
    /// What it began with.
    pub birth: Birth,
    /// Counts, cost, outputs.
    pub closing: Closing,
    /// Nodes of the bodies that are open, with their outputs.
    pub nodes: Vec<NodeView>,
    /// Values of the melody's outputs, by name; absent ones are left out.
    pub outputs: Vec<(String, symphony_ecs_core::value::Value)>,
    /// What is damaged; what is told stands before it.
    pub damage: Vec<JournalError>,
}

/// A run's record: what it began with, and every intact frame.
pub struct Recorded {
    /// What it began with.
    pub birth: Birth,
    /// The melody that it plays.
    pub opened: Opened,
    /// What the orchestra is told of it.
    pub options: RunOptions,
    /// What is damaged; the frames stand before it.
    pub damage: Vec<JournalError>,
    frames: Vec<(u64, Vec<u8>)>,
}

impl Recorded {
    /// Reads a run's journal.
    pub fn read(state: &State, run: &RunId) -> Result<Self, Failure> {
        let folder = state.run(run);
        let record = journal::read(&folder).map_err(|error| seating::journal_failure(&error))?;
        let birth = Birth::from_meta(&record.meta, &folder).map_err(|error| seating::journal_failure(&error))?;
        let opened = opening::or_say(opening::reopen(state, &birth.path, &birth.readings))?;
        let options = seating::options(run, &birth, &opened, seating::score_of(&opened, &birth.settings)?);
        Ok(Self { birth, opened, options, damage: record.damage, frames: record.frames })
    }

    /// Its frames, in order.
    pub fn frames(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.frames.iter().map(|(frame, blob)| (*frame, blob.as_slice()))
    }

    /// Its life, to be travelled.
    pub fn timeline(&self) -> Result<Timeline, Failure> {
        Timeline::read(&self.options, "the journal", self.frames()).map_err(|error| seating::journal_failure(&error))
    }

    /// Warns of damage.
    pub fn say_damage(&self) {
        for damage in &self.damage {
            eprintln!("warning: {damage}; what follows is what was before it");
        }
    }
}

/// How many notices a run had told at a point.
pub fn point(timeline: &Timeline, at: At) -> Result<u64, Failure> {
    timeline.point(at).ok_or_else(|| {
        let last = timeline.told().saturating_sub(1);
        Failure::usage("the run has no such event").help(format!("its events have the numbers 0 to {last}"))
    })
}

/// Reads a run.
pub fn read(state: &State, run: &RunId) -> Result<Past, Failure> {
    let folder = state.run(run);
    let Recorded { birth, options, damage, frames, .. } = Recorded::read(state, run)?;
    let (mut orchestra, slot) = fold(&options, None, &frames)?;
    let nodes = orchestra.nodes(slot);
    let Some(past) = orchestra.run(slot) else {
        return Err(Failure::state(format!("{}: the run could not be read", folder.display())));
    };
    let outputs = playing::outputs(past);
    let mut closing = playing::closing(past, false);
    closing.summary.resumable = past.status == RunStatus::Playing && journal::owner(&folder).is_none();
    Ok(Past { birth, closing, nodes, outputs, damage })
}

/// The end of a run that is over already, from an open journal; `None` if it can go on.
pub fn over(run: &RunId, birth: &Birth, opened: &Opened, journal: &OpenedJournal) -> Result<Option<Closing>, Failure> {
    let ended = journal.frames.iter().any(|(_, blob)| ended_with(blob).is_some());
    if !ended {
        return Ok(None);
    }
    let options = seating::options(run, birth, opened, seating::score_of(opened, &birth.settings)?);
    let (orchestra, slot) = fold(&options, journal.checkpoint.clone(), &journal.frames)?;
    Ok(orchestra.run(slot).filter(|run| run.status != RunStatus::Playing).map(|run| playing::closing(run, false)))
}

/// What a run's nodes have given, with what it began with and its melody.
pub fn ground(state: &State, run: &RunId) -> Result<(Birth, Opened, Ground), Failure> {
    let folder = state.run(run);
    let record = journal::read(&folder).map_err(|error| seating::journal_failure(&error))?;
    if let Some(damage) = record.damage.first() {
        eprintln!("warning: {damage}; what follows is what was before it");
    }
    let birth = Birth::from_meta(&record.meta, &folder).map_err(|error| seating::journal_failure(&error))?;
    let opened = opening::or_say(opening::reopen(state, &birth.path, &birth.readings))?;
    let options = seating::options(run, &birth, &opened, seating::score_of(&opened, &birth.settings)?);
    let (mut orchestra, slot) = fold(&options, None, &record.frames)?;
    let ground = orchestra
        .ground(slot)
        .ok_or_else(|| Failure::state(format!("run {run} has not begun")).help("`symphony resume` begins it"))?;
    Ok((birth, opened, ground))
}

/// What is to be expected of a run.
pub struct Expected {
    /// The melody's name.
    pub melody: String,
    /// How the run stands.
    pub status: RunStatus,
    /// Its critical path, slack and end.
    pub outlook: Outlook,
}

/// What is to be expected of a run, with what is known from earlier ones.
pub fn outlook(state: &State, run: &RunId, lore: Lore) -> Result<Expected, Failure> {
    let folder = state.run(run);
    let mut recorded = Recorded::read(state, run)?;
    recorded.say_damage();
    recorded.options.tracking = Some(Arc::new(lore));
    let (mut orchestra, slot) = fold(&recorded.options, None, &recorded.frames)?;
    let not_begun = || Failure::state(format!("run {run} has not begun")).help("`symphony resume` begins it");
    let (status, last) = orchestra.run(slot).map(|run| (run.status, run.now)).ok_or_else(not_begun)?;
    // The run's clock stands still in its journal while its nodes play.
    let lives = status == RunStatus::Playing && journal::owner(&folder).is_some();
    let now = if lives { last.after(journal::since_last_write(&folder)) } else { last };
    let outlook = orchestra.outlook(slot, now).ok_or_else(not_begun)?;
    Ok(Expected { melody: recorded.birth.name, status, outlook })
}

/// What a run was made of: what it began with, and each of its calls.
pub struct Made {
    /// The run.
    pub run: RunId,
    /// What it began with.
    pub birth: Birth,
    /// Its calls by path; empty when its melody cannot be read with today's players.
    pub sketches: BTreeMap<String, Sketch>,
}

/// Reads what a run was made of.
pub fn made(state: &State, run: &RunId) -> Result<Made, Failure> {
    let folder = state.run(run);
    let record = journal::read(&folder).map_err(|error| seating::journal_failure(&error))?;
    let birth = Birth::from_meta(&record.meta, &folder).map_err(|error| seating::journal_failure(&error))?;
    let mut sketches = BTreeMap::new();
    // A player that is gone since says nothing about the others, but the run cannot be folded without it.
    if let Ok(opened) = opening::reopen(state, &birth.path, &birth.readings) {
        let mut options = seating::options(run, &birth, &opened, seating::score_of(&opened, &birth.settings)?);
        options.sketches = true;
        let (orchestra, slot) = fold(&options, None, &record.frames)?;
        sketches = orchestra.run(slot).and_then(|run| run.sketches.clone()).unwrap_or_default();
    }
    Ok(Made { run: run.clone(), birth, sketches })
}

fn fold(
    options: &RunOptions,
    checkpoint: Option<(u64, Vec<u8>)>,
    frames: &[(u64, Vec<u8>)],
) -> Result<(Orchestra, symphony_ecs_core::ids::RunSlot), Failure> {
    let mut orchestra = Orchestra::default();
    let from = Restored { checkpoint, frames, path: "the journal", play_on: false };
    let slot = restore(&mut orchestra, options, &from, None).map_err(|error| seating::journal_failure(&error))?;
    Ok((orchestra, slot))
}

/// How the run ended in this frame, if it did.
fn ended_with(blob: &[u8]) -> Option<RunStatus> {
    let record = FrameRecord::decode(blob, "the journal").ok()?;
    record.events.iter().find_map(|event| match event {
        Event::Ended { status, .. } => Some(*status),
        _ => None,
    })
}

/// A line of `symphony runs`, read without folding the whole run.
pub struct Glance {
    /// What it began with.
    pub birth: Birth,
    /// How it stands.
    pub status: RunStatus,
    /// Who plays it now: a process id, 0 if it is not known.
    pub owner: Option<u32>,
}

/// Looks at the end of a run's journal.
pub fn glance(state: &State, run: &RunId) -> Result<Glance, JournalError> {
    let folder = state.run(run);
    let mut reader = Reader::open(&folder)?;
    let birth = Birth::from_meta(reader.meta(), &folder)?;
    let owner = journal::owner(&folder);
    let mut status = RunStatus::Playing;
    let after = reader.newest_checkpoint(&mut Vec::new())?.map(|(frame, _)| frame);
    reader.frames_after(after, |_, blob| status = ended_with(blob).unwrap_or(status))?;
    Ok(Glance { birth, status, owner })
}
