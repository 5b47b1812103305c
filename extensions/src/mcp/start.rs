//! A server's process: started with pipes, its standard error passed on and its last words kept, ended in good order.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Lines of its last words, and the longest of them.
const LAST_LINES: usize = 10;
const LONGEST_LINE: u64 = 2 << 10;
/// A server whose input is closed may take this long to end.
const FAREWELL: Duration = Duration::from_millis(300);

/// A server that runs.
pub(super) struct Process {
    child: Child,
    words: Arc<Mutex<VecDeque<String>>>,
    /// Reads its standard error to the end.
    listener: Option<JoinHandle<()>>,
}

/// Its ends of the pipes.
pub(super) struct Pipes {
    pub to: OwnedFd,
    pub from: OwnedFd,
}

impl Process {
    /// Starts program and arguments, in the process group of this process.
    pub fn start(words: &[String], folder: Option<&Path>) -> Result<(Self, Pipes), String> {
        let (program, arguments) = words.split_first().ok_or("it has no command")?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // The bus is not the server's.
        command.env_remove(crate::bus::BUS_FD).env_remove(crate::bus::BUS_CODEC);
        if let Some(folder) = folder {
            command.current_dir(folder);
        }
        let mut child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                format!("`{program}` cannot be started: it is not on the PATH (or its folder is gone); install it, or correct the declaration")
            }
            _ => format!("`{program}` cannot be started: {error}"),
        })?;
        let kept = Arc::new(Mutex::new(VecDeque::new()));
        let listener = child.stderr.take().map(|stderr| {
            let kept = Arc::clone(&kept);
            std::thread::spawn(move || pass_on(BufReader::new(stderr), &kept))
        });
        let pipes = child.stdin.take().zip(child.stdout.take()).ok_or("it has no pipes")?;
        let pipes = Pipes { to: pipes.0.into(), from: pipes.1.into() };
        Ok((Self { child, words: kept, listener }, pipes))
    }

    /// How it ended, if it has; waits a moment for it.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let asked = Instant::now();
        loop {
            match self.child.try_wait() {
                // What it wrote last may still be on its way.
                Ok(Some(status)) if self.is_silent() || asked.elapsed() >= FAREWELL => return Some(status),
                Ok(Some(_)) => std::thread::sleep(Duration::from_millis(5)),
                Ok(None) if asked.elapsed() < FAREWELL => std::thread::sleep(Duration::from_millis(5)),
                _ => return None,
            }
        }
    }

    fn is_silent(&self) -> bool {
        self.listener.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// `; its last words:` and the lines, or nothing.
    pub fn last_words(&self) -> String {
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        if words.is_empty() {
            return String::new();
        }
        format!("; its last words:\n{}", words.iter().map(String::as_str).collect::<Vec<_>>().join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Its pipes are closed by now; what does not end by itself is ended.
        if self.ended().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Passes lines on to this process's own standard error, which is the player's log, and keeps the last ones.
fn pass_on(mut stderr: impl std::io::BufRead, kept: &Mutex<VecDeque<String>>) {
    let mut line = Vec::new();
    loop {
        line.clear();
        match stderr.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        let _ = writeln!(std::io::stderr(), "{text}");
        if !text.is_empty() {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push_back(text);
            if kept.len() > LAST_LINES {
                kept.pop_front();
            }
        }
    }
}
