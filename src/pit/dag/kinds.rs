//! `symphony pit dag kinds`: what playing has taught.

use super::{known, seconds};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::state::State;
use clap::Args;
use serde_json::json;
use std::fmt::Write as _;
use symphony_pit::dag::{Kind, KindName, Lore};

/// Small graphs that are shown.
const SHAPES: usize = 12;

/// What playing has taught: how long each kind of node takes, how often it fails, which small graphs come again
///
/// A kind is what a node plays, in which melody. Durations run from the first attempt to the end, retries included.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony pit dag kinds
  symphony pit dag kinds --melody review --json")]
pub struct Kinds {
    /// Kinds of this melody only
    #[arg(long, value_name = "NAME")]
    melody: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Kinds {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        let lore = known(state);
        let asked = |name: &KindName| self.melody.as_ref().is_none_or(|melody| *melody == name.melody);
        let kinds: Vec<_> = lore.kinds().filter(|(name, _)| asked(name)).collect();
        let text = match self.json {
            true => format!("{}\n", to_json(&kinds, &lore)),
            false => in_words(&kinds, &lore),
        };
        crate::commands::print(text.as_bytes())
    }
}

fn in_words(kinds: &[(&KindName, &Kind)], lore: &Lore) -> String {
    if kinds.is_empty() {
        return "nothing has been learned yet; every run that plays to its end teaches\n".to_owned();
    }
    let mut text = format!(
        "{:<20} {:<34} {:>7} {:>8} {:>8} {:>8} {:>8} {:>6}\n",
        "melody", "plays", "nodes", "mean", "± σ", "median", "95 %", "faults"
    );
    for (name, kind) in kinds {
        let d = &kind.durations;
        let _ = writeln!(
            text,
            "{:<20} {:<34} {:>7} {:>8} {:>8} {:>8} {:>8} {:>5.1}%",
            name.melody,
            name.plays,
            kind.finished,
            seconds(d.mean() as u64),
            seconds(d.deviation() as u64),
            seconds(d.quantile(0.5)),
            seconds(d.quantile(0.95)),
            100.0 * kind.fault_rate(),
        );
    }
    let shapes = lore.shapes.most(SHAPES);
    if !shapes.is_empty() {
        text.push_str("\nnodes and what stands before them, the most frequent first\n");
        for shape in shapes {
            let _ = writeln!(text, "{:>9} × {}", shape.count, shape.words);
        }
    }
    text
}

fn to_json(kinds: &[(&KindName, &Kind)], lore: &Lore) -> serde_json::Value {
    let kinds: Vec<_> = kinds.iter().map(|(name, kind)| kind_json(name, kind)).collect();
    let shapes = lore.shapes.most(SHAPES).into_iter().map(|shape| json!({"shape": shape.words, "count": shape.count}));
    json!({"kinds": kinds, "shapes": shapes.collect::<Vec<_>>()})
}

/// What is known of a kind, for programs. Times in seconds.
pub(super) fn kind_json(name: &KindName, kind: &Kind) -> serde_json::Value {
    let d = &kind.durations;
    let seconds = |nanos: f64| nanos / 1e9;
    json!({
        "melody": name.melody,
        "plays": name.plays,
        "finished": kind.finished,
        "failed": kind.failed,
        "faults": kind.faults,
        "fault_rate": kind.fault_rate(),
        "attempts_mean": kind.attempts(),
        "mean_s": seconds(d.mean()),
        "deviation_s": seconds(d.deviation()),
        "median_s": seconds(d.quantile(0.5) as f64),
        "p95_s": seconds(d.quantile(0.95) as f64),
    })
}
