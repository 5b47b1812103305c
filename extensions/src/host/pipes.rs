//! A player's standard output and error: they become log lines, and the last of them are kept for a crash.

use super::ending::Tail;
use super::reports::Reports;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{ChildStderr, ChildStdout};
use std::time::Instant;

/// Longest line that is kept whole.
const LINE: usize = 8 << 10;

/// Both pipes of one process.
pub(super) struct Pipes {
    output: Option<ChildStdout>,
    error: Option<ChildStderr>,
    output_line: Vec<u8>,
    error_line: Vec<u8>,
    tail: Tail,
}

impl Pipes {
    pub fn new(output: Option<ChildStdout>, error: Option<ChildStderr>) -> Self {
        let pipes = Self { output, error, output_line: Vec::new(), error_line: Vec::new(), tail: Tail::default() };
        for pipe in pipes.open() {
            // A pipe that could block would be read only when it is ready, so a failure here costs nothing.
            let _ = rustix::io::ioctl_fionbio(pipe, true);
        }
        pipes
    }

    /// The pipes that are still open.
    pub fn open(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        [self.output.as_ref().map(AsFd::as_fd), self.error.as_ref().map(AsFd::as_fd)].into_iter().flatten()
    }

    /// Reads once from each and logs the lines. Returns how many there were.
    pub fn read(&mut self, reports: &mut Reports, now: Instant) -> u32 {
        let Self { output, error, output_line, error_line, tail } = self;
        let log = |level: &'static str| move |line: &str, reports: &mut Reports| reports.log(level, line, now);
        let mut lines = 0;
        if let Some(pipe) = output {
            let (count, open) = read_lines(pipe, output_line, tail, reports, log("info"));
            lines += count;
            if !open {
                *output = None;
            }
        }
        if let Some(pipe) = error {
            let (count, open) = read_lines(pipe, error_line, tail, reports, log("warn"));
            lines += count;
            if !open {
                *error = None;
            }
        }
        lines
    }

    /// What it said last, for a message.
    pub fn last_words(&self) -> String {
        self.tail.words()
    }
}

/// Reads once. Returns the number of lines that are whole, and whether the pipe is still open.
fn read_lines(
    pipe: &mut impl Read,
    held: &mut Vec<u8>,
    tail: &mut Tail,
    reports: &mut Reports,
    log: impl Fn(&str, &mut Reports),
) -> (u32, bool) {
    let mut buffer = [0u8; 4096];
    let bytes = match pipe.read(&mut buffer) {
        Ok(count) => buffer.get(..count).unwrap_or_default(),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
            return (0, true);
        }
        Err(_) => &[],
    };
    tail.push(bytes);
    held.extend_from_slice(bytes);
    let open = !bytes.is_empty();
    let mut lines = 0;
    loop {
        let end = held.iter().position(|byte| *byte == b'\n');
        let cut = held.len() >= LINE || (!open && !held.is_empty());
        let Some(end) = end.or(cut.then(|| held.len() - 1)) else { return (lines, open) };
        let line: Vec<u8> = held.drain(..=end).collect();
        log(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']), reports);
        lines += 1;
    }
}
