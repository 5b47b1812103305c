//! Words of the format: players, kinds and policies as they are spelled.

use super::model::{ApproveElse, Backoff, EdgeKind, ErrorClass, JoinKind, OnError, PlayerKind, PlayerRef, RefTarget};
use super::triggers::{Concurrency, Ended, Missed};
use std::fmt;

/// A choice among words.
pub(super) trait Word: Sized + Copy + 'static {
    /// Every word with its meaning, in the order of the format's documentation.
    const WORDS: &'static [(&'static str, Self)];
}

macro_rules! words {
    ($($choice:ident { $($word:literal => $variant:ident),* $(,)? })*) => {$(
        impl Word for $choice {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, $choice::$variant)),*];
        }
        impl $choice {
            /// The word of the format.
            pub fn word(self) -> &'static str {
                match self { $($choice::$variant => $word),* }
            }
        }
    )*};
}
words! {
    PlayerKind {
        "builtin" => Builtin, "operator" => Operator, "instrument" => Instrument, "addon" => Addon,
        "melody" => Melody, "mcp" => Mcp,
    }
    EdgeKind { "hard" => Hard, "soft" => Soft, "optional" => Optional }
    Backoff { "none" => None, "fixed" => Fixed, "linear" => Linear, "exp" => Exp }
    Missed { "skip" => Skip, "once" => Once, "all" => All }
    Ended { "completed" => Completed, "failed" => Failed, "any" => Any }
    Concurrency { "queue" => Queue, "skip" => Skip, "replace" => Replace, "parallel" => Parallel }
    ApproveElse { "skip" => Skip, "fail" => Fail }
    ErrorClass {
        "timeout" => Timeout, "io" => Io, "crash" => Crash, "rate_limited" => RateLimited,
        "invalid_output" => InvalidOutput, "refused" => Refused, "budget" => Budget, "cancelled" => Cancelled,
        "denied" => Denied,
    }
}

impl Word for OnError {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("skip", Self::Skip),
        ("reconstruct", Self::Reconstruct),
        ("compensate", Self::Compensate),
        ("halt", Self::Halt),
    ];
}

impl OnError {
    /// The word of the format; what is not said has none.
    pub fn word(self) -> Option<&'static str> {
        Self::WORDS.iter().find(|(_, choice)| *choice == self).map(|(word, _)| *word)
    }
}

impl JoinKind {
    /// The key that spells the join.
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::AnyOf => "any_of",
            Self::FirstOf => "first_of",
            Self::NOf(_) => "n_of",
        }
    }
}

impl fmt::Display for PlayerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// As in `uses`: `KIND:NAME/OPERATION@RANGE`; the range is left out where every version will do.
impl fmt::Display for PlayerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.name)?;
        if let Some(operation) = &self.operation {
            write!(f, "/{operation}")?;
        }
        if !self.range.comparators.is_empty() {
            write!(f, "@{}", self.range)?;
        }
        Ok(())
    }
}

/// As in `in`: `inputs.PORT`, `NODE.PORT`, `item`, `index`.
impl fmt::Display for RefTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(port) => write!(f, "inputs.{port}"),
            Self::Port(node, port) => write!(f, "{node}.{port}"),
            Self::Item => f.write_str("item"),
            Self::Index => f.write_str("index"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_one_spelling() {
        for (word, class) in ErrorClass::WORDS {
            assert_eq!(*word, class.as_str());
            assert_eq!(serde_json::to_value(class).unwrap(), *word);
        }
        assert_eq!(ErrorClass::WORDS.len(), ErrorClass::ALL.len());
    }
}
