//! Admission: what can be granted some day comes in, everything else is refused at the door.

use super::{Engine, Extension, Refusal};
use crate::arbitration::demand::Demand;
use crate::arbitration::holds::HoldId;
use crate::arbitration::queue::{Entry, Strategy};
use crate::arbitration::requests::{Request, Standing, Ticket, Waiting};

impl Engine {
    /// Admits a request; it is decided on by the next [`decide`](Self::decide).
    ///
    /// # Errors
    /// What can never be granted: more than there is, more than the party may have, a claim below the demand.
    pub fn submit(&mut self, request: Request, now_ns: u64) -> Result<Ticket, Refusal> {
        self.admit(request, now_ns).inspect_err(|_| self.counts.refused += 1)
    }

    fn admit(&mut self, mut request: Request, now_ns: u64) -> Result<Ticket, Refusal> {
        let first = request.demand.first().ok_or(Refusal::Nothing)?;
        if request.claim.is_empty() {
            request.claim = request.demand;
        } else {
            if !request.claim.covers(&request.demand) {
                return Err(Refusal::Claim);
            }
            // Who may ask for more must not share what others wait for.
            request.alike = if request.claim == request.demand { request.alike } else { 0 };
        }
        let mask = request.claim.mask();
        let known = mask.checked_shr(self.stock.len() as u32).unwrap_or(0) == 0;
        if !known || request.party.ix() >= self.parties.len() {
            return Err(Refusal::Unknown);
        }
        if let Some(resource) = self.stock.never(&request.claim) {
            return Err(Refusal::Never(resource));
        }
        if let Some(resource) = self.parties.never(request.party, &request.claim) {
            return Err(Refusal::Quota(resource));
        }
        self.now_ns = self.now_ns.max(now_ns);
        self.seq += 1;
        self.counts.admitted += 1;
        let waiting = Waiting {
            seq: self.seq,
            since_ns: self.now_ns,
            mask: request.demand.mask(),
            value: self.weights.value(request.terms),
            queue: self.queue_of[first.ix()],
            standing: Standing::Queued,
            due: 0,
            promised: false,
        };
        let ticket = self.requests.admit(request, waiting);
        self.elders.come(ticket, request.party, waiting.mask, self.now_ns);
        self.enqueue(ticket, true);
        Ok(ticket)
    }

    /// Puts a waiting request into its queue, and counts it there if it `competes`.
    pub(super) fn enqueue(&mut self, ticket: Ticket, competes: bool) {
        let waiting = *self.requests.waiting(ticket);
        let request = self.requests.asked(ticket);
        let (party, first) = (request.party, request.demand.first().unwrap_or_default());
        let queue = &mut self.queues[usize::from(waiting.queue)];
        let skill = match queue.strategy {
            Strategy::Specialise => self.skills.of(first, request.work).skill(),
            _ => 0,
        };
        let key = match queue.strategy {
            Strategy::RoundRobin => queue.turn_of(request, self.parties.weight(party)),
            _ => queue.key_of(request, waiting.value, skill, waiting.since_ns),
        };
        queue.waiting += u32::from(competes);
        queue.news = true;
        queue.reach |= waiting.mask;
        if waiting.standing == Standing::Queued {
            queue.push(Entry { key, ticket }, request, self.parties.share(party));
        }
    }

    /// A holder asks for more of what it claimed. It is granted before all requests, once it fits and everybody who
    /// holds something can still end.
    ///
    /// # Errors
    /// [`Refusal::Claim`] beyond its claim, [`Refusal::Stale`] if it holds nothing.
    pub fn ask_more(&mut self, hold: HoldId, more: Demand, now_ns: u64) -> Result<Ticket, Refusal> {
        let held = self.hold_of(hold).ok_or(Refusal::Stale)?;
        let pending = self.extensions.values().filter(|one| one.hold == hold);
        let mut all = held.demand.and(&more).map_err(|_| Refusal::Claim)?;
        for one in pending {
            all = all.and(&one.more).map_err(|_| Refusal::Claim)?;
        }
        if more.is_empty() {
            return Err(Refusal::Nothing);
        }
        if !held.claim.covers(&all) {
            return Err(Refusal::Claim);
        }
        self.now_ns = self.now_ns.max(now_ns);
        self.seq += 1;
        let ticket = Ticket { seq: self.seq, slot: u32::MAX };
        self.extensions.insert(ticket, Extension { hold, more, since_ns: self.now_ns });
        Ok(ticket)
    }

    /// Takes a request back; false if it does not wait any more.
    pub fn withdraw(&mut self, ticket: Ticket) -> bool {
        if self.extensions.remove(&ticket).is_some() {
            self.freed = u64::MAX;
            self.counts.withdrawn += 1;
            return true;
        }
        if !self.requests.is_live(ticket) {
            return false;
        }
        self.counts.withdrawn += 1;
        self.forget(ticket);
        true
    }

    /// Takes a request out of everything it stands in.
    pub(super) fn forget(&mut self, ticket: Ticket) {
        let waiting = *self.requests.waiting(ticket);
        let request = self.requests.asked(ticket);
        let (alike, party, ix) = (request.alike, request.party, usize::from(waiting.queue));
        self.requests.remove(ticket);
        self.elders.left(ticket, party, waiting.mask, &self.requests, self.now_ns);
        if waiting.standing == Standing::Due {
            self.due.remove(&waiting.due);
            // What was kept for it is anybody's again.
            self.freed |= waiting.mask;
        }
        let queue = &mut self.queues[ix];
        queue.waiting -= u32::from(waiting.standing != Standing::Parked);
        if alike != 0
            && let Some(line) = queue.alike.get_mut(&alike)
        {
            while line.front().is_some_and(|first| !self.requests.is_live(*first)) {
                line.pop_front();
            }
            if line.is_empty() {
                queue.alike.remove(&alike);
            }
        }
    }
}
