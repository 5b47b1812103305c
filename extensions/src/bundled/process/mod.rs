//! A child process of a player: started in a group of its own, listened to, and never left behind.

mod guard;

use super::content::MAX_CONTENT;
use crate::sdk::{ErrorClass, Failure, Reporter};
use guard::Guard;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// How often a waiting player looks whether its call is cancelled.
const GLANCE: Duration = Duration::from_millis(20);
/// How long a cancelled child may take to end by itself (the host waits half a second for the player).
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How long pipes may stay open after the child has ended, held by processes that it left behind.
const LEFTOVERS: Duration = Duration::from_millis(300);

/// What a child gets on its standard input.
pub(super) enum Stdin {
    /// Nothing.
    Empty,
    /// These bytes, then the end.
    Bytes(Vec<u8>),
}

/// How a child ended.
pub(super) struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// All of its standard error.
    pub stderr: Vec<u8>,
}

impl Ended {
    /// The exit code; a signal counts as 128 and its number, as shells say it.
    pub fn code(&self) -> i64 {
        let signal = || self.status.signal().map(|signal| 128 + signal);
        i64::from(self.status.code().or_else(signal).unwrap_or(-1))
    }

    /// The last lines of standard error, for messages.
    pub fn tail(&self) -> String {
        tail(&String::from_utf8_lossy(&self.stderr))
    }
}

/// The last ten lines of a text, at most 2,000 characters.
pub(super) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let last = lines.get(lines.len().saturating_sub(10)..).unwrap_or_default().join("\n");
    let start = last.char_indices().rev().nth(1999).map_or(0, |(start, _)| start);
    last.get(start..).unwrap_or_default().to_owned()
}

/// Which stream a piece came from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Out,
    Err,
}

/// A piece of a stream; empty at its end.
type Piece = (Stream, Vec<u8>);

/// Runs a command to its end. `on_stdout` sees its output as it comes, on the calling thread.
///
/// # Errors
/// `io` when it cannot be started, `cancelled` when the call is, `invalid_output` when it writes more than 64 MiB.
/// However this ends, no process of the child's group is left.
pub(super) fn run(
    command: &mut Command,
    stdin: Stdin,
    report: &dyn Reporter,
    on_stdout: &mut dyn FnMut(&[u8]),
) -> Result<Ended, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(if matches!(stdin, Stdin::Empty) { Stdio::null() } else { Stdio::piped() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let child = command.spawn().map_err(|error| Failure::io(format!("`{name}` cannot be started"), &error))?;
    let mut group = Group { guard: Guard::over(&child), child };

    let (sender, pieces) = sync_channel::<Piece>(16);
    if let (Stdin::Bytes(bytes), Some(mut pipe)) = (stdin, group.child.stdin.take()) {
        // A child that does not read its input closes the pipe; that is its right.
        std::thread::spawn(move || pipe.write_all(&bytes));
    }
    for (stream, pipe) in [
        (Stream::Out, group.child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>)),
        (Stream::Err, group.child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>)),
    ] {
        if let Some(pipe) = pipe {
            let sender = sender.clone();
            std::thread::spawn(move || pump(stream, pipe, &sender));
        }
    }
    drop(sender);
    listen(&mut group, &pieces, &name, report, on_stdout)
}

/// Collects what the child writes until it has ended.
fn listen(
    group: &mut Group,
    pieces: &Receiver<Piece>,
    name: &str,
    report: &dyn Reporter,
    on_stdout: &mut dyn FnMut(&[u8]),
) -> Result<Ended, Failure> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let mut ended_at: Option<Instant> = None;
    loop {
        if report.is_cancelled() {
            group.ask_to_end();
            return Err(Failure::cancelled());
        }
        let open = match pieces.recv_timeout(GLANCE) {
            Ok((stream, piece)) => {
                if stream == Stream::Out {
                    on_stdout(&piece);
                }
                let whole = if stream == Stream::Out { &mut stdout } else { &mut stderr };
                whole.extend_from_slice(&piece);
                if whole.len() as u64 > MAX_CONTENT {
                    let cure = "let it write to a file and read the file";
                    let message = format!("`{name}` wrote more than 64 MiB; {cure}");
                    return Err(Failure::new(ErrorClass::InvalidOutput, message));
                }
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => {
                // Both pipes are at their end: only the status is missing.
                std::thread::sleep(Duration::from_millis(1));
                false
            }
            Err(RecvTimeoutError::Timeout) => true,
        };
        let Some(status) = group.status(name)? else { continue };
        let since = ended_at.get_or_insert_with(Instant::now).elapsed();
        if !open || since > LEFTOVERS {
            return Ok(Ended { status, stdout, stderr });
        }
    }
}

