//! `simulate`: every recorded execution of a folder, replayed on machines by the scheduling kernel.

use super::Figure;
use crate::bench::{Bench, Rival};
use crate::error::BenchError;
use crate::line::Goal;
use crate::meter::Stopwatch;
use crate::peers;
use crate::sample::Sample;
use std::path::{Path, PathBuf};
use symphony_interchange::wfformat;
use symphony_systems::simulate::{Chance, Kernel, Machines, Policy, Task, Ties, Workload};

pub const FIGURE: Figure =
    Figure { id: "simulate", what: "recorded executions replayed on machines, against SimPy", measure, sample };

/// How far apart the makespans of ours and SimPy may be: what ends at one instant is one step for us, and several for
/// SimPy, so another task may be first in line.
const ALIKE: f64 = 1e-3;

fn measure(bench: &mut Bench) -> Result<(), BenchError> {
    let folder = folder()?;
    let folder = folder.to_string_lossy();
    let goal = Goal::both(50.0, 1000.0);
    let (ours, theirs) =
        bench.duel("simulate", &["fifo", "8", "1"], Rival::Peer(peers::SIMPY, &["replay", &folder, "8"]))?;
    if let Some(theirs) = &theirs {
        let (ours, theirs) = (ours.get("makespan_ms"), theirs.get("makespan_ms"));
        if (ours / theirs - 1.0).abs() > ALIKE {
            return Err(BenchError::Wrong(format!(
                "ours takes {ours} ms in all, SimPy {theirs} ms: not the same work"
            )));
        }
    }
    let what = format!("a task replayed: {} recorded tasks, first come first served on 8 machines", ours.tasks);
    bench.print(&crate::line::Line {
        id: "simulate",
        what,
        unit: "ns",
        ours: ours.cpu_per_task(),
        peer_name: Some(peers::SIMPY.name),
        peer: theirs.map(|sample| sample.cpu_per_task()),
        goal,
    });
    for (policy, machines, speeds, words) in [
        ("heft", "32", "1,1,2,4", "HEFT-like on 32 machines of mixed speeds"),
        ("fifo", "8", "noisy", "with ±30 % and 10 % failures, on 8 machines"),
    ] {
        let best = bench.best("simulate", &[policy, machines, speeds], Sample::cpu_per_task)?;
        bench.alone("simulate", format!("a task replayed: {words}"), "ns", best.cpu_per_task(), Goal::at_most(1000.0));
    }
    Ok(())
}

/// Words: policy, machines, and `1`, `1,1,2,4` or `noisy`. The kernels are made within the time that is measured.
fn sample(words: &[&str]) -> Result<Sample, BenchError> {
    let [policy, machines, kind] = words else { return Err(super::unknown(words)) };
    let policy: Policy = policy.parse().map_err(BenchError::Wrong)?;
    let count = machines.parse().map_err(|_| super::unknown(words))?;
    let speeds: &[f64] = if *kind == "1,1,2,4" { &[1.0, 1.0, 2.0, 4.0] } else { &[1.0] };
    let machines = Machines::new(count, speeds).map_err(|error| BenchError::Wrong(error.to_string()))?;
    let chance = match *kind {
        "noisy" => Chance { failures: 0.1, noise: 0.3, seed: 1 },
        _ => Chance::default(),
    };
    let works = recordings(&folder()?)?;
    let watch = Stopwatch::start();
    let (mut makespan, mut attempts) = (0.0, 0);
    for work in &works {
        let outcome = Kernel::new(work, &machines, policy, chance).play(0, |_| {});
        makespan += outcome.makespan;
        attempts += outcome.attempts;
    }
    let (cpu, wall) = watch.read();
    let mut sample = Sample { cpu_ns: cpu as f64, wall_ns: wall as f64, tasks: attempts as f64, ..Sample::default() };
    sample.more.insert("makespan_ms".to_owned(), (makespan * 1000.0).round());
    Ok(sample)
}

/// Where the recordings lie.
pub(super) fn folder() -> Result<PathBuf, BenchError> {
    match std::env::var_os("SYMPHONY_DATA") {
        Some(data) => Ok(PathBuf::from(data).join("wfinstances")),
        None => Err(BenchError::Wrong("SYMPHONY_DATA must name the folder that holds wfinstances/".to_owned())),
    }
}

fn recordings(folder: &Path) -> Result<Vec<Workload>, BenchError> {
    paths_of(folder)?.iter().map(|path| workload(path)).collect()
}

/// The recordings below a folder, in the order of their paths.
pub(super) fn paths_of(folder: &Path) -> Result<Vec<PathBuf>, BenchError> {
    let mut paths = Vec::new();
    gather(folder, &mut paths).map_err(BenchError::io(folder.display().to_string()))?;
    paths.sort();
    match paths.is_empty() {
        true => Err(BenchError::Wrong(format!("{}: there are no recordings", folder.display()))),
        false => Ok(paths),
    }
}

fn workload(path: &Path) -> Result<Workload, BenchError> {
    let (tasks, edges) = tasks_of(path)?;
    Workload::new(tasks, &edges, Ties::ById).map_err(|error| BenchError::Wrong(format!("{}: {error}", path.display())))
}

/// The tasks of a recording, and who waits for whom.
pub(super) type Recorded = (Vec<Task>, Vec<(u32, u32)>);

/// Reads a recording.
pub(super) fn tasks_of(path: &Path) -> Result<Recorded, BenchError> {
    let wrong = |error: String| BenchError::Wrong(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(BenchError::io(path.display().to_string()))?;
    let recorded = wfformat::read(&text).map_err(|refusal| wrong(refusal.to_string()))?;
    let edges = recorded.tasks.iter().zip(0u32..);
    let edges: Vec<(u32, u32)> =
        edges.flat_map(|(task, number)| task.parents.iter().map(move |parent| (*parent, number))).collect();
    let tasks = recorded.tasks.into_iter().map(|task| Task {
        id: task.id,
        kind: task.category,
        seconds: task.runtime_s,
        ..Task::default()
    });
    Ok((tasks.collect(), edges))
}

fn gather(folder: &Path, paths: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            gather(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_no_sample_is_refused() {
        assert!(super::sample(&["best", "8", "1"]).is_err());
        assert!(super::sample(&["fifo", "many", "1"]).is_err());
        assert!(super::sample(&["fifo"]).is_err());
    }
}
