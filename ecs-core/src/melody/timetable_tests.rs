//! The time table against a walk over every minute, and on the days on which clocks jump.

use super::*;
use jiff::civil::{DateTime, Weekday};
use proptest::prelude::*;

fn ms(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

fn times(cron: &str, zone: &str, after: &str, until: &str) -> Vec<String> {
    let table = Timetable::parse(cron, zone).unwrap();
    let moments = table.between(ms(after), ms(until), 100);
    moments.into_iter().map(|at| Timestamp::from_millisecond(at).unwrap().to_string()).collect()
}

#[test]
fn a_time_of_day_follows_its_zone() {
    let days = times("0 6 * * 1-5", "Europe/Berlin", "2026-03-26T12:00:00Z", "2026-03-31T12:00:00Z");
    assert_eq!(days, ["2026-03-27T05:00:00Z", "2026-03-30T04:00:00Z", "2026-03-31T04:00:00Z"]);
}

#[test]
fn a_time_that_is_jumped_over_is_made_up_for_once() {
    // 02:30 does not exist in Berlin on 2026-03-29: clocks go from 02:00 to 03:00.
    let days = times("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", "2026-03-30T12:00:00Z");
    assert_eq!(days, ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
}

#[test]
fn a_time_that_comes_twice_counts_once() {
    // 02:30 comes twice in Berlin on 2026-10-25.
    let days = times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z");
    assert_eq!(days, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
}

#[test]
fn what_repeats_within_the_hour_knows_no_gap_and_plays_both_halves() {
    let spring = times("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z");
    assert_eq!(
        spring,
        ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:00:00Z"]
    );
    let autumn = times("*/30 * * * *", "Europe/Berlin", "2026-10-24T23:45:00Z", "2026-10-25T02:00:00Z");
    assert_eq!(autumn.len(), 5, "{autumn:?}");
}

#[test]
fn mistakes_are_told_apart() {
    assert_eq!(Timetable::parse("0 6 * *", "UTC").unwrap_err(), BadTimetable::Cron("4 fields instead of 5".to_owned()));
    assert!(matches!(Timetable::parse("0 25 * * *", "UTC"), Err(BadTimetable::Cron(_))));
    assert_eq!(Timetable::parse("0 0 31 2 *", "UTC").unwrap_err(), BadTimetable::Never);
    assert_eq!(
        Timetable::parse("0 6 * * *", "Europe/Berln").unwrap_err(),
        BadTimetable::Zone("Europe/Berln".to_owned())
    );
    assert!(Timetable::parse("0 0 29 2 *", "UTC").is_ok());
    assert!(zones().iter().any(|zone| zone == "Europe/Berlin"));
}

/// A pattern of plain numbers, with what each field allows.
fn pattern() -> impl Strategy<Value = (String, Vec<Option<i8>>)> {
    let field = |low: i8, high: i8| proptest::option::weighted(0.6, low..=high);
    (field(0, 59), field(0, 23), field(1, 28), field(1, 12)).prop_map(|(minute, hour, day, month)| {
        let fields = vec![minute, hour, day, month];
        let word = |field: &Option<i8>| field.map_or("*".to_owned(), |number| number.to_string());
        let words: Vec<String> = fields.iter().map(word).collect();
        (format!("{} *", words.join(" ")), fields)
    })
}

fn matches(fields: &[Option<i8>], local: DateTime) -> bool {
    let parts = [local.minute(), local.hour(), local.day(), local.month()];
    fields.iter().zip(parts).all(|(field, part)| field.is_none_or(|field| field == part))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// In a zone whose clock never jumps, the moments are exactly the minutes that match.
    #[test]
    fn moments_are_the_minutes_that_match((cron, fields) in pattern(), start in 0i64..2_000_000_000) {
        let table = Timetable::parse(&cron, "Asia/Kolkata").unwrap();
        let zone = TimeZoneDatabase::bundled().get("Asia/Kolkata").unwrap();
        let (from, until) = (start * 1000 + 17, start * 1000 + 3 * 86_400_000);
        let minutes = (from / 60_000 + 1)..=(until / 60_000);
        let local = |minute: i64| {
            zone.to_datetime(Timestamp::from_millisecond(minute * 60_000).unwrap())
        };
        let naive: Vec<i64> = minutes.filter(|minute| matches(&fields, local(*minute))).map(|m| m * 60_000).collect();
        prop_assert_eq!(table.last_between(from, until), naive.last().copied());
        prop_assert_eq!(table.between(from, until, 10_000), naive);
    }

    /// Wherever the clock jumps: moments come in order, and each is a minute of the zone that matches or the end of a
    /// gap.
    #[test]
    fn moments_only_go_forward(hour in 0u8..24, minute in 0u8..60, day in 0i64..3650) {
        let table = Timetable::parse(&format!("{minute} {hour} * * *"), "America/New_York").unwrap();
        let zone = TimeZoneDatabase::bundled().get("America/New_York").unwrap();
        let from = day * 86_400_000;
        let moments = table.between(from, from + 10 * 86_400_000, 100);
        prop_assert!(moments.windows(2).all(|pair| pair[0] < pair[1]));
        let days: Vec<_> = moments.iter().map(|at| zone.to_datetime(Timestamp::from_millisecond(*at).unwrap())).collect();
        prop_assert!(days.windows(2).all(|pair| pair[0].date() != pair[1].date()), "once a day: {:?}", days);
        prop_assert!((9..=11).contains(&moments.len()), "every day: {:?}", days);
        for local in days {
            let as_written = local.hour() == hour as i8 && local.minute() == minute as i8;
            let after_a_gap = local.date().weekday() == Weekday::Sunday && local.hour() == 3 && local.minute() == 0;
            prop_assert!(as_written || after_a_gap, "{local}");
        }
    }
}
