//! The life of a player's process: its birth on a thread of its own, and its end.

use super::Stage;
use super::ending::describe;
use super::pipes::Pipes;
use super::process::{Born, End, Process};
use super::reports::Reports;
use super::request::Job;
use super::spawn::spawn;
use super::worker::{Making, Phase, Worker};
use crate::bus::frame::FrameType;
use crate::bus::message::Nothing;
use crate::bus::wire;
use crate::manifest::Manifest;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal};
use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{CallFailure, CallWhat, ProcessReport, ProcessWhat, Usage};

/// A process that was told to go, or whose socket closed, may take this long to end.
const FAREWELL: Duration = Duration::from_millis(300);

/// Starts a process, for a first call or ahead of any. On an error the call comes back.
#[allow(clippy::type_complexity)] // Said in the line above.
pub(super) fn start(
    stage: &Arc<Stage>,
    manifest: Arc<Manifest>,
    making: Making,
) -> Result<(Arc<Worker>, JoinHandle<()>), (Option<Box<Job>>, io::Error)> {
    use rustix::event::{EventfdFlags, eventfd};
    let pair = wire::pair();
    let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
    let (ours, theirs, wake) = match (pair, wake) {
        (Ok((ours, theirs)), Ok(wake)) => (ours, theirs, wake),
        (Err(error), _) => return Err((making.job, error)),
        (_, Err(error)) => return Err((making.job, error.into())),
    };
    let limits = making.limits;
    let started = (making.number, Arc::clone(&making.pool), ProcessWhat::Starting { ahead: making.job.is_none() });
    let worker = Arc::new(Worker::new(ours, wake, manifest.runtime.codec, stage.working_dir.clone(), making));
    let (stage, shared) = (Arc::clone(stage), Arc::clone(&worker));
    let thread = std::thread::Builder::new().name(format!("player {}", manifest.id)).stack_size(1 << 20);
    let (process, pool, what) = started;
    stage.tell(ProcessReport { process, pool, what });
    let reports = Arc::clone(&stage);
    let thread = thread.spawn(move || live(&stage, manifest, shared, theirs, limits));
    if let Err(error) = &thread {
        reports.tell(worker.report(ProcessWhat::Died { message: error.to_string() }));
    }
    match thread {
        Ok(thread) => Ok((worker, thread)),
        Err(error) => Err((worker.state().next.take(), error)),
    }
}

/// The thread: birth, life and end of one process.
fn live(
    stage: &Arc<Stage>,
    manifest: Arc<Manifest>,
    worker: Arc<Worker>,
    bus: OwnedFd,
    (mem, cpu): (Option<u64>, Option<u64>),
) {
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
    let mut reports = Reports::new(stage.events.clone(), Instant::now());
    let (mut child, pid, pidfd) = match started {
        Ok(started) => started,
        Err(error) => {
            let message = format!("cannot start {}: {error}", manifest.player());
            stage.tell(worker.report(ProcessWhat::Died { message: message.clone() }));
            bury(&worker, &mut reports, ErrorClass::Crash, &message);
            return;
        }
    };
    stage.guard.watch(child.id());
    stage.tell(worker.report(ProcessWhat::Spawned));
    let pipes = Pipes::new(child.stdout.take(), child.stderr.take());
    // Processor time adds up, so a process with a limit plays one call.
    let born = Born { child, pid, pidfd, pipes, single: cpu.is_some() };
    let mut process = Process::new(stage, manifest, worker, born, reports);
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
    /// Ends the process and everything it started, then fails what was left to do.
    fn finish(mut self, end: End) {
        let idle = {
            let mut state = self.worker.state();
            state.phase = Phase::Ending;
            state.active.is_none() && state.next.is_none() && self.hello_by.is_none()
        };
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
        // One that goes by itself while it is idle, and says that all is well, has only left early.
        let in_order = match end {
            End::Retired | End::Stopped => true,
            End::Gone => idle && status.is_some_and(|status| status.success()),
            End::Broken(_) | End::Killed => false,
        };
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
        let message = format!("{player} {what}{}", self.pipes.last_words());
        let left = if in_order { ProcessWhat::Retired } else { ProcessWhat::Died { message: message.clone() } };
        self.stage.tell(self.worker.report(left));
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
