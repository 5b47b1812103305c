//! The ports: traits through which the orchestra reaches players, the conductor, the journal and the artifacts.
//! The program wires them to adapters; each can be replaced and tested alone.

use crate::identity::CallIdentity;
use crate::ids::{CallId, RunId};
use crate::melody::model::{ErrorClass, PlayerRef};
use crate::types::PortType;
use crate::value::{ArtifactRef, Digest, Value};
use crossbeam_channel::Receiver;
use std::sync::Arc;
use std::time::Duration;

/// One operation of a player, as the catalog knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Full name: `operator:git/log`.
    pub name: String,
    /// Version of the extension.
    pub version: semver::Version,
    /// What makes this player this player: for built-ins and bundled players of name and version, for a person's
    /// own of the manifest and the files beside it.
    pub digest: Digest,
    /// Where it was found, for people (`builtin`, `bundled`, or a folder).
    pub origin: String,
    /// Input ports.
    pub inputs: Vec<Port>,
    /// Further inputs of any name are welcome (templates, scripts).
    pub open_inputs: bool,
    /// Output ports.
    pub outputs: Vec<Port>,
    /// The node's `out` says which outputs there are (scripts, JSON queries).
    pub open_outputs: bool,
    /// JSON Schema of `with`; `None` takes anything.
    pub settings: Option<serde_json::Value>,
    /// Pure Rust within the process: plays inside the frame, at once.
    pub in_process: bool,
    /// Calling it again with the same key is harmless.
    pub idempotent: bool,
    /// Whether the result of a finished call may stand in for an equal one.
    pub reuse: Reuse,
    /// Worst-case cost of one call in micro-dollars, if the player declares one.
    pub worst_cost_micros: Option<u64>,
    /// Worst-case tokens of one call, if the player declares them.
    pub worst_tokens: Option<u64>,
    /// Calls in flight at once, if the player bounds them.
    pub max_parallel: Option<u32>,
    /// Default time-out of one call.
    pub timeout: Option<Duration>,
}

/// Whether the result of a finished call may stand in for an equal one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reuse {
    /// Never: it reads or changes the world outside of its inputs.
    Never,
    /// Its settings and inputs say all.
    #[default]
    Inputs,
    /// Where it plays counts as well: the numbers of the items around it.
    Place,
}

/// A port of an operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Name.
    pub name: String,
    /// Type.
    pub ty: PortType,
    /// Must be bound (inputs) or given (outputs).
    pub required: bool,
}

/// Finds operations by reference.
pub trait Catalog {
    /// The operation that a reference means. The error says where was looked and how to install, in words.
    fn operation(&self, player: &PlayerRef) -> Result<Arc<Operation>, CatalogError>;
}

/// Why a player could not be found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CatalogError {
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// The cure (a name probably meant, how to install).
    pub help: Option<String>,
}

/// A request to a player: one attempt of one node.
#[derive(Clone, Debug)]
pub struct CallRequest {
    /// Comes back with every event of the call.
    pub id: CallId,
    /// The operation.
    pub operation: Arc<Operation>,
    /// `RUN/PATH/ATTEMPT`: the same for every repetition of the same attempt.
    pub idempotency_key: String,
    /// The node's path in the run, for logs: `fix_loop[3].patch`.
    pub path: String,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// Values of the input ports; absent ones are left out.
    pub inputs: Vec<(Arc<str>, Value)>,
    /// The node's settings for this attempt.
    pub settings: Vec<(Arc<str>, SettingValue)>,
    /// Declared output ports: what the player must give.
    pub outputs: Arc<[Port]>,
    /// One attempt must end within it; the stage enforces it.
    pub timeout: Option<Duration>,
    /// Bytes of memory for the player's process.
    pub mem: Option<u64>,
    /// Processor seconds for the player's process.
    pub cpu: Option<u64>,
    /// Seed for players that draw random numbers: equal for equal (run seed, path, attempt).
    pub seed: u64,
}

/// A setting as it travels to a player.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingValue {
    /// A constant.
    Value(Value),
    /// The name of a secret that the host puts in at the last moment.
    Secret(Arc<str>),
}

/// What comes back from a call.
#[derive(Clone, Debug)]
pub struct CallEvent {
    /// Which call.
    pub id: CallId,
    /// What happened.
    pub what: CallWhat,
}

/// What happened to a call.
#[derive(Clone, Debug)]
pub enum CallWhat {
    /// How far it is (0 to 1, if known) and what it is doing.
    Progress {
        /// 0 to 1.
        fraction: Option<f32>,
        /// A few words.
        message: Option<String>,
    },
    /// A piece of an output that is still being made (streamed tokens).
    Chunk {
        /// The output port.
        port: String,
        /// The piece.
        text: String,
    },
    /// A line for the log.
    Log {
        /// `debug`, `info`, `warn` or `error`.
        level: String,
        /// The line.
        message: String,
    },
    /// It is done.
    Done(CallOutcome),
    /// It failed.
    Failed(CallFailure),
}

