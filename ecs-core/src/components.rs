//! Components of the node archetype: the hot state of a row, one plain column each.

use bevy_ecs::component::Component;
use serde::{Deserialize, Serialize};

/// Where a node is in its life.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for its producers.
    #[default]
    Pending,
    /// Everything it needs is there; waits for a decision, a player or a budget.
    Ready,
    /// Waits for a person.
    AwaitingApproval,
    /// Waits for its next attempt.
    Backoff,
    /// A player plays it (or its body plays).
    Running,
    /// Finished.
    Done,
    /// Not played: its condition was false, a producer gave nothing, or a failure was forgiven.
    Skipped,
    /// Failed for good.
    Failed,
    /// Stopped with its run.
    Cancelled,
}

impl Status {
    /// Whether the node will not change any more.
    pub fn is_over(self) -> bool {
        self as u8 >= Self::Done as u8
    }

    /// The word used in events and by `show`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Backoff => "backoff",
            Self::Running => "running",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}
