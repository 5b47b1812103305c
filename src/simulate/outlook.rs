//! An outlook: everything that a forecast says of one scenario, ready to be shown.

use super::guesses::{Origin, without_numbers};
use super::melody::{Prepared, Tune};
use super::recorded::Recording;
use super::scenario::Scenario;
use crate::exit::Exit;
use crate::failure::Failure;
use rayon::prelude::*;
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::sync::Arc;
use symphony_ecs_core::events::RunStatus;
use symphony_ecs_core::melody::model::Limits;
use symphony_systems::simulate::{Forecast, Kernel, Machines, Outcome, Policy, Span, Unfolded, Workload, forecast};

/// What is simulated.
pub enum Subject {
    /// A recorded execution.
    Recorded(Recording),
    /// A melody.
    Melody(Box<Tune>),
}

/// What a forecast says.
pub struct Outlook {
    /// The subject's name.
    pub name: String,
    /// Calls: tasks of a recording, nodes of a melody as often as they are called.
    pub tasks: usize,
    /// What they wait for.
    pub edges: usize,
    /// Machines: those asked for, else as many as were busy at once.
    pub machines: Machines,
    /// The policy.
    pub policy: Policy,
    /// One outcome a run.
    pub forecast: Forecast,
    /// What the shown run played: that of the median makespan.
    pub work: Workload,
    /// When and where, in the shown run.
    pub spans: Vec<Span>,
    /// Its lower bound.
    pub shown_bound: f64,
    /// The critical path of the shown run.
    pub critical: Vec<u32>,
    /// Processor seconds that the simulation took.
    pub cpu_s: f64,
    /// How long it really took, for recordings.
    pub took: Option<f64>,
    /// Runs that did not end well, and why the first of them did not.
    pub ended_badly: (usize, Option<String>),
    /// Where the durations of nodes were taken from, with how many nodes, for melodies.
    pub origins: BTreeMap<Origin, usize>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// What tasks that are alike came to in the shown run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Share {
    /// Their name.
    pub name: String,
    /// Attempts.
    pub attempts: u64,
    /// Seconds on machines.
    pub seconds: f64,
    /// Micro-dollars.
    pub cost_micros: u64,
    /// Tokens.
    pub tokens: u64,
}

impl Subject {
    /// Simulates a scenario.
    ///
    /// # Errors
    /// A scenario that does not fit the subject.
    pub fn outlook(&self, scenario: &Scenario) -> Result<Outlook, Failure> {
        match self {
            Self::Recorded(recording) => {
                let work = recording.workload(&scenario.changes)?;
                let machines = scenario.machines(work.played()).map_err(Failure::usage)?;
                let begun = cpu_seconds();
                let forecast = forecast(&work, &machines, scenario.policy, scenario.chance, scenario.runs);
                let cpu_s = cpu_seconds() - begun;
                let (tasks, edges) = (work.played(), work.edges());
                let shown = median(&forecast, |_| true);
                let mut outlook = Outlook::new(recording.name.clone(), work, machines, forecast, shown, scenario);
                (outlook.tasks, outlook.edges, outlook.cpu_s, outlook.took) = (tasks, edges, cpu_s, recording.took);
                Ok(outlook)
            }
            Self::Melody(tune) => of_melody(tune, scenario),
        }
    }
}

