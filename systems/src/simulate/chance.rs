//! Chance: what fails and how run times vary, as a function of (seed, run, task, attempt) and nothing else.
//!
//! A draw does not depend on what was drawn before it, so the same task has the same luck under every policy, on every
//! set of machines and on any number of threads. Comparisons are fair for it.

/// How often attempts fail and how much run times vary.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Chance {
    /// Probability that an attempt fails, at its end; 0 to 1.
    pub failures: f64,
    /// A run time is multiplied by a factor drawn evenly from 1 − noise to 1 + noise; 0 to 1.
    pub noise: f64,
    /// Seed of all draws.
    pub seed: u64,
}

impl Chance {
    /// Attempts of one task at most. The last is let through, and counted as such.
    pub const ATTEMPTS: u8 = 10;

    /// Whether two runs can differ.
    pub fn is_random(&self) -> bool {
        self.failures > 0.0 || self.noise > 0.0
    }

    /// The draws of one run.
    pub(super) fn of_run(&self, run: u64) -> Draws {
        Draws { base: mix(mix(self.seed) ^ run), failures: self.failures, noise: self.noise }
    }
}

/// The draws of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draws {
    base: u64,
    failures: f64,
    noise: f64,
}

impl Draws {
    /// What the run time of an attempt is multiplied by.
    pub(super) fn factor(&self, task: u32, attempt: u8) -> f64 {
        match self.noise > 0.0 {
            true => 1.0 + self.noise * (2.0 * self.unit(task, attempt, 0) - 1.0),
            false => 1.0,
        }
    }

    /// Whether an attempt fails.
    pub(super) fn fails(&self, task: u32, attempt: u8) -> bool {
        self.failures > 0.0 && self.unit(task, attempt, 1) < self.failures
    }

    /// Evenly from 0 up to, but without, 1.
    fn unit(&self, task: u32, attempt: u8, what: u64) -> f64 {
        let key = u64::from(task) << 16 | u64::from(attempt) << 8 | what;
        // 53 bits are what a double holds.
        (mix(self.base ^ mix(key)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_independent_of_their_order() {
        let draws = Chance { failures: 0.1, noise: 0.3, seed: 7 }.of_run(3);
        let count = 20_000;
        let factors: Vec<f64> = (0..count).map(|task| draws.factor(task, 1)).collect();
        let mean = factors.iter().sum::<f64>() / f64::from(count);
        assert!((mean - 1.0).abs() < 0.01, "{mean}");
        assert!(factors.iter().all(|factor| (0.7..1.3).contains(factor)));
        let spread = factors.iter().map(|factor| (factor - mean).powi(2)).sum::<f64>() / f64::from(count);
        assert!((spread - 0.03).abs() < 0.002, "an even draw of ±0.3 has a variance of 0.03, not {spread}");
        let failed = (0..count).filter(|task| draws.fails(*task, 1)).count();
        assert!((1800..2200).contains(&failed), "{failed}");
        assert_eq!(draws.factor(5, 2), Chance { failures: 0.9, noise: 0.3, seed: 7 }.of_run(3).factor(5, 2));
        assert_ne!(draws.factor(5, 2), draws.factor(5, 1));
        assert_ne!(draws.factor(5, 1), Chance { failures: 0.1, noise: 0.3, seed: 7 }.of_run(4).factor(5, 1));
    }

    #[test]
    fn without_chance_nothing_varies() {
        let draws = Chance { seed: 9, ..Chance::default() }.of_run(1);
        assert!((0..100).all(|task| draws.factor(task, 1) == 1.0 && !draws.fails(task, 1)));
        let always = Chance { failures: 1.0, ..Chance::default() }.of_run(0);
        assert!((0..100).all(|task| always.fails(task, 1)));
    }
}
