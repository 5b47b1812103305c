//! The frame: one run of the schedule, in named phases, each with its own file.

mod advance;
mod arbitrate;
mod decide;
mod dispatch;
mod intake;
mod publish;
mod record;
mod retire;

use bevy_ecs::prelude::*;
use bevy_ecs::schedule::{Schedule, SystemSet};

/// The phases of a frame, in order.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Drains channels, clocks and timers.
    Intake,
    /// Everything that follows from what came in without a decision.
    Advance,
    /// The conductor: verdicts on failures, priorities of ready rows.
    Decide,
    /// Who gets the room and the budget there is.
    Arbitrate,
    /// Seals the frame's events and hands them to the journal.
    Record,
    /// Requests leave whose frame is committed; players that will be asked next are warmed.
    Dispatch,
    /// Rows of closed bodies go back; checkpoints.
    Retire,
    /// Notices of committed frames are handed out.
    Publish,
}

/// The schedule of a frame. Phases run one after the other on one thread (the frame is short and the machine small);
/// heavy work inside a phase spreads over rayon's threads.
pub fn schedule() -> Schedule {
    let mut schedule = Schedule::default();
    schedule.set_executor(bevy_ecs::schedule::SingleThreadedExecutor::new());
    schedule.configure_sets(
        (
            Phase::Intake,
            Phase::Advance,
            Phase::Decide,
            Phase::Arbitrate,
            Phase::Record,
            Phase::Dispatch,
            Phase::Retire,
            Phase::Publish,
        )
            .chain(),
    );
    schedule.add_systems((
        intake::intake.in_set(Phase::Intake),
        advance::advance.in_set(Phase::Advance),
        decide::decide.in_set(Phase::Decide),
        arbitrate::arbitrate.in_set(Phase::Arbitrate),
        record::record.in_set(Phase::Record),
        dispatch::dispatch.in_set(Phase::Dispatch),
        retire::retire.in_set(Phase::Retire),
        publish::publish.in_set(Phase::Publish),
    ));
    schedule
}
