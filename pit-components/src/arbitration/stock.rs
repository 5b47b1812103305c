//! The stock: what there is of each resource and what of it is free, in columns.
//!
//! Invariant, for every resource that does not refill: `free + held + spent = capacity`. A grant takes what is free and
//! nothing else; only a call that used more money than it was granted makes `spent` exceed what was promised, and then
//! `free` pays for it.

use super::demand::{Demand, ResourceId};
use serde::{Deserialize, Serialize};

/// What a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Seats at a model: calls in flight at once.
    Model,
    /// Bytes of memory.
    Memory,
    /// Shares of a GPU.
    Gpu,
    /// Micro-dollars; what is spent does not come back.
    Money,
    /// A token bucket: what was taken refills with time.
    Rate,
    /// Files (or anything else) that one holds at a time.
    File,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Model, Self::Memory, Self::Gpu, Self::Money, Self::Rate, Self::File];

    /// The word in settings and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Memory => "memory",
            Self::Gpu => "gpu",
            Self::Money => "money",
            Self::Rate => "rate",
            Self::File => "file",
        }
    }
}

/// How fast a bucket refills: so much in so many nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refill {
    /// Amount.
    pub amount: u64,
    /// Nanoseconds in which it flows in; at least 1.
    pub every_ns: u64,
}

/// The columns of resources.
#[derive(Clone, Debug, Default)]
pub struct Stock {
    kind: Vec<Kind>,
    capacity: Vec<u64>,
    free: Vec<u64>,
    /// Money that is gone.
    spent: Vec<u64>,
    refill: Vec<Option<Refill>>,
    /// What has flowed in and is not one whole unit yet, times `every_ns`.
    drops: Vec<u64>,
    /// Bits of resources of which nothing is free.
    full: u64,
    /// Bits of resources that refill, and until when they have.
    buckets: u64,
    filled_ns: u64,
}

impl Stock {
    /// Adds a resource.
    pub(super) fn add(&mut self, kind: Kind, capacity: u64, refill: Option<Refill>) -> ResourceId {
        let id = ResourceId(self.kind.len() as u8);
        self.kind.push(kind);
        self.capacity.push(capacity);
        self.free.push(capacity);
        self.spent.push(0);
        self.refill.push(refill);
        self.drops.push(0);
        self.full |= if capacity == 0 { id.bit() } else { 0 };
        self.buckets |= if refill.is_some() { id.bit() } else { 0 };
        id
    }

    /// How many resources there are.
    pub fn len(&self) -> usize {
        self.kind.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kind.is_empty()
    }

    /// What a resource is.
    pub fn kind(&self, resource: ResourceId) -> Kind {
        self.kind[resource.ix()]
    }

    /// What there is of it when nobody holds any.
    pub fn capacity(&self, resource: ResourceId) -> u64 {
        self.capacity[resource.ix()]
    }

    /// What is free of it.
    pub fn free(&self, resource: ResourceId) -> u64 {
        self.free[resource.ix()]
    }

    /// Money that is gone.
    pub fn spent(&self, resource: ResourceId) -> u64 {
        self.spent[resource.ix()]
    }

    /// Bits of resources of which nothing is free.
    pub(super) fn full(&self) -> u64 {
        self.full
    }

    /// Bits of resources that refill.
    pub(super) fn buckets(&self) -> u64 {
        self.buckets
    }

    /// Whether what is taken comes back with the call.
    pub(super) fn comes_back(&self, resource: ResourceId) -> bool {
        !matches!(self.kind[resource.ix()], Kind::Money | Kind::Rate)
    }

    /// The first resource of which too little is free.
    #[inline]
    pub(super) fn short_of(&self, demand: &Demand) -> Option<ResourceId> {
        demand.parts().find(|(resource, amount)| self.free[resource.ix()] < *amount).map(|(resource, _)| resource)
    }

    /// The first resource of which there can never be enough.
    pub(super) fn never(&self, demand: &Demand) -> Option<ResourceId> {
        let most = |resource: ResourceId| self.capacity[resource.ix()].saturating_sub(self.spent[resource.ix()]);
        demand.parts().find(|(resource, amount)| *amount > most(*resource)).map(|(resource, _)| resource)
    }

    /// Takes what fits.
    #[inline]
    pub(super) fn take(&mut self, demand: &Demand) {
        for (resource, amount) in demand.parts() {
            let free = &mut self.free[resource.ix()];
            debug_assert!(*free >= amount, "a grant takes only what is free");
            *free = free.saturating_sub(amount);
            if *free == 0 {
                self.full |= resource.bit();
            }
        }
    }