/// The result of a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallOutcome {
    /// Values of the output ports, by name.
    pub outputs: Vec<(String, Value)>,
    /// What it cost.
    pub usage: Usage,
}

/// What a call consumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Usage {
    /// Micro-dollars.
    pub cost_micros: u64,
    /// Tokens, in and out.
    pub tokens: u64,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFailure {
    /// The class, by which the failure ladder decides.
    pub class: ErrorClass,
    /// What happened, for people.
    pub message: String,
    /// Not before this long (rate limits).
    pub retry_after: Option<Duration>,
    /// What it cost all the same.
    pub usage: Usage,
}

/// The stage: finds, starts and speaks to extensions. Nothing else in the orchestra does.
///
/// A stage that keeps processes warm also takes the orders of the Pool Manager and reports what becomes of them; one
/// that does not need not know of it.
pub trait ExtensionPort: Send {
    /// Hands a request over. Never blocks; a full stage answers [`Busy`] and the orchestra tries again later.
    fn call(&mut self, request: CallRequest) -> Result<(), Busy>;
    /// Asks a call to stop. Events of it that still come are ignored.
    fn cancel(&mut self, id: CallId);
    /// Where events arrive, bounded.
    fn events(&self) -> &Receiver<CallEvent>;
    /// Likewise as [`Self::call`], by this process if it can; says which process plays it, if the stage counts them.
    fn call_on(&mut self, request: CallRequest, _process: Option<u64>) -> Result<Option<u64>, Busy> {
        self.call(request).map(|()| None)
    }
    /// Sees that so many processes of a player are idle or on their way, and says how many it started.
    fn warm(&mut self, _order: &WarmOrder) -> u32 {
        0
    }
    /// Ends a process if it is idle or was started ahead and plays nothing; says whether it will end.
    fn unload(&mut self, _process: u64) -> bool {
        false
    }
    /// What became of processes since the last time, in order. Nothing is kept before the first time.
    fn lives(&mut self) -> Vec<ProcessReport> {
        Vec::new()
    }
}

/// An order to keep a player warm.
#[derive(Clone, Debug, PartialEq)]
pub struct WarmOrder {
    /// An operation of the player.
    pub operation: Arc<Operation>,
    /// Bytes of memory for each process, as its calls ask for.
    pub mem: Option<u64>,
    /// Processor seconds for each process, likewise.
    pub cpu: Option<u64>,
    /// How many processes are to be idle or on their way.
    pub seats: u32,
    /// An idle process of this player is kept at least so long.
    pub keep: Duration,
}

/// What became of a process.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessReport {
    /// Its number: none is used again.
    pub process: u64,
    /// The pool it belongs to, see [`pool_name`].
    pub pool: Arc<str>,
    /// What happened.
    pub what: ProcessWhat,
}

/// What happens to a process.
#[derive(Clone, Debug, PartialEq)]
pub enum ProcessWhat {
    /// It is being started; ahead of any call, or for one.
    Starting {
        /// Ahead of any call.
        ahead: bool,
    },
    /// The operating system has it; it makes itself ready.
    Spawned,
    /// It said HELLO.
    Ready {
        /// Bytes of memory that it takes.
        memory: Option<u64>,
    },
    /// It ended in order: it was idle for long, made way, or was told to go.
    Retired,
    /// It died, broke the protocol or could not be started.
    Died {
        /// How, in words.
        message: String,
    },
}

/// The pool of an operation: its player, and the limits of its processes where there are any. Calls of one pool can be
/// played by the same processes.
pub fn pool_name(operation: &str, mem: Option<u64>, cpu: Option<u64>) -> String {
    let mut name = operation.split('/').next().unwrap_or_default().to_owned();
    for (word, limit) in [("mem", mem), ("cpu", cpu)] {
        if let Some(limit) = limit {
            name.push_str(&format!(" {word}={limit}"));
        }
    }
    name
}

/// The stage cannot take a request now; it comes back so that it is not lost.
#[derive(Debug)]
pub struct Busy(pub Box<CallRequest>);

/// A player inside the process: a pure function, called within the frame.
pub trait InProcess: Send + Sync {
    /// Plays one call and writes its results. Must not block, read clocks or draw random numbers.
    fn play(&self, call: &mut InProcessCall<'_>) -> Result<(), CallFailure>;
}

/// What an in-process player sees: columns of the score, so that a call allocates nothing.
pub struct InProcessCall<'a> {
    /// Names of the bound input ports.
    pub input_names: &'a [Arc<str>],
    /// Their values, in the same order.
    pub inputs: &'a [Value],
    /// Settings.
    pub settings: &'a [(Arc<str>, SettingValue)],
    /// Declared output ports.
    pub outputs: &'a [Port],
    /// Where the values of the output ports go, in the same order; absent at first.
    pub results: &'a mut [Value],
}

