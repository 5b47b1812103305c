//! The melody as a value: what `NAME.melody.toml` says, with the place of everything that a diagnostic may point at.
//!
//! Ids are plain text here; rows come with the score. Maps keep the order of the text.

use super::triggers::Triggers;
use crate::expr::Expr;
use crate::types::PortType;
use crate::value::Value;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// A place in a source text, in bytes.
pub type Span = Range<usize>;

/// A value with the place where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

/// A melody.
#[derive(Clone, Debug, PartialEq)]
pub struct Melody {
    /// Path as given by whoever opened it; bodies are found relative to its folder.
    pub path: String,
    /// The text, for diagnostics and the digest.
    pub source: Arc<str>,
    /// `name`.
    pub name: Spanned<String>,
    /// `title`: free text for people.
    pub title: Option<String>,
    /// `description`: free text for people.
    pub description: Option<String>,
    /// `on`: what starts it. See [`Triggers`].
    pub on: Triggers,
    /// `limits` of the whole run.
    pub limits: Limits,
    /// `[types]`: name → path of a JSON Schema, or the schema itself as an inline table.
    pub types: Vec<(Spanned<String>, SchemaSource)>,
    /// `[inputs]`.
    pub inputs: Vec<InputDecl>,
    /// `[outputs]`.
    pub outputs: Vec<OutputDecl>,
    /// `[node.ID]`, in the order of the text.
    pub nodes: Vec<Node>,
}

/// Where a named schema comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum SchemaSource {
    /// A file, relative to the melody.
    Path(Spanned<String>),
    /// Written in place.
    Inline(serde_json::Value),
}

/// `limits` of a melody or a node. Times in nanoseconds, money in micro-dollars.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// `wall`: the whole run must end within it.
    pub wall: Option<Duration>,
    /// `timeout`: one attempt of a node must end within it.
    pub timeout: Option<Duration>,
    /// `parallel`: calls in flight at once.
    pub parallel: Option<u32>,
    /// `cost_usd`, in micro-dollars: of the run, or the declared worst case of one call of the node.
    pub cost_micros: Option<u64>,
    /// `tokens`: of the run, or the declared worst case of one call of the node.
    pub tokens: Option<u64>,
    /// `mem`: bytes of memory a player's process may use.
    pub mem: Option<u64>,
    /// `cpu`: processor seconds a player's process may use.
    pub cpu: Option<u64>,
}

/// An entry of `[inputs]`.
#[derive(Clone, Debug, PartialEq)]
pub struct InputDecl {
    /// Name.
    pub name: Spanned<String>,
    /// Type.
    pub ty: Spanned<PortType>,
    /// `required = true`: refuse to play without it.
    pub required: bool,
    /// `default`.
    pub default: Option<Value>,
    /// `description`.
    pub description: Option<String>,
}

/// An entry of `[outputs]`.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputDecl {
    /// Name.
    pub name: Spanned<String>,
    /// Where it comes from.
    pub from: Binding,
}

/// A node.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The id, with the place of the table's header.
    pub id: Spanned<String>,
    /// `title`.
    pub title: Option<String>,
    /// `description` (or `note`): free text for people.
    pub description: Option<String>,
    /// `uses`: first choice and fallbacks. Empty for loops.
    pub uses: Vec<Spanned<PlayerRef>>,
    /// `in`.
    pub inputs: Vec<Binding>,
    /// `with`.
    pub with: Vec<(Spanned<String>, Setting)>,
    /// `out`: declared output ports (may be left out where the player declares its own).
    pub out: Vec<OutPort>,
    /// `needs`: order without data.
    pub needs: Vec<Need>,
    /// `if`.
    pub condition: Option<Spanned<Expr>>,
    /// `gate`: what must hold of its outputs; sees `outputs` and `settings` only.
    pub gate: Option<Spanned<Expr>>,
    /// `map`.
    pub map: Option<MapDecl>,
    /// `loop`.
    pub repeat: Option<LoopDecl>,
    /// `retry`.
    pub retry: Option<Retry>,
    /// `on_error`.
    pub on_error: OnError,
    /// `reconstruct = { uses, in, with }`.
    pub reconstruct: Option<SideCall>,
    /// `undo = { uses, in, with }`.
    pub undo: Option<SideCall>,
    /// `approve`.
    pub approve: Option<Approve>,
    /// `limits`.
    pub limits: Limits,
    /// `estimate`: what a call is expected to take. Forecasts read it; no real play does, and it is not part of the
    /// node's identity.
    pub estimate: Estimate,
    /// `reuse`: whether an earlier result may stand in for a call; if it is not said, the player decides.
    pub reuse: Option<bool>,
}

