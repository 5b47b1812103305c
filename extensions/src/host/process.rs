//! One player's process: a thread that starts it, shakes hands, reads what it sends, keeps its clock and buries it.

use super::Stage;
use super::ending::{Tail, describe};
use super::reports::Reports;
use super::request::{Job, Packet, prepare};
use super::spawn::spawn;
use super::worker::{Active, Phase, Stopping, Worker};
use crate::bus::codec::Codec;
use crate::bus::frame::{FrameReader, FrameType, MAX_HELLO, MAX_PAYLOAD};
use crate::bus::message::{Cancel, HelloAck, Nothing};
use crate::bus::wire::{self, Wait};
use crate::manifest::Manifest;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal};
use serde::Serialize;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, ChildStderr, ChildStdout, ExitStatus};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{CallFailure, CallWhat, Usage};

/// A call that was asked to stop may take this long.
const GRACE: Duration = Duration::from_millis(500);
/// A process that was told to go may take this long.
const FAREWELL: Duration = Duration::from_millis(300);
/// Frames and lines of one window before the player has to wait for the next.
const FLOOD: u32 = 500;
/// Length of that window.
const WINDOW: Duration = Duration::from_millis(50);
/// Longest line of output that is kept whole.
const LINE: usize = 8 << 10;

/// Why a process comes to its end.
pub(super) enum End {
    /// It has been idle for long, or was told to make way.
    Retired,
    /// The host is shut down.
    Stopped,
    /// It died or closed the bus.
    Gone,
    /// It broke the protocol, or did not start.
    Broken(String),
    /// It did not stop when it was asked to.
    Killed,
}

/// The thread's side of a process.
pub(super) struct Process {
    pub stage: Arc<Stage>,
    pub manifest: Arc<Manifest>,
    pub worker: Arc<Worker>,
    pub reports: Reports,
    child: Child,
    pid: Pid,
    pidfd: OwnedFd,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    lines: [Vec<u8>; 2],
    tail: Tail,
    reader: FrameReader,
    pub fds: VecDeque<OwnedFd>,
    outgoing: VecDeque<(Packet, usize)>,
    /// HELLO must come by then; `None` once it has.
    pub hello_by: Option<Instant>,
    idle_since: Instant,
    /// The process plays no further call after this one.
    pub single: bool,
    window: (Instant, u32),
    paused_until: Option<Instant>,
}

/// Starts a process for a first call. On an error the call comes back.
#[allow(clippy::type_complexity)] // Said in the line above.
pub(super) fn start(
    stage: &Arc<Stage>,
    manifest: Arc<Manifest>,
    job: Box<Job>,
) -> Result<(Arc<Worker>, JoinHandle<()>), (Option<Box<Job>>, io::Error)> {
    use rustix::event::{EventfdFlags, eventfd};
    let pair = wire::pair();
    let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
    let (ours, theirs, wake) = match (pair, wake) {
        (Ok((ours, theirs)), Ok(wake)) => (ours, theirs, wake),
        (Err(error), _) => return Err((Some(job), error)),
        (_, Err(error)) => return Err((Some(job), error.into())),
    };
    let worker = Arc::new(Worker::new(ours, wake, manifest.runtime.codec, stage.working_dir.clone(), job));
    let (stage, shared) = (Arc::clone(stage), Arc::clone(&worker));
    let thread = std::thread::Builder::new().name(format!("player {}", manifest.id)).stack_size(1 << 20);
    let thread = thread.spawn(move || live(&stage, manifest, shared, theirs));
    match thread {
        Ok(thread) => Ok((worker, thread)),
        Err(error) => Err((worker.state().next.take(), error)),
    }
}

