//! Where what a body gave came from: a body in which everything was taken over was taken over itself.

use serde::{Deserialize, Serialize};
use symphony_ecs_core::ids::RunId;

/// Where what rows gave came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// Nothing was given yet.
    #[default]
    Nowhere,
    /// All of it was taken over, the last of it from this run.
    Reused(RunId),
    /// Something was played.
    Played,
}

impl Origin {
    /// Something more was given.
    pub fn add(&mut self, other: Self) {
        match (&*self, other) {
            (Self::Played, _) | (_, Self::Nowhere) => {}
            (_, other) => *self = other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_that_was_played_makes_the_body_played() {
        let run = |name: &str| Origin::Reused(RunId::parse(name).unwrap());
        let mut origin = Origin::default();
        origin.add(run("r1"));
        origin.add(Origin::Nowhere);
        origin.add(run("r2"));
        assert_eq!(origin, run("r2"));
        origin.add(Origin::Played);
        origin.add(run("r1"));
        assert_eq!(origin, Origin::Played);
    }
}
