//! A workload: tasks as columns and who waits for whom, checked once, so that playing it needs no checks.

use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// A task as it is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Task {
    /// Its name, unlike all others.
    pub id: String,
    /// What it is alike to: the program, player or category that people know it by.
    pub kind: String,
    /// Run time on a machine of speed 1, in seconds.
    pub seconds: f64,
    /// Cost of one attempt in micro-dollars.
    pub cost_micros: u64,
    /// Tokens of one attempt.
    pub tokens: u64,
    /// It needs no machine: a wait for a person, a pause before another attempt, a bracket around a body. It takes
    /// its seconds on any stage, neither fails nor varies, and is not counted.
    pub idle: bool,
}

/// In which order tasks that become ready at one instant stand, and all other ties are broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ties {
    /// By id, compared as strings (byte by byte).
    ById,
    /// As given.
    AsGiven,
}

/// Tasks and edges, compiled to columns. Tasks are numbered in the order of [`Ties`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workload {
    ids: Vec<Arc<str>>,
    kinds: Vec<Arc<str>>,
    kind_of: Vec<u32>,
    pub(super) seconds: Vec<f64>,
    pub(super) cost_micros: Vec<u64>,
    pub(super) tokens: Vec<u64>,
    pub(super) idle: Vec<bool>,
    pub(super) waits: Vec<u32>,
    pub(super) succ_off: Vec<u32>,
    pub(super) succ: Vec<u32>,
    /// A topological order.
    pub(super) order: Vec<u32>,
    played: usize,
}

/// Why tasks and edges are no workload.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WorkloadError {
    /// A run time that is none.
    #[error("task `{id}`: a run time of {seconds} s; it must be a number of seconds from 0 up")]
    Seconds {
        /// The task.
        id: String,
        /// What was given.
        seconds: String,
    },
    /// Two tasks of one name.
    #[error("two tasks are called `{0}`; ids must differ")]
    Twice(String),
    /// An edge that leads nowhere.
    #[error("an edge names task number {0}, but there are only {1}")]
    NoTask(u32, usize),
    /// Tasks that wait for each other.
    #[error("tasks wait for each other in a circle: {}", .0.join(" → "))]
    Circle(Vec<String>),
    /// Too many for 31 bits.
    #[error("more than {most} tasks or edges", most = Workload::MOST)]
    TooMany,
}

impl Workload {
    /// Tasks and edges at most.
    pub const MOST: usize = (1 << 31) - 1;

    /// Compiles tasks and edges (producer, consumer; as places in `tasks`).
    ///
    /// # Errors
    /// Ids that are not unique, run times that are no numbers, edges to nowhere, circles.
    pub fn new(tasks: Vec<Task>, edges: &[(u32, u32)], ties: Ties) -> Result<Self, WorkloadError> {
        let count = tasks.len();
        if count > Self::MOST || edges.len() > Self::MOST {
            return Err(WorkloadError::TooMany);
        }
        if let Some(bad) = tasks.iter().find(|task| !(task.seconds.is_finite() && task.seconds >= 0.0)) {
            return Err(WorkloadError::Seconds { id: bad.id.clone(), seconds: bad.seconds.to_string() });
        }
        if let Some((from, to)) = edges.iter().find(|(from, to)| (*from).max(*to) as usize >= count) {
            return Err(WorkloadError::NoTask(*from.max(to), count));
        }
        let number_of = numbers(&tasks, ties)?;
        let mut by_number = vec![0u32; count];
        number_of.iter().enumerate().for_each(|(place, number)| by_number[*number as usize] = place as u32);
        let mut work = Self::columns(&tasks, &by_number);
        work.connect(edges, &number_of);
        work.sort().map(|()| work)
    }

