//! A forecast as one JSON object, for programs.

use super::outlook::{Outlook, Share};
use super::words;
use serde::Serialize;
use symphony_systems::simulate::{Outcome, Percentiles};

/// Nodes and kinds that are told.
const MOST: usize = 50;

/// The object. Its fields stand in this order.
#[derive(Serialize)]
struct Object<'a> {
    /// The variant's words; absent for the forecast itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    what_if: Option<&'a str>,
    tasks: usize,
    edges: usize,
    machines: usize,
    policy: &'static str,
    /// Median of the runs, as all quantities without a percentile in their name.
    makespan_s: f64,
    lower_bound_s: f64,
    cost_usd: f64,
    /// Processor seconds that the simulation took: the only field that differs from one call to the next.
    cpu_s: f64,
    tokens: f64,
    busy_s: f64,
    attempts: f64,
    runs: usize,
    incomplete_runs: usize,
    makespan: Spread,
    cost: Spread,
    token_count: Spread,
    critical_path: Vec<&'a str>,
    by_kind: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by_node: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speeds: Option<&'a [f64]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded_makespan_s: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Spread {
    p5: f64,
    p50: f64,
    p95: f64,
    mean: f64,
}

#[derive(Serialize)]
struct Row {
    name: String,
    attempts: u64,
    seconds: f64,
    cost_usd: f64,
    tokens: u64,
}

/// The line of a forecast, or of a variant with its words.
pub fn line(outlook: &Outlook, what_if: Option<&str>) -> String {
    let spread = |of: fn(&Outcome) -> f64| outlook.forecast.spread(of);
    let makespan = spread(|run| run.makespan);
    let cost = spread(|run| run.cost_micros as f64 / 1e6);
    let tokens = spread(|run| run.tokens as f64);
    let speeds = outlook.machines.speeds();
    let object = Object {
        what_if,
        tasks: outlook.tasks,
        edges: outlook.edges,
        machines: outlook.machines.count(),
        policy: outlook.policy.as_str(),
        makespan_s: makespan.p50,
        lower_bound_s: spread(|run| run.lower_bound).p50,
        cost_usd: cost.p50,
        cpu_s: outlook.cpu_s,
        tokens: tokens.p50,
        busy_s: spread(|run| run.busy).p50,
        attempts: spread(|run| run.attempts as f64).p50,
        runs: outlook.forecast.runs.len(),
        incomplete_runs: outlook.ended_badly.0,
        makespan: makespan.into(),
        cost: cost.into(),
        token_count: tokens.into(),
        critical_path: outlook.critical_ids(),
        by_kind: rows(outlook.by_kind()),
        by_node: if outlook.origins.is_empty() { Vec::new() } else { rows(outlook.by_node()) },
        speeds: speeds.iter().any(|speed| *speed != 1.0).then_some(speeds),
        recorded_makespan_s: outlook.took,
        notes: words::notes(outlook),
    };
    // Every part of it can be written: keys are texts, numbers finite.
    serde_json::to_string(&object).unwrap_or_default() + "\n"
}

fn rows(shares: Vec<Share>) -> Vec<Row> {
    let row = |share: Share| Row {
        name: share.name,
        attempts: share.attempts,
        seconds: share.seconds,
        cost_usd: share.cost_micros as f64 / 1e6,
        tokens: share.tokens,
    };
    shares.into_iter().take(MOST).map(row).collect()
}

impl From<Percentiles> for Spread {
    fn from(Percentiles { p5, p50, p95, mean }: Percentiles) -> Self {
        Self { p5, p50, p95, mean }
    }
}
