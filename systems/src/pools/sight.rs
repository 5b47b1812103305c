//! The look ahead: which players the score will want once a row that now leaves has played.

use super::Keeper;
use super::calls::Sighted;
use crate::run::Run;
use std::sync::Arc;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_ecs_core::score::{Action, NodeSpec, Score};
use symphony_pit::dag::Columns;
use symphony_pit::pool::PoolId;

/// How probable it is that a row in sight plays: it may be skipped, fail before, or take over an earlier result.
pub(super) const ODDS: f64 = 0.9;

/// Rows looked at for one call.
const LOOKS: usize = 64;
/// Rows that wait for more than this are too far.
const WAITS: u32 = 16;
/// Functions of this process that are looked through: they take no time.
const DEPTH: u32 = 3;

impl Keeper {
    /// Players of the rows behind one that leaves, with the seconds until they are due.
    pub(super) fn sight(
        &mut self,
        run: &Run,
        columns: &Columns<'_>,
        block: BlockId,
        row: Row,
        pool: PoolId,
    ) -> Sighted {
        let mut found = Vec::new();
        let Some(block) = run.block(block) else { return found };
        let facts = self.history.facts(self.player(pool));
        let estimate = block.score.spec(row).estimate.as_secs_f64();
        let seconds = if facts.calls > 0 { facts.call_seconds } else { estimate };
        let mut looks = LOOKS;
        let mut rows = vec![(row, 0)];
        while let Some((row, depth)) = rows.pop() {
            for edge in block.score.topology.succ(row.0) {
                let next = Row(edge.row());
                if looks == 0 {
                    return found;
                }
                looks -= 1;
                let at = block.at(next);
                let waits = columns.remaining[at].0;
                if columns.status[at] != Status::Pending || waits > WAITS {
                    continue;
                }
                let spec = block.score.spec(next);
                if self.sight_spec(spec, seconds, &mut found) && depth < DEPTH {
                    rows.push((next, depth + 1));
                }
            }
        }
        found
    }

    /// Notes whom a row will ask first; says whether what is behind it comes at once.
    fn sight_spec(&mut self, spec: &NodeSpec, seconds: f64, found: &mut Sighted) -> bool {
        match &spec.action {
            Action::Call(players) => {
                if let Some(operation) = players.first().filter(|operation| !operation.in_process) {
                    found.push((self.pool(operation, spec.limits.mem, spec.limits.cpu), seconds));
                }
                false
            }
            Action::Function(..) => true,
            Action::Pause(_) => false,
            Action::Nested(body) => self.sight_body(body, seconds, found),
            Action::Loop(looped) => self.sight_body(&looped.body, seconds, found),
            Action::Map(map) => self.sight_body(&map.body, seconds, found),
        }
    }

    /// The rows with which a body begins.
    fn sight_body(&mut self, body: &Arc<Score>, seconds: f64, found: &mut Sighted) -> bool {
        let first = (0..body.rows()).zip(&body.waits).filter(|(_, waits)| **waits == 0);
        for (row, _) in first.take(LOOKS / 4) {
            let spec = body.spec(Row(row));
            if let Action::Call(players) = &spec.action
                && let Some(operation) = players.first().filter(|operation| !operation.in_process)
            {
                found.push((self.pool(operation, spec.limits.mem, spec.limits.cpu), seconds));
            }
        }
        false
    }
}
