//! Granting: what is taken, by whom it is held, and what is written down.

use super::{Decision, Engine, Outcome};
use crate::arbitration::batches::Batch;
use crate::arbitration::demand::{Demand, ResourceId};
use crate::arbitration::holds::{Hold, HoldId};
use crate::arbitration::parties::WHOLE;
use crate::arbitration::preempt;
use crate::arbitration::queue::Strategy;
use crate::arbitration::record::{Reason, Record, Rival, Verb};
use crate::arbitration::requests::{Standing, Ticket};
use crate::arbitration::value::{ONE, Terms};

/// A turn of weight 1 in keys (see the queue).
const TURN_BITS: u32 = 20;

impl Engine {
    /// Grants a request that fits; with a batch, sharing what that holds.
    pub(super) fn grant(&mut self, ticket: Ticket, key: u64, joins: Option<u32>, decisions: &mut Vec<Decision>) {
        let waiting = *self.requests.waiting(ticket);
        let request = *self.requests.asked(ticket);
        let ix = usize::from(waiting.queue);
        let first = request.demand.first().unwrap_or_default();
        let opens = joins.is_none() && self.queues[ix].batch > 1 && request.alike != 0;
        let (measure, share) = (self.measure_of(ix, ticket, key), self.parties.share(request.party));
        let (own, claim) = match joins.is_some() || opens {
            true => (request.demand.without(first), request.demand.without(first)),
            false => (request.demand, request.claim),
        };
        let taken = if joins.is_some() { own } else { request.demand };
        let counted = if opens { request.demand } else { claim };
        self.stock.take(&taken);
        self.parties.take(request.party, &counted, &self.stock);
        if self.parties.share(request.party) != share {
            self.refile(request.party);
        }
        self.queues[ix].fair.serve(request.party);
        let batch = match joins {
            Some(batch) => {
                self.batches.join(batch);
                self.counts.joined += 1;
                batch
            }
            None if opens => self.batches.open(Batch {
                resource: first,
                amount: request.demand.amount(first),
                alike: request.alike,
                party: request.party,
                members: 1,
                room: self.queues[ix].batch - 1,
            }),
            None => 0,
        };
        let hold = self.holds.add(Hold {
            label: request.label,
            party: request.party,
            demand: own,
            claim,
            since_ns: self.now_ns,
            estimate_ns: request.estimate_ns,
            restart_ns: request.restart_ns,
            value: waiting.value,
            batch,
            preemptible: request.preemptible,
            leaving: false,
        });
        if claim != own {
            self.claimants.insert(hold);
        }
        self.elders.granted(waiting.mask);
        self.forget(ticket);
        let waited_ns = self.now_ns.saturating_sub(waiting.since_ns);
        self.counts.granted += 1;
        self.counts.due += u64::from(waiting.standing == Standing::Due);
        self.counts.waited_ns = self.counts.waited_ns.saturating_add(waited_ns);
        self.counts.longest_ns = self.counts.longest_ns.max(waited_ns);
        let reason = match (waiting.standing, joins) {
            (Standing::Due, _) => Reason::Due,
            (_, Some(_)) => Reason::Alike,
            _ => reason_of(self.queues[ix].strategy),
        };
        let numbers = match joins.or(opens.then_some(batch)) {
            Some(batch) => self.batches.members(batch),
            None => [0; 2],
        };
        let mut record = self.record_of(first, ix, Verb::Granted, reason);
        record.label = request.label;
        record.party = request.party;
        record.waited_ns = waited_ns;
        record.value = waiting.value;
        record.terms = request.terms;
        record.measure = measure;
        record.numbers = numbers;
        record.rivals = self.rivals(ix);
        let id = self.ring.push(record);
        decisions.push(Decision {
            id,
            ticket,
            label: request.label,
            outcome: Outcome::Granted(hold),
            contended: false,
            queue: waiting.queue,
            waited: waited_ns > 0,
        });
        self.find_due(waiting.mask);
        if opens {
            self.fill_batch(ix, batch, request.alike, decisions);
        }
    }

