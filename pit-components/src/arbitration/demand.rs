//! Demands: what a request takes, as amounts of resources, in the order of the resources' numbers.

use serde::{Deserialize, Serialize};

/// Resources that one engine knows at most: each has a bit in a mask.
pub const MOST_RESOURCES: usize = 64;

/// Parts of a demand at most.
pub const MOST_PARTS: usize = 7;

/// A resource of an engine: its place among the engine's resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceId(pub u8);

impl ResourceId {
    /// The resource as an index into a column.
    #[inline]
    pub fn ix(self) -> usize {
        usize::from(self.0)
    }

    /// Its bit in a mask.
    #[inline]
    pub fn bit(self) -> u64 {
        1 << (self.0 & 63)
    }
}

/// The resources of a mask, in order.
pub(super) fn resources_in(mut mask: u64) -> impl Iterator<Item = ResourceId> {
    std::iter::from_fn(move || {
        let first = (mask != 0).then(|| mask.trailing_zeros() as u8)?;
        mask &= mask - 1;
        Some(ResourceId(first))
    })
}

/// Amounts of up to seven resources: 64 bytes, no part twice, none of amount 0, in the order of their numbers.
///
/// ```
/// use symphony_pit::arbitration::{Demand, ResourceId};
///
/// let seat_and_memory = Demand::of([(ResourceId(4), 1 << 30), (ResourceId(0), 1)])?;
/// assert_eq!(seat_and_memory.parts().next(), Some((ResourceId(0), 1)));
/// assert_eq!(seat_and_memory.amount(ResourceId(4)), 1 << 30);
/// # Ok::<(), symphony_pit::arbitration::DemandError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    amounts: [u64; MOST_PARTS],
    resources: [u8; MOST_PARTS],
    len: u8,
}

const _: () = assert!(size_of::<Demand>() == 64);

/// Why amounts are no demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DemandError {
    /// Of too many resources.
    #[error("a demand has at most {MOST_PARTS} parts")]
    TooManyParts,
    /// Of a resource that no engine has.
    #[error("there is no resource {0}; an engine has at most {MOST_RESOURCES}")]
    NoSuchResource(u8),
    /// Amounts of one resource add up to more than can be counted.
    #[error("the amounts of resource {0} add up to more than can be counted")]
    TooMuch(u8),
}

impl Demand {
    /// A demand of these amounts; those of one resource add up.
    pub fn of(parts: impl IntoIterator<Item = (ResourceId, u64)>) -> Result<Self, DemandError> {
        let mut demand = Self::default();
        for (resource, amount) in parts {
            if resource.ix() >= MOST_RESOURCES {
                return Err(DemandError::NoSuchResource(resource.0));
            }
            if amount > 0 {
                demand.add(resource, amount)?;
            }
        }
        Ok(demand)
    }

    fn add(&mut self, resource: ResourceId, amount: u64) -> Result<(), DemandError> {
        let len = usize::from(self.len);
        match self.resources[..len].binary_search(&resource.0) {
            Ok(place) => {
                let sum = self.amounts[place].checked_add(amount);
                self.amounts[place] = sum.ok_or(DemandError::TooMuch(resource.0))?;
            }
            Err(_) if len == MOST_PARTS => return Err(DemandError::TooManyParts),
            Err(place) => {
                self.resources.copy_within(place..len, place + 1);
                self.amounts.copy_within(place..len, place + 1);
                (self.resources[place], self.amounts[place]) = (resource.0, amount);
                self.len += 1;
            }
        }
        Ok(())
    }

    /// Both together.
    pub fn and(&self, more: &Self) -> Result<Self, DemandError> {
        Self::of(self.parts().chain(more.parts()))
    }

    /// What this has beyond `held`.
    pub fn beyond(&self, held: &Self) -> Self {
        let mut left = Self::default();
        for (resource, amount) in self.parts() {
            let rest = amount.saturating_sub(held.amount(resource));
            if rest > 0 {
                let place = usize::from(left.len);
                (left.resources[place], left.amounts[place]) = (resource.0, rest);
                left.len += 1;
            }
        }
        left
    }

    /// The same without one resource.
    pub(super) fn without(&self, resource: ResourceId) -> Self {
        let mut left = Self::default();
        for (kept, amount) in self.parts().filter(|(kept, _)| *kept != resource) {
            let place = usize::from(left.len);
            (left.resources[place], left.amounts[place]) = (kept.0, amount);
            left.len += 1;
        }
        left
    }

    /// Whether every part of `other` is in this one.
    pub fn covers(&self, other: &Self) -> bool {
        other.parts().all(|(resource, amount)| self.amount(resource) >= amount)
    }

    /// Resources and amounts, in order.
    #[inline]
    pub fn parts(&self) -> impl Iterator<Item = (ResourceId, u64)> + '_ {
        let len = usize::from(self.len);
        self.resources[..len]
            .iter()
            .zip(&self.amounts[..len])
            .map(|(resource, amount)| (ResourceId(*resource), *amount))
    }

    /// The amount of one resource.
    pub fn amount(&self, resource: ResourceId) -> u64 {
        self.parts().find(|(known, _)| *known == resource).map_or(0, |(_, amount)| amount)
    }

    /// The first resource.
    pub fn first(&self) -> Option<ResourceId> {
        self.parts().next().map(|(resource, _)| resource)
    }

    /// Whether it takes nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bits of its resources.
    #[inline]
    pub fn mask(&self) -> u64 {
        self.parts().fold(0, |mask, (resource, _)| mask | resource.bit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(parts: &[(u8, u64)]) -> Demand {
        Demand::of(parts.iter().map(|(resource, amount)| (ResourceId(*resource), *amount))).unwrap()
    }

    #[test]
    fn parts_are_sorted_and_add_up() {
        let sum = demand(&[(9, 1), (2, 5), (9, 3), (4, 0)]);
        assert_eq!(sum.parts().collect::<Vec<_>>(), [(ResourceId(2), 5), (ResourceId(9), 4)]);
        assert_eq!(sum.mask(), 1 << 2 | 1 << 9);
        assert_eq!(sum.amount(ResourceId(4)), 0);
        assert_eq!(resources_in(sum.mask()).collect::<Vec<_>>(), [ResourceId(2), ResourceId(9)]);
    }

    #[test]
    fn what_is_held_is_taken_off_a_claim() {
        let claim = demand(&[(0, 4), (1, 2), (3, 1)]);
        let held = demand(&[(0, 1), (1, 2)]);
        assert_eq!(claim.beyond(&held), demand(&[(0, 3), (3, 1)]));
        assert!(claim.covers(&held) && !held.covers(&claim));
        assert_eq!(held.and(&claim.beyond(&held)).unwrap(), claim);
        assert_eq!(claim.without(ResourceId(1)), demand(&[(0, 4), (3, 1)]));
    }

    #[test]
    fn what_is_no_demand_is_refused() {
        assert_eq!(Demand::of((0..8).map(|n| (ResourceId(n), 1))), Err(DemandError::TooManyParts));
        assert_eq!(Demand::of([(ResourceId(64), 1)]), Err(DemandError::NoSuchResource(64)));
        assert_eq!(Demand::of([(ResourceId(1), u64::MAX), (ResourceId(1), 1)]), Err(DemandError::TooMuch(1)));
    }
}
