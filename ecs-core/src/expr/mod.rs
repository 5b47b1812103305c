//! CEL expressions: parsed once, checked for the names they use, evaluated over values.
//!
//! An expression is pure and total. It sees nothing but the names it is given: no clock, no randomness, no regular
//! expressions, so the same values give the same result on every machine and in every replay. Reading is done by the
//! `cel` crate; the tree it gives is lowered to a small code of our own ([`code`]) whose evaluator ([`eval`]) works on
//! [`Value`]s without copying them and counts what it does.
//!
//! **Bounds.** A text is at most [`MAX_LENGTH`] bytes, brackets and `?:` nest at most [`MAX_NESTING`] deep and
//! [`MAX_CHAIN`] operators stand in a row, so reading cannot exhaust the stack. An evaluation takes at most
//! [`MAX_STEPS`] steps: a step is an operator, a function call or an item that a comprehension (`map`, `filter`,
//! `all`, `exists`, `exists_one`) visits. Names, fields and literals are free, but work that grows with a value (comparing, joining or
//! searching long texts and lists) costs a step per [`UNITS_PER_STEP`] bytes or items. The count is kept while evaluating,
//! so nothing can outgrow it.
//!
//! **Absence.** A name that is not there, and a port of a node that gave nothing, is *absent*: touching it ends the
//! evaluation with [`EvalError::Absent`], and `has(node.port)` is false. As in CEL, `false && …` and `true || …`
//! hold whatever the other side is. JSON's `null` inside a value is `null`.
//!
//! **Numbers.** `int` and `double` compare with each other; arithmetic does not mix them (write `double(n)`). There
//! are no unsigned numbers, times or durations. A result that is not finite is a failure.

mod code;
mod compare;
mod complaint;
mod eval;
mod functions;
mod guard;
mod parse;
mod short;
#[cfg(test)]
mod tests;

pub use parse::ExprError;

use crate::value::Value;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Bytes an expression may have.
pub const MAX_LENGTH: usize = 64 * 1024;
/// How deep brackets and `?:` may nest.
pub const MAX_NESTING: usize = 48;
/// How many operators, fields and calls may follow each other in a row (`a + b + c …`), over all open brackets.
pub const MAX_CHAIN: usize = 256;
/// Steps an evaluation may take.
pub const MAX_STEPS: u32 = 10_000;
/// Bytes of text or items of a list that cost one step when an operation has to look at all of them.
pub const UNITS_PER_STEP: u32 = 64;

/// The name under which expressions see a person's settings.
pub const SETTINGS: &str = "settings";

/// A parsed expression. Cloning is cheap; expressions of equal text are equal.
#[derive(Clone)]
pub struct Expr(Arc<Parsed>);

struct Parsed {
    text: String,
    references: Vec<NameUse>,
    code: code::Code,
    /// How many comprehension variables are alive at once at most.
    locals: usize,
}

/// One use of a name of the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameUse {
    /// The name: a node, `inputs`, `item`, `index`, `iteration` or `outputs`.
    pub name: String,
    /// The field selected directly, as in `node.port` and `has(node.port)`.
    pub port: Option<String>,
    /// Where it stands in the expression, in bytes.
    pub span: Range<usize>,
}

/// What an expression can see.
pub trait Names {
    /// The value of a name; `None` when there is none. A node is a map of its present ports.
    fn get(&self, name: &str) -> Option<Value>;
}

impl<F: Fn(&str) -> Option<Value>> Names for F {
    fn get(&self, name: &str) -> Option<Value> {
        self(name)
    }
}

/// Why an expression gave no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// It touched a value that is absent; the name as far as it is known (`review.verdict`).
    #[error("`{0}` is absent")]
    Absent(String),
    /// It failed: types that do not go together, a division by zero, too many steps.
    #[error("{0}")]
    Failed(String),
}

impl Expr {
    /// Reads an expression.
    ///
    /// ```
    /// use symphony_ecs_core::{expr::Expr, value::Value};
    /// let expr = Expr::parse("has(review.score) && review.score >= 0.5").unwrap();
    /// assert_eq!(expr.references()[0].port.as_deref(), Some("score"));
    /// let review = Value::map([("score", Value::Int(1))]);
    /// let names = |name: &str| (name == "review").then(|| review.clone());
    /// assert_eq!(expr.eval(&names), Ok(Value::Bool(true)));
    /// ```
    pub fn parse(text: &str) -> Result<Expr, ExprError> {
        let parse::Lowered { code, references, locals } = parse::parse(text)?;
        Ok(Self(Arc::new(Parsed { text: text.to_owned(), references, code, locals })))
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The names of the outside that it uses, in the order of the text.
    pub fn references(&self) -> &[NameUse] {
        &self.0.references
    }

    /// Evaluates it.
    pub fn eval(&self, names: &dyn Names) -> Result<Value, EvalError> {
        eval::eval(&self.0.code, self.0.locals, names)
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for Expr {}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expr").field(&self.0.text).finish()
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}
