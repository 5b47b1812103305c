//! The house of an end-to-end test: a folder of its own, the program, and what it printed.
#![allow(dead_code, reason = "each test file uses a part of it")]

use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A folder with melodies and a state folder of its own.
pub struct House {
    folder: TempDir,
}

/// What a finished command printed.
pub struct Said {
    pub code: Option<i32>,
    pub lines: Vec<Json>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    pub fn of(output: Output) -> Self {
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Self { code: output.status.code(), lines, stdout, stderr }
    }

    /// The last JSON line.
    pub fn summary(&self) -> &Json {
        self.lines.last().unwrap_or_else(|| panic!("no JSON was printed; stderr: {}", self.stderr))
    }

    /// Nodes of notices of one kind, in order.
    pub fn nodes(&self, event: &str) -> Vec<&str> {
        self.lines.iter().filter(|line| line["event"] == event).filter_map(|line| line["node"].as_str()).collect()
    }
}

impl House {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }

    /// The program in this folder, with a state folder of its own and nothing of the person's.
    pub fn symphony(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_symphony"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env("SYMPHONY_STATE", self.path().join(".symphony"))
            .env("XDG_DATA_HOME", self.path().join("data"))
            .env("XDG_CONFIG_HOME", self.path().join("config"))
            .env_remove("SYMPHONY_SEED")
            .stdin(Stdio::null());
        command
    }

    pub fn say(&self, arguments: &[&str]) -> Said {
        Said::of(self.symphony(arguments).output().unwrap())
    }

    /// Starts the program with its JSON going to a pipe.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.symphony(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Ids of the runs that were begun (a process killed before leaves a folder without a journal), oldest first.
    pub fn runs(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path().join(".symphony/runs")) else { return Vec::new() };
        let begun = entries.map(|entry| entry.unwrap()).filter(|entry| entry.path().join("journal.db").exists());
        let mut runs: Vec<_> = begun.map(|entry| entry.file_name().into_string().unwrap()).collect();
        runs.sort();
        runs
    }

    /// Runs the program and expects this exit code.
    pub fn expect(&self, code: i32, arguments: &[&str]) -> Said {
        let said = self.say(arguments);
        assert_eq!(said.code, Some(code), "symphony {}\n{}{}", arguments.join(" "), said.stdout, said.stderr);
        said
    }

    /// Starts the program with everything it prints going to a file of this folder.
    pub fn start_into(&self, arguments: &[&str], output: &str) -> Child {
        let file = std::fs::File::create(self.path().join(output)).unwrap();
        let copy = file.try_clone().unwrap();
        self.symphony(arguments).stdout(file).stderr(copy).spawn().unwrap()
    }

    /// Waits until a file of this folder holds something.
    pub fn wait_for(&self, name: &str, what: &str) {
        until(what, || self.read(name).contains(what));
    }
}

/// How long anything may take on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits for a process and gives its exit code; a signal has none.
pub fn ended(child: &mut Child) -> Option<i32> {
    let mut code = None;
    until("the process ends", || {
        let status = child.try_wait().unwrap();
        code = status.and_then(|status| status.code());
        status.is_some()
    });
    code
}
