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
    #[inline]
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

/// How many waits a node still has; the top bit says that a producer it depends on gave nothing.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remaining(pub u32);

impl Remaining {
    /// Set when a hard producer (or a join) came to nothing: once due, the node is skipped.
    pub const BLOCKED: u32 = 1 << 31;

    /// Takes one wait away and says whether it was the last.
    #[inline]
    pub fn step(&mut self) -> bool {
        self.0 -= 1;
        self.0 & !Self::BLOCKED == 0
    }

    /// Takes one wait away if `wait`, without a branch, and says whether it was the last.
    #[inline]
    pub fn step_if(&mut self, wait: bool) -> bool {
        self.0 -= u32::from(wait);
        wait & (self.0 & !Self::BLOCKED == 0)
    }

    /// Whether nothing is waited for any more.
    #[inline]
    pub fn is_due(self) -> bool {
        self.0 & !Self::BLOCKED == 0
    }

    /// Whether a producer gave nothing.
    #[inline]
    pub fn is_blocked(self) -> bool {
        self.0 & Self::BLOCKED != 0
    }
}

/// Attempts begun, over all players of the node.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempt(pub u16);

/// Which of the node's players plays it: 0 for the first choice, then the fallbacks.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice(pub u8);

impl Choice {
    /// None of the players: its outputs are obtained by `reconstruct`.
    pub const RECONSTRUCTION: Self = Self(u8::MAX);
}

/// What the node has cost so far, in micro-dollars (saturating).
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost(pub u32);