/// `estimate` of a node: what one call of it is expected to take.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// `seconds`: run time, finite and not negative.
    pub seconds: Option<f64>,
    /// `cost_usd`, in micro-dollars.
    pub cost_micros: Option<u64>,
    /// `tokens`.
    pub tokens: Option<u64>,
    /// `failure`: how probable it is that a call fails, from 0 to 1.
    pub failure: Option<f64>,
}

/// An output port of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct OutPort {
    /// Name.
    pub name: Spanned<String>,
    /// Type.
    pub ty: Spanned<PortType>,
}

/// One input port of a node (or one output of the melody) and where its value comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// The port.
    pub port: Spanned<String>,
    /// Where its value comes from.
    pub from: Source,
    /// Place of the right-hand side.
    pub span: Span,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// `"node.port"`, `"inputs.port"`, `"item"`, `"index"`, or `{ from, kind, default }`.
    Ref(Reference),
    /// `{ value = … }`.
    Literal(Value),
    /// `{ expr = "…" }`.
    Expr(Expr),
    /// `{ all | any_of | first_of = […] }`, `{ n_of = n, from = […] }`.
    Join(Join),
}

/// A reference to a value of this melody.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// What is named.
    pub target: RefTarget,
    /// How it binds.
    pub kind: EdgeKind,
    /// `default`: taken when the value is absent.
    pub default: Option<Value>,
    /// Where it stands.
    pub span: Span,
}

/// What a reference names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RefTarget {
    /// `inputs.PORT`.
    Input(String),
    /// `NODE.PORT`.
    Port(String, String),
    /// The item of a map: `item`, or the name given by `as`.
    Item,
    /// The index of a map's item.
    Index,
}

/// How an edge binds its consumer to its producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum EdgeKind {
    /// Wait; when the producer gives nothing, the consumer is skipped too.
    #[default]
    Hard,
    /// Wait until the producer is finished, failed or skipped; go on either way.
    Soft,
    /// Do not wait; use the value if it is there.
    Optional,
}

/// Several producers for one port.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// Which of them.
    pub kind: JoinKind,
    /// The candidates. A pattern stands as one candidate here; the checker expands it.
    pub candidates: Vec<Candidate>,
    /// `default`: taken when the join comes to nothing.
    pub default: Option<Value>,
}

/// Which candidates a join takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// All of them, as a list.
    All,
    /// The one that finishes first.
    AnyOf,
    /// The first in the order of the text that is present.
    FirstOf,
    /// The first n that finish, as a list in the order of the text.
    NOf(u32),
}

/// A candidate of a join.
#[derive(Clone, Debug, PartialEq)]
pub enum Candidate {
    /// One reference.
    One(Reference),
    /// `"prefix_*.port"`: every node whose id matches, in id order.
    Pattern {
        /// The pattern of node ids; `*` matches any run of characters.
        nodes: String,
        /// The port.
        port: String,
        /// Where it stands.
        span: Span,
    },
}

/// An entry of `needs`.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    /// The node to wait for.
    pub node: Spanned<String>,
    /// How.
    pub kind: EdgeKind,
}

/// A setting of a player.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// A constant.
    Value(Value),
    /// `{ secret = "NAME" }`: resolved by the host when the call leaves; never journaled.
    Secret(Spanned<String>),
}

/// `map`.
#[derive(Clone, Debug, PartialEq)]
pub struct MapDecl {
    /// `over`: a reference, or `{ expr = "…" }`, that gives a list.
    pub over: Source,
    /// Where `over` stands.
    pub span: Span,
    /// `as`: the item's name in references and expressions, besides `item`.
    pub item_name: Option<Spanned<String>>,
    /// `max_parallel`.
    pub max_parallel: Option<u32>,
}

