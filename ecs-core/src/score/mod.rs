//! The score: a melody compiled to topology and columns. What the DAG Tracker walks.
//!
//! Nodes are renumbered in topological order, so a row's producers stand before it and its consumers after it;
//! adjacency is CSR both ways. Everything that many rows share (player, policy, ports) is interned as a
//! [`NodeSpec`]; everything that is a row's own is a column. A score is immutable and shared by all blocks that
//! play it.

mod build;
mod compile;
mod cone;

mod gather;
mod group;
mod mapped;
pub mod pinned;
mod reconstruct;
mod topology;

pub use build::Wiring;
pub use compile::{CompileError, FindFunction, compile};

pub use gather::{Bind, BoundNames, CandidateFrom, Gather, JoinSpec, NameFrom, Wanted};
pub use group::Group;
pub use topology::{Cycle, Edge, EdgeMode, Topology, topological_order};

use crate::expr::Expr;
use crate::ids::Row;
use crate::melody::model::{Approve, JoinKind, Limits, OnError, Retry, Setting};
use crate::ports::{InProcess, Operation, Port};
use std::sync::Arc;
use std::time::Duration;

/// A compiled melody.
#[derive(Clone, Debug, Default)]
pub struct Score {
    /// The melody's name.
    pub name: Arc<str>,
    /// Path of the melody's text; empty for generated scores.
    pub path: Arc<str>,
    /// Who comes before whom.
    pub topology: Topology,
    /// How many waits a row has before it is due (edges that wait, and joins), one entry a row.
    pub waits: Vec<u32>,
    /// The groups of rows that wait for one, one entry a row; empty when none does.
    pub groups: Vec<Group>,
    /// What is special about a row, one entry a row.
    pub marks: Vec<Marks>,
    /// Upward rank in microseconds: the longest path from the row's start to the end of the score. One entry a row.
    pub rank: Vec<u32>,
    /// Which of `specs` a row has; empty when all have the first.
    pub spec_of: Vec<u32>,
    /// Interned specs.
    pub specs: Vec<NodeSpec>,
    /// Ids of the rows; empty for generated scores, whose rows are called `n0`, `n1`, ….
    pub ids: Vec<Arc<str>>,
    /// First value slot of a row, and one past the last; empty when no row has outputs.
    pub slot_off: Vec<u32>,
    /// First entry in `binds` of a row, and one past the last; empty when no row has inputs.
    pub bind_off: Vec<u32>,
    /// Where the values of input ports come from, in the order of the spec's input names.
    pub binds: Vec<Bind>,
    /// What `Bind::Gather` points at.
    pub gathers: Vec<Gather>,
    /// Joins, grouped by consumer in row order.
    pub joins: Vec<JoinSpec>,
    /// For each join candidate that is a row: (producer, join, candidate), sorted by producer.
    pub join_edges: Vec<(u32, u32, u32)>,
    /// Named schemas of the melody's types.
    pub schemas: Arc<crate::types::Schemas>,
    /// Ports of the melody, in the order of `[inputs]`.
    pub inputs: Vec<InputSpec>,
    /// Outputs of the melody.
    pub outputs: Vec<OutputSpec>,
    /// The person's settings (`settings.NAME` in expressions), a map; absent where there are none.
    pub settings: crate::value::Value,
}

/// What is special about a row; a row without marks takes the shortest way through the frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks(pub u8);

impl Marks {
    /// Has a condition, inputs that must be gathered, or an approval: look before it plays.
    pub const GATED: Self = Self(1);
    /// Takes part in a join as a producer.
    pub const JOINS: Self = Self(2);
    /// Plays within the frame.
    pub const IN_PROCESS: Self = Self(4);
    /// Plays a body: nested melody, loop or map.
    pub const COMPOSITE: Self = Self(8);
    /// Has outputs.
    pub const OUTPUTS: Self = Self(16);
    /// Takes a value for which it does not wait, so what it sees depends on who played before it.
    pub const OPTIONAL: Self = Self(32);

