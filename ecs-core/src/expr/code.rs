//! The code of an expression: the parsed tree with names, fields and functions resolved, ready to be evaluated often.

use super::functions::Function;
use crate::value::Value;
use std::sync::Arc;

/// One operation.
#[cfg_attr(test, derive(Debug))]
pub(super) enum Code {
    /// A literal.
    Const(Value),
    /// A name of the outside.
    Name(Arc<str>),
    /// A variable of a comprehension.
    Local { slot: usize, name: Arc<str> },
    /// `of.name`.
    Field { of: Box<Code>, name: Arc<str> },
    /// `has(of.name)`.
    Has { of: Box<Code>, name: Arc<str> },
    /// `[…]`.
    List(Vec<Code>),
    /// `{…}`.
    Map(Vec<(Code, Code)>),
    /// `!x`.
    Not(Box<Code>),
    /// Whether it is true, or an error (which a comprehension may still absorb).
    NotFalse(Box<Code>),
    /// `-x`.
    Negate(Box<Code>),
    /// `a && b`, `a || b`: `decides` is the truth value that settles it.
    Logic { decides: bool, sides: Box<[Code; 2]>, steps: u32 },
    /// `c ? a : b`.
    If { arms: Box<[Code; 3]>, steps: u32 },
    /// An operator of two sides.
    Binary { op: Binary, sides: Box<[Code; 2]>, steps: u32 },
    /// A function; a receiver is its first argument.
    Call { function: Function, args: Vec<Code> },
    /// A comprehension.
    Fold(Box<Fold>),
}

/// Operators of two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    Index,
}

impl Code {
    /// The path that it spells (`review.report.score`), for messages.
    pub(super) fn path(&self) -> String {
        match self {
            Self::Name(name) | Self::Local { name, .. } => name.to_string(),
            Self::Field { of, name } => format!("{}.{name}", of.path()),
            Self::Binary { op: Binary::Index, sides, .. } => format!("{}[…]", sides[0].path()),
            _ => "(…)".to_owned(),
        }
    }
}

impl Binary {
    /// How it is written.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::In => "in",
            Self::Index => "[ ]",
        }
    }
}

/// A comprehension: `accu = init; for item in range { if !go_on { break } accu = step } result`.
#[cfg_attr(test, derive(Debug))]
pub(super) struct Fold {
    /// The list, or the map whose keys are visited.
    pub(super) range: Code,
    /// Slot of the result so far; the item's slot is the next one.
    pub(super) accu: usize,
    /// Its first value.
    pub(super) init: Code,
    /// Whether to go on.
    pub(super) go_on: Code,
    /// Its next value.
    pub(super) step: Code,
    /// What comes out.
    pub(super) result: Code,
}
