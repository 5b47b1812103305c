//! What the notices of a run tell, in the words of the oracle, and what must hold of them in any run.

use super::oracle::producers;
use super::plan::{Plan, What as Kind};
use std::collections::{BTreeMap, BTreeSet};
use symphony_ecs_core::events::{Notice, What};

/// Per path the story of the node: (time, what).
pub type Stories = BTreeMap<String, Vec<(u64, String)>>;

/// The stories of all nodes, and the paths of the undos in the order in which they began.
pub fn stories(notices: &[Notice]) -> (Stories, Vec<String>) {
    let mut stories = Stories::new();
    let mut undos = Vec::new();
    for notice in notices {
        let Some(path) = notice.node.clone() else { continue };
        let word = match &notice.what {
            What::NodeStarted { player, attempt, .. } => format!("started {player} {attempt}"),
            What::NodePlayed { outputs, .. } => {
                let ports: Vec<String> = outputs.iter().map(|(port, digest)| format!("{port}={digest}")).collect();
                format!("played {}", ports.join(" "))
            }
            What::AttemptFailed { class, retry_at_ns: Some(at), .. } => format!("attempt_failed {class} {}", at.0),
            What::AttemptFailed { class, .. } => format!("attempt_failed {class}"),
            What::NodeSkipped { .. } => "skipped".to_owned(),
            What::NodeFailed { class, .. } => format!("failed {class}"),
            What::NodeCancelled => "cancelled".to_owned(),
            What::BodyOpened { .. } => "body_opened".to_owned(),
            What::ApprovalAsked { until_ns } => format!("asked {}", until_ns.map_or(0, |until| until.0)),
            What::ApprovalAnswered { approved, by } => format!("answered {approved} {by}"),
            What::UndoStarted { .. } => {
                undos.push(path);
                continue;
            }
            _ => continue,
        };
        stories.entry(path).or_default().push((notice.time.0, word));
    }
    (stories, undos)
}

/// The stories without moments: what must be equal however calls overlap.
pub fn timeless(stories: &Stories) -> BTreeMap<String, Vec<String>> {
    let word = |(_, word): &(u64, String)| match word.split(' ').collect::<Vec<_>>()[..] {
        [first @ "attempt_failed", class, _] => format!("{first} {class} again"),
        ["asked", _] => "asked".to_owned(),
        _ => word.clone(),
    };
    stories.iter().map(|(path, story)| (path.clone(), story.iter().map(word).collect())).collect()
}

/// What holds of every run: numbers without gaps, never too many calls at once, nothing begins before what it waits
/// for is over, nothing moves after it is over.
pub fn check_invariants(plan: &Plan, notices: &[Notice]) -> Result<(), String> {
    let mut flying = BTreeSet::new();
    let mut over: BTreeSet<String> = BTreeSet::new();
    let mut next = 0;
    let mut time = 0;
    for notice in notices {
        let Some(seq) = notice.seq else { continue };
        if seq != next || notice.time.0 < time {
            return Err(format!("notice {seq} at {} follows {next} at {time}", notice.time.0));
        }
        (next, time) = (seq + 1, notice.time.0);
        let Some(path) = notice.node.clone() else { continue };
        match &notice.what {
            What::BodyOpened { .. } => {
                let below = format!("{path}.");
                over.retain(|known| !known.starts_with(&below));
            }
            What::NodeStarted { .. } | What::ApprovalAsked { .. } => {
                if over.contains(&path) && !path.ends_with(']') {
                    return Err(format!("{path} begins after it was over"));
                }
                if let Some(before) = producers_of(plan, &path).into_iter().find(|before| !over.contains(before)) {
                    return Err(format!("{path} begins before {before} is over"));
                }
                if let What::NodeStarted { player, .. } = &notice.what
                    && player.contains(':')
                {
                    flying.insert(path);
                    if flying.len() > plan.parallel.unwrap_or(u32::MAX) as usize {
                        return Err(format!("{} calls at once", flying.len()));
                    }
                }
            }
            What::AttemptFailed { .. } => drop(flying.remove(&path)),
            What::NodePlayed { .. } | What::NodeSkipped { .. } | What::NodeFailed { .. } | What::NodeCancelled => {
                flying.remove(&path);
                if !over.insert(path.clone()) && !path.ends_with(']') {
                    return Err(format!("{path} is over twice"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Paths of the nodes that must be over before the node at this path begins.
fn producers_of(plan: &Plan, path: &str) -> Vec<String> {
    let (prefix, last) = path.rsplit_once('.').map_or(("", path), |(prefix, last)| (prefix, last));
    let mut melody = &plan.melodies[0];
    let number = |part: &str| -> usize { part[1..].split('[').next().unwrap().parse().unwrap() };
    for part in prefix.split('.').filter(|part| !part.is_empty()) {
        match melody.nodes[number(part)].what {
            Kind::Nested(body) | Kind::Loop { body, .. } => melody = &plan.melodies[body],
            _ => unreachable!("{path}"),
        }
    }
    if last.contains('[') {
        return Vec::new();
    }
    let name = |node: usize| if prefix.is_empty() { format!("n{node}") } else { format!("{prefix}.n{node}") };
    producers(&melody.nodes[number(last)], false).into_iter().map(name).collect()
}