/// The thread: birth, life and end of one process.
fn live(stage: &Arc<Stage>, manifest: Arc<Manifest>, worker: Arc<Worker>, bus: OwnedFd) {
    let limits = worker.state().next.as_ref().map(|job| (job.request.mem, job.request.cpu));
    let (mem, cpu) = limits.unwrap_or_default();
    let started = spawn(stage, &manifest, bus, mem, cpu).and_then(|mut child| {
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or_default()).ok_or(io::ErrorKind::NotFound)?;
        let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty());
        match pidfd {
            Ok(pidfd) => Ok((child, pid, pidfd)),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error.into())
            }
        }
    });
    let now = Instant::now();
    let mut reports = Reports::new(stage.events.clone(), now);
    let (mut child, pid, pidfd) = match started {
        Ok(started) => started,
        Err(error) => {
            let message = format!("cannot start {}: {error}", manifest.player());
            bury(&worker, &mut reports, ErrorClass::Crash, &message);
            return;
        }
    };
    stage.guard.watch(child.id());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    for pipe in [stdout.as_ref().map(AsFd::as_fd), stderr.as_ref().map(AsFd::as_fd)].into_iter().flatten() {
        let _ = rustix::io::ioctl_fionbio(pipe, true);
    }
    let hello_by = now + manifest.runtime.startup;
    let mut process = Process {
        stage: Arc::clone(stage),
        manifest,
        worker,
        reports,
        child,
        pid,
        pidfd,
        stdout,
        stderr,
        lines: Default::default(),
        tail: Tail::default(),
        reader: FrameReader::new(MAX_HELLO),
        fds: VecDeque::new(),
        outgoing: VecDeque::new(),
        hello_by: Some(hello_by),
        idle_since: now,
        // Processor time adds up, so a process with a limit plays one call.
        single: cpu.is_some(),
        window: (now, 0),
        paused_until: None,
    };
    let end = loop {
        if let Err(end) = process.turn() {
            break end;
        }
    };
    process.finish(end);
}

/// Marks a process dead and fails what it had to do.
fn bury(worker: &Worker, reports: &mut Reports, class: ErrorClass, message: &str) {
    let (active, next) = {
        let mut state = worker.state();
        state.phase = Phase::Dead;
        (state.active.take(), state.next.take())
    };
    let stopping = active.as_ref().and_then(|active| active.stopping.as_ref());
    let (class, message) = match stopping {
        Some(stopping) => (stopping.class, stopping.message.clone()),
        None => (class, message.to_owned()),
    };
    let failure = CallFailure { class, message, retry_after: None, usage: Usage::default() };
    let calls = active.map(|active| (active.id, active.secrets));
    let calls = calls.into_iter().chain(next.map(|job| (job.request.id, job.secrets)));
    for (id, secrets) in calls {
        reports.begin(id, secrets);
        reports.end(id, CallWhat::Failed(failure.clone()), || worker.stopped());
    }
}

impl Process {
    /// One turn of the thread: orders, clocks, sending, sleeping, receiving.
    fn turn(&mut self) -> Result<(), End> {
        let now = Instant::now();
        self.take_orders(now)?;
        self.check_clocks(now)?;
        self.send()?;
        self.reports.flush(now);
        let ready = self.sleep(now)?;
        let now = Instant::now();
        if ready.pipes {
            self.read_pipes(now);
        }
        if ready.socket {
            self.receive(now)?;
        }
        if ready.exited { Err(End::Gone) } else { Ok(()) }
    }

