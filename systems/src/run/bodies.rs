//! Bodies: nested melodies, loops and maps open blocks of their own, and what those give becomes the composite
//! row's output.

use super::values::{Scope, body_outputs, inputs_as_map, pass_gate};
use super::{FailedAttempt, Run};
use std::sync::Arc;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::{Event, Place, RunStatus, SkipReason, What};
use symphony_ecs_core::expr::{Names, SETTINGS};
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{CallFailure, Usage};
use symphony_ecs_core::score::{Action, LoopSpec, MapSpec, Score};
use symphony_ecs_core::value::Value;
use symphony_pit::dag::{Block, Columns, Origin, Parent};

/// A body that is about to open.
#[derive(Debug)]
pub(crate) struct Opening {
    pub score: Arc<Score>,
    pub parent: Option<Parent>,
    pub place: Place,
    pub inputs: Vec<Value>,
}

/// A map that plays.
#[derive(Debug)]
pub(crate) struct MapState {
    pub items: Arc<Vec<Value>>,
    /// The next item to open.
    pub next: u32,
    /// Items that play.
    pub open: u32,
    /// Outputs of finished items; `None` for those that are open or left out.
    pub results: Vec<Option<Vec<Value>>>,
    /// Where what its items gave came from.
    pub origin: Origin,
}

impl Run {
    /// Plays a composite row: opens its body, or the first of its bodies.
    pub(crate) fn begin_body(&mut self, columns: &mut Columns<'_>, block: &mut Block, row: Row) {
        let score = Arc::clone(&block.score);
        let spec = score.spec(row);
        let mut values = Vec::new();
        if let Err(why) = Scope::of(block).inputs(row, &mut values) {
            return self.skip(columns, block, row, SkipReason::InputAbsent(why.0));
        }
        let parent = Some(Parent { block: block.id, row });
        match &spec.action {
            Action::Nested(body) => {
                self.start(columns, block, row, 0);
                let inputs = Self::body_inputs(body, &spec.input_names, &values);
                self.to_open.push_back(Opening { score: Arc::clone(body), parent, place: Place::Nested, inputs });
            }
            Action::Loop(spec_) => {
                self.start(columns, block, row, 0);
                let inputs = Self::body_inputs(&spec_.body, &spec.input_names, &values);
                let score = Arc::clone(&spec_.body);
                self.to_open.push_back(Opening { score, parent, place: Place::Loop, inputs });
            }
            Action::Map(map) => self.begin_map(columns, block, row, map),
            Action::Call(_) | Action::Function(..) | Action::Pause(_) => {}
        }
    }

    fn begin_map(&mut self, columns: &mut Columns<'_>, block: &mut Block, row: Row, map: &MapSpec) {
        let items = match Scope::of(block).gather(&map.over) {
            Err(why) => {
                return self.skip(columns, block, row, SkipReason::InputAbsent(format!("`map.over`: {}", why.0)));
            }
            Ok(Value::List(items)) => items,
            Ok(other) => {
                self.start(columns, block, row, 0);
                let message = format!("`map.over` must give a list, and gave {}", in_brief(&other));
                let failure = CallFailure {
                    class: ErrorClass::InvalidOutput,
                    message,
                    retry_after: None,
                    usage: Usage::default(),
                };
                return self.failures.push(FailedAttempt { block: block.id, row, failure, last: false });
            }
        };
        self.start(columns, block, row, 0);
        let results = vec![None; items.len()];
        self.maps.insert((block.id, row), MapState { items, next: 0, open: 0, results, origin: Origin::default() });
        self.feed_map(columns, block, row, map);
    }

    /// Opens further items while there is room for them; finishes the map when all are over.
    fn feed_map(&mut self, columns: &mut Columns<'_>, block: &mut Block, row: Row, map: &MapSpec) {
        let Some(state) = self.maps.get_mut(&(block.id, row)) else { return };
        while state.open < map.max_parallel && (state.next as usize) < state.items.len() {
            let index = state.next;
            let scope = Scope { block, item: Some((&state.items[index as usize], index)) };
            let inputs = map.item_inputs.iter().map(|gather| scope.gather(gather).unwrap_or_default()).collect();
            let parent = Some(Parent { block: block.id, row });
            self.to_open.push_back(Opening { score: Arc::clone(&map.body), parent, place: Place::Item(index), inputs });
            state.next += 1;
            state.open += 1;
        }
        if state.open == 0 && state.next as usize == state.items.len() {
            let ports = block.score.slots(row).len();
            let (results, origin) =
                self.maps.remove(&(block.id, row)).map(|state| (state.results, state.origin)).unwrap_or_default();
            let mut lists = vec![Vec::new(); ports];
            for result in results.into_iter().flatten() {
                for (list, value) in lists.iter_mut().zip(result) {
                    list.push(value);
                }
            }
            let mut outputs: Vec<Value> = lists.into_iter().map(Value::list).collect();
            self.finish_body(columns, block, row, &mut outputs, origin);
        }
    }

