//! One player's process, as its thread sees it: orders, clocks, sending, sleeping, receiving, over and over.

use super::Stage;
use super::pipes::Pipes;
use super::reports::Reports;
use super::request::{Packet, prepare};
use super::worker::{Active, Phase, Stopping, Worker};
use crate::bus::codec::Codec;
use crate::bus::frame::{FrameReader, FrameType, MAX_HELLO, MAX_PAYLOAD};
use crate::bus::message::{Cancel, HelloAck, Nothing};
use crate::bus::wire::{self, Wait};
use crate::manifest::Manifest;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Pid;
use serde::Serialize;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{CallFailure, CallWhat, ProcessWhat, Usage};

/// A call that was asked to stop may take this long.
const GRACE: Duration = Duration::from_millis(500);
/// Frames and lines of one window before the player has to wait for the next.
const FLOOD: u32 = 500;
/// Length of that window.
const WINDOW: Duration = Duration::from_millis(50);

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
    pub child: Child,
    pub pid: Pid,
    pub pidfd: OwnedFd,
    pub pipes: Pipes,
    reader: FrameReader,
    pub fds: VecDeque<OwnedFd>,
    outgoing: VecDeque<(Packet, usize)>,
    /// HELLO must come by then; `None` once it has.
    pub hello_by: Option<Instant>,
    idle_since: Instant,
    /// The process plays no further call after this one.
    pub single: bool,
    window: (Instant, u32),
    pub paused_until: Option<Instant>,
}

impl Process {
    /// A process that was just started and has not said HELLO.
    pub fn new(stage: &Arc<Stage>, manifest: Arc<Manifest>, worker: Arc<Worker>, born: Born, reports: Reports) -> Self {
        let now = Instant::now();
        let Born { child, pid, pidfd, pipes, single } = born;
        let hello_by = Some(now + manifest.runtime.startup);
        Self {
            stage: Arc::clone(stage),
            manifest,
            worker,
            reports,
            child,
            pid,
            pidfd,
            pipes,
            reader: FrameReader::new(MAX_HELLO),
            fds: VecDeque::new(),
            outgoing: VecDeque::new(),
            hello_by,
            idle_since: now,
            single,
            window: (now, 0),
            paused_until: None,
        }
    }

    /// One turn of the thread.
    pub fn turn(&mut self) -> Result<(), End> {
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
        // Nothing plays on it and nothing will: it goes, even before it has said HELLO.
        if state.phase == Phase::Ending && state.active.is_none() && state.next.is_none() {
            return Err(End::Retired);
        }
        if !state.unsent.is_empty() {
            let bytes = std::mem::take(&mut state.unsent);
            self.outgoing.push_back((Packet { bytes, files: Vec::new() }, 0));
        }
        if let Some(active) = &mut state.active {
            self.reports.begin(active.id, active.secrets.clone());
        }
        if self.hello_by.is_none() {
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
        } else if state.phase == Phase::Idle && now.duration_since(self.idle_since) >= state.keep {
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
    pub fn send(&mut self) -> Result<(), End> {
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
            let idle = (state.phase == Phase::Idle).then(|| self.idle_since + state.keep);
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
        let mut fds = Vec::with_capacity(5);
        fds.push(PollFd::new(&self.worker.wake, PollFlags::IN));
        fds.push(PollFd::new(&self.pidfd, PollFlags::IN));
        // A hang-up is always told, so a socket that shall not be read is not asked at all.
        if !wanted.is_empty() {
            fds.push(PollFd::new(&self.worker.socket, wanted));
        }
        let first_pipe = fds.len();
        if listening {
            fds.extend(self.pipes.open().map(|pipe| PollFd::from_borrowed_fd(pipe, PollFlags::IN)));
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
    pub fn receive(&mut self, now: Instant) -> Result<(), End> {
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

    /// Reads the player's standard output and error.
    pub fn read_pipes(&mut self, now: Instant) {
        for _ in 0..self.pipes.read(&mut self.reports, now) {
            self.count(now);
        }
    }

    /// The handshake is done.
    pub fn welcome(&mut self) -> Result<(), End> {
        self.hello_by = None;
        self.reader.set_limit(MAX_PAYLOAD);
        let (extension, version) = (self.manifest.id.clone(), self.manifest.version.to_string());
        self.queue(FrameType::HelloAck, &HelloAck { protocol: crate::bus::PROTOCOL, extension, version })?;
        let mut state = self.worker.state();
        let waited_for = state.next.is_some();
        if state.phase == Phase::Starting {
            state.phase = if waited_for { Phase::Busy } else { Phase::Idle };
        }
        drop(state);
        self.idle_since = Instant::now();
        self.stage.tell(self.worker.report(ProcessWhat::Ready { memory: memory_of(self.pid) }));
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
}

/// Bytes of memory that a process has in use.
fn memory_of(pid: Pid) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = resident.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// A process that was just started.
pub(super) struct Born {
    pub child: Child,
    pub pid: Pid,
    pub pidfd: OwnedFd,
    pub pipes: Pipes,
    /// It plays one call only.
    pub single: bool,
}

/// What [`Process::sleep`] was woken by.
struct Ready {
    exited: bool,
    socket: bool,
    pipes: bool,
}
