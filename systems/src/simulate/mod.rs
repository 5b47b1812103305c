//! The simulator: what a workload takes on given machines under a given policy, without anybody playing it.
//!
//! The rules, exactly:
//!
//! - Machine `i` has speed `speeds[i mod len]` and holds one task; a task of `s` seconds takes `s / speed`. Nothing is
//!   transferred.
//! - A task is ready when all its producers have ended. What ends at one instant frees its machines and makes its
//!   successors ready before anything starts at that instant.
//! - Tasks that become ready at one instant stand in the order of their ids, compared as strings.
//! - [`Policy`] says which ready task starts next and on which free machine. It is asked at once whenever a machine is
//!   free and a task is ready, and never waits for a better machine.
//! - Ranks are the longest way to the end at the mean speed of the machines.
//! - The lower bound is max(critical path / fastest speed, work / sum of speeds).
//! - A failed attempt takes its whole time and cost, and the task becomes ready again at that instant.

mod bounds;
mod chance;
mod forecast;
mod history;
mod kernel;
mod line;
mod lowest;
mod machines;
mod policy;
#[cfg(test)]
mod tests;
mod trace;
mod unfold;
mod workload;

pub use chance::Chance;
pub use forecast::{Forecast, Percentiles, forecast};
pub use history::{History, Typical};
pub use kernel::{Kernel, Outcome, Span};
pub use line::{Arbitrated, ByKey, Claim, Line};
pub use machines::{Machines, MachinesError};
pub use policy::Policy;
pub use unfold::{Expected, Unfold, UnfoldError, Unfolded};
pub use workload::{Task, Ties, Workload, WorkloadError};
