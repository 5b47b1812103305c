//! A run: one playing of a melody, as a state that only its [`transitions`] change.
//!
//! A transition changes the state, records the [`Event`] that says so, and writes the [`Notice`] that people see.
//! A replay calls the same transitions with the recorded events, so what is played and what is restored cannot
//! drift apart.

mod bodies;
mod displaced;
mod failures;
mod flights;
mod halting;
mod notices;
mod reconstruct;
mod requests;
mod reroute;
mod reuse;
mod settings;
mod sketch;
mod tracking;
mod transitions;
mod undo;
mod values;
mod walk;

pub(crate) use bodies::MapState;
pub use flights::{Answer, Flight, FlightKind, Outgoing};
pub use halting::Halting;
pub(crate) use notices::{is_reconstruction, player_word};
pub(crate) use reconstruct::Cause;
pub(crate) use reroute::Rerouting;
pub use reroute::{Edit, Rerouted, Rescore};
pub use sketch::{Fate, Sketch};
pub use tracking::{Tracking, kind_of, plays};
pub(crate) use transitions::can_pass;
pub use undo::UndoEntry;
pub use walk::{Walk, World};

use crate::arbiter::Wants;
use crate::options::{Reusing, RunOptions};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use symphony_ecs_core::clock::{ClockKind, Time};
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::{Event, Notice, RunStatus};
use symphony_ecs_core::ids::{BlockId, Row, RunId, RunSlot};
use symphony_ecs_core::ports::{CallFailure, CallOutcome, Candidate};
use symphony_ecs_core::score::{Action, Score};
use symphony_ecs_core::value::Value;
use symphony_pit::arbitration::Budget;
use symphony_pit::dag::{Block, Columns};

/// One playing of a melody.
pub struct Run {
    /// Its name.
    pub id: RunId,
    /// Its place in the world.
    pub slot: RunSlot,
    /// Which clock it plays under.
    pub clock: ClockKind,
    /// The moment of the frame.
    pub now: Time,
    /// Seed of everything random.
    pub seed: u64,
    /// The melody's score and those of all bodies, the melody's first.
    pub scores: Arc<[Arc<Score>]>,
    /// How it stands.
    pub status: RunStatus,
    /// Set once it plays nothing new any more.
    pub halting: Option<Halting>,
    /// Values of the melody's outputs, once it is over.
    pub outputs: Vec<Value>,
    /// What it may use.
    pub budget: Budget,
    /// Counts for the summary.
    pub tally: Tally,

    /// Open blocks by number; taken out while they are walked.
    pub(crate) blocks: Vec<Option<Box<Block>>>,
    /// Blocks closed in this frame; their rows go back when it ends.
    pub(crate) closed: Vec<Block>,
    /// Blocks with due rows, or that may be over.
    pub(crate) dirty: VecDeque<BlockId>,
    /// Bodies that wait for rows of the world.
    pub(crate) to_open: VecDeque<bodies::Opening>,
    /// Rows that may still be looked at in this frame.
    pub(crate) walk_left: u32,
    /// The walk stopped because the world has too few rows.
    pub(crate) waits_for_rows: bool,
    /// Maps that play.
    pub(crate) maps: BTreeMap<(BlockId, Row), MapState>,

    /// Maps that were restored and have not taken up their items yet.
    pub(crate) hungry_maps: Vec<(BlockId, Row)>,