    /// A composite row is over: it was played if anything in its bodies was.
    fn finish_body(
        &mut self,
        columns: &mut Columns<'_>,
        block: &mut Block,
        row: Row,
        outputs: &mut [Value],
        origin: Origin,
    ) {
        block.origin.add(origin.clone());
        match origin {
            Origin::Reused(run) => self.reuse(columns, block, row, outputs, run),
            Origin::Played | Origin::Nowhere => self.finish(columns, block, row, outputs, Usage::default()),
        }
    }

    /// The melody itself will open with the first frame, and its time begins to run.
    pub(crate) fn open_root(&mut self, options: &crate::options::RunOptions) {
        let score = Arc::clone(&self.scores[0]);
        let given = |place: usize| options.inputs.get(place).filter(|value| value.is_present()).cloned();
        let inputs = score.inputs.iter().enumerate();
        let inputs = inputs.map(|(place, spec)| given(place).or_else(|| spec.default.clone()).unwrap_or_default());
        let inputs = inputs.collect();
        self.to_open.push_back(Opening { score, parent: None, place: Place::Root, inputs });
        self.set_wall(options.limits.wall);
    }

    /// A block opens on rows of the world that were taken for it.
    pub(crate) fn open(&mut self, columns: &mut Columns<'_>, base: u32, opening: Opening) -> BlockId {
        let Opening { score, parent, place, inputs } = opening;
        let id = BlockId(self.blocks.len() as u32);
        self.emit(|| Event::Opened {
            block: id,
            parent: parent.map(|parent| (parent.block, parent.row)),
            place,
            inputs: inputs.clone(),
        });
        let score_ix = self.score_ix(&score);
        let mut block = Box::new(Block { score_ix, parent, place, inputs, ..Block::new(id, score, base) });
        block.arm(columns);
        if let Some(tracking) = &mut self.tracking {
            tracking.opened(&block);
        }
        self.tally.nodes += u64::from(block.rows());
        if self.noticing && parent.is_some() && !matches!(place, Place::Item(_)) {
            self.note_body(&block);
        }
        self.blocks.push(Some(block));
        self.dirty.push_back(id);
        id
    }

    fn note_body(&mut self, block: &Block) {
        let path = self.body_path(block);
        let (melody, nodes) = (block.score.name.to_string(), block.rows());
        self.note(|| (Some(path), What::BodyOpened { melody, nodes }));
    }

    /// A recorded event says that a body opened (replay).
    pub(crate) fn replay_open(
        &mut self,
        columns: &mut Columns<'_>,
        base: u32,
        score: Arc<Score>,
        parent: Option<Parent>,
        place: Place,
        inputs: Vec<Value>,
    ) {
        if let (Some(parent), Place::Item(index)) = (parent, place)
            && let Some(state) = self.maps.get_mut(&(parent.block, parent.row))
        {
            state.open += 1;
            state.next = state.next.max(index.saturating_add(1));
        }
        self.open(columns, base, Opening { score, parent, place, inputs });
    }

    /// A recorded event says that a composite row began; if it is a map, its items are found again (replay).
    pub(crate) fn replay_map(&mut self, block: &Block, row: Row) {
        if let Action::Map(map) = &block.score.spec(row).action
            && let Ok(Value::List(items)) = Scope::of(block).gather(&map.over)
        {
            let results = vec![None; items.len()];
            let origin = Origin::default();
            self.maps.insert((block.id, row), MapState { items, next: 0, open: 0, results, origin });
        }
    }

    /// A recorded event says that a row is over; if it is a map, its items are forgotten (replay).
    pub(crate) fn replay_map_over(&mut self, block: &mut Block, row: Row) {
        if let Some(state) = self.maps.remove(&(block.id, row)) {
            block.origin.add(state.origin);
        }
    }

