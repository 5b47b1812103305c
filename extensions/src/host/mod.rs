//! The host: starts players' processes, keeps them warm, hands them calls and survives whatever they do.
//!
//! ```text
//!  call() ── idle process? ── frame written from the caller's thread ──► player
//!     │ no                                                                │
//!     └─► a new process: its own thread spawns it, shakes hands,          │
//!         and from then on reads everything that comes back  ◄────────────┘
//!                                     │ bounded channel
//!                                     ▼ events()
//! ```
//!
//! Each process has one thread (`process`), which owns its clock: handshake, time-outs, cancellation, idleness. A
//! player that hangs, floods or crashes occupies that thread and nothing else.

mod answer;
mod ending;
mod frames;
mod guard;
mod launch;
mod life;
mod pipes;
mod process;
mod python;
mod registry;
mod reports;
mod request;
mod secrets;
mod spawn;
mod worker;

pub(crate) use guard::Guard;
pub use guard::guard;
pub use launch::launch;
pub use registry::{Listed, Locked, Registry};
pub use secrets::{EnvSecrets, NoSecrets, Secrets};
pub(crate) use spawn::launched;

use crate::manifest::Manifest;
use crate::mcp::Declared;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, unbounded};
use request::Job;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use symphony_ecs_core::ids::CallId;
use symphony_ecs_core::melody::model::{ErrorClass, PlayerRef};
use symphony_ecs_core::ports::{
    ArtifactPort, Busy, CallEvent, CallFailure, CallRequest, CallWhat, Catalog, CatalogError, ExtensionPort, Operation,
    ProcessReport, Usage, WarmOrder, pool_name,
};
use symphony_ecs_core::value::Digest;
use worker::{Making, Phase, Worker};

/// Events that may wait to be taken.
const EVENTS: usize = 4096;

/// What a host needs.
pub struct HostConfig {
    /// This program. Its hidden subcommand `__launch` must call [`launch`], `__guard` must call [`guard`], and
    /// `__player ID` must serve the bundled player of that id, and `__mcp` must call
    /// [`crate::mcp::helper`].
    pub helper: PathBuf,
    /// Who plays what.
    pub registry: Arc<Registry>,
    /// Where artifacts are opened and stored.
    pub artifacts: Arc<dyn ArtifactPort>,
    /// The players' current folder.
    pub working_dir: PathBuf,
    /// Where the Python SDK is laid down for manifests with `sdk = "python"`.
    pub cache_dir: PathBuf,
    /// Where secrets come from.
    pub secrets: Box<dyn Secrets>,
    /// Processes alive at once.
    pub max_processes: usize,
    /// Idle processes end after this long.
    pub idle: Duration,
}

impl HostConfig {
    /// The usual: processes twice the cores (at least 8), idle ones kept for 30 seconds, secrets from the environment.
    pub fn new(
        helper: PathBuf,
        registry: Arc<Registry>,
        artifacts: Arc<dyn ArtifactPort>,
        working_dir: PathBuf,
    ) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            helper,
            registry,
            artifacts,
            working_dir,
            cache_dir: cache_dir(),
            secrets: Box::new(EnvSecrets),
            max_processes: (2 * cores).max(8),
            idle: Duration::from_secs(30),
        }
    }
}

/// `$XDG_CACHE_HOME/symphony`, `~/.cache/symphony`, or a folder of this process for lack of a home.
fn cache_dir() -> PathBuf {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    cache.map_or_else(
        || std::env::temp_dir().join(format!("symphony-{}", std::process::id())),
        |cache| cache.join("symphony"),
    )
}

/// What every process's thread shares.
pub(crate) struct Stage {
    pub helper: PathBuf,
    pub artifacts: Arc<dyn ArtifactPort>,
    pub working_dir: PathBuf,
    pub cache_dir: PathBuf,
    pub idle: Duration,
    pub events: Sender<CallEvent>,
    pub guard: Guard,
    /// Where reports of processes go, once somebody asks for them.
    lives: Sender<ProcessReport>,
    watched: AtomicBool,
}

impl Stage {
    /// Reports what became of a process, if somebody listens.
    pub(crate) fn tell(&self, report: ProcessReport) {
        if self.watched.load(Ordering::Acquire) {
            // The receiver goes only when the host does.
            let _ = self.lives.send(report);
        }
    }
}

/// Which processes can play which calls: the same player under the same limits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PoolKey {
    player: String,
    digest: Digest,
    mem: Option<u64>,
    cpu: Option<u64>,
}

struct Process {
    worker: Arc<Worker>,
    thread: Option<JoinHandle<()>>,
}