    /// What a request asks for is spent for good.
    pub(super) fn refuse(&mut self, ticket: Ticket, resource: ResourceId, decisions: &mut Vec<Decision>) {
        let waiting = *self.requests.waiting(ticket);
        let request = *self.requests.asked(ticket);
        self.forget(ticket);
        self.counts.refused += 1;
        let mut record = self.record_of(resource, usize::from(waiting.queue), Verb::Refused, Reason::Gone);
        record.label = request.label;
        record.party = request.party;
        record.waited_ns = self.now_ns.saturating_sub(waiting.since_ns);
        record.value = waiting.value;
        record.terms = request.terms;
        let id = self.ring.push(record);
        let (label, outcome) = (request.label, Outcome::Refused(resource));
        decisions.push(Decision { id, ticket, label, outcome, contended: true, queue: waiting.queue, waited: true });
    }

    /// A holder gets more of what it claimed.
    pub(super) fn extend(
        &mut self,
        ticket: Ticket,
        id: HoldId,
        more: &Demand,
        since_ns: u64,
        decisions: &mut Vec<Decision>,
    ) {
        self.stock.take(more);
        self.elders.granted(more.mask());
        self.counts.extended += 1;
        let Some(hold) = self.holds.get_mut(id) else { return };
        // The claim covers it, so it fits into a demand.
        hold.demand = hold.demand.and(more).unwrap_or(hold.demand);
        let hold = *hold;
        if hold.demand == hold.claim {
            self.claimants.remove(&id);
        }
        // What was kept for it is anybody's again, and what was not safe may be.
        self.freed = u64::MAX;
        let first = more.first().unwrap_or_default();
        let queue = self.queue_of[first.ix()];
        let mut record = self.record_of(first, usize::from(queue), Verb::Granted, Reason::Claimed);
        record.label = hold.label;
        record.party = hold.party;
        record.waited_ns = self.now_ns.saturating_sub(since_ns);
        record.value = hold.value;
        record.rivals = self.rivals(usize::from(queue));
        let waited = record.waited_ns > 0;
        let number = self.ring.push(record);
        let (label, outcome) = (hold.label, Outcome::Granted(id));
        decisions.push(Decision { id: number, ticket, label, outcome, contended: false, queue, waited });
    }

    /// Tells a holder to stop if the first of a queue gains more by it than the holder loses.
    pub(super) fn stop_somebody(&mut self, ix: usize, decisions: &mut Vec<Decision>) {
        let first = loop {
            let Some(entry) = self.queues[ix].heap.peek() else { return };
            if self.requests.is_queued(entry.ticket) {
                break entry.ticket;
            }
            self.queues[ix].heap.pop();
        };
        let (waiting, request) = (*self.requests.waiting(first), *self.requests.asked(first));
        if waiting.promised || waiting.mask & self.reserved != 0 || self.stock.short_of(&request.demand).is_none() {
            return;
        }
        let (value, estimate) = (waiting.value, request.estimate_ns);
        let Some(bargain) = preempt::best(&self.holds, &self.stock, &request.demand, value, estimate, self.now_ns)
        else {
            return;
        };
        let Some(hold) = self.holds.get_mut(bargain.hold) else { return };
        hold.leaving = true;
        let hold = *hold;
        // What comes back goes to the one for whom it was taken, unless somebody older is due.
        self.requests.waiting_mut(first).promised = true;
        self.make_due(first);
        self.counts.stopped += 1;
        let resource = request.demand.first().unwrap_or_default();
        let mut record = self.record_of(resource, ix, Verb::Stopped, Reason::Preempted);
        record.label = hold.label;
        record.party = hold.party;
        record.value = hold.value;
        record.rivals[0] = Rival {
            label: request.label,
            waited_ns: self.now_ns.saturating_sub(waiting.since_ns),
            measure: u32::from(waiting.value),
            value: waiting.value,
            terms: request.terms.all(),
        };
        // Ten-thousandths of value times nanoseconds, as milliseconds of full value.
        let ms = |worth: u128| u64::try_from(worth / u128::from(ONE) / 1_000_000).unwrap_or(u64::MAX);
        record.numbers = [ms(bargain.gain), ms(bargain.loss)];
        let id = self.ring.push(record);
        let outcome = Outcome::Stop(bargain.hold);
        let (ticket, label, queue) = (first, hold.label, ix as u8);
        decisions.push(Decision { id, ticket, label, outcome, contended: true, queue, waited: true });
    }

