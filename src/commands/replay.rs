//! `symphony replay`: a recorded run, told again.

use super::play::Showing;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::past::Recorded;
use crate::playing::{self, Word};
use crate::seating;
use crate::state::State;
use crate::view::{Plan, Style, View};
use clap::Args;
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use std::time::{Duration, Instant};
use symphony_ecs_core::clock::Time;
use symphony_ecs_core::events::RunStatus;
use symphony_systems::journal;
use symphony_systems::travel::Fold;

/// Play a recorded run back
///
/// Tells the run's story again from its journal: the same events in the same order. No player is called and nothing is
/// started. In a terminal at the speed of the run, elsewhere at once, unless --speed says otherwise.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony replay last
  symphony replay last --speed 10
  symphony replay r06fk2q --json > events.jsonl    # as `play --json` printed them")]
pub struct Replay {
    /// The run: its id, an unmistakable part of it, or `last`
    run: String,
    /// How many times as fast as the run was
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    speed: Option<f64>,
    #[command(flatten)]
    show: Showing,
}

impl Replay {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        let run = state.find_run(&self.run)?;
        let recorded = Recorded::read(state, &run)?;
        recorded.say_damage();
        let style = self.show.style();
        let speed = self.speed.or((style == Style::Tree).then_some(1.0));
        let nodes = seating::nodes_of(&recorded.opened, &recorded.options.score);
        let plan = Plan { melody: recorded.birth.name.clone(), nodes };
        let (words_in, words) = bounded(1);
        interrupt::listen(words_in, Word::Stop)
            .map_err(|error| Failure::state(format!("signals cannot be heard: {error}")))?;
        let view = View::start(style, plan).map_err(|error| Failure::state(format!("no thread: {error}")))?;
        let sink = view.sink();
        let mut fold = Fold::new(&recorded.options, "the journal");
        let pace = Pace { began: Instant::now(), speed };
        let mut failure = None;
        let mut stopped = false;
        for (frame, blob) in recorded.frames() {
            if let Err(error) = fold.frame(frame, blob, u64::MAX) {
                failure = Some(seating::journal_failure(&error));
                break;
            }
            stopped = pace.wait(fold.run().now, &words);
            if stopped {
                break;
            }
            fold.notices().into_iter().for_each(|notice| sink.notice(notice));
        }
        drop(sink);
        let mut closing = playing::closing(fold.run(), false);
        let whole = !stopped && failure.is_none();
        closing.summary.resumable =
            whole && fold.run().status == RunStatus::Playing && journal::owner(&state.run(&run)).is_none();
        view.end(closing);
        match (failure, stopped) {
            (Some(failure), _) => Err(failure),
            (None, true) => Ok(Exit::Interrupted),
            // Telling it worked, however the run itself ended.
            (None, false) => Ok(Exit::Completed),
        }
    }
}

fn factor(text: &str) -> Result<f64, String> {
    match text.trim_end_matches(['x', '×']).parse::<f64>() {
        Ok(factor) if factor.is_finite() && factor > 0.0 => Ok(factor),
        _ => Err("give a number above 0, such as 10".to_owned()),
    }
}

/// The clock of a replay.
struct Pace {
    began: Instant,
    speed: Option<f64>,
}

impl Pace {
    /// Waits until it is this time of the run; true when somebody pressed Ctrl-C.
    fn wait(&self, time: Time, words: &Receiver<Word>) -> bool {
        let due = match self.speed {
            Some(speed) => Duration::try_from_secs_f64(time.0 as f64 / 1e9 / speed).unwrap_or(Duration::MAX),
            None => Duration::ZERO,
        };
        loop {
            let left = due.saturating_sub(self.began.elapsed());
            let word = match left.is_zero() {
                true => words.try_recv().map_err(|_| RecvTimeoutError::Timeout),
                false => words.recv_timeout(left),
            };
            match word {
                Ok(Word::Stop) => return true,
                Ok(Word::Asked(_)) => {}
                Err(RecvTimeoutError::Timeout) if left.is_zero() => return false,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    std::thread::sleep(left);
                    return false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_positive() {
        assert_eq!(factor("10"), Ok(10.0));
        assert_eq!(factor("0.5x"), Ok(0.5));
        for bad in ["0", "-1", "fast", "inf", "NaN"] {
            assert!(factor(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_fast_replay_waits_less() {
        let (_keep, words) = bounded(1);
        let pace = Pace { began: Instant::now(), speed: Some(1000.0) };
        assert!(!pace.wait(Time(50_000_000_000), &words));
        let took = pace.began.elapsed();
        assert!(took >= Duration::from_millis(50) && took < Duration::from_secs(20), "{took:?}");
    }
}
