//! The guard: one small process beside the host that ends every player's process group when the host is gone.
//!
//! A player itself dies with its host (`PR_SET_PDEATHSIG`), but what it started would live on. The guard reads lines
//! `+GROUP` and `-GROUP` from its standard input; when that ends while groups are left, it kills them.

use std::collections::BTreeSet;
use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};

/// The hidden subcommand.
pub(super) const SUBCOMMAND: &str = "__guard";

/// The host's side of the guard. The process starts with the first group.
pub(crate) struct Guard {
    helper: PathBuf,
    process: Mutex<Option<(Child, ChildStdin)>>,
}

impl Guard {
    pub(crate) fn new(helper: PathBuf) -> Self {
        Self { helper, process: Mutex::new(None) }
    }

    /// Puts a process group under guard.
    pub(crate) fn watch(&self, group: u32) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if process.is_none() {
            let mut command = Command::new(&self.helper);
            command.arg(SUBCOMMAND).env_clear().current_dir("/").process_group(0);
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            // Without a guard players still play; only a kill -9 of the host may leave grandchildren behind.
            *process = command.spawn().ok().and_then(|mut child| child.stdin.take().map(|stdin| (child, stdin)));
        }
        Self::tell(&mut process, '+', group);
    }

    /// Takes a group off guard, once its processes are gone.
    pub(super) fn forget(&self, group: u32) {
        Self::tell(&mut self.process.lock().unwrap_or_else(PoisonError::into_inner), '-', group);
    }

    fn tell(process: &mut Option<(Child, ChildStdin)>, sign: char, group: u32) {
        if let Some((_, stdin)) = process {
            let _ = stdin.write_all(format!("{sign}{group}\n").as_bytes());
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let process = self.process.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some((mut child, stdin)) = process.take() {
            drop(stdin);
            let _ = child.wait();
        }
    }
}

/// Runs the guard: the hidden subcommand `__guard`. Returns when the host is gone.
pub fn guard() -> ExitCode {
    let mut groups = BTreeSet::new();
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        let group = line.get(1..).and_then(|number| number.parse().ok()).and_then(rustix::process::Pid::from_raw);
        match (line.as_bytes().first(), group) {
            // Group 1 and the guard's own are never a player's.
            (Some(b'+'), Some(group)) if group != rustix::process::Pid::INIT && group != rustix::process::getpgrp() => {
                groups.insert(group.as_raw_nonzero());
            }
            (Some(b'-'), Some(group)) => {
                groups.remove(&group.as_raw_nonzero());
            }
            _ => {}
        }
    }
    for group in groups {
        if let Some(group) = rustix::process::Pid::from_raw(group.get()) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
    ExitCode::SUCCESS
}