/// Reads a pipe to its end and sends what comes.
fn pump(stream: Stream, mut pipe: Box<dyn Read + Send>, sender: &SyncSender<Piece>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length) = pipe.read(&mut buffer) {
        let piece = buffer.get(..length).unwrap_or_default();
        if piece.is_empty() || sender.send((stream, piece.to_vec())).is_err() {
            return;
        }
    }
}

/// A child and the group it leads. Dropping it ends whatever is left of the group.
struct Group {
    child: Child,
    guard: Option<Guard>,
}

impl Group {
    /// The child's status, once it has ended.
    fn status(&mut self, name: &str) -> Result<Option<ExitStatus>, Failure> {
        self.child.try_wait().map_err(|error| Failure::io(format!("waiting for `{name}`"), &error))
    }

    /// Asks the group to end, and waits a little for it.
    fn ask_to_end(&mut self) {
        self.signal(Signal::TERM);
        let asked = Instant::now();
        while asked.elapsed() < LAST_WORDS && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, signal: Signal) {
        // A group that is already gone is what we want.
        let _ = kill_process_group(Pid::from_child(&self.child), signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
        if let Some(guard) = self.guard.take() {
            guard.dismiss();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::Notes;
    use super::*;
    use std::sync::atomic::Ordering;

    fn sh(script: &str, stdin: Stdin, notes: &Notes) -> Result<Ended, Failure> {
        run(Command::new("sh").args(["-c", script]), stdin, notes, &mut |_| {})
    }

    #[test]
    fn streams_and_status_come_back() {
        let ended = sh("cat; echo no >&2; exit 3", Stdin::Bytes(b"in".to_vec()), &Notes::default()).unwrap();
        assert_eq!((ended.stdout.as_slice(), ended.stderr.as_slice(), ended.code()), (&b"in"[..], &b"no\n"[..], 3));
        let ended = sh("kill -KILL $$", Stdin::Empty, &Notes::default()).unwrap();
        assert_eq!(ended.code(), 137);
    }

    #[test]
    fn more_than_a_pipe_holds_goes_through() {
        let input = vec![b'x'; 3 << 20];
        let ended = sh("tee /dev/stderr", Stdin::Bytes(input.clone()), &Notes::default()).unwrap();
        assert!(ended.stdout == input && ended.stderr == input);
    }

    #[test]
    fn an_input_that_nobody_reads_is_no_failure() {
        let ended = sh("exit 0", Stdin::Bytes(vec![b'x'; 1 << 20]), &Notes::default()).unwrap();
        assert_eq!(ended.code(), 0);
    }

    #[test]
    fn a_flood_is_stopped() {
        let failure = sh("yes", Stdin::Empty, &Notes::default()).err().unwrap();
        assert_eq!(failure.class, ErrorClass::InvalidOutput);
        assert!(failure.message.contains("64 MiB"));
    }

    /// Whether a process lives (a zombie does not).
    fn lives(pid: &str) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }

    /// A killed process may need a moment to be gone.
    fn assert_gone(pid: &str) {
        for _ in 0..250 {
            if !lives(pid) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("process {pid} is left");
    }

    #[test]
    fn cancelling_ends_the_whole_group() {
        let notes = Notes::default();
        let mut seen = Vec::new();
        let begun = Instant::now();
        let result = run(
            Command::new("sh").args(["-c", "trap '' TERM; sleep 100 & echo $!; wait"]),
            Stdin::Empty,
            &notes,
            &mut |piece| {
                seen.extend_from_slice(piece);
                notes.cancelled.store(true, Ordering::Relaxed);
            },
        );
        assert_eq!(result.err().unwrap().class, ErrorClass::Cancelled);
        assert!(begun.elapsed() < Duration::from_secs(20));
        let pid = String::from_utf8(seen).unwrap();
        assert!(!pid.trim().is_empty());
        assert_gone(pid.trim());
    }

    #[test]
    fn what_a_child_leaves_behind_is_ended() {
        let ended = sh("sleep 100 & echo $!", Stdin::Empty, &Notes::default()).unwrap();
        let pid = String::from_utf8(ended.stdout).unwrap();
        assert_gone(pid.trim());
    }

    #[test]
    fn a_missing_program_is_named() {
        let failure = run(&mut Command::new("no-such-program"), Stdin::Empty, &Notes::default(), &mut |_| {});
        let failure = failure.err().unwrap();
        assert_eq!(failure.class, ErrorClass::Io);
        assert!(failure.message.starts_with("`no-such-program` cannot be started"));
    }

    #[test]
    fn the_tail_is_short() {
        let many: String = (0..50).map(|line| format!("line {line}\n")).collect();
        assert!(tail(&many).starts_with("line 40\n") && tail(&many).ends_with("line 49"));
        assert_eq!(tail(&"ä".repeat(9000)).chars().count(), 2000);
    }
}
