//! `builtin:text/…`: small functions over text.
//!
//! A character is a Unicode scalar value, a line ends at `\n` (a `\r` before it belongs to the break), a word is
//! what stands between white space.

pub(crate) mod dedent;
mod matching;
mod pieces;
pub(crate) mod truncate;
mod words;

use super::describe::Builtin;

/// The descriptions.
pub(super) fn builtins() -> Vec<Builtin> {
    let mut all = pieces::builtins();
    all.extend(words::builtins());
    all.extend([dedent::builtin(), truncate::builtin(), matching::builtin()]);
    all
}
