//! The outlook of a run: its critical path, the slack of its nodes, and when it will end, as far as its nodes take as long
//! as is thought.
//!
//! It speaks of the melody's own nodes; a node with a body counts as a whole.

use crate::orchestra::Orchestra;
use symphony_ecs_core::clock::Time;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::ids::{BlockId, Row, RunSlot};
use symphony_pit::dag::Columns;

/// What is to be expected of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// When it was looked at.
    pub now: Time,
    /// When the run ends.
    pub end: Time,
    /// The rows of the critical path, in order.
    pub critical: Vec<u32>,
    /// All rows of the melody, in order.
    pub nodes: Vec<NodeOutlook>,
}

/// What is to be expected of a node. Times in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeOutlook {
    /// Its id.
    pub id: String,
    /// How it stands.
    pub status: Status,
    /// When it begins at the earliest, or began.
    pub head: Time,
    /// How long it takes, or took.
    pub took: u64,
    /// The longest path from its start to the end of the run; 0 once it is over.
    pub tail: u64,
    /// How much later it may end without the run ending later; none once it is over.
    pub slack: Option<u64>,
}

impl Orchestra {
    /// The outlook of a run at `now`, which is not before its last frame; `None` if it is not tracked or has not begun.
    pub fn outlook(&mut self, slot: RunSlot, now: Time) -> Option<Outlook> {
        let (world, nodes) = self.world();
        let columns = Columns::of(nodes.query_mut(&mut *world));
        // The columns borrow the world, and so does the run.
        let status = columns.status.to_vec();
        let run = self.run(slot)?;
        let block = run.block(BlockId(0))?;
        let status = status.get(block.base as usize..(block.base + block.rows()) as usize)?;
        let score = std::sync::Arc::clone(&block.score);
        let (now, over) = (run.now.max(now), run.is_over());
        let slack = self.run_mut(slot)?.tracking.as_mut()?.slack_mut(BlockId(0))?;
        for (row, status) in (0u32..).zip(status) {
            if !over && !status.is_over() && *status != Status::Pending {
                slack.still(row, now);
            }
        }
        slack.repair(&score.topology, u32::MAX);
        let nodes = (0u32..).zip(status).map(|(row, status)| NodeOutlook {
            id: score.id(Row(row)).into_owned(),
            status: *status,
            head: slack.head(row),
            took: slack.took(row),
            tail: if status.is_over() { 0 } else { slack.tail(row) },
            slack: (!status.is_over()).then(|| slack.slack(row)),
        });
        Some(Outlook { now, end: slack.end(), critical: slack.critical_path(&score.topology), nodes: nodes.collect() })
    }

    /// What a run has taught; nothing if it is not tracked.
    pub fn learned(&mut self, slot: RunSlot) -> Option<symphony_pit::dag::Lore> {
        let run = self.run_mut(slot)?;
        let scores = std::sync::Arc::clone(&run.scores);
        Some(run.tracking.as_mut()?.learned(&scores).clone())
    }
}
