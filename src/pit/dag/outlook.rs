//! `symphony pit dag RUN`: a run's critical path, slack and end, from its journal.

use super::kinds::kind_json;
use super::{known, seconds};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::past::{self, Expected};
use crate::state::State;
use serde_json::json;
use std::fmt::Write as _;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::RunStatus;
use symphony_systems::outlook::{NodeOutlook, Outlook};

/// Nodes with slack that are shown to people.
const NODES: usize = 20;

/// Shows the outlook of a run.
pub fn show(state: &State, run: &str, json: bool) -> Result<Exit, Failure> {
    let run = state.find_run(run)?;
    let lore = known(state);
    let expected = past::outlook(state, &run, lore.clone())?;
    let text = match json {
        false => in_words(run.as_str(), &expected),
        true => {
            let mut object = to_json(run.as_str(), &expected);
            let kinds = lore.kinds().filter(|(name, _)| name.melody == expected.melody);
            object["kinds"] = kinds.map(|(name, kind)| kind_json(name, kind)).collect();
            format!("{object}\n")
        }
    };
    crate::commands::print(text.as_bytes())
}

fn in_words(run: &str, expected: &Expected) -> String {
    let Expected { melody, status, outlook } = expected;
    let (now, end) = (outlook.now.0, outlook.end.0);
    let mut text = format!("{run}  {melody}  {}\n", status.as_str());
    let _ = match status {
        RunStatus::Playing => writeln!(
            text,
            "{} in; ends after {}, in {}, if its nodes take as long as is thought",
            seconds(now),
            seconds(end),
            seconds(end.saturating_sub(now))
        ),
        _ => writeln!(text, "it took {}", seconds(end)),
    };
    text.push_str("\ncritical path\n");
    for row in &outlook.critical {
        if let Some(node) = outlook.nodes.get(*row as usize) {
            let _ = writeln!(text, "  {}", line(node));
        }
    }
    let mut rest: Vec<&NodeOutlook> = free(outlook).collect();
    rest.sort_by_key(|node| node.slack);
    if !rest.is_empty() {
        text.push_str("\nwhat has time, the tightest first\n");
    }
    for node in rest.iter().take(NODES) {
        let slack = node.slack.map(seconds).unwrap_or_default();
        let _ = writeln!(text, "  {}  slack {slack}", line(node));
    }
    if let Some(more @ 1..) = rest.len().checked_sub(NODES) {
        let _ = writeln!(text, "  and {more} more (--json lists all)");
    }
    text
}

/// Nodes that are not over and not on the critical path.
fn free(outlook: &Outlook) -> impl Iterator<Item = &NodeOutlook> {
    let listed = |row: u32| outlook.critical.contains(&row);
    let nodes = (0u32..).zip(&outlook.nodes);
    nodes.filter(move |(row, node)| node.slack.is_some() && !listed(*row)).map(|(_, node)| node)
}

fn line(node: &NodeOutlook) -> String {
    let end = node.head.0.saturating_add(node.took);
    let about = if matches!(node.status, Status::Pending | Status::Ready) { "~" } else { "" };
    format!("{:<24} {:<17} {about}{} – {}", node.id, node.status.as_str(), seconds(node.head.0), seconds(end))
}

fn to_json(run: &str, expected: &Expected) -> serde_json::Value {
    let Expected { melody, status, outlook } = expected;
    let s = |nanos: u64| nanos as f64 / 1e9;
    let critical: Vec<&str> = outlook
        .critical
        .iter()
        .filter_map(|row| outlook.nodes.get(*row as usize))
        .map(|node| node.id.as_str())
        .collect();
    let nodes = (0u32..).zip(&outlook.nodes).map(|(row, node)| {
        json!({
            "node": node.id,
            "status": node.status.as_str(),
            "head_s": s(node.head.0),
            "took_s": s(node.took),
            "tail_s": s(node.tail),
            "slack_s": node.slack.map(s),
            "critical": outlook.critical.contains(&row),
        })
    });
    json!({
        "run": run,
        "melody": melody,
        "status": status.as_str(),
        "now_s": s(outlook.now.0),
        "end_s": s(outlook.end.0),
        "critical": critical,
        "nodes": nodes.collect::<Vec<_>>(),
    })
}
