//! Starts: events that were accepted and whose runs are not over, in columns.

use super::{MelodyRow, Ms};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use symphony_ecs_core::ids::RunId;
use symphony_ecs_core::value::Value;

/// Number of a start, given once and never again.
pub type Ticket = u64;

/// What an event tells, by name: inputs of the run, where the melody has inputs of these names.
pub type Facts = BTreeMap<String, Value>;

/// Why a run was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// Its schedule named this moment.
    Schedule(String),
    /// This file changed.
    File(String),
    /// A run gave this output: `MELODY.OUTPUT`.
    Artifact(String),
    /// Something was posted under this topic.
    Topic(String),
    /// Somebody asked.
    Asked,
    /// A run of this melody has ended.
    After(String),
}

/// How far a start has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It takes in further events for a while.
    Settling,
    /// It waits for others.
    Waiting,
    /// Its run plays.
    Playing,
    /// Its run is being stopped.
    Stopping,
}

impl Phase {
    /// All phases, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Settling, Self::Waiting, Self::Playing, Self::Stopping];

    /// The phase in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Settling => "settling",
            Self::Waiting => "waiting",
            Self::Playing => "playing",
            Self::Stopping => "stopping",
        }
    }
}

/// A start as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Its number.
    pub ticket: Ticket,
    /// What is started.
    pub melody: MelodyRow,
    /// The run that it becomes.
    pub run: RunId,
    /// How far it has come.
    pub phase: Phase,
    /// When it was accepted.
    pub born: Ms,
    /// When it has settled, while it does.
    pub due: Ms,
    /// Why.
    pub cause: Cause,
    /// What the event tells; nothing once the run has begun.
    pub facts: Option<Facts>,
}

/// The columns. A slot is used again when its start is over.
#[derive(Default)]
pub(super) struct Starts {
    ticket: Vec<Ticket>,
    melody: Vec<MelodyRow>,
    run: Vec<RunId>,
    phase: Vec<Phase>,
    born: Vec<Ms>,
    due: Vec<Ms>,
    cause: Vec<Cause>,
    facts: Vec<Option<Facts>>,
    free: Vec<u32>,
    by_ticket: HashMap<Ticket, u32, BuildHasherDefault<TicketHasher>>,
}

/// A start as it stands in the columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StartRow<'s> {
    pub melody: MelodyRow,
    pub run: &'s RunId,
    pub phase: Phase,
    pub born: Ms,
    pub due: Ms,
    pub cause: &'s Cause,
    pub facts: Option<&'s Facts>,
}

/// Spreads tickets by one multiplication (Knuth): they are counted here, so nobody can choose them to collide.
#[derive(Default)]
pub(super) struct TicketHasher(u64);

impl Hasher for TicketHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// Bits of a run's name that are its start's number: eight of the digits.
pub(super) const TICKET_BITS: u32 = 40;

/// The name of the run of a start.
pub(super) fn run_of(ticket: Ticket, salt: u64, now: Ms) -> RunId {
    // Tickets are never given twice, and the salt tells this place from others.
    let low = u128::from(ticket) & ((1 << TICKET_BITS) - 1);
    RunId::new(u64::try_from(now).unwrap_or_default(), (u128::from(salt) << TICKET_BITS) | low)
}

/// The number at the end of a run's name, if there is one.
fn ticket_of(run: &RunId) -> Option<Ticket> {
    const DIGITS: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let name = run.as_str().as_bytes();
    let end = name.get(name.len().checked_sub(TICKET_BITS as usize / 5)?..)?;
    end.iter().try_fold(0, |number, digit| {
        let digit = DIGITS.iter().position(|known| known == digit)?;
        Some((number << 5) | digit as Ticket)
    })
}

