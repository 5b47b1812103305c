//! A trace: the events of a play, read one by one into tasks and edges.

use super::unfold::Expected;
use super::workload::Task;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use symphony_ecs_core::clock::Time;
use symphony_ecs_core::events::{Event, Place, Rows, Then};
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_ecs_core::ports::Usage;
use symphony_ecs_core::score::{Action, NodeSpec, Score};

/// A task by its number.
type Number = u32;

/// How an attempt of a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Well,
    Failed,
}

/// What a play came to.
pub(super) struct Played {
    pub tasks: Vec<Task>,
    pub edges: Vec<(Number, Number)>,
    pub calls: usize,
    pub links: usize,
    pub reason: Option<String>,
    pub approvals: Vec<String>,
}

/// Tasks and edges in the making.
pub(super) struct Trace<'a> {
    root: &'a Arc<Score>,
    expected: &'a dyn Fn(&str) -> Expected,
    out: Played,
    open: BTreeMap<BlockId, Open>,
    asked: Vec<String>,
    /// How often each path was called.
    times: BTreeMap<String, u32>,
    /// How calls of the stage ended, by task.
    called: BTreeMap<Number, End>,
    /// The last undo, or what all undos wait for.
    undoing: Option<Number>,
    undo_began: Time,
}

/// A block that plays.
struct Open {
    score: Arc<Score>,
    parent: Option<(BlockId, u32)>,
    place: Place,
    /// Path of what its rows stand in: `fix_loop[3]`, empty for the melody.
    path: String,
    /// The bracket before its rows.
    entry: Option<Number>,
    /// Rows that have begun and not ended.
    begun: BTreeMap<u32, Begun>,
    /// What rows wait for after a failed attempt.
    pauses: BTreeMap<u32, (Number, Time)>,
    /// The last attempt of rows that are given up.
    given_up: BTreeMap<u32, Number>,
    /// The end of every row that is over.
    ends: BTreeMap<u32, Number>,
    /// Ends of the bodies of composite rows, and those whose room no other item has taken yet.
    bodies: BTreeMap<u32, Vec<Number>>,
    vacated: BTreeMap<u32, VecDeque<Number>>,
}

#[derive(Clone, Copy)]
struct Begun {
    task: Number,
    at: Time,
    composite: bool,
}

impl<'a> Trace<'a> {
    pub(super) fn new(root: &'a Arc<Score>, expected: &'a dyn Fn(&str) -> Expected) -> Self {
        let out =
            Played { tasks: Vec::new(), edges: Vec::new(), calls: 0, links: 0, reason: None, approvals: Vec::new() };
        Self {
            root,
            expected,
            out,
            open: BTreeMap::new(),
            asked: Vec::new(),
            times: BTreeMap::new(),
            called: BTreeMap::new(),
            undoing: None,
            undo_began: Time::default(),
        }
    }

    /// Calls of the stage that ended by themselves, in the order in which they began.
    pub(super) fn attempts(&self) -> impl Iterator<Item = (&Task, End)> {
        let tasks = self.called.iter().filter_map(|(task, end)| Some((self.out.tasks.get(*task as usize)?, *end)));
        // Brackets of composite rows end like calls, but nobody was called.
        tasks.filter(|(task, _)| !task.idle)
    }

    pub(super) fn calls(&self) -> usize {
        self.out.calls
    }

    pub(super) fn take_asked(&mut self) -> Vec<String> {
        std::mem::take(&mut self.asked)
    }

    pub(super) fn into_played(self) -> Played {
        self.out
    }

