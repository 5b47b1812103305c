//! Retire: rows of closed bodies go back to the world, and now and then the state is checkpointed so that resuming
//! does not read the whole journal.

use crate::restore::checkpoint;
use crate::runs::Runs;
use bevy_ecs::prelude::*;
use symphony_ecs_core::clock::ClockKind;
use symphony_pit::dag::{Columns, NodeQuery, NodeTable};

/// Journaled bytes after which a checkpoint is due.
const CHECKPOINT_BYTES: usize = 8 * 1024 * 1024;

pub(super) fn retire(mut runs: ResMut<Runs>, mut table: ResMut<NodeTable>, nodes: Query<'_, '_, NodeQuery>) {
    let mut columns = None;
    let mut nodes = Some(nodes);
    for seat in runs.iter_mut() {
        for block in seat.run.closed.drain(..) {
            table.give_back(block.base, block.rows());
        }
        if seat.run.clock == ClockKind::Real && seat.run.is_quiet() {
            seat.run.tidy();
        }
        if seat.since_checkpoint > CHECKPOINT_BYTES && seat.broken.is_none() && !seat.run.is_over() {
            seat.since_checkpoint = 0;
            if columns.is_none() {
                columns = nodes.take().map(Columns::of);
            }
            let Some(columns) = &columns else { continue };
            let frame = seat.run.frame.saturating_sub(1);
            if let Some(blob) = checkpoint::encode(&seat.run, columns)
                && let Some(journal) = seat.journal()
                && let Err(error) = journal.checkpoint(frame, blob)
            {
                seat.broken = Some(error);
            }
        }
    }
}
