//! Checkpoints: the state of a run as one blob, so that resuming reads the last few frames and not all of them.
//!
//! Layout: one byte of version (2; 1 had columns as lists), then MessagePack of [`State`]. Columns are kept per open
//! block, packed; what can be derived (due rows, groups, ranks) is not kept.

use super::packed::Packed;
use super::validate::validate;
use crate::orchestra::Orchestra;
use crate::run::{Edit, MapState, Run, Tally, UndoEntry};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use symphony_ecs_core::clock::{ClockKind, Time};
use symphony_ecs_core::components::{Attempt, Choice, Cost, Remaining, Status};
use symphony_ecs_core::events::{Place, RunStatus};
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::Usage;
use symphony_ecs_core::value::Value;
use symphony_pit::dag::{Block, Columns, JoinState, NodeTable, Origin, Parent, Slack};

const VERSION: u8 = 2;
const OLDEST: u8 = 1;

/// Bodies that a run can open: their numbers take 8 bytes each.
const MOST_BLOCKS: u32 = 1 << 26;
/// No counter of a run comes near this.
const MOST_COUNTED: u64 = 1 << 53;

#[derive(Serialize, Deserialize)]
struct State {
    time: Time,
    clock: ClockKind,
    seed: u64,
    halting: Option<(RunStatus, String, bool)>,
    spent: Usage,
    tally: Tally,
    notice_seq: u64,
    block_count: u32,
    blocks: Vec<BlockState>,
    maps: Vec<MapItems>,
    tries: Vec<(BlockId, Row, u32)>,
    undo_log: Vec<UndoEntry>,
    timers: Vec<(Time, BlockId, Row, bool)>,
    /// Rows that wait for what their reconstruction takes, with why their players failed.
    #[serde(default)]
    reconstructions: Vec<(BlockId, Row, ErrorClass, String)>,
    /// Edits of the melody that have taken effect, in order.
    #[serde(default)]
    edits: Vec<Edit>,
}

#[derive(Serialize, Deserialize)]
struct BlockState {
    id: BlockId,
    score: u32,
    parent: Option<(BlockId, Row)>,
    place: Place,
    iteration: u32,
    inputs: Vec<Value>,
    values: Vec<Value>,
    joins: Vec<JoinState>,
    status: Packed<Status>,
    remaining: Packed<u32>,
    attempt: Packed<u16>,
    choice: Packed<u8>,
    cost: Packed<u32>,
    #[serde(default)]
    origin: Origin,
    /// When rows began and how they stand, and how long they took, if the run is tracked.
    #[serde(default)]
    head: Packed<u64>,
    #[serde(default)]
    took: Packed<u64>,
}

#[derive(Serialize, Deserialize)]
struct MapItems {
    block: BlockId,
    row: Row,
    items: Vec<Value>,
    next: u32,
    open: u32,
    results: Vec<Option<Vec<Value>>>,
    #[serde(default)]
    origin: Origin,
}

/// Encodes the state of a run; `None` while undos play (they are few, and replayed from the frames).
pub fn encode(run: &Run, columns: &Columns<'_>) -> Option<Vec<u8>> {
    let block_state = |block: &Block| {
        let rows = block.base as usize..(block.base + block.rows()) as usize;
        let slack = run.tracking.as_ref().and_then(|tracking| tracking.slack(block.id)).map(Slack::kept);
        let (head, took) = slack.unwrap_or_default();
        BlockState {
            id: block.id,
            score: block.score_ix,
            parent: block.parent.map(|parent| (parent.block, parent.row)),
            place: block.place,
            iteration: block.iteration,
            inputs: block.inputs.clone(),
            values: block.values.clone(),
            joins: block.joins.clone(),
            status: columns.status[rows.clone()].iter().copied().collect(),
            remaining: columns.remaining[rows.clone()].iter().map(|remaining| remaining.0).collect(),
            attempt: columns.attempt[rows.clone()].iter().map(|attempt| attempt.0).collect(),
            choice: columns.choice[rows.clone()].iter().map(|choice| choice.0).collect(),
            cost: columns.cost[rows].iter().map(|cost| cost.0).collect(),
            origin: block.origin.clone(),
            // The bits of how a row stands come first, so that most words are short.
            head: head.iter().map(|head| head.rotate_left(2)).collect(),
            took: Packed(took.to_vec()),
        }
    };
    let halting = run.halting.as_ref();
    if halting.is_some_and(|halting| halting.undoing.is_some()) {
        return None;
    }
    let maps = run.maps.iter().map(|((block, row), map)| MapItems {
        block: *block,
        row: *row,
        items: map.items.to_vec(),
        next: map.next,
        open: map.open,
        results: map.results.clone(),
        origin: map.origin.clone(),
    });
    let reconstructions = run.reconstructions.iter().map(|((id, row), (class, why))| (*id, *row, *class, why.clone()));
    let state = State {
        time: run.now,
        clock: run.clock,
        seed: run.seed,
        halting: halting.map(|halting| (halting.status, halting.reason.clone(), halting.compensate)),
        spent: run.budget.spent,
        tally: run.tally,
        notice_seq: run.notice_seq,
        block_count: run.block_count() as u32,
        blocks: run.blocks().map(block_state).collect(),
        maps: maps.collect(),
        tries: run.tries.iter().map(|((block, row), tries)| (*block, *row, *tries)).collect(),
        undo_log: run.undo_log.clone(),
        timers: run.durable_timers(),
        reconstructions: reconstructions.collect(),
        edits: run.edits.clone(),
    };
    let mut blob = vec![VERSION];
    rmp_serde::encode::write(&mut blob, &state).ok()?;
    Some(blob)
}

