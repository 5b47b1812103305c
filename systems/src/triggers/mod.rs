//! The triggers: what starts melodies, decided without a disk, a network or a clock of their own.
//!
//! Whoever wires them hands in what happened and the time, writes the [`Change`]s down, and only then acts on the
//! [`Order`]s. So nothing that was accepted can be lost, and nothing starts twice.
//!
//! ```text
//! event ─► matching ─► keys ─► debounce ─► concurrency ─► room ─► Order::Start
//! time  ─► schedules ─┘                        ▲
//! end of a run ─► chains, outputs ─────────────┘
//! ```
//!
//! Melodies, schedules and starts are rows; what is known of them stands in columns.

mod admission;
mod keys;
mod matching;
mod schedules;
mod starts;
#[cfg(test)]
mod tests;

pub use starts::{Cause, Facts, Phase, Start, Ticket};

use keys::Keys;
use matching::Matching;
use schedules::Schedules;
use starts::Starts;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use symphony_ecs_core::events::RunStatus;
use symphony_ecs_core::ids::RunId;
use symphony_ecs_core::melody::triggers::{Concurrency, Triggers as On};
use symphony_ecs_core::value::Value;

/// Milliseconds since the Unix epoch.
pub type Ms = i64;

/// A melody among those that are armed.
pub type MelodyRow = u32;

/// A melody whose triggers are watched.
#[derive(Clone, Debug)]
pub struct Armed {
    /// Its name, by which the API and chains know it.
    pub name: String,
    /// Its folder: patterns of files are relative to it.
    pub folder: PathBuf,
    /// Its `on`.
    pub on: On,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Somebody asks for this melody. The facts are the inputs that were given.
    Asked {
        /// Which.
        melody: MelodyRow,
        /// Inputs by name.
        facts: Facts,
        /// A key that this start shall be known by.
        key: Option<String>,
    },
    /// A file has changed.
    File(PathBuf),
    /// Something was posted under a topic.
    Topic {
        /// Its name.
        topic: String,
        /// What was posted.
        body: Value,
        /// A key that the starts shall be known by.
        key: Option<String>,
    },
    /// A run has ended.
    Ended {
        /// The start that it came from.
        ticket: Ticket,
        /// How.
        status: RunStatus,
        /// Its outputs.
        outputs: Facts,
    },
}

/// What became of an event for one melody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its run starts now.
    Starts(RunId),
    /// Its run will start: others are before it.
    Waits(RunId),
    /// Its run will start when nothing more has happened for a while.
    Settles(RunId),
    /// The key was seen before; this is the run that it started.
    Known(RunId),
    /// A run of the melody plays, so nothing starts.
    Skipped(RunId),
}

impl Verdict {
    /// The run in question.
    pub fn run(&self) -> &RunId {
        match self {
            Self::Starts(run) | Self::Waits(run) | Self::Settles(run) | Self::Known(run) | Self::Skipped(run) => run,
        }
    }
}

/// What must be written down before anybody acts.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A start was accepted.
    Accepted(Ticket),
    /// A start is in another phase, or waits for something else.
    Moved(Ticket),
    /// A start is over, or was dropped.
    Gone(Ticket),
    /// A key is known.
    Key {
        /// Of which melody.
        melody: MelodyRow,
        /// The key.
        key: Arc<str>,
        /// What it started.
        run: RunId,
        /// When.
        at: Ms,
    },
    /// A key is forgotten: its start was dropped.
    Forget {
        /// Of which melody.
        melody: MelodyRow,
        /// The key.
        key: Arc<str>,
    },
    /// Keys from before this moment are forgotten.
    ForgetBefore(Ms),
    /// A schedule has seen everything up to this moment.
    Seen {
        /// Which.
        schedule: u32,
        /// Up to when.
        at: Ms,
    },
}

/// What is to be done once the changes are written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Play the run of this start: begin it, or go on with it if it was begun.
    Start(Ticket),
    /// Stop the run of this start for good: another takes its place.
    Stop(Ticket),
    /// This start was dropped before it began.
    Dropped(RunId, MelodyRow),
}

/// What was written down when the triggers were last at work.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Starts that are not over, by ticket.
    pub starts: Vec<Start>,
    /// Keys: melody, key, run, when.
    pub keys: Vec<(MelodyRow, Arc<str>, RunId, Ms)>,
    /// How far each schedule has seen, by [`Triggers::schedule_id`].
    pub seen: BTreeMap<String, Ms>,
    /// The number of the next start.
    pub next: Ticket,
    /// What makes run ids of this place differ from those of others.
    pub salt: u64,
}

