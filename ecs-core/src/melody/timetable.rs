//! A time table: a cron pattern in a time zone, and the moments that it names.
//!
//! The clock of a zone jumps twice a year. A time of day that is jumped over is made up for right after the jump; one
//! that comes twice counts the first time. Patterns that repeat within the hour (`*/5`) skip what does not exist and
//! count both halves of what comes twice. The rules of zones are part of the program, so a pattern means the same on
//! every machine.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Zoned};
use std::fmt;

/// A cron pattern in a time zone.
#[derive(Clone)]
pub struct Timetable {
    text: String,
    zone_name: String,
    cron: Cron,
    zone: TimeZone,
}

/// What is wrong with a time table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTimetable {
    /// The pattern cannot be read.
    #[error("{0}")]
    Cron(String),
    /// The pattern names no moment that ever comes, such as 31 February.
    #[error("no such day ever comes")]
    Never,
    /// There is no such time zone.
    #[error("there is no time zone `{0}`")]
    Zone(String),
}

impl Timetable {
    /// Reads a pattern of five fields (minute, hour, day, month, day of the week) and the name of a zone.
    ///
    /// # Errors
    /// What is wrong with either.
    pub fn parse(cron: &str, zone: &str) -> Result<Self, BadTimetable> {
        let fields = cron.split_whitespace().count();
        if fields != 5 {
            return Err(BadTimetable::Cron(format!("{fields} fields instead of 5")));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let read = parser.parse(cron).map_err(|error| BadTimetable::Cron(said(&error.to_string())))?;
        let zone_found = TimeZoneDatabase::bundled().get(zone).map_err(|_| BadTimetable::Zone(zone.to_owned()))?;
        let table = Self { text: cron.to_owned(), zone_name: zone.to_owned(), cron: read, zone: zone_found };
        // Any eight years hold a leap day; a pattern without a moment in them has none at all.
        table.next_after(0).ok_or(BadTimetable::Never)?;
        Ok(table)
    }

    /// The pattern as it was written.
    pub fn cron(&self) -> &str {
        &self.text
    }

    /// The zone's name.
    pub fn zone(&self) -> &str {
        &self.zone_name
    }

    /// The first moment after this one; both in milliseconds since the Unix epoch.
    pub fn next_after(&self, ms: i64) -> Option<i64> {
        let start = Timestamp::from_millisecond(ms).ok()?;
        // Croner looks at whole seconds: the part of a second is dropped, and `after` still holds.
        let start = Zoned::new(start, self.zone.clone());
        let mut found = self.cron.find_next_occurrence(&start, false).ok()?.timestamp().as_millisecond();
        if found <= ms {
            let later = Zoned::new(Timestamp::from_millisecond(ms.checked_add(1000)?).ok()?, self.zone.clone());
            found = self.cron.find_next_occurrence(&later, false).ok()?.timestamp().as_millisecond();
        }
        (found > ms).then_some(found)
    }

    /// Moments after `after`, up to and with `until`, the oldest first; at most `most`.
    pub fn between(&self, after: i64, until: i64, most: usize) -> Vec<i64> {
        let next = |last: &i64| self.next_after(*last).filter(|next| *next <= until);
        std::iter::successors(next(&after), next).take(most).collect()
    }

    /// The last moment after `after`, up to and with `until`.
    pub fn last_between(&self, after: i64, until: i64) -> Option<i64> {
        // Looking back from just after `until` costs one step, however long nobody was there.
        let end = Zoned::new(Timestamp::from_millisecond(until.checked_add(1)?).ok()?, self.zone.clone());
        let found = self.cron.find_previous_occurrence(&end, true).ok()?.timestamp().as_millisecond();
        (after < found && found <= until).then_some(found)
    }

    /// A moment as people of the zone write it: `2026-03-29 06:00 Europe/Berlin`.
    pub fn local(&self, ms: i64) -> String {
        match Timestamp::from_millisecond(ms) {
            Ok(moment) => {
                let zoned = Zoned::new(moment, self.zone.clone());
                format!("{} {}", zoned.strftime("%Y-%m-%d %H:%M"), self.zone_name)
            }
            Err(_) => format!("{ms} ms"),
        }
    }
}

impl PartialEq for Timetable {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, &self.zone_name) == (&other.text, &other.zone_name)
    }
}

impl fmt::Debug for Timetable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in {}", self.text, self.zone_name)
    }
}

/// A moment in milliseconds since the Unix epoch, as RFC 3339 writes it: `2026-03-29T04:00:00Z`.
pub fn rfc3339(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| format!("{ms} ms"), |moment| moment.to_string())
}

/// The parser's words as part of a sentence.
fn said(words: &str) -> String {
    words
        .trim_end_matches('.')
        .trim_start_matches("Component error: ")
        .trim_start_matches("Invalid pattern: ")
        .to_owned()
}

/// Names of time zones, for "did you mean".
pub(super) fn zones() -> Vec<String> {
    TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect()
}

#[cfg(test)]
#[path = "timetable_tests.rs"]
mod tests;