/// The stage as a port of the orchestra.
pub struct Host {
    stage: Arc<Stage>,
    registry: Arc<Registry>,
    secrets: Box<dyn Secrets>,
    max_processes: usize,
    pools: BTreeMap<PoolKey, Vec<Process>>,
    received: Receiver<CallEvent>,
    reports: Receiver<ProcessReport>,
    /// Processes that were started so far.
    started: u64,
    scratch: Vec<u8>,
}

impl Host {
    /// A host without processes; they start with the first calls.
    pub fn new(config: HostConfig) -> Self {
        let (events, received) = bounded(EVENTS);
        let (lives, reports) = unbounded();
        let stage = Stage {
            lives,
            watched: AtomicBool::new(false),
            guard: Guard::new(config.helper.clone()),
            helper: config.helper,
            artifacts: config.artifacts,
            working_dir: config.working_dir,
            cache_dir: config.cache_dir,
            idle: config.idle,
            events,
        };
        Self {
            stage: Arc::new(stage),
            registry: config.registry,
            secrets: config.secrets,
            max_processes: config.max_processes.max(1),
            pools: BTreeMap::new(),
            received,
            reports,
            started: 0,
            scratch: Vec::new(),
        }
    }

    /// Who plays what.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Processes that are alive, by player, for people.
    pub fn processes(&self) -> BTreeMap<String, usize> {
        let mut alive = BTreeMap::new();
        for (key, processes) in &self.pools {
            let count = processes.iter().filter(|process| process.worker.phase() != Phase::Dead).count();
            if count > 0 {
                *alive.entry(key.player.clone()).or_default() += count;
            }
        }
        alive
    }

    /// Answers a call that cannot even begin.
    fn refuse(&self, request: CallRequest, class: ErrorClass, message: String) -> Result<(), Busy> {
        let failure = CallFailure { class, message, retry_after: None, usage: Usage::default() };
        let event = CallEvent { id: request.id, what: CallWhat::Failed(failure) };
        match self.stage.events.try_send(event) {
            Err(TrySendError::Full(_)) => Err(Busy(Box::new(request))),
            _ => Ok(()),
        }
    }

    /// Which processes play calls of an operation, and the MCP server behind it, if it is one.
    fn key(&self, operation: &Operation, mem: Option<u64>, cpu: Option<u64>) -> (PoolKey, Option<Arc<Manifest>>) {
        let player = operation.name.split('/').next().unwrap_or_default();
        // All tools of an MCP server share its process, though each has a digest of its own.
        let server = player.starts_with("mcp:").then(|| self.registry.manifest(player, operation.digest)).flatten();
        let digest = server.as_ref().map_or(operation.digest, |server| server.digest);
        (PoolKey { player: player.to_owned(), digest, mem, cpu }, server)
    }

    /// Starts a process for a call, or ahead of any, and gives its number. On an error the call comes back.
    fn start(
        &mut self,
        key: PoolKey,
        manifest: Arc<Manifest>,
        keep: Duration,
        job: Option<Box<Job>>,
    ) -> Result<u64, (Option<Box<Job>>, std::io::Error)> {
        self.started += 1;
        let number = self.started;
        let pool = Arc::from(pool_name(&key.player, key.mem, key.cpu));
        let making = Making { number, pool, limits: (key.mem, key.cpu), keep, job };
        let (worker, thread) = life::start(&self.stage, manifest, making)?;
        self.pools.entry(key).or_default().push(Process { worker, thread: Some(thread) });
        Ok(number)
    }

    /// Forgets processes that are dead.
    fn prune(&mut self) {
        for processes in self.pools.values_mut() {
            // A thread whose process is dead may still wait to deliver its last event; it is not joined here.
            processes.retain(|process| {
                let over = process.thread.as_ref().is_none_or(JoinHandle::is_finished);
                process.worker.phase() != Phase::Dead || !over
            });
        }
        self.pools.retain(|_, processes| !processes.is_empty());
    }

    /// Processes that count: those that end are on their way out.
    fn alive(processes: &[Process]) -> usize {
        let counts = |process: &&Process| !matches!(process.worker.phase(), Phase::Dead | Phase::Ending);
        processes.iter().filter(counts).count()
    }

    /// Makes room for one more process; false when all are at work.
    fn make_room(&mut self) -> bool {
        self.prune();
        let alive: usize = self.pools.values().map(|processes| Self::alive(processes)).sum();
        // When it is full, an idle process of another player makes way, else one that was only started ahead.
        let mut processes = self.pools.values().flatten();
        alive < self.max_processes
            || processes.clone().any(|process| process.worker.retire())
            || processes.any(|process| process.worker.let_go())
    }
}

