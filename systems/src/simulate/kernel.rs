//! The kernel: plays a workload on machines under a policy, from instant to instant.
//!
//! ```text
//!            ┌──────────── all that ends at this instant ───────────┐
//!            ▼                                                      │
//!   machines are free, successors ready ─► sorted by task ─► started while a machine is free ─► events
//! ```
//!
//! Invariants: a task starts once per attempt, after all its producers have ended; a machine holds one task; what ends
//! at one instant ends before anything starts at it. Nothing is allocated per task, and a kernel plays many runs.

use super::chance::{Chance, Draws};
use super::line::Line;
use super::lowest::LowestSet;
use super::machines::Machines;
use super::policy::Policy;
use super::workload::Workload;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An attempt that was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// The task.
    pub task: u32,
    /// 1 for the first.
    pub attempt: u8,
    /// Where; `None` for what needs no machine.
    pub machine: Option<u32>,
    /// From when.
    pub start: f64,
    /// Until when.
    pub end: f64,
    /// Whether another attempt follows.
    pub failed: bool,
}

/// What one run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// When the last task ended.
    pub makespan: f64,
    /// What no schedule of the same attempts can beat.
    pub lower_bound: f64,
    /// Cost of all attempts in micro-dollars.
    pub cost_micros: u64,
    /// Tokens of all attempts.
    pub tokens: u64,
    /// Seconds during which machines were busy, summed over machines.
    pub busy: f64,
    /// Attempts made.
    pub attempts: u64,
    /// Tasks whose last allowed attempt would have failed too, and was let through.
    pub let_through: u64,
    /// Machines that were busy at once, at most.
    pub peak: u32,
}

/// Bit of an event that is the end of a task without a machine; the rest is the task. Without it: a slot.
const IDLE: u32 = 1 << 31;

/// Plays a workload again and again.
#[derive(Debug)]
pub struct Kernel<'a> {
    work: &'a Workload,
    machines: &'a Machines,
    chance: Chance,
    /// The bound when nothing is random.
    lower_bound: f64,

    /// Machines in the order of preference; a *slot* is a place in it.
    machine_of: Vec<u32>,
    speed_of: Vec<f64>,
    /// The task in each slot.
    in_slot: Vec<u32>,
    free: LowestSet,
    busy: u32,

    ready: Ready,
    /// Tasks that became ready at this instant.
    fresh: Vec<u32>,
    /// Tasks without a machine that end at this instant.
    passing: Vec<u32>,
    /// Producers that have not ended.
    waits: Vec<u32>,
    /// Attempts that failed, and seconds of all attempts; only where chance is.
    failed: Vec<u8>,
    spent: Vec<f64>,
    /// (bits of the time, slot or task): times are not negative, so their bits sort as they do.
    events: BinaryHeap<Reverse<(u64, u32)>>,
}

/// Ready tasks in the order of a policy.
#[derive(Debug)]
enum Ready {
    /// As they came.
    Queue { tasks: Vec<u32>, head: usize },
    /// By rank: `place_of` a task in the order of ranks, and the task at each place.
    Ranked { place_of: Vec<u32>, task_at: Vec<u32>, set: LowestSet },
    /// As somebody else says.
    Line(Box<dyn Line>),
}

impl Ready {
    fn of(work: &Workload, machines: &Machines, policy: Policy) -> Self {
        if !policy.by_rank() {
            return Self::Queue { tasks: Vec::with_capacity(work.len()), head: 0 };
        }
        let rank = work.ranks(machines);
        let mut task_at: Vec<u32> = (0..work.len() as u32).collect();
        // Stable: equal ranks stay in the order of tasks.
        task_at.sort_by(|a, b| rank[*b as usize].total_cmp(&rank[*a as usize]));
        let mut place_of = vec![0; work.len()];
        task_at.iter().enumerate().for_each(|(place, task)| place_of[*task as usize] = place as u32);
        Self::Ranked { place_of, task_at, set: LowestSet::below(work.len()) }
    }

