//! Arbitrate: ready rows start while there is room and budget, and what they take of what is scarce is theirs; what
//! starts now leaves once this frame is committed.

use crate::arbiter::{Intent, Scarce, Start};
use crate::run::{FailedAttempt, Outgoing, Run, is_reconstruction};
use crate::runs::Runs;
use bevy_ecs::prelude::*;
use std::time::Duration;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{CallFailure, Candidate, Operation, Usage};
use symphony_ecs_core::score::{Action, NodeSpec};
use symphony_pit::arbitration::{Grant, Need};
use symphony_pit::dag::{Block, Columns, NodeQuery};

pub(super) fn arbitrate(mut runs: ResMut<Runs>, mut scarce: ResMut<Scarce>, nodes: Query<'_, '_, NodeQuery>) {
    let mut columns = Columns::of(nodes);
    for seat in runs.iter_mut().filter(|seat| seat.broken.is_none()) {
        let run = &mut seat.run;
        if run.halting.is_some() || run.is_over() {
            run.candidates.clear();
            run.backlog.clear();
            continue;
        }
        start_all(run, &mut columns);
        start_from_backlog(run, &mut columns);
    }
    if scarce.is_on() {
        scarce.settle(&mut runs, &mut columns);
    }
}

/// Starts the candidates for whom there is room anyway, block by block.
fn start_all(run: &mut Run, columns: &mut Columns<'_>) {
    let candidates = std::mem::take(&mut run.candidates);
    let mut rest = candidates.as_slice();
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|candidate| candidate.block == first.block).count();
        let (mut same, others) = rest.split_at(count);
        rest = others;
        let Some(block) = run.blocks.get_mut(first.block.0 as usize).and_then(Option::take) else { continue };
        loop {
            same = &same[start_pauses(run, columns, &block, same)..];
            let Some((candidate, others)) = same.split_first() else { break };
            same = others;
            if start(run, columns, &block, candidate.row) == Started::Waits {
                let queued =
                    crate::run::Queued { priority: candidate.rank.into(), block: candidate.block, row: candidate.row };
                run.backlog.push(queued);
            }
        }
        run.blocks[first.block.0 as usize] = Some(block);
    }
    let mut candidates = candidates;
    candidates.clear();
    if run.candidates.is_empty() {
        run.candidates = candidates;
    }
}

/// Starts the rows at the head of the list that only take time, as far as there is room; says how many.
fn start_pauses(run: &mut Run, columns: &mut Columns<'_>, block: &Block, candidates: &[Candidate]) -> usize {
    // Where something is scarce, all starts of a frame stand in one order.
    if run.wants.is_some() {
        return 0;
    }
    let span_of = |row: Row| {
        let spec = block.score.spec(row);
        match spec.action {
            Action::Pause(span) if spec.outputs.is_empty() => Some(span),
            _ => None,
        }
    };
    let Some(first) = candidates.first().and_then(|candidate| span_of(candidate.row)) else { return 0 };
    let room = candidates.len().min(run.budget.room() as usize);
    let mut rows = std::mem::take(&mut run.scratch.functions);
    let spans = candidates[..room].iter().map_while(|candidate| Some((candidate.row, span_of(candidate.row)?)));
    let mut mixed = false;
    for (row, span) in spans {
        mixed |= span != first;
        rows.push(row);
    }
    match mixed {
        _ if rows.is_empty() => {}
        false => run.pause(first, block.id, &rows),
        true => pause_by_span(run, block, &rows, |row| span_of(row).unwrap_or_default()),
    }
    run.budget.launch(rows.len() as u32);
    run.start_plain(columns, block, &rows);
    let started = rows.len();
    rows.clear();
    run.scratch.functions = rows;
    started
}

/// Rows that end together are told together, whatever stands between them.
fn pause_by_span(run: &mut Run, block: &Block, rows: &[Row], span_of: impl Fn(Row) -> Duration) {
    const MOST: usize = 16;
    let mut spans = std::mem::take(&mut run.scratch.spans);
    let mut used = 0;
    for row in rows {
        let span = span_of(*row);
        let place = match spans[..used].iter().position(|(known, _)| *known == span) {
            Some(place) => place,
            None => {
                if used == MOST {
                    flush(run, block, &mut spans);
                    used = 0;
                }
                match spans.get_mut(used) {
                    Some(free) => free.0 = span,
                    None => spans.push((span, Vec::new())),
                }
                used += 1;
                used - 1
            }
        };
        spans[place].1.push(*row);
    }
    flush(run, block, &mut spans[..used]);
    run.scratch.spans = spans;
}