fn of_melody(tune: &Tune, scenario: &Scenario) -> Result<Outlook, Failure> {
    let prepared = tune.prepare(&scenario.changes)?;
    let begun = cpu_seconds();
    let seed = scenario.chance.seed;
    let (prepared, first, emptied) = unfold_first(prepared, seed)?;
    let random = prepared.guesses.drew();
    let parallel = prepared.limits.parallel.map(|parallel| parallel as usize);
    let machines = |work: &Workload| {
        let most = parallel.unwrap_or(usize::MAX).min(work.played());
        scenario.machines(most).map_err(Failure::usage)
    };
    let on = machines(&first.work)?;
    let mut plays = vec![Play::of(&first)];
    let (forecast, shown) = if random && scenario.runs > 1 {
        // Every run is another play, with another luck.
        let played: Vec<(Outcome, Play)> = (0..u64::from(scenario.runs))
            .into_par_iter()
            .map(|run| {
                let unfolded = prepared.unfold(seed.wrapping_add(run))?;
                let on = machines(&unfolded.work)?;
                let outcome = Kernel::new(&unfolded.work, &on, scenario.policy, scenario.chance).play(run, |_| {});
                Ok((outcome, Play::of(&unfolded)))
            })
            .collect::<Result<_, Failure>>()?;
        let (runs, all): (Vec<Outcome>, Vec<Play>) = played.into_iter().unzip();
        plays = all;
        let forecast = Forecast { runs };
        let shown = median(&forecast, |run| plays.get(run).is_none_or(|play| !play.failed));
        (forecast, shown)
    } else {
        let forecast = forecast(&first.work, &on, scenario.policy, scenario.chance, scenario.runs);
        plays = vec![Play::of(&first); forecast.runs.len()];
        let shown = median(&forecast, |_| true);
        (forecast, shown)
    };
    let cpu_s = cpu_seconds() - begun;
    let shown_play = match random && shown > 0 {
        true => prepared.unfold(seed.wrapping_add(shown as u64))?,
        false => first,
    };
    let on = machines(&shown_play.work)?;
    let (tasks, edges, approvals) = (shown_play.calls, shown_play.edges, shown_play.approvals);
    let mut outlook = Outlook::new(prepared.name.clone(), shown_play.work, on, forecast, shown, scenario);
    (outlook.tasks, outlook.edges, outlook.cpu_s) = (tasks, edges, cpu_s);
    outlook.ended_badly =
        (plays.iter().filter(|play| play.failed).count(), plays.into_iter().find_map(|play| play.reason));
    for origin in prepared.guesses.origins().into_values() {
        *outlook.origins.entry(origin).or_default() += 1;
    }
    if !prepared.missing.is_empty() {
        let missing: Vec<&str> = prepared.missing.iter().map(String::as_str).collect();
        outlook.notes.push(format!("not installed, played all the same: {}", missing.join(", ")));
    }
    if !prepared.made_up.is_empty() {
        outlook.notes.push(format!("inputs that were made up: {}", prepared.made_up.join(", ")));
    }
    if !approvals.is_empty() {
        outlook.notes.push(format!("people approve at once: {}", approvals.join(", ")));
    }
    outlook.notes.extend(emptied);
    outlook.hold_against(&prepared.limits);
    Ok(outlook)
}

/// How the play of a run ended.
#[derive(Clone, Debug)]
struct Play {
    failed: bool,
    reason: Option<String>,
}

impl Play {
    fn of(unfolded: &Unfolded) -> Self {
        Self { failed: unfolded.status != RunStatus::Completed, reason: unfolded.reason.clone() }
    }
}

/// The run of the median makespan among those that may be shown; all may if none may.
fn median(forecast: &Forecast, may: impl Fn(usize) -> bool) -> usize {
    let mut runs: Vec<usize> = (0..forecast.runs.len()).filter(|run| may(*run)).collect();
    if runs.is_empty() {
        runs = (0..forecast.runs.len()).collect();
    }
    runs.sort_by(|a, b| forecast.runs[*a].makespan.total_cmp(&forecast.runs[*b].makespan));
    runs.get(runs.len().saturating_sub(1) / 2).copied().unwrap_or(0)
}

/// The first play. Where samples in lists make it fail (a template wants a field that a sample has not), lists are
/// taken as empty; the note says so.
fn unfold_first(mut prepared: Prepared, seed: u64) -> Result<(Prepared, Unfolded, Option<String>), Failure> {
    let first = prepared.unfold(seed)?;
    let reason = match (&first.reason, prepared.guesses.drew()) {
        (Some(reason), false) => reason.clone(),
        _ => return Ok((prepared, first, None)),
    };
    let full = Arc::clone(&prepared.guesses);
    prepared.guesses = Arc::new(full.with_empty_lists());
    let second = prepared.unfold(seed)?;
    if second.status == RunStatus::Completed {
        let note = format!("lists are taken as empty, for with samples in them {reason}; pin outputs to see more");
        return Ok((prepared, second, Some(note)));
    }
    prepared.guesses = full;
    Ok((prepared, first, None))
}

