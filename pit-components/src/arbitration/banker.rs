//! The banker: whether everybody who holds something can still come to hold all of its claim and end (Dijkstra, EWD
//! 623, 1977; Coffman, Elphick and Shoshani, "System Deadlocks", 1971).
//!
//! Only holders that may ask for more matter: all others end by themselves and give back. So what the former could have
//! at best is what is free and what the others hold. Money never comes back, so claims on it are all set aside together;
//! rates refill, so they hold nobody for ever.

use super::demand::{Demand, ResourceId};
use super::stock::{Kind, Stock};

/// A holder that may ask for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claimant {
    pub held: Demand,
    pub claim: Demand,
}

impl Claimant {
    fn missing(&self) -> Demand {
        self.claim.beyond(&self.held)
    }
}

/// Whether all claimants can end, one after the other, when `taken` is taken of what is free.
pub(super) fn is_safe(claimants: &[Claimant], stock: &Stock, taken: &Demand) -> bool {
    let resources = 0..stock.len() as u8;
    let held = |resource: ResourceId| claimants.iter().map(|one| one.held.amount(resource)).sum::<u64>();
    let mut at_best: Vec<u64> = resources
        .map(ResourceId)
        .map(|resource| match stock.kind(resource) {
            Kind::Rate => u64::MAX,
            Kind::Money => stock.free(resource).saturating_sub(taken.amount(resource)),
            _ => stock.capacity(resource).saturating_sub(held(resource)),
        })
        .collect();
    let mut left: Vec<&Claimant> = claimants.iter().collect();
    while !left.is_empty() {
        let before = left.len();
        left.retain(|one| {
            let missing = one.missing();
            if missing.parts().any(|(resource, amount)| amount > at_best[resource.ix()]) {
                return true;
            }
            for (resource, amount) in missing.parts().filter(|(resource, _)| stock.kind(*resource) == Kind::Money) {
                at_best[resource.ix()] -= amount;
            }
            for (resource, amount) in one.held.parts().filter(|(resource, _)| stock.comes_back(*resource)) {
                at_best[resource.ix()] = at_best[resource.ix()].saturating_add(amount);
            }
            false
        });
        if left.len() == before {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimant(held: &[(u8, u64)], claim: &[(u8, u64)]) -> Claimant {
        let of = |parts: &[(u8, u64)]| Demand::of(parts.iter().map(|(id, amount)| (ResourceId(*id), *amount))).unwrap();
        Claimant { held: of(held), claim: of(claim) }
    }

    #[test]
    fn two_that_hold_what_the_other_needs_are_not_safe() {
        let mut stock = Stock::default();
        let (a, b) = (stock.add(Kind::File, 1, None), stock.add(Kind::File, 1, None));
        let first = claimant(&[(a.0, 1)], &[(a.0, 1), (b.0, 1)]);
        let second = claimant(&[(b.0, 1)], &[(a.0, 1), (b.0, 1)]);
        assert!(is_safe(&[first], &stock, &Demand::default()));
        assert!(!is_safe(&[first, second], &stock, &Demand::default()));
    }

    #[test]
    fn the_textbook_state_is_safe_until_one_unit_more_is_lent() {
        let mut stock = Stock::default();
        stock.add(Kind::Memory, 10, None);
        let state = |third| {
            [claimant(&[(0, 4)], &[(0, 6)]), claimant(&[(0, 2)], &[(0, 3)]), claimant(&[(0, third)], &[(0, 7)])]
        };
        assert!(is_safe(&state(2), &stock, &Demand::default()));
        assert!(is_safe(&state(3), &stock, &Demand::default()));
        assert!(!is_safe(
            &[claimant(&[(0, 4)], &[(0, 6)]), claimant(&[(0, 5)], &[(0, 7)]), claimant(&[(0, 1)], &[(0, 5)])],
            &stock,
            &Demand::default()
        ));
    }

    #[test]
    fn money_does_not_come_back() {
        let mut stock = Stock::default();
        let money = stock.add(Kind::Money, 10, None);
        let one = claimant(&[], &[(money.0, 6)]);
        assert!(is_safe(&[one], &stock, &Demand::default()));
        assert!(!is_safe(&[one, one], &stock, &Demand::default()));
    }
}