    /// What the strategy of a queue compares, as it is written down.
    fn measure_of(&self, ix: usize, ticket: Ticket, key: u64) -> u32 {
        let request = self.requests.asked(ticket);
        match self.queues[ix].strategy {
            Strategy::RoundRobin => u32::try_from(key >> TURN_BITS).unwrap_or(u32::MAX),
            Strategy::Fair => {
                let share = u128::from(self.parties.share(request.party)) * u128::from(ONE) / u128::from(WHOLE);
                u32::try_from(share).unwrap_or(u32::MAX)
            }
            Strategy::Specialise => {
                u32::from(self.skills.of(request.demand.first().unwrap_or_default(), request.work).skill())
            }
            Strategy::Prioritise | Strategy::Collaborate => u32::from(self.requests.waiting(ticket).value),
        }
    }

    /// The next in line, at most two.
    fn rivals(&self, ix: usize) -> [Rival; 2] {
        let queue = &self.queues[ix];
        let mut next = [None, None];
        if queue.strategy == Strategy::Fair {
            let mut place = (0, 0, 0);
            for one in &mut next {
                let Some((share, served, party)) = queue.fair.first_from(place) else { break };
                place = (share, served, party + 1);
                *one = queue.fair.peek(party, |ticket| self.requests.is_queued(ticket)).map(|ticket| (ticket, 0));
            }
        } else {
            // The three highest places of a heap hold its first and its second.
            let top = queue.heap.as_slice().iter().take(3);
            for entry in top.filter(|entry| self.requests.is_queued(entry.ticket)) {
                let place = (entry.key, entry.ticket.seq);
                let comes_before =
                    |one: &Option<(Ticket, u64)>| one.is_none_or(|(ticket, key)| place < (key, ticket.seq));
                if comes_before(&next[0]) {
                    next[1] = next[0].replace((entry.ticket, entry.key));
                } else if comes_before(&next[1]) {
                    next[1] = Some((entry.ticket, entry.key));
                }
            }
        }
        next.map(|one| one.map_or_else(Rival::default, |(ticket, key)| self.rival(ix, ticket, key)))
    }

    fn rival(&self, ix: usize, ticket: Ticket, key: u64) -> Rival {
        let (waiting, request) = (self.requests.waiting(ticket), self.requests.asked(ticket));
        Rival {
            label: request.label,
            waited_ns: self.now_ns.saturating_sub(waiting.since_ns),
            measure: self.measure_of(ix, ticket, key),
            value: waiting.value,
            terms: request.terms.all(),
        }
    }

    fn record_of(&self, resource: ResourceId, ix: usize, verb: Verb, reason: Reason) -> Record {
        let capacity = self.stock.capacity(resource);
        Record {
            id: 0,
            at_ns: self.now_ns,
            label: 0,
            waited_ns: 0,
            rivals: [Rival::default(); 2],
            in_use: capacity.saturating_sub(self.stock.free(resource)),
            capacity,
            numbers: [0; 2],
            party: Default::default(),
            waiting: self.queues[ix].waiting,
            measure: 0,
            value: 0,
            terms: Terms { business: 0, impact: 0, cost: 0, learning: 0 },
            resource,
            kind: self.stock.kind(resource),
            strategy: self.queues[ix].strategy,
            verb,
            reason,
            contended: false,
        }
    }
}

/// Why a strategy grants.
fn reason_of(strategy: Strategy) -> Reason {
    match strategy {
        Strategy::Prioritise | Strategy::Collaborate => Reason::Value,
        Strategy::RoundRobin => Reason::Turn,
        Strategy::Specialise => Reason::Skill,
        Strategy::Fair => Reason::Share,
    }
}
