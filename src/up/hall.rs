//! A hall: the orchestra in which all runs of one melody play, on a thread of its own.
//!
//! A hall's runs share its world, its players and its frames; each has its journal, its lock and its control socket, as
//! a run of `symphony play` has, so `show`, `approve`, `cancel` and `resume` know no difference. A journal has a thread
//! of its own, which is why the number of runs that play at once is bounded.

use super::{Melodies, News};
use crate::birth::{self, Birth};
use crate::control::{Control, Request};
use crate::failure::Failure;
use crate::inputs;
use crate::opening::{self, Opened};
use crate::past;
use crate::playing;
use crate::pools;
use crate::preferences;
use crate::rerun::Wanted;
use crate::seating::{self, Beginning};
use crate::state::State;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use symphony_ecs_core::clock::ClockKind;
use symphony_ecs_core::events::{RunStatus, What};
use symphony_ecs_core::ids::{RunId, RunSlot};
use symphony_ecs_core::melody::lock::Lock;
use symphony_ecs_core::ports::ArtifactPort;
use symphony_ecs_core::score::Score;
use symphony_ecs_core::value::Value;
use symphony_systems::arbiter::Arbiter;
use symphony_systems::journal::Journal;
use symphony_systems::triggers::{Cause, Facts, Start, Ticket};
use symphony_systems::{Command, Orchestra, Pulse};

/// What reaches a hall.
pub enum Part {
    /// Begin this run, or go on with it if it was begun.
    Start {
        /// Its start.
        start: Box<Start>,
        /// What the event told.
        facts: Facts,
    },
    /// Stop it for good.
    Stop(Ticket),
    /// A command over a run's control socket.
    Asked(RunId, Request),
    /// Stop playing; what plays can go on later.
    Close,
}

/// The handle of a hall. Dropping it closes the hall.
pub struct Hall {
    parts: Sender<Part>,
    thread: Option<JoinHandle<()>>,
}

impl Hall {
    /// Opens the hall of a melody.
    pub fn open(
        state: &State,
        melodies: Arc<Melodies>,
        row: usize,
        artifacts: Arc<dyn ArtifactPort>,
        arbiter: Option<Arbiter>,
        news: Sender<News>,
    ) -> Result<Self, Failure> {
        // Bounded by what the triggers let play at once, and by people's commands.
        let (parts, waiting) = unbounded();
        let state = state.clone();
        let sender = parts.clone();
        let play = move || {
            let Some(opened) = melodies.opened.get(row) else { return };
            Stand {
                state: &state,
                opened,
                artifacts,
                arbiter,
                news,
                parts: sender,
                score: None,
                orchestra: None,
                seats: BTreeMap::new(),
            }
            .play(&waiting);
        };
        let thread = std::thread::Builder::new().name("hall".to_owned()).spawn(play);
        let thread = thread.map_err(|error| Failure::state(format!("no thread: {error}")))?;
        Ok(Self { parts, thread: Some(thread) })
    }

    /// Hands something in.
    pub fn send(&self, part: Part) {
        // A hall ends only when it is closed.
        let _ = self.parts.send(part);
    }
}

impl Drop for Hall {
    fn drop(&mut self) {
        self.send(Part::Close);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A run that plays here.
struct Seated {
    slot: RunSlot,
    run: RunId,
    _control: Control,
}

/// The hall from within.
struct Stand<'a> {
    state: &'a State,
    opened: &'a Opened,
    artifacts: Arc<dyn ArtifactPort>,
    /// Of all halls.
    arbiter: Option<Arbiter>,
    news: Sender<News>,
    parts: Sender<Part>,
    /// Compiled and set up with the first run.
    score: Option<(BTreeMap<String, Value>, Arc<Score>)>,
    orchestra: Option<Orchestra>,
    seats: BTreeMap<Ticket, Seated>,
}

impl Stand<'_> {
    fn play(mut self, parts: &Receiver<Part>) {
        loop {
            // Without a run nothing can happen but that something arrives.
            let first = if self.seats.is_empty() { parts.recv().ok() } else { None };
            for part in first.into_iter().chain(parts.try_iter()) {
                match part {
                    Part::Start { start, facts } => {
                        let ticket = start.ticket;
                        if let Err(failure) = self.start(&start, facts) {
                            self.lost(ticket, failure.to_string());
                        }
                    }
                    Part::Stop(ticket) => self.stop(ticket),
                    Part::Asked(run, request) => self.asked(&run, request),
                    Part::Close => return self.close(),
                }
            }
            self.frame(parts);
        }
    }

