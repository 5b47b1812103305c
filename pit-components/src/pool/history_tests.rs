//! What a history learns, forecasts, forgets, and keeps as text.

use super::history::{Asked, History, PlayerNo, Upcoming, Whence};
use super::recording::Recording;
use super::saved::SavedError;
use proptest::prelude::*;
use std::time::Duration;
use symphony_ecs_core::clock::Time;

fn second(number: f64) -> Time {
    Time((number * 1e9) as u64)
}

/// Plays a melody `times`: players with the seconds at which they are asked.
fn learned(times: usize, melody: &str, players: &[(&str, f64)]) -> History {
    let mut history = History::default();
    let mut run = Recording::new(melody, 9);
    for (name, at) in players {
        let player = history.player(name);
        run.ask(second(*at), player);
    }
    (0..times).for_each(|_| history.learn(&run));
    history
}

fn probability(history: &History, here: Asked<'_>, ahead: &[Upcoming], name: &str, horizon: f64) -> f64 {
    let player = history.find(name).unwrap();
    let forecasts = history.forecast(here, ahead, |_| horizon);
    forecasts.iter().find(|forecast| forecast.player == player).map_or(0.0, |forecast| forecast.probability)
}

fn here<'a>(history: &History, melody: &'a str, before: Option<&str>, last: Option<&str>) -> Asked<'a> {
    let find = |name: Option<&str>| name.and_then(|name| history.find(name));
    Asked { melody, before: find(before), last: find(last), hour: 9 }
}

#[test]
fn who_follows_whom_and_after_how_long() {
    let history = learned(20, "notes", &[("git", 0.0), ("model", 3.0), ("file", 30.0)]);
    let after_git = here(&history, "notes", None, Some("git"));
    assert!(probability(&history, after_git, &[], "model", 10.0) > 0.9);
    assert!(probability(&history, after_git, &[], "file", 10.0) < 0.2, "it comes later than that");
    assert!(probability(&history, after_git, &[], "file", 100.0) > 0.9);
    let begin = here(&history, "notes", None, None);
    assert!(probability(&history, begin, &[], "git", 1.0) > 0.9, "the first player is known before the first call");
}

#[test]
fn two_players_tell_more_than_one() {
    let mut history = History::default();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| history.player(name));
    for (first, last) in [(a, c), (d, b)] {
        let mut run = Recording::new("fork", 0);
        // After x comes c if a was before it, else b.
        let x = history.player("x");
        [(0.0, first), (1.0, x), (2.0, last)].into_iter().for_each(|(at, player)| run.ask(second(at), player));
        (0..10).for_each(|_| history.learn(&run));
    }
    let of = |before| here(&history, "fork", Some(before), Some("x"));
    assert!(probability(&history, of("a"), &[], "c", 5.0) > 0.85);
    assert!(probability(&history, of("a"), &[], "b", 5.0) < 0.15);
    assert!(probability(&history, of("d"), &[], "b", 5.0) > 0.85);
    let unknown = here(&history, "fork", Some("c"), Some("x"));
    let half = probability(&history, unknown, &[], "c", 5.0);
    assert!((0.3..0.6).contains(&half), "a pair that was never seen leans on the last player alone: {half}");
}

#[test]
fn a_melody_that_was_never_played_leans_on_the_others() {
    let history = learned(20, "notes", &[("git", 0.0), ("model", 3.0)]);
    let stranger = here(&history, "report", None, Some("git"));
    assert!(probability(&history, stranger, &[], "model", 10.0) > 0.8);
    let forecasts = history.forecast(stranger, &[], |_| 10.0);
    let model = forecasts.iter().find(|forecast| forecast.player == history.find("model").unwrap()).unwrap();
    assert_eq!(model.terms.first().map(|term| term.whence), Some(Whence::AnyMelody));
}

#[test]
fn what_the_score_says_counts_within_the_horizon() {
    let mut history = learned(3, "notes", &[("git", 0.0)]);
    let model = history.player("model");
    let ahead = [Upcoming { player: model, seconds: 4.0, odds: 0.9 }];
    let at = here(&history, "notes", None, Some("git"));
    assert_eq!(probability(&history, at, &ahead, "model", 10.0), 0.9);
    assert_eq!(probability(&history, at, &ahead, "model", 3.0), 0.0);
}

