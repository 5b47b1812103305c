//! A moment of a run in words and as JSON: what `symphony show RUN --at` prints.

use super::show::glyph;
use crate::birth::Birth;
use crate::playing::dollars;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use symphony_ecs_core::ids::RunId;
use symphony_systems::travel::{Moment, NodeAt};

/// A moment and the nodes of it that are wanted.
pub struct Told<'a> {
    pub run: &'a RunId,
    pub birth: &'a Birth,
    /// How many events the whole run has.
    pub of: u64,
    pub moment: &'a Moment<'a>,
    pub nodes: &'a [NodeAt],
}

impl Told<'_> {
    /// The last event that had happened.
    fn event(&self) -> Option<u64> {
        self.moment.told().checked_sub(1)
    }

    pub fn json(&self) -> String {
        let nodes = self.nodes.iter().map(|node| {
            let outputs: BTreeMap<_, _> =
                node.outputs.iter().filter(|(_, value)| value.is_present()).cloned().collect();
            serde_json::json!({
                "node": node.path,
                "status": node.status,
                "attempts": node.attempt,
                "cost_usd": dollars(node.cost_micros.into()),
                "outputs": outputs,
            })
        });
        let bodies = self.moment.bodies().map(|body| {
            serde_json::json!({
                "body": body.path, "melody": body.melody, "iteration": body.iteration, "item": body.item,
            })
        });
        let (tally, spent) = (self.moment.tally(), self.moment.spent());
        let object = serde_json::json!({
            "run": self.run,
            "melody": self.birth.name,
            "path": self.birth.path,
            "event": self.event(),
            "events": self.of,
            "t_ns": self.moment.time(),
            "status": self.moment.status(),
            "reason": self.moment.reason(),
            "counts": tally,
            "cost_usd": dollars(spent.cost_micros),
            "tokens": spent.tokens,
            "bodies": bodies.collect::<Vec<_>>(),
            "nodes": nodes.collect::<Vec<_>>(),
        });
        format!("{object}\n")
    }

    /// For people; with the values of outputs, or only that they are there.
    pub fn words(&self, values: bool) -> String {
        let seconds = self.moment.time().0 as f64 / 1e9;
        let last = self.of.saturating_sub(1);
        let point = match self.event() {
            Some(event) => format!("after event {event} of {last}, at {seconds:.3} s"),
            None => "before anything happened".to_owned(),
        };
        let mut text = format!("{} ({}), {point}\n", self.birth.name, self.birth.path);
        for node in self.nodes {
            let attempts = if node.attempt > 1 { format!("  {} attempts", node.attempt) } else { String::new() };
            let cost = match node.cost_micros {
                0 => String::new(),
                micros => format!("  ${:.4}", dollars(micros.into())),
            };
            let word = node.status.as_str();
            let _ = writeln!(text, "  {} {:<32} {word}{attempts}{cost}", glyph(node.status), node.path);
            for (port, value) in node.outputs.iter().filter(|(_, value)| values && value.is_present()) {
                let _ = writeln!(text, "      {port} = {}", value.in_short());
            }
        }
        for body in self.moment.bodies().filter(|_| !values) {
            let _ = writeln!(text, "  open: {} ({})", body.path, body.melody);
        }
        let (tally, spent) = (self.moment.tally(), self.moment.spent());
        let _ = write!(text, "{}: {} of {} nodes played", self.moment.status().as_str(), tally.played, tally.nodes);
        for (number, word) in [(tally.skipped, "skipped"), (tally.failed, "failed"), (spent.tokens, "tokens")] {
            if number > 0 {
                let _ = write!(text, ", {number} {word}");
            }
        }
        if spent.cost_micros > 0 {
            let _ = write!(text, ", ${:.4}", dollars(spent.cost_micros));
        }
        if let Some(reason) = self.moment.reason() {
            let _ = write!(text, " ({reason})");
        }
        text + "\n"
    }
}