    /// One frame, and a rest until something happens if nothing is left to do.
    fn frame(&mut self, parts: &Receiver<Part>) {
        let Some(orchestra) = &mut self.orchestra else { return };
        orchestra.frame();
        let mut ended: Vec<RunId> = Vec::new();
        for notice in orchestra.notices() {
            // Published once its frame is committed: only then is the run over for good.
            if matches!(notice.what, What::RunEnded { .. }) {
                ended.push(notice.run);
            }
        }
        let broken: Vec<(Ticket, String)> = self
            .seats
            .iter()
            .filter_map(|(ticket, seat)| Some((*ticket, orchestra.failure(seat.slot)?.to_string())))
            .collect();
        match orchestra.pulse() {
            Pulse::Rest(most) if ended.is_empty() && broken.is_empty() => orchestra.rest(most, &[parts]),
            _ => {}
        }
        for run in ended {
            let ticket = self.seats.iter().find(|(_, seat)| seat.run == run).map(|(ticket, _)| *ticket);
            ticket.into_iter().for_each(|ticket| self.ended(ticket));
        }
        for (ticket, why) in broken {
            self.leave(ticket);
            self.lost(ticket, why);
        }
    }

    fn ended(&mut self, ticket: Ticket) {
        let Some(orchestra) = &self.orchestra else { return };
        let told = self.seats.get(&ticket).and_then(|seat| orchestra.run(seat.slot)).map(|run| {
            let summary = Box::new(playing::closing(run, false).summary);
            News::Ended { ticket, summary, outputs: playing::outputs(run).into_iter().collect() }
        });
        self.leave(ticket);
        let _ = told.map(|told| self.news.send(told));
    }

    /// Takes a run out: its journal is closed and its socket removed.
    fn leave(&mut self, ticket: Ticket) {
        if let (Some(seat), Some(orchestra)) = (self.seats.remove(&ticket), &mut self.orchestra) {
            drop(orchestra.leave(seat.slot));
            pools::keep(self.state, orchestra.pools_learned());
        }
    }

    fn lost(&self, ticket: Ticket, why: String) {
        let _ = self.news.send(News::Lost { ticket, why });
    }

    fn stop(&mut self, ticket: Ticket) {
        if let (Some(seat), Some(orchestra)) = (self.seats.get(&ticket), &mut self.orchestra) {
            orchestra.command(seat.slot, Command::Cancel { by: "symphony up".to_owned() });
        }
    }

    fn asked(&mut self, run: &RunId, request: Request) {
        let slot = self.seats.values().find(|seat| seat.run == *run).map(|seat| seat.slot);
        if let (Some(slot), Some(orchestra)) = (slot, &mut self.orchestra) {
            playing::obey(orchestra, slot, request);
        }
    }

    fn close(mut self) {
        let tickets: Vec<Ticket> = self.seats.keys().copied().collect();
        tickets.into_iter().for_each(|ticket| self.leave(ticket));
    }

    fn start(&mut self, start: &Start, facts: Facts) -> Result<(), Failure> {
        let folder = self.state.run(&start.run);
        if folder.join("journal.db").exists() { self.go_on(start, &folder) } else { self.begin(start, facts, &folder) }
    }

