//! A recording: which players a run asked for, and when. What a history learns from.

use super::history::PlayerNo;
use serde::{Deserialize, Serialize};
use symphony_ecs_core::clock::Time;

/// Requests of a run at most; what comes later is not learned from.
const MOST: usize = 1 << 16;

/// The requests of one run, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// The melody.
    pub melody: String,
    /// Hour of the day at which it began, 0 to 23, by the clock of whoever plays.
    pub hour: u8,
    /// When which player was asked.
    pub asked: Vec<(Time, PlayerNo)>,
}

impl Recording {
    /// Nothing asked yet.
    pub fn new(melody: impl Into<String>, hour: u8) -> Self {
        Self { melody: melody.into(), hour: hour % 24, asked: Vec::new() }
    }

    /// A player is asked.
    pub fn ask(&mut self, at: Time, player: PlayerNo) {
        if self.asked.len() < MOST {
            self.asked.push((at, player));
        }
    }
}
