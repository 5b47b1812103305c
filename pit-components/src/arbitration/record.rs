//! Records: every decision with its inputs and its reason, as numbers in a ring. They become words when somebody asks.

use super::demand::ResourceId;
use super::parties::PartyId;
use super::queue::Strategy;
use super::stock::Kind;
use super::value::Terms;
use serde::{Deserialize, Serialize};

/// What was decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// It got what it asked for.
    #[default]
    Granted,
    /// It will never get it.
    Refused,
    /// It must stop for another.
    Stopped,
}

/// Why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its value, aged by waiting, was the highest.
    #[default]
    Value,
    /// It was its party's turn.
    Turn,
    /// The resource is best at its work.
    Skill,
    /// Its party held the least dominant share.
    Share,
    /// It shares what another like it was granted.
    Alike,
    /// It had waited, or been passed over, as long as anybody may.
    Due,
    /// A holder asked for more of what it had claimed.
    Claimed,
    /// It was held when the engine began: nobody was asked.
    Held,
    /// Another gains more than it loses.
    Preempted,
    /// There is less of the resource than it asks for, and nothing comes back.
    Gone,
    /// Its party may never have as much.
    Quota,
}

/// A request that did not get it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rival {
    /// Its label; 0 for nobody.
    pub label: u64,
    /// Nanoseconds it had waited.
    pub waited_ns: u64,
    /// What the strategy compared (see [`Record::measure`]).
    pub measure: u32,
    /// Its value, in ten-thousandths.
    pub value: u16,
    /// The terms of that.
    pub terms: [u16; 4],
}

/// A decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number, from 0.
    pub id: u64,
    /// When, on the caller's clock.
    pub at_ns: u64,
    /// Whose request.
    pub label: u64,
    /// Nanoseconds it had waited.
    pub waited_ns: u64,
    /// The next in line.
    pub rivals: [Rival; 2],
    /// What of the resource was in use afterwards.
    pub in_use: u64,
    /// What there is of it.
    pub capacity: u64,
    /// Numbers of the reason: gain and loss of a preemption in seconds of full value; members and room of a batch.
    pub numbers: [u64; 2],
    /// Whose party.
    pub party: PartyId,
    /// How many waited beside it.
    pub waiting: u32,
    /// What the strategy compared, in ten-thousandths: the value, the skill, or the party's dominant share over its
    /// weight; of a turn its number.
    pub measure: u32,
    /// Its value, in ten-thousandths.
    pub value: u16,
    /// The terms of that.
    pub terms: Terms,
    /// The resource at whose queue it waited.
    pub resource: ResourceId,
    /// What that is.
    pub kind: Kind,
    /// The strategy there.
    pub strategy: Strategy,
    /// What was decided.
    pub verb: Verb,
    /// Why.
    pub reason: Reason,
    /// Whether somebody had to wait: it, or another in its queue.
    pub contended: bool,
}

/// The newest records.
#[derive(Clone, Debug)]
pub struct Ring {
    records: Vec<Record>,
    room: usize,
    next: u64,
}

impl Ring {
    pub(super) fn of(room: usize) -> Self {
        Self { records: Vec::new(), room: room.max(1), next: 0 }
    }

    #[inline]
    pub(super) fn push(&mut self, mut record: Record) -> u64 {
        let id = self.next;
        record.id = id;
        match self.records.len() < self.room {
            true => self.records.push(record),
            false => self.records[(id % self.room as u64) as usize] = record,
        }
        self.next += 1;
        id
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Record> {
        let ix = (id % self.room as u64) as usize;
        self.records.get_mut(ix).filter(|record| record.id == id)
    }

    /// The record of a decision, while it is kept.
    pub fn get(&self, id: u64) -> Option<&Record> {
        self.records.get((id % self.room as u64) as usize).filter(|record| record.id == id)
    }

    /// Decisions recorded so far.
    pub fn count(&self) -> u64 {
        self.next
    }

    /// All that is kept, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        let first = self.next.saturating_sub(self.records.len() as u64);
        (first..self.next).filter_map(|id| self.get(id))
    }
}
