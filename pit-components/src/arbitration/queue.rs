//! A queue: the requests that wait for one resource (or for a group that is shared by dominant share), in the order of
//! its strategy.
//!
//! All strategies but [`Strategy::Fair`] give a request its key when it comes, and the lowest key is next; so a decision
//! is a pop from a heap:
//!
//! ```text
//! Prioritise    came + (1 − value) · patience, or the latest start that keeps the deadline if that is earlier
//! Collaborate   the same; what is like the first shares its seat
//! Specialise    came + (1 − skill) · patience: what this resource is best at
//! RoundRobin    turns: one a party and round, more for more weight (Demers, Keshav and Shenker, 1989)
//! ```
//!
//! In the first three a request that came `patience` later than another never overtakes it: that is the ageing.

use super::fair::FairLine;
use super::requests::{Request, Ticket};
use super::value::ONE;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, VecDeque};

/// Who is next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The most valuable, and who waited long.
    #[default]
    Prioritise,
    /// The most valuable, together with those like it.
    Collaborate,
    /// One party after the other.
    RoundRobin,
    /// The work that this resource is best at.
    Specialise,
    /// The party with the least dominant share.
    Fair,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Prioritise, Self::Collaborate, Self::RoundRobin, Self::Specialise, Self::Fair];

    /// The word in settings and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prioritise => "prioritise",
            Self::Collaborate => "collaborate",
            Self::RoundRobin => "round_robin",
            Self::Specialise => "specialise",
            Self::Fair => "fair",
        }
    }
}

/// A turn of weight 1.
const TURN: u64 = 1 << 20;

/// A place in a heap: the lowest key first, of equal ones the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub key: u64,
    pub ticket: Ticket,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.key, other.ticket.seq).cmp(&(self.key, self.ticket.seq))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The requests that wait at one place.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    pub strategy: Strategy,
    /// Bits of the resources whose requests wait here.
    pub home: u64,
    /// How much waiting outweighs the whole of value.
    pub patience_ns: u64,
    /// How many share a seat at most.
    pub batch: u32,
    /// Whether a seat may be taken from somebody.
    pub preempts: bool,
    pub heap: BinaryHeap<Entry>,
    pub fair: FairLine,
    /// Waiting requests that are like others, by what they are like.
    pub alike: HashMap<u64, VecDeque<Ticket>, foldhash::fast::FixedState>,
    /// Bits of all resources that anybody here takes.
    pub reach: u64,
    /// How many wait here, due ones among them.
    pub waiting: u32,
    /// Somebody came since it was looked at.
    pub news: bool,
    /// The turn of the last grant, and of each party's last request.
    pub turn: u64,
    pub turns: Vec<u64>,
}

impl Queue {
    /// The key of a request that comes now.
    pub fn key_of(&mut self, request: &Request, value: u16, skill: u16, since_ns: u64) -> u64 {
        let aged = |worth: u16| {
            let spread = u128::from(self.patience_ns) * u128::from(ONE - worth.min(ONE)) / u128::from(ONE);
            since_ns.saturating_add(u64::try_from(spread).unwrap_or(u64::MAX))
        };
        match self.strategy {
            Strategy::Prioritise | Strategy::Collaborate => {
                aged(value).min(request.deadline_ns.saturating_sub(request.estimate_ns))
            }
            Strategy::Specialise => aged(skill),
            Strategy::RoundRobin | Strategy::Fair => 0,
        }
    }

    /// The key of a request whose party takes turns.
    pub fn turn_of(&mut self, request: &Request, weight: u32) -> u64 {
        let ix = request.party.ix();
        if self.turns.len() <= ix {
            self.turns.resize(ix + 1, 0);
        }
        let next = self.turns[ix].max(self.turn) + TURN / u64::from(weight.max(1)).min(TURN);
        self.turns[ix] = next;
        next
    }

    /// Somebody with this key was granted.
    #[inline]
    pub fn took_turn(&mut self, key: u64) {
        if self.strategy == Strategy::RoundRobin {
            self.turn = self.turn.max(key);
        }
    }

    /// Puts a request in its place.
    pub fn push(&mut self, entry: Entry, request: &Request, share: u64) {
        match self.strategy {
            Strategy::Fair => self.fair.push(request.party, entry.ticket, share),
            _ => self.heap.push(entry),
        }
        if self.strategy == Strategy::Collaborate && request.alike != 0 {
            self.alike.entry(request.alike).or_default().push_back(entry.ticket);
        }
    }

    /// Nobody waits here any more: what is left in its lines is over.
    pub fn clear(&mut self) {
        self.heap.clear();
        self.fair.clear();
        self.alike.clear();
        self.reach = 0;
    }
}