    /// Gives back what a call held; of money, what it did not spend.
    pub(super) fn give_back(&mut self, demand: &Demand, spent: u64) {
        for (resource, amount) in demand.parts() {
            let ix = resource.ix();
            let room = self.capacity[ix].saturating_sub(self.free[ix]);
            match self.kind[ix] {
                Kind::Rate => continue,
                Kind::Money => {
                    self.spent[ix] = self.spent[ix].saturating_add(spent);
                    self.free[ix] += amount.saturating_sub(spent).min(room);
                    self.free[ix] = self.free[ix].saturating_sub(spent.saturating_sub(amount));
                }
                _ => self.free[ix] += amount.min(room),
            }
            match self.free[ix] {
                0 => self.full |= resource.bit(),
                _ => self.full &= !resource.bit(),
            }
        }
    }

    /// Lets buckets refill; gives the bits of those that did.
    pub(super) fn refill(&mut self, now_ns: u64) -> u64 {
        let elapsed = now_ns.saturating_sub(self.filled_ns);
        self.filled_ns = self.filled_ns.max(now_ns);
        if elapsed == 0 {
            return 0;
        }
        let mut filled = 0;
        for resource in super::demand::resources_in(self.buckets) {
            let ix = resource.ix();
            let Some(Refill { amount, every_ns }) = self.refill[ix] else { continue };
            let flowed = u128::from(elapsed) * u128::from(amount) + u128::from(self.drops[ix]);
            let whole = u64::try_from(flowed / u128::from(every_ns.max(1))).unwrap_or(u64::MAX);
            let room = self.capacity[ix] - self.free[ix];
            // A full bucket overflows: nothing is kept for later.
            self.drops[ix] = if whole >= room { 0 } else { (flowed % u128::from(every_ns.max(1))) as u64 };
            self.free[ix] += whole.min(room);
            if whole > 0 && room > 0 {
                filled |= resource.bit();
                self.full &= !resource.bit();
            }
        }
        filled
    }

    /// When a bucket will hold `amount`, if it ever does.
    pub(super) fn full_enough_at(&self, resource: ResourceId, amount: u64) -> Option<u64> {
        let ix = resource.ix();
        let Refill { amount: rate, every_ns } = self.refill[ix]?;
        let missing = amount.saturating_sub(self.free[ix]);
        if rate == 0 || amount > self.capacity[ix] {
            return None;
        }
        let flow = (u128::from(missing) * u128::from(every_ns)).saturating_sub(u128::from(self.drops[ix]));
        let wait = flow.div_ceil(u128::from(rate));
        Some(self.filled_ns.saturating_add(u64::try_from(wait).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(resource: ResourceId, amount: u64) -> Demand {
        Demand::of([(resource, amount)]).unwrap()
    }

    #[test]
    fn seats_come_back_and_money_does_not() {
        let mut stock = Stock::default();
        let (seats, money) = (stock.add(Kind::Model, 2, None), stock.add(Kind::Money, 100, None));
        let both = Demand::of([(seats, 2), (money, 60)]).unwrap();
        stock.take(&both);
        assert_eq!((stock.full(), stock.short_of(&both)), (seats.bit(), Some(seats)));
        stock.give_back(&both, 50);
        assert_eq!((stock.free(seats), stock.free(money), stock.spent(money)), (2, 50, 50));
        assert_eq!((stock.full(), stock.never(&both)), (0, Some(money)));
        stock.take(&one(money, 10));
        stock.give_back(&one(money, 10), 30);
        assert_eq!((stock.free(money), stock.spent(money)), (20, 80), "who overspends takes from what is left");
    }

    #[test]
    fn a_bucket_refills_exactly_and_never_overflows() {
        let mut stock = Stock::default();
        let rate = stock.add(Kind::Rate, 10, Some(Refill { amount: 3, every_ns: 1_000 }));
        stock.take(&one(rate, 10));
        let mut now = 0;
        while stock.free(rate) < 6 {
            now += 7;
            stock.refill(now);
        }
        assert!((2_000..2_007).contains(&now), "six units take two periods however often one looks: {now}");
        assert_eq!(stock.full_enough_at(rate, 9).map(|at| at.div_ceil(1_000)), Some(3));
        stock.refill(1_000_000);
        assert_eq!(stock.free(rate), 10);
        assert_eq!(stock.full_enough_at(rate, 11), None);
    }
}
