//! `arbitration.makespan`: recorded executions that come one after the other and want the same machines.
//!
//! Every recording is a melody of its own: it comes at a drawn moment, has a weight of 1, 2, 4 or 8, and a due date
//! some times its shortest length after it came. What is asked is when all are over (makespan) and how late each is,
//! by its weight (weighted tardiness). First come first served and shortest job first know neither weights nor due
//! dates; the engine is told both, and the length of what follows each task.

use super::arbitration::Draw;
use super::simulate::{folder, paths_of, tasks_of};
use super::{Figure, unknown};
use crate::bench::Bench;
use crate::error::BenchError;
use crate::line::{Goal, Line as Printed};
use crate::meter::Stopwatch;
use crate::sample::Sample;
use symphony_pit::arbitration::{ONE, Strategy, Terms};
use symphony_systems::simulate::{
    Arbitrated, ByKey, Chance, Claim, Kernel, Line, Machines, Policy, Task, Ties, Workload,
};

pub const FIGURE: Figure = Figure {
    id: "arbitration.makespan",
    what: "recorded executions on shared machines: makespan and weighted tardiness, against FIFO and SJF",
    measure,
    sample,
};

const MACHINES: usize = 32;

/// How busy the machines are while melodies come.
const LOAD: f64 = 0.9;

fn measure(bench: &mut Bench) -> Result<(), BenchError> {
    let best = |bench: &Bench, policy: &str| bench.best("arbitration.makespan", &[policy], Sample::cpu_per_task);
    let peers = [("FIFO", best(bench, "fifo")?), ("SJF", best(bench, "sjf")?)];
    for policy in ["prioritise", "round_robin", "fair"] {
        let ours = best(bench, policy)?;
        for (name, peer) in &peers {
            for (what, key) in [("weighted tardiness", "tardy_s"), ("makespan", "makespan_s")] {
                // What knows due dates must be the better for it, and all must be over as soon.
                let goal = match (policy, key) {
                    ("prioritise", "tardy_s") => Goal::times(1.0),
                    ("prioritise", _) => Goal::times(0.98),
                    _ => Goal::default(),
                };
                bench.print(&Printed {
                    id: "arbitration.makespan",
                    what: format!("{what}: recorded executions on {MACHINES} machines at a load of {LOAD}, {policy}"),
                    unit: "s",
                    ours: ours.get(key),
                    peer_name: Some(*name),
                    peer: Some(peer.get(key)),
                    goal,
                });
            }
        }
    }
    Ok(())
}

/// Words: `fifo`, `sjf` or a strategy.
fn sample(words: &[&str]) -> Result<Sample, BenchError> {
    let [policy] = words else { return Err(unknown(words)) };
    let concert = Concert::of_recordings()?;
    let machines = Machines::new(MACHINES, &[1.0]).map_err(wrong)?;
    let mut kernel = match *policy {
        "fifo" => Kernel::new(&concert.work, &machines, Policy::Fifo, Chance::default()),
        _ => Kernel::in_line(&concert.work, &machines, concert.line(policy)?, Chance::default()),
    };
    let mut ends = vec![0.0f64; concert.melodies.len()];
    let watch = Stopwatch::start();
    let outcome = kernel.play(0, |span| {
        let end = &mut ends[concert.of_task[span.task as usize] as usize];
        *end = end.max(span.end);
    });
    let (cpu, wall) = watch.read();
    let late = concert.melodies.iter().zip(&ends);
    let tardy: f64 = late.map(|(melody, end)| f64::from(melody.weight) * (end - melody.due).max(0.0)).sum();
    let attempts = outcome.attempts as f64;
    let mut sample = Sample { cpu_ns: cpu as f64, wall_ns: wall as f64, tasks: attempts, ..Sample::default() };
    sample.more.insert("makespan_s".to_owned(), outcome.makespan);
    sample.more.insert("tardy_s".to_owned(), tardy);
    Ok(sample)
}

struct Melody {
    weight: u32,
    due: f64,
}

/// All recordings as one workload.
struct Concert {
    work: Workload,
    melodies: Vec<Melody>,
    of_task: Vec<u32>,
    seconds: Vec<f64>,
    /// Seconds from the start of each task to the end of its melody, at least.
    rank: Vec<f64>,
}