    fn take_orders(&mut self, now: Instant) -> Result<(), End> {
        let worker = Arc::clone(&self.worker);
        let mut state = worker.state();
        if state.stop {
            return Err(End::Stopped);
        }
        if !state.unsent.is_empty() {
            let bytes = std::mem::take(&mut state.unsent);
            self.outgoing.push_back((Packet { bytes, files: Vec::new() }, 0));
        }
        if let Some(active) = &mut state.active {
            self.reports.begin(active.id, active.secrets.clone());
        }
        if self.hello_by.is_none() {
            if state.phase == Phase::Ending && state.active.is_none() {
                return Err(End::Retired);
            }
            if let Some(mut job) = state.next.take() {
                state.serial += 1;
                let serial = state.serial;
                // It is known before its files are opened, so that it can be cancelled meanwhile.
                let active = Active::of(&job, serial, now);
                let id = active.id;
                self.reports.begin(id, active.secrets.clone());
                state.active = Some(active);
                drop(state);
                let store = &*self.stage.artifacts;
                match prepare(&mut job, self.worker.codec, serial, &self.worker.working_dir, store) {
                    Ok(ready) => {
                        self.outgoing.extend(ready.packets.into_iter().map(|packet| (packet, 0)));
                        if let Some(active) = &mut self.worker.state().active {
                            active.passed = ready.artifacts;
                        }
                    }
                    Err((class, message)) => {
                        self.worker.state().active = None;
                        let failure = CallFailure { class, message, retry_after: None, usage: Usage::default() };
                        self.complete(id, CallWhat::Failed(failure), now);
                    }
                }
                state = worker.state();
            }
        } else if let Some(job) = &state.next {
            self.reports.begin(job.request.id, job.secrets.clone());
        }
        if std::mem::take(&mut state.cancel) {
            if let Some(active) = &mut state.active {
                if active.stopping.is_none() {
                    let message = "cancelled".to_owned();
                    active.stopping = Some(Stopping { class: ErrorClass::Cancelled, message, kill_at: now + GRACE });
                    let serial = active.serial;
                    drop(state);
                    self.queue(FrameType::Cancel, &Cancel { id: serial })?;
                }
            } else if state.next.is_some() {
                // It is still starting: there is nobody to ask.
                return Err(End::Killed);
            }
        }
        Ok(())
    }

    fn check_clocks(&mut self, now: Instant) -> Result<(), End> {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
        if self.hello_by.is_some_and(|by| by <= now) {
            let startup = self.manifest.runtime.startup;
            return Err(End::Broken(format!("did not say HELLO within {startup:?} of its start")));
        }
        let mut state = self.worker.state();
        if let Some(active) = &mut state.active {
            if active.stopping.as_ref().is_some_and(|stopping| stopping.kill_at <= now) {
                return Err(End::Killed);
            }
            if active.stopping.is_none() && active.deadline.is_some_and(|deadline| deadline <= now) {
                let message = format!("{} did not answer in time", self.manifest.player());
                active.stopping = Some(Stopping { class: ErrorClass::Timeout, message, kill_at: now + GRACE });
                let serial = active.serial;
                drop(state);
                self.queue(FrameType::Cancel, &Cancel { id: serial })?;
            }
        } else if state.phase == Phase::Idle && now.duration_since(self.idle_since) >= self.stage.idle {
            state.phase = Phase::Ending;
            return Err(End::Retired);
        }
        Ok(())
    }

    /// Puts a frame in line.
    pub fn queue<T: Serialize>(&mut self, kind: FrameType, message: &T) -> Result<(), End> {
        let mut bytes = Vec::new();
        self.codec().frame(kind, message, &mut bytes).map_err(|error| End::Broken(error.to_string()))?;
        self.outgoing.push_back((Packet { bytes, files: Vec::new() }, 0));
        Ok(())
    }

    pub fn codec(&self) -> Codec {
        self.worker.codec
    }

