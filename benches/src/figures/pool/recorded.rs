//! Recorded runs as requests for players: which program started when, and who waited for whom.

use crate::error::BenchError;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use symphony_interchange::wfformat::{self, Recorded};
use symphony_systems::simulate::{Chance, Kernel, Machines, Policy, Task, Ties, Workload};

/// Machines of the replay: the recordings tell durations and dependencies, not when a task began.
const MACHINES: usize = 8;

/// A recorded run.
pub struct Run {
    /// What was played: the folder or the beginning of the file's name, so that its runs belong together.
    pub melody: String,
    /// Year, month, day, hour, minute, second, as far as told.
    pub began: [u32; 6],
    /// Its file, to tell equals apart.
    pub file: String,
    /// Tasks in the order in which they started: (second, task).
    pub starts: Vec<(f64, usize)>,
    /// Program of each task.
    pub program: Vec<String>,
    /// Duration of each task.
    pub seconds: Vec<f64>,
    /// Who waits for each task.
    pub children: Vec<Vec<usize>>,
    /// For how many each task waits.
    pub waits: Vec<usize>,
}

/// All recordings of a folder, in the order in which they began.
pub fn all(folder: &Path) -> Result<Vec<Run>, BenchError> {
    let mut files = Vec::new();
    gather(folder, &mut files).map_err(BenchError::io(folder.display().to_string()))?;
    files.sort();
    let mut runs = Vec::new();
    for file in files {
        let wrong = |error: String| BenchError::Wrong(format!("{}: {error}", file.display()));
        let text = std::fs::read_to_string(&file).map_err(BenchError::io(file.display().to_string()))?;
        let recorded = wfformat::read(&text).map_err(|refusal| wrong(refusal.to_string()))?;
        runs.push(run(&file, recorded).map_err(wrong)?);
    }
    runs.sort_by(|a, b| (a.began, &a.file).cmp(&(b.began, &b.file)));
    if runs.is_empty() { Err(BenchError::Wrong(format!("{}: no recordings", folder.display()))) } else { Ok(runs) }
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            gather(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    Ok(())
}

fn run(file: &Path, recorded: Recorded) -> Result<Run, String> {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let melody = stem.split('-').next().unwrap_or_default().to_owned();
    let program = programs(&recorded);
    let seconds: Vec<f64> = recorded.tasks.iter().map(|task| task.runtime_s).collect();
    let mut children = vec![Vec::new(); recorded.tasks.len()];
    let mut edges = Vec::new();
    for (number, task) in recorded.tasks.iter().enumerate() {
        for parent in &task.parents {
            children.get_mut(*parent as usize).ok_or("a parent that is no task")?.push(number);
            edges.push((*parent, number as u32));
        }
    }
    let waits = recorded.tasks.iter().map(|task| task.parents.len()).collect();
    let tasks = recorded.tasks.iter().map(|task| Task {
        id: task.id.clone(),
        kind: task.category.clone(),
        seconds: task.runtime_s,
        ..Task::default()
    });
    let work = Workload::new(tasks.collect(), &edges, Ties::AsGiven).map_err(|error| error.to_string())?;
    let machines = Machines::new(MACHINES, &[1.0]).map_err(|error| error.to_string())?;
    let mut starts = Vec::new();
    Kernel::new(&work, &machines, Policy::Fifo, Chance::default())
        .play(0, |span| starts.push((span.start, span.task as usize)));
    starts.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let began = moment(recorded.executed_at.as_deref().unwrap_or_default());
    Ok(Run { melody, began, file: stem, starts, program, seconds, children, waits })
}

/// Tasks by program. Where every task is a program of its own (a script that was generated for it), the category: the
/// task's name without its number.
fn programs(recorded: &Recorded) -> Vec<String> {
    let base = |program: &str| program.rsplit('/').next().unwrap_or(program).to_owned();
    let named: Option<Vec<String>> = recorded.tasks.iter().map(|task| task.program.as_deref().map(base)).collect();
    match named {
        Some(named) if named.iter().collect::<BTreeSet<_>>().len() * 2 <= named.len() => named,
        _ => recorded.tasks.iter().map(|task| task.category.clone()).collect(),
    }
}

/// The numbers of a date as the recordings write it: `20200401T054215+0000`, `2020-12-27T18:23:37+00:00` or
/// `03-23-21T06:04:36Z`. Zones are left out.
fn moment(text: &str) -> [u32; 6] {
    let (date, clock) = text.split_once('T').unwrap_or((text, ""));
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let two = |text: &str, at: usize| text.get(at..at + 2).and_then(|two| two.parse().ok()).unwrap_or(0);
    let (date, clock) = (digits(date), digits(clock));
    let day = match date.len() {
        8 => [two(&date, 0) * 100 + two(&date, 2), two(&date, 4), two(&date, 6)],
        _ => [2000 + two(&date, 4), two(&date, 0), two(&date, 2)],
    };
    [day[0], day[1], day[2], two(&clock, 0), two(&clock, 2), two(&clock, 4)]
}

/// The first half of each melody's runs, and its second half. A melody with one run has none to learn from and is left
/// out of both.
pub fn halves(runs: &[Run]) -> (Vec<&Run>, Vec<&Run>) {
    let mut of: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
    for run in runs {
        of.entry(&run.melody).or_default().push(run);
    }
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for runs in of.into_values().filter(|runs| runs.len() > 1) {
        let (learned, asked) = runs.split_at(runs.len() / 2);
        first.extend(learned);
        second.extend(asked);
    }
    (first, second)
}

#[cfg(test)]
mod tests {
    #[test]
    fn dates_are_read_as_they_are_written() {
        for (text, told) in [
            ("20200401T054215+0000", [2020, 4, 1, 5, 42, 15]),
            ("2020-12-27T18:23:37+00:00", [2020, 12, 27, 18, 23, 37]),
            ("03-23-21T06:04:36Z", [2021, 3, 23, 6, 4, 36]),
        ] {
            assert_eq!(super::moment(text), told);
        }
        super::moment("not played");
    }
}