/// The triggers of all armed melodies.
pub struct Triggers {
    names: Vec<String>,
    by_name: BTreeMap<String, MelodyRow>,
    api: Vec<bool>,
    debounce: Vec<Ms>,
    concurrency: Vec<Concurrency>,
    /// Starts that play, stop, or only wait for room, by melody.
    active: Vec<BTreeSet<u32>>,
    /// Starts that wait for those, by melody.
    waiting: Vec<VecDeque<u32>>,
    /// The start that settles, by melody.
    settling: Vec<Option<u32>>,
    /// When starts have settled.
    settled_at: BTreeSet<(Ms, u32)>,
    /// Starts that wait for room only.
    for_room: VecDeque<u32>,
    /// Runs that play.
    live: u32,
    /// Runs that may play at once.
    room: u32,
    starts: Starts,
    matching: Matching,
    schedules: Schedules,
    keys: Keys,
    salt: u64,
    next: Ticket,
    changes: Vec<Change>,
    orders: Vec<Order>,
}

impl Triggers {
    /// Arms melodies and takes up what was written down. `room` runs may play at once.
    ///
    /// Starts of melodies that are armed no more must not be in `kept`.
    pub fn new(armed: &[Armed], room: u32, kept: Kept, now: Ms) -> Self {
        let count = armed.len();
        let mut triggers = Self {
            names: armed.iter().map(|melody| melody.name.clone()).collect(),
            by_name: (0..).zip(armed).map(|(row, melody)| (melody.name.clone(), row)).collect(),
            api: armed.iter().map(|melody| melody.on.api).collect(),
            debounce: armed.iter().map(|melody| melody.on.debounce.map_or(0, span)).collect(),
            concurrency: armed.iter().map(|melody| melody.on.concurrency.unwrap_or_default()).collect(),
            active: vec![BTreeSet::new(); count],
            waiting: vec![VecDeque::new(); count],
            settling: vec![None; count],
            settled_at: BTreeSet::new(),
            for_room: VecDeque::new(),
            live: 0,
            room: room.max(1),
            starts: Starts::default(),
            matching: Matching::new(armed),
            schedules: Schedules::new(armed),
            keys: Keys::default(),
            salt: kept.salt,
            next: kept.next,
            changes: Vec::new(),
            orders: Vec::new(),
        };
        for (schedule, at) in triggers.schedules.take_up(&kept.seen, now) {
            triggers.changes.push(Change::Seen { schedule, at });
        }
        triggers.take_up(kept.starts);
        for (melody, key, run, at) in kept.keys {
            if let Some(slot) = triggers.starts.unbegun(&run) {
                triggers.keys.hold(slot, key.clone());
            }
            triggers.keys.learn(melody, key, run, at);
        }
        triggers
    }

    /// The row of a melody.
    pub fn melody(&self, name: &str) -> Option<MelodyRow> {
        self.by_name.get(name).copied()
    }

    /// A melody's name.
    pub fn name(&self, melody: MelodyRow) -> &str {
        self.names.get(melody as usize).map_or("", String::as_str)
    }

    /// Whether somebody may ask for it.
    pub fn may_be_asked(&self, melody: MelodyRow) -> bool {
        self.api.get(melody as usize).copied().unwrap_or_default()
    }

    /// Names a schedule for good: it is the same as long as its melody, pattern and zone are.
    pub fn schedule_id(&self, schedule: u32) -> &str {
        self.schedules.id(schedule)
    }

    /// When a melody's schedules name their next moment, if they do.
    pub fn next_moment(&self, melody: MelodyRow) -> Option<(Ms, String)> {
        self.schedules.next_of(melody)
    }

    /// A start that is not over.
    pub fn start(&self, ticket: Ticket) -> Option<Start> {
        self.starts.get(self.starts.find(ticket)?)
    }