    /// What came back from the stage (or from virtual players) and was not looked at yet.
    pub(crate) answers: Vec<Answer>,
    /// Alarms that rang and were not looked at yet.
    pub(crate) alarms: Vec<Alarm>,
    /// Commands that were not obeyed yet.
    pub(crate) commands: Vec<crate::orchestra::Command>,
    /// Rows that only take time and began to in this frame: (end, block, rows).
    pub(crate) pauses: Vec<(Time, BlockId, Vec<u32>)>,
    /// Attempts that failed and wait for a verdict.
    pub(crate) failures: Vec<FailedAttempt>,
    /// Rows that became ready in this frame.
    pub(crate) candidates: Vec<Candidate>,
    /// Ready rows that wait for room, by priority.
    pub(crate) backlog: BinaryHeap<Queued>,
    /// What its calls take of what is scarce; `None` for a run that takes nothing of it.
    pub(crate) wants: Option<Wants>,
    /// Requests and cancellations that wait for their frame's commit.
    pub(crate) outbox: VecDeque<(u64, Outgoing)>,
    /// Calls in flight, by serial number.
    pub(crate) flights: HashMap<u64, Flight>,
    /// Rows whose players failed and that wait for what their reconstruction takes, with why they failed.
    pub(crate) reconstructions: BTreeMap<(BlockId, Row), Cause>,
    /// A reconstruction began before what its row waits for was over (recovery): a due row may be past playing.
    pub(crate) ahead: bool,
    /// Attempts with the current player, for rows that failed at least once.
    pub(crate) tries: BTreeMap<(BlockId, Row), u32>,
    /// What is to happen later.
    pub(crate) timers: BinaryHeap<Reverse<Timer>>,
    timer_seq: u64,
    /// When its time is up.
    pub(crate) wall: Option<Time>,
    /// Undos of what was completed, in the order of completion.
    pub(crate) undo_log: Vec<UndoEntry>,

    /// How it reuses what finished before.
    pub(crate) reusing: Option<Arc<Reusing>>,
    /// Which rows of the melody it plays; `None` for all.
    pub(crate) asked: Option<Arc<[bool]>>,
    /// What the newest call of each path was made of, if anybody wants to know.
    pub sketches: Option<BTreeMap<String, Sketch>>,
    /// Its slack and what it teaches, if it is tracked.
    pub tracking: Option<Box<Tracking>>,
    /// Makes scores of edits.
    pub(crate) rescore: Option<Arc<dyn Rescore>>,
    /// Edits that have taken effect, in order.
    pub(crate) edits: Vec<Edit>,
    /// Edits that wait for the next walk.
    pub(crate) routes: VecDeque<Rerouting>,

    /// Whether events are recorded.
    pub(crate) recording: bool,
    /// Whether notices are written.
    pub(crate) noticing: bool,
    pub(crate) events: Vec<Event>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) notice_seq: u64,
    /// Number of the frame that is being made, from 0.
    pub(crate) frame: u64,
    /// Frames below this number are committed.
    pub(crate) committed: u64,
    pub(crate) scratch: values::Scratch,
}

/// Counts for the summary: rows of all bodies that opened, each iteration and item counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    /// Rows in all.
    pub nodes: u64,
    /// Rows that were played to their end.
    pub played: u64,
    /// Rows that were skipped.
    pub skipped: u64,
    /// Rows that failed for good.
    pub failed: u64,
    /// Rows that were stopped.
    pub cancelled: u64,
    /// Rows that took over what an equal call gave before.
    #[serde(default)]
    pub reused: u64,
}

/// An attempt that failed.
#[derive(Debug)]
pub(crate) struct FailedAttempt {
    pub block: BlockId,
    pub row: Row,
    pub failure: CallFailure,
    /// No rung of the ladder may be tried: neither another attempt nor another player can replace a permission.
    pub last: bool,
}

/// A ready row in the backlog: higher priority first, then lower block and row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Queued {
    pub priority: u64,
    pub block: BlockId,
    pub row: Row,
}

impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let key = |queued: &Self| (queued.priority, Reverse(queued.block), Reverse(queued.row));
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Something that happens later: by time, then in the order in which it was planned.
#[derive(Debug)]
pub(crate) struct Timer {
    pub at: Time,
    seq: u64,
    pub what: Alarm,
}

