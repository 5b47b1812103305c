//! Watching triggers: what `symphony up` does.
//!
//! ```text
//! API ─────┐                                   ┌─► hall of a melody: its runs
//! files ───┼─► news ─► triggers ─► ledger ─────┤
//! halls ───┤            (decide)   (commit)    └─► whoever asked
//! Ctrl-C ──┘
//! ```
//!
//! The loop sleeps until there is news or a schedule's time has come. All that waits is taken in together, committed in
//! one transaction, and only then acted upon.

mod api;
mod arming;
mod files;
mod hall;
mod http;
mod telling;
pub mod token;

pub use arming::Melodies;
pub use telling::Telling;

use crate::birth;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::scarcity::{self, Memory};
use crate::seating;
use crate::state::State;
use crossbeam_channel::{Receiver, Sender, bounded};
use hall::{Hall, Part};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use symphony_ecs_core::events::RunStatus;
use symphony_ecs_core::events::notice::Summary;
use symphony_ecs_core::ids::RunId;
use symphony_ecs_core::value::Value;
use symphony_systems::arbiter::Arbiter;
use symphony_systems::ledger::{Ledger, LedgerError};
use symphony_systems::triggers::{Change, Event, Facts, MelodyRow, Order, Start, Ticket, Triggers, Verdict};

/// News that may wait for the loop, and that it takes in together.
const WAITING: usize = 1 << 16;

/// The loop looks at the clock at least this often while a schedule is armed: the machine may have slept, or somebody
/// may have set its clock.
const LOOK: Duration = Duration::from_secs(60);

/// What reaches the loop.
pub enum News {
    /// Something that may start runs; the verdicts are wanted once they are written down.
    Happened(Event, Option<Sender<Vec<(String, Verdict)>>>),
    /// A run is over.
    Ended {
        /// The start that it came from.
        ticket: Ticket,
        /// How it ended, for people.
        summary: Box<Summary>,
        /// Its outputs.
        outputs: Facts,
    },
    /// A run could not begin, or cannot go on here.
    Lost {
        /// The start that it came from.
        ticket: Ticket,
        /// Why.
        why: String,
    },
    /// What is accepted and not over?
    Open(Sender<Vec<Open>>),
    /// Stop the run, or drop it before it begins. The answer says whether there was one.
    Cancel(RunId, Sender<bool>),
    /// Stop watching.
    Stop,
}

/// A start that is not over, for people.
#[derive(Clone, Debug)]
pub struct Open {
    /// The melody's name.
    pub melody: String,
    /// The start.
    pub start: Start,
}

/// How to watch.
#[derive(Clone, Debug)]
pub struct Manner {
    /// The API's port; 0 takes any that is free.
    pub port: u16,
    /// Runs that play at once.
    pub room: u32,
    /// Play what is due now, then end.
    pub once: bool,
}

/// Watches the triggers of these melodies until somebody stops it.
pub fn watch(state: &State, melodies: Melodies, manner: &Manner, telling: Telling) -> Result<Exit, Failure> {
    state.make()?;
    let _lock = token::lock(state)?;
    let (_, salt) = birth::draw()?;
    let mut ledger = Ledger::open(&state.triggers(), salt_of(salt)).map_err(|error| ledger_failure(&error))?;
    let names: Vec<&str> = melodies.armed.iter().map(|armed| armed.name.as_str()).collect();
    let found = ledger.read(&names).map_err(|error| ledger_failure(&error))?;
    for (melody, run) in &found.strangers {
        eprintln!("warning: run {run} waits for melody {melody}, which is not armed; `symphony up` on it goes on");
    }
    let triggers = Triggers::new(&melodies.armed, manner.room, found.kept, now());
    let (news_in, news) = bounded(WAITING);
    interrupt::listen(news_in.clone(), News::Stop)
        .map_err(|error| Failure::state(format!("signals cannot be heard: {error}")))?;
    let melodies = Arc::new(melodies);
    let arbiter = scarcity::open(state, Memory::Learned)?;
    let desk = Desk {
        halls: halls(state, &melodies, arbiter.as_ref(), &news_in)?,
        triggers,
        ledger,
        telling,
        failed: false,
        stopping: false,
    };
    desk.telling.armed(&melodies, &desk.triggers);
    let (_api, _files) = if manner.once {
        (None, None)
    } else {
        let api = api::Api::start(state, Arc::clone(&melodies), manner.port, news_in.clone())?;
        desk.telling.listening(api.port());
        (Some(api), Some(files::watch(state, &melodies.armed, news_in.clone())?))
    };
    drop(news_in);
    let exit = desk.run(news, manner.once);
    if let Some(arbiter) = &arbiter {
        scarcity::keep(state, arbiter);
    }
    exit
}