    fn begin(&mut self, start: &Start, facts: Facts, folder: &Path) -> Result<(), Failure> {
        let Some(root) = self.opened.checked.melodies.first() else { return Ok(()) };
        let (declared, schemas) = (&root.melody.inputs, &root.schemas);
        let inputs = match start.cause {
            Cause::Asked => inputs::from_data(declared, schemas, facts)?,
            _ => inputs::from_facts(declared, schemas, facts, &*self.artifacts)?,
        };
        let (_, seed) = birth::draw()?;
        let here = std::env::current_dir().unwrap_or_default();
        let players = Lock::of(&self.opened.checked).players;
        let birth = Birth {
            symphony: env!("CARGO_PKG_VERSION").to_owned(),
            born_ms: birth::now_ms(),
            name: root.melody.name.value.clone(),
            path: self.opened.path.clone(),
            folder: here.to_string_lossy().into_owned(),
            readings: self.opened.readings.clone(),
            inputs,
            settings: preferences::read(&[])?,
            clock: ClockKind::Real,
            seed,
            versions: players.iter().map(|(name, entry)| (name.clone(), entry.version.to_string())).collect(),
            // An event asks for something to happen, so everything is played.
            wanted: Wanted { fresh: true, ..Wanted::default() },
            origin: None,
            players: players.into_iter().map(|(operation, entry)| (operation, entry.digest)).collect(),
        };
        let score = match &self.score {
            Some((settings, score)) if *settings == birth.settings => Arc::clone(score),
            _ => {
                let score = seating::score_of(self.opened, &birth.settings)?;
                self.score = Some((birth.settings.clone(), Arc::clone(&score)));
                score
            }
        };
        let journal = Journal::create(folder, &birth.to_meta()?).map_err(|error| seating::journal_failure(&error))?;
        self.seat(start, &birth, self.opened, score, Beginning::Made(journal))
    }

    /// Goes on with a run of an earlier process, or tells how it ended.
    fn go_on(&mut self, start: &Start, folder: &Path) -> Result<(), Failure> {
        let past = past::read(self.state, &start.run)?;
        if past.closing.summary.status != RunStatus::Playing {
            let outputs = past.outputs.into_iter().collect();
            let summary = Box::new(past.closing.summary);
            let _ = self.news.send(News::Ended { ticket: start.ticket, summary, outputs });
            return Ok(());
        }
        let here = std::env::current_dir().unwrap_or_default();
        if past.birth.folder != here.to_string_lossy() {
            let message = format!("the run began in {}, and this is another folder", past.birth.folder);
            return Err(Failure::state(message).help(format!("`symphony resume {}` goes on with it there", start.run)));
        }
        let journal = Journal::open(folder).map_err(|error| seating::journal_failure(&error))?;
        let (path, readings) = (&past.birth.path, &past.birth.readings);
        let opened = opening::or_say(opening::reopen(self.state, path, readings))?;
        let score = seating::score_of(&opened, &past.birth.settings)?;
        self.seat(start, &past.birth, &opened, score, Beginning::Resumed(Box::new(journal)))
    }

    fn seat(
        &mut self,
        start: &Start,
        birth: &Birth,
        opened: &Opened,
        score: Arc<Score>,
        beginning: Beginning,
    ) -> Result<(), Failure> {
        if self.orchestra.is_none() {
            let registry = &self.opened.registry;
            let pools = pools::settings(self.state, self.opened);
            let mut orchestra = seating::orchestra(registry, &self.artifacts, ClockKind::Real, pools)?;
            if let Some(arbiter) = &self.arbiter {
                orchestra.arbitrate_by(arbiter);
            }
            self.orchestra = Some(orchestra);
        }
        let Some(orchestra) = &mut self.orchestra else { return Ok(()) };
        let run = start.run.clone();
        let socket = self.state.control_socket(&run);
        let (parts, asked) = (self.parts.clone(), run.clone());
        let control = Control::listen(&socket, parts, move |request| Part::Asked(asked.clone(), request))
            .map_err(|error| Failure::state_io(&socket, &error))?;
        let options = seating::options(&run, birth, opened, score);
        let slot = seating::seat(orchestra, &options, beginning)?;
        orchestra.keep_decisions(slot, &self.state.run(&run));
        self.seats.insert(start.ticket, Seated { slot, run, _control: control });
        Ok(())
    }
}
