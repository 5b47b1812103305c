//! The parties: users or melodies, between whom resources are shared by weight and bounded by quota.
//!
//! A party's *dominant share* is the largest share it holds of any resource (Ghodsi, Zaharia, Hindman, Konwinski,
//! Shenker and Stoica, "Dominant Resource Fairness", NSDI 2011), divided by its weight. Rates have no share: what was
//! taken of them is gone at once. Of money the share is what is held and what was spent.

use super::demand::{Demand, ResourceId};
use super::stock::{Kind, Stock};
use serde::{Deserialize, Serialize};

/// A party: its place among the engine's parties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartyId(pub u32);

impl PartyId {
    /// The party as an index into a column.
    #[inline]
    pub fn ix(self) -> usize {
        self.0 as usize
    }
}

/// A whole resource as a share of weight 1.
pub const WHOLE: u64 = 1 << 40;

/// The columns of parties. Uses and quotas are one row of resources a party.
#[derive(Clone, Debug, Default)]
pub struct Parties {
    weight: Vec<u32>,
    used: Vec<u64>,
    /// `u64::MAX` for none.
    quota: Vec<u64>,
    share: Vec<u64>,
    stride: usize,
}

impl Parties {
    pub(super) fn over(resources: usize) -> Self {
        Self { stride: resources, ..Self::default() }
    }

    /// Adds a party; a weight of 0 counts as 1.
    pub(super) fn add(&mut self, weight: u32, quotas: &[(ResourceId, u64)]) -> PartyId {
        let id = PartyId(self.weight.len() as u32);
        self.weight.push(weight.max(1));
        self.share.push(0);
        self.used.resize(self.used.len() + self.stride, 0);
        self.quota.resize(self.quota.len() + self.stride, u64::MAX);
        for (resource, most) in quotas.iter().filter(|(resource, _)| resource.ix() < self.stride) {
            self.quota[id.ix() * self.stride + resource.ix()] = *most;
        }
        id
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.weight.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.weight.is_empty()
    }

    /// What it counts beside the others.
    pub fn weight(&self, party: PartyId) -> u32 {
        self.weight[party.ix()]
    }

    /// What it holds of a resource (of money: holds and has spent).
    pub fn used(&self, party: PartyId, resource: ResourceId) -> u64 {
        self.used[party.ix() * self.stride + resource.ix()]
    }

    /// Its dominant share over its weight; [`WHOLE`] is everything at weight 1.
    pub fn share(&self, party: PartyId) -> u64 {
        self.share[party.ix()]
    }

    /// The first resource of which the party would have more than its quota.
    #[inline]
    pub(super) fn over_quota(&self, party: PartyId, demand: &Demand) -> Option<ResourceId> {
        let row = party.ix() * self.stride;
        let over = |(resource, amount): (ResourceId, u64)| {
            let ix = row + resource.ix();
            (self.used[ix].saturating_add(amount) > self.quota[ix]).then_some(resource)
        };
        demand.parts().find_map(over)
    }

    /// The first resource of which the party may never have as much.
    pub(super) fn never(&self, party: PartyId, demand: &Demand) -> Option<ResourceId> {
        let row = party.ix() * self.stride;
        demand
            .parts()
            .find(|(resource, amount)| *amount > self.quota[row + resource.ix()])
            .map(|(resource, _)| resource)
    }

    pub(super) fn take(&mut self, party: PartyId, demand: &Demand, stock: &Stock) {
        for (resource, amount) in demand.parts() {
            if stock.kind(resource) == Kind::Rate {
                continue;
            }
            let used = &mut self.used[party.ix() * self.stride + resource.ix()];
            *used = used.saturating_add(amount);
            let share = self.share_of(party, resource, stock);
            self.share[party.ix()] = self.share[party.ix()].max(share);
        }
    }

    pub(super) fn give_back(&mut self, party: PartyId, demand: &Demand, spent: u64, stock: &Stock) {
        for (resource, amount) in demand.parts() {
            let used = &mut self.used[party.ix() * self.stride + resource.ix()];
            match stock.kind(resource) {
                Kind::Rate => {}
                Kind::Money => *used = used.saturating_sub(amount).saturating_add(spent),
                _ => *used = used.saturating_sub(amount),
            }
        }
        let shares = (0..self.stride).map(|ix| self.share_of(party, ResourceId(ix as u8), stock));
        self.share[party.ix()] = shares.max().unwrap_or(0);
    }

    #[inline]
    fn share_of(&self, party: PartyId, resource: ResourceId, stock: &Stock) -> u64 {
        let used = self.used(party, resource);
        if used == 0 || stock.kind(resource) == Kind::Rate {
            return 0;
        }
        let whole = u128::from(stock.capacity(resource).max(1)) * u128::from(self.weight[party.ix()]);
        u64::try_from(u128::from(used) * u128::from(WHOLE) / whole).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dominant_share_is_the_largest_over_the_weight() {
        let mut stock = Stock::default();
        let (cpu, memory) = (stock.add(Kind::Model, 9, None), stock.add(Kind::Memory, 18, None));
        let mut parties = Parties::over(2);
        let (plain, heavy) = (parties.add(1, &[]), parties.add(2, &[(cpu, 3)]));
        let demand = Demand::of([(cpu, 1), (memory, 4)]).unwrap();
        parties.take(plain, &demand, &stock);
        assert_eq!(parties.share(plain), WHOLE * 4 / 18);
        parties.take(heavy, &Demand::of([(cpu, 3)]).unwrap(), &stock);
        assert_eq!(parties.share(heavy), WHOLE * 3 / 18);
        assert_eq!(parties.over_quota(heavy, &demand), Some(cpu));
        assert_eq!(parties.never(heavy, &Demand::of([(cpu, 4)]).unwrap()), Some(cpu));
        parties.give_back(plain, &demand, 0, &stock);
        assert_eq!((parties.share(plain), parties.over_quota(plain, &demand)), (0, None));
    }
}
