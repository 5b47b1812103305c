//! A player's end of the bus: sends frames from any thread, reads them on the thread that plays, and notices when
//! the host wants a call to stop or is gone.
//!
//! There is no reading thread: between calls the playing thread reads, during a call `is_cancelled` looks at the
//! socket. That saves two thread switches per call, which is half of a round trip.

use super::{ArtifactRef, Level, Reporter, Value};
use crate::bus::codec::{Codec, CodecError};
use crate::bus::frame::{FrameReader, FrameType, MAX_PAYLOAD};
use crate::bus::message::{Cancel, FdPass, LogLine, Nothing, Progress, Request, StreamData};
use crate::bus::wire::{self, Wait};
use crate::bus::{BUS_CODEC, BUS_FD};
use rustix::event::{PollFd, PollFlags, poll};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, Seek};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use symphony_ecs_core::value::Digest;

/// Artifacts that may be open for one call.
const MAX_FILES: usize = 1000;
/// How long a player looks for the next request before it sleeps. The next call of a burst comes sooner than a
/// processor wakes from its idle state, which takes some 25 µs in a virtual machine.
const LINGER: Duration = Duration::from_micros(60);
/// Progress is sent at most this often; what comes between is left out.
const PROGRESS_EVERY: Duration = Duration::from_millis(20);
/// Frames of a stream carry at most this much text.
const CHUNK: usize = 32 << 10;

/// Why a program could not become a player.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdoptError {
    /// Started by hand.
    #[error(
        "this program is a player of Symphony: a host starts it and speaks to it through {BUS_FD}, which is not set"
    )]
    NotHosted,
    /// The variable is there but of no use.
    #[error("{BUS_FD} is {value:?}, which is not the number of an open descriptor: {message}")]
    BadDescriptor {
        /// What the variable says.
        value: String,
        /// What is wrong with it.
        message: String,
    },
}

/// The player's end of the bus.
pub(super) struct Session {
    socket: Arc<OwnedFd>,
    codec: Codec,
    outgoing: Mutex<Vec<u8>>,
    inbox: Mutex<Inbox>,
    call: AtomicU64,
    cancelled: AtomicBool,
    given: AtomicU64,
    last_progress: Mutex<Option<Instant>>,
    files: Mutex<BTreeMap<Digest, File>>,
}

struct Inbox {
    reader: FrameReader,
    fds: VecDeque<OwnedFd>,
    requests: VecDeque<Request>,
    draining: bool,
    gone: bool,
}