/// Puts a checkpoint's state into a fresh run. The error says what does not fit.
pub(crate) fn decode(orchestra: &mut Orchestra, run: &mut Run, blob: &[u8]) -> Result<(), String> {
    let body = match blob.split_first() {
        Some((&(OLDEST..=VERSION), body)) => body,
        _ => return Err("the checkpoint is of an unknown version".to_owned()),
    };
    let state: State = rmp_serde::from_slice(body).map_err(|error| format!("checkpoint: {error}"))?;
    run.now = state.time;
    run.clock = state.clock;
    run.seed = state.seed;
    run.tally = state.tally;
    run.notice_seq = state.notice_seq;
    run.budget.book(state.spent);
    run.undo_log = state.undo_log;
    run.tries = state.tries.into_iter().map(|(block, row, tries)| ((block, row), tries)).collect();
    if state.block_count > MOST_BLOCKS || state.notice_seq > MOST_COUNTED || state.tally.nodes > MOST_COUNTED {
        return Err("checkpoint: it counts more than a run can hold".to_owned());
    }
    for edit in state.edits {
        let score = run.rescored(&edit).map_err(|why| format!("checkpoint: an edit of the melody: {why}"))?;
        run.adopt(edit, &score);
    }
    run.blocks.resize_with(state.block_count as usize, || None);
    for block in state.blocks {
        restore_block(orchestra, run, block)?;
    }
    for map in state.maps {
        let MapItems { block, row, items, next, open, results, origin } = map;
        run.maps.insert((block, row), MapState { items: Arc::new(items), next, open, results, origin });
    }
    run.reconstructions =
        state.reconstructions.into_iter().map(|(id, row, class, why)| ((id, row), (class, why))).collect();
    let (world, nodes) = orchestra.world();
    validate(run, &Columns::of(nodes.query_mut(world))).map_err(|why| format!("checkpoint: {why}"))?;
    for (at, block, row, approval) in state.timers {
        if run.block(block).is_none_or(|block| row.0 >= block.rows()) {
            return Err("checkpoint: a timer for a row that is not there".to_owned());
        }
        run.plan_durable(at, block, row, approval);
    }
    if let Some((status, reason, compensate)) = state.halting {
        let (noticing, seq) = (run.noticing, run.notice_seq);
        run.noticing = false;
        run.halt(status, reason, compensate);
        run.noticing = noticing;
        run.notice_seq = seq;
    }
    Ok(())
}

fn restore_block(orchestra: &mut Orchestra, run: &mut Run, state: BlockState) -> Result<(), String> {
    let score = run.scores.get(state.score as usize).cloned().ok_or("checkpoint: a body of an unknown score")?;
    let rows = score.rows() as usize;
    let BlockState { status, remaining, attempt, choice, cost, .. } = &state;
    let lengths = [status.0.len(), remaining.0.len(), attempt.0.len(), choice.0.len(), cost.0.len()];
    if lengths.iter().any(|length| *length != rows)
        || state.values.len() != score.slot_count()
        || state.joins.len() != score.joins.len()
    {
        return Err("checkpoint: a body does not have the shape of its score".to_owned());
    }
    let (world, nodes) = orchestra.world();
    let base = loop {
        match world.resource_mut::<NodeTable>().take(score.rows()) {
            Some(base) => break base,
            None => NodeTable::grow(world, score.rows()),
        }
    };
    let columns = Columns::of(nodes.query_mut(world));
    for row in 0..rows {
        let at = base as usize + row;
        columns.status[at] = state.status.0[row];
        columns.remaining[at] = Remaining(state.remaining.0[row]);
        columns.attempt[at] = Attempt(state.attempt.0[row]);
        columns.choice[at] = Choice(state.choice.0[row]);
        columns.cost[at] = Cost(state.cost.0[row]);
    }
    let open = state.status.0.iter().filter(|status| !status.is_over()).count() as u32;
    let place = state.id.0 as usize;
    let mut block = Block {
        id: state.id,
        score_ix: state.score,
        score,
        base,
        parent: state.parent.map(|(block, row)| Parent { block, row }),
        place: state.place,
        iteration: state.iteration,
        inputs: state.inputs,
        values: state.values,
        joins: state.joins,
        groups: Vec::new(),
        open,
        due: Vec::new(),
        origin: state.origin,
    };
    block.find_groups(&columns);
    if let Some(tracking) = &mut run.tracking {
        let head = state.head.0.into_iter().map(|head| head.rotate_right(2)).collect();
        let kept = Slack::restored(&block.score.topology, head, state.took.0);
        // If it was not tracked, what has begun is known, and that it was by now.
        tracking.restore(&block, kept, &state.status.0, run.now);
    }
    match run.blocks.get_mut(place) {
        Some(free @ None) => *free = Some(Box::new(block)),
        _ => return Err("checkpoint: a body has no number, or another's".to_owned()),
    }
    Ok(())
}