fn flush(run: &mut Run, block: &Block, spans: &mut [(Duration, Vec<Row>)]) {
    for (span, rows) in spans {
        run.pause(*span, block.id, rows);
        rows.clear();
    }
}

/// Starts what waits, in the order of priorities, while there is room. Rows that wait for budget step aside for
/// others that need less.
fn start_from_backlog(run: &mut Run, columns: &mut Columns<'_>) {
    let mut aside = Vec::new();
    while run.budget.room() > 0 && aside.len() < 64 {
        let Some(queued) = run.backlog.pop() else { break };
        let Some(block) = run.blocks.get_mut(queued.block.0 as usize).and_then(Option::take) else { continue };
        if columns.status[block.at(queued.row)] == Status::Ready
            && start(run, columns, &block, queued.row) == Started::Waits
        {
            aside.push(queued);
        }
        run.blocks[queued.block.0 as usize] = Some(block);
    }
    run.backlog.extend(aside);
}

#[derive(PartialEq)]
enum Started {
    Now,
    Waits,
}

fn start(run: &mut Run, columns: &mut Columns<'_>, block: &Block, row: Row) -> Started {
    let spec = block.score.spec(row);
    let choice = u32::from(columns.choice[block.at(row)].0);
    if let (Action::Pause(span), true) = (&spec.action, spec.outputs.is_empty()) {
        if run.budget.room() == 0 {
            return Started::Waits;
        }
        run.budget.launch(1);
        if let Some(wants) = &mut run.wants {
            wants.intents.push(Intent { block: block.id, row, choice, what: Start::Pause(*span) });
            return Started::Now;
        }
        run.start(columns, block, row, choice);
        run.pause(*span, block.id, &[row]);
        return Started::Now;
    }
    match run.budget.reserve(need(spec, choice)) {
        Grant::Wait => Started::Waits,
        Grant::Granted(reservation) => {
            if let Some(wants) = &mut run.wants {
                wants.intents.push(Intent { block: block.id, row, choice, what: Start::Call(reservation) });
                return Started::Now;
            }
            run.start(columns, block, row, choice);
            run.outbox.push_back((run.frame, Outgoing::Call(block.id, row, reservation)));
            Started::Now
        }
        Grant::Refused => {
            run.failures.push(over_budget(run, block.id, row));
            Started::Now
        }
    }
}

fn over_budget(run: &Run, block: BlockId, row: Row) -> FailedAttempt {
    let spent = run.budget.spent;
    let message = format!(
        "the budget does not allow the call: ${:.6} and {} tokens are spent",
        spent.cost_micros as f64 / 1e6,
        spent.tokens
    );
    let failure = CallFailure { class: ErrorClass::Budget, message, retry_after: None, usage: Usage::default() };
    FailedAttempt { block, row, failure, last: false }
}

/// The worst case of one call: what the node says, else what its player declares. Deterministic utilities that
/// declare nothing cost nothing.
fn need(spec: &NodeSpec, choice: u32) -> Need {
    let reconstruct = spec.reconstruct.as_ref().filter(|_| is_reconstruction(choice));
    let operation: Option<&Operation> = match &spec.action {
        _ if reconstruct.is_some() => reconstruct.map(|spec| &*spec.operation),
        Action::Call(players) => players.get(choice as usize).map(|player| &**player),
        Action::Function(operation, _) => Some(operation),
        _ => None,
    };
    let free = operation.is_none_or(|operation| !operation.name.starts_with("instrument:"));
    let or_free = |declared: Option<u64>| declared.or(free.then_some(0));
    Need {
        cost_micros: spec.limits.cost_micros.or(or_free(operation.and_then(|operation| operation.worst_cost_micros))),
        tokens: spec.limits.tokens.or(or_free(operation.and_then(|operation| operation.worst_tokens))),
    }
}