#[test]
fn the_hour_of_the_day_tells_a_little() {
    let history = learned(40, "notes", &[("git", 0.0)]);
    let nine = Asked { melody: "new", before: None, last: Some(PlayerNo(7)), hour: 8 };
    assert!(probability(&history, nine, &[], "git", 60.0) > 0.4, "nothing but the hour is known");
    assert_eq!(probability(&history, Asked { hour: 20, ..nine }, &[], "git", 60.0), 0.0);
}

#[test]
fn a_player_or_a_melody_can_be_forgotten() {
    let all = learned(5, "notes", &[("git", 0.0), ("model", 3.0)]);
    let mut history = all.clone();
    assert!(history.forget(Some("model")));
    let at = here(&history, "notes", None, Some("git"));
    assert_eq!(probability(&history, at, &[], "model", 10.0), 0.0);
    assert!(!history.forget(Some("nobody")));
    let mut history = all.clone();
    assert!(history.forget(Some("notes")));
    assert!(history.forecast(here(&all, "notes", None, None), &[], |_| 9.0).iter().all(|one| one.probability < 0.9));
    let mut history = all;
    assert!(history.forget(None));
    assert_eq!(history, History::default());
}

#[test]
fn text_from_outside_is_checked() {
    let text = learned(2, "notes", &[("git", 0.0)]).to_text();
    assert!(matches!(History::from_text("{\"version\":2}"), Err(SavedError::Newer(2))));
    for damaged in ["", "[]", &text[..text.len() / 2], &text.replace("\"runs\":2", "\"runs\":-2")] {
        assert!(matches!(History::from_text(damaged), Err(SavedError::Damaged(_))), "{damaged}");
    }
    let dangling = text.replace("\"then\":[[0,", "\"then\":[[7,");
    let error = History::from_text(&dangling).unwrap_err();
    assert_eq!(error.to_string(), "it names player 7, and there are only 1");
}

proptest! {
    /// Probabilities are probabilities, a longer horizon never makes a request less probable, and a history reads
    /// back from its text as it was.
    #[test]
    fn forecasts_are_sound(
        runs in proptest::collection::vec(proptest::collection::vec((0u32..6, 0u64..60_000), 0..40), 1..6),
        melody in 0usize..3,
        last in proptest::option::of(0u32..6),
        before in proptest::option::of(0u32..6),
    ) {
        let mut history = History::default();
        for name in ["a", "b", "c", "d", "e", "f"] {
            let player = history.player(name);
            history.loaded(player, Duration::from_millis(130), Some(1 << 20));
            history.called(player, Duration::from_millis(70), name != "c", 3);
        }
        for (number, run) in runs.iter().enumerate() {
            let mut recording = Recording::new(["x", "y"][number % 2], number as u8);
            let mut now = 0;
            for (player, after) in run {
                now += after;
                recording.ask(Time(now * 1_000_000), PlayerNo(*player));
            }
            history.learn(&recording);
        }
        let here = Asked { melody: ["x", "y", "z"][melody], before: before.map(PlayerNo), last: last.map(PlayerNo), hour: 1 };
        let mut earlier: Vec<(PlayerNo, f64)> = Vec::new();
        for horizon in [0.0, 0.01, 0.5, 7.0, 300.0, 1e5] {
            let forecasts = history.forecast(here, &[], |_| horizon);
            prop_assert!(forecasts.windows(2).all(|pair| pair[0].player < pair[1].player));
            for forecast in &forecasts {
                prop_assert!((0.0..=1.0).contains(&forecast.probability));
                prop_assert!((0.0..=horizon).contains(&forecast.idle_seconds));
                if let Some((_, less)) = earlier.iter().find(|(player, _)| *player == forecast.player) {
                    prop_assert!(forecast.probability >= less - 1e-9);
                }
            }
            earlier = forecasts.iter().map(|forecast| (forecast.player, forecast.probability)).collect();
        }
        let text = history.to_text();
        let read = History::from_text(&text).unwrap();
        prop_assert_eq!(&read, &history);
        prop_assert_eq!(read.to_text(), text);
    }
}