impl ExtensionPort for Host {
    fn call(&mut self, request: CallRequest) -> Result<(), Busy> {
        self.call_on(request, None).map(|_| ())
    }

    fn call_on(&mut self, request: CallRequest, process: Option<u64>) -> Result<Option<u64>, Busy> {
        let operation = &request.operation;
        if operation.in_process {
            let message = format!("{} plays within the process; the stage does not call it", operation.name);
            return self.refuse(request, ErrorClass::Refused, message).map(|()| None);
        }
        let (key, server) = self.key(operation, request.mem, request.cpu);
        let mut job = match Job::new(request, &*self.secrets) {
            Ok(job) => Box::new(job),
            Err(refused) => {
                let (request, message) = *refused;
                return self.refuse(request, ErrorClass::Denied, message).map(|()| None);
            }
        };
        if let Some(server) = server {
            job.secrets.extend(Declared::secrets(&server.runtime.env));
        }
        let processes = self.pools.get(&key).map(Vec::as_slice).unwrap_or_default();
        let wanted = |known: &&Process| Some(known.worker.number) == process;
        // The one that is asked for first, then those that are ready, then those that are on their way.
        let ready = |known: &&Process| known.worker.phase() == Phase::Idle;
        let order = processes.iter().filter(wanted).chain(processes.iter().filter(ready)).chain(processes);
        for process in order {
            match process.worker.offer(job, &mut self.scratch) {
                Ok(()) => return Ok(Some(process.worker.number)),
                Err(back) => job = back,
            }
        }
        let alive = Self::alive(processes);
        let Some(manifest) = self.registry.manifest(&key.player, key.digest) else {
            let message = format!("{} is not the player that the melody was checked with; check it again", key.player);
            return self.refuse(job.request, ErrorClass::Refused, message).map(|()| None);
        };
        if alive >= most(&manifest) || !self.make_room() {
            return Err(Busy(Box::new(job.request)));
        }
        let player = key.player.clone();
        match self.start(key, manifest, self.stage.idle, Some(job)) {
            Ok(number) => Ok(Some(number)),
            Err((Some(job), error)) => {
                self.refuse(job.request, ErrorClass::Crash, format!("cannot start {player}: {error}")).map(|()| None)
            }
            Err((None, _)) => Ok(None),
        }
    }

    fn warm(&mut self, order: &WarmOrder) -> u32 {
        if order.operation.in_process {
            return 0;
        }
        let (key, _) = self.key(&order.operation, order.mem, order.cpu);
        let Some(manifest) = self.registry.manifest(&key.player, key.digest) else { return 0 };
        let processes = self.pools.get(&key).map(Vec::as_slice).unwrap_or_default();
        processes.iter().for_each(|process| process.worker.keep(order.keep));
        let free = processes.iter().filter(|process| process.worker.is_free()).count();
        let (mut alive, keep) = (Self::alive(processes), order.keep.max(self.stage.idle));
        let mut started = 0;
        for _ in free..usize::try_from(order.seats).unwrap_or(usize::MAX) {
            self.prune();
            let all: usize = self.pools.values().map(|processes| Self::alive(processes)).sum();
            // What is only foreseen drives nobody out.
            if alive >= most(&manifest) || all >= self.max_processes {
                break;
            }
            if self.start(key.clone(), Arc::clone(&manifest), keep, None).is_err() {
                break;
            }
            alive += 1;
            started += 1;
        }
        started
    }

    fn unload(&mut self, process: u64) -> bool {
        let found = self.pools.values().flatten().find(|known| known.worker.number == process);
        found.is_some_and(|process| process.worker.let_go())
    }

    fn lives(&mut self) -> Vec<ProcessReport> {
        self.stage.watched.store(true, Ordering::Release);
        self.reports.try_iter().collect()
    }

    fn cancel(&mut self, id: CallId) {
        for process in self.pools.values().flatten() {
            if process.worker.cancel(id) {
                break;
            }
        }
    }

    fn events(&self) -> &Receiver<CallEvent> {
        &self.received
    }
}

/// Processes of a player at once.
fn most(manifest: &Manifest) -> usize {
    manifest.runtime.processes.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX)
}

impl Catalog for Host {
    fn operation(&self, player: &PlayerRef) -> Result<Arc<Operation>, CatalogError> {
        self.registry.operation(player)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for process in self.pools.values().flatten() {
            process.worker.stop();
        }
        for process in self.pools.values_mut().flatten() {
            if let Some(thread) = process.thread.take() {
                let _ = thread.join();
            }
        }
    }
}
