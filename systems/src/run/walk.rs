//! The walk: everything that follows from finished rows without a decision, a player of the stage or a disk.
//!
//! Due rows are looked at (blocked? condition? inputs? approval?), functions of this process are played, bodies open
//! and close, and what they give makes further rows due, until nothing moves. The walk is bounded by a number of
//! rows, not by a time, so that it does the same on every machine.

use super::Run;
use super::reuse::Looked;
use super::values::{AbsentInput, Scope};
use rayon::prelude::*;
use std::time::{Duration, Instant};
use symphony_ecs_core::components::{Attempt, Status};
use symphony_ecs_core::events::{SkipReason, What};
use symphony_ecs_core::identity::CallIdentity;
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_ecs_core::ports::{CallFailure, Candidate, InProcessCall, SettingValue, Usage};
use symphony_ecs_core::score::{Action, Marks, NodeSpec};
use symphony_ecs_core::value::{SPILLED, Value};
use symphony_pit::dag::{Block, Columns, NodeTable};

/// Rows of the world, as a run sees them while it walks.
pub struct World<'a, 'w> {
    /// All columns.
    pub columns: &'a mut Columns<'w>,
    /// Which rows are taken.
    pub table: &'a mut NodeTable,
}

/// Why a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// Nothing moves any more.
    Quiet,
    /// Bodies need this many more rows of the world.
    Grow(u32),
    /// The frame has done enough; the next one goes on.
    Paused,
}

/// Functions that are played in turn before the question is asked whether the others should be spread.
const SPREAD: usize = 64;

/// When that many functions take longer than this, the rest of their wave is spread over the threads. Waking threads
/// costs some microseconds, and so do results that move between caches; most functions are done by then.
const SLOW: Duration = Duration::from_micros(200);

/// Waves from this size on are walked in the order of their rows: their columns are then read forward.
const WIDE: usize = 64;

/// Puts rows, each of which is there once, in order: over a set of bits where they stand close together.
fn in_row_order(rows: &mut Vec<u32>, words: &mut Vec<u64>) {
    let (Some(first), Some(last)) = (rows.iter().min().copied(), rows.iter().max().copied()) else { return };
    let base = first / 64;
    let span = (last / 64 - base) as usize + 1;
    if span > rows.len() * 8 {
        return rows.sort_unstable();
    }
    words.clear();
    words.resize(span, 0);
    rows.iter().for_each(|row| words[(row / 64 - base) as usize] |= 1 << (row % 64));
    rows.clear();
    for (word, place) in words.iter().zip(base..) {
        let mut left = *word;
        while left != 0 {
            rows.push(place * 64 + left.trailing_zeros());
            left &= left - 1;
        }
    }
}

impl Run {
    /// Walks until nothing moves, the world must grow, or `limit` rows were looked at.
    pub(crate) fn walk(&mut self, world: &mut World<'_, '_>, limit: &mut u32) -> Walk {
        loop {
            while let Some(route) = self.routes.front() {
                // Alarms of this frame may have begun something since somebody looked.
                if let Some(why) = self.objection(world.columns, &route.edit, &route.score) {
                    self.routes.pop_front();
                    let message = format!("the edit came too late: {why}");
                    self.mention(None, What::Log { level: "warn".to_owned(), message });
                    continue;
                }
                let Some(base) = world.table.take(route.score.rows()) else { return Walk::Grow(route.score.rows()) };
                if let Some(route) = self.routes.pop_front() {
                    self.reroute(world.columns, base, route);
                }
            }
            while let Some(opening) = self.to_open.front() {
                let Some(base) = world.table.take(opening.score.rows()) else {
                    let rows = self.to_open.iter().map(|opening| opening.score.rows());
                    return Walk::Grow(rows.fold(0, u32::saturating_add));
                };
                if let Some(opening) = self.to_open.pop_front() {
                    self.open(world.columns, base, opening);
                }
            }
            if self.halting.is_some() || self.is_over() {
                self.dirty.clear();
                return Walk::Quiet;
            }
            let Some(id) = self.dirty.pop_front() else { return Walk::Quiet };
            if *limit == 0 {
                self.dirty.push_back(id);
                return Walk::Paused;
            }
            let Some(mut block) = self.blocks.get_mut(id.0 as usize).and_then(Option::take) else { continue };
            self.visit(world.columns, &mut block, limit);
            if block.open == 0 && block.due.is_empty() {
                self.body_over(world.columns, block);
            } else {
                if !block.due.is_empty() && self.halting.is_none() {
                    self.dirty.push_back(id);
                }
                self.blocks[id.0 as usize] = Some(block);
            }
        }
    }