impl Outlook {
    fn new(
        name: String,
        work: Workload,
        machines: Machines,
        forecast: Forecast,
        shown: usize,
        scenario: &Scenario,
    ) -> Self {
        let mut spans = Vec::new();
        let mut kernel = Kernel::new(&work, &machines, scenario.policy, scenario.chance);
        let first = kernel.play(shown as u64, |span| spans.push(span));
        let critical = work.critical_path();
        let machines = match scenario.names_machines() {
            true => machines,
            // Nobody asked for machines: as many as were needed.
            false => scenario.machines(first.peak as usize).unwrap_or(machines),
        };
        Self {
            name,
            tasks: 0,
            edges: 0,
            machines,
            policy: scenario.policy,
            forecast,
            work,
            spans,
            shown_bound: first.lower_bound,
            critical,
            cpu_s: 0.0,
            took: None,
            ended_badly: (0, None),
            origins: BTreeMap::new(),
            notes: Vec::new(),
        }
    }

    /// Notes where the forecast goes beyond the melody's own limits, at which a real play would halt.
    fn hold_against(&mut self, limits: &Limits) {
        let beyond = |count: usize| match self.forecast.runs.len() {
            1 => String::new(),
            all => format!(" in {} % of runs", (100 * count).div_ceil(all)),
        };
        let over = |exceeds: &dyn Fn(&Outcome) -> bool| self.forecast.runs.iter().filter(|run| exceeds(run)).count();
        let mut notes = Vec::new();
        if let Some(wall) = limits.wall {
            let count = over(&|run| run.makespan > wall.as_secs_f64());
            if count > 0 {
                notes.push(format!(
                    "`limits.wall` of {} would end it{}",
                    super::words::span(wall.as_secs_f64()),
                    beyond(count)
                ));
            }
        }
        if let Some(cost) = limits.cost_micros {
            let count = over(&|run| run.cost_micros > cost);
            if count > 0 {
                notes.push(format!(
                    "`limits.cost_usd` of {} would not be enough{}",
                    super::words::usd(cost as f64),
                    beyond(count)
                ));
            }
        }
        if let Some(tokens) = limits.tokens {
            let count = over(&|run| run.tokens > tokens);
            if count > 0 {
                notes.push(format!("`limits.tokens` of {tokens} would not be enough{}", beyond(count)));
            }
        }
        self.notes.extend(notes);
    }

    /// The exit code: a forecast of failure is a failure.
    pub fn exit(&self) -> Exit {
        if self.ended_badly.0 > 0 && self.ended_badly.0 == self.forecast.runs.len() {
            Exit::RunFailed
        } else {
            Exit::Completed
        }
    }

    /// What tasks that are alike came to in the shown run, dearest first, then longest.
    pub fn by_kind(&self) -> Vec<Share> {
        self.shares(|task| self.work.kinds()[self.work.kind_of(task) as usize].to_string())
    }

    /// What nodes came to in the shown run, likewise.
    pub fn by_node(&self) -> Vec<Share> {
        self.shares(|task| without_numbers(self.work.id(task)))
    }

    fn shares(&self, name: impl Fn(u32) -> String) -> Vec<Share> {
        let mut shares: BTreeMap<String, Share> = BTreeMap::new();
        for span in self.spans.iter().filter(|span| span.machine.is_some()) {
            let share = shares.entry(name(span.task)).or_default();
            share.attempts += 1;
            share.seconds += span.end - span.start;
            share.cost_micros += self.work.cost_micros(span.task);
            share.tokens += self.work.tokens(span.task);
        }
        let named = shares.into_iter().map(|(name, share)| Share { name, ..share });
        let mut shares: Vec<Share> = named.collect();
        shares.sort_by(|a, b| b.cost_micros.cmp(&a.cost_micros).then(b.seconds.total_cmp(&a.seconds)));
        shares
    }

    /// Whether runs can differ.
    pub fn is_spread(&self) -> bool {
        self.forecast.runs.len() > 1
    }

    /// Ids of the critical path.
    pub fn critical_ids(&self) -> Vec<&str> {
        self.critical.iter().map(|task| &**self.work.id(*task)).collect()
    }
}

/// Processor seconds of this process, all threads.
pub fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