    /// Whether any of `other`'s marks is set.
    #[inline]
    pub fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets of marks.
    #[inline]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What a row plays and by which rules; shared by all rows that are alike.
#[derive(Clone, Debug)]
pub struct NodeSpec {
    /// What it plays.
    pub action: Action,
    /// Names of its input ports, in the order of its binds.
    pub input_names: Arc<[Arc<str>]>,
    /// What the player's border expects of each input.
    pub input_types: Arc<[crate::types::PortType]>,
    /// Output ports, in the order of its slots. For mapped nodes the types of one item.
    pub outputs: Arc<[Port]>,
    /// Settings.
    pub with: Arc<[(Arc<str>, Setting)]>,
    /// `if`, with where its names come from.
    pub condition: Option<(Expr, BoundNames)>,
    /// `gate`: must be true of the outputs of a call, or it is a failure of class `refused`.
    pub gate: Option<Expr>,
    /// `retry`.
    pub retry: Option<Arc<Retry>>,
    /// `on_error`.
    pub on_error: OnError,
    /// `approve`.
    pub approve: Option<Approve>,
    /// `limits`.
    pub limits: Arc<Limits>,
    /// `undo`.
    pub undo: Option<Arc<UndoSpec>>,
    /// `reconstruct`, where `on_error` asks for it.
    pub reconstruct: Option<Arc<ReconstructSpec>>,
    /// `reuse`.
    pub reuse: Option<bool>,
    /// How long one attempt is thought to take; ranks are made of it.
    pub estimate: Duration,
    /// How long its melody says that an attempt takes, where it does; ranks are not made of it.
    pub declared: Option<Duration>,
    /// How many of the producers of its group edges must give something.
    pub group: JoinKind,
}

impl NodeSpec {
    /// A spec that plays `action` and has nothing else.
    pub fn plain(action: Action, estimate: Duration) -> Self {
        Self {
            action,
            input_names: Arc::from([]),
            input_types: Arc::from([]),
            outputs: Arc::from([]),
            with: Arc::from([]),
            condition: None,
            gate: None,
            retry: None,
            on_error: OnError::default(),
            approve: None,
            limits: Arc::default(),
            undo: None,
            reconstruct: None,
            reuse: None,
            estimate,
            declared: None,
            group: JoinKind::All,
        }
    }
}

/// What a row plays.
#[derive(Clone)]
pub enum Action {
    /// A player; the first is the first choice, the others are fallbacks.
    Call(Arc<[Arc<Operation>]>),
    /// A function of this process, without fallbacks.
    Function(Arc<Operation>, Arc<dyn InProcess>),
    /// Nothing but time (virtual clock only): how work that nobody can play here is simulated.
    Pause(Duration),
    /// A nested melody.
    Nested(Arc<Score>),
    /// A bounded loop.
    Loop(Arc<LoopSpec>),
    /// A fan-out over a list.
    Map(Arc<MapSpec>),
}

impl std::fmt::Debug for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Call(players) => {
                f.debug_tuple("Call").field(&players.iter().map(|p| &p.name).collect::<Vec<_>>()).finish()
            }
            Self::Function(operation, _) => f.debug_tuple("Function").field(&operation.name).finish(),
            Self::Pause(span) => f.debug_tuple("Pause").field(span).finish(),
            Self::Nested(body) => f.debug_tuple("Nested").field(&body.name).finish(),
            Self::Loop(spec) => f.debug_tuple("Loop").field(&spec.body.name).finish(),
            Self::Map(spec) => f.debug_tuple("Map").field(&spec.body.name).finish(),
        }
    }
}

/// A bounded loop.
#[derive(Clone, Debug)]
pub struct LoopSpec {
    /// The body.
    pub body: Arc<Score>,
    /// (output of the body, input of the next iteration), as indices.
    pub carry: Vec<(u32, u32)>,
    /// Stop when this holds.
    pub until: Option<Expr>,
    /// The bound.
    pub max: u32,
}

