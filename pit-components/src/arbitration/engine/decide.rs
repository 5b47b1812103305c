//! Deciding: all that can be granted now, holders that ask for more first, then those that are due, then every queue
//! in its order.

use super::{Decision, Engine, Outcome};
use crate::arbitration::banker::{self, Claimant};
use crate::arbitration::demand::{Demand, ResourceId, resources_in};
use crate::arbitration::parties::PartyId;
use crate::arbitration::queue::Strategy;
use crate::arbitration::requests::{Standing, Ticket};
use crate::arbitration::stock::Kind;

/// Requests that do not fit and are looked past in one queue.
const LOOK: usize = 64;

/// Decisions between two sweeps of what is over.
const SWEEP: u64 = 64;

/// Whether a request can be granted now.
enum Verdict {
    Fits,
    /// Sharing what this batch holds.
    Joins(u32),
    Short(ResourceId),
    Unsafe,
    Quota,
    Gone(ResourceId),
}

impl Engine {
    /// Makes all decisions that can be made at this moment, appending them. Times never run backwards: an earlier one
    /// counts as the latest.
    pub fn decide(&mut self, now_ns: u64, decisions: &mut Vec<Decision>) {
        let from = decisions.len();
        self.now_ns = self.now_ns.max(now_ns);
        self.rounds += 1;
        let filled = self.stock.refill(self.now_ns);
        for resource in resources_in(filled) {
            self.short[resource.ix()] = 0;
        }
        self.freed |= filled;
        if !self.extensions.is_empty() {
            self.extend_holders(decisions);
        }
        self.unpark();
        self.reserved = self.kept_for_holders();
        self.find_due(u64::MAX);
        loop {
            self.due_again = false;
            self.grant_due(decisions);
            // A due request may have left resources that were kept for it.
            self.reserved |= self.kept_for_holders();
            self.look_at_queues(decisions);
            if !self.due_again {
                break;
            }
        }
        self.freed = 0;
        self.settle_contention(decisions, from);
        if self.rounds.is_multiple_of(SWEEP) {
            self.sweep();
        }
    }

    /// When something could be granted without anything coming back: the moment at which a bucket has refilled enough
    /// for somebody who was short of it.
    pub fn next_ns(&self) -> Option<u64> {
        let short = resources_in(self.stock.buckets()).filter(|resource| self.short[resource.ix()] > 0);
        short.filter_map(|resource| self.stock.full_enough_at(resource, self.short[resource.ix()])).min()
    }

    /// Bits of resources that waiting holders claim: nothing of them goes to newcomers.
    fn kept_for_holders(&self) -> u64 {
        let claims = self.extensions.values().filter_map(|one| self.hold_of(one.hold));
        claims.fold(0, |mask, hold| mask | hold.claim.mask())
    }

    /// Requests that have become due on these resources stand before all others.
    pub(super) fn find_due(&mut self, mask: u64) {
        while let Some(ticket) = self.elders.next_due(mask, &self.requests, self.now_ns) {
            self.make_due(ticket);
            self.due_again = true;
        }
    }

    /// A request stands before all that are not due, and after those that are.
    pub(super) fn make_due(&mut self, ticket: Ticket) {
        self.dues += 1;
        let waiting = self.requests.waiting_mut(ticket);
        waiting.standing = Standing::Due;
        waiting.due = self.dues;
        self.reserved |= waiting.mask;
        self.due_reach |= waiting.mask;
        self.due.insert(self.dues, ticket);
    }

    /// Grants due requests in their order; what one of them still waits for is kept for it.
    fn grant_due(&mut self, decisions: &mut Vec<Decision>) {
        if self.due.is_empty() {
            self.due_reach = 0;
            return;
        }
        self.reserved = self.kept_for_holders();
        let mut next = self.due.first_key_value().map(|(place, ticket)| (*place, *ticket));
        let mut reach = 0;
        while let Some((place, ticket)) = next {
            next = self.due.range(place + 1..).next().map(|(place, ticket)| (*place, *ticket));
            let mask = self.requests.waiting(ticket).mask;
            // Who is due is stopped by those due before it alone, not by what is kept for itself.
            let verdict = if mask & self.reserved == 0 { self.verdict(ticket) } else { Verdict::Unsafe };
            match verdict {
                Verdict::Fits => self.grant(ticket, 0, None, decisions),
                Verdict::Joins(batch) => self.grant(ticket, 0, Some(batch), decisions),
                Verdict::Gone(resource) => self.refuse(ticket, resource, decisions),
                Verdict::Quota => self.park(ticket),
                Verdict::Short(_) | Verdict::Unsafe => {
                    self.reserved |= mask;
                    reach |= mask;
                    if self.reserved & self.due_reach == self.due_reach {
                        // Nobody behind can be granted anything.
                        return;
                    }
                }
            }
        }
        self.due_reach = if self.due_again { self.due_reach | reach } else { reach };
    }