/// A lock whose data stays meaningful when a holder panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    /// Takes the bus that the host left for this process.
    pub(super) fn adopt() -> Result<Self, AdoptError> {
        let value = std::env::var(BUS_FD).map_err(|_| AdoptError::NotHosted)?;
        let bad = |message: String| AdoptError::BadDescriptor { value: value.clone(), message };
        let number: i32 = value.parse().map_err(|_| bad("not a number".into()))?;
        let socket = adopt_fd(number).map_err(|error| bad(error.to_string()))?;
        let codec = std::env::var(BUS_CODEC).ok().and_then(|word| Codec::parse(&word)).unwrap_or_default();
        Ok(Self::over(socket, codec))
    }

    /// A session over an open socket.
    pub(super) fn over(socket: OwnedFd, codec: Codec) -> Self {
        Self {
            socket: Arc::new(socket),
            codec,
            outgoing: Mutex::default(),
            inbox: Mutex::new(Inbox {
                reader: FrameReader::new(MAX_PAYLOAD),
                fds: VecDeque::new(),
                requests: VecDeque::new(),
                draining: false,
                gone: false,
            }),
            call: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
            given: AtomicU64::new(0),
            last_progress: Mutex::default(),
            files: Mutex::default(),
        }
    }

    /// Starts the thread that ends this process, and what it started, soon after the host has closed the bus. It
    /// sleeps until then: requests do not wake it.
    pub(super) fn watch(&self) -> io::Result<()> {
        let socket = Arc::clone(&self.socket);
        let watch = move || {
            loop {
                let mut fds = [PollFd::new(&*socket, PollFlags::RDHUP)];
                match poll(&mut fds, None) {
                    Ok(0) | Err(rustix::io::Errno::INTR) => {}
                    _ => break,
                }
            }
            // The playing thread usually sees the end itself and returns from `serve` in good order.
            std::thread::sleep(Duration::from_millis(300));
            if rustix::process::getpgrp() == rustix::process::getpid() {
                let _ = rustix::process::kill_current_process_group(rustix::process::Signal::KILL);
            }
            std::process::exit(1);
        };
        std::thread::Builder::new().name("bus watch".into()).stack_size(64 << 10).spawn(watch).map(drop)
    }

    /// Sends one frame. Errors of kind `InvalidData` mean that the message does not fit; others that the host is gone.
    pub(super) fn send<T: Serialize>(&self, kind: FrameType, message: &T, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut outgoing = lock(&self.outgoing);
        outgoing.clear();
        self.codec.frame(kind, message, &mut outgoing).map_err(invalid)?;
        let sent = wire::send_all(&*self.socket, &outgoing, fds);
        if outgoing.capacity() > 256 << 10 {
            *outgoing = Vec::new();
        }
        sent
    }

    /// Waits for the next request; `None` when the host has no more.
    pub(super) fn next_request(&self) -> io::Result<Option<Request>> {
        let mut inbox = lock(&self.inbox);
        let began = Instant::now();
        loop {
            if let Some(request) = inbox.requests.pop_front() {
                self.call.store(request.id, Ordering::Relaxed);
                self.cancelled.store(false, Ordering::Relaxed);
                self.given.store(0, Ordering::Relaxed);
                return Ok(Some(request));
            }
            if inbox.gone || inbox.draining {
                return Ok(None);
            }
            if began.elapsed() < LINGER {
                if !self.receive(&mut inbox, Wait::No)? {
                    // Not a yield: on a busy machine that would give a whole time slice away.
                    (0..32).for_each(|_| std::hint::spin_loop());
                }
            } else {
                self.receive(&mut inbox, Wait::Yes)?;
            }
        }
    }

    /// Notes that the current call is over.
    pub(super) fn finished(&self) {
        self.call.store(0, Ordering::Relaxed);
        lock(&self.files).clear();
        *lock(&self.last_progress) = None;
    }

    /// Receives once and sorts what came. Returns whether anything did.
    fn receive(&self, inbox: &mut Inbox, wait: Wait) -> io::Result<bool> {
        match wire::receive(&*self.socket, &mut inbox.reader, &mut inbox.fds, MAX_FILES, wait) {
            Ok(0) => inbox.gone = true,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => inbox.gone = true,
            Err(error) => return Err(error),
        }
        while let Some(frame) = inbox.reader.next().map_err(invalid)? {
            match frame.kind {
                FrameType::Request => {
                    let request: Request = self.codec.decode(&frame.payload).map_err(invalid)?;
                    self.take_files(inbox, &request.artifacts)?;
                    inbox.requests.push_back(request);
                }
                FrameType::FdPass => {
                    let pass: FdPass = self.codec.decode(&frame.payload).map_err(invalid)?;
                    self.take_files(inbox, &pass.artifacts)?;
                }
                FrameType::Cancel => {
                    let cancel: Cancel = self.codec.decode(&frame.payload).map_err(invalid)?;
                    if cancel.id == self.call.load(Ordering::Relaxed) {
                        self.cancelled.store(true, Ordering::Relaxed);
                    }
                    inbox.requests.retain(|request| request.id != cancel.id);
                }
                FrameType::Ping => self.send(FrameType::Pong, &Nothing {}, &[])?,
                FrameType::Goaway => inbox.draining = true,
                // HELLO_ACK says nothing that this side needs.
                _ => {}
            }
        }
        Ok(true)
    }

    fn take_files(&self, inbox: &mut Inbox, artifacts: &[Digest]) -> io::Result<()> {
        let mut files = lock(&self.files);
        for digest in artifacts {
            let fd = inbox.fds.pop_front().ok_or_else(|| invalid("a descriptor is missing"))?;
            files.insert(*digest, File::from(fd));
        }
        Ok(())
    }
}

