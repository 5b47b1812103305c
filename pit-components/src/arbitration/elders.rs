//! Elders: who of each party waits longest for each resource, so that waiting is bounded under every strategy.
//!
//! The *elder* of a party at a resource is the oldest of its requests that wait for it. An elder is *due* once
//! [`Patience::passes`] grants touched the resource while it was the elder, or once it has been for
//! [`Patience::wait_ns`]. Due requests come before all others in the order in which they became due, and while one of
//! them cannot be granted nothing is granted that touches a resource it waits for, but to those due before it. Hence:
//!
//! > While a request waits and its party has room in its quota, at most `(older + 1) · (passes + lines)` grants to
//! > others are made on any one of its resources (holders that ask for more, and those for whom somebody was stopped,
//! > aside). `older` is how many requests of its party waited when it came, `lines` is parties × resources.
//!
//! For an elder stays one for `passes` grants until it is due; then at most one request of each other line is due
//! already; and only the older requests of its own party come to be elders before it. Who floods waits behind itself:
//! the bound asks at most one grant in `passes` of a strategy, however long the queues are.
//!
//! Elders of a resource become due in the order in which they came to be elders, so only the first must be looked at:
//! that costs a few nanoseconds a grant.

use super::demand::{ResourceId, resources_in};
use super::parties::PartyId;
use super::requests::{Requests, Standing, Ticket};
use std::collections::VecDeque;

/// How long an elder may be passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Grants on one of its resources.
    pub passes: u32,
    /// Nanoseconds.
    pub wait_ns: u64,
}

impl Default for Patience {
    /// A thousand grants, five minutes.
    fn default() -> Self {
        Self { passes: 1_000, wait_ns: 300_000_000_000 }
    }
}

#[derive(Clone, Copy, Debug)]
struct Elder {
    ticket: Ticket,
    /// Since when it is the elder.
    since_ns: u64,
    /// Grants on the resource before that.
    before: u64,
}

/// What waits at one resource.
#[derive(Clone, Debug, Default)]
struct Line {
    /// In the order in which they came to be elders; some are over.
    elders: VecDeque<Elder>,
    /// By party, oldest first; the first that waits is the elder.
    parties: Vec<VecDeque<Ticket>>,
    /// Grants that touched the resource.
    grants: u64,
}

/// One line a resource.
#[derive(Clone, Debug, Default)]
pub(super) struct Elders {
    patience: Patience,
    lines: Vec<Line>,
    /// Bits of lines with elders.
    standing: u64,
}

fn competes(requests: &Requests, ticket: Ticket) -> bool {
    requests.is_live(ticket) && requests.waiting(ticket).standing != Standing::Parked
}

impl Elders {
    pub fn over(resources: usize, patience: Patience) -> Self {
        Self { patience, lines: vec![Line::default(); resources], standing: 0 }
    }

    pub fn grants(&self, resource: ResourceId) -> u64 {
        self.lines[resource.ix()].grants
    }

    /// Entries in all lines: what memory follows.
    pub fn entries(&self) -> usize {
        let of = |line: &Line| line.elders.len() + line.parties.iter().map(VecDeque::len).sum::<usize>();
        self.lines.iter().map(of).sum()
    }

    /// A request begins to compete.
    #[inline]
    pub fn come(&mut self, ticket: Ticket, party: PartyId, mask: u64, now_ns: u64) {
        for resource in resources_in(mask) {
            let line = &mut self.lines[resource.ix()];
            if line.parties.len() <= party.ix() {
                line.parties.resize_with(party.ix() + 1, VecDeque::new);
            }
            let own = &mut line.parties[party.ix()];
            if own.is_empty() {
                line.elders.push_back(Elder { ticket, since_ns: now_ns, before: line.grants });
                self.standing |= resource.bit();
            }
            own.push_back(ticket);
        }
    }

    /// A request does not compete any more: the next of its party is the elder.
    #[inline]
    pub fn left(&mut self, ticket: Ticket, party: PartyId, mask: u64, requests: &Requests, now_ns: u64) {
        for resource in resources_in(mask) {
            let line = &mut self.lines[resource.ix()];
            let Some(own) = line.parties.get_mut(party.ix()) else { continue };
            if own.front() != Some(&ticket) {
                continue;
            }
            own.pop_front();
            while let Some(next) = own.front().copied() {
                if competes(requests, next) {
                    line.elders.push_back(Elder { ticket: next, since_ns: now_ns, before: line.grants });
                    self.standing |= resource.bit();
                    break;
                }
                own.pop_front();
            }
        }
    }

    /// A grant touched these resources.
    #[inline]
    pub fn granted(&mut self, mask: u64) {
        for resource in resources_in(mask) {
            self.lines[resource.ix()].grants += 1;
        }
    }

    /// Gives the next request that has become due on one of these resources.
    #[inline]
    pub fn next_due(&mut self, mask: u64, requests: &Requests, now_ns: u64) -> Option<Ticket> {
        for resource in resources_in(mask & self.standing) {
            let line = &mut self.lines[resource.ix()];
            while let Some(elder) = line.elders.front().copied() {
                let waits = requests.is_queued(elder.ticket);
                let passed = line.grants - elder.before >= u64::from(self.patience.passes);
                if waits && !passed && now_ns.saturating_sub(elder.since_ns) < self.patience.wait_ns {
                    break;
                }
                line.elders.pop_front();
                if waits {
                    return Some(elder.ticket);
                }
            }
            if line.elders.is_empty() {
                self.standing &= !resource.bit();
            }
        }
        None
    }

    /// Drops what is over from lines that are mostly that, so that they stay as long as what waits.
    pub fn sweep(&mut self, requests: &Requests) {
        let most = 2 * requests.len() + 64;
        for line in &mut self.lines {
            if line.elders.len() > most {
                line.elders.retain(|elder| requests.is_queued(elder.ticket));
            }
            for own in line.parties.iter_mut().filter(|own| own.len() > most) {
                own.retain(|ticket| competes(requests, *ticket));
            }
        }
    }
}
