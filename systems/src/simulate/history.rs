//! History: what calls took in runs that were really played, by what played them.

use super::trace::Trace;
use super::unfold::Expected;
use std::collections::BTreeMap;
use std::sync::Arc;
use symphony_ecs_core::score::Score;

use crate::record::FrameRecord;

/// Attempts of earlier runs by operation (`operator:git/log`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    by_kind: BTreeMap<String, Vec<Attempt>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Attempt {
    seconds: f64,
    cost_micros: u64,
    tokens: u64,
    failed: bool,
}

/// What a call typically takes: medians of the attempts that succeeded, and the share of those that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Typical {
    /// Seconds.
    pub seconds: f64,
    /// Micro-dollars.
    pub cost_micros: u64,
    /// Tokens.
    pub tokens: u64,
    /// Share of attempts that failed, 0 to 1.
    pub failure: f64,
    /// Attempts that this was learned from.
    pub attempts: usize,
}

impl History {
    /// Takes in a run: its score and its frames, in order.
    pub fn learn(&mut self, root: &Arc<Score>, frames: impl IntoIterator<Item = FrameRecord>) {
        let free = |_: &str| Expected::default();
        let mut trace = Trace::new(root, &free);
        for FrameRecord { time, events } in frames {
            events.into_iter().for_each(|event| trace.take(time, event));
        }
        // A call that never ended says nothing, and neither does a function that plays within the frame.
        for (task, end) in trace.attempts() {
            let attempt = Attempt {
                seconds: task.seconds,
                cost_micros: task.cost_micros,
                tokens: task.tokens,
                failed: end == super::trace::End::Failed,
            };
            self.by_kind.entry(task.kind.clone()).or_default().push(attempt);
        }
    }

    /// What a call of an operation typically takes, if it was ever called.
    pub fn typical(&self, kind: &str) -> Option<Typical> {
        let attempts = self.by_kind.get(kind).filter(|attempts| !attempts.is_empty())?;
        let succeeded = || attempts.iter().filter(|attempt| !attempt.failed);
        let of = |value: &dyn Fn(&Attempt) -> f64| {
            let known: Vec<f64> = match succeeded().count() {
                0 => attempts.iter().map(value).collect(),
                _ => succeeded().map(value).collect(),
            };
            super::Percentiles::of(known).p50
        };
        Some(Typical {
            seconds: of(&|attempt| attempt.seconds),
            cost_micros: of(&|attempt| attempt.cost_micros as f64) as u64,
            tokens: of(&|attempt| attempt.tokens as f64) as u64,
            failure: attempts.iter().filter(|attempt| attempt.failed).count() as f64 / attempts.len() as f64,
            attempts: attempts.len(),
        })
    }

    /// Operations that were called.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.by_kind.keys().map(String::as_str)
    }
}