    fn look_at_queues(&mut self, decisions: &mut Vec<Decision>) {
        let count = self.queues.len();
        let first = self.rounds as usize;
        for step in 0..count {
            // Each queue is the first now and then: resources are shared between queues.
            let ix = (first + step) % count;
            let queue = &mut self.queues[ix];
            if queue.waiting == 0 {
                if queue.reach != 0 {
                    queue.clear();
                }
                continue;
            }
            if !std::mem::take(&mut queue.news) && queue.reach & self.freed == 0 {
                continue;
            }
            if queue.strategy == Strategy::Collaborate && self.batches.has_room() {
                self.fill_batches(ix, decisions);
            }
            match self.queues[ix].strategy {
                Strategy::Fair => self.look_by_share(ix, decisions),
                _ => self.look_by_key(ix, decisions),
            }
            if self.queues[ix].preempts {
                self.stop_somebody(ix, decisions);
            }
        }
    }

    fn look_by_key(&mut self, ix: usize, decisions: &mut Vec<Decision>) {
        let mut aside = std::mem::take(&mut self.aside);
        while aside.len() < LOOK {
            let queue = &mut self.queues[ix];
            if queue.home & !self.stock.full() & !self.reserved == 0 {
                self.note_short(ix);
                break;
            }
            let Some(entry) = queue.heap.pop() else { break };
            let ticket = entry.ticket;
            if !self.requests.is_queued(ticket) {
                continue;
            }
            if self.requests.waiting(ticket).mask & self.reserved != 0 {
                aside.push(entry);
                continue;
            }
            match self.verdict(ticket) {
                Verdict::Fits => {
                    self.queues[ix].took_turn(entry.key);
                    self.grant(ticket, entry.key, None, decisions);
                }
                Verdict::Joins(batch) => self.grant(ticket, entry.key, Some(batch), decisions),
                Verdict::Quota => self.park(ticket),
                Verdict::Gone(resource) => self.refuse(ticket, resource, decisions),
                Verdict::Short(resource) => {
                    self.short_of(resource, ticket);
                    aside.push(entry);
                }
                Verdict::Unsafe => aside.push(entry),
            }
        }
        self.queues[ix].heap.extend(aside.drain(..));
        self.aside = aside;
    }

    /// Progressive filling: the party with the least share whose next request fits.
    fn look_by_share(&mut self, ix: usize, decisions: &mut Vec<Decision>) {
        let mut place = (0, 0, 0);
        while let Some((share, served, party)) = self.queues[ix].fair.first_from(place) {
            let requests = &self.requests;
            let head = self.queues[ix].fair.head(PartyId(party), |ticket| requests.is_queued(ticket));
            // Who cannot be granted now cannot either after others took something.
            let passed = (share, served, party + 1);
            let Some(ticket) = head else {
                place = passed;
                continue;
            };
            if self.requests.waiting(ticket).mask & self.reserved != 0 {
                place = passed;
                continue;
            }
            match self.verdict(ticket) {
                Verdict::Fits | Verdict::Joins(_) => {
                    self.grant(ticket, 0, None, decisions);
                    place = (share, served, party);
                }
                Verdict::Quota => self.park(ticket),
                Verdict::Gone(resource) => self.refuse(ticket, resource, decisions),
                Verdict::Short(resource) => {
                    self.short_of(resource, ticket);
                    place = passed;
                }
                Verdict::Unsafe => place = passed,
            }
        }
    }

    /// Lets waiting calls join open batches of what they are like.
    fn fill_batches(&mut self, ix: usize, decisions: &mut Vec<Decision>) {
        let home = self.queues[ix].home;
        let open: Vec<(u32, u64)> = self
            .batches
            .with_room()
            .filter(|(_, resource, _)| resource.bit() & home != 0)
            .map(|(batch, _, alike)| (batch, alike))
            .collect();
        for (batch, alike) in open {
            self.fill_batch(ix, batch, alike, decisions);
        }
    }

    /// Lets waiting calls join one batch, the oldest first, while it has room.
    pub(super) fn fill_batch(&mut self, ix: usize, batch: u32, alike: u64, decisions: &mut Vec<Decision>) {
        let mut place = 0;
        while let Some(ticket) = self.queues[ix].alike.get(&alike).and_then(|line| line.get(place)).copied() {
            let queued = self.requests.is_queued(ticket);
            // While due ones are granted, what later ones wait for is not marked as kept yet.
            let kept = self.reserved | if self.due.is_empty() { 0 } else { self.due_reach };
            if queued
                && self.requests.waiting(ticket).mask & kept == 0
                && matches!(self.verdict(ticket), Verdict::Joins(joined) if joined == batch)
            {
                if let Some(line) = self.queues[ix].alike.get_mut(&alike) {
                    line.remove(place);
                }
                self.grant(ticket, 0, Some(batch), decisions);
                continue;
            }
            place += 1;
            if place == LOOK {
                break;
            }
        }
    }

