//! `builtin:value/…`: lists and values of any kind.

mod lists;
mod numbers;
mod order;
mod pass;

use super::describe::Builtin;

/// The descriptions.
pub(super) fn builtins() -> Vec<Builtin> {
    let mut all = lists::builtins();
    all.extend(numbers::builtins());
    all.push(pass::builtin());
    all
}
