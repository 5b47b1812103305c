//! Testing a melody: each case of its pins is played headless, and what came out is held against what was expected.

use crate::failure::Failure;
use crate::opening::Opened;
use crate::players;
use crate::playing;
use crate::seating;
use crate::state::State;
use std::collections::BTreeMap;
use std::sync::Arc;
use symphony_ecs_core::clock::ClockKind;
use symphony_ecs_core::events::{RunStatus, What};
use symphony_ecs_core::ids::RunId;
use symphony_ecs_core::melody::Diagnostic;
use symphony_ecs_core::melody::pins::{Case, Pins};
use symphony_ecs_core::ports::{ArtifactPort, ExtensionPort};
use symphony_ecs_core::score::pinned::{calls, pinned};
use symphony_ecs_core::score::{Score, compile};
use symphony_ecs_core::value::Value;
use symphony_extensions::builtin;
use symphony_systems::orchestra::OrchestraParts;
use symphony_systems::{Orchestra, RunOptions};

/// Whether players that are not pinned may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpinned {
    /// No: the case fails and says so.
    Refused,
    /// Yes, under the real clock.
    Called,
}

/// What a case came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// How the run ended; none if it was not played.
    pub status: Option<RunStatus>,
    /// What is not as expected, a line each; empty for a case that holds.
    pub problems: Vec<String>,
}

/// Plays one case.
///
/// # Errors
/// Findings in the pins; a failure when the stage cannot be set up.
pub fn play(
    state: &State,
    opened: &Opened,
    pins: &Pins,
    case: &Case,
    unpinned: Unpinned,
) -> Result<Result<Outcome, Vec<Diagnostic>>, Failure> {
    let Some(root) = opened.checked.melodies.first() else { return Ok(Err(Vec::new())) };
    let score = compile(&opened.checked, &|operation| builtin::player(operation), &Value::Absent)
        .map_err(|error| Failure::new(crate::exit::Exit::Melody, error))?;
    let case = match pins.fit(case, &score, &root.melody.inputs, &root.schemas) {
        Ok(case) => case,
        Err(findings) => return Ok(Err(findings)),
    };
    let score = Arc::new(pinned(&score, &case.values()));
    let mut problems: Vec<String> = missing(&score, &case);
    if unpinned == Unpinned::Refused {
        problems.extend(calls(&score).into_iter().map(|path| {
            format!("{path} is not pinned and would be called; add [node.{}], or use --live", quoted(&path))
        }));
    }
    if !problems.is_empty() {
        return Ok(Ok(Outcome { status: None, problems }));
    }
    let mut orchestra = orchestra(state, opened, unpinned)?;
    let given = score.inputs.iter().map(|input| case.inputs.get(&*input.name).map(|value| value.value.clone()));
    let options = RunOptions {
        id: RunId::new(0, 0),
        inputs: given.map(Option::unwrap_or_default).collect(),
        limits: root.melody.limits.clone(),
        default_parallel: 64,
        clock: if unpinned == Unpinned::Called { ClockKind::Real } else { ClockKind::Virtual },
        seed: 0,
        record: true,
        notices: true,
        score: Arc::clone(&score),
        reusing: None,
        asked: Vec::new(),
        sketches: false,
        tracking: None,
        rescore: None,
    };
    let slot = orchestra.play(&options, None);
    let status = orchestra.play_to_end(slot);
    let notices = orchestra.notices();
    let failures = notices.iter().filter_map(|notice| match (&notice.node, &notice.what) {
        (Some(node), What::NodeFailed { message, .. }) => Some(format!("{node}: {message}")),
        _ => None,
    });
    let failures: Vec<String> = failures.collect();
    let wanted = case.status.unwrap_or(RunStatus::Completed);
    if status != wanted {
        problems.push(format!("the run is {} and should be {}", status.as_str(), wanted.as_str()));
        problems.extend(failures);
    }
    let mut given: BTreeMap<String, Value> =
        orchestra.run(slot).map(playing::outputs).unwrap_or_default().into_iter().collect();
    for node in orchestra.nodes(slot) {
        given.extend(node.outputs.into_iter().map(|(port, value)| (format!("{}.{port}", node.path), value)));
    }
    for (name, expected) in &case.expect {
        match given.get(name).filter(|value| value.is_present()) {
            Some(value) if same(value, &expected.value) => {}
            found => {
                let found = found.map_or("nothing".to_owned(), Value::canonical_json);
                problems.push(format!("{name}: expected {}, got {found}", expected.value.canonical_json()));
            }
        }
    }
    Ok(Ok(Outcome { status: Some(status), problems }))
}

/// Inputs that the case must give and does not.
fn missing(score: &Score, case: &Case) -> Vec<String> {
    let missing = score
        .inputs
        .iter()
        .filter(|input| input.required && input.default.is_none() && !case.inputs.contains_key(&*input.name));
    missing.map(|input| format!("input `{}` is missing ({}); add it to [inputs]", input.name, input.ty)).collect()
}

/// A path as a key of TOML.
fn quoted(path: &str) -> String {
    if path.contains('.') { format!("\"{path}\"") } else { path.to_owned() }
}

/// Values by their JSON, so that 2 and 2.0 are the same number.
fn same(value: &Value, expected: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Int(int) => Some(*int as f64),
        Value::Float(float) => Some(*float),
        _ => None,
    };
    match (number(value), number(expected)) {
        (Some(value), Some(expected)) => value == expected,
        _ => value.canonical_json() == expected.canonical_json(),
    }
}

fn orchestra(state: &State, opened: &Opened, unpinned: Unpinned) -> Result<Orchestra, Failure> {
    let mut parts = OrchestraParts { functions: Some(Arc::new(players::BuiltIns)), ..OrchestraParts::default() };
    if unpinned == Unpinned::Called {
        state.make()?;
        let artifacts: Arc<dyn ArtifactPort> = seating::artifacts(state)?;
        let host = players::host(Arc::clone(&opened.registry), Arc::clone(&artifacts))?;
        parts.stage = Some(Box::new(host) as Box<dyn ExtensionPort>);
        parts.artifacts = Some(artifacts);
    }
    Ok(Orchestra::new(parts))
}