fn halls(
    state: &State,
    melodies: &Arc<Melodies>,
    arbiter: Option<&Arbiter>,
    news: &Sender<News>,
) -> Result<Vec<Hall>, Failure> {
    let artifacts = seating::artifacts(state)?;
    let rows = 0..melodies.opened.len();
    let hall =
        |row| Hall::open(state, Arc::clone(melodies), row, Arc::clone(&artifacts) as _, arbiter.cloned(), news.clone());
    rows.map(hall).collect()
}

/// The loop's own state.
struct Desk {
    halls: Vec<Hall>,
    triggers: Triggers,
    ledger: Ledger,
    telling: Telling,
    /// Whether a run did not complete.
    failed: bool,
    stopping: bool,
}

/// Answers that wait for the commit.
type Replies = Vec<(Sender<Vec<(String, Verdict)>>, Vec<(String, Verdict)>)>;

impl Desk {
    fn run(mut self, news: Receiver<News>, once: bool) -> Result<Exit, Failure> {
        let mut batch = Vec::new();
        loop {
            self.turn(&mut batch)?;
            if self.stopping || once && self.triggers.open_count() == 0 {
                break;
            }
            let Some(first) = self.next(&news) else { continue };
            batch.push(first);
            batch.extend(news.try_iter().take(WAITING));
        }
        let interrupted = self.stopping && self.triggers.open_count() > 0;
        // Nobody waits for a loop that takes nothing in any more.
        drop(news);
        // Halls end their orchestras here: journals are closed, players are stopped, runs can go on.
        drop(self.halls);
        self.telling.stopped(interrupted);
        Ok(match (interrupted, once && self.failed) {
            (true, _) => Exit::Interrupted,
            (false, true) => Exit::RunFailed,
            (false, false) => Exit::Completed,
        })
    }

    /// Sleeps until there is news or something is due.
    fn next(&self, news: &Receiver<News>) -> Option<News> {
        match self.triggers.next_wake() {
            None => news.recv().ok(),
            Some(at) => {
                let wait = u64::try_from(at.saturating_sub(now())).unwrap_or_default();
                news.recv_timeout(Duration::from_millis(wait).min(LOOK)).ok()
            }
        }
    }

    /// Takes in what has come, and the time; commits; acts.
    fn turn(&mut self, batch: &mut Vec<News>) -> Result<(), Failure> {
        let now = now();
        let mut replies = Replies::new();
        let mut cancelled = Vec::new();
        let mut asked = Vec::new();
        for news in batch.drain(..) {
            match news {
                News::Happened(event, reply) => {
                    let verdicts = self.told(|triggers| triggers.take(event, now));
                    replies.extend(reply.map(|reply| (reply, verdicts)));
                }
                News::Ended { ticket, summary, outputs } => {
                    self.ended(ticket, summary.status, outputs, now, Some(&summary));
                }
                News::Lost { ticket, why } => {
                    if let Some(start) = self.triggers.start(ticket) {
                        self.telling.lost(self.triggers.name(start.melody), &start.run, &why);
                    }
                    self.ended(ticket, RunStatus::Failed, Facts::new(), now, None);
                }
                News::Open(reply) => asked.push(reply),
                News::Cancel(run, reply) => {
                    let ticket = self.triggers.start_of(&run).map(|start| start.ticket);
                    let found = ticket.is_some_and(|ticket| self.triggers.cancel(ticket));
                    cancelled.push((reply, found));
                }
                News::Stop => self.stopping = true,
            }
        }
        if !self.stopping {
            self.told(|triggers| triggers.tick(now));
        }
        let (changes, orders) = self.triggers.decided();
        self.commit(&changes)?;
        // Whoever asked may have gone; the run starts all the same.
        for (reply, verdicts) in replies {
            let _ = reply.send(verdicts);
        }
        for (reply, found) in cancelled {
            let _ = reply.send(found);
        }
        if !asked.is_empty() {
            let open = self.open();
            for reply in asked {
                let _ = reply.send(open.clone());
            }
        }
        if !self.stopping {
            orders.into_iter().for_each(|order| self.act(order));
        }
        Ok(())
    }