/// A fan-out.
#[derive(Clone, Debug)]
pub struct MapSpec {
    /// The list.
    pub over: Gather,
    /// The item's second name in expressions.
    pub item_name: Option<String>,
    /// Items that play at once.
    pub max_parallel: u32,
    /// What plays one item: a score whose inputs are the mapped node's input ports.
    pub body: Arc<Score>,
    /// How one item's inputs are gathered, in the order of the body's inputs (in the scope of the mapped node, with
    /// `item` and `index`).
    pub item_inputs: Arc<[Gather]>,
    /// A failed item is left out instead of failing the node.
    pub skip_failed: bool,
}

/// `undo`.
#[derive(Clone, Debug)]
pub struct UndoSpec {
    /// The player.
    pub operation: Arc<Operation>,
    /// Names of its inputs.
    pub input_names: Arc<[Arc<str>]>,
    /// Where they come from, in the same order.
    pub inputs: Vec<Gather>,
    /// Settings.
    pub with: Arc<[(Arc<str>, Setting)]>,
}

/// `reconstruct`: obtains a node's outputs from other results when its players have failed.
#[derive(Clone, Debug)]
pub struct ReconstructSpec {
    /// The inverse operator.
    pub operation: Arc<Operation>,
    /// Names of its inputs.
    pub input_names: Arc<[Arc<str>]>,
    /// Where they come from, in the same order.
    pub inputs: Vec<Gather>,
    /// Settings.
    pub with: Arc<[(Arc<str>, Setting)]>,
    /// Rows that must be over before it begins. None of them comes after the node.
    pub waits: Vec<u32>,
}

/// A port of the melody.
#[derive(Clone, Debug, PartialEq)]
pub struct InputSpec {
    /// Name.
    pub name: Arc<str>,
    /// Type.
    pub ty: crate::types::PortType,
    /// Must be given.
    pub required: bool,
    /// Taken when it is not given.
    pub default: Option<crate::value::Value>,
}

/// An output of the melody.
#[derive(Clone, Debug)]
pub struct OutputSpec {
    /// Name.
    pub name: Arc<str>,
    /// Where it comes from.
    pub from: Gather,
}

impl Score {
    /// Number of rows.
    #[inline]
    pub fn rows(&self) -> u32 {
        self.topology.rows()
    }

    /// The spec of a row.
    #[inline]
    pub fn spec(&self, row: Row) -> &NodeSpec {
        let which = self.spec_of.get(row.ix()).map_or(0, |spec| *spec as usize);
        &self.specs[which]
    }

    /// The id of a row.
    pub fn id(&self, row: Row) -> std::borrow::Cow<'_, str> {
        match self.ids.get(row.ix()) {
            Some(id) => std::borrow::Cow::Borrowed(&**id),
            None => std::borrow::Cow::Owned(format!("n{}", row.0)),
        }
    }

    /// The row with this id.
    pub fn row_of(&self, id: &str) -> Option<Row> {
        match self.ids.is_empty() {
            false => self.ids.iter().position(|known| &**known == id).map(|ix| Row(ix as u32)),
            true => id.strip_prefix('n')?.parse().ok().filter(|row| *row < self.rows()).map(Row),
        }
    }

    /// The value slots of a row.
    #[inline]
    pub fn slots(&self, row: Row) -> std::ops::Range<usize> {
        match self.slot_off.get(row.ix()..row.ix() + 2) {
            Some([from, to]) => *from as usize..*to as usize,
            _ => 0..0,
        }
    }

    /// Number of value slots of a block that plays this score.
    pub fn slot_count(&self) -> usize {
        self.slot_off.last().map_or(0, |end| *end as usize)
    }

    /// Where the inputs of a row come from.
    #[inline]
    pub fn binds(&self, row: Row) -> &[Bind] {
        match self.bind_off.get(row.ix()..row.ix() + 2) {
            Some([from, to]) => &self.binds[*from as usize..*to as usize],
            _ => &[],
        }
    }

    /// The joins that a row feeds, as (join, candidate).
    pub fn joins_fed_by(&self, row: Row) -> impl Iterator<Item = (usize, usize)> + '_ {
        let from = self.join_edges.partition_point(|(producer, ..)| *producer < row.0);
        self.join_edges[from..]
            .iter()
            .take_while(move |(producer, ..)| *producer == row.0)
            .map(|(_, join, candidate)| (*join as usize, *candidate as usize))
    }
}
