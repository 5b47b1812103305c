//! The control socket of a run: how `approve`, `cancel` and `show` reach the process that plays it.
//!
//! A Unix stream socket at `runs/ID/control.sock`. A client writes one JSON object on a line and reads one back:
//!
//! ```text
//! → {"cmd":"approve","node":"ship","verdict":"approve","by":"ada"}
//! ← {"ok":true,"message":"ship approved"}
//! → {"cmd":"cancel"}
//! ← {"ok":true,"message":"cancelling"}
//! → {"cmd":"reroute","change":{"add":"[node.lint]\n…","remove":["review"]}}
//! ← {"ok":true,"message":"lint came; review went","status":{…}}
//! → {"cmd":"status"}
//! ← {"ok":true,"status":{…}}
//! → {"cmd":"pools"}
//! ← {"ok":true,"status":[…]}
//! → {"cmd":"warm","player":"operator:git","seats":2}
//! ← {"ok":true,"status":2}
//! ```
//!
//! A listener thread reads one command at a time and hands it to the run loop over a bounded channel; the run loop
//! answers. A client that hangs is dropped after [`PATIENCE`].

use crate::rewriting::Change;
use crossbeam_channel::{Sender, bounded};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long either side waits for the other.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Longest command, in bytes: one that rewires carries the text of nodes.
const LONGEST: u64 = 1024 * 1024;
/// Longest answer, in bytes: one that lists pools has about a KiB for each.
const LONGEST_ANSWER: u64 = 4 << 20;

/// What a person wants of a running run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cmd", rename_all = "lowercase", deny_unknown_fields)]
pub enum Command {
    /// Answer a node that waits for approval.
    Approve {
        /// The node's path in the run: `fix_loop[3].ship`.
        node: String,
        /// Yes or no.
        verdict: Verdict,
        /// Who says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// Stop for good: calls in flight are cancelled and the run ends as cancelled.
    Cancel,
    /// Add, replace and take away nodes that have not begun.
    Reroute {
        /// What is to be changed.
        change: Change,
        /// Who does it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// How it stands.
    Status,
    /// Its pools of players: who is warm, and why.
    Pools,
    /// Warm a player: so many processes shall be idle or on their way.
    Warm {
        /// The player, as its pool is called.
        player: String,
        /// How many.
        seats: u32,
    },
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Play it.
    Approve,
    /// Do not.
    Refuse,
}

/// What the run loop answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether it was done.
    pub ok: bool,
    /// What was done, or why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How the run stands, for `status`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<serde_json::Value>,
}

impl Answer {
    /// It was done.
    pub fn done(message: impl Into<String>) -> Self {
        Self { ok: true, message: Some(message.into()), status: None }
    }

    /// It was not done.
    pub fn refused(message: impl Into<String>) -> Self {
        Self { ok: false, message: Some(message.into()), status: None }
    }

    /// How the run stands.
    pub fn status(status: serde_json::Value) -> Self {
        Self { ok: true, message: None, status: Some(status) }
    }
}

/// A command on its way to the run loop.
#[derive(Debug)]
pub struct Request {
    /// What is wanted.
    pub command: Command,
    reply: Sender<Answer>,
}

impl Request {
    /// Answers the client. If it has gone in the meantime, nobody hears it.
    pub fn answer(self, answer: Answer) {
        let _ = self.reply.try_send(answer);
    }
}

/// The listening side; it stops and removes the socket when dropped.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Control {
    /// Listens at `path` and passes requests on. The caller owns the run, so a socket that is there already was left
    /// by a process that is gone, and is replaced.
    ///
    /// `word` makes of a request what the run loop reads.
    pub fn listen<W: Send + 'static>(
        path: &Path,
        words: Sender<W>,
        word: impl Fn(Request) -> W + Send + 'static,
    ) -> io::Result<Self> {
        match fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let listener = at_short_path(path, |short| UnixListener::bind(short))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        let stopping = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stopping);
        let serve = move || {
            for stream in listener.incoming() {
                if seen.load(Ordering::Acquire) {
                    return;
                }
                // A client that misbehaves loses its own answer and nothing else.
                let _ = stream.and_then(|stream| serve(stream, &words, &word));
            }
        };
        let thread = std::thread::Builder::new().name("control".to_owned()).spawn(serve)?;
        Ok(Self { path: path.to_path_buf(), stopping, thread: Some(thread) })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        // The listener wakes for this connection and sees the flag.
        let woken = at_short_path(&self.path, |short| UnixStream::connect(short)).is_ok();
        if let (true, Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
        }
        let _ = fs::remove_file(&self.path);
    }
}

fn serve<W>(mut stream: UnixStream, words: &Sender<W>, word: &impl Fn(Request) -> W) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new((&stream).take(LONGEST)).read_line(&mut line)?;
    let answer = match serde_json::from_str(&line) {
        Ok(command) => forward(command, words, word),
        Err(error) => Answer::refused(format!("not a command: {error}")),
    };
    let mut text = serde_json::to_string(&answer).map_err(io::Error::other)?;
    text.push('\n');
    stream.write_all(text.as_bytes())
}

