//! What starts a melody: the keys of `on`, typed.

use super::model::Spanned;
use super::timetable::Timetable;
use std::time::Duration;

/// `on`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Triggers {
    /// `manual = true` (the default when `on` is absent).
    pub manual: bool,
    /// `schedule`: at these times.
    pub schedules: Vec<Schedule>,
    /// `event`: when one of these happens.
    pub events: Vec<EventPattern>,
    /// `api = true`: when somebody asks over the API.
    pub api: bool,
    /// `after`: when another melody's run has ended.
    pub after: Vec<After>,
    /// `debounce`: events within this time of each other count as one; it begins anew with each of them.
    pub debounce: Option<Duration>,
    /// `concurrency`: what a start does while a run of the same melody plays.
    pub concurrency: Option<Concurrency>,
}

impl Triggers {
    /// Whether anything but a person's hand starts the melody.
    pub fn any(&self) -> bool {
        self.api || !self.schedules.is_empty() || !self.events.is_empty() || !self.after.is_empty()
    }
}

/// An entry of `schedule`.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// `cron` and `tz`.
    pub table: Timetable,
    /// `missed`.
    pub missed: Missed,
}

/// What becomes of times at which nobody was there to start the melody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missed {
    /// Nothing.
    #[default]
    Skip,
    /// One start for all of them.
    Once,
    /// A start for each.
    All,
}

/// An entry of `event`: each key that is given is something to wait for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventPattern {
    /// `file`: a glob of paths, relative to the melody's folder.
    pub file: Option<String>,
    /// `artifact`: a glob of `MELODY.OUTPUT`: an output of a completed run.
    pub artifact: Option<String>,
    /// `topic`: a glob of topics that are posted to the API.
    pub topic: Option<String>,
}

/// An entry of `after`.
#[derive(Clone, Debug, PartialEq)]
pub struct After {
    /// The other melody's name.
    pub melody: Spanned<String>,
    /// How its run must have ended.
    pub ended: Ended,
}

/// How a run must have ended to start another melody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ended {
    /// As meant.
    #[default]
    Completed,
    /// Not as meant: failed or halted.
    Failed,
    /// In any way.
    Any,
}

/// What a start does while a run of the same melody plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concurrency {
    /// Waits for it, in order.
    #[default]
    Queue,
    /// Is dropped.
    Skip,
    /// Stops it and takes its place.
    Replace,
    /// Plays beside it.
    Parallel,
}