    /// Reads an event.
    pub(super) fn take(&mut self, now: Time, event: Event) {
        match event {
            Event::Opened { block, parent, place, .. } => self.opened(block, parent, place),
            Event::Iterated { block, iteration, .. } => self.iterated(block, iteration),
            Event::Closed { block } => self.closed(block),
            Event::Started { block, rows: Rows(rows), choice, .. } => {
                rows.into_iter().for_each(|row| self.started(now, block, row, choice));
            }
            Event::Finished { block, rows: Rows(rows) } => {
                rows.into_iter().for_each(|row| self.played(now, block, row, Usage::default()));
            }
            Event::Played { block, row, usage, .. } => self.played(now, block, row.0, usage),
            Event::Reused { block, row, .. } => self.reused(now, block, row.0),
            Event::Faulted { block, row, usage, then, .. } => self.faulted(now, block, row.0, usage, then),
            Event::Skipped { block, row, .. } | Event::Failed { block, row, .. } => self.passed(block, row.0),
            Event::Cancelled { block, row } => {
                let stopped = self.ended(now, block, row.0, Usage::default());
                if let Some(end) = stopped.or_else(|| self.cut_short(now, block, row.0)) {
                    self.over(block, row.0, end);
                }
            }
            Event::Asked { block, row, .. } => {
                let path = self.path(block, row.0);
                self.out.approvals.push(path.clone());
                self.asked.push(path);
            }
            Event::Halting { reason, .. } => {
                self.out.reason = Some(reason);
                self.undoing = None;
            }
            // Rows have other numbers from here on; what is learned of a run ends where it was rewired.
            Event::Rerouted { .. } => self.open.clear(),
            Event::UndoStarted { .. } => self.undo_began = now,
            Event::UndoEnded { index, usage, .. } => self.undone(now, index, usage),
            Event::Began { .. } | Event::Answered { .. } | Event::Ended { .. } => {}
        }
    }

    fn opened(&mut self, id: BlockId, parent: Option<(BlockId, Row)>, place: Place) {
        let parent = parent.map(|(block, row)| (block, row.0));
        let (mut score, mut entry) = (Some(Arc::clone(self.root)), None);
        if let Some((above, row)) = parent {
            let Some(open) = self.open.get_mut(&above) else { return };
            score = body_of(&open.score, row);
            // A map with limited room opens an item where another has closed.
            entry = open.vacated.get_mut(&row).and_then(VecDeque::pop_front);
            entry = entry.or(open.begun.get(&row).map(|begun| begun.task));
        }
        let Some(score) = score else { return };
        let open = Open {
            score,
            parent,
            place,
            path: self.body_path(parent, place, 0),
            entry,
            begun: BTreeMap::new(),
            pauses: BTreeMap::new(),
            given_up: BTreeMap::new(),
            ends: BTreeMap::new(),
            bodies: BTreeMap::new(),
            vacated: BTreeMap::new(),
        };
        self.open.insert(id, open);
    }

    fn iterated(&mut self, id: BlockId, iteration: u32) {
        let Some(entry) = self.exit(id) else { return };
        let Some((parent, place)) = self.open.get(&id).map(|open| (open.parent, open.place)) else { return };
        let path = self.body_path(parent, place, iteration);
        if let Some(open) = self.open.get_mut(&id) {
            open.entry = Some(entry);
            open.path = path;
            open.ends.clear();
            open.bodies.clear();
            open.vacated.clear();
        }
    }

    fn closed(&mut self, id: BlockId) {
        let exit = self.exit(id);
        let Some(open) = self.open.remove(&id) else { return };
        if let (Some(exit), Some((above, row))) = (exit, open.parent)
            && let Some(above) = self.open.get_mut(&above)
        {
            above.bodies.entry(row).or_default().push(exit);
            if matches!(open.place, Place::Item(_)) {
                above.vacated.entry(row).or_default().push_back(exit);
            }
        }
    }

    /// A bracket after everything in a block.
    fn exit(&mut self, id: BlockId) -> Option<Number> {
        let open = self.open.get(&id)?;
        let mut after: Vec<Number> = open.ends.values().copied().collect();
        after.extend(open.begun.values().map(|begun| begun.task));
        after.extend(open.entry.filter(|_| after.is_empty()));
        Some(self.wait(0.0, &after))
    }

    fn started(&mut self, now: Time, id: BlockId, row: u32, choice: u32) {
        let Some(open) = self.open.get_mut(&id) else { return };
        let pause = open.pauses.remove(&row);
        let spec = open.score.spec(Row(row));
        let reconstruct = spec.reconstruct.as_ref().filter(|_| crate::run::is_reconstruction(choice));
        let composite = matches!(spec.action, Action::Nested(_) | Action::Loop(_) | Action::Map(_));
        let composite = composite && reconstruct.is_none();
        let kind = kind_of(spec, choice);
        let taken = reconstruct.iter().flat_map(|spec| &spec.waits);
        let taken: Vec<Number> = taken.filter_map(|before| open.ends.get(before).copied()).collect();
        let mut after = match pause {
            Some((pause, _)) => vec![pause],
            None => self.producers(id, row),
        };
        after.extend(taken);
        if pause.is_none() {
            self.count_links(id, row);
        }
        let task = match composite {
            true => self.wait(0.0, &after),
            false => {
                self.out.calls += usize::from(pause.is_none());
                let path = self.path(id, row);
                self.task(path, kind, &after)
            }
        };
        if let Some(open) = self.open.get_mut(&id) {
            open.bodies.remove(&row);
            open.vacated.remove(&row);
            open.begun.insert(row, Begun { task, at: now, composite });
        }
    }

