//! The line of parties by dominant share: the next request is the first of the party that holds least.
//!
//! This is progressive filling (Ghodsi et al., NSDI 2011): while anything fits, the party with the lowest dominant share
//! over its weight takes one more of its demands; of equal ones the party that was served least lately, then the lower
//! number.

use super::parties::PartyId;
use super::requests::Ticket;
use std::collections::{BTreeSet, VecDeque};

/// A party's place: its share, when it was served last, its number.
pub(super) type Place = (u64, u64, u32);

/// Requests by party, and parties by share.
#[derive(Clone, Debug, Default)]
pub(super) struct FairLine {
    lines: Vec<VecDeque<Ticket>>,
    /// Parties whose line is not empty.
    order: BTreeSet<Place>,
    /// The share under which each of them is filed.
    filed: Vec<u64>,
    /// When each party was served last, as a count of servings.
    served: Vec<u64>,
    servings: u64,
}

impl FairLine {
    pub fn push(&mut self, party: PartyId, ticket: Ticket, share: u64) {
        if self.lines.len() <= party.ix() {
            self.lines.resize_with(party.ix() + 1, VecDeque::new);
            self.filed.resize(party.ix() + 1, 0);
            self.served.resize(party.ix() + 1, 0);
        }
        let line = &mut self.lines[party.ix()];
        if line.is_empty() {
            self.filed[party.ix()] = share;
            self.order.insert((share, self.served[party.ix()], party.0));
        }
        line.push_back(ticket);
    }

    /// A party's share is another now.
    pub fn refile(&mut self, party: PartyId, share: u64) {
        let Some(filed) = self.filed.get_mut(party.ix()) else { return };
        let served = self.served[party.ix()];
        if *filed != share && self.order.remove(&(*filed, served, party.0)) {
            self.order.insert((share, served, party.0));
        }
        *filed = share;
    }

    /// A party was granted something: of equals it is the last now.
    pub fn serve(&mut self, party: PartyId) {
        let Some(filed) = self.filed.get(party.ix()) else { return };
        self.servings += 1;
        let served = std::mem::replace(&mut self.served[party.ix()], self.servings);
        if self.order.remove(&(*filed, served, party.0)) {
            self.order.insert((*filed, self.servings, party.0));
        }
    }

    /// The first party at or after a place in the order.
    pub fn first_from(&self, place: Place) -> Option<Place> {
        self.order.range(place..).next().copied()
    }

    /// The head of a party's line, if it still waits; what is over goes.
    pub fn head(&mut self, party: PartyId, waits: impl Fn(Ticket) -> bool) -> Option<Ticket> {
        let line = self.lines.get_mut(party.ix())?;
        while let Some(head) = line.front() {
            if waits(*head) {
                return Some(*head);
            }
            line.pop_front();
        }
        self.order.remove(&(self.filed[party.ix()], self.served[party.ix()], party.0));
        None
    }

    /// Likewise, changing nothing; `None` if it is over.
    pub fn peek(&self, party: u32, waits: impl Fn(Ticket) -> bool) -> Option<Ticket> {
        self.lines.get(party as usize)?.front().copied().filter(|head| waits(*head))
    }

    pub fn clear(&mut self) {
        self.lines.iter_mut().for_each(VecDeque::clear);
        self.order.clear();
    }

    /// Drops what is over from lines that are mostly that.
    pub fn sweep(&mut self, most: usize, waits: impl Fn(Ticket) -> bool) {
        for line in self.lines.iter_mut().filter(|line| line.len() > most) {
            line.retain(|ticket| waits(*ticket));
        }
    }
}
