//! The value of a request: business value, user impact, cost efficiency and learning value, weighed and summed.
//!
//! All of it is integers, in ten-thousandths, so that decisions are the same on every machine.

use serde::{Deserialize, Serialize};

/// One, in ten-thousandths.
pub const ONE: u16 = 10_000;

/// The four terms of a request's value, each from 0 to [`ONE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Terms {
    /// What the result is worth to those who pay.
    pub business: u16,
    /// How much people feel it when it comes late.
    pub impact: u16,
    /// How much it gives for what it costs.
    pub cost: u16,
    /// How much is learned from playing it.
    pub learning: u16,
}

impl Default for Terms {
    /// The middle of each.
    fn default() -> Self {
        Self { business: ONE / 2, impact: ONE / 2, cost: ONE / 2, learning: ONE / 2 }
    }
}

impl Terms {
    /// Names of the terms, in order.
    pub const NAMES: [&str; 4] = ["business", "impact", "cost", "learning"];

    /// The terms in the order of their names.
    pub fn all(self) -> [u16; 4] {
        [self.business, self.impact, self.cost, self.learning]
    }
}

/// How much each term counts; they add up to [`ONE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights([u16; 4]);

impl Default for Weights {
    fn default() -> Self {
        Self([4_000, 3_000, 2_000, 1_000])
    }
}

impl Weights {
    /// Weights in these proportions (business, impact, cost, learning); `None` if all are 0.
    pub fn of(proportions: [u32; 4]) -> Option<Self> {
        let sum: u64 = proportions.iter().map(|part| u64::from(*part)).sum();
        if sum == 0 {
            return None;
        }
        let mut weights = proportions.map(|part| (u64::from(part) * u64::from(ONE) / sum) as u16);
        // What rounding lost goes to the heaviest, so that the sum is exact.
        let lost = ONE - weights.iter().sum::<u16>();
        let heaviest = (0..4).max_by_key(|place| (weights[*place], std::cmp::Reverse(*place))).unwrap_or(0);
        weights[heaviest] += lost;
        Some(Self(weights))
    }

    /// The weights in the order of the terms' names.
    pub fn all(self) -> [u16; 4] {
        self.0
    }

    /// The value of a request, from 0 to [`ONE`].
    #[inline]
    pub fn value(self, terms: Terms) -> u16 {
        let sum: u32 = self.0.iter().zip(terms.all()).map(|(w, term)| u32::from(*w) * u32::from(term.min(ONE))).sum();
        (sum / u32::from(ONE)) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_to_one_and_so_does_the_best_value() {
        for proportions in [[1, 1, 1, 0], [4, 3, 2, 1], [u32::MAX, 1, 7, 9], [0, 0, 0, 5]] {
            let weights = Weights::of(proportions).unwrap();
            assert_eq!(weights.all().iter().sum::<u16>(), ONE, "{proportions:?}");
            assert_eq!(weights.value(Terms { business: ONE, impact: ONE, cost: ONE, learning: u16::MAX }), ONE);
            assert_eq!(weights.value(Terms { business: 0, impact: 0, cost: 0, learning: 0 }), 0);
        }
        assert_eq!(Weights::of([0; 4]), None);
        let terms = Terms { business: 8_000, impact: 5_000, cost: 0, learning: ONE };
        assert_eq!(Weights::default().value(terms), 3_200 + 1_500 + 1_000);
    }
}
