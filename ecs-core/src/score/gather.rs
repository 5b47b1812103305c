//! Where values come from, compiled: references are slots, inputs are numbers, names in expressions are resolved.

use crate::expr::Expr;
use crate::melody::model::JoinKind;
use crate::value::Value;
use std::sync::Arc;

/// Where the value of one input port comes from: the two common cases in place, everything else by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bind {
    /// A value slot of this block that must be present.
    Slot(u32),
    /// An input of this block that must be present.
    Input(u32),
    /// Entry of the score's `gathers`.
    Gather(u32),
}

/// What happens when there is no value.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// The consumer is skipped.
    Required,
    /// The port stays empty.
    Lenient,
    /// This is taken.
    Default(Value),
}

/// A way to obtain a value.
#[derive(Clone, Debug)]
pub enum Gather {
    /// A constant.
    Literal(Value),
    /// A value slot of the block.
    Slot(u32, Wanted),
    /// An input of the block.
    Input(u32, Wanted),
    /// The map's item.
    Item,
    /// The index of the map's item.
    Index,
    /// An expression.
    Expr(Expr, BoundNames, Wanted),
    /// Entry of the score's `joins`.
    Join(u32, Wanted),
}

/// The names that an expression uses, with what each is bound to.
pub type BoundNames = Arc<[(String, NameFrom)]>;

/// What a name in an expression is bound to.
#[derive(Clone, Debug)]
pub enum NameFrom {
    /// All present outputs of a row, as a map.
    Row(u32),
    /// The block's inputs, as a map.
    Inputs,
    /// The map's item.
    Item,
    /// The index of the map's item.
    Index,
    /// The person's settings, as a map.
    Settings,
}

/// A join of one consumer.
#[derive(Clone, Debug)]
pub struct JoinSpec {
    /// The consumer; `u32::MAX` for a join in the outputs of the melody, which nobody waits for.
    pub consumer: u32,
    /// Which candidates it takes.
    pub kind: JoinKind,
    /// The candidates.
    pub candidates: Vec<CandidateFrom>,
    /// Whether the consumer goes on when the join comes to nothing.
    pub lenient: bool,
}

/// A candidate of a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CandidateFrom {
    /// A value slot, and the row that fills it.
    Slot {
        /// The slot.
        slot: u32,
        /// The row.
        row: u32,
    },
    /// An input of the block.
    Input(u32),
}
