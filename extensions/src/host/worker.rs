//! A player's process as the host's caller sees it: what it is doing, and orders for its thread.

use super::request::Job;
use crate::bus::codec::Codec;
use crate::bus::wire::{self, Wait};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use symphony_ecs_core::ids::CallId;
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{Port, ProcessReport, ProcessWhat};
use symphony_ecs_core::value::ArtifactRef;

/// What a process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It has not said HELLO yet.
    Starting,
    /// It waits for a call.
    Idle,
    /// It plays one.
    Busy,
    /// It takes no more calls.
    Ending,
    /// It is gone.
    Dead,
}

/// A call that a process plays.
pub(super) struct Active {
    pub id: CallId,
    /// Its number on the bus.
    pub serial: u64,
    pub outputs: Arc<[Port]>,
    /// Artifacts that came with its inputs.
    pub passed: Vec<Arc<ArtifactRef>>,
    /// Values to keep out of messages.
    pub secrets: Vec<String>,
    pub deadline: Option<Instant>,
    /// It was asked to stop.
    pub stopping: Option<Stopping>,
    /// Files that the player handed over, with their media types.
    pub given: Vec<(File, String)>,
}

/// Why a call was asked to stop, and until when it may do so by itself.
pub(super) struct Stopping {
    pub class: ErrorClass,
    pub message: String,
    pub kill_at: Instant,
}

impl Active {
    pub fn of(job: &Job, serial: u64, now: Instant) -> Self {
        let request = &job.request;
        Self {
            id: request.id,
            serial,
            outputs: Arc::clone(&request.outputs),
            passed: Vec::new(),
            secrets: job.secrets.clone(),
            deadline: request.timeout.and_then(|timeout| now.checked_add(timeout)),
            stopping: None,
            given: Vec::new(),
        }
    }
}

/// What caller and thread share.
pub(super) struct State {
    pub phase: Phase,
    /// A call that the thread must make ready and send.
    pub next: Option<Box<Job>>,
    /// The call that is being played.
    pub active: Option<Active>,
    /// The rest of a request whose beginning the caller has written.
    pub unsent: Vec<u8>,
    /// The active call (or the next one) shall stop.
    pub cancel: bool,
    /// End at once, whatever is going on.
    pub stop: bool,
    /// The thread sleeps until then, if nothing happens.
    pub wake_at: Option<Instant>,
    /// Number of the last call.
    pub serial: u64,
    /// It may be idle this long.
    pub keep: Duration,
}

/// One process.
pub(crate) struct Worker {
    pub(super) socket: OwnedFd,
    pub(super) wake: OwnedFd,
    pub(super) codec: Codec,
    pub(super) working_dir: PathBuf,
    /// Its number; none is used again.
    pub(super) number: u64,
    /// The pool it belongs to.
    pub(super) pool: Arc<str>,
    state: Mutex<State>,
}

/// What a process is made of, besides its sockets.
pub(super) struct Making {
    pub number: u64,
    pub pool: Arc<str>,
    /// Its limits: memory in bytes, processor time in seconds.
    pub limits: (Option<u64>, Option<u64>),
    pub keep: Duration,
    /// The call it is started for, if it is not started ahead.
    pub job: Option<Box<Job>>,
}

impl Worker {
    pub(super) fn new(socket: OwnedFd, wake: OwnedFd, codec: Codec, working_dir: PathBuf, making: Making) -> Self {
        let Making { number, pool, keep, job, .. } = making;
        let state = State {
            phase: Phase::Starting,
            next: job,
            active: None,
            unsent: Vec::new(),
            cancel: false,
            stop: false,
            wake_at: None,
            serial: 0,
            keep,
        };
        Self { socket, wake, codec, working_dir, number, pool, state: Mutex::new(state) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A report of what became of it.
    pub(super) fn report(&self, what: ProcessWhat) -> ProcessReport {
        ProcessReport { process: self.number, pool: Arc::clone(&self.pool), what }
    }

    /// What it is doing.
    pub(crate) fn phase(&self) -> Phase {
        self.state().phase
    }

    fn wake(&self) {
        // It can only fail when the counter is full, and then the thread is awake already.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    /// Hands a call over if the process is idle, or was started ahead and has none yet; the call comes back if not.
    /// Never waits: what the socket does not take at once is left to the thread.
    pub(crate) fn offer(&self, job: Box<Job>, scratch: &mut Vec<u8>) -> Result<(), Box<Job>> {
        let mut state = self.state();
        if state.phase == Phase::Starting && state.next.is_none() && !state.stop {
            state.next = Some(job);
            return Ok(());
        }
        if state.phase != Phase::Idle || state.stop {
            return Err(job);
        }
        let serial = state.serial + 1;
        scratch.clear();
        let written = !job.has_files() && job.write(self.codec, serial, &self.working_dir, &[], scratch).is_ok();
        if !written {
            state.phase = Phase::Busy;
            state.next = Some(job);
            drop(state);
            self.wake();
            return Ok(());
        }
        let sent = match wire::send(&self.socket, scratch, &[], Wait::No) {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(_) => {
                // It died just now; its thread will find out.
                state.phase = Phase::Ending;
                drop(state);
                self.wake();
                return Err(job);
            }
        };
        state.serial = serial;
        state.phase = Phase::Busy;
        let active = Active::of(&job, serial, Instant::now());
        // The thread is left asleep when it wakes early enough by itself.
        let late = active.deadline.is_some_and(|deadline| state.wake_at.is_none_or(|wake| wake > deadline));
        state.active = Some(active);
        state.unsent.extend_from_slice(scratch.get(sent..).unwrap_or_default());
        let wake = late || !state.unsent.is_empty();
        drop(state);
        if wake {
            self.wake();
        }
        if scratch.capacity() > 256 << 10 {
            *scratch = Vec::new();
        }
        Ok(())
    }

    /// Asks the call to stop, if it is this process's.
    pub(crate) fn cancel(&self, id: CallId) -> bool {
        let mut state = self.state();
        let playing = state.active.as_ref().is_some_and(|active| active.id == id);
        let waiting = state.next.as_ref().is_some_and(|next| next.request.id == id);
        if playing || waiting {
            state.cancel = true;
            drop(state);
            self.wake();
        }
        playing || waiting
    }

    /// Ends the process if it is idle.
    pub(crate) fn retire(&self) -> bool {
        let mut state = self.state();
        let idle = state.phase == Phase::Idle;
        if idle {
            state.phase = Phase::Ending;
            drop(state);
            self.wake();
        }
        idle
    }

    /// Ends the process if nothing plays on it and no call waits for it.
    pub(crate) fn let_go(&self) -> bool {
        let mut state = self.state();
        let free = state.phase == Phase::Idle || state.phase == Phase::Starting && state.next.is_none();
        if free {
            state.phase = Phase::Ending;
            drop(state);
            self.wake();
        }
        free
    }

    /// Lets it be idle for at least this long.
    pub(crate) fn keep(&self, span: Duration) {
        let mut state = self.state();
        state.keep = state.keep.max(span);
    }

    /// Whether it is idle, or on its way and free.
    pub(crate) fn is_free(&self) -> bool {
        let state = self.state();
        let free = state.phase == Phase::Idle || state.phase == Phase::Starting && state.next.is_none();
        free && !state.stop
    }

    /// Ends the process at once.
    pub(crate) fn stop(&self) {
        self.state().stop = true;
        self.wake();
    }

    /// Whether it was told to end at once.
    pub(super) fn stopped(&self) -> bool {
        self.state().stop
    }
}
