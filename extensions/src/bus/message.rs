//! The messages: one struct per frame type, written with named fields. Fields that a reader does not know are passed
//! over, so later versions may add some.

use crate::sdk::{Level, Usage, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::value::Digest;

/// HELLO, the player's first frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`super::PROTOCOL`].
    pub protocol: u32,
    /// What speaks, for logs: `rust 0.1.0`.
    #[serde(default)]
    pub sdk: String,
}

/// HELLO_ACK, the host's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelloAck {
    /// [`super::PROTOCOL`].
    pub protocol: u32,
    /// Id of the extension, as its manifest says.
    pub extension: String,
    /// Its version.
    pub version: String,
}

/// REQUEST: play this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Comes back with every frame about this call. Unique within the process.
    pub id: u64,
    /// The operation's name within the player.
    pub operation: String,
    /// Inputs by port.
    #[serde(default)]
    pub inputs: BTreeMap<String, Value>,
    /// Settings by name.
    #[serde(default)]
    pub settings: BTreeMap<String, Value>,
    /// Outputs that are expected.
    #[serde(default)]
    pub outputs: Vec<OutputPort>,
    /// `RUN/PATH/ATTEMPT`.
    #[serde(default)]
    pub idempotency_key: String,
    /// The node's path in the run.
    #[serde(default)]
    pub path: String,
    /// 1 for the first attempt.
    #[serde(default)]
    pub attempt: u32,
    /// Seed for random numbers.
    #[serde(default)]
    pub seed: u64,
    /// The call must end within this many milliseconds.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// The folder to which relative paths belong.
    #[serde(default)]
    pub working_dir: String,
    /// Digests of the artifacts among the inputs whose descriptors travel with this frame, in their order.
    #[serde(default)]
    pub artifacts: Vec<Digest>,
}

/// An output that a REQUEST asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputPort {
    /// Name.
    pub name: String,
    /// Type, as a melody spells it: `list<text>?`.
    #[serde(rename = "type")]
    pub ty: String,
}

/// RESPONSE: the outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// Which call.
    pub id: u64,
    /// Outputs by port. `{"$file": n}` stands for the n-th file given by FD_PASS during this call, from 0.
    #[serde(default)]
    pub outputs: BTreeMap<String, Value>,
    /// What it cost.
    #[serde(default)]
    pub usage: Cost,
}

/// What a call consumed; what is missing is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Micro-dollars.
    #[serde(default)]
    pub cost_micros: u64,
    /// Tokens, in and out.
    #[serde(default)]
    pub tokens: u64,
}

impl From<Cost> for Usage {
    fn from(cost: Cost) -> Self {
        Self { cost_micros: cost.cost_micros, tokens: cost.tokens }
    }
}

impl From<Usage> for Cost {
    fn from(usage: Usage) -> Self {
        Self { cost_micros: usage.cost_micros, tokens: usage.tokens }
    }
}

/// ERROR: the call failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// Which call.
    pub id: u64,
    /// The class, by which the failure ladder decides.
    pub class: ErrorClass,
    /// What happened, for people.
    #[serde(default)]
    pub message: String,
    /// Not before this many milliseconds (rate limits).
    #[serde(default)]
    pub retry_after_ms: Option<u64>,
    /// What it cost all the same.
    #[serde(default)]
    pub usage: Cost,
}

/// STREAM_DATA: a piece of an output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamData {
    /// Which call.
    pub id: u64,
    /// The output port.
    pub port: String,
    /// The piece.
    pub text: String,
}

/// EVENT: progress.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Which call.
    pub id: u64,
    /// 0 to 1, if known.
    #[serde(default)]
    pub fraction: Option<f32>,
    /// A few words.
    #[serde(default)]
    pub message: Option<String>,
}

/// LOG: a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How loud.
    pub level: Level,
    /// The line.
    pub message: String,
}

/// CANCEL: stop playing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// Which call.
    pub id: u64,
}

/// FD_PASS: descriptors travel with this frame. From the player: one file, which becomes the next `$file` of the
/// call. From the host: artifacts for the REQUEST that follows, when they are too many for one message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FdPass {
    /// Which call.
    pub id: u64,
    /// Media type of the file (from the player).
    #[serde(default)]
    pub media_type: String,
    /// Digests of the artifacts (from the host).
    #[serde(default)]
    pub artifacts: Vec<Digest>,
}

/// PING, PONG and GOAWAY say nothing more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nothing {}
