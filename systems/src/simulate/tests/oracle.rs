//! The naive scheduler: looks at every task and machine again for every decision, straight from the rules.

use crate::simulate::Policy;

/// What it says of a schedule: for each task (as given) its start and its machine.
pub(super) fn schedule(
    ids: &[String],
    seconds: &[f64],
    edges: &[(u32, u32)],
    speeds: &[f64],
    policy: Policy,
) -> Vec<(f64, usize)> {
    let count = ids.len();
    let producers: Vec<Vec<usize>> = (0..count)
        .map(|task| edges.iter().filter(|(_, to)| *to as usize == task).map(|(from, _)| *from as usize).collect())
        .collect();
    let mean = speeds.iter().sum::<f64>() / speeds.len() as f64;
    let ranks: Vec<f64> = (0..count).map(|task| rank(task, seconds, edges, mean)).collect();
    let mut placed: Vec<Option<(f64, usize)>> = vec![None; count];
    let end = |placed: &[Option<(f64, usize)>], task: usize| {
        placed[task].map(|(start, machine)| start + seconds[task] / speeds[machine])
    };
    let mut now = 0.0;
    // A task that takes no time ends at the instant at which it starts, but after everything that starts with it.
    let mut just_started: Vec<usize> = Vec::new();
    loop {
        let over = |placed: &[Option<(f64, usize)>], fresh: &[usize], task: usize| {
            end(placed, task).is_some_and(|end| end <= now) && !fresh.contains(&task)
        };
        let ready_since = |placed: &[Option<(f64, usize)>], task: usize| -> f64 {
            producers[task].iter().filter_map(|from| end(placed, *from)).fold(0.0, f64::max)
        };
        let mut ready: Vec<usize> = (0..count)
            .filter(|task| placed[*task].is_none())
            .filter(|task| producers[*task].iter().all(|from| over(&placed, &just_started, *from)))
            .collect();
        let mut free: Vec<usize> = (0..speeds.len())
            .filter(|machine| {
                !(0..count).any(|task| {
                    placed[task].is_some_and(|(_, on)| on == *machine) && !over(&placed, &just_started, task)
                })
            })
            .collect();
        just_started.clear();
        while !ready.is_empty() && !free.is_empty() {
            ready.sort_by(|a, b| {
                let first = match policy {
                    Policy::Fifo | Policy::FifoFastest => {
                        wave(&placed, *a, &ready_since).total_cmp(&wave(&placed, *b, &ready_since))
                    }
                    Policy::CriticalPath | Policy::Heft => ranks[*b].total_cmp(&ranks[*a]),
                };
                first.then_with(|| ids[*a].cmp(&ids[*b]))
            });
            let task = ready.remove(0);
            free.sort_by(|a, b| {
                let faster = speeds[*b].total_cmp(&speeds[*a]);
                let first = match policy {
                    Policy::Fifo => std::cmp::Ordering::Equal,
                    Policy::FifoFastest | Policy::CriticalPath => faster,
                    Policy::Heft => (seconds[task] / speeds[*a]).total_cmp(&(seconds[task] / speeds[*b])).then(faster),
                };
                first.then(a.cmp(b))
            });
            placed[task] = Some((now, free.remove(0)));
            just_started.push(task);
        }
        // The next instant at which something ends; this one again if something that started just now takes no time.
        if just_started.iter().any(|task| end(&placed, *task) == Some(now)) {
            just_started.retain(|task| end(&placed, *task) != Some(now));
            continue;
        }
        just_started.clear();
        let next =
            (0..count).filter_map(|task| end(&placed, task)).filter(|end| *end > now).fold(f64::INFINITY, f64::min);
        if next.is_infinite() {
            return placed.into_iter().map(|placed| placed.expect("every task has been placed")).collect();
        }
        now = next;
    }
}

fn wave(
    placed: &[Option<(f64, usize)>],
    task: usize,
    ready_since: &impl Fn(&[Option<(f64, usize)>], usize) -> f64,
) -> f64 {
    ready_since(placed, task)
}

fn rank(task: usize, seconds: &[f64], edges: &[(u32, u32)], mean: f64) -> f64 {
    let next = edges.iter().filter(|(from, _)| *from as usize == task);
    next.map(|(_, to)| rank(*to as usize, seconds, edges, mean)).fold(0.0, f64::max) + seconds[task] / mean
}
