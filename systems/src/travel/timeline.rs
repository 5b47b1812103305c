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
}

/// A body that opened at some time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body {
    pub score: u32,
    pub base: u32,
    pub parent: Option<(BlockId, Row)>,
    pub place: Place,
}

/// The recorded life of a run, ready to be travelled.
pub struct Timeline {
    pub(super) scores: Arc<[Arc<Score>]>,
    pub(super) bodies: Vec<Body>,
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
        let mut reader = Reader::new(Arc::clone(&fold.run().scores));
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
            Change::Halting(reason) => state.reason = reason,
            Change::Ended(status) => state.status = status,
        }
    }

    /// All rows of a body are pending.
    fn arm(&self, state: &mut State, body: u32) {
        let body = &self.bodies[body as usize];
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
        }
    }
}

/// A timeline in the making, with the state at its end.
struct Reader {
    timeline: Timeline,
    state: State,
}

impl Reader {
    fn new(scores: Arc<[Arc<Score>]>) -> Self {
        let timeline = Timeline {
            scores,
            bodies: Vec::new(),
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
                self.timeline.bodies.push(Body { score, base, parent, place });
                self.change(Change::Opened(id.0));
            }
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
    Change(Change),
}