    fn clear(&mut self) {
        match self {
            Self::Queue { tasks, head } => {
                tasks.clear();
                *head = 0;
            }
            Self::Ranked { set, .. } => set.clear(),
            Self::Line(line) => line.clear(),
        }
    }

    /// Takes in what became ready at one instant.
    fn admit(&mut self, fresh: &mut Vec<u32>, now: f64) {
        match self {
            Self::Line(line) => {
                fresh.sort_unstable();
                fresh.drain(..).for_each(|task| line.admit(task, now));
            }
            Self::Queue { tasks, .. } => {
                fresh.sort_unstable();
                tasks.append(fresh);
            }
            Self::Ranked { place_of, set, .. } => {
                fresh.drain(..).for_each(|task| set.insert(place_of[task as usize]));
            }
        }
    }

    fn next(&mut self, now: f64) -> Option<u32> {
        match self {
            Self::Line(line) => line.next(now),
            Self::Queue { tasks, head } => {
                let task = tasks.get(*head).copied();
                *head += usize::from(task.is_some());
                task
            }
            Self::Ranked { task_at, set, .. } => set.take_lowest().map(|place| task_at[place as usize]),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Queue { tasks, head } => *head == tasks.len(),
            Self::Ranked { set, .. } => set.is_empty(),
            Self::Line(line) => line.is_empty(),
        }
    }
}

impl<'a> Kernel<'a> {
    /// A kernel for one workload, set of machines and policy.
    pub fn new(work: &'a Workload, machines: &'a Machines, policy: Policy, chance: Chance) -> Self {
        let ready = Ready::of(work, machines, policy);
        Self::with(work, machines, policy, ready, chance)
    }

    /// A kernel whose ready tasks start in the order of a line, on the free machine of the lowest number.
    pub fn in_line(work: &'a Workload, machines: &'a Machines, line: Box<dyn Line>, chance: Chance) -> Self {
        Self::with(work, machines, Policy::Fifo, Ready::Line(line), chance)
    }

    fn with(work: &'a Workload, machines: &'a Machines, policy: Policy, ready: Ready, chance: Chance) -> Self {
        let machine_of = machines.preferred(policy);
        let speed_of = machine_of.iter().map(|machine| machines.speed(*machine)).collect();
        let slots = machine_of.len();
        let drawn = if chance.is_random() { work.len() } else { 0 };
        Self {
            work,
            machines,
            chance,
            lower_bound: work.lower_bound(machines),
            machine_of,
            speed_of,
            in_slot: vec![0; slots],
            free: LowestSet::below(slots),
            busy: 0,
            ready,
            fresh: Vec::new(),
            passing: Vec::new(),
            waits: vec![0; work.len()],
            failed: vec![0; drawn],
            spent: vec![0.0; drawn],
            events: BinaryHeap::with_capacity(slots.min(work.len())),
        }
    }

    /// Plays run number `run`; `seen` is shown every attempt when it starts.
    pub fn play(&mut self, run: u64, mut seen: impl FnMut(Span)) -> Outcome {
        let draws = self.chance.of_run(run);
        let mut outcome = Outcome::default();
        self.reset();
        let mut now = 0.0f64;
        for task in 0..self.work.len() as u32 {
            if self.waits[task as usize] == 0 {
                self.admit(task, now, &mut seen);
            }
        }
        loop {
            self.settle(now, &mut seen);
            self.ready.admit(&mut self.fresh, now);
            self.start(now, &draws, &mut outcome, &mut seen);
            let Some(Reverse((instant, _))) = self.events.peek().copied() else { break };
            now = f64::from_bits(instant);
            while let Some(Reverse((_, what))) = self.events.peek().copied().filter(|Reverse((at, _))| *at == instant) {
                self.events.pop();
                self.end(what, now, &draws, &mut outcome);
            }
        }
        outcome.makespan = now;
        outcome.lower_bound = match self.chance.is_random() {
            true => self.work.lower_bound_of(self.machines, &self.spent),
            false => self.lower_bound,
        };
        outcome
    }

