//! Policies: which ready task starts next, and on which free machine. None of them waits for a busy machine.

use std::fmt;
use std::str::FromStr;

/// Which ready task starts next, and on which free machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Policy {
    /// The task that became ready first, on the free machine of the lowest number.
    #[default]
    Fifo,
    /// The task that became ready first, on the fastest free machine.
    FifoFastest,
    /// The task with the longest way to the end, on the fastest free machine.
    CriticalPath,
    /// The task with the longest way to the end, on the machine on which it ends first.
    Heft,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Fifo, Self::FifoFastest, Self::CriticalPath, Self::Heft];

    /// The word on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fifo => "fifo",
            Self::FifoFastest => "fifo-fastest",
            Self::CriticalPath => "critical-path",
            Self::Heft => "heft",
        }
    }

    /// Whether it looks at the way to the end.
    pub(super) fn by_rank(self) -> bool {
        matches!(self, Self::CriticalPath | Self::Heft)
    }

    /// Whether it prefers fast machines.
    pub(super) fn takes_fastest(self) -> bool {
        self != Self::Fifo
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|policy| policy.as_str() == word);
        found.ok_or_else(|| format!("`{word}` is no policy; there are {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}
