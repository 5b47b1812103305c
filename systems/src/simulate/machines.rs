//! Machines: how many, how fast, and in which order a policy prefers them.

use super::policy::Policy;

/// The machines that a workload is played on: machine `i` has speed `speeds[i mod len]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Machines {
    speeds: Vec<f64>,
}

/// Why these are no machines.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MachinesError {
    /// None at all.
    #[error("there must be at least one machine")]
    None,
    /// A speed that is none.
    #[error("a speed of {0}; it must be a number above 0")]
    Speed(f64),
}

impl Machines {
    /// This many machines whose speeds repeat.
    ///
    /// # Errors
    /// No machine, no speed, or a speed that is not above 0.
    pub fn new(count: usize, speeds: &[f64]) -> Result<Self, MachinesError> {
        if let Some(bad) = speeds.iter().find(|speed| !(speed.is_finite() && **speed > 0.0)) {
            return Err(MachinesError::Speed(*bad));
        }
        if count == 0 || speeds.is_empty() {
            return Err(MachinesError::None);
        }
        Ok(Self { speeds: speeds.iter().copied().cycle().take(count).collect() })
    }

    /// This many machines of speed 1, at least one.
    pub fn identical(count: usize) -> Self {
        Self { speeds: vec![1.0; count.max(1)] }
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.speeds.len()
    }

    /// The speed of a machine.
    pub fn speed(&self, machine: u32) -> f64 {
        self.speeds[machine as usize]
    }

    /// Speeds by machine.
    pub fn speeds(&self) -> &[f64] {
        &self.speeds
    }

    /// The speed of the fastest.
    pub fn fastest(&self) -> f64 {
        self.speeds.iter().copied().fold(0.0, f64::max)
    }

    /// The sum of speeds: seconds of work that all together do in one.
    pub fn capacity(&self) -> f64 {
        self.speeds.iter().sum()
    }

    /// The mean speed.
    pub fn mean(&self) -> f64 {
        self.capacity() / self.speeds.len() as f64
    }

    /// Machines in the order in which the policy prefers free ones.
    pub(super) fn preferred(&self, policy: Policy) -> Vec<u32> {
        let mut machines: Vec<u32> = (0..self.speeds.len() as u32).collect();
        if policy.takes_fastest() {
            machines.sort_by(|a, b| self.speed(*b).total_cmp(&self.speed(*a)));
        }
        machines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_repeat_and_policies_prefer() {
        let machines = Machines::new(6, &[1.0, 1.0, 2.0, 4.0]).unwrap();
        assert_eq!(machines.speeds(), [1.0, 1.0, 2.0, 4.0, 1.0, 1.0]);
        assert_eq!((machines.fastest(), machines.capacity()), (4.0, 10.0));
        assert_eq!(machines.preferred(Policy::Fifo), [0, 1, 2, 3, 4, 5]);
        assert_eq!(machines.preferred(Policy::Heft), [3, 2, 0, 1, 4, 5]);
    }

    #[test]
    fn what_are_no_machines() {
        assert_eq!(Machines::new(0, &[1.0]), Err(MachinesError::None));
        assert_eq!(Machines::new(2, &[]), Err(MachinesError::None));
        assert_eq!(Machines::new(2, &[1.0, 0.0]), Err(MachinesError::Speed(0.0)));
        assert!(Machines::new(2, &[f64::INFINITY]).is_err());
    }
}