    fn told(&mut self, decide: impl FnOnce(&mut Triggers) -> Vec<(MelodyRow, Verdict)>) -> Vec<(String, Verdict)> {
        let verdicts = decide(&mut self.triggers);
        let name = |(melody, verdict): (MelodyRow, Verdict)| (self.triggers.name(melody).to_owned(), verdict);
        let verdicts: Vec<(String, Verdict)> = verdicts.into_iter().map(name).collect();
        for (melody, verdict) in &verdicts {
            let cause = self.triggers.start_of(verdict.run()).map(|start| start.cause);
            self.telling.verdict(melody, verdict, cause.as_ref());
        }
        verdicts
    }

    fn ended(&mut self, ticket: Ticket, status: RunStatus, outputs: Facts, now: i64, summary: Option<&Summary>) {
        self.failed |= status != RunStatus::Completed;
        if let (Some(start), Some(summary)) = (self.triggers.start(ticket), summary) {
            self.telling.ended(self.triggers.name(start.melody), summary);
        }
        self.told(|triggers| triggers.take(Event::Ended { ticket, status, outputs }, now));
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), Failure> {
        self.ledger.commit(&self.triggers, changes).map_err(|error| ledger_failure(&error))
    }

    fn act(&mut self, order: Order) {
        match order {
            Order::Start(ticket) => {
                let facts = self.triggers.facts_of(ticket);
                let Some(start) = self.triggers.start(ticket) else { return };
                if let Some(hall) = self.halls.get(start.melody as usize) {
                    hall.send(Part::Start { start: Box::new(start), facts });
                }
            }
            Order::Stop(ticket) => {
                if let Some(start) = self.triggers.start(ticket)
                    && let Some(hall) = self.halls.get(start.melody as usize)
                {
                    hall.send(Part::Stop(ticket));
                }
            }
            Order::Dropped(run, melody) => self.telling.dropped(self.triggers.name(melody), &run),
        }
    }

    fn open(&self) -> Vec<Open> {
        let open = self.triggers.open().into_iter();
        open.map(|start| Open { melody: self.triggers.name(start.melody).to_owned(), start }).collect()
    }
}

/// Now, in milliseconds since the Unix epoch.
fn now() -> i64 {
    i64::try_from(birth::now_ms()).unwrap_or(i64::MAX)
}

/// What makes the run ids of this state folder differ from those of others.
fn salt_of(seed: u64) -> u64 {
    birth::now_ms().rotate_left(20) ^ seed ^ (u64::from(std::process::id()) << 24)
}

fn ledger_failure(error: &LedgerError) -> Failure {
    Failure::state(error)
}

/// Values by name as JSON.
fn json_of(values: &BTreeMap<String, Value>) -> serde_json::Value {
    values.iter().map(|(name, value)| (name.clone(), value.to_json())).collect::<serde_json::Map<_, _>>().into()
}

/// Where a melody's own files lie.
fn folder_of(path: &str) -> Option<PathBuf> {
    std::fs::canonicalize(path).ok()?.parent().map(std::path::Path::to_path_buf)
}