    fn played(&mut self, now: Time, id: BlockId, row: u32, usage: Usage) {
        let end = match self.ended(now, id, row, usage) {
            Some(end) => {
                self.called.entry(end).or_insert(End::Well);
                Some(end)
            }
            None => self.function(id, row),
        };
        if let Some(end) = end {
            self.over(id, row, end);
        }
    }

    /// The attempt of a row that had begun is over; gives its end.
    fn ended(&mut self, now: Time, id: BlockId, row: u32, usage: Usage) -> Option<Number> {
        let open = self.open.get_mut(&id)?;
        let begun = open.begun.remove(&row)?;
        if begun.composite {
            let bodies = open.bodies.remove(&row).unwrap_or_default();
            open.vacated.remove(&row);
            return Some(if bodies.is_empty() { begun.task } else { self.wait(0.0, &bodies) });
        }
        let task = self.out.tasks.get_mut(begun.task as usize)?;
        task.seconds = now.since(begun.at).as_secs_f64();
        task.cost_micros = usage.cost_micros;
        task.tokens = usage.tokens;
        Some(begun.task)
    }

    /// A function of this process ended in the frame in which it began.
    fn function(&mut self, id: BlockId, row: u32) -> Option<Number> {
        let pause = self.open.get_mut(&id)?.pauses.remove(&row);
        let kind = kind_of(self.open.get(&id)?.score.spec(Row(row)), 0);
        let after = match pause {
            Some((pause, _)) => vec![pause],
            None => self.producers(id, row),
        };
        let path = self.path(id, row);
        let expected = (self.expected)(&path);
        if pause.is_none() {
            self.out.calls += 1;
            self.count_links(id, row);
        }
        let task = self.task(path, kind, &after);
        if let Some(known) = self.out.tasks.get_mut(task as usize) {
            known.seconds = expected.seconds;
            known.cost_micros = expected.cost_micros;
            known.tokens = expected.tokens;
        }
        Some(task)
    }

    fn faulted(&mut self, now: Time, id: BlockId, row: u32, usage: Usage, then: Then) {
        let attempt = match self.ended(now, id, row, usage) {
            Some(end) => {
                self.called.insert(end, End::Failed);
                Some(end)
            }
            None => self.function(id, row),
        };
        let Some(attempt) = attempt else { return };
        let pause = match then {
            Then::Retry { at, .. } => Some(self.wait(at.since(now).as_secs_f64(), &[attempt])),
            // What it waits for there is known when it begins.
            Then::Reconstruct => Some(self.wait(0.0, &[attempt])),
            Then::Stop => None,
        };
        if let Some(open) = self.open.get_mut(&id) {
            match pause {
                Some(pause) => drop(open.pauses.insert(row, (pause, now))),
                None => drop(open.given_up.insert(row, attempt)),
            }
        }
    }

    /// A row was stopped while it waited for its next attempt.
    fn cut_short(&mut self, now: Time, id: BlockId, row: u32) -> Option<Number> {
        let (pause, since) = self.open.get_mut(&id)?.pauses.remove(&row)?;
        self.out.tasks.get_mut(pause as usize)?.seconds = now.since(since).as_secs_f64();
        Some(pause)
    }

    /// A row that gave nothing: those that wait for it go on from its last attempt, or from its producers.
    fn passed(&mut self, id: BlockId, row: u32) {
        let given_up = self
            .open
            .get_mut(&id)
            .and_then(|open| open.given_up.remove(&row).or_else(|| open.pauses.remove(&row).map(|(pause, _)| pause)));
        let end = match given_up {
            Some(end) => end,
            None => {
                self.count_links(id, row);
                let after = self.producers(id, row);
                self.wait(0.0, &after)
            }
        };
        self.over(id, row, end);
    }

