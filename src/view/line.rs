//! A node's line of the live tree: its state, what stands at its end, and the label of its path.

use super::words::tame;
use console::Style;
use std::time::Duration;

/// Characters of streamed text that are kept per node.
const TAIL: usize = 240;

/// A node's line.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// What became of it.
    pub state: State,
    /// Who plays it.
    pub player: String,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Dollars so far.
    pub cost_usd: f64,
    /// Its place in the order in which lines appeared.
    pub born: u64,
    /// How long the last attempt took, once it is over.
    pub took: Option<Duration>,
    /// Streamed text, progress or a reason: what stands at the end of the line.
    pub tail: String,
    /// Progress, from 0 to 1.
    pub fraction: Option<f32>,
}

/// What became of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    #[default]
    Pending,
    Running,
    Backoff,
    Asking,
    Played,
    Reused,
    Skipped,
    Failed,
}

impl State {
    pub fn glyph(self, beat: usize) -> &'static str {
        match self {
            Self::Pending => "·",
            Self::Running => ["◐", "◓", "◑", "◒"][beat % 4],
            Self::Backoff => "↻",
            Self::Asking => "?",
            Self::Played => "✔",
            Self::Reused => "=",
            Self::Skipped => "○",
            Self::Failed => "✘",
        }
    }

    pub fn style(self) -> Style {
        match self {
            Self::Pending | Self::Reused | Self::Skipped => Style::new().dim(),
            Self::Running => Style::new().cyan(),
            Self::Backoff | Self::Asking => Style::new().yellow(),
            Self::Played => Style::new().green(),
            Self::Failed => Style::new().red(),
        }
    }

    /// Whether the line must be seen even when there is little room.
    pub fn is_urgent(self) -> bool {
        matches!(self, Self::Running | Self::Backoff | Self::Asking | Self::Failed)
    }
}

impl Line {
    pub fn settle(&mut self, state: State, took: Option<Duration>, tail: &str) {
        self.state = state;
        self.took = took.or(self.took);
        self.tail = tame(tail);
        self.fraction = None;
    }

    /// As much of the tail as fits: of streamed text the end, of everything else the beginning.
    pub fn end_of_tail(&self, room: usize) -> String {
        let surplus = self.tail.chars().count().saturating_sub(room);
        match self.state {
            State::Running if surplus > 0 => self.tail.chars().skip(surplus).collect(),
            _ => self.tail.clone(),
        }
    }

    /// Keeps the end of the streamed text.
    pub fn stream(&mut self, text: &str) {
        self.tail.push_str(&tame(text));
        let surplus = self.tail.chars().count().saturating_sub(TAIL);
        if surplus > 0 {
            self.tail = self.tail.chars().skip(surplus).collect();
        }
    }
}

/// What stands for a path in the tree: its last part, with the number of the iteration or item that it is directly
/// within, indented by its depth.
pub fn label(path: &str) -> String {
    let mut parts = path.rsplit('.');
    let last = parts.next().unwrap_or(path);
    let within =
        parts.next().filter(|part| part.ends_with(']')).and_then(|part| part.rfind('[').map(|at| part.get(at..)));
    let depth = path.matches('.').count();
    match (within.flatten(), last.rfind('[')) {
        (_, Some(at)) => format!("{}{}", "  ".repeat(depth.min(5) + 1), last.get(at..).unwrap_or(last)),
        (Some(number), None) => format!("{}{number}.{last}", "  ".repeat(depth.min(6))),
        (None, None) => format!("{}{last}", "  ".repeat(depth.min(6))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short_and_indented() {
        let labels = ["a", "a[3]", "a[3].b", "a[3].b.c", "a.b", "a[3].b[1].c"].map(label);
        assert_eq!(labels, ["a", "  [3]", "  [3].b", "    c", "  b", "    [1].c"]);
    }
}
