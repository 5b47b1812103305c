//! Travel through the recorded life of a run: any of its points, its story told again, a new run that leaves from it.
//!
//! ```text
//! frames of the journal ──► fold ──► notices, as they were        (replay)
//!                            │ ────► timeline ──► moment          (show --at)
//!                            └─────► branch ───► frames of a fork (fork)
//! ```
//!
//! A **point** of a run is a number of notices: after `n` of them the run is what the events up to the next notice
//! make of it. Events of several rows are cut in the middle where the point says so. Nothing here calls a player.

mod at;
mod branch;
mod compare;
mod fold;
mod identity;
mod moment;
mod parting;
mod timeline;

pub use at::{At, BadAt};
pub use branch::{Branch, BranchError, branch};
pub use compare::{NodeStory, RunDiff, RunStory, compare};
pub use fold::Fold;
pub use moment::{BodyAt, Moment, NodeAt};
pub use timeline::Timeline;