impl Concert {
    fn of_recordings() -> Result<Self, BenchError> {
        let mut recorded = Vec::new();
        for path in paths_of(&folder()?)? {
            recorded.push(tasks_of(&path)?);
        }
        let work: f64 = recorded.iter().flat_map(|(tasks, _)| tasks.iter().map(|task| task.seconds)).sum();
        let span = work / MACHINES as f64 / LOAD;
        let mut draw = Draw(7);
        let mut part = || (draw.next() >> 11) as f64 / (1u64 << 53) as f64;
        let (mut tasks, mut edges, mut of_task, mut melodies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut rank = Vec::new();
        for ((own, own_edges), melody) in recorded.into_iter().zip(0u32..) {
            let first = tasks.len() as u32;
            let comes = part() * span;
            tasks.push(Task { id: format!("{melody}/comes"), seconds: comes, idle: true, ..Task::default() });
            let ranks = ranks_of(&own, &own_edges);
            let longest = ranks.iter().copied().fold(0.0, f64::max);
            // A quarter of the machines for itself is what a melody may hope for.
            let sum: f64 = own.iter().map(|task| task.seconds).sum();
            let shortest = longest.max(sum / (MACHINES as f64 / 4.0));
            melodies.push(Melody { weight: 1 << (part() * 4.0) as u32, due: comes + shortest * (1.2 + 2.0 * part()) });
            let mut roots = vec![true; own.len()];
            own_edges.iter().for_each(|(_, to)| roots[*to as usize] = false);
            edges.extend(
                (0..own.len() as u32).filter(|task| roots[*task as usize]).map(|task| (first, first + 1 + task)),
            );
            edges.extend(own_edges.iter().map(|(from, to)| (first + 1 + from, first + 1 + to)));
            of_task.extend(std::iter::repeat_n(melody, own.len() + 1));
            rank.push(0.0);
            rank.extend(ranks);
            tasks.extend(own.into_iter().map(|task| Task { id: format!("{melody}/{}", task.id), ..task }));
        }
        let seconds = tasks.iter().map(|task| task.seconds).collect();
        let work = Workload::new(tasks, &edges, Ties::AsGiven).map_err(wrong)?;
        Ok(Self { work, melodies, of_task, seconds, rank })
    }

    fn line(&self, policy: &str) -> Result<Box<dyn Line>, BenchError> {
        if policy == "sjf" {
            return Ok(Box::new(ByKey::new(self.seconds.clone())));
        }
        let strategy = Strategy::ALL.into_iter().find(|strategy| strategy.as_str() == policy);
        let strategy = strategy.ok_or_else(|| unknown(&[policy]))?;
        let mean = self.seconds.iter().sum::<f64>() / self.seconds.len() as f64;
        let claim = |task: usize| {
            let melody = &self.melodies[self.of_task[task] as usize];
            let seconds = self.seconds[task];
            let short = mean / (mean + seconds);
            Claim {
                party: self.of_task[task],
                terms: Terms {
                    business: (melody.weight * u32::from(ONE) / 8) as u16,
                    cost: (short * f64::from(ONE)) as u16,
                    ..Terms::default()
                },
                // The latest end that keeps the melody's due date.
                deadline: melody.due - (self.rank[task] - seconds),
                seconds,
            }
        };
        let claims: Vec<Claim> = (0..self.seconds.len()).map(claim).collect();
        let weights = self.melodies.iter().map(|melody| melody.weight).collect();
        let patience = self.melodies.iter().map(|melody| melody.due).fold(0.0, f64::max);
        let line = Arbitrated::new(MACHINES as u64, strategy, patience, weights, claims).map_err(wrong)?;
        Ok(Box::new(line))
    }
}

/// The longest way from the start of each task to the end.
fn ranks_of(tasks: &[Task], edges: &[(u32, u32)]) -> Vec<f64> {
    let mut after: Vec<Vec<u32>> = vec![Vec::new(); tasks.len()];
    let mut waits = vec![0u32; tasks.len()];
    for (from, to) in edges {
        after[*from as usize].push(*to);
        waits[*to as usize] += 1;
    }
    let mut order: Vec<u32> = (0..tasks.len() as u32).filter(|task| waits[*task as usize] == 0).collect();
    let mut next = 0;
    while let Some(task) = order.get(next).copied() {
        next += 1;
        for to in &after[task as usize] {
            waits[*to as usize] -= 1;
            if waits[*to as usize] == 0 {
                order.push(*to);
            }
        }
    }
    let mut rank: Vec<f64> = tasks.iter().map(|task| task.seconds).collect();
    for task in order.into_iter().rev() {
        let longest = after[task as usize].iter().map(|to| rank[*to as usize]).fold(0.0, f64::max);
        rank[task as usize] += longest;
    }
    rank
}

fn wrong(error: impl ToString) -> BenchError {
    BenchError::Wrong(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_the_longest_way_to_the_end() {
        let task = |seconds| Task { seconds, ..Task::default() };
        let tasks = [task(1.0), task(2.0), task(5.0), task(3.0)];
        assert_eq!(ranks_of(&tasks, &[(0, 1), (0, 2), (1, 3), (2, 3)]), [9.0, 5.0, 8.0, 3.0]);
    }

    #[test]
    fn what_is_no_sample_is_refused() {
        assert!(sample(&["best", "of"]).is_err());
    }
}
