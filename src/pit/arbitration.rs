//! `symphony pit arbitration`: who had to wait for what is scarce, and why.

use crate::commands::print;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::scarcity;
use crate::state::State;
use clap::Args;
use serde_json::json;
use std::fmt::Write as _;
use symphony_pit::arbitration::{Side, Weights};
use symphony_systems::arbiter::{self, DecisionLine, Rules};

/// Say who had to wait for what is scarce, and why
///
/// What is scarce is declared in the settings. Decisions that made somebody wait, refusals and calls that gave way are
/// kept in the run's folder; what was granted at once is not. With --node they come with all that they rest on.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony pit arbitration                          # decisions of the newest run
  symphony pit arbitration r06fk2q --node review    # those on one node, with their inputs
  symphony pit arbitration last --json
  symphony pit arbitration --rules                  # what is scarce here, and who is next")]
pub struct Arbitration {
    /// The run: its id, an unmistakable part of it, or `last`
    #[arg(default_value = "last", conflicts_with = "rules")]
    run: String,
    /// Only decisions on this node, with their inputs
    #[arg(long, value_name = "PATH", conflicts_with = "rules")]
    node: Option<String>,
    /// Show what is scarce here instead
    #[arg(long)]
    rules: bool,
    /// Print one JSON object a decision (or a resource)
    #[arg(long)]
    json: bool,
}

impl Arbitration {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        if self.rules {
            return self.show_rules(state);
        }
        let run = state.find_run(&self.run)?;
        let kept = arbiter::read(&state.run(&run));
        for warning in &kept.warnings {
            eprintln!("warning: {warning}");
        }
        let wanted = |line: &&DecisionLine| self.node.as_ref().is_none_or(|node| line.node == *node);
        let lines: Vec<&DecisionLine> = kept.lines.iter().filter(wanted).collect();
        let mut text = String::new();
        if self.json {
            for line in &lines {
                let mut object = serde_json::to_value(line).map_err(Failure::state)?;
                object["run"] = json!(run);
                object["sentence"] = json!(line.told.sentence());
                let _ = writeln!(text, "{object}");
            }
            return print(text.as_bytes());
        }
        if lines.is_empty() {
            let at = self.node.as_ref().map(|node| format!("`{node}` of ")).unwrap_or_default();
            let _ = writeln!(text, "nobody had to wait for anything scarce: {at}{run}");
        }
        for line in lines {
            let _ = writeln!(text, "{:>9.3} s  {}", line.t_s, line.told.sentence());
            if self.node.is_some() {
                inputs(&mut text, line);
            }
        }
        print(text.as_bytes())
    }

    fn show_rules(&self, state: &State) -> Result<Exit, Failure> {
        let Some((path, rules)) = scarcity::rules(state)? else {
            let text =
                "nothing is declared scarce; [[arbitration.resource]] in settings.toml of the state folder does\n";
            return print(if self.json { b"" } else { text.as_bytes() });
        };
        let mut text = String::new();
        if self.json {
            for one in &rules.resources {
                let spec = &one.spec;
                let refill = spec
                    .refill
                    .map(|refill| json!({ "amount": refill.amount, "every_s": refill.every_ns as f64 / 1e9 }));
                let object = json!({
                    "resource": one.name, "kind": spec.kind, "capacity": spec.capacity, "strategy": spec.strategy,
                    "patience_s": spec.patience_ns as f64 / 1e9, "batch": spec.batch, "preempt": spec.preempts,
                    "refill": refill,
                });
                let _ = writeln!(text, "{object}");
            }
            return print(text.as_bytes());
        }
        let _ = writeln!(text, "{}", path.display());
        resources(&mut text, &rules);
        let _ = writeln!(text, "value: {}", weighing(rules.weights));
        let wait = rules.patience.wait_ns as f64 / 1e9;
        let passes = rules.patience.passes;
        let _ = writeln!(
            text,
            "nobody is passed over more than {passes} times, or for longer than {wait} s, as the eldest of its melody"
        );
        print(text.as_bytes())
    }
}

fn resources(text: &mut String, rules: &Rules) {
    for one in &rules.resources {
        let spec = &one.spec;
        let _ = write!(
            text,
            "  {:<16} {:<7} {:>12}  {}",
            one.name,
            spec.kind.as_str(),
            spec.capacity,
            spec.strategy.as_str()
        );
        if let Some(refill) = spec.refill {
            let _ = write!(text, ", {} every {} s", refill.amount, refill.every_ns as f64 / 1e9);
        }
        if spec.batch > 1 {
            let _ = write!(text, ", up to {} share", spec.batch);
        }
        text.push_str(if spec.preempts { ", calls may be stopped\n" } else { "\n" });
    }
}

fn weighing(weights: Weights) -> String {
    let parts = symphony_pit::arbitration::Terms::NAMES.iter().zip(weights.all());
    parts.map(|(name, weight)| format!("{:.2} {name}", f64::from(weight) / 1e4)).collect::<Vec<_>>().join(" + ")
}

/// What a decision rests on.
fn inputs(text: &mut String, line: &DecisionLine) {
    let told = &line.told;
    let waited = told.waiting;
    let _ = writeln!(
        text,
        "             strategy {}, {} of {}, {waited} waited beside it",
        told.strategy.as_str(),
        told.resource,
        told.party
    );
    let _ = writeln!(text, "             {:<28} value  business  impact  cost  learning  waited", "");
    for side in std::iter::once(&told.request).chain(&told.rivals) {
        let Side { name, value, business, impact, cost, learning, waited_s, .. } = side;
        let _ = writeln!(
            text,
            "             {name:<28} {value:>5.2}  {business:>8.2}  {impact:>6.2}  {cost:>4.2}  {learning:>8.2}  {waited_s:.3} s"
        );
    }
}
