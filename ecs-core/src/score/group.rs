//! Groups: several producers of one consumer, of which all, any or some must give something. They order and carry no
//! values; a join is what feeds a port.

use crate::melody::model::JoinKind;

/// What a row's group still waits for; without a group nothing.
///
/// Invariant: while it is open, `need + spare` of its members are not over. Once it is decided, both are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Members that must still give something.
    pub need: u16,
    /// Members that may still come to nothing.
    pub spare: u16,
}

impl Group {
    /// A group of so many members of which nothing is known. It never needs more than it has, and always one.
    pub fn new(kind: JoinKind, members: u16) -> Self {
        let need = match kind {
            JoinKind::All => members,
            JoinKind::AnyOf | JoinKind::FirstOf => 1,
            JoinKind::NOf(n) => u16::try_from(n).unwrap_or(members).clamp(1, members.max(1)),
        };
        Self { need, spare: members.saturating_sub(need) }
    }

    /// Learns of a member that is over; says how the group ends if that decides it: whether enough gave something.
    #[inline]
    pub fn learn(&mut self, gave: bool) -> Option<bool> {
        if self.need == 0 {
            return None;
        }
        match gave {
            true if self.need > 1 => self.need -= 1,
            false if self.spare > 0 => self.spare -= 1,
            decided => {
                *self = Self::default();
                return Some(decided);
            }
        }
        None
    }

    /// Learns, if `member`, of a member that gave something; says whether that decides the group. The same as
    /// [`learn`](Self::learn), without branches: where members of many groups end in one wave, which of them decide is
    /// a guess that a processor gets wrong.
    #[inline]
    pub fn learn_given(&mut self, member: bool) -> bool {
        let decided = member & (self.need == 1);
        self.need -= u16::from(member & (self.need != 0));
        self.spare = if decided { 0 } else { self.spare };
        decided
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the order, a group is decided once, at the latest with its last member, and rightly.
        #[test]
        fn decided_once_and_rightly(
            gave in proptest::collection::vec(any::<bool>(), 1..9),
            kind in prop_oneof![Just(JoinKind::All), Just(JoinKind::AnyOf), (1u32..=9).prop_map(JoinKind::NOf)],
        ) {
            let mut group = Group::new(kind, gave.len() as u16);
            let decisions: Vec<bool> = gave.iter().filter_map(|gave| group.learn(*gave)).collect();
            let count = gave.iter().filter(|gave| **gave).count();
            let need = match kind {
                JoinKind::All => gave.len(),
                JoinKind::NOf(n) => (n as usize).min(gave.len()),
                JoinKind::AnyOf | JoinKind::FirstOf => 1,
            };
            prop_assert_eq!(decisions, [count >= need]);
        }

        /// Without branches it comes to the same.
        #[test]
        fn branches_make_no_difference(need in 0u16..4, spare in 0u16..4, member in any::<bool>()) {
            let mut plain = Group { need, spare: if need == 0 { 0 } else { spare } };
            let mut quick = plain;
            let decided = member && plain.learn(true) == Some(true);
            prop_assert_eq!(quick.learn_given(member), decided);
            prop_assert_eq!(quick, plain);
        }
    }
}