    fn columns(tasks: &[Task], by_number: &[u32]) -> Self {
        let mut work = Self::default();
        let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
        for place in by_number {
            let task = &tasks[*place as usize];
            let fresh = kinds.len() as u32;
            let kind = *kinds.entry(&task.kind).or_insert(fresh);
            if kind == fresh {
                work.kinds.push(Arc::from(task.kind.as_str()));
            }
            work.ids.push(Arc::from(task.id.as_str()));
            work.kind_of.push(kind);
            // Adding zero turns -0.0 into 0.0: times are compared by their bits.
            work.seconds.push(task.seconds + 0.0);
            work.cost_micros.push(task.cost_micros);
            work.tokens.push(task.tokens);
            work.idle.push(task.idle);
            work.played += usize::from(!task.idle);
        }
        work
    }

    fn connect(&mut self, edges: &[(u32, u32)], number_of: &[u32]) {
        let count = number_of.len();
        self.succ_off = vec![0; count + 1];
        self.waits = vec![0; count];
        for (from, to) in edges {
            self.succ_off[number_of[*from as usize] as usize + 1] += 1;
            self.waits[number_of[*to as usize] as usize] += 1;
        }
        for place in 0..count {
            self.succ_off[place + 1] += self.succ_off[place];
        }
        let mut next = self.succ_off.clone();
        self.succ = vec![0; edges.len()];
        for (from, to) in edges {
            let place = &mut next[number_of[*from as usize] as usize];
            self.succ[*place as usize] = number_of[*to as usize];
            *place += 1;
        }
        for task in 0..count {
            let (from, to) = (self.succ_off[task] as usize, self.succ_off[task + 1] as usize);
            self.succ[from..to].sort_unstable();
        }
    }

    fn sort(&mut self) -> Result<(), WorkloadError> {
        let mut waits = self.waits.clone();
        let mut order: Vec<u32> = (0..self.len() as u32).filter(|task| waits[*task as usize] == 0).collect();
        let mut next = 0;
        while let Some(task) = order.get(next).copied() {
            next += 1;
            for consumer in self.succ(task) {
                waits[*consumer as usize] -= 1;
                if waits[*consumer as usize] == 0 {
                    order.push(*consumer);
                }
            }
        }
        if order.len() < self.len() {
            return Err(WorkloadError::Circle(self.circle(&waits)));
        }
        self.order = order;
        Ok(())
    }

    /// One circle among the tasks that still wait: backwards from any of them, until a task comes twice.
    fn circle(&self, waits: &[u32]) -> Vec<String> {
        let mut producer = vec![None; self.len()];
        for task in (0..self.len() as u32).filter(|task| waits[*task as usize] > 0) {
            for consumer in self.succ(task).iter().filter(|consumer| waits[**consumer as usize] > 0) {
                producer[*consumer as usize].get_or_insert(task);
            }
        }
        let Some(mut here) = waits.iter().position(|left| *left > 0).map(|task| task as u32) else { return Vec::new() };
        let mut walk = vec![here];
        while let Some(before) = producer[here as usize] {
            if let Some(place) = walk.iter().position(|seen| *seen == before) {
                walk.drain(..place);
                break;
            }
            walk.push(before);
            here = before;
        }
        walk.push(walk[0]);
        walk.iter().rev().map(|task| self.ids[*task as usize].to_string()).collect()
    }

    /// Tasks and brackets, played or not: one more than the highest number.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Tasks that need a machine.
    pub fn played(&self) -> usize {
        self.played
    }

    /// Edges.
    pub fn edges(&self) -> usize {
        self.succ.len()
    }

    /// A task's name.
    pub fn id(&self, task: u32) -> &Arc<str> {
        &self.ids[task as usize]
    }

    /// Names of what tasks are alike to; [`Workload::kind_of`] numbers them.
    pub fn kinds(&self) -> &[Arc<str>] {
        &self.kinds
    }

    /// What a task is alike to.
    pub fn kind_of(&self, task: u32) -> u32 {
        self.kind_of[task as usize]
    }

