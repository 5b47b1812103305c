//! Joins: several producers for one port, and when they are decided.

use serde::{Deserialize, Serialize};
use symphony_ecs_core::melody::model::JoinKind;

/// What is known of the candidates of one join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinState {
    known: Vec<Known>,
    /// Candidates that were present, in the order in which they came.
    pub winners: Vec<u32>,
    /// Whether the join is decided.
    pub decided: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Known {
    Open,
    Present,
    Absent,
}

/// What a join has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Enough candidates are present.
    Satisfied,
    /// It can not be satisfied any more.
    Impossible,
}

impl JoinState {
    /// A join of which nothing is known.
    pub fn new(candidates: usize) -> Self {
        Self { known: vec![Known::Open; candidates], winners: Vec::new(), decided: false }
    }

    /// Learns of one candidate; says what follows when that decides the join.
    pub(super) fn learn(&mut self, kind: JoinKind, candidate: usize, present: bool) -> Option<Decision> {
        if self.decided || self.known.get(candidate) != Some(&Known::Open) {
            return None;
        }
        self.known[candidate] = if present { Known::Present } else { Known::Absent };
        if present {
            self.winners.push(candidate as u32);
        }
        let decision = self.decide(kind)?;
        self.decided = true;
        Some(decision)
    }

    /// Whether this can be the state of a join with so many candidates: what a checkpoint says is not believed blindly.
    pub fn fits(&self, kind: JoinKind, candidates: usize) -> bool {
        let present = |at: &u32| self.known.get(*at as usize) == Some(&Known::Present);
        let all = self.known.iter().filter(|known| **known == Known::Present).count();
        let mut once = self.winners.clone();
        once.sort_unstable();
        once.dedup();
        self.known.len() == candidates
            && self.winners.iter().all(present)
            && (once.len(), all) == (self.winners.len(), self.winners.len())
            && self.decided == self.decide(kind).is_some()
    }

    /// Whether the join is decided and came to nothing.
    pub(super) fn is_impossible(&self, kind: JoinKind) -> bool {
        self.decided && self.decide(kind) == Some(Decision::Impossible)
    }

    fn decide(&self, kind: JoinKind) -> Option<Decision> {
        let open = self.known.iter().filter(|known| **known == Known::Open).count();
        let present = self.winners.len();
        let wanted = match kind {
            JoinKind::All => self.known.len(),
            JoinKind::AnyOf => 1,
            JoinKind::NOf(n) => n as usize,
            JoinKind::FirstOf => {
                return match self.known.iter().find(|known| **known != Known::Absent) {
                    Some(Known::Present) => Some(Decision::Satisfied),
                    Some(_) => None,
                    None => Some(Decision::Impossible),
                };
            }
        };
        match () {
            () if present >= wanted => Some(Decision::Satisfied),
            () if present + open < wanted => Some(Decision::Impossible),
            () => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn first_of_waits_for_those_before_it() {
        let mut join = JoinState::new(3);
        assert_eq!(join.learn(JoinKind::FirstOf, 1, true), None);
        assert_eq!(join.learn(JoinKind::FirstOf, 0, false), Some(Decision::Satisfied));
        assert_eq!(join.learn(JoinKind::FirstOf, 2, true), None);
    }

    #[test]
    fn n_of_gives_up_as_soon_as_it_must() {
        let mut join = JoinState::new(3);
        assert_eq!(join.learn(JoinKind::NOf(2), 0, false), None);
        assert_eq!(join.learn(JoinKind::NOf(2), 1, true), None);
        assert_eq!(join.learn(JoinKind::NOf(2), 2, false), Some(Decision::Impossible));
    }

    proptest! {
        /// Whatever the order, a join is decided once, at the latest with its last candidate, and rightly.
        #[test]
        fn decided_once_and_rightly(
            order in Just((0..6usize).collect::<Vec<_>>()).prop_shuffle(),
            present in proptest::collection::vec(any::<bool>(), 6),
            kind in prop_oneof![
                Just(JoinKind::All), Just(JoinKind::AnyOf), Just(JoinKind::FirstOf), (1u32..=6).prop_map(JoinKind::NOf)
            ],
        ) {
            let mut join = JoinState::new(6);
            let decisions: Vec<_> =
                order.iter().filter_map(|candidate| join.learn(kind, *candidate, present[*candidate])).collect();
            let count = present.iter().filter(|present| **present).count();
            let possible = match kind {
                JoinKind::All => count == 6,
                JoinKind::AnyOf | JoinKind::FirstOf => count >= 1,
                JoinKind::NOf(n) => count >= n as usize,
            };
            let expected = if possible { Decision::Satisfied } else { Decision::Impossible };
            prop_assert_eq!(decisions, vec![expected]);
        }
    }
}