    /// A recorded event says that an item's body closed (replay).
    pub(crate) fn item_closed(&mut self, parent: Parent, index: u32, outputs: Option<Vec<Value>>, origin: Origin) {
        if let Some(state) = self.maps.get_mut(&(parent.block, parent.row)) {
            state.open = state.open.saturating_sub(1);
            state.origin.add(origin);
            if let Some(result) = state.results.get_mut(index as usize) {
                *result = outputs;
            }
        }
    }

    /// A composite row was playing when the process died: what had not opened yet opens now.
    pub(crate) fn reopen_body(&mut self, block: &mut Block, row: Row) {
        let score = Arc::clone(&block.score);
        let spec = score.spec(row);
        let parent = Parent { block: block.id, row };
        if let Action::Map(_) = &spec.action {
            return self.hungry_maps.push((block.id, row));
        }
        if self.blocks().any(|open| open.parent == Some(parent)) {
            return;
        }
        let mut values = Vec::new();
        if Scope::of(block).inputs(row, &mut values).is_err() {
            return;
        }
        let (body, place) = match &spec.action {
            Action::Nested(body) => (body, Place::Nested),
            Action::Loop(repeat) => (&repeat.body, Place::Loop),
            _ => return,
        };
        let inputs = Self::body_inputs(body, &spec.input_names, &values);
        self.to_open.push_back(Opening { score: Arc::clone(body), parent: Some(parent), place, inputs });
    }

    /// Maps that were restored take up their next items.
    pub(crate) fn feed_hungry_maps(&mut self, columns: &mut Columns<'_>) {
        for (id, row) in std::mem::take(&mut self.hungry_maps) {
            let Some(mut block) = self.blocks.get_mut(id.0 as usize).and_then(Option::take) else { continue };
            let score = Arc::clone(&block.score);
            if let Action::Map(map) = &score.spec(row).action {
                self.feed_map(columns, &mut block, row, map);
            }
            self.blocks[id.0 as usize] = Some(block);
            self.dirty.push_back(id);
        }
    }

    /// Blocks that ever opened.
    pub(crate) fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// All rows of a block are over.
    pub(crate) fn body_over(&mut self, columns: &mut Columns<'_>, mut block: Box<Block>) {
        let (id, place) = (block.id, block.place);
        let outputs = body_outputs(&block);
        let Some(parent) = block.parent else {
            self.blocks[id.0 as usize] = Some(block);
            return self.end(RunStatus::Completed, outputs);
        };
        let Some(score) = self.block(parent.block).map(|above| Arc::clone(&above.score)) else { return };
        let spec = score.spec(parent.row);
        if let (Action::Loop(repeat), Place::Loop) = (&spec.action, place)
            && !self.loop_is_over(&block, repeat, &outputs)
        {
            let mut inputs = std::mem::take(&mut block.inputs);
            for (output, input) in &repeat.carry {
                match outputs.get(*output as usize) {
                    Some(value) if value.is_present() => inputs[*input as usize] = value.clone(),
                    _ => {}
                }
            }
            let iteration = block.iteration + 1;
            // The block above stays in its place: the path of the next iteration is told through it.
            self.iterate(columns, &mut block, iteration, inputs);
            self.blocks[id.0 as usize] = Some(block);
            self.dirty.push_back(id);
            return;
        }
        let Some(mut above) = self.blocks.get_mut(parent.block.0 as usize).and_then(Option::take) else { return };
        match (&spec.action, place) {
            (Action::Map(map), Place::Item(index)) => {
                let played = columns.status[block.at(Row(0))] == Status::Done;
                if let Some(state) = self.maps.get_mut(&(parent.block, parent.row)) {
                    state.open -= 1;
                    state.results[index as usize] = played.then(|| std::mem::take(&mut block.values));
                    state.origin.add(std::mem::take(&mut block.origin));
                }
                self.bury(*block);
                self.feed_map(columns, &mut above, parent.row, map);
                self.dirty.push_back(parent.block);
            }
            _ => {
                let named = block.score.outputs.iter().map(|output| &*output.name).zip(outputs);
                let named: std::collections::BTreeMap<&str, Value> = named.collect();
                let port = |port: &symphony_ecs_core::ports::Port| named.get(&*port.name).cloned().unwrap_or_default();
                let mut outputs: Vec<Value> = spec.outputs.iter().map(port).collect();
                drop(named);
                let origin = std::mem::take(&mut block.origin);
                self.bury(*block);
                match pass_gate(&above.score, spec, &outputs) {
                    Ok(()) => self.finish_body(columns, &mut above, parent.row, &mut outputs, origin),
                    Err(failure) => {
                        self.failures.push(FailedAttempt { block: above.id, row: parent.row, failure, last: false });
                    }
                }
                self.dirty.push_back(parent.block);
            }
        }
        self.blocks[parent.block.0 as usize] = Some(above);
    }

