//! A folder to play in: melodies as text, the program on its command line, what it said.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A folder of its own, not within a repository, with a home of its own.
pub struct House {
    folder: tempfile::TempDir,
}

/// What the program said.
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl House {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file and gives its path.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder above")).expect("folders");
        fs::write(&path, text).expect("a file");
        path
    }

    /// The program with its arguments, in this folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_symphony"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        command.env_remove("SYMPHONY_STATE").env_remove("XDG_DATA_HOME").env("HOME", self.path());
        command.env("XDG_CACHE_HOME", self.path().join("cache"));
        command
    }

    /// Runs the program to its end.
    pub fn symphony(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments).output().expect("the program starts"))
    }

    /// Runs the program and expects this exit code.
    pub fn expect(&self, code: i32, arguments: &[&str]) -> Said {
        let said = self.symphony(arguments);
        assert_eq!(said.code, Some(code), "symphony {}\n{}{}", arguments.join(" "), said.out, said.err);
        said
    }

    /// Starts the program and leaves it running; its output goes to a file of that name.
    pub fn start(&self, arguments: &[&str], output: &str) -> Child {
        let file = fs::File::create(self.path().join(output)).expect("a file");
        let copy = file.try_clone().expect("a copy");
        self.command(arguments).stdout(file).stderr(copy).spawn().expect("the program starts")
    }

    /// Reads a file of the folder; empty while it is not there.
    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }

    /// Waits until a file holds something.
    pub fn wait_for(&self, name: &str, what: &str) {
        until(&format!("{name} holds {what:?}: {}", self.text(name)), || self.text(name).contains(what));
    }
}

/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits for a process and gives its exit code.
pub fn ended(child: &mut Child) -> Option<i32> {
    let mut code = None;
    until("the process ends", || match child.try_wait().expect("a child") {
        Some(status) => {
            code = status.code();
            true
        }
        None => false,
    });
    code
}

fn said(output: Output) -> Said {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

impl Said {
    /// The lines of standard output as JSON.
    pub fn json(&self) -> Vec<serde_json::Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}\n{error}"));
        self.out.lines().map(parse).collect()
    }
}