/// What happens then.
#[derive(Debug)]
pub(crate) enum Alarm {
    /// The next attempt of a row.
    Retry(BlockId, Row),
    /// The wait for a person ends.
    ApprovalOver(BlockId, Row),
    /// The run's time is up.
    Wall,
    /// A virtual player's answer.
    Answer(Box<Answer>),
    /// Rows without outputs that play for the same time (virtual clock).
    Batch(BlockId, Vec<u32>),
    /// Something scarce has refilled.
    Refilled,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.seq) == (other.at, other.seq)
    }
}
impl Eq for Timer {}
impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.seq).cmp(&(other.at, other.seq))
    }
}
impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Run {
    /// A run that has not begun.
    pub(crate) fn new(slot: RunSlot, options: &RunOptions) -> Self {
        let limits = &options.limits;
        let scores = scores_of(&options.score);
        let tracking = options.tracking.clone().map(|known| Box::new(Tracking::new(known, &scores)));
        Self {
            id: options.id.clone(),
            slot,
            clock: options.clock,
            now: Time::default(),
            seed: options.seed,
            scores,
            status: RunStatus::Playing,
            halting: None,
            outputs: Vec::new(),
            budget: Budget::new(limits.cost_micros, limits.tokens, limits.parallel.unwrap_or(options.default_parallel)),
            tally: Tally::default(),
            blocks: Vec::new(),
            closed: Vec::new(),
            dirty: VecDeque::new(),
            to_open: VecDeque::new(),
            walk_left: 0,
            waits_for_rows: false,
            maps: BTreeMap::new(),
            hungry_maps: Vec::new(),
            answers: Vec::new(),
            alarms: Vec::new(),
            commands: Vec::new(),
            pauses: Vec::new(),
            failures: Vec::new(),
            candidates: Vec::new(),
            backlog: BinaryHeap::new(),
            wants: None,
            outbox: VecDeque::new(),
            flights: HashMap::new(),
            reconstructions: BTreeMap::new(),
            ahead: false,
            tries: BTreeMap::new(),
            timers: BinaryHeap::new(),
            timer_seq: 0,
            wall: None,
            undo_log: Vec::new(),
            reusing: options.reusing.clone(),
            asked: (!options.asked.is_empty()).then(|| Arc::from(options.asked.as_slice())),
            sketches: options.sketches.then(BTreeMap::new),
            tracking,
            rescore: options.rescore.as_ref().map(|handle| Arc::clone(&handle.0)),
            edits: Vec::new(),
            routes: VecDeque::new(),
            recording: options.record,
            noticing: options.notices,
            events: Vec::new(),
            notices: Vec::new(),
            notice_seq: 0,
            frame: 0,
            committed: 0,
            scratch: values::Scratch::default(),
        }
    }

    /// The block with this number, if it is open.
    pub fn block(&self, id: BlockId) -> Option<&Block> {
        self.blocks.get(id.0 as usize)?.as_deref()
    }

    /// Open blocks, in the order of their numbers.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter_map(Option::as_deref)
    }

    /// Calls that left and have not come back.
    pub fn calls_in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.status != RunStatus::Playing
    }

    /// Whether nothing is left to do at this moment: the next thing that happens is a timer or an answer.
    pub(crate) fn is_quiet(&self) -> bool {
        self.is_quiet_but_for_sending() && !self.can_send()
    }

    /// Likewise, but for what the stage is too full to take.
    pub(crate) fn is_quiet_but_for_sending(&self) -> bool {
        self.answers.is_empty()
            && self.alarms.is_empty()
            && self.commands.is_empty()
            && self.routes.is_empty()
            && self.pauses.is_empty()
            && self.dirty.is_empty()
            && self.hungry_maps.is_empty()
            && self.to_open.is_empty()
            && self.failures.is_empty()
            && self.candidates.is_empty()
            && self.events.is_empty()
            && self.notices.is_empty()
            && (self.backlog.is_empty() || self.budget.in_flight() > 0)
    }

    /// Gives back what was needed to play and is empty now: a run may wait for long, and among many.
    pub(crate) fn tidy(&mut self) {
        self.scratch = values::Scratch::default();
        self.candidates = Vec::new();
        self.pauses = Vec::new();
        self.dirty = VecDeque::new();
        self.events = Vec::new();
    }

    /// Whether something in the outbox may leave.
    pub(crate) fn can_send(&self) -> bool {
        self.outbox.front().is_some_and(|(frame, _)| *frame < self.committed)
    }

    /// The time of the next timer.
    pub(crate) fn next_timer(&self) -> Option<Time> {
        self.timers.peek().map(|Reverse(timer)| timer.at)
    }

    pub(crate) fn plan(&mut self, at: Time, what: Alarm) {
        self.timers.push(Reverse(Timer { at, seq: self.timer_seq, what }));
        self.timer_seq += 1;
    }

    /// Timers that a checkpoint keeps: (time, block, row, whether an approval ends).
    pub(crate) fn durable_timers(&self) -> Vec<(Time, BlockId, Row, bool)> {
        let kept = self.timers.iter().filter_map(|Reverse(timer)| match timer.what {
            Alarm::Retry(block, row) => Some((timer.at, timer.seq, block, row, false)),
            Alarm::ApprovalOver(block, row) => Some((timer.at, timer.seq, block, row, true)),
            Alarm::Wall | Alarm::Answer(_) | Alarm::Batch(..) | Alarm::Refilled => None,
        });
        // A body that failed leaves the timers of its rows behind.
        let mut kept: Vec<_> = kept.filter(|(_, _, block, ..)| self.block(*block).is_some()).collect();
        kept.sort_unstable();
        kept.into_iter().map(|(at, _, block, row, approval)| (at, block, row, approval)).collect()
    }

    /// Drops timers that a replay planned and later events made needless: only the newest of a row counts, and only
    /// while the row still waits for it.
    pub(crate) fn keep_live_timers(&mut self, columns: &Columns<'_>) {
        let mut timers: Vec<Timer> = std::mem::take(&mut self.timers).into_iter().map(|Reverse(timer)| timer).collect();
        timers.sort_unstable_by_key(|timer| Reverse(timer.seq));
        let mut seen = BTreeSet::new();
        timers.retain(|timer| {
            let (block, row, waits) = match timer.what {
                Alarm::Retry(block, row) => (block, row, Status::Backoff),
                Alarm::ApprovalOver(block, row) => (block, row, Status::AwaitingApproval),
                Alarm::Wall | Alarm::Answer(_) | Alarm::Batch(..) | Alarm::Refilled => return true,
            };
            let status = self.block(block).and_then(|block| columns.status.get(block.at(row)));
            status == Some(&waits) && seen.insert((block, row))
        });
        self.timers = timers.into_iter().map(Reverse).collect();
    }

    /// Plans a timer that a checkpoint kept.
    pub(crate) fn plan_durable(&mut self, at: Time, block: BlockId, row: Row, approval: bool) {
        self.plan(at, if approval { Alarm::ApprovalOver(block, row) } else { Alarm::Retry(block, row) });
    }

    /// The run must end within this much of its time.
    pub(crate) fn set_wall(&mut self, wall: Option<std::time::Duration>) {
        self.wall = wall.map(|wall| Time::default().after(wall));
        if let Some(wall) = wall {
            self.plan(Time::default().after(wall), Alarm::Wall);
        }
    }

    /// Which of the run's scores this is.
    pub(crate) fn score_ix(&self, score: &Arc<Score>) -> u32 {
        self.scores.iter().position(|known| Arc::ptr_eq(known, score)).unwrap_or_default() as u32
    }
}

/// A score and those of all bodies below it, each once, in the order of rows.
pub(crate) fn scores_of(root: &Arc<Score>) -> Arc<[Arc<Score>]> {
    let mut found: Vec<Arc<Score>> = vec![Arc::clone(root)];
    let mut next = 0;
    while next < found.len() {
        let score = Arc::clone(&found[next]);
        for spec in &score.specs {
            let body = match &spec.action {
                Action::Nested(body) => body,
                Action::Loop(spec) => &spec.body,
                Action::Map(spec) => &spec.body,
                Action::Call(_) | Action::Function(..) | Action::Pause(_) => continue,
            };
            if !found.iter().any(|known| Arc::ptr_eq(known, body)) {
                found.push(Arc::clone(body));
            }
        }
        next += 1;
    }
    found.into()
}

/// A result in the making: what a player gave, by name, or why it failed.
pub(crate) type CallResult = Result<CallOutcome, CallFailure>;