impl Reporter for Session {
    fn progress(&self, fraction: Option<f32>, message: &str) {
        {
            let mut last = lock(&self.last_progress);
            if last.is_some_and(|last| last.elapsed() < PROGRESS_EVERY) {
                return;
            }
            *last = Some(Instant::now());
        }
        let message = (!message.is_empty()).then(|| cut(message, 1 << 10).to_owned());
        let progress = Progress { id: self.call.load(Ordering::Relaxed), fraction, message };
        let _ = self.send(FrameType::Event, &progress, &[]);
    }

    fn chunk(&self, port: &str, mut text: &str) {
        while !text.is_empty() {
            let piece = cut(text, CHUNK);
            let id = self.call.load(Ordering::Relaxed);
            let data = StreamData { id, port: port.to_owned(), text: piece.to_owned() };
            let _ = self.send(FrameType::StreamData, &data, &[]);
            text = text.get(piece.len()..).unwrap_or_default();
        }
    }

    fn log(&self, level: Level, message: &str) {
        let line = LogLine { level, message: cut(message, 8 << 10).to_owned() };
        let _ = self.send(FrameType::Log, &line, &[]);
    }

    fn is_cancelled(&self) -> bool {
        if self.cancelled.load(Ordering::Relaxed) {
            return true;
        }
        // Another thread that is looking already will find it.
        let Ok(mut inbox) = self.inbox.try_lock() else { return false };
        loop {
            match self.receive(&mut inbox, Wait::No) {
                Ok(true) if !inbox.gone => {}
                Ok(false) => break,
                _ => {
                    inbox.gone = true;
                    break;
                }
            }
        }
        inbox.gone || self.cancelled.load(Ordering::Relaxed)
    }

    fn open(&self, artifact: &ArtifactRef) -> io::Result<File> {
        let files = lock(&self.files);
        let Some(file) = files.get(&artifact.digest) else {
            let message = format!("{} did not come with the inputs of this call", artifact.digest);
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        };
        // A fresh open file has an offset of its own; where that is not allowed, the shared one is rewound.
        File::open(format!("/proc/self/fd/{}", file.as_raw_fd())).or_else(|_| {
            let mut copy = file.try_clone()?;
            copy.rewind()?;
            Ok(copy)
        })
    }

    fn give(&self, file: File, media_type: &str) -> io::Result<Value> {
        let id = self.call.load(Ordering::Relaxed);
        let pass = FdPass { id, media_type: media_type.to_owned(), artifacts: Vec::new() };
        // Numbers follow the order of the frames, so both are given under one lock.
        let mut outgoing = lock(&self.outgoing);
        outgoing.clear();
        self.codec.frame(FrameType::FdPass, &pass, &mut outgoing).map_err(invalid)?;
        wire::send_all(&*self.socket, &outgoing, &[file.as_fd()])?;
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        Ok(Value::map([("$file", Value::Int(i64::try_from(number).unwrap_or(i64::MAX)))]))
    }
}

/// The longest beginning of `text` that is at most `limit` bytes long.
fn cut(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}

fn invalid(error: impl Into<Broken>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.into().0)
}

/// What does not fit the protocol, in words.
struct Broken(String);

impl From<CodecError> for Broken {
    fn from(error: CodecError) -> Self {
        Self(error.to_string())
    }
}

impl From<crate::bus::frame::FrameError> for Broken {
    fn from(error: crate::bus::frame::FrameError) -> Self {
        Self(error.to_string())
    }
}

impl From<&str> for Broken {
    fn from(message: &str) -> Self {
        Self(message.to_owned())
    }
}

/// Turns the number of an inherited descriptor into an owned one that children of this process do not inherit.
fn adopt_fd(number: i32) -> io::Result<OwnedFd> {
    if number == 0 {
        let socket = io::stdin().as_fd().try_clone_to_owned()?;
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
        return Ok(socket);
    }
    // The kernel hands out a duplicate of what stands at the number; no unchecked claim of ownership is needed.
    let flags = rustix::process::PidfdFlags::empty();
    let own = rustix::process::pidfd_open(rustix::process::getpid(), flags)?;
    let socket = rustix::process::pidfd_getfd(own, number, rustix::process::PidfdGetfdFlags::empty())?;
    nix::unistd::close(number)?;
    Ok(socket)
}