    fn visit(&mut self, columns: &mut Columns<'_>, block: &mut Block, limit: &mut u32) {
        let mut wave = std::mem::take(&mut self.scratch.wave);
        let mut functions = std::mem::take(&mut self.scratch.functions);
        let score = std::sync::Arc::clone(&block.score);
        while !block.due.is_empty() && *limit > 0 && self.halting.is_none() {
            std::mem::swap(&mut wave, &mut block.due);
            if wave.len() >= WIDE {
                in_row_order(&mut wave, &mut self.scratch.words);
            }
            *limit = limit.saturating_sub(wave.len() as u32);
            let busy = Marks::GATED.and(Marks::IN_PROCESS).and(Marks::COMPOSITE);
            let ahead = self.ahead;
            let asked = self.asked.clone().filter(|_| block.parent.is_none());
            for row in wave.drain(..) {
                let at = (block.base + row) as usize;
                let row = Row(row);
                let marks = score.marks[row.ix()];
                if ahead && columns.status[at] != Status::Pending {
                    continue;
                }
                if asked.as_deref().is_some_and(|asked| asked.get(row.ix()) == Some(&false)) {
                    self.skip(columns, block, row, SkipReason::NotAsked);
                } else if columns.remaining[at].is_blocked() {
                    self.skip(columns, block, row, SkipReason::Upstream);
                } else if !marks.any(busy) {
                    self.ready(columns, block, row);
                } else if !marks.any(Marks::GATED.and(Marks::COMPOSITE)) && self.failures.is_empty() {
                    functions.push(row);
                } else if let Some(row) = self.gate(columns, block, row) {
                    if marks.any(Marks::IN_PROCESS) && self.failures.is_empty() {
                        functions.push(row);
                    } else {
                        self.admit(columns, block, row);
                    }
                }
            }
            self.play_functions(columns, block, &mut functions);
        }
        self.scratch.wave = wave;
        self.scratch.functions = functions;
    }

    /// The row waits for a decision from now on, unless it takes over the result of an equal call.
    fn ready(&mut self, columns: &mut Columns<'_>, block: &mut Block, row: Row) {
        if self.reusing.is_some() && self.look_up(columns, block, row) == Looked::Reused {
            return;
        }
        columns.status[block.at(row)] = Status::Ready;
        self.candidates.push(Candidate { block: block.id, row, rank: block.score.rank[row.ix()] });
    }

    /// Looks at condition, inputs and approval. Gives the row back if it may play now.
    fn gate(&mut self, columns: &mut Columns<'_>, block: &mut Block, row: Row) -> Option<Row> {
        let score = std::sync::Arc::clone(&block.score);
        if !score.marks[row.ix()].any(Marks::GATED) {
            return Some(row);
        }
        let spec = score.spec(row);
        if let Some((expr, names)) = &spec.condition {
            let reason = match Scope::of(block).eval(expr, names) {
                Ok(Value::Bool(true)) => None,
                Ok(Value::Bool(false)) => Some(SkipReason::Condition),
                Ok(_) => Some(SkipReason::ConditionAbsent(format!("`{}` is not a truth value", expr.text()))),
                Err(why) => Some(SkipReason::ConditionAbsent(format!("`{}`: {why}", expr.text()))),
            };
            if let Some(reason) = reason {
                self.skip(columns, block, row, reason);
                return None;
            }
        }
        let mut inputs = std::mem::take(&mut self.scratch.inputs);
        let gathered = Scope::of(block).inputs(row, &mut inputs);
        inputs.clear();
        self.scratch.inputs = inputs;
        if let Err(AbsentInput(why)) = gathered {
            self.skip(columns, block, row, SkipReason::InputAbsent(why));
            return None;
        }
        if let Some(approve) = &spec.approve {
            // Nobody is asked about what does not play.
            if self.look_up(columns, block, row) == Looked::Reused {
                return None;
            }
            let until = approve.timeout.map(|span| self.now.after(span));
            self.ask(columns, block, row, until);
            return None;
        }
        Some(row)
    }

