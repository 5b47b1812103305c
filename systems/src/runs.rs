//! All runs of the world, each with its clock, its journal and what waits to be published.

use crate::run::Run;
use bevy_ecs::prelude::Resource;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use symphony_ecs_core::clock::{ClockKind, Time};
use symphony_ecs_core::events::Notice;
use symphony_ecs_core::ids::RunSlot;
use symphony_ecs_core::ports::{JournalError, JournalPort};

/// The runs of the world.
#[derive(Resource, Default)]
pub struct Runs {
    seats: Vec<Option<Box<Seat>>>,
    /// Places without a run.
    free: Vec<u32>,
    /// Serial number of the next call, unique within the process.
    pub(crate) next_serial: u64,
    /// Notices of committed frames.
    pub(crate) published: Vec<Notice>,
    /// Rows looked at per frame and run at most.
    pub(crate) walk_limit: u32,
}

/// A run and what belongs to it outside its state.
pub struct Seat {
    /// The run.
    pub run: Run,
    journal: Option<Mutex<Box<dyn JournalPort>>>,
    /// When this process took the run up, and the run's time then.
    taken_up: (Instant, Time),
    /// Notices whose frames are not committed yet.
    pub(crate) outlet: VecDeque<(u64, Vec<Notice>)>,
    /// Why the journal stopped, if it did. The run is frozen then: nothing leaves any more.
    pub(crate) broken: Option<JournalError>,
    /// The stage was full; nothing is sent until something comes back from it.
    pub(crate) stalled: bool,
    /// Sealed frames, kept when there is no journal but a record is wanted.
    pub(crate) record: Vec<Vec<u8>>,
    /// Bytes journaled since the last checkpoint.
    pub(crate) since_checkpoint: usize,
}

impl Seat {
    /// A seat for a run.
    pub fn new(run: Run, journal: Option<Box<dyn JournalPort>>) -> Self {
        let now = run.now;
        Self {
            run,
            journal: journal.map(Mutex::new),
            taken_up: (Instant::now(), now),
            outlet: VecDeque::new(),
            broken: None,
            stalled: false,
            record: Vec::new(),
            since_checkpoint: 0,
        }
    }

    /// The run's journal.
    pub fn journal(&mut self) -> Option<&mut dyn JournalPort> {
        let journal = self.journal.as_mut()?;
        Some(journal.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut())
    }

    /// Takes the journal out, to close it.
    pub fn take_journal(&mut self) -> Option<Box<dyn JournalPort>> {
        Some(self.journal.take()?.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Brings the run's clock up to date (real clock).
    pub(crate) fn tick(&mut self) {
        if self.run.clock == ClockKind::Real {
            let (since, then) = self.taken_up;
            self.run.now = then.after(since.elapsed());
        }
    }

    /// Whether anything is left to do at this moment.
    pub(crate) fn is_quiet(&self) -> bool {
        self.broken.is_some()
            || (self.run.is_over() || self.run.is_quiet() || (self.stalled && self.run.is_quiet_but_for_sending()))
                && (self.outlet.is_empty()
                    || self.outlet.front().is_some_and(|(frame, _)| *frame >= self.run.committed))
    }
}

impl Runs {
    /// No runs yet; each will look at `walk_limit` rows a frame at most.
    pub(crate) fn new(walk_limit: u32) -> Self {
        Self { walk_limit, ..Self::default() }
    }

    /// Seats a run and says where.
    pub(crate) fn seat(&mut self, make: impl FnOnce(RunSlot) -> Seat) -> RunSlot {
        let free = self.free.pop();
        let slot = RunSlot(free.unwrap_or(self.seats.len() as u32));
        let seat = Some(Box::new(make(slot)));
        match free {
            Some(place) => self.seats[place as usize] = seat,
            None => self.seats.push(seat),
        }
        slot
    }

    /// The seat with this number.
    pub fn get(&self, slot: RunSlot) -> Option<&Seat> {
        self.seats.get(slot.0 as usize)?.as_deref()
    }

    /// The seat with this number, for changing it.
    pub fn get_mut(&mut self, slot: RunSlot) -> Option<&mut Seat> {
        self.seats.get_mut(slot.0 as usize)?.as_deref_mut()
    }

    /// Takes a run out of the world.
    pub(crate) fn leave(&mut self, slot: RunSlot) -> Option<Box<Seat>> {
        let seat = self.seats.get_mut(slot.0 as usize)?.take()?;
        self.free.push(slot.0);
        Some(seat)
    }

    /// All seats, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Seat> {
        self.seats.iter().filter_map(Option::as_deref)
    }

    /// All seats, in order, for changing them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Seat> {
        self.seats.iter_mut().filter_map(Option::as_deref_mut)
    }
}
