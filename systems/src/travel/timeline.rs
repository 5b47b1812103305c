//! The timeline of a run: every change of its state in order, with whole states in between, so that any point is a
//! copy and a short walk away.
//!
//! ```text
//! changes   c c c c c c c c c c c c c c c c c c c …
//! states    ▲                 ▲                 ▲        every STRIDE changes, or more for wide runs
//! notices   0 1   2 3 4   5   6 7 …                      where the changes of each notice begin
//! ```
//!
//! The changes are read off the columns of a true fold after each event, so a timeline cannot disagree with it. A
//! state is plain columns: one entry a row of the world, one a body.

use super::at::At;
use super::fold::Fold;
use super::moment::Moment;
use crate::options::RunOptions;
use crate::run::Tally;
use std::sync::Arc;
use symphony_ecs_core::clock::Time;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::{Event, Place, RunStatus};
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_ecs_core::ports::{JournalError, Usage};
use symphony_ecs_core::score::Score;
use symphony_ecs_core::value::Value;
use symphony_pit::dag::RowMap;

/// Changes between two whole states, unless the run is wide.
const STRIDE: usize = 1 << 16;

/// No body, no outputs, no reason.
pub(super) const NOTHING: u32 = u32::MAX;

/// A row of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub status: Status,
    pub attempt: u16,
    pub cost: u32,
    /// Which of the timeline's values.
    pub outputs: u32,
}

impl Default for Cell {
    fn default() -> Self {
        Self { status: Status::Pending, attempt: 0, cost: 0, outputs: NOTHING }
    }
}

/// The whole state at one point.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub cells: Vec<Cell>,
    /// For each body that ever opened by then: its iteration, [`NOTHING`] when it is closed.
    pub open: Vec<u32>,
    pub spent: Usage,
    pub tally: Tally,
    pub status: RunStatus,
    pub reason: u32,
    /// Which of the timeline's roots the melody itself is.
    pub root: u32,
}

/// One change.
#[derive(Clone, Copy, Debug)]
enum Change {
    Cell(u32, Cell),
    Opened(u32),
    Iterated(u32, u32),
    Closed(u32),
    Spent(u32),
    Halting(u32),
    Ended(RunStatus),
    /// The melody itself is another one of `roots`.
    Rerouted(u32),
}

/// A body that opened at some time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body {
    pub score: u32,
    pub base: u32,
    pub parent: Option<(BlockId, Row)>,
    pub place: Place,
}

/// The melody itself between two edits.
#[derive(Clone, Debug)]
struct Root {
    body: Body,
    /// By number of the body: the row of the melody that it plays for.
    parents: Vec<Option<(BlockId, Row)>>,
    /// Each row's cell, as it was when the edit took effect.
    cells: Vec<Cell>,
}

/// The recorded life of a run, ready to be travelled.
pub struct Timeline {
    pub(super) scores: Vec<Arc<Score>>,
    pub(super) bodies: Vec<Body>,
    /// What the melody itself was, before and after it was rewired, and where the rows of bodies below it stood.
    roots: Vec<Root>,
    pub(super) values: Vec<Vec<Value>>,
    pub(super) reasons: Vec<String>,
    pub(super) outputs: Vec<Value>,
    spent: Vec<Usage>,
    changes: Vec<Change>,
    /// Where the changes of each notice begin.
    begins: Vec<u32>,
    /// Notices told before a frame, and its time.
    times: Vec<(u64, Time)>,
    /// Whole states, each with the number of changes before it.
    states: Vec<(usize, State)>,
}

impl Timeline {
    /// Reads the life of a run off its frames.
    ///
    /// # Errors
    /// The frames are damaged or do not fit the run.
    pub fn read<'f>(
        options: &RunOptions,
        path: &str,
        frames: impl IntoIterator<Item = (u64, &'f [u8])>,
    ) -> Result<Self, JournalError> {
        let mut silent = options.clone();
        silent.notices = false;
        let mut fold = Fold::new(&silent, path);
        let mut reader = Reader::new(fold.run().scores.to_vec());
        for (frame, blob) in frames {
            let record = fold.open(frame, blob)?;
            fold.set_time(frame, record.time);
            reader.timeline.times.push((reader.timeline.told(), record.time));
            for event in record.events {
                reader.event(&mut fold, event)?;
            }
            fold.close();
        }
        reader.timeline.outputs = fold.run().outputs.clone();
        Ok(reader.timeline)
    }

    /// How many notices the run's story has.
    pub fn told(&self) -> u64 {
        self.begins.len() as u64
    }

    /// The time of the last frame.
    pub fn end(&self) -> Time {
        self.times.last().map_or(Time::default(), |(_, time)| *time)
    }

    /// How many notices were told at a point; `None` for an event that the run does not have.
    pub fn point(&self, at: At) -> Option<u64> {
        let by = |time: Time| {
            let later = self.times.partition_point(|(_, then)| *then <= time);
            self.times.get(later).map_or(self.told(), |(told, _)| *told)
        };
        match at {
            At::Event(event) => (event < self.told()).then_some(event.saturating_add(1)),
            At::Time(time) => Some(by(time)),
            At::Percent(percent) => Some(by(Time((self.end().0 as f64 * percent / 100.0).round() as u64))),
        }
    }