    /// Lets a row play that has passed its gate: at once if it can, else it becomes a candidate.
    pub(crate) fn admit(&mut self, columns: &mut Columns<'_>, block: &mut Block, row: Row) {
        let marks = block.score.marks[row.ix()];
        if marks.any(Marks::COMPOSITE) {
            self.begin_body(columns, block, row);
        } else if marks.any(Marks::IN_PROCESS) {
            self.play_functions(columns, block, &mut vec![row]);
        } else {
            self.ready(columns, block, row);
        }
    }

    /// Plays functions of this process; many slow ones on all threads. Results are applied in the order of the rows,
    /// so nothing depends on the number of threads or on what was found to be slow.
    fn play_functions(&mut self, columns: &mut Columns<'_>, block: &mut Block, rows: &mut Vec<Row>) {
        // A function with an optional input sees what those before it in the wave have just given.
        let ordered = rows.iter().any(|row| block.score.marks[row.ix()].any(Marks::OPTIONAL));
        let mut played = 0;
        for some in rows.chunks(SPREAD) {
            let begun = (!ordered && rows.len() > SPREAD).then(Instant::now);
            self.play_in_turn(columns, block, some);
            played += some.len();
            if begun.is_some_and(|begun| begun.elapsed() > SLOW) {
                break;
            }
        }
        if played < rows.len() {
            self.play_spread(columns, block, &rows[played..]);
        }
        rows.clear();
    }

    fn play_spread(&mut self, columns: &mut Columns<'_>, block: &mut Block, rows: &[Row]) {
        let mut missed = Vec::with_capacity(rows.len());
        for row in rows {
            if let Looked::Plays(identity) = self.look_up(columns, block, *row) {
                missed.push((*row, identity));
            }
        }
        let shared = &*block;
        let tries = &self.tries;
        let played: Vec<_> = missed
            .par_iter()
            .map(|(row, identity)| {
                let (mut inputs, mut results) = (Vec::new(), Vec::new());
                let tries = tries.get(&(shared.id, *row)).copied().unwrap_or(0);
                let outcome = call_function(shared, *row, tries, &mut inputs, &mut results);
                (*row, *identity, outcome, results)
            })
            .collect();
        for (row, identity, outcome, mut results) in played {
            self.function_played(columns, block, row, identity, outcome, &mut results);
        }
    }

    fn play_in_turn(&mut self, columns: &mut Columns<'_>, block: &mut Block, rows: &[Row]) {
        let mut inputs = std::mem::take(&mut self.scratch.inputs);
        let mut results = std::mem::take(&mut self.scratch.results);
        for row in rows {
            let Looked::Plays(identity) = self.look_up(columns, block, *row) else { continue };
            let tries = if self.tries.is_empty() { None } else { self.tries.get(&(block.id, *row)).copied() };
            let outcome = call_function(block, *row, tries.unwrap_or(0), &mut inputs, &mut results);
            self.function_played(columns, block, *row, identity, outcome, &mut results);
        }
        inputs.clear();
        results.clear();
        self.scratch.inputs = inputs;
        self.scratch.results = results;
    }

