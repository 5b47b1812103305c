//! Requests that wait, in columns; a ticket names one and goes stale when it is over.

use super::demand::Demand;
use super::parties::PartyId;
use super::value::Terms;

/// What is asked for. Times are nanoseconds of the caller's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// By what the caller finds it again; it stands in the records.
    pub label: u64,
    /// For whom.
    pub party: PartyId,
    /// What it takes, all of it or nothing.
    pub demand: Demand,
    /// The most that it will hold if it asks for more while it plays; at least its demand (an empty one means just
    /// that). What is not claimed now cannot be asked for later.
    pub claim: Demand,
    /// The terms of its value.
    pub terms: Terms,
    /// When it should be over; `u64::MAX` for whenever.
    pub deadline_ns: u64,
    /// How long it is thought to take.
    pub estimate_ns: u64,
    /// What starting it a second time takes on top.
    pub restart_ns: u64,
    /// The kind of work, for those who ask who is best at it.
    pub work: u32,
    /// Requests with equal numbers may share what they wait for; 0 is like no other.
    pub alike: u64,
    /// Whether it may be stopped for a more valuable one.
    pub preemptible: bool,
}

impl Request {
    /// A request of a party for a demand; everything else is the middle or nothing.
    pub fn new(label: u64, party: PartyId, demand: Demand) -> Self {
        Self {
            label,
            party,
            demand,
            claim: Demand::default(),
            terms: Terms::default(),
            deadline_ns: u64::MAX,
            estimate_ns: 0,
            restart_ns: 0,
            work: 0,
            alike: 0,
            preemptible: false,
        }
    }
}

/// A request that was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    /// Rises with every admission; never 0.
    pub(super) seq: u64,
    pub(super) slot: u32,
}

impl Ticket {
    /// A number that names it for good: those of later requests are higher.
    pub fn number(self) -> u64 {
        self.seq
    }
}

/// Where a waiting request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// In its queue.
    Queued,
    /// It waited long enough: before all others.
    Due,
    /// Its party has its quota: with its party, until something comes back.
    Parked,
}

/// What is looked at of a request while it waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    /// 0 where nobody waits.
    pub seq: u64,
    pub since_ns: u64,
    pub mask: u64,
    pub value: u16,
    pub queue: u8,
    pub standing: Standing,
    /// Its place among those that are due.
    pub due: u64,
    /// Another was stopped for it.
    pub promised: bool,
}

/// The columns of waiting requests.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests {
    waiting: Vec<Waiting>,
    asked: Vec<Request>,
    free: Vec<u32>,
    count: usize,
}

impl Requests {
    pub fn len(&self) -> usize {
        self.count
    }

    /// Slots there are, taken or not.
    pub fn slots(&self) -> usize {
        self.waiting.len()
    }

    pub fn admit(&mut self, request: Request, waiting: Waiting) -> Ticket {
        self.count += 1;
        let seq = waiting.seq;
        let slot = match self.free.pop() {
            Some(slot) => {
                (self.waiting[slot as usize], self.asked[slot as usize]) = (waiting, request);
                slot
            }
            None => {
                self.waiting.push(waiting);
                self.asked.push(request);
                (self.waiting.len() - 1) as u32
            }
        };
        Ticket { seq, slot }
    }

    #[inline]
    pub fn is_live(&self, ticket: Ticket) -> bool {
        self.waiting.get(ticket.slot as usize).is_some_and(|waiting| waiting.seq == ticket.seq)
    }

    /// Whether it waits in its queue, neither due nor parked.
    #[inline]
    pub fn is_queued(&self, ticket: Ticket) -> bool {
        let waiting = self.waiting.get(ticket.slot as usize);
        waiting.is_some_and(|waiting| waiting.seq == ticket.seq && waiting.standing == Standing::Queued)
    }

    #[inline]
    pub fn waiting(&self, ticket: Ticket) -> &Waiting {
        &self.waiting[ticket.slot as usize]
    }

    #[inline]
    pub fn waiting_mut(&mut self, ticket: Ticket) -> &mut Waiting {
        &mut self.waiting[ticket.slot as usize]
    }

    #[inline]
    pub fn asked(&self, ticket: Ticket) -> &Request {
        &self.asked[ticket.slot as usize]
    }

    pub fn remove(&mut self, ticket: Ticket) {
        self.waiting[ticket.slot as usize].seq = 0;
        self.free.push(ticket.slot);
        self.count -= 1;
    }

    /// Everybody who waits, by slot.
    pub fn iter(&self) -> impl Iterator<Item = (Ticket, &Waiting, &Request)> {
        let all = self.waiting.iter().zip(&self.asked).zip(0u32..);
        all.filter(|((waiting, _), _)| waiting.seq != 0)
            .map(|((waiting, request), slot)| (Ticket { seq: waiting.seq, slot }, waiting, request))
    }
}