    /// A start as it stands, for the ledger.
    pub(crate) fn row(&self, ticket: Ticket) -> Option<starts::StartRow<'_>> {
        self.starts.row(self.starts.find(ticket)?)
    }

    /// The start that a run comes from, while it is not over.
    pub fn start_of(&self, run: &RunId) -> Option<Start> {
        self.starts.get(self.starts.of_run(run)?)
    }

    /// All starts that are not over, oldest first.
    pub fn open(&self) -> Vec<Start> {
        self.starts.all()
    }

    /// How many there are.
    pub fn open_count(&self) -> usize {
        self.starts.len()
    }

    /// Takes in what happened; says what became of it, for each melody that it concerns.
    pub fn take(&mut self, event: Event, now: Ms) -> Vec<(MelodyRow, Verdict)> {
        match event {
            Event::Asked { melody, facts, key } => {
                let cause = Cause::Asked;
                vec![(melody, self.accept(melody, cause, facts, key, now))]
            }
            Event::File(path) => {
                let facts = Facts::from([("file".to_owned(), Value::text(path.to_string_lossy()))]);
                let cause = Cause::File(path.to_string_lossy().into_owned());
                let rows = self.matching.files(&path);
                self.accept_all(&rows, &cause, &facts, None, now)
            }
            Event::Topic { topic, body, key } => {
                let mut facts = Facts::from([("topic".to_owned(), Value::text(topic.as_str()))]);
                match body {
                    Value::Map(fields) => {
                        facts.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())))
                    }
                    Value::Absent => {}
                    body => {
                        facts.insert("body".to_owned(), body);
                    }
                }
                let rows = self.matching.topics(&topic);
                self.accept_all(&rows, &Cause::Topic(topic), &facts, key, now)
            }
            Event::Ended { ticket, status, outputs } => self.end(ticket, status, outputs, now),
        }
    }

    /// Does what the time asks for: schedules and what has settled.
    pub fn tick(&mut self, now: Ms) -> Vec<(MelodyRow, Verdict)> {
        let mut verdicts = Vec::new();
        for due in self.schedules.due(now) {
            for at in &due.moments {
                let moment = symphony_ecs_core::melody::timetable::rfc3339(*at);
                let facts = Facts::from([("scheduled_at".to_owned(), Value::text(moment.as_str()))]);
                let verdict = self.admit_new(due.melody, Cause::Schedule(moment), facts, None, now);
                verdicts.push((due.melody, verdict));
            }
            self.changes.push(Change::Seen { schedule: due.schedule, at: due.seen });
        }
        while let Some((at, slot)) = self.settled_at.first().copied().filter(|(at, _)| *at <= now) {
            self.settled_at.remove(&(at, slot));
            let melody = self.starts.melody(slot);
            if let Some(place) = self.settling.get_mut(melody as usize) {
                *place = None;
            }
            verdicts.push((melody, self.admit(slot)));
        }
        if let Some(before) = self.keys.forget_old(now) {
            self.changes.push(Change::ForgetBefore(before));
        }
        verdicts
    }

    /// When the time next asks for something.
    pub fn next_wake(&self) -> Option<Ms> {
        let settled = self.settled_at.first().map(|(at, _)| *at);
        self.schedules.next().into_iter().chain(settled).min()
    }

    /// What must be written down, and what is to be done then.
    pub fn decided(&mut self) -> (Vec<Change>, Vec<Order>) {
        (std::mem::take(&mut self.changes), std::mem::take(&mut self.orders))
    }

    /// The number of the next start.
    pub fn next_ticket(&self) -> Ticket {
        self.next
    }

    fn accept_all(
        &mut self,
        melodies: &[MelodyRow],
        cause: &Cause,
        facts: &Facts,
        key: Option<String>,
        now: Ms,
    ) -> Vec<(MelodyRow, Verdict)> {
        let accept =
            |melody: &MelodyRow| (*melody, self.accept(*melody, cause.clone(), facts.clone(), key.clone(), now));
        melodies.iter().map(accept).collect()
    }

    /// An event for one melody: known keys start nothing, and what settles takes it in.
    fn accept(&mut self, melody: MelodyRow, cause: Cause, facts: Facts, key: Option<String>, now: Ms) -> Verdict {
        if let Some(run) = key.as_deref().and_then(|key| self.keys.run(melody, key)) {
            return Verdict::Known(run.clone());
        }
        let wait = self.debounce.get(melody as usize).copied().unwrap_or_default();
        if wait == 0 {
            return self.admit_new(melody, cause, facts, key, now);
        }
        let due = now.saturating_add(wait);
        let settling = self.settling.get(melody as usize).copied().flatten();
        let slot = match settling {
            Some(slot) => {
                self.settled_at.remove(&(self.starts.due(slot), slot));
                self.starts.renew(slot, cause, facts, due);
                self.changes.push(Change::Moved(self.starts.ticket(slot)));
                slot
            }
            None => {
                let slot = self.enter(melody, cause, facts, Phase::Settling, now);
                self.starts.set_due(slot, due);
                if let Some(place) = self.settling.get_mut(melody as usize) {
                    *place = Some(slot);
                }
                slot
            }
        };
        self.settled_at.insert((due, slot));
        let run = self.starts.run(slot).clone();
        self.learn(slot, key, now);
        Verdict::Settles(run)
    }
}

/// A span in whole milliseconds, at least one.
fn span(span: std::time::Duration) -> Ms {
    Ms::try_from(span.as_millis()).unwrap_or(Ms::MAX).max(1)
}
