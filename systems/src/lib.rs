//! What happens each frame, in which order: the schedule and its phases, the orchestra that runs it, the life of a
//! run, the decisions of Manual mode, and the journal.
//!
//! One frame is one run of the schedule: Intake → Advance → Decide → Arbitrate → Record → Dispatch → Retire →
//! Publish (see [`frame`]). The frame never waits for a disk or a process.

pub mod arbiter;
pub mod decide;
pub mod frame;
pub mod journal;
pub mod ledger;
pub mod options;
pub mod orchestra;
pub mod outlook;
pub mod pools;
pub mod record;
pub mod recover;
pub mod restore;
pub mod results;
pub mod run;
pub mod runs;
pub mod simulate;
pub mod stage;
pub mod travel;
pub mod triggers;

pub use options::{ReuseRule, Reusing, RunOptions};
pub use orchestra::{Command, Orchestra, Pulse};
