//! Validation of a restored state: what a checkpoint says is held against the scores before anything trusts it, so
//! that a damaged one is refused in words and never makes the run stumble later.

use super::replay::body_of;
use crate::run::Run;
use std::sync::Arc;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::Place;
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_ecs_core::score::Action;
use symphony_pit::dag::{Block, Columns};

/// Checks the bodies, maps and undos of a run that was read from a checkpoint. The error says what does not fit.
pub(super) fn validate(run: &Run, columns: &Columns<'_>) -> Result<(), String> {
    if run.block(BlockId(0)).is_none() {
        return Err("the melody itself is missing".to_owned());
    }
    for block in run.blocks() {
        shape(run, columns, block).map_err(|why| format!("body {}: {why}", block.id.0))?;
    }
    for ((id, row), map) in &run.maps {
        let fits = run.block(*id).is_some_and(|block| {
            row.0 < block.rows()
                && matches!(block.score.spec(*row).action, Action::Map(_))
                && columns.status[block.at(*row)] == Status::Running
        });
        let below = |block: &&Block| block.parent.is_some_and(|parent| (parent.block, parent.row) == (*id, *row));
        let open = run.blocks().filter(below).count();
        let items = run.blocks().filter(below).all(|block| match block.place {
            Place::Item(index) => index < map.next,
            _ => false,
        });
        if !fits || !items || open != map.open as usize {
            return Err("a map whose items do not add up".to_owned());
        }
        if map.results.len() != map.items.len() || map.next as usize > map.items.len() {
            return Err("a map with more results than items".to_owned());
        }
    }
    for block in run.blocks() {
        for row in (0..block.rows()).map(Row) {
            let waits = run.reconstructions.contains_key(&(block.id, row));
            let status = columns.status[block.at(row)];
            let chosen = Run::reconstructs(columns, block, row);
            let can = block.score.spec(row).reconstruct.is_some();
            if (chosen && !can) || waits != (chosen && status == Status::Backoff) {
                return Err("a reconstruction that nobody asked for, or that is forgotten".to_owned());
            }
        }
    }
    if run.reconstructions.keys().any(|(id, row)| run.block(*id).is_none_or(|block| row.0 >= block.rows())) {
        return Err("a reconstruction of a row that is not there".to_owned());
    }
    let known = |entry: &crate::run::UndoEntry| {
        run.scores.get(entry.score as usize).is_some_and(|score| entry.row.0 < score.rows())
    };
    if !run.undo_log.iter().all(known) {
        return Err("an undo of a row that is not there".to_owned());
    }
    Ok(())
}

fn shape(run: &Run, columns: &Columns<'_>, block: &Block) -> Result<(), &'static str> {
    match block.parent {
        None if block.id.0 != 0 || block.place != Place::Root => return Err("it plays for nobody"),
        None => {}
        Some(parent) => {
            let above = run.block(parent.block).filter(|above| above.id < block.id && parent.row.0 < above.rows());
            let plays = above.is_some_and(|above| columns.status[above.at(parent.row)] == Status::Running);
            let body = body_of(run, Some(parent), block.place);
            if !plays || body.is_none_or(|body| !Arc::ptr_eq(&body, &block.score)) {
                return Err("it plays for a row that does not play it");
            }
            if matches!(block.place, Place::Item(_)) && !run.maps.contains_key(&(parent.block, parent.row)) {
                return Err("an item without its map");
            }
        }
    }
    let loops = block.parent.and_then(|parent| match &run.block(parent.block)?.score.spec(parent.row).action {
        Action::Loop(repeat) => Some(repeat.max),
        _ => None,
    });
    if block.iteration >= loops.unwrap_or(1).max(1) {
        return Err("it is repeated too often");
    }
    if block.inputs.len() != block.score.inputs.len() {
        return Err("it has not the inputs of its score");
    }
    if !block.score.joins.iter().zip(&block.joins).all(|(spec, join)| join.fits(spec.kind, spec.candidates.len())) {
        return Err("a join that does not fit its candidates");
    }
    let counted = block.recount(columns);
    let kept = (0..block.rows()).map(|row| columns.remaining[block.at(Row(row))]);
    if !kept.eq(counted) {
        return Err("its rows wait for something else than their producers");
    }
    Ok(())
}
