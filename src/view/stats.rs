//! Totals of a run as its notices tell them, and how much longer it may take.

use std::collections::BTreeMap;
use std::time::Duration;
use symphony_ecs_core::clock::Time;
use symphony_ecs_core::events::{Notice, What};

/// Counts of nodes, money and time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Nodes of all bodies that opened so far.
    pub nodes: u64,
    /// Finished nodes.
    pub played: u64,
    /// Nodes that took over what an equal call gave before.
    pub reused: u64,
    /// Nodes that were not played.
    pub skipped: u64,
    /// Nodes that failed or were stopped.
    pub failed: u64,
    /// Dollars.
    pub cost_usd: f64,
    /// Tokens.
    pub tokens: u64,
    /// When the latest notice was made.
    pub time: Time,
    /// Attempts in flight and when they began.
    running: BTreeMap<String, Time>,
    /// Nodes that were over when this process took the run up: they say nothing about its pace.
    before: u64,
    /// When this process took the run up.
    from: Time,
}

impl Stats {
    /// Takes a notice in.
    pub fn notice(&mut self, notice: &Notice) {
        self.time = self.time.max(notice.time);
        let leaves = match &notice.what {
            What::RunBegan { nodes, .. } | What::BodyOpened { nodes, .. } => {
                self.nodes += u64::from(*nodes);
                false
            }
            What::RunResumed { over } => {
                self.before = *over;
                self.from = notice.time;
                false
            }
            What::NodeStarted { .. } => {
                if let Some(node) = &notice.node {
                    self.running.insert(node.clone(), notice.time);
                }
                false
            }
            What::NodePlayed { cost_usd, tokens, .. } => {
                self.played += 1;
                self.cost_usd += cost_usd;
                self.tokens += tokens;
                true
            }
            What::NodeReused { .. } => {
                self.reused += 1;
                true
            }
            What::NodeSkipped { .. } => {
                self.skipped += 1;
                true
            }
            What::NodeFailed { .. } | What::NodeCancelled => {
                self.failed += 1;
                true
            }
            What::AttemptFailed { .. } => true,
            _ => false,
        };
        if let (true, Some(node)) = (leaves, &notice.node) {
            self.running.remove(node);
        }
    }

    /// Attempts in flight.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// When a node's attempt in flight began.
    pub fn started(&self, node: &str) -> Option<Time> {
        self.running.get(node).copied()
    }

    /// Nodes that are over.
    pub fn over(&self) -> u64 {
        self.played + self.reused + self.skipped + self.failed
    }

    /// How much longer at the pace so far; nothing before there is a pace. Bodies that open later make it longer.
    pub fn remaining(&self, now: Time) -> Option<Duration> {
        // What was reused took no time and says nothing about the pace.
        let over = self.over().saturating_sub(self.before + self.reused);
        let left = self.nodes.saturating_sub(self.over());
        let spent = now.since(self.from);
        if over < 2 || spent < Duration::from_secs(1) {
            return None;
        }
        Some(spent.mul_f64(left as f64 / over as f64))
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use symphony_ecs_core::ids::RunId;

    /// A notice of a run called `r1` at a moment in milliseconds.
    pub fn notice(ms: u64, node: &str, what: What) -> Notice {
        Notice {
            run: RunId::parse("r1").unwrap(),
            seq: Some(0),
            time: Time(ms * 1_000_000),
            node: (!node.is_empty()).then(|| node.to_owned()),
            what,
        }
    }

    pub fn began(nodes: u32) -> What {
        What::RunBegan { melody: "tune".into(), nodes, seed: 1 }
    }

    pub fn started() -> What {
        What::NodeStarted { player: "operator:git/log".into(), attempt: 1, reconstructs: false }
    }

    pub fn played(cost_usd: f64) -> What {
        What::NodePlayed { outputs: BTreeMap::new(), cost_usd, tokens: 10, reconstructed: false }
    }

    #[test]
    fn totals_follow_the_notices() {
        let mut stats = Stats::default();
        stats.notice(&notice(0, "", began(4)));
        for node in ["a", "b"] {
            stats.notice(&notice(0, node, started()));
        }
        assert_eq!(stats.running(), 2);
        stats.notice(&notice(900, "a", played(0.5)));
        stats.notice(&notice(1000, "b", What::NodeSkipped { reason: "forgiven".into() }));
        assert_eq!((stats.over(), stats.running(), stats.tokens), (2, 0, 10));
        assert_eq!(stats.remaining(Time(2_000_000_000)), Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_resumed_run_is_measured_from_where_it_was_taken_up() {
        let mut stats = Stats { nodes: 12, played: 8, ..Stats::default() };
        stats.notice(&notice(60_000, "", What::RunResumed { over: 8 }));
        assert_eq!(stats.remaining(Time(61_000_000_000)), None);
        stats.notice(&notice(61_000, "x", played(0.0)));
        stats.notice(&notice(62_000, "y", played(0.0)));
        assert_eq!(stats.remaining(Time(62_000_000_000)), Some(Duration::from_secs(2)));
    }
}
