//! What people and programs see of a run: one notice a line, nodes named by path.
//!
//! `play --json` prints notices, the live view draws them, and the canonical event export is the sequence of all
//! that have a `seq`. Under the virtual clock that sequence is byte-identical for equal melody, inputs and seed.

use super::RunStatus;
use crate::clock::Time;
use crate::ids::RunId;
use crate::melody::model::ErrorClass;
use crate::value::Digest;
use serde::Serialize;
use std::collections::BTreeMap;

/// One line of a run's story.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notice {
    /// The run.
    pub run: RunId,
    /// Number within the run, from 0, without gaps; absent for what is not kept (progress, chunks, log lines).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// When: nanoseconds since the run began.
    #[serde(rename = "t_ns")]
    pub time: Time,
    /// The node's path, such as `fix_loop[3].patch`; absent for what concerns the whole run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// The run began.
    RunBegan {
        /// The melody's name.
        melody: String,
        /// Rows of the melody itself.
        nodes: u32,
        /// Seed of everything random.
        seed: u64,
    },
    /// A process took the run up again.
    RunResumed {
        /// Nodes that are over already.
        over: u64,
    },
    /// Nodes that had not begun were added, taken away and replaced.
    Rerouted {
        /// Ids of nodes that came.
        added: Vec<String>,
        /// Ids of nodes that went.
        removed: Vec<String>,
        /// Ids of nodes that were replaced.
        replaced: Vec<String>,
        /// Who did it.
        by: String,
    },
    /// A body opened: a nested melody, an iteration of a loop, an item of a map.
    BodyOpened {
        /// The body's name.
        melody: String,
        /// How many rows it adds.
        nodes: u32,
    },
    /// An attempt began.
    NodeStarted {
        /// The player, such as `operator:git/log`; `melody`, `loop` or `map` for composite nodes.
        player: String,
        /// 1 for the first attempt.
        attempt: u32,
        /// The player obtains the outputs by `reconstruct`.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        reconstructs: bool,
    },
    /// A node finished.
    NodePlayed {
        /// Digests of its present outputs.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        outputs: BTreeMap<String, Digest>,
        /// Cost of the last attempt.
        #[serde(skip_serializing_if = "is_zero")]
        cost_usd: f64,
        /// Tokens of the last attempt.
        #[serde(skip_serializing_if = "is_none")]
        tokens: u64,
        /// Its players failed, and the outputs were obtained by `reconstruct`.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        reconstructed: bool,
    },
    /// A node took over what an equal call gave before: nothing was played.
    NodeReused {
        /// Digests of its present outputs.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        outputs: BTreeMap<String, Digest>,
        /// The run in which they were made.
        from: RunId,
    },
    /// An attempt failed.
    AttemptFailed {
        /// The class.
        class: ErrorClass,
        /// What happened.
        message: String,
        /// When the next attempt begins, if there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_at_ns: Option<Time>,
        /// There is none, and `reconstruct` follows.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        reconstructs: bool,
    },
    /// A node will not be played.
    NodeSkipped {
        /// Why, in words.
        reason: String,
    },
    /// A node failed for good.
    NodeFailed {
        /// The class.
        class: ErrorClass,
        /// What happened.
        message: String,
    },
    /// A node was stopped with its run.
    NodeCancelled,
    /// A node waits for a person.
    ApprovalAsked {
        /// Until when, if there is a limit.
        #[serde(skip_serializing_if = "Option::is_none")]
        until_ns: Option<Time>,
    },
    /// Somebody answered.
    ApprovalAnswered {
        /// Whether the node may play.
        approved: bool,
        /// Who.
        by: String,
    },
    /// The run plays nothing new any more.
    RunHalting {
        /// How it will end.
        status: RunStatus,
        /// Why.
        reason: String,
    },
    /// An undo began.
    UndoStarted {
        /// The player.
        player: String,
    },
    /// An undo ended.
    UndoEnded {
        /// Why it failed, if it did.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// The run is over.
    RunEnded {
        /// How.
        status: RunStatus,
    },
    /// How far a call is. Not kept.
    Progress {
        /// 0 to 1, if known.
        #[serde(skip_serializing_if = "Option::is_none")]
        fraction: Option<f32>,
        /// A few words.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// A piece of an output that is being made. Not kept.
    Chunk {
        /// The port.
        port: String,
        /// The piece.
        text: String,
    },
    /// A line of a player's log. Not kept.
    Log {
        /// `debug`, `info`, `warn` or `error`.
        level: String,
        /// The line.
        message: String,
    },
}

/// How a run ended: the last line of `play --json` and `resume --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The run.
    pub run: RunId,
    /// How it ended.
    pub status: RunStatus,
    /// Rows of all bodies that opened, each iteration and item counted.
    pub nodes: u64,
    /// Rows that were played to their end in this run.
    pub played: u64,
    /// Rows that took over what an equal call gave before.
    pub reused: u64,
    /// Rows that were skipped.
    pub skipped: u64,
    /// Rows that failed for good.
    pub failed: u64,
    /// Digest of each output of the melody that was obtained.
    pub artifacts: BTreeMap<String, Digest>,
    /// What it cost.
    pub cost_usd: f64,
    /// Tokens it took.
    pub tokens: u64,
    /// Seconds it played, all processes together.
    pub wall_s: f64,
    /// Why it did not complete, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `symphony resume` can go on with it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub resumable: bool,
}

fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

fn is_none(number: &u64) -> bool {
    *number == 0
}
