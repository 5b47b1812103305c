//! The stage against real processes: players that play well, and players that do everything they should not.

mod artifacts;
mod behaviour;
mod custody;
mod harness;
mod latency;
mod limits;
mod protocol;
mod python;
mod warm;
