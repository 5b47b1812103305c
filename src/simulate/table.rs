//! The table: makespan by lower bound over all recorded executions of a folder, for given machines and every policy.

use super::outlook::cpu_seconds;
use super::recorded::Recording;
use crate::exit::Exit;
use crate::failure::Failure;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use symphony_systems::simulate::{Chance, Kernel, Machines, Policy, Workload};

/// Machines of the table's rows: how many, their speeds, and what to call them.
const ROWS: [(usize, &[f64], &str); 4] = [
    (8, &[1.0], "8 identical"),
    (32, &[1.0], "32 identical"),
    (8, &[1.0, 1.0, 2.0, 4.0], "8 mixed (1, 1, 2, 4)"),
    (32, &[1.0, 1.0, 2.0, 4.0], "32 mixed (1, 1, 2, 4)"),
];

/// The table, in Markdown.
///
/// # Errors
/// A folder without recordings, or one that cannot be read.
pub fn of(folder: &Path) -> Result<String, Failure> {
    let works = recordings(folder)?;
    let begun = cpu_seconds();
    let mut completions = 0;
    let mut rows = String::new();
    for (count, speeds, name) in ROWS {
        let machines = Machines::new(count, speeds).map_err(Failure::usage)?;
        let _ = write!(rows, "| {name} |");
        for policy in Policy::ALL {
            // A mean of logarithms; what takes no time at all has no ratio.
            let (mut sum, mut ratios) = (0.0, 0);
            for work in &works {
                let outcome = Kernel::new(work, &machines, policy, Chance::default()).play(0, |_| {});
                completions += work.played();
                if outcome.lower_bound > 0.0 {
                    sum += (outcome.makespan / outcome.lower_bound).ln();
                    ratios += 1;
                }
            }
            let _ = write!(rows, " {:.3} |", (sum / f64::from(ratios.max(1))).exp());
        }
        rows.push('\n');
    }
    let cpu = cpu_seconds() - begun;
    let tasks: usize = works.iter().map(Workload::played).sum();
    let edges: usize = works.iter().map(Workload::edges).sum();
    let mut text = format!("| makespan / lower bound |{}\n", Policy::ALL.map(|policy| format!(" {policy} |")).concat());
    let _ = writeln!(text, "|---|{}", Policy::ALL.map(|_| "---|").concat());
    text += &rows;
    let _ =
        writeln!(text, "\nGeometric means over {} recorded executions ({tasks} tasks, {edges} edges).", works.len());
    eprintln!("{completions} tasks replayed in {cpu:.3} processor seconds, {:.1} M/s", completions as f64 / cpu / 1e6);
    Ok(text)
}

fn recordings(folder: &Path) -> Result<Vec<Workload>, Failure> {
    let mut paths = Vec::new();
    find(folder, &mut paths).map_err(|error| Failure::usage(format!("{}: {error}", folder.display())))?;
    paths.sort();
    if paths.is_empty() {
        return Err(Failure::usage(format!("{}: there is no recorded execution (*.json) in it", folder.display())));
    }
    paths
        .iter()
        .map(|path| {
            let text =
                fs::read_to_string(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
            Recording::read(path, &text)?.workload(&[])
        })
        .collect()
}

fn find(folder: &Path, paths: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            find(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    Ok(())
}

/// A folder was given where a file is wanted.
pub fn wanted(folder: &Path) -> Failure {
    Failure::new(Exit::Usage, format!("{} is a folder", folder.display()))
        .help("give a file, or add --table for a table of all recorded executions in the folder")
}
