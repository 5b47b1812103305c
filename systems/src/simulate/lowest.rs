//! A set of small numbers that gives its lowest member first: a tree of bits, 64 ways at each level.
//!
//! ```text
//! level 1   [ 1 . . 1 … ]            a bit says: this word of the level below has members
//! level 0   [word][ 0 ][ 0 ][word]   a bit is a member
//! ```
//!
//! Free machines are such a set, and so are ready tasks once each has its place in the order of a policy. Taking the
//! lowest is two or three words to look at, however many members there are.

/// A set of numbers below a bound.
#[derive(Clone, Debug, Default)]
pub(super) struct LowestSet {
    /// Level 0 first; the last level is one word.
    levels: Vec<Vec<u64>>,
}

impl LowestSet {
    /// An empty set of numbers below `bound`.
    pub(super) fn below(bound: usize) -> Self {
        let mut levels = Vec::new();
        let mut words = bound.div_ceil(64).max(1);
        loop {
            levels.push(vec![0; words]);
            if words == 1 {
                return Self { levels };
            }
            words = words.div_ceil(64);
        }
    }

    /// Puts a number in.
    pub(super) fn insert(&mut self, number: u32) {
        let mut place = number as usize;
        for level in &mut self.levels {
            let word = &mut level[place / 64];
            let known = *word != 0;
            *word |= 1 << (place % 64);
            if known {
                return;
            }
            place /= 64;
        }
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.levels.last().is_none_or(|top| top[0] == 0)
    }

    /// Takes the lowest number out.
    pub(super) fn take_lowest(&mut self) -> Option<u32> {
        if self.is_empty() {
            return None;
        }
        let mut place = 0;
        for level in self.levels.iter().rev() {
            place = place * 64 + level[place].trailing_zeros() as usize;
        }
        let mut up = place;
        for level in &mut self.levels {
            let word = &mut level[up / 64];
            *word &= !(1 << (up % 64));
            if *word != 0 {
                break;
            }
            up /= 64;
        }
        Some(place as u32)
    }

    /// Takes everything out.
    pub(super) fn clear(&mut self) {
        self.levels.iter_mut().for_each(|level| level.fill(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        /// A `BTreeSet` is the oracle. `Some` puts in, `None` takes the lowest out.
        #[test]
        fn it_behaves_like_a_sorted_set(
            bound in 1usize..10_000,
            steps in proptest::collection::vec(proptest::option::weighted(0.6, 0usize..10_000), 0..300),
        ) {
            let (mut set, mut oracle) = (LowestSet::below(bound), BTreeSet::new());
            for step in steps {
                match step {
                    Some(number) => {
                        let number = (number % bound) as u32;
                        set.insert(number);
                        oracle.insert(number);
                    }
                    None => prop_assert_eq!(set.take_lowest(), oracle.pop_first()),
                }
                prop_assert_eq!(set.is_empty(), oracle.is_empty());
            }
            set.clear();
            prop_assert_eq!(set.take_lowest(), None);
        }
    }
}
