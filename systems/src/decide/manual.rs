//! Manual mode: the melody's own settings, to the letter; of what is ready, the critical path first.

use crate::run::can_pass;
use std::time::Duration;
use symphony_ecs_core::melody::model::{Backoff, ErrorClass, Retry};
use symphony_ecs_core::ports::{AttemptFailure, Candidate, ConductorPort, Verdict};

/// Follows the melody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manual;

/// No delay grows beyond this.
const LONGEST_DELAY: Duration = Duration::from_secs(24 * 3600);

impl ConductorPort for Manual {
    fn prioritize(&mut self, candidates: &[Candidate], priorities: &mut Vec<u64>) {
        priorities.extend(candidates.iter().map(|candidate| u64::from(candidate.rank)));
    }

    fn after_failure(&mut self, failure: &AttemptFailure<'_>) -> Verdict {
        let class = failure.failure.class;
        // Another attempt changes nothing about a spent budget, a stopped run or a missing permission.
        if matches!(class, ErrorClass::Budget | ErrorClass::Cancelled) {
            return Verdict::GiveUp;
        }
        if let Some(retry) = failure.retry {
            let worth_it = if retry.on.is_empty() { can_pass(class) } else { retry.on.contains(&class) };
            if worth_it && failure.attempts < retry.max {
                return Verdict::Retry(delay(retry, failure.attempts));
            }
        }
        match failure.choice + 1 < failure.choices {
            true => Verdict::Fallback,
            false => Verdict::GiveUp,
        }
    }
}

/// The delay after the `attempts`-th attempt.
fn delay(retry: &Retry, attempts: u32) -> Duration {
    let factor = match retry.backoff {
        Backoff::None => 0,
        Backoff::Fixed => 1,
        Backoff::Linear => attempts,
        Backoff::Exp => 1u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX),
    };
    retry.base.saturating_mul(factor).min(LONGEST_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use symphony_ecs_core::ports::{CallFailure, Usage};

    fn verdict(class: ErrorClass, attempts: u32, choice: u32, retry: Option<&Retry>) -> Verdict {
        let failure = CallFailure { class, message: String::new(), retry_after: None, usage: Usage::default() };
        Manual.after_failure(&AttemptFailure { failure: &failure, attempts, choice, choices: 2, retry })
    }

    fn retry(on: Vec<ErrorClass>) -> Retry {
        Retry { max: 3, backoff: Backoff::Exp, base: Duration::from_millis(100), on, vary: Vec::new() }
    }

    #[test]
    fn the_ladder_is_climbed_rung_by_rung() {
        let rule = retry(Vec::new());
        let ms = Duration::from_millis;
        assert_eq!(verdict(ErrorClass::Timeout, 1, 0, Some(&rule)), Verdict::Retry(ms(100)));
        assert_eq!(verdict(ErrorClass::Timeout, 2, 0, Some(&rule)), Verdict::Retry(ms(200)));
        assert_eq!(verdict(ErrorClass::Timeout, 3, 0, Some(&rule)), Verdict::Fallback);
        assert_eq!(verdict(ErrorClass::Timeout, 3, 1, Some(&rule)), Verdict::GiveUp);
    }

    #[test]
    fn only_classes_worth_it_are_retried() {
        assert_eq!(verdict(ErrorClass::Refused, 1, 0, Some(&retry(Vec::new()))), Verdict::Fallback);
        let rule = retry(vec![ErrorClass::Refused]);
        assert!(matches!(verdict(ErrorClass::Refused, 1, 0, Some(&rule)), Verdict::Retry(_)));
        assert_eq!(verdict(ErrorClass::Timeout, 1, 0, Some(&rule)), Verdict::Fallback);
        assert_eq!(verdict(ErrorClass::Budget, 1, 0, Some(&rule)), Verdict::GiveUp);
    }

    #[test]
    fn delays_are_bounded() {
        let rule = Retry { max: 100, ..retry(Vec::new()) };
        assert_eq!(verdict(ErrorClass::Io, 90, 0, Some(&rule)), Verdict::Retry(LONGEST_DELAY));
    }
}