/// `loop`.
#[derive(Clone, Debug, PartialEq)]
pub struct LoopDecl {
    /// `body`: path of the body melody.
    pub body: Spanned<String>,
    /// `carry`: body output → input of the next iteration.
    pub carry: Vec<(Spanned<String>, Spanned<String>)>,
    /// `until`: sees `inputs`, `outputs` and `iteration` only.
    pub until: Option<Spanned<Expr>>,
    /// `max`: the bound, at least 1.
    pub max: u32,
}

/// `retry`.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// `max`: attempts in all with the same player, at least 1.
    pub max: u32,
    /// `backoff`.
    pub backoff: Backoff,
    /// `base`: the first delay.
    pub base: Duration,
    /// `on`: the classes worth another attempt; empty means all that can pass (`timeout io crash rate_limited
    /// invalid_output`).
    pub on: Vec<ErrorClass>,
    /// `vary`: setting → its value in attempt 2, 3, … (the last one stays).
    pub vary: Vec<(Spanned<String>, Vec<Value>)>,
}

/// How the delay grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Backoff {
    /// `none`.
    None,
    /// `fixed`: the base every time.
    Fixed,
    /// `linear`: base × attempt.
    Linear,
    /// `exp`: base × 2^(attempt - 1).
    #[default]
    Exp,
}

/// What happens when a node has failed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnError {
    /// Its outputs are absent; the run goes on.
    Skip,
    /// Obtain the output by `reconstruct`.
    Reconstruct,
    /// Run the undos, then halt.
    Compensate,
    /// Halt and notify.
    Halt,
    /// Not said (the default): the run has failed.
    #[default]
    Fail,
}

/// A call beside the node's own: `undo`, `reconstruct`.
#[derive(Clone, Debug, PartialEq)]
pub struct SideCall {
    /// The player.
    pub uses: Spanned<PlayerRef>,
    /// `in`.
    pub inputs: Vec<Binding>,
    /// `with`.
    pub with: Vec<(Spanned<String>, Setting)>,
}

/// `approve`.
#[derive(Clone, Debug, PartialEq)]
pub struct Approve {
    /// `by`; the first version knows `human`.
    pub by: String,
    /// `timeout`.
    pub timeout: Option<Duration>,
    /// `else`: what happens on time-out or refusal.
    pub otherwise: ApproveElse,
}

/// What happens when nobody approves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ApproveElse {
    /// The node is skipped.
    Skip,
    /// The node fails with class `denied`.
    #[default]
    Fail,
}

/// `KIND:NAME/OPERATION@RANGE`, or `melody:PATH`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlayerRef {
    /// What kind of player.
    pub kind: PlayerKind,
    /// Its name (for melodies the path).
    pub name: String,
    /// The operation, where it is named.
    pub operation: Option<String>,
    /// The versions that will do.
    pub range: semver::VersionReq,
}

/// What kind of player.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlayerKind {
    /// Pure Rust, in process.
    Builtin,
    /// A deterministic utility.
    Operator,
    /// An AI model.
    Instrument,
    /// A piece of UI.
    Addon,
    /// A nested melody.
    Melody,
    /// A tool of an MCP server.
    Mcp,
}

/// Classes of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// It took too long.
    Timeout,
    /// A file, a socket or the network failed.
    Io,
    /// The player's process died or broke the protocol.
    Crash,
    /// The player asks to come again later.
    RateLimited,
    /// The output does not fit its declared type.
    InvalidOutput,
    /// The player (or a gate) says no.
    Refused,
    /// The budget does not allow the call.
    Budget,
    /// The run was cancelled.
    Cancelled,
    /// A permission or an approval is missing.
    Denied,
}

impl ErrorClass {
    /// All classes, in the order of the format's documentation.
    pub const ALL: [ErrorClass; 9] = [
        Self::Timeout,
        Self::Io,
        Self::Crash,
        Self::RateLimited,
        Self::InvalidOutput,
        Self::Refused,
        Self::Budget,
        Self::Cancelled,
        Self::Denied,
    ];

    /// The word of the format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Io => "io",
            Self::Crash => "crash",
            Self::RateLimited => "rate_limited",
            Self::InvalidOutput => "invalid_output",
            Self::Refused => "refused",
            Self::Budget => "budget",
            Self::Cancelled => "cancelled",
            Self::Denied => "denied",
        }
    }
}

impl std::fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