    /// A loop's body starts over.
    pub(crate) fn iterate(&mut self, columns: &mut Columns<'_>, block: &mut Block, iteration: u32, inputs: Vec<Value>) {
        self.emit(|| Event::Iterated { block: block.id, iteration, inputs: inputs.clone() });
        block.iteration = iteration;
        block.inputs = inputs;
        block.arm(columns);
        if let Some(tracking) = &mut self.tracking {
            tracking.opened(block);
        }
        self.tally.nodes += u64::from(block.rows());
        if self.noticing {
            self.note_body(block);
        }
    }

    fn loop_is_over(&self, block: &Block, repeat: &LoopSpec, outputs: &[Value]) -> bool {
        if block.iteration + 1 >= repeat.max {
            return true;
        }
        let Some(until) = &repeat.until else { return false };
        until.eval(&LoopScope { block, outputs }) == Ok(Value::Bool(true))
    }

    /// Takes a block out of play; its rows go back to the world when the frame ends.
    pub(crate) fn bury(&mut self, block: Block) {
        let id = block.id;
        self.emit(|| Event::Closed { block: id });
        self.reconstructions.retain(|(at, _), _| *at != id);
        if let Some(tracking) = &mut self.tracking {
            tracking.closed(id);
        }
        self.closed.push(block);
    }

    /// A body failed and nothing in it said what then: everything below its composite row is stopped, and the row
    /// itself has failed.
    pub(crate) fn body_failed(
        &mut self,
        columns: &mut Columns<'_>,
        parent: Parent,
        class: ErrorClass,
        message: String,
    ) {
        let below: Vec<BlockId> =
            self.blocks().filter(|block| self.is_below(block, parent)).map(|block| block.id).collect();
        self.to_open
            .retain(|opening| opening.parent.is_none_or(|above| above != parent && !below.contains(&above.block)));
        for id in below.iter().rev() {
            self.orphan_flights(*id);
            if let Some(mut block) = self.blocks[id.0 as usize].take() {
                self.stop_active(columns, &mut block);
                self.maps.retain(|(map, _), _| map != id);
                self.bury(*block);
            }
        }
        self.maps.remove(&(parent.block, parent.row));
        let failure = CallFailure { class, message, retry_after: None, usage: Usage::default() };
        self.failures.push(FailedAttempt { block: parent.block, row: parent.row, failure, last: false });
    }

    fn is_below(&self, block: &Block, parent: Parent) -> bool {
        let mut above = block.parent;
        while let Some(step) = above {
            if step == parent {
                return true;
            }
            above = self.block(step.block).and_then(|block| block.parent);
        }
        false
    }

    /// Stops the rows of a block that have begun something.
    pub(crate) fn stop_active(&mut self, columns: &mut Columns<'_>, block: &mut Block) {
        for row in (0..block.rows()).map(Row) {
            let at = block.at(row);
            let begun = match columns.status[at] {
                Status::Running | Status::Backoff | Status::AwaitingApproval => true,
                // It waits for room for another attempt.
                Status::Ready => columns.attempt[at].0 > 0,
                _ => false,
            };
            if begun {
                self.stop(columns, block, row);
            }
        }
    }
}

/// What `until` sees.
struct LoopScope<'a> {
    block: &'a Block,
    outputs: &'a [Value],
}

impl Names for LoopScope<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        match name {
            "inputs" => Some(inputs_as_map(&self.block.score, &self.block.inputs)),
            SETTINGS => Some(self.block.score.settings.clone()),
            "iteration" => Some(Value::Int(self.block.iteration.into())),
            "outputs" => {
                let named = self.block.score.outputs.iter().zip(self.outputs);
                let present = named.filter(|(_, value)| value.is_present());
                Some(Value::map(present.map(|(output, value)| (output.name.to_string(), value.clone()))))
            }
            _ => None,
        }
    }
}

/// A value for a message: its JSON, cut short.
pub(crate) fn in_brief(value: &Value) -> String {
    let json = value.canonical_json();
    match json.char_indices().nth(80) {
        Some((cut, _)) => format!("{}…", &json[..cut]),
        None => json,
    }
}