    /// Writes what the socket takes.
    fn send(&mut self) -> Result<(), End> {
        while let Some((packet, sent)) = self.outgoing.front_mut() {
            let fds: Vec<_> = packet.files.iter().map(AsFd::as_fd).collect();
            let rest = packet.bytes.get(*sent..).unwrap_or_default();
            match wire::send(&self.worker.socket, rest, &fds, Wait::No) {
                Ok(count) => {
                    *sent += count;
                    packet.files.clear();
                    if *sent >= packet.bytes.len() {
                        self.outgoing.pop_front();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return Err(End::Gone),
            }
        }
        Ok(())
    }

    /// Sleeps until something happens or a clock is due.
    fn sleep(&mut self, now: Instant) -> Result<Ready, End> {
        let due = {
            let mut state = self.worker.state();
            let call = state.active.as_ref().and_then(|active| match &active.stopping {
                Some(stopping) => Some(stopping.kill_at),
                None => active.deadline,
            });
            let idle = (state.phase == Phase::Idle).then(|| self.idle_since + self.stage.idle);
            let flush = self.reports.next_flush(now);
            let due = [call, idle, flush, self.hello_by, self.paused_until].into_iter().flatten().min();
            // An earlier plan stands: it is cheaper to wake once too early than to be woken for every deadline.
            let planned = state.wake_at.filter(|planned| *planned > now);
            let due = [due, planned].into_iter().flatten().min();
            state.wake_at = due;
            due
        };
        let timeout = due.map(|due| {
            let span = due.saturating_duration_since(now);
            Timespec {
                tv_sec: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(span.subsec_nanos()),
            }
        });
        let listening = self.paused_until.is_none() && !self.reports.is_blocked();
        let mut wanted = PollFlags::empty();
        if listening {
            wanted |= PollFlags::IN;
        }
        if !self.outgoing.is_empty() {
            wanted |= PollFlags::OUT;
        }
        let pipes = [self.stdout.as_ref().map(AsFd::as_fd), self.stderr.as_ref().map(AsFd::as_fd)];
        let mut fds = Vec::with_capacity(5);
        fds.push(PollFd::new(&self.worker.wake, PollFlags::IN));
        fds.push(PollFd::new(&self.pidfd, PollFlags::IN));
        // A hang-up is always told, so a socket that shall not be read is not asked at all.
        if !wanted.is_empty() {
            fds.push(PollFd::new(&self.worker.socket, wanted));
        }
        let first_pipe = fds.len();
        if listening {
            fds.extend(pipes.into_iter().flatten().map(|pipe| PollFd::from_borrowed_fd(pipe, PollFlags::IN)));
        }
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(End::Broken(format!("poll: {error}"))),
        }
        let happened = |place: usize| fds.get(place).is_some_and(|fd| !fd.revents().is_empty());
        let ready = Ready {
            exited: happened(1),
            socket: listening && happened(2),
            pipes: (first_pipe..fds.len()).any(happened),
        };
        if happened(0) {
            let _ = rustix::io::read(&self.worker.wake, &mut [0u8; 8]);
        }
        Ok(ready)
    }

    /// Reads what is on the socket and handles the frames.
    fn receive(&mut self, now: Instant) -> Result<(), End> {
        const MAX_FDS: usize = 64;
        loop {
            match wire::receive(&self.worker.socket, &mut self.reader, &mut self.fds, MAX_FDS, Wait::No) {
                Ok(0) => return Err(End::Gone),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    return Err(End::Broken(format!("broke the protocol: {error}")));
                }
                Err(_) => return Err(End::Gone),
            }
            while let Some(frame) =
                self.reader.next().map_err(|error| End::Broken(format!("broke the protocol: {error}")))?
            {
                if !matches!(frame.kind, FrameType::Response | FrameType::Error) {
                    self.count(now);
                }
                self.handle(frame, now)?;
            }
            // The usual case is one frame and silence; the next poll would only confirm it.
            if !self.reader.is_partial() || self.paused_until.is_some() || self.reports.is_blocked() {
                return Ok(());
            }
        }
    }

    /// Counts a frame or line; too many of them, and the player waits for the next window.
    fn count(&mut self, now: Instant) {
        let (since, count) = &mut self.window;
        if now.duration_since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        if *count > FLOOD {
            self.paused_until = Some(*since + WINDOW);
        }
    }

    /// The handshake is done.
    pub fn welcome(&mut self) -> Result<(), End> {
        self.hello_by = None;
        self.reader.set_limit(MAX_PAYLOAD);
        let (extension, version) = (self.manifest.id.clone(), self.manifest.version.to_string());
        self.queue(FrameType::HelloAck, &HelloAck { protocol: crate::bus::PROTOCOL, extension, version })?;
        self.worker.state().phase = Phase::Busy;
        Ok(())
    }

    /// Ends a call: the process is free again before anybody hears of it.
    pub fn complete(&mut self, id: symphony_ecs_core::ids::CallId, what: CallWhat, now: Instant) {
        {
            let mut state = self.worker.state();
            state.cancel = false;
            state.phase = if self.single { Phase::Ending } else { Phase::Idle };
        }
        self.idle_since = now;
        let worker = &self.worker;
        self.reports.end(id, what, || worker.stopped());
    }