fn forward<W>(command: Command, words: &Sender<W>, word: &impl Fn(Request) -> W) -> Answer {
    let (reply, answers) = bounded(1);
    if words.try_send(word(Request { command, reply })).is_err() {
        return Answer::refused("the run is busy; try again");
    }
    answers.recv_timeout(PATIENCE).unwrap_or_else(|_| Answer::refused("the run did not answer in time"))
}

/// Sends one command to whoever plays the run. `Ok(None)`: nobody does.
pub fn send(path: &Path, command: &Command) -> io::Result<Option<Answer>> {
    let mut stream = match at_short_path(path, |short| UnixStream::connect(short)) {
        Ok(stream) => stream,
        // No socket, or one whose owner is gone.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    stream.set_read_timeout(Some(PATIENCE * 2))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut text = serde_json::to_string(command).map_err(io::Error::other)?;
    text.push('\n');
    if let Err(error) = stream.write_all(text.as_bytes()) {
        // The owner ended while we asked.
        return if error.kind() == io::ErrorKind::BrokenPipe { Ok(None) } else { Err(error) };
    }
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST_ANSWER)).read_line(&mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    serde_json::from_str(&line).map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Calls `act` with a name of the socket that fits: addresses of Unix sockets end after 107 bytes, paths do not. A long
/// path is reached through an open descriptor of its folder.
fn at_short_path<T>(path: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    const ADDRESS_LIMIT: usize = 107;
    let (true, Some(folder), Some(name)) = (path.as_os_str().len() > ADDRESS_LIMIT, path.parent(), path.file_name())
    else {
        return act(path);
    };
    let folder = fs::File::open(folder)?;
    act(&Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playing::Word;
    use crossbeam_channel::Receiver;

    fn listen(path: &Path) -> (Control, Receiver<Word>) {
        let (words, received) = bounded(16);
        (Control::listen(path, words, Word::Asked).unwrap(), received)
    }

    fn answering(words: &Receiver<Word>, count: usize) -> JoinHandle<Vec<Command>> {
        let words = words.clone();
        std::thread::spawn(move || {
            let mut seen = Vec::new();
            for word in words.iter().take(count) {
                let Word::Asked(request) = word else { continue };
                seen.push(request.command.clone());
                request.answer(Answer::done("heard"));
            }
            seen
        })
    }

    #[test]
    fn commands_arrive_and_answers_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let (control, words) = listen(&path);
        let loop_side = answering(&words, 2);
        let approve = Command::Approve { node: "ship".into(), verdict: Verdict::Approve, by: Some("ada".into()) };
        assert_eq!(send(&path, &approve).unwrap(), Some(Answer::done("heard")));
        assert_eq!(send(&path, &Command::Cancel).unwrap(), Some(Answer::done("heard")));
        assert_eq!(loop_side.join().unwrap(), [approve, Command::Cancel]);
        drop(control);
        assert!(!path.exists());
        assert_eq!(send(&path, &Command::Status).unwrap(), None);
    }

    #[test]
    fn a_socket_left_behind_means_that_nobody_plays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        assert_eq!(send(&path, &Command::Status).unwrap(), None);
        let (_control, words) = listen(&path);
        let loop_side = answering(&words, 1);
        assert!(send(&path, &Command::Status).unwrap().is_some());
        loop_side.join().unwrap();
    }

    #[test]
    fn nonsense_is_refused_and_harms_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let (_control, words) = listen(&path);
        for nonsense in [&b"{\"cmd\":\"dance\"}\n"[..], b"\xff\xfe\n", b"\n", b""] {
            let mut stream = UnixStream::connect(&path).unwrap();
            stream.write_all(nonsense).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.is_empty() || answer.contains("not a command"), "{answer}");
        }
        let loop_side = answering(&words, 1);
        assert!(send(&path, &Command::Cancel).unwrap().is_some());
        loop_side.join().unwrap();
    }

    #[test]
    fn long_paths_are_reached() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("x".repeat(90)).join("y".repeat(90));
        fs::create_dir_all(&deep).unwrap();
        let path = deep.join("control.sock");
        let (control, words) = listen(&path);
        let loop_side = answering(&words, 1);
        assert!(send(&path, &Command::Status).unwrap().is_some());
        loop_side.join().unwrap();
        drop(control);
        assert!(!path.exists());
    }

    #[test]
    fn the_words_of_the_wire_are_stable() {
        let approve = Command::Approve { node: "a[1].b".into(), verdict: Verdict::Refuse, by: None };
        let text = serde_json::to_string(&approve).unwrap();
        assert_eq!(text, r#"{"cmd":"approve","node":"a[1].b","verdict":"refuse"}"#);
        assert_eq!(serde_json::from_str::<Command>(&text).unwrap(), approve);
    }
}