    /// The state after `told` notices (of all, if there are not so many).
    pub fn moment(&self, told: u64) -> Moment<'_> {
        let told = told.min(self.told());
        let end = self.begins.get(told as usize).map_or(self.changes.len(), |begin| *begin as usize);
        let place = self.states.partition_point(|(before, _)| *before <= end);
        let (from, mut state) = match place.checked_sub(1).and_then(|place| self.states.get(place)) {
            Some((before, state)) => (*before, state.clone()),
            None => (0, State::new()),
        };
        for change in &self.changes[from..end] {
            self.apply(&mut state, *change);
        }
        let frame = self.times.partition_point(|(before, _)| *before < told);
        let time =
            frame.checked_sub(1).and_then(|frame| self.times.get(frame)).map_or(Time::default(), |(_, time)| *time);
        Moment { timeline: self, state, told, time }
    }

    fn apply(&self, state: &mut State, change: Change) {
        match change {
            Change::Cell(at, cell) => {
                match cell.status {
                    Status::Done => state.tally.played += 1,
                    Status::Skipped => state.tally.skipped += 1,
                    Status::Failed => state.tally.failed += 1,
                    Status::Cancelled => state.tally.cancelled += 1,
                    _ => {}
                }
                if let Some(known) = state.cells.get_mut(at as usize) {
                    *known = cell;
                }
            }
            Change::Opened(body) => {
                state.open.push(0);
                self.arm(state, body);
            }
            Change::Iterated(body, iteration) => {
                if let Some(known) = state.open.get_mut(body as usize) {
                    *known = iteration;
                }
                self.arm(state, body);
            }
            Change::Closed(body) => {
                if let Some(known) = state.open.get_mut(body as usize) {
                    *known = NOTHING;
                }
            }
            Change::Spent(which) => state.spent = self.spent[which as usize],
            Change::Rerouted(root) => {
                state.root = root;
                if let Some(Root { body, cells, .. }) = self.roots.get(root as usize) {
                    let base = body.base as usize;
                    if state.cells.len() < base + cells.len() {
                        state.cells.resize(base + cells.len(), Cell::default());
                    }
                    state.cells[base..base + cells.len()].copy_from_slice(cells);
                    let before = root.checked_sub(1).and_then(|root| self.roots.get(root as usize));
                    let rows = before.map_or(0, |before| self.scores[before.body.score as usize].rows());
                    state.tally.nodes = state.tally.nodes.saturating_sub(rows.into()) + cells.len() as u64;
                }
            }
            Change::Halting(reason) => state.reason = reason,
            Change::Ended(status) => state.status = status,
        }
    }

    /// A body, as it is in a state.
    pub(super) fn body(&self, state: &State, id: u32) -> Body {
        let body = self.bodies[id as usize];
        let Some(root) = self.roots.get(state.root as usize) else { return body };
        if id == 0 {
            return root.body;
        }
        Body { parent: root.parents.get(id as usize).copied().flatten().or(body.parent), ..body }
    }

    /// All rows of a body are pending.
    fn arm(&self, state: &mut State, body: u32) {
        let body = self.body(state, body);
        let rows = self.scores[body.score as usize].rows();
        let range = body.base as usize..(body.base + rows) as usize;
        if state.cells.len() < range.end {
            state.cells.resize(range.end, Cell::default());
        }
        state.cells[range].fill(Cell::default());
        state.tally.nodes += u64::from(rows);
    }
}

impl State {
    fn new() -> Self {
        Self {
            cells: Vec::new(),
            open: Vec::new(),
            spent: Usage::default(),
            tally: Tally::default(),
            status: RunStatus::Playing,
            reason: NOTHING,
            root: 0,
        }
    }
}

/// A timeline in the making, with the state at its end.
struct Reader {
    timeline: Timeline,
    state: State,
}

impl Reader {
    fn new(scores: Vec<Arc<Score>>) -> Self {
        let timeline = Timeline {
            scores,
            bodies: Vec::new(),
            roots: Vec::new(),
            values: Vec::new(),
            reasons: Vec::new(),
            outputs: Vec::new(),
            spent: Vec::new(),
            changes: Vec::new(),
            begins: Vec::new(),
            times: Vec::new(),
            states: Vec::new(),
        };
        Self { timeline, state: State::new() }
    }