    fn reset(&mut self) {
        self.waits.copy_from_slice(&self.work.waits);
        self.failed.fill(0);
        for (spent, (seconds, idle)) in self.spent.iter_mut().zip(self.work.seconds.iter().zip(&self.work.idle)) {
            *spent = if *idle { *seconds } else { 0.0 };
        }
        self.ready.clear();
        self.fresh.clear();
        self.events.clear();
        self.free.clear();
        (0..self.machine_of.len() as u32).for_each(|slot| self.free.insert(slot));
        self.busy = 0;
    }

    /// All producers of a task have ended.
    fn admit(&mut self, task: u32, now: f64, seen: &mut impl FnMut(Span)) {
        if !self.work.idle[task as usize] {
            self.fresh.push(task);
            return;
        }
        let end = now + self.work.seconds[task as usize];
        seen(Span { task, attempt: 1, machine: None, start: now, end, failed: false });
        match end > now {
            true => self.events.push(Reverse((end.to_bits(), IDLE | task))),
            false => self.passing.push(task),
        }
    }

    /// Lets the successors of everything that ended become ready.
    fn settle(&mut self, now: f64, seen: &mut impl FnMut(Span)) {
        while let Some(task) = self.passing.pop() {
            for next in self.work.succ(task) {
                let waits = &mut self.waits[*next as usize];
                *waits -= 1;
                if *waits == 0 {
                    self.admit(*next, now, seen);
                }
            }
        }
    }

    /// Starts ready tasks while machines are free.
    fn start(&mut self, now: f64, draws: &Draws, outcome: &mut Outcome, seen: &mut impl FnMut(Span)) {
        while !self.ready.is_empty() {
            let Some(slot) = self.free.take_lowest() else { break };
            let Some(task) = self.ready.next(now) else {
                self.free.insert(slot);
                break;
            };
            let place = task as usize;
            let mut seconds = self.work.seconds[place];
            let mut attempt = 1;
            if let (Some(failed), Some(spent)) = (self.failed.get(place), self.spent.get_mut(place)) {
                attempt = failed + 1;
                seconds *= draws.factor(task, attempt);
                *spent += seconds;
            }
            let length = seconds / self.speed_of[slot as usize];
            let end = now + length;
            self.in_slot[slot as usize] = task;
            self.events.push(Reverse((end.to_bits(), slot)));
            self.busy += 1;
            outcome.busy += length;
            outcome.attempts += 1;
            outcome.cost_micros = outcome.cost_micros.saturating_add(self.work.cost_micros[place]);
            outcome.tokens = outcome.tokens.saturating_add(self.work.tokens[place]);
            outcome.peak = outcome.peak.max(self.busy);
            let failed = attempt < Chance::ATTEMPTS && draws.fails(task, attempt);
            seen(Span { task, attempt, machine: Some(self.machine_of[slot as usize]), start: now, end, failed });
        }
    }

    /// Something ended: a task in a slot, or one without.
    fn end(&mut self, what: u32, now: f64, draws: &Draws, outcome: &mut Outcome) {
        if what & IDLE != 0 {
            self.passing.push(what & !IDLE);
            return;
        }
        let task = self.in_slot[what as usize];
        self.free.insert(what);
        self.busy -= 1;
        if let Ready::Line(line) = &mut self.ready {
            line.ended(task, now);
        }
        if let Some(failed) = self.failed.get_mut(task as usize)
            && draws.fails(task, *failed + 1)
        {
            if *failed + 1 < Chance::ATTEMPTS {
                *failed += 1;
                self.fresh.push(task);
                return;
            }
            outcome.let_through += 1;
        }
        self.passing.push(task);
    }
}
