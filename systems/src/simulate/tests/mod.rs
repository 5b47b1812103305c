//! The kernel against schedules made by hand and against a naive scheduler.

mod by_hand;
mod chance;
mod oracle;
mod properties;

use super::{Task, Ties, Workload};

fn task(id: &str, seconds: f64) -> Task {
    Task { id: id.into(), kind: "k".into(), seconds, cost_micros: 10, tokens: 3, idle: false }
}

/// A workload from (id, seconds) and edges by id.
fn workload(tasks: &[(&str, f64)], edges: &[(&str, &str)]) -> Workload {
    let place = |id: &str| tasks.iter().position(|(known, _)| *known == id).unwrap() as u32;
    let edges: Vec<(u32, u32)> = edges.iter().map(|(from, to)| (place(from), place(to))).collect();
    Workload::new(tasks.iter().map(|(id, seconds)| task(id, *seconds)).collect(), &edges, Ties::ById).unwrap()
}