    fn function_played(
        &mut self,
        columns: &mut Columns<'_>,
        block: &mut Block,
        row: Row,
        identity: Option<CallIdentity>,
        outcome: Played,
        results: &mut [Value],
    ) {
        let at = block.at(row);
        match outcome {
            Played::Done => {
                columns.attempt[at] = Attempt(columns.attempt[at].0.saturating_add(1));
                self.keep(identity, results);
                self.finish(columns, block, row, results, Usage::default());
            }
            // A value that lives in the store must be read first, and the frame does not wait for a disk.
            Played::Spilled => self.ready(columns, block, row),
            Played::Absent(why) => self.skip(columns, block, row, SkipReason::InputAbsent(why)),
            Played::Failed(failure) => {
                columns.attempt[at] = Attempt(columns.attempt[at].0.saturating_add(1));
                columns.status[at] = Status::Running;
                self.failures.push(super::FailedAttempt { block: block.id, row, failure, last: false });
            }
        }
    }

    /// Looks at a row again after an alarm or an approval.
    pub(crate) fn readmit(&mut self, columns: &mut Columns<'_>, id: BlockId, row: Row) {
        let Some(mut block) = self.blocks.get_mut(id.0 as usize).and_then(Option::take) else { return };
        self.admit(columns, &mut block, row);
        self.blocks[id.0 as usize] = Some(block);
        self.dirty.push_back(id);
    }
}

enum Played {
    Done,
    Spilled,
    Absent(String),
    Failed(CallFailure),
}

fn call_function(block: &Block, row: Row, tries: u32, inputs: &mut Vec<Value>, results: &mut Vec<Value>) -> Played {
    let spec = block.score.spec(row);
    let Action::Function(_, function) = &spec.action else { return Played::Spilled };
    if let Err(AbsentInput(why)) = Scope::of(block).inputs(row, inputs) {
        return Played::Absent(why);
    }
    if inputs.iter().any(is_spilled) {
        return Played::Spilled;
    }
    // What was taken from the last row is absent already.
    results.iter_mut().for_each(|result| *result = Value::Absent);
    results.resize_with(block.score.slots(row).len(), Value::default);
    let varied;
    let settings: &[(std::sync::Arc<str>, SettingValue)] = match spec.with.is_empty() {
        true => &[],
        false => {
            varied = super::settings::for_attempt(spec, tries + 1);
            &varied
        }
    };
    let mut call = InProcessCall { input_names: &spec.input_names, inputs, settings, outputs: &spec.outputs, results };
    match function.play(&mut call) {
        Ok(()) => fit_results(block, spec, results),
        Err(failure) => Played::Failed(failure),
    }
}

/// Checks a function's results against its ports.
fn fit_results(block: &Block, spec: &NodeSpec, results: &mut [Value]) -> Played {
    for (port, value) in spec.outputs.iter().zip(&mut *results) {
        if !super::flights::fits_at_a_glance(&port.ty, value) {
            match super::flights::fit(port, value, &block.score.schemas) {
                Ok(fitted) => *value = fitted,
                Err(failure) => return Played::Failed(failure),
            }
        }
    }
    match super::values::pass_gate(&block.score, spec, results) {
        Ok(()) => Played::Done,
        Err(failure) => Played::Failed(failure),
    }
}

/// Whether the value lives in the Artifact Store because it is large.
pub(crate) fn is_spilled(value: &Value) -> bool {
    matches!(value, Value::Artifact(artifact) if artifact.media_type == SPILLED)
}

#[cfg(test)]
mod tests {
    use super::in_row_order;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_are_put_in_order(mut rows in prop::collection::hash_set(0u32..5_000, 0..300), far in any::<bool>()) {
            if far {
                rows.insert(u32::MAX);
            }
            let mut rows: Vec<u32> = rows.into_iter().collect();
            let mut expected = rows.clone();
            expected.sort_unstable();
            in_row_order(&mut rows, &mut Vec::new());
            prop_assert_eq!(rows, expected);
        }
    }
}