impl Starts {
    pub fn enter(&mut self, start: Start) -> u32 {
        let Start { ticket, melody, run, phase, born, due, cause, facts } = start;
        let slot = match self.free.pop() {
            Some(slot) => {
                let at = slot as usize;
                self.ticket[at] = ticket;
                self.melody[at] = melody;
                self.run[at] = run;
                self.phase[at] = phase;
                self.born[at] = born;
                self.due[at] = due;
                self.cause[at] = cause;
                self.facts[at] = facts;
                slot
            }
            None => {
                let slot = self.ticket.len() as u32;
                self.ticket.push(ticket);
                self.melody.push(melody);
                self.run.push(run);
                self.phase.push(phase);
                self.born.push(born);
                self.due.push(due);
                self.cause.push(cause);
                self.facts.push(facts);
                slot
            }
        };
        self.by_ticket.insert(ticket, slot);
        slot
    }

    pub fn leave(&mut self, slot: u32) {
        let at = slot as usize;
        self.by_ticket.remove(&self.ticket[at]);
        self.facts[at] = None;
        self.free.push(slot);
    }

    pub fn find(&self, ticket: Ticket) -> Option<u32> {
        self.by_ticket.get(&ticket).copied()
    }

    /// The start of a run: its number is the end of the run's name.
    pub fn of_run(&self, run: &RunId) -> Option<u32> {
        let slot = self.find(ticket_of(run)?)?;
        (self.run(slot) == run).then_some(slot)
    }

    /// The start of a run that has not begun.
    pub fn unbegun(&self, run: &RunId) -> Option<u32> {
        let waits = |slot: &u32| matches!(self.phase[*slot as usize], Phase::Settling | Phase::Waiting);
        self.of_run(run).filter(waits)
    }

    pub fn len(&self) -> usize {
        self.by_ticket.len()
    }

    pub fn get(&self, slot: u32) -> Option<Start> {
        let at = slot as usize;
        Some(Start {
            ticket: *self.ticket.get(at)?,
            melody: *self.melody.get(at)?,
            run: self.run.get(at)?.clone(),
            phase: *self.phase.get(at)?,
            born: *self.born.get(at)?,
            due: *self.due.get(at)?,
            cause: self.cause.get(at)?.clone(),
            facts: self.facts.get(at)?.clone(),
        })
    }

    pub fn row(&self, slot: u32) -> Option<StartRow<'_>> {
        let at = slot as usize;
        Some(StartRow {
            melody: *self.melody.get(at)?,
            run: self.run.get(at)?,
            phase: *self.phase.get(at)?,
            born: *self.born.get(at)?,
            due: *self.due.get(at)?,
            cause: self.cause.get(at)?,
            facts: self.facts.get(at)?.as_ref(),
        })
    }

    pub fn all(&self) -> Vec<Start> {
        let mut slots: Vec<(Ticket, u32)> = self.by_ticket.iter().map(|(ticket, slot)| (*ticket, *slot)).collect();
        slots.sort_unstable();
        slots.into_iter().filter_map(|(_, slot)| self.get(slot)).collect()
    }

    pub fn ticket(&self, slot: u32) -> Ticket {
        self.ticket[slot as usize]
    }

    pub fn melody(&self, slot: u32) -> MelodyRow {
        self.melody[slot as usize]
    }

    pub fn run(&self, slot: u32) -> &RunId {
        &self.run[slot as usize]
    }

    pub fn phase(&self, slot: u32) -> Phase {
        self.phase[slot as usize]
    }

    pub fn due(&self, slot: u32) -> Ms {
        self.due[slot as usize]
    }

    pub fn set_phase(&mut self, slot: u32, phase: Phase) {
        self.phase[slot as usize] = phase;
    }

    pub fn set_due(&mut self, slot: u32, due: Ms) {
        self.due[slot as usize] = due;
    }

    pub fn take_facts(&mut self, slot: u32) -> Facts {
        self.facts[slot as usize].take().unwrap_or_default()
    }

    /// The newest event counts.
    pub fn renew(&mut self, slot: u32, cause: Cause, facts: Facts, due: Ms) {
        let at = slot as usize;
        self.cause[at] = cause;
        self.facts[at] = Some(facts);
        self.due[at] = due;
    }
}
