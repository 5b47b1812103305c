//! What no schedule can beat, and the longest way through a workload.

use super::machines::Machines;
use super::workload::Workload;

impl Workload {
    /// Upward ranks: the longest way from a task's start to the end, at the mean speed of the machines.
    pub(super) fn ranks(&self, machines: &Machines) -> Vec<f64> {
        let mean = machines.mean();
        let mut rank = vec![0.0f64; self.len()];
        for task in self.order.iter().rev() {
            let longest = self.succ(*task).iter().map(|next| rank[*next as usize]).fold(0.0, f64::max);
            let own = self.seconds[*task as usize];
            rank[*task as usize] = longest + if self.idle[*task as usize] { own } else { own / mean };
        }
        rank
    }

    /// The time at which each task ends if it never waits for a machine and always has the fastest. `seconds` are
    /// the run times, so that a run with retries can be judged by what it really took.
    ///
    /// Sums are made in the order of time, as the kernel makes them: so no rounding puts a schedule below its bound.
    fn earliest_ends(&self, fastest: f64, seconds: &[f64]) -> Vec<f64> {
        let mut start = vec![0.0f64; self.len()];
        let mut end = vec![0.0f64; self.len()];
        for task in &self.order {
            let own = seconds[*task as usize];
            let own = if self.idle[*task as usize] { own } else { own / fastest };
            let ends = start[*task as usize] + own;
            end[*task as usize] = ends;
            for next in self.succ(*task) {
                let start = &mut start[*next as usize];
                *start = start.max(ends);
            }
        }
        end
    }

    /// max(critical path / fastest, work / sum of speeds): no schedule is shorter.
    pub fn lower_bound(&self, machines: &Machines) -> f64 {
        self.lower_bound_of(machines, &self.seconds)
    }

    /// The same for other run times.
    pub(super) fn lower_bound_of(&self, machines: &Machines, seconds: &[f64]) -> f64 {
        let longest = self.earliest_ends(machines.fastest(), seconds).into_iter().fold(0.0, f64::max);
        let work: f64 = seconds.iter().zip(&self.idle).filter(|(_, idle)| !**idle).map(|(seconds, _)| seconds).sum();
        longest.max(work / machines.capacity())
    }

    /// The critical path: the tasks of a longest way, first to last, brackets left out. Of equal ways the one whose
    /// tasks come first in the order of ties, from the end backwards.
    pub fn critical_path(&self) -> Vec<u32> {
        let end = self.earliest_ends(1.0, &self.seconds);
        let mut producer: Vec<Option<u32>> = vec![None; self.len()];
        for task in 0..self.len() as u32 {
            for next in self.succ(task) {
                let best = &mut producer[*next as usize];
                if best.is_none_or(|best| end[task as usize] > end[best as usize]) {
                    *best = Some(task);
                }
            }
        }
        let mut here: Option<u32> = None;
        for task in 0..self.len() as u32 {
            if here.is_none_or(|best| end[task as usize] > end[best as usize]) {
                here = Some(task);
            }
        }
        let mut path = Vec::new();
        while let Some(task) = here {
            if !self.idle[task as usize] {
                path.push(task);
            }
            here = producer[task as usize];
        }
        path.reverse();
        path
    }
}
