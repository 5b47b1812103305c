//! Advance: alarms, commands and answers take effect, and everything that follows from them without a decision.

use crate::orchestra::Command;
use crate::run::{Alarm, Run, Walk, World};
use crate::runs::Runs;
use bevy_ecs::prelude::{Query, ResMut};
use bevy_ecs::system::SystemState;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::{RunStatus, SkipReason};
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_ecs_core::melody::model::{ApproveElse, ErrorClass};
use symphony_ecs_core::ports::{CallFailure, Usage};
use symphony_pit::dag::{Columns, NodeQuery, NodeTable};

/// Walks all runs. When bodies need more rows than the world has, it grows and their runs walk on in the same frame:
/// what other runs have left of the world must not show in the frames of this one.
pub(super) fn advance(world: &mut bevy_ecs::world::World, step: &mut SystemState<Step<'_, '_>>) {
    let mut first = true;
    loop {
        let Ok((runs, table, nodes)) = step.get_mut(world) else { return };
        let missing = walk(runs, table, nodes, first);
        if missing == 0 {
            return;
        }
        NodeTable::grow(world, missing);
        first = false;
    }
}

/// What one walk of all runs takes.
type Step<'w, 's> = (ResMut<'w, Runs>, ResMut<'w, NodeTable>, Query<'w, 's, NodeQuery>);

/// Walks all runs, or those that waited for rows; gives the rows that are still missing.
fn walk(mut runs: ResMut<Runs>, mut table: ResMut<NodeTable>, nodes: Query<'_, '_, NodeQuery>, first: bool) -> u32 {
    let mut columns = Columns::of(nodes);
    let walk_limit = runs.walk_limit;
    let mut missing: u32 = 0;
    for seat in runs.iter_mut().filter(|seat| seat.broken.is_none()) {
        let run = &mut seat.run;
        if run.is_over() || !(first || run.waits_for_rows) {
            continue;
        }
        if first {
            run.walk_left = walk_limit;
        }
        for alarm in std::mem::take(&mut run.alarms) {
            ring(run, &mut columns, alarm);
        }
        for command in std::mem::take(&mut run.commands) {
            obey(run, &mut columns, command);
        }
        run.feed_hungry_maps(&mut columns);
        run.take_answers(&mut columns);
        let mut limit = run.walk_left;
        let mut world = World { columns: &mut columns, table: &mut table };
        let ended = run.walk(&mut world, &mut limit);
        run.walk_left = limit;
        run.waits_for_rows = false;
        if let Walk::Grow(rows) = ended {
            run.waits_for_rows = true;
            missing = missing.saturating_add(rows);
            continue;
        }
        run.go_on_halting(&mut columns);
    }
    missing
}

fn ring(run: &mut Run, columns: &mut Columns<'_>, alarm: Alarm) {
    match alarm {
        Alarm::Answer(answer) => run.answers.push(*answer),
        Alarm::Batch(block, rows) => run.batch_over(columns, block, rows),
        Alarm::Retry(block, row) if status(run, columns, block, row) == Some(Status::Backoff) => {
            if run.halting.is_none() {
                run.readmit(columns, block, row);
            }
        }
        Alarm::ApprovalOver(block, row) => answer_approval(run, columns, block, row, false, "time-out"),
        Alarm::Wall => {
            run.halt(RunStatus::Halted, "its time is up (`limits.wall`)".to_owned(), false);
        }
        Alarm::Retry(..) | Alarm::Refilled => {}
    }
}

fn status(run: &Run, columns: &Columns<'_>, block: BlockId, row: Row) -> Option<Status> {
    run.block(block).map(|block| columns.status[block.at(row)])
}

fn obey(run: &mut Run, columns: &mut Columns<'_>, command: Command) {
    match command {
        Command::Cancel { by } => run.halt(RunStatus::Cancelled, format!("cancelled by {by}"), false),
        Command::Approve { node, approved, by } => {
            let waiting = run.blocks().flat_map(|block| (0..block.rows()).map(move |row| (block, Row(row))));
            let found = waiting
                .filter(|(block, row)| columns.status[block.at(*row)] == Status::AwaitingApproval)
                .find(|(block, row)| run.path(block, *row) == node)
                .map(|(block, row)| (block.id, row));
            if let Some((block, row)) = found {
                answer_approval(run, columns, block, row, approved, &by);
            }
        }
    }
}

fn answer_approval(run: &mut Run, columns: &mut Columns<'_>, id: BlockId, row: Row, approved: bool, by: &str) {
    if run.halting.is_some() || status(run, columns, id, row) != Some(Status::AwaitingApproval) {
        return;
    }
    let Some(mut block) = run.blocks.get_mut(id.0 as usize).and_then(Option::take) else { return };
    run.answer(columns, &block, row, approved, by);
    let otherwise = block.score.spec(row).approve.as_ref().map(|approve| approve.otherwise);
    match (approved, otherwise) {
        (true, _) => run.admit(columns, &mut block, row),
        (false, Some(ApproveElse::Skip)) => run.skip(columns, &mut block, row, SkipReason::NotApproved),
        (false, _) => {
            let message = format!("not approved ({by})");
            let failure =
                CallFailure { class: ErrorClass::Denied, message, retry_after: None, usage: Usage::default() };
            run.failures.push(crate::run::FailedAttempt { block: id, row, failure, last: true });
        }
    }
    run.blocks[id.0 as usize] = Some(block);
    run.dirty.push_back(id);
}
