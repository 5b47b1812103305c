//! CEL expressions: parsed once, checked for the names they use, evaluated over values.

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// The text.
    pub text: String,
}
