//! A sample: one measurement, taken in a process of its own.

use crate::error::BenchError;
use crate::figures;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

/// What one process measured. Peers print the same names (and some more).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sample {
    /// Processor time of the run alone, all threads, in nanoseconds.
    pub cpu_ns: f64,
    /// Wall time of the same stretch.
    pub wall_ns: f64,
    /// Tasks (nodes, steps) played in that stretch.
    pub tasks: f64,
    /// What the tasks computed, where they compute something.
    #[serde(default)]
    pub checksum: Option<i64>,
    /// Further figures by name: bytes, nanoseconds.
    #[serde(default)]
    pub more: BTreeMap<String, f64>,
}

impl Sample {
    /// Processor nanoseconds per task.
    pub fn cpu_per_task(&self) -> f64 {
        self.cpu_ns / self.tasks.max(1.0)
    }

    /// A further figure; not a number if it was not measured.
    pub fn get(&self, name: &str) -> f64 {
        self.more.get(name).copied().unwrap_or(f64::NAN)
    }
}

/// Takes a sample in this process: `FIGURE WORD…`.
pub fn take(words: impl Iterator<Item = OsString>) -> Result<Sample, BenchError> {
    let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let (id, rest) = words.split_first().ok_or_else(|| BenchError::Wrong("a sample of what?".to_owned()))?;
    let figure = figures::ALL.iter().find(|figure| figure.id == id.as_str());
    let figure = figure.ok_or_else(|| BenchError::Wrong(format!("there is no figure `{id}`")))?;
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    (figure.sample)(&rest)
}

/// Has a sample taken by a fresh process of this program.
pub fn of_ours(id: &str, words: &[&str]) -> Result<Sample, BenchError> {
    let this = std::env::current_exe().map_err(BenchError::io("this program's own path"))?;
    let words = ["__sample", id].into_iter().chain(words.iter().copied());
    of_program(&this, words)
}

/// Has a sample taken by a program that prints one line of JSON.
pub fn of_program(program: &Path, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Sample, BenchError> {
    let name = program.display().to_string();
    let done = Command::new(program).args(words).stdin(Stdio::null()).output().map_err(BenchError::io(&name))?;
    if !done.status.success() {
        let words = String::from_utf8_lossy(&done.stderr).trim().to_owned();
        return Err(BenchError::Failed { program: name, status: done.status, words });
    }
    Ok(serde_json::from_slice(&done.stdout)?)
}
