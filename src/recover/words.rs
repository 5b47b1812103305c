//! A recovery in words and as JSON.

use super::{Outcome, Recovery};
use serde_json::{Value as Json, json};
use std::fmt::Write as _;
use symphony_ecs_core::ids::Row;
use symphony_pit::dag::{Step, Way};

impl Recovery {
    fn id(&self, row: u32) -> String {
        self.ground.score.id(Row(row)).into_owned()
    }

    /// Why a node is in the plan.
    fn because(&self, step: &Step) -> String {
        let outputs = |slots: &[u32]| slots.iter().map(|slot| self.port(*slot)).collect::<Vec<_>>().join(", ");
        let takers: Vec<String> = step.taken_by.iter().map(|row| format!("`{}`", self.id(*row))).collect();
        let mut parts = Vec::new();
        if !step.wanted.is_empty() {
            parts.push(format!("{} is lost and wanted", outputs(&step.wanted)));
        }
        if !takers.is_empty() {
            parts.push(format!("{} takes what it gave", takers.join(", ")));
        }
        if step.way == Way::Reconstruct {
            parts.push("its `reconstruct` finds everything that it takes".to_owned());
        }
        parts.join("; ")
    }
}

fn way(way: Way) -> &'static str {
    match way {
        Way::Play => "play",
        Way::Reconstruct => "reconstruct",
    }
}

/// The plan, and what playing it came to, for people.
pub fn in_words(recovery: &Recovery, outcome: Option<&Outcome>) -> String {
    let mut text = String::new();
    let losses = &recovery.losses;
    if losses.is_empty() && recovery.lost_inputs.is_empty() {
        return format!("run {} has lost nothing\n", recovery.run);
    }
    let _ = writeln!(text, "lost of run {}:", recovery.run);
    for name in &recovery.lost_inputs {
        let _ = writeln!(text, "  {:<32} an input of the melody; nothing makes it again", format!("inputs.{name}"));
    }
    for loss in losses {
        let row = recovery.ground.giver(loss.slot).0;
        let needed = loss.wanted || recovery.plan.steps.iter().any(|step| step.row == row);
        let needed = if needed { "" } else { ", and nothing needs it" };
        let _ = writeln!(text, "  {:<32} {}{needed}", recovery.port(loss.slot), loss.why);
    }
    for slot in &recovery.plan.hopeless {
        let port = recovery.port(*slot);
        let _ = writeln!(text, "{port} cannot be had again: it is made of an input that is gone");
    }
    match recovery.plan.steps.len() {
        0 => text.push_str("nothing to play\n"),
        count => {
            let _ = writeln!(text, "{count} of {} nodes to play:", recovery.ground.status.len());
        }
    }
    for step in &recovery.plan.steps {
        let _ = writeln!(text, "  {:<12} {:<20} {}", way(step.way), recovery.id(step.row), recovery.because(step));
    }
    let Some(outcome) = outcome else { return text };
    let _ = writeln!(text, "played in run {}:", outcome.run);
    for slot in &outcome.back {
        let _ = writeln!(text, "  {:<32} is back, with the same digest", recovery.port(*slot));
    }
    for (slot, digest) in &outcome.other {
        let found = match digest {
            Some(digest) => format!("came out otherwise: {digest}; it is in the new run only"),
            None => "was not given again".to_owned(),
        };
        let _ = writeln!(text, "  {:<32} {found}", recovery.port(*slot));
    }
    text
}

/// Likewise, for programs.
pub fn to_json(recovery: &Recovery, outcome: Option<&Outcome>) -> Json {
    let ports = |slots: &[u32]| slots.iter().map(|slot| recovery.port(*slot)).collect::<Vec<_>>();
    let losses = recovery.losses.iter().map(|loss| {
        json!({
            "port": recovery.port(loss.slot), "digest": loss.digest, "why": loss.why, "wanted": loss.wanted,
        })
    });
    let steps = recovery.plan.steps.iter().map(|step| {
        json!({
            "node": recovery.id(step.row), "way": way(step.way), "wanted": ports(&step.wanted),
            "taken_by": step.taken_by.iter().map(|row| recovery.id(*row)).collect::<Vec<_>>(),
            "because": recovery.because(step),
        })
    });
    let mut object = json!({
        "run": recovery.run,
        "lost": losses.collect::<Vec<_>>(),
        "lost_inputs": recovery.lost_inputs,
        "plan": steps.collect::<Vec<_>>(),
        "hopeless": ports(&recovery.plan.hopeless),
    });
    if let Some(outcome) = outcome {
        let other = outcome.other.iter().map(|(slot, digest)| (recovery.port(*slot), json!(digest)));
        object["played"] = json!({
            "run": outcome.run,
            "back": ports(&outcome.back),
            "other": other.collect::<serde_json::Map<_, _>>(),
        });
    }
    object
}
