//! `symphony pit dag plan`: what would have to be played again after losing artifacts or players.

use super::seconds;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::recover::{self, Named, Recovery};
use crate::state::State;
use clap::Args;
use serde_json::json;
use std::fmt::Write as _;
use symphony_ecs_core::ids::Row;
use symphony_ecs_core::score::Action;

/// What to play again after losing artifacts or players, and in which order
///
/// The fewest nodes that bring lost outputs back, the critical path of them first. A node that has lost its player plays
/// with the next one that its melody names; one that has none left is stranded. Nothing is played: `symphony recover`
/// does that.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony pit dag plan last --lose-artifact draft.text
  symphony pit dag plan r06fk2q --lose-player instrument:openai-chat/ask --json")]
pub struct Plan {
    /// The run: its id, an unmistakable part of it, or `last`
    run: String,
    /// An output that is lost, or a digest (repeatable)
    #[arg(long, value_name = "NODE.PORT|DIGEST")]
    lose_artifact: Vec<Named>,
    /// A player that is lost, or all operations of one: KIND:NAME or KIND:NAME/OPERATION (repeatable)
    #[arg(long, value_name = "PLAYER")]
    lose_player: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Plan {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        let run = state.find_run(&self.run)?;
        let recovery = recover::find_without(state, &run, &self.lose_artifact, &self.lose_player)?;
        let text = match self.json {
            true => format!("{}\n", to_json(&recovery)),
            false => in_words(&recovery),
        };
        crate::commands::print(text.as_bytes())
    }
}

fn id(recovery: &Recovery, row: u32) -> String {
    recovery.ground.score.id(Row(row)).into_owned()
}

fn ids(recovery: &Recovery, rows: &[u32]) -> Vec<String> {
    rows.iter().map(|row| id(recovery, *row)).collect()
}

/// The player of a node that has this place among its players.
fn player(recovery: &Recovery, row: u32, choice: u32) -> String {
    match &recovery.ground.score.spec(Row(row)).action {
        Action::Call(players) => players.get(choice as usize).map(|player| player.name.clone()).unwrap_or_default(),
        Action::Function(operation, _) => operation.name.clone(),
        _ => "its body".to_owned(),
    }
}

fn in_words(recovery: &Recovery) -> String {
    let plan = &recovery.plan;
    let mut text = recover::in_words(recovery, None);
    if !plan.order.is_empty() {
        let span = plan.steps.iter().map(|step| step.tail).max().unwrap_or(0);
        let _ = writeln!(text, "in this order, {} at the least:", seconds(span));
    }
    for row in &plan.order {
        let Some(step) = plan.steps.iter().find(|step| step.row == *row) else { continue };
        let critical = if plan.critical.contains(row) { "critical" } else { "" };
        let with = player(recovery, *row, step.choice);
        let _ =
            writeln!(text, "  {:<20} {:<9} with {with}, {} to go", id(recovery, *row), critical, seconds(step.tail));
    }
    for (row, choice) in &plan.switched {
        let _ = writeln!(text, "{} is not over and plays with {}", id(recovery, *row), player(recovery, *row, *choice));
    }
    for row in &plan.stranded {
        let _ = writeln!(text, "{} is not over and has no player left", id(recovery, *row));
    }
    if !recovery.keep.is_empty() {
        let keep = ids(recovery, &recovery.keep).join(", ");
        let _ = writeln!(text, "keep what these gave, and no later loss matters: {keep}");
    }
    if !recovery.threads.is_empty() {
        let _ = writeln!(text, "everything wanted comes through: {}", ids(recovery, &recovery.threads).join(", "));
    }
    text
}

fn to_json(recovery: &Recovery) -> serde_json::Value {
    let plan = &recovery.plan;
    let mut object = recover::to_json(recovery, None);
    let order = plan.order.iter().filter_map(|row| {
        let step = plan.steps.iter().find(|step| step.row == *row)?;
        Some(json!({
            "node": id(recovery, *row),
            "player": player(recovery, *row, step.choice),
            "tail_s": step.tail as f64 / 1e9,
            "critical": plan.critical.contains(row),
        }))
    });
    object["order"] = order.collect();
    object["critical"] = ids(recovery, &plan.critical).into();
    let switched = plan.switched.iter();
    object["switched"] = switched
        .map(|(row, choice)| json!({"node": id(recovery, *row), "player": player(recovery, *row, *choice)}))
        .collect();
    object["stranded"] = ids(recovery, &plan.stranded).into();
    object["keep"] = ids(recovery, &recovery.keep).into();
    object["threads"] = ids(recovery, &recovery.threads).into();
    object
}
