//! What comes back: holds that end, parties that fall below their quota, and what was held before the engine began.

use super::Engine;
use crate::arbitration::demand::Demand;
use crate::arbitration::holds::{Hold, HoldId};
use crate::arbitration::parties::PartyId;
use crate::arbitration::requests::{Request, Standing};

impl Engine {
    /// Gives a hold back; `spent` is what it took of the money it held, in the money's unit. False if it was given back
    /// before: nothing happens then.
    pub fn give_back(&mut self, hold: HoldId, spent: u64) -> bool {
        let Some(held) = self.holds.remove(hold) else { return false };
        self.stock.give_back(&held.demand, spent);
        self.parties.give_back(held.party, &held.claim, spent, &self.stock);
        self.refile(held.party);
        self.freed |= held.demand.mask();
        if !self.parked[held.party.ix()].is_empty() {
            self.lighter.insert(held.party);
        }
        if held.batch > 0
            && let Some(batch) = self.batches.leave(held.batch)
        {
            let shared = Demand::of([(batch.resource, batch.amount)]).unwrap_or_default();
            self.stock.give_back(&shared, 0);
            self.parties.give_back(batch.party, &shared, 0, &self.stock);
            self.refile(batch.party);
            self.freed |= batch.resource.bit();
            if !self.parked[batch.party.ix()].is_empty() {
                self.lighter.insert(batch.party);
            }
        }
        if self.claimants.remove(&hold) {
            self.extensions.retain(|_, one| one.hold != hold);
            // Its end may make safe what was not.
            self.freed = u64::MAX;
        }
        true
    }

    /// A hold that was granted before this engine began (a call of a run that is resumed): it plays whatever is said
    /// here, and takes as much of what it held as is free.
    pub fn adopt(&mut self, request: &Request, now_ns: u64) -> Option<HoldId> {
        let known = request.demand.mask().checked_shr(self.stock.len() as u32).unwrap_or(0) == 0;
        if request.demand.is_empty() || !known || request.party.ix() >= self.parties.len() {
            return None;
        }
        self.now_ns = self.now_ns.max(now_ns);
        // What is not there cannot come back either.
        let there = request.demand.parts().map(|(resource, amount)| (resource, amount.min(self.stock.free(resource))));
        let demand = Demand::of(there).ok()?;
        self.stock.take(&demand);
        self.parties.take(request.party, &demand, &self.stock);
        self.refile(request.party);
        Some(self.holds.add(Hold {
            label: request.label,
            party: request.party,
            demand,
            claim: demand,
            since_ns: self.now_ns,
            estimate_ns: request.estimate_ns,
            restart_ns: request.restart_ns,
            value: self.weights.value(request.terms),
            batch: 0,
            preemptible: false,
            leaving: false,
        }))
    }

    /// A party's share has changed.
    pub(super) fn refile(&mut self, party: PartyId) {
        let share = self.parties.share(party);
        for queue in &mut self.queues {
            queue.fair.refile(party, share);
        }
    }

    /// Lets requests of parties that fell below their quota compete again, as many as could be granted.
    pub(super) fn unpark(&mut self) {
        while let Some(party) = self.lighter.pop_first() {
            let mut together = Demand::default();
            while let Some(ticket) = self.parked[party.ix()].front().copied() {
                let parked =
                    self.requests.is_live(ticket) && self.requests.waiting(ticket).standing == Standing::Parked;
                if parked {
                    let Ok(sum) = together.and(&self.requests.asked(ticket).claim) else { break };
                    if self.parties.over_quota(party, &sum).is_some() {
                        break;
                    }
                    together = sum;
                    let waiting = self.requests.waiting_mut(ticket);
                    waiting.standing = Standing::Queued;
                    let mask = waiting.mask;
                    self.elders.come(ticket, party, mask, self.now_ns);
                    self.enqueue(ticket, true);
                }
                self.parked[party.ix()].pop_front();
            }
        }
    }
}