impl InProcessCall<'_> {
    /// The value of an input port, if it is bound and present.
    pub fn input(&self, name: &str) -> Option<&Value> {
        let place = self.input_names.iter().position(|known| &**known == name)?;
        self.inputs.get(place).filter(|value| value.is_present())
    }

    /// A constant setting.
    pub fn setting(&self, name: &str) -> Option<&Value> {
        self.settings.iter().find_map(|(known, setting)| match setting {
            SettingValue::Value(value) if &**known == name => Some(value),
            _ => None,
        })
    }
}

/// Bytes that are kept by their digest.
pub trait ArtifactPort: Send + Sync {
    /// Stores bytes, durably and atomically; equal bytes are stored once.
    fn put(&self, bytes: &[u8], media_type: &str) -> Result<ArtifactRef, ArtifactError>;
    /// Stores the content of an open file, likewise.
    fn put_file(&self, file: std::fs::File, media_type: &str) -> Result<ArtifactRef, ArtifactError>;
    /// Opens stored bytes for reading, verified against the digest.
    fn open(&self, digest: &Digest) -> Result<std::fs::File, ArtifactError>;
    /// Reads stored bytes, verified against the digest.
    fn get(&self, digest: &Digest) -> Result<Vec<u8>, ArtifactError>;
    /// Whether something is stored under the digest; it may still turn out to be damaged when it is read.
    fn has(&self, digest: &Digest) -> bool {
        self.open(digest).is_ok()
    }
}

/// Results of finished calls, by the identity of the call (see [`crate::identity`]). Neither function waits for a disk.
pub trait ReusePort: Send + Sync {
    /// The result of an equal call.
    fn find(&self, call: &CallIdentity) -> Option<FinishedCall>;
    /// Keeps the result of a call.
    fn keep(&self, call: &CallIdentity, finished: FinishedCall);
}

/// A call that finished.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedCall {
    /// The run in which it did.
    pub run: RunId,
    /// Values of its output ports, in their order.
    pub outputs: Vec<Value>,
}

/// Why an artifact could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// It is not there.
    #[error("artifact {0} is not in the store")]
    Missing(Digest),
    /// What is there is not what was stored.
    #[error("artifact {0} is damaged: its bytes do not match its digest")]
    Damaged(Digest),
    /// The disk failed.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
}

/// The durable, ordered record of a run. Writes happen on a thread of their own; the frame never waits for a disk.
pub trait JournalPort: Send {
    /// Hands a sealed frame over. Numbers rise by one. Blocks only when the bounded queue is full.
    fn append(&mut self, frame: u64, blob: Vec<u8>) -> Result<(), JournalError>;
    /// Hands a checkpoint over: the state after `frame`, so that earlier frames need not be read to resume.
    fn checkpoint(&mut self, frame: u64, blob: Vec<u8>) -> Result<(), JournalError>;
    /// Numbers of committed frames arrive here (each means: this one and all before it), or the failure that stopped
    /// the journal.
    fn committed(&self) -> &Receiver<Result<u64, JournalError>>;
}

/// Why the journal could not be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The disk (or SQLite) said no.
    #[error("{path}: {message}")]
    Io {
        /// The file.
        path: String,
        /// The cause.
        message: String,
    },
    /// Written by a newer program.
    #[error("{path}: journal format {found} is newer than this program understands ({known}); use a newer symphony")]
    Newer {
        /// The file.
        path: String,
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// It does not read back as it was written.
    #[error("{path}: the journal is damaged: {message}")]
    Damaged {
        /// The file.
        path: String,
        /// What does not fit.
        message: String,
    },
    /// Another process plays the run.
    #[error("{path}: another process (pid {pid}) plays this run")]
    Locked {
        /// The lock file.
        path: String,
        /// Its owner, 0 if unknown.
        pid: u32,
    },
}

/// Decides what plays when, and what becomes of failures.
///
/// Maestro mode chooses; Manual mode follows the melody to the letter.
pub trait ConductorPort: Send {
    /// Writes one priority per candidate (higher plays earlier; ties go by block and row).
    fn prioritize(&mut self, candidates: &[Candidate], priorities: &mut Vec<u64>);
    /// What to do after an attempt has failed.
    fn after_failure(&mut self, failure: &AttemptFailure<'_>) -> Verdict;
}

/// A row that could play now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its block.
    pub block: crate::ids::BlockId,
    /// Its row.
    pub row: crate::ids::Row,
    /// Upward rank in microseconds: the longest path from here to the end of its block.
    pub rank: u32,
}

/// An attempt that failed, as the conductor sees it.
#[derive(Clone, Copy, Debug)]
pub struct AttemptFailure<'a> {
    /// Why.
    pub failure: &'a CallFailure,
    /// Attempts so far with this player, at least 1.
    pub attempts: u32,
    /// Which of the node's players played, 0 for the first choice.
    pub choice: u32,
    /// How many players the node names.
    pub choices: u32,
    /// The node's own rule.
    pub retry: Option<&'a crate::melody::model::Retry>,
}

/// What happens after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Another attempt with the same player, after this long.
    Retry(Duration),
    /// The next player of the node's list.
    Fallback,
    /// The node has failed; its `on_error` decides.
    GiveUp,
}
