//! The Rust side of a player: what it is asked to play, how it reports, and how it answers.
//!
//! ```no_run
//! use symphony_extensions::sdk::{Call, Failure, Outcome, Player, Reporter, serve};
//!
//! struct Shout;
//! impl Player for Shout {
//!     fn play(&self, call: &Call, report: &dyn Reporter) -> Result<Outcome, Failure> {
//!         report.progress(Some(0.5), "shouting");
//!         let text = call.text("text")?;
//!         Ok(Outcome::of("text", text.to_uppercase()))
//!     }
//! }
//! fn main() -> std::process::ExitCode {
//!     serve(&Shout)
//! }
//! ```

mod serve;
mod session;
mod spill;

pub use symphony_ecs_core::melody::model::ErrorClass;
pub use symphony_ecs_core::ports::Usage;
pub use symphony_ecs_core::types::PortType;
pub use symphony_ecs_core::value::{ArtifactRef, Value};

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

/// One call: an attempt of a node at an operation of this player.
#[derive(Clone, Debug)]
pub struct Call {
    /// The operation's name within the player: `log` of `operator:git/log`.
    pub operation: String,
    /// Values of the bound input ports. Values that were too large to travel inline are already read back.
    pub inputs: BTreeMap<String, Value>,
    /// The node's settings; secrets are already put in.
    pub settings: BTreeMap<String, Value>,
    /// The outputs that are expected.
    pub outputs: Vec<OutPort>,
    /// `RUN/PATH/ATTEMPT`: the same whenever the same attempt is repeated.
    pub idempotency_key: String,
    /// The node's path in the run, for messages: `fix_loop[3].patch`.
    pub path: String,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// Seed for random numbers: equal for equal (run seed, path, attempt).
    pub seed: u64,
    /// The host ends the call after this long.
    pub timeout: Option<Duration>,
    /// The folder relative paths of the melody's author are relative to; also the process's current folder.
    pub working_dir: PathBuf,
}

/// An output port that a call must fill.
#[derive(Clone, Debug, PartialEq)]
pub struct OutPort {
    /// Name.
    pub name: String,
    /// Type.
    pub ty: PortType,
}

impl Call {
    /// The value of an input port, if it is bound and present.
    pub fn input(&self, name: &str) -> Option<&Value> {
        self.inputs.get(name).filter(|value| value.is_present())
    }

    /// A setting, if it is given.
    pub fn setting(&self, name: &str) -> Option<&Value> {
        self.settings.get(name).filter(|value| value.is_present())
    }

    /// The text of an input port; a [`Failure`] of class `refused` that names the port when there is none.
    pub fn text(&self, name: &str) -> Result<&str, Failure> {
        self.input(name)
            .and_then(Value::as_text)
            .ok_or_else(|| Failure::new(ErrorClass::Refused, format!("input `{name}` must be text")))
    }
}

/// What a call came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Values of the output ports, by name. Large ones may be given as they are: the host moves them to the
    /// Artifact Store.
    pub outputs: BTreeMap<String, Value>,
    /// What it cost.
    pub usage: Usage,
}

impl Outcome {
    /// An outcome with one output and no cost.
    pub fn of(port: &str, value: impl Into<Value>) -> Self {
        Self::default().with(port, value)
    }

    /// Adds an output.
    #[must_use]
    pub fn with(mut self, port: &str, value: impl Into<Value>) -> Self {
        self.outputs.insert(port.to_owned(), value.into());
        self
    }
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{class}: {message}")]
pub struct Failure {
    /// The class, by which the failure ladder decides.
    pub class: ErrorClass,
    /// What happened, for people: what, where, and the cure if there is one.
    pub message: String,
    /// Not before this long (rate limits).
    pub retry_after: Option<Duration>,
    /// What it cost all the same.
    pub usage: Usage,
}

impl Failure {
    /// A failure that cost nothing.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), retry_after: None, usage: Usage::default() }
    }

    /// A failed file or socket: class `io`, with what was attempted.
    pub fn io(what: impl std::fmt::Display, error: &std::io::Error) -> Self {
        Self::new(ErrorClass::Io, format!("{what}: {error}"))
    }

    /// The player stopped because it was asked to.
    pub fn cancelled() -> Self {
        Self::new(ErrorClass::Cancelled, "cancelled")
    }
}

/// How loud a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For the author of the player.
    Debug,
    /// For whoever watches.
    Info,
    /// Something is odd; the call goes on.
    Warn,
    /// Something failed.
    Error,
}

impl Level {
    /// The word that travels: `debug`, `info`, `warn` or `error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// How a player speaks to the host while it plays. May be used from several threads of the player at once.
pub trait Reporter: Sync {
    /// How far it is (0 to 1, if known) and what it is doing. The host may leave some out when there are many.
    fn progress(&self, fraction: Option<f32>, message: &str);
    /// A piece of an output that is still being made. Never lost; waits when the host is slower.
    fn chunk(&self, port: &str, text: &str);
    /// A line for the log. The host may leave some out when there are many.
    fn log(&self, level: Level, message: &str);
    /// Whether the host wants the call to stop (or is gone). Cheap enough for every turn of a loop; a player that
    /// does not look is killed half a second after it was asked.
    fn is_cancelled(&self) -> bool;
    /// Opens an artifact that came with the inputs, for reading from its start.
    fn open(&self, artifact: &ArtifactRef) -> std::io::Result<File>;
    /// Hands a file over as (part of) an output: the value returned stands for it in [`Outcome::outputs`]. The host
    /// stores its content, from its start, when the call is done.
    fn give(&self, file: File, media_type: &str) -> std::io::Result<Value>;
}

/// A player: plays one call at a time.
pub trait Player {
    /// Plays one call to its end.
    fn play(&self, call: &Call, report: &dyn Reporter) -> Result<Outcome, Failure>;
}

/// Plays calls that arrive on the bus until the host closes it, one at a time. The bus is found through the
/// environment (`SYMPHONY_BUS_FD`); a program that was not started by a host says so and fails.
pub fn serve(player: &dyn Player) -> std::process::ExitCode {
    serve::serve(player)
}