    /// Run time on a machine of speed 1.
    pub fn seconds(&self, task: u32) -> f64 {
        self.seconds[task as usize]
    }

    /// Cost of one attempt in micro-dollars.
    pub fn cost_micros(&self, task: u32) -> u64 {
        self.cost_micros[task as usize]
    }

    /// Tokens of one attempt.
    pub fn tokens(&self, task: u32) -> u64 {
        self.tokens[task as usize]
    }

    /// Whether it takes time, but no machine.
    pub fn is_idle(&self, task: u32) -> bool {
        self.idle[task as usize]
    }

    /// Tasks that wait for this one.
    pub fn succ(&self, task: u32) -> &[u32] {
        let task = task as usize;
        &self.succ[self.succ_off[task] as usize..self.succ_off[task + 1] as usize]
    }

    /// Seconds of all tasks that need a machine.
    pub fn work(&self) -> f64 {
        self.seconds.iter().zip(&self.idle).filter(|(_, idle)| !**idle).map(|(seconds, _)| seconds).sum()
    }
}

/// The number of each task: its place in the order of ties.
fn numbers(tasks: &[Task], ties: Ties) -> Result<Vec<u32>, WorkloadError> {
    let mut places: Vec<u32> = (0..tasks.len() as u32).collect();
    let id = |place: u32| tasks[place as usize].id.as_str();
    places.sort_unstable_by(|a, b| id(*a).cmp(id(*b)));
    if let Some(pair) = places.windows(2).find(|pair| id(pair[0]) == id(pair[1])) {
        return Err(WorkloadError::Twice(id(pair[0]).to_owned()));
    }
    if ties == Ties::AsGiven {
        return Ok((0..tasks.len() as u32).collect());
    }
    let mut number_of = vec![0; tasks.len()];
    places.iter().enumerate().for_each(|(number, place)| number_of[*place as usize] = number as u32);
    Ok(number_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(id: &str, seconds: f64) -> Task {
        Task { id: id.into(), kind: "k".into(), seconds, ..Task::default() }
    }

    #[test]
    fn tasks_are_numbered_by_their_ids_or_as_given() {
        let tasks = || vec![task("b", 2.0), task("a10", 1.0), task("a9", 4.0)];
        let work = Workload::new(tasks(), &[(0, 1)], Ties::ById).unwrap();
        assert_eq!((0..3).map(|task| &**work.id(task)).collect::<Vec<_>>(), ["a10", "a9", "b"]);
        assert_eq!((work.succ(2), work.succ(0), work.edges(), work.work()), (&[0u32][..], &[][..], 1, 7.0));
        let work = Workload::new(tasks(), &[(0, 1)], Ties::AsGiven).unwrap();
        assert_eq!((&**work.id(0), work.succ(0)), ("b", &[1u32][..]));
    }

    #[test]
    fn what_is_no_workload_says_why() {
        let complain =
            |tasks: Vec<Task>, edges: &[(u32, u32)]| Workload::new(tasks, edges, Ties::ById).unwrap_err().to_string();
        let abc = || vec![task("c", 1.0), task("b", 1.0), task("a", 1.0), task("root", 0.0)];
        assert_eq!(complain(vec![task("a", 1.0), task("a", 2.0)], &[]), "two tasks are called `a`; ids must differ");
        assert!(complain(vec![task("a", f64::NAN)], &[]).starts_with("task `a`: a run time of NaN s"));
        assert!(complain(vec![task("a", -1.0)], &[]).contains("-1 s"));
        assert_eq!(complain(abc(), &[(0, 7)]), "an edge names task number 7, but there are only 4");
        let circle = complain(abc(), &[(3, 0), (0, 1), (1, 2), (2, 0)]);
        assert_eq!(circle, "tasks wait for each other in a circle: a → c → b → a");
        assert_eq!(complain(abc(), &[(1, 1)]), "tasks wait for each other in a circle: b → b");
    }
}