    fn verdict(&self, ticket: Ticket) -> Verdict {
        let request = self.requests.asked(ticket);
        let first = request.demand.first().unwrap_or_default();
        if let Some(batch) = self.batches.joinable(first, request.alike)
            && self.batches.amount(batch) == request.demand.amount(first)
        {
            let rest = request.demand.without(first);
            if self.parties.over_quota(request.party, &rest).is_none() && self.stock.short_of(&rest).is_none() {
                return Verdict::Joins(batch);
            }
        }
        if self.parties.over_quota(request.party, &request.claim).is_some() {
            return Verdict::Quota;
        }
        if let Some(resource) = self.stock.short_of(&request.demand) {
            return match self.stock.kind(resource) == Kind::Money && self.stock.never(&request.demand) == Some(resource)
            {
                true => Verdict::Gone(resource),
                false => Verdict::Short(resource),
            };
        }
        let asks_more = request.claim != request.demand;
        if (asks_more || !self.claimants.is_empty()) && !self.is_safe_with(&request.demand, &request.claim) {
            return Verdict::Unsafe;
        }
        Verdict::Fits
    }

    /// Whether everybody who may ask for more can still end when somebody new takes and claims this.
    fn is_safe_with(&self, demand: &Demand, claim: &Demand) -> bool {
        let mut claimants = self.all_claimants(None);
        if claim != demand {
            claimants.push(Claimant { held: *demand, claim: *claim });
        }
        banker::is_safe(&claimants, &self.stock, demand)
    }

    fn all_claimants(&self, except: Option<crate::arbitration::HoldId>) -> Vec<Claimant> {
        let others = self.claimants.iter().filter(|hold| Some(**hold) != except).filter_map(|hold| self.hold_of(*hold));
        others.map(|hold| Claimant { held: hold.demand, claim: hold.claim }).collect()
    }

    fn extend_holders(&mut self, decisions: &mut Vec<Decision>) {
        let waiting: Vec<Ticket> = self.extensions.keys().copied().collect();
        for ticket in waiting {
            let Some(one) = self.extensions.get(&ticket).copied() else { continue };
            let Some(hold) = self.hold_of(one.hold).copied() else { continue };
            let Ok(held) = hold.demand.and(&one.more) else { continue };
            if let Some(resource) = self.stock.short_of(&one.more) {
                self.note_amount(resource, one.more.amount(resource));
                continue;
            }
            let mut claimants = self.all_claimants(Some(one.hold));
            claimants.push(Claimant { held, claim: hold.claim });
            if banker::is_safe(&claimants, &self.stock, &one.more) {
                self.extensions.remove(&ticket);
                self.extend(ticket, one.hold, &one.more, one.since_ns, decisions);
            }
        }
    }

    fn park(&mut self, ticket: Ticket) {
        let waiting = self.requests.waiting_mut(ticket);
        if waiting.standing == Standing::Due {
            self.due.remove(&waiting.due);
            self.freed |= waiting.mask;
        }
        waiting.standing = Standing::Parked;
        let (queue, mask, party) = (usize::from(waiting.queue), waiting.mask, self.requests.asked(ticket).party);
        self.elders.left(ticket, party, mask, &self.requests, self.now_ns);
        self.queues[queue].waiting -= 1;
        self.parked[party.ix()].push_back(ticket);
        self.counts.parked += 1;
    }

    fn short_of(&mut self, resource: ResourceId, ticket: Ticket) {
        let amount = self.requests.asked(ticket).demand.amount(resource);
        self.note_amount(resource, amount);
    }

    fn note_amount(&mut self, resource: ResourceId, amount: u64) {
        let short = &mut self.short[resource.ix()];
        *short = if *short == 0 { amount } else { amount.min(*short) };
    }

    /// The first of a queue whose bucket is empty waits for it to refill.
    fn note_short(&mut self, ix: usize) {
        let buckets = self.queues[ix].home & self.stock.buckets() & self.stock.full();
        if buckets == 0 {
            return;
        }
        while let Some(first) = self.queues[ix].heap.peek().map(|entry| entry.ticket) {
            if self.requests.is_queued(first) {
                resources_in(buckets).for_each(|resource| self.short_of(resource, first));
                return;
            }
            self.queues[ix].heap.pop();
        }
    }

    /// Now that it is known who still waits: which of these decisions were between several.
    fn settle_contention(&mut self, decisions: &mut [Decision], from: usize) {
        for decision in &mut decisions[from..] {
            let others = self.queues.get(usize::from(decision.queue)).is_some_and(|queue| queue.waiting > 0);
            decision.contended = decision.waited || others || !matches!(decision.outcome, Outcome::Granted(_));
            if decision.contended {
                self.counts.contended += u64::from(matches!(decision.outcome, Outcome::Granted(_)));
                if let Some(record) = self.ring.get_mut(decision.id) {
                    record.contended = true;
                }
            }
        }
    }

    /// Drops what is over from heaps and lines that are mostly that.
    fn sweep(&mut self) {
        let most = 2 * self.requests.len() + 64;
        let requests = &self.requests;
        self.elders.sweep(requests);
        for queue in &mut self.queues {
            if queue.heap.len() > most {
                queue.heap.retain(|entry| requests.is_queued(entry.ticket));
            }
            queue.fair.sweep(most, |ticket| requests.is_queued(ticket));
        }
        for line in self.parked.iter_mut().filter(|line| line.len() > most) {
            line.retain(|ticket| requests.is_live(*ticket));
        }
    }
}
