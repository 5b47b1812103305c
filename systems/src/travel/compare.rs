//! What differs between two runs: nodes by path, what became of them and what they gave.
//!
//! Times are told and do not count: no two runs take equally long.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use symphony_ecs_core::events::{Notice, RunStatus, What};
use symphony_ecs_core::value::Digest;

/// What became of a node of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NodeStory {
    /// How it stands: `running`, `failing`, `done`, `skipped`, `failed`, `cancelled`, `awaiting_approval`.
    pub state: String,
    /// Attempts begun.
    pub attempts: u32,
    /// What its last attempt cost, in dollars.
    pub cost_usd: f64,
    /// Tokens that it took.
    pub tokens: u64,
    /// Digests of its outputs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Digest>,
    /// From its first start to its end, in seconds.
    pub seconds: f64,
    #[serde(skip)]
    begun_ns: Option<u64>,
    /// The number of the event with which it came to this.
    #[serde(skip)]
    seq: u64,
}

impl NodeStory {
    /// What counts of it, without its times and its place.
    fn essence(&self) -> (&str, u32, f64, u64, &BTreeMap<String, Digest>) {
        (&self.state, self.attempts, self.cost_usd, self.tokens, &self.outputs)
    }
}

/// What became of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunStory {
    /// How it ended.
    pub status: RunStatus,
    /// Its nodes by path; iterations and items each.
    pub nodes: BTreeMap<String, NodeStory>,
    /// Seconds it played.
    pub seconds: f64,
}

impl Default for RunStory {
    fn default() -> Self {
        Self { status: RunStatus::Playing, nodes: BTreeMap::new(), seconds: 0.0 }
    }
}

impl RunStory {
    /// Takes the next notice in.
    pub fn tell(&mut self, notice: &Notice) {
        self.seconds = notice.time.0 as f64 / 1e9;
        if let What::RunEnded { status } = notice.what {
            self.status = status;
        }
        let Some(path) = &notice.node else { return };
        let state = match &notice.what {
            What::AttemptFailed { .. } => "failing",
            What::NodeStarted { .. } => "running",
            What::NodePlayed { .. } | What::NodeReused { .. } => "done",
            What::NodeSkipped { .. } => "skipped",
            What::NodeFailed { .. } => "failed",
            What::NodeCancelled => "cancelled",
            What::ApprovalAsked { .. } => "awaiting_approval",
            // What happens within a node, and what concerns its body or its undo.
            _ => return,
        };
        let node = self.nodes.entry(path.clone()).or_default();
        state.clone_into(&mut node.state);
        node.seq = notice.seq.unwrap_or(node.seq);
        match &notice.what {
            What::NodeStarted { attempt, .. } => {
                node.attempts = *attempt;
                node.begun_ns.get_or_insert(notice.time.0);
            }
            What::NodePlayed { outputs, cost_usd, tokens, .. } => {
                // Functions of this process begin and end in one event.
                node.attempts = node.attempts.max(1);
                node.cost_usd = *cost_usd;
                node.tokens = *tokens;
                node.outputs.clone_from(outputs);
            }
            // As it was played once: that it cost nothing this time is told by its cost.
            What::NodeReused { outputs, .. } => {
                node.attempts = node.attempts.max(1);
                node.outputs.clone_from(outputs);
            }
            What::AttemptFailed { .. } => node.attempts = node.attempts.max(1),
            _ => {}
        }
        let begun = node.begun_ns.unwrap_or(notice.time.0);
        node.seconds = notice.time.0.saturating_sub(begun) as f64 / 1e9;
    }
}

/// What differs between two runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RunDiff {
    /// How they ended, if not alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<(RunStatus, RunStatus)>,
    /// The node that differs first, in the order of the events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// Nodes that differ: what became of them in the first and in the second.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub nodes: BTreeMap<String, (Option<NodeStory>, Option<NodeStory>)>,
    /// Seconds they took.
    pub seconds: (f64, f64),
    /// Dollars that their finished nodes cost.
    pub cost_usd: (f64, f64),
    /// Tokens that those took.
    pub tokens: (u64, u64),
}

impl RunDiff {
    /// Whether the runs came to the same.
    pub fn is_empty(&self) -> bool {
        self.status.is_none() && self.nodes.is_empty()
    }
}

/// Compares two runs.
pub fn compare(one: &RunStory, other: &RunStory) -> RunDiff {
    let mut diff = RunDiff {
        status: (one.status != other.status).then_some((one.status, other.status)),
        seconds: (one.seconds, other.seconds),
        cost_usd: (cost(one), cost(other)),
        tokens: (tokens(one), tokens(other)),
        ..RunDiff::default()
    };
    let mut first = None;
    let paths: BTreeSet<&String> = one.nodes.keys().chain(other.nodes.keys()).collect();
    for path in paths {
        let (was, is) = (one.nodes.get(path), other.nodes.get(path));
        if was.map(NodeStory::essence) == is.map(NodeStory::essence) {
            continue;
        }
        let seq = [was, is].into_iter().flatten().map(|node| node.seq).min().unwrap_or_default();
        if first.as_ref().is_none_or(|(known, _)| seq < *known) {
            first = Some((seq, path.clone()));
        }
        diff.nodes.insert(path.clone(), (was.cloned(), is.cloned()));
    }
    diff.first = first.map(|(_, path)| path);
    diff
}

fn cost(story: &RunStory) -> f64 {
    story.nodes.values().map(|node| node.cost_usd).sum()
}

fn tokens(story: &RunStory) -> u64 {
    story.nodes.values().map(|node| node.tokens).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use symphony_ecs_core::clock::Time;
    use symphony_ecs_core::ids::RunId;

    fn story(played: &[(&str, &[u8], u64)]) -> RunStory {
        let mut story = RunStory::default();
        let mut seq = 0;
        for (node, output, at) in played {
            let outputs = BTreeMap::from([("text".to_owned(), Digest::of(output))]);
            let whats = [
                What::NodeStarted { player: "operator:a/b".into(), attempt: 1, reconstructs: false },
                What::NodePlayed { outputs, cost_usd: 0.5, tokens: 3, reconstructed: false },
            ];
            for (step, what) in whats.into_iter().enumerate() {
                let time = Time(at + step as u64);
                let notice = Notice { run: RunId::new(0, 1), seq: Some(seq), time, node: Some((*node).into()), what };
                story.tell(&notice);
                seq += 1;
            }
        }
        story
    }

    #[test]
    fn times_do_not_count() {
        let diff = compare(&story(&[("a", b"x", 1), ("b", b"y", 5)]), &story(&[("b", b"y", 2), ("a", b"x", 50)]));
        assert!(diff.is_empty(), "{diff:?}");
        assert_eq!((diff.cost_usd, diff.tokens), ((1.0, 1.0), (6, 6)));
    }

    #[test]
    fn the_first_difference_is_first_in_time() {
        let one = story(&[("z", b"x", 1), ("a", b"x", 2), ("c", b"x", 3)]);
        let other = story(&[("z", b"X", 1), ("a", b"Y", 2)]);
        let diff = compare(&one, &other);
        assert_eq!(diff.first.as_deref(), Some("z"));
        assert_eq!(diff.nodes.keys().collect::<Vec<_>>(), ["a", "c", "z"]);
        assert!(diff.nodes["c"].1.is_none());
    }
}