    pub fn pong(&mut self) -> Result<(), End> {
        self.queue(FrameType::Pong, &Nothing {})
    }

    /// Standard output and error become log lines; the last of them are kept for a crash.
    fn read_pipes(&mut self, now: Instant) {
        let mut buffer = [0u8; 4096];
        for (place, level) in [(0, "info"), (1, "warn")] {
            let read = match (place, &mut self.stdout, &mut self.stderr) {
                (0, Some(pipe), _) => pipe.read(&mut buffer),
                (1, _, Some(pipe)) => pipe.read(&mut buffer),
                _ => continue,
            };
            let bytes = match read {
                Ok(0) => &[],
                Ok(count) => buffer.get(..count).unwrap_or_default(),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                    continue;
                }
                Err(_) => &[],
            };
            self.tail.push(bytes);
            let Some(mut held) = self.lines.get_mut(place).map(std::mem::take) else { continue };
            held.extend_from_slice(bytes);
            let closed = bytes.is_empty();
            while let Some(end) = held
                .iter()
                .position(|byte| *byte == b'\n')
                .or_else(|| (held.len() >= LINE || (closed && !held.is_empty())).then(|| held.len() - 1))
            {
                let line: Vec<u8> = held.drain(..=end).collect();
                let text = String::from_utf8_lossy(&line);
                self.reports.log(level, text.trim_end_matches(['\n', '\r']), now);
                self.count(now);
            }
            if let Some(lines) = self.lines.get_mut(place) {
                *lines = held;
            }
            if closed && place == 0 {
                self.stdout = None;
            } else if closed {
                self.stderr = None;
            }
        }
    }

    /// Ends the process and everything it started, then fails what was left to do.
    fn finish(mut self, end: End) {
        self.worker.state().phase = Phase::Ending;
        let patience = match end {
            End::Retired => {
                let _ = self.queue(FrameType::Goaway, &Nothing {});
                let _ = self.send();
                let _ = rustix::net::shutdown(&self.worker.socket, rustix::net::Shutdown::Write);
                FAREWELL
            }
            // Its status is worth a moment: the socket may close before it is there.
            End::Gone => FAREWELL,
            _ => Duration::ZERO,
        };
        let status = self.reap(patience);
        let now = Instant::now();
        if matches!(end, End::Gone) && self.paused_until.is_none() {
            // What it said before it died still counts.
            for _ in 0..64 {
                if self.receive(now).is_err() {
                    break;
                }
            }
        }
        for _ in 0..16 {
            self.read_pipes(now);
        }
        let player = self.manifest.player();
        let (class, what) = match end {
            End::Broken(message) => (ErrorClass::Crash, message),
            End::Killed => (ErrorClass::Cancelled, "cancelled".to_owned()),
            End::Stopped => (ErrorClass::Cancelled, "the host is shut down".to_owned()),
            End::Gone if self.hello_by.is_some() => {
                let (class, how) = describe(status);
                (class, how.replace("in the middle of a call", "before it said HELLO"))
            }
            End::Gone | End::Retired => describe(status),
        };
        let message = format!("{player} {what}{}", self.tail.words());
        bury(&self.worker, &mut self.reports, class, &message);
    }

    /// Waits a little, kills the group, and collects the process. The group is killed before the process is
    /// collected, so its number cannot mean anybody else's.
    fn reap(&mut self, patience: Duration) -> Option<ExitStatus> {
        if !patience.is_zero() {
            let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(patience.subsec_nanos()) };
            let _ = poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&timeout));
        }
        let _ = rustix::process::kill_process_group(self.pid, Signal::KILL);
        let status = self.child.wait().ok();
        self.stage.guard.forget(self.child.id());
        status
    }
}

/// What [`Process::sleep`] was woken by.
struct Ready {
    exited: bool,
    socket: bool,
    pipes: bool,
}
