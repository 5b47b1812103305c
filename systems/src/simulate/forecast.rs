//! A forecast: many runs of one workload, each with its own luck, and how they are spread.

use super::chance::Chance;
use super::kernel::{Kernel, Outcome};
use super::machines::Machines;
use super::policy::Policy;
use super::workload::Workload;
use rayon::prelude::*;

/// Outcomes of runs, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// One outcome a run.
    pub runs: Vec<Outcome>,
}

/// How a quantity is spread over runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Percentiles {
    /// Five runs in a hundred lie below.
    pub p5: f64,
    /// The median.
    pub p50: f64,
    /// Five runs in a hundred lie above.
    pub p95: f64,
    /// The mean.
    pub mean: f64,
}

/// Runs that one thread plays with one kernel.
const BATCH: usize = 16;

/// Plays `runs` runs, in parallel. Equal for equal arguments, on any number of threads; without chance one run says
/// what all would.
pub fn forecast(work: &Workload, machines: &Machines, policy: Policy, chance: Chance, runs: u32) -> Forecast {
    let runs = if chance.is_random() { runs.max(1) } else { 1 };
    let mut outcomes = vec![Outcome::default(); runs as usize];
    outcomes.par_chunks_mut(BATCH).enumerate().for_each(|(batch, outcomes)| {
        let mut kernel = Kernel::new(work, machines, policy, chance);
        for (place, outcome) in outcomes.iter_mut().enumerate() {
            *outcome = kernel.play((batch * BATCH + place) as u64, |_| {});
        }
    });
    Forecast { runs: outcomes }
}

impl Forecast {
    /// How a quantity of the outcomes is spread.
    pub fn spread(&self, of: impl Fn(&Outcome) -> f64) -> Percentiles {
        Percentiles::of(self.runs.iter().map(of).collect())
    }
}

impl Percentiles {
    /// Of these values, in any order; by the nearest rank, so each is one of them. Zero if there are none.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let count = values.len();
        let at = |share: f64| {
            let rank = (share * count as f64).ceil() as usize;
            values.get(rank.clamp(1, count.max(1)) - 1).copied().unwrap_or_default()
        };
        let mean = if count == 0 { 0.0 } else { values.iter().sum::<f64>() / count as f64 };
        Self { p5: at(0.05), p50: at(0.5), p95: at(0.95), mean }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occur() {
        let hundred = Percentiles::of((1..=100).rev().map(f64::from).collect());
        assert_eq!((hundred.p5, hundred.p50, hundred.p95, hundred.mean), (5.0, 50.0, 95.0, 50.5));
        let one = Percentiles::of(vec![3.0]);
        assert_eq!((one.p5, one.p50, one.p95, one.mean), (3.0, 3.0, 3.0, 3.0));
        assert_eq!(Percentiles::of(Vec::new()), Percentiles::default());
    }
}
