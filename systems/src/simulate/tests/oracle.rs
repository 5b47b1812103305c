//! The naive scheduler: looks at every task and machine again for every decision, straight from the rules. For tasks
//! that take time: what takes none ends at the instant at which it starts, which the hand-made schedules show.

use crate::simulate::Policy;
use std::cmp::Ordering;

/// Where a task was put: its start and its machine.
type Placed = Option<(f64, usize)>;

/// What it says of a schedule: for each task (as given) its start and its machine.
pub(super) fn schedule(
    ids: &[String],
    seconds: &[f64],
    edges: &[(u32, u32)],
    speeds: &[f64],
    policy: Policy,
) -> Vec<(f64, usize)> {
    let tasks = 0..ids.len();
    let producers =
        |task: usize| edges.iter().filter(move |(_, to)| *to as usize == task).map(|(from, _)| *from as usize);
    let mean = speeds.iter().sum::<f64>() / speeds.len() as f64;
    let ranks: Vec<f64> = tasks.clone().map(|task| rank(task, seconds, edges, mean)).collect();
    let end = |placed: &[Placed], task: usize| -> Option<f64> {
        placed[task].map(|(start, machine)| start + seconds[task] / speeds[machine])
    };
    let mut placed: Vec<Placed> = vec![None; ids.len()];
    let mut now = 0.0;
    loop {
        let over = |placed: &[Placed], task: usize| end(placed, task).is_some_and(|end| end <= now);
        let ready_since = |placed: &[Placed], task: usize| -> f64 {
            producers(task).filter_map(|producer| end(placed, producer)).fold(0.0, f64::max)
        };
        let free = |placed: &[Placed], machine: usize| {
            !tasks.clone().any(|task| placed[task].is_some_and(|(_, on)| on == machine) && !over(placed, task))
        };
        loop {
            let ready = tasks.clone().filter(|task| placed[*task].is_none());
            let ready = ready.filter(|task| producers(*task).all(|producer| over(&placed, producer)));
            let first = |a: &usize, b: &usize| -> Ordering {
                let order = match policy {
                    Policy::Fifo | Policy::FifoFastest => ready_since(&placed, *a).total_cmp(&ready_since(&placed, *b)),
                    Policy::CriticalPath | Policy::Heft => ranks[*b].total_cmp(&ranks[*a]),
                };
                order.then_with(|| ids[*a].cmp(&ids[*b]))
            };
            let Some(task) = ready.min_by(first) else { break };
            let better = |a: &usize, b: &usize| -> Ordering {
                let order = match policy {
                    Policy::Fifo => Ordering::Equal,
                    Policy::FifoFastest | Policy::CriticalPath => speeds[*b].total_cmp(&speeds[*a]),
                    Policy::Heft => (seconds[task] / speeds[*a]).total_cmp(&(seconds[task] / speeds[*b])),
                };
                order.then(a.cmp(b))
            };
            let machines = (0..speeds.len()).filter(|machine| free(&placed, *machine));
            let Some(machine) = machines.min_by(better) else { break };
            placed[task] = Some((now, machine));
        }
        let ends = tasks.clone().filter_map(|task| end(&placed, task)).filter(|end| *end > now);
        let next = ends.fold(f64::INFINITY, f64::min);
        if next.is_infinite() {
            return placed.into_iter().map(|placed| placed.expect("every task has been placed")).collect();
        }
        now = next;
    }
}

fn rank(task: usize, seconds: &[f64], edges: &[(u32, u32)], mean: f64) -> f64 {
    let next = edges.iter().filter(|(from, _)| *from as usize == task);
    next.map(|(_, to)| rank(*to as usize, seconds, edges, mean)).fold(0.0, f64::max) + seconds[task] / mean
}
