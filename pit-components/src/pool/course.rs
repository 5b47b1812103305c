//! The course of a run, as far as pools care: who was asked, in which context it stands, and what its score says will
//! be asked next.

use super::history::{Asked, PlayerNo, Upcoming};
use super::recording::Recording;
use symphony_ecs_core::clock::Time;

/// Rows that are kept in sight at most; those due last are left out.
const SIGHT: usize = 64;

/// A row that will be due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// Who plays it.
    pub player: PlayerNo,
    /// When.
    pub due: Time,
    /// How probable it is that it plays, 0 to 1.
    pub odds: f64,
}

/// What pools know of a run that plays.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// What it asked for so far.
    pub recording: Recording,
    before: Option<PlayerNo>,
    last: Option<PlayerNo>,
    expected: Vec<Expected>,
}

impl Course {
    /// A run of a melody begins at this hour of the day.
    pub fn new(melody: impl Into<String>, hour: u8) -> Self {
        Self { recording: Recording::new(melody, hour), ..Self::default() }
    }

    /// A player is asked. What was expected of it first has come.
    pub fn ask(&mut self, now: Time, player: PlayerNo) {
        self.recording.ask(now, player);
        if self.last != Some(player) {
            (self.before, self.last) = (self.last, Some(player));
        }
        let first = self.expected.iter().enumerate().filter(|(_, row)| row.player == player);
        if let Some((place, _)) = first.min_by_key(|(_, row)| row.due) {
            self.expected.remove(place);
        }
    }

    /// The score says that a row will be due.
    pub fn expect(&mut self, row: Expected) {
        if self.expected.len() < SIGHT {
            self.expected.push(row);
        } else if let Some(last) = self.expected.iter_mut().max_by_key(|row| row.due)
            && row.due < last.due
        {
            *last = row;
        }
    }

    /// Where it stands.
    pub fn here(&self) -> Asked<'_> {
        let Recording { melody, hour, .. } = &self.recording;
        Asked { melody, before: self.before, last: self.last, hour: *hour }
    }

    /// What is expected, seen from now. What is late is due at once; what is very late will not come.
    pub fn upcoming(&mut self, now: Time) -> Vec<Upcoming> {
        const LATE: f64 = 60.0;
        let seconds = |due: Time| (due.0 as f64 - now.0 as f64) / 1e9;
        self.expected.retain(|row| seconds(row.due) > -LATE);
        let row = |row: &Expected| Upcoming { player: row.player, seconds: seconds(row.due).max(0.0), odds: row.odds };
        self.expected.iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time(seconds * 1_000_000_000)
    }

    #[test]
    fn the_last_two_are_two_players() {
        let mut course = Course::new("m", 3);
        for (second, player) in [(0, 1), (1, 2), (2, 2), (3, 2)] {
            course.ask(at(second), PlayerNo(player));
        }
        let here = course.here();
        assert_eq!((here.before, here.last), (Some(PlayerNo(1)), Some(PlayerNo(2))));
        assert_eq!(course.recording.asked.len(), 4);
    }

    #[test]
    fn what_is_expected_comes_once_and_not_for_ever() {
        let mut course = Course::new("m", 3);
        for due in [9, 5] {
            course.expect(Expected { player: PlayerNo(1), due: at(due), odds: 0.9 });
        }
        course.ask(at(4), PlayerNo(1));
        let upcoming = course.upcoming(at(4));
        assert_eq!(upcoming, [Upcoming { player: PlayerNo(1), seconds: 5.0, odds: 0.9 }]);
        assert_eq!(course.upcoming(at(20)).first().map(|row| row.seconds), Some(0.0));
        assert!(course.upcoming(at(70)).is_empty());
    }

    #[test]
    fn sight_is_bounded_and_keeps_what_is_due_first() {
        let mut course = Course::new("m", 3);
        (0..100).rev().for_each(|due| course.expect(Expected { player: PlayerNo(0), due: at(due), odds: 0.9 }));
        let upcoming = course.upcoming(at(0));
        assert_eq!(upcoming.len(), SIGHT);
        assert!(upcoming.iter().all(|row| row.seconds < SIGHT as f64));
    }
}