    /// Taken over from an earlier run: nothing was called. A body was opened all the same, to look at its nodes.
    fn reused(&mut self, now: Time, id: BlockId, row: u32) {
        match self.ended(now, id, row, Usage::default()) {
            Some(end) => self.over(id, row, end),
            None => self.passed(id, row),
        }
    }

    fn over(&mut self, id: BlockId, row: u32, end: Number) {
        if let Some(open) = self.open.get_mut(&id) {
            open.ends.insert(row, end);
        }
    }

    fn undone(&mut self, now: Time, index: u32, usage: Usage) {
        let after = match self.undoing {
            Some(last) => last,
            // Undos come one after another, after everything else.
            None => {
                let all: Vec<Number> = (0..self.out.tasks.len() as u32).collect();
                self.wait(0.0, &all)
            }
        };
        let task = self.task(format!("undo[{index}]"), "undo".to_owned(), &[after]);
        if let Some(known) = self.out.tasks.get_mut(task as usize) {
            known.seconds = now.since(self.undo_began).as_secs_f64();
            known.cost_micros = usage.cost_micros;
            known.tokens = usage.tokens;
        }
        self.undoing = Some(task);
    }

    /// What a row waits for: its producers that are over, else the bracket before its block.
    fn producers(&self, id: BlockId, row: u32) -> Vec<Number> {
        let Some(open) = self.open.get(&id) else { return Vec::new() };
        let producers = open.score.topology.pred(row).iter();
        let mut after: Vec<Number> = producers.filter_map(|producer| open.ends.get(producer).copied()).collect();
        after.sort_unstable();
        after.dedup();
        after.extend(open.entry.filter(|_| after.is_empty()));
        after
    }

    fn count_links(&mut self, id: BlockId, row: u32) {
        self.out.links += self.open.get(&id).map_or(0, |open| open.score.topology.pred(row).len());
    }

    fn wait(&mut self, seconds: f64, after: &[Number]) -> Number {
        let id = format!("·{}", self.out.tasks.len());
        self.push(Task { id, seconds, idle: true, ..Task::default() }, after)
    }

    /// A call. Further attempts at the same path are numbered: `review`, `review#2`.
    fn task(&mut self, path: String, kind: String, after: &[Number]) -> Number {
        let times = self.times.entry(path.clone()).or_default();
        *times += 1;
        let id = if *times > 1 { format!("{path}#{times}") } else { path };
        self.push(Task { id, kind, ..Task::default() }, after)
    }

    fn push(&mut self, task: Task, after: &[Number]) -> Number {
        let number = self.out.tasks.len() as u32;
        self.out.tasks.push(task);
        self.out.edges.extend(after.iter().map(|before| (*before, number)));
        number
    }

    /// Path of a row: `fix_loop[3].patch`, `pages[7]`, `ship`.
    fn path(&self, id: BlockId, row: u32) -> String {
        let Some(open) = self.open.get(&id) else { return String::new() };
        match open.place {
            // A mapped node and its one item share the node's name.
            Place::Item(_) => open.path.clone(),
            _ if open.path.is_empty() => open.score.id(Row(row)).into_owned(),
            _ => format!("{}.{}", open.path, open.score.id(Row(row))),
        }
    }

    fn body_path(&self, parent: Option<(BlockId, u32)>, place: Place, iteration: u32) -> String {
        let above = parent.map(|(block, row)| self.path(block, row)).unwrap_or_default();
        match place {
            Place::Root | Place::Nested => above,
            Place::Loop => format!("{above}[{iteration}]"),
            Place::Item(index) => format!("{above}[{index}]"),
        }
    }
}

/// The body that a composite row plays.
fn body_of(score: &Arc<Score>, row: u32) -> Option<Arc<Score>> {
    match &score.spec(Row(row)).action {
        Action::Nested(body) => Some(Arc::clone(body)),
        Action::Loop(repeat) => Some(Arc::clone(&repeat.body)),
        Action::Map(map) => Some(Arc::clone(&map.body)),
        Action::Call(_) | Action::Function(..) | Action::Pause(_) => None,
    }
}

/// Who plays a row, in one word.
fn kind_of(spec: &NodeSpec, choice: u32) -> String {
    crate::run::player_word(spec, choice)
}
