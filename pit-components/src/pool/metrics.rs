//! What a pool counted. The hot path counts nothing of its own: a seat's generation rises with each lease that ends,
//! so uses are read off it.

use super::life::{Life, Signal};
use serde::Serialize;

/// Counts of a pool since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Steps by signal, but for what leases count.
    pub signals: [u64; Signal::ALL.len()],
    /// Time-outs by the state they ended.
    pub time_outs: [u64; Life::ALL.len()],
    /// Failures by the state they ended.
    pub failures: [u64; Life::ALL.len()],
    /// Signals that meant nothing where the seat was.
    pub illegal: u64,
    /// Seats that were loaded ahead of their first call.
    pub ahead: u64,
    /// Of these, those that a call then took.
    pub ahead_used: u64,
    /// Calls that found no seat ready.
    pub cold: u64,
}

/// What a pool counted, named, for people and programs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// Seats by state.
    pub seats: Vec<(&'static str, u32)>,
    /// Leases that ended.
    pub uses: u64,
    /// Seats that were loaded.
    pub loads: u64,
    /// Calls that found no seat ready.
    pub cold: u64,
    /// Seats that were loaded ahead of their first call.
    pub ahead: u64,
    /// Of these, those that a call then took.
    pub ahead_used: u64,
    /// Time-outs by state, where there were any.
    pub time_outs: Vec<(&'static str, u64)>,
    /// Failures by state, where there were any.
    pub failures: Vec<(&'static str, u64)>,
    /// Signals that meant nothing where the seat was.
    pub illegal: u64,
    /// Mean time from the order to readiness, in seconds.
    pub load_seconds: f64,
}

impl Counts {
    /// Those of a kind that are not zero, with the word of their state.
    pub(super) fn named(counts: &[u64; Life::ALL.len()]) -> Vec<(&'static str, u64)> {
        let named = Life::ALL.iter().map(|life| life.as_str()).zip(counts.iter().copied());
        named.filter(|(_, count)| *count > 0).collect()
    }
}
