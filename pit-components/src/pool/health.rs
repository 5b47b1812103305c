//! The health of a player: how often it fails lately, and whether it may be tried.
//!
//! Two measures: an exponentially weighted failure rate, which says how much a player is worth, and failures in a row,
//! which put it into quarantine. A quarantine ends with one probe; each further one lasts twice as long.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use symphony_ecs_core::clock::Time;

/// When a player is put into quarantine, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HealthRules {
    /// Failures in a row after which it is.
    pub failures: u32,
    /// The first quarantine.
    pub first: Duration,
    /// The longest one.
    pub longest: Duration,
    /// Weight of the newest outcome in the failure rate, 0 to 1.
    pub weight: f32,
}

impl Default for HealthRules {
    fn default() -> Self {
        Self { failures: 3, first: Duration::from_secs(5), longest: Duration::from_secs(300), weight: 0.2 }
    }
}

/// How a player does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// Failures among the last outcomes, 0 to 1.
    pub failure_rate: f32,
    /// Failures since the last success.
    pub in_a_row: u32,
    /// Quarantines since the last success.
    pub quarantines: u32,
    /// Not before then.
    pub until: Option<Time>,
    /// A probe is out; until it is back nobody else goes.
    pub probing: bool,
}

/// Whether a player may be loaded or called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Free,
    /// Once, to see whether it is well again.
    Probe,
    /// Not before this moment (or, while a probe is out, not before that is back).
    Quarantined(Time),
}

impl Health {
    /// It played well.
    pub fn succeeded(&mut self, rules: &HealthRules) {
        self.failure_rate *= 1.0 - rules.weight;
        (self.in_a_row, self.quarantines, self.until, self.probing) = (0, 0, None, false);
    }

    /// It failed.
    pub fn failed(&mut self, now: Time, rules: &HealthRules) {
        self.failure_rate += rules.weight * (1.0 - self.failure_rate);
        self.in_a_row = self.in_a_row.saturating_add(1);
        if self.in_a_row >= rules.failures.max(1) || self.probing {
            let span = rules.first.saturating_mul(1 << self.quarantines.min(16)).min(rules.longest);
            self.until = Some(now.after(span));
            self.quarantines = self.quarantines.saturating_add(1);
            self.probing = false;
        }
    }

    /// Whether it may be loaded or called.
    pub fn admission(&self, now: Time) -> Admission {
        match self.until {
            None => Admission::Free,
            Some(until) if now < until || self.probing => Admission::Quarantined(until),
            Some(_) => Admission::Probe,
        }
    }

    /// A probe leaves.
    pub fn probe(&mut self) {
        self.probing = self.until.is_some();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: HealthRules =
        HealthRules { failures: 3, first: Duration::from_secs(5), longest: Duration::from_secs(15), weight: 0.5 };

    fn at(seconds: u64) -> Time {
        Time(seconds * 1_000_000_000)
    }

    #[test]
    fn failures_in_a_row_lead_into_quarantine_and_a_probe_leads_out() {
        let mut health = Health::default();
        for _ in 0..2 {
            health.failed(at(0), &RULES);
            assert_eq!(health.admission(at(0)), Admission::Free);
        }
        health.failed(at(1), &RULES);
        assert_eq!(health.admission(at(5)), Admission::Quarantined(at(6)));
        assert_eq!(health.admission(at(6)), Admission::Probe);
        health.probe();
        assert_eq!(health.admission(at(7)), Admission::Quarantined(at(6)), "one probe at a time");
        health.succeeded(&RULES);
        assert_eq!((health.admission(at(7)), health.in_a_row), (Admission::Free, 0));
        assert!(health.failure_rate > 0.4 && health.failure_rate < 0.45, "{}", health.failure_rate);
    }

    #[test]
    fn a_probe_that_fails_doubles_the_quarantine_up_to_a_bound() {
        let mut health = Health::default();
        (0..3).for_each(|_| health.failed(at(0), &RULES));
        let mut ends = Vec::new();
        for _ in 0..4 {
            let Some(until) = health.until else { panic!("in quarantine") };
            health.probe();
            health.failed(until, &RULES);
            ends.push(health.until.unwrap_or_default().since(until).as_secs());
        }
        assert_eq!(ends, [10, 15, 15, 15]);
    }
}