    /// Folds an event in and reads its changes off the columns.
    fn event(&mut self, fold: &mut Fold, event: Event) -> Result<(), JournalError> {
        let notices = event.notices();
        let touched = event.touched().map(|(block, rows)| (block, rows.to_vec()));
        let mut outputs = NOTHING;
        let whole = match &event {
            Event::Opened { block, parent, place, .. } => Some(Whole::Opened(*block, *parent, *place)),
            Event::Iterated { block, iteration, .. } => Some(Whole::Change(Change::Iterated(block.0, *iteration))),
            Event::Closed { block } => Some(Whole::Change(Change::Closed(block.0))),
            Event::Halting { reason, .. } => {
                self.timeline.reasons.push(reason.clone());
                Some(Whole::Change(Change::Halting(self.timeline.reasons.len() as u32 - 1)))
            }
            Event::Ended { status, .. } => Some(Whole::Change(Change::Ended(*status))),
            Event::Rerouted { .. } => Some(Whole::Rerouted),
            Event::Played { outputs: values, .. } | Event::Reused { outputs: values, .. } if !values.is_empty() => {
                outputs = self.timeline.values.len() as u32;
                self.timeline.values.push(values.clone());
                None
            }
            _ => None,
        };
        fold.event(event)?;
        if touched.is_none() {
            (0..notices).for_each(|_| self.begin());
        }
        match whole {
            Some(Whole::Opened(id, parent, place)) => {
                let known = fold.look(id, |block, _| (block.score_ix, block.base));
                let (score, base) = known.unwrap_or_default();
                let score = self.known_score(fold, score);
                let body = Body { score, base, parent, place };
                self.timeline.bodies.push(body);
                if let Some(root) = self.timeline.roots.last_mut() {
                    root.parents.resize(id.0 as usize, None);
                    root.parents.push(parent);
                } else {
                    self.timeline.roots.push(Root { body, parents: vec![None], cells: Vec::new() });
                }
                self.change(Change::Opened(id.0));
            }
            Some(Whole::Rerouted) => self.rerouted(fold),
            Some(Whole::Change(change)) => self.change(change),
            None => {}
        }
        if let Some((id, rows)) = touched {
            let cells = fold.look(id, |block, columns| {
                let cell = |row: &u32| {
                    let at = block.at(Row(*row));
                    let (status, attempt, cost) = (columns.status[at], columns.attempt[at].0, columns.cost[at].0);
                    (at as u32, Cell { status, attempt, cost, outputs })
                };
                rows.iter().map(cell).collect::<Vec<_>>()
            });
            for (at, cell) in cells.unwrap_or_default() {
                self.begin();
                self.change(Change::Cell(at, cell));
            }
        }
        let spent = fold.run().budget.spent;
        if self.timeline.spent.last().copied().unwrap_or_default() != spent {
            self.timeline.spent.push(spent);
            self.change(Change::Spent(self.timeline.spent.len() as u32 - 1));
        }
        Ok(())
    }

    /// The timeline's number of a score of the run, which may have come with an edit.
    fn known_score(&mut self, fold: &Fold, score: u32) -> u32 {
        let Some(score) = fold.run().scores.get(score as usize) else { return 0 };
        let known = &mut self.timeline.scores;
        let place = known.iter().position(|known| Arc::ptr_eq(known, score));
        place.unwrap_or_else(|| {
            known.push(Arc::clone(score));
            known.len() - 1
        }) as u32
    }

    /// The melody has another score, its rows stand elsewhere, and those that stay have what they had.
    fn rerouted(&mut self, fold: &mut Fold) {
        let score = self.known_score(fold, 0);
        let before = self.timeline.body(&self.state, 0);
        let (old, new) = (&self.timeline.scores[before.score as usize], &self.timeline.scores[score as usize]);
        let map = fold.run().last_edit().map(|edit| RowMap::by_id(old, new, &edit.replaced)).unwrap_or_default();
        let cell = |old: &Option<u32>| {
            let at = old.map(|old| (before.base + old) as usize);
            at.and_then(|at| self.state.cells.get(at)).copied().unwrap_or_default()
        };
        let cells = map.from.iter().map(cell).collect();
        let base = fold.look(BlockId(0), |block, _| block.base).unwrap_or_default();
        let renamed = |parent: &Option<(BlockId, Row)>| match parent {
            Some((BlockId(0), row)) => map.to(*row).map(|row| (BlockId(0), row)),
            other => *other,
        };
        let known = self.timeline.roots.last().map(|root| root.parents.as_slice()).unwrap_or_default();
        let parents = known.iter().map(renamed).collect();
        self.timeline.roots.push(Root { body: Body { score, base, ..before }, parents, cells });
        self.change(Change::Rerouted(self.timeline.roots.len() as u32 - 1));
    }

    /// The changes of the next notice begin here.
    fn begin(&mut self) {
        let timeline = &mut self.timeline;
        timeline.begins.push(timeline.changes.len() as u32);
        let since = timeline.changes.len() - timeline.states.last().map_or(0, |(before, _)| *before);
        // A state is as dear as the walk over as many changes as it has cells; a few of those walks are cheap.
        if since >= STRIDE.max(self.state.cells.len() / 8) {
            timeline.states.push((timeline.changes.len(), self.state.clone()));
        }
    }

    fn change(&mut self, change: Change) {
        self.timeline.apply(&mut self.state, change);
        self.timeline.changes.push(change);
    }
}

/// What an event says of a whole body or of the run.
enum Whole {
    Opened(BlockId, Option<(BlockId, Row)>, Place),
    Rerouted,
    Change(Change),
}
