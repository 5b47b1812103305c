//! Built-in players: pure functions over values that play inside the frame.
//!
//! ```text
//!   builtin:template/render   builtin:json/{query,parse,format,merge}   builtin:assert/that
//!   builtin:text/{join,split,lines,concat,replace,trim,upper,lower,count,truncate,match,dedent}
//!   builtin:value/{pass,zip,range,sort,unique,group,sum}
//! ```
//!
//! A built-in reads no clock, no file and no random number, so it replays; what it computes is bounded by the size
//! of its inputs, or by a limit that its documentation names. Its digest is that of its name and semantic version:
//! a change of behaviour is a change of version.

mod ask;
mod assert;
pub mod describe;
mod json;
mod query;
pub(crate) mod template;
mod text;
mod value;

#[cfg(test)]
mod trial;

pub use describe::Builtin;
pub(crate) use json::embedded as embedded_json;

/// A text cut to `max` characters, the last of which is then an ellipsis.
pub(crate) fn shorten(text: &str, max: usize) -> String {
    text::truncate::shorten(text, max, "…")
}

use std::sync::{Arc, LazyLock};
use symphony_ecs_core::ports::{InProcess, Operation};

/// All built-ins, in the order of their names.
static ALL: LazyLock<Vec<Builtin>> = LazyLock::new(|| {
    let mut all: Vec<Builtin> = [
        vec![template::render(), assert::that(), query::query()],
        json::builtins(),
        text::builtins(),
        value::builtins(),
    ]
    .concat();
    all.sort_by_key(Builtin::name);
    all
});

/// All built-ins with their documentation, in the order of their names.
pub fn builtins() -> &'static [Builtin] {
    &ALL
}

/// What the catalog knows of every built-in, in the order of their names.
pub fn operations() -> Vec<Operation> {
    ALL.iter().map(Builtin::operation).collect()
}

/// The player of an operation such as `builtin:text/join`, if there is one.
pub fn player(operation: &str) -> Option<Arc<dyn InProcess>> {
    let place = ALL.binary_search_by(|builtin| builtin.name().cmp(operation)).ok()?;
    ALL.get(place).map(|builtin| -> Arc<dyn InProcess> { Arc::new(builtin.clone()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_full_unique_and_found() {
        let operations = operations();
        assert!(operations.len() > 20);
        assert!(operations.windows(2).all(|pair| pair[0].name < pair[1].name));
        for operation in &operations {
            assert!(operation.name.starts_with("builtin:") && operation.in_process && operation.idempotent);
            assert!(player(&operation.name).is_some(), "{}", operation.name);
        }
        assert!(player("builtin:text/nonsense").is_none());
    }

    #[test]
    fn the_digest_is_that_of_name_and_version() {
        let operations = operations();
        let join = operations.iter().find(|operation| operation.name == "builtin:text/join").unwrap();
        assert_eq!(join.digest, symphony_ecs_core::value::Digest::of(b"builtin:text/join@1.0.0"));
    }

    #[test]
    fn every_builtin_is_documented() {
        for builtin in builtins() {
            assert!(builtin.summary().ends_with('.'), "{} has no sentence", builtin.name());
            assert!(builtin.example().contains(&format!("\"{}\"", builtin.name())), "{}", builtin.name());
            let settings = builtin.operation().settings.unwrap();
            assert_eq!(settings["additionalProperties"], false, "{} takes unknown settings", builtin.name());
            for (name, schema) in settings["properties"].as_object().unwrap() {
                assert!(schema["description"].is_string(), "{} does not say what `{name}` is", builtin.name());
            }
        }
    }
}
