//! Why a node plays, or does not: what it is now is held against what it was in a run.
//!
//! ```text
//! journal of the run ──► folded ──────────────► sketches: what each call was made of
//! melody of today ─────► played by nobody ────► sketches: what each call would be made of
//!                        (results are taken over, functions of this program play, calls are swallowed)
//! ```
//!
//! What a swallowed call gives nobody knows, so what follows from it never begins: that is how far the answer is certain.

mod answer;
mod compare;

pub use answer::Answer;

use crate::failure::Failure;
use crate::inputs;
use crate::opening::Opened;
use crate::past::Made;
use crate::players::BuiltIns;
use crate::preferences;
use crate::rerun::near;
use crate::seating;
use crate::state::State;
use compare::Comparison;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use symphony_ecs_core::clock::ClockKind;
use symphony_ecs_core::ids::{CallId, RunId};
use symphony_ecs_core::melody::model::Limits;
use symphony_ecs_core::ports::{ArtifactError, ArtifactPort, Busy, CallEvent, CallRequest, ExtensionPort};
use symphony_ecs_core::score::Score;
use symphony_ecs_core::value::{ArtifactRef, Digest, Value};
use symphony_systems::orchestra::OrchestraParts;
use symphony_systems::results::{self, Purpose, Results};
use symphony_systems::run::Sketch;
use symphony_systems::{Orchestra, Pulse, ReuseRule, Reusing, RunOptions};

/// How long a function that reads large values from the store is waited for.
const SHORTLY: Duration = Duration::from_millis(20);

/// Says whether a node would play now, compared with a run.
pub fn explain(
    state: &State,
    opened: &Opened,
    before: Option<&Made>,
    node: &str,
    words: &[String],
) -> Result<Answer, Failure> {
    let settings = preferences::read(&[])?;
    let score = seating::score_of(opened, &settings)?;
    let artifacts: Arc<dyn ArtifactPort> = match state.artifacts().is_dir() {
        true => seating::artifacts(state)?,
        false => Arc::new(NoArtifacts),
    };
    let top = node.split(['.', '[']).next().unwrap_or(node);
    let Some(row) = score.row_of(top) else {
        let help = near(top, score.ids.iter().map(|id| &**id));
        return Err(Failure::usage(format!("the melody has no node `{top}`")).help(help));
    };
    let inputs = inputs_now(opened, &score, before, words, &*artifacts)?;
    let (known, warning) = Results::open(state.root(), &results::parts_of(&score), &*artifacts, Purpose::Look);
    if let Some(warning) = warning {
        eprintln!("warning: {warning}");
    }
    let asked = score.cone_before(&[row.0]);
    let reusing = Reusing {
        results: Arc::new(known),
        // Nodes that always play are taken to give what they gave; that they may not is said.
        rules: vec![ReuseRule::Finished; score.rows() as usize],
        seed: before.and_then(|made| made.birth.wanted.seed),
    };
    let options = RunOptions {
        id: RunId::new(0, 0),
        score: Arc::clone(&score),
        inputs,
        limits: Limits::default(),
        default_parallel: u32::MAX,
        clock: ClockKind::Real,
        seed: 0,
        record: false,
        notices: false,
        reusing: Some(Arc::new(reusing)),
        asked,
        sketches: true,
        tracking: None,
        rescore: None,
    };
    let now = played_by_nobody(&options, artifacts);
    let known_path = |sketches: &BTreeMap<String, Sketch>| sketches.contains_key(node);
    if node != top && !known_path(&now) && !before.is_some_and(|made| known_path(&made.sketches)) {
        let inside = now.keys().filter(|path| path.starts_with(top)).map(String::as_str);
        return Err(Failure::usage(format!("no node `{node}` is known")).help(near(node, inside)));
    }
    Ok(Comparison { opened, score: &score, before, now: &now }.answer(node))
}

/// The inputs of today: those that are named, else those of the run, else defaults.
fn inputs_now(
    opened: &Opened,
    score: &Score,
    before: Option<&Made>,
    words: &[String],
    artifacts: &dyn ArtifactPort,
) -> Result<Vec<Value>, Failure> {
    let given = match opened.checked.melodies.first() {
        Some(root) if !words.is_empty() => {
            let named = |name: &str| words.iter().any(|word| word.split('=').next() == Some(name));
            let mut declared = root.melody.inputs.clone();
            declared.retain(|input| named(&input.name.value));
            // What is declared twice or not at all is said as when it is played.
            let declared = if declared.is_empty() { root.melody.inputs.clone() } else { declared };
            inputs::read(&declared, &root.schemas, words, None, artifacts)?
        }
        _ => BTreeMap::new(),
    };
    let was = |name: &str| before.and_then(|made| made.birth.inputs.get(name));
    let input = |input: &symphony_ecs_core::score::InputSpec| {
        given
            .get(&*input.name)
            .or_else(|| was(&input.name))
            .cloned()
            .or_else(|| input.default.clone())
            .unwrap_or_default()
    };
    Ok(score.inputs.iter().map(input).collect())
}

/// Plays as far as results and functions go.
fn played_by_nobody(options: &RunOptions, artifacts: Arc<dyn ArtifactPort>) -> BTreeMap<String, Sketch> {
    let swallowed = Arc::new(AtomicUsize::new(0));
    let mut orchestra = Orchestra::new(OrchestraParts {
        stage: Some(Box::new(Nobody::new(Arc::clone(&swallowed)))),
        functions: Some(Arc::new(BuiltIns)),
        artifacts: Some(artifacts),
        ..OrchestraParts::default()
    });
    let slot = orchestra.play(options, None);
    loop {
        orchestra.frame();
        let Some(run) = orchestra.run(slot) else { break };
        // What is in flight and was not swallowed is a function that reads from the store.
        let waits = run.calls_in_flight() > swallowed.load(Ordering::Relaxed);
        match orchestra.pulse() {
            Pulse::Beat => {}
            Pulse::Rest(_) if waits => orchestra.rest::<()>(Some(SHORTLY), &[]),
            Pulse::Rest(_) => break,
        }
    }
    orchestra.run(slot).and_then(|run| run.sketches.clone()).unwrap_or_default()
}

/// The store of a state folder that does not exist yet: who only asks does not make it.
struct NoArtifacts;

impl ArtifactPort for NoArtifacts {
    fn put(&self, bytes: &[u8], _media_type: &str) -> Result<ArtifactRef, ArtifactError> {
        Err(ArtifactError::Missing(Digest::of(bytes)))
    }

    fn put_file(&self, _file: File, _media_type: &str) -> Result<ArtifactRef, ArtifactError> {
        Err(ArtifactError::Missing(Digest::of(b"")))
    }

    fn open(&self, digest: &Digest) -> Result<File, ArtifactError> {
        Err(ArtifactError::Missing(*digest))
    }

    fn get(&self, digest: &Digest) -> Result<Vec<u8>, ArtifactError> {
        Err(ArtifactError::Missing(*digest))
    }
}

/// A stage on which nobody plays: every call is taken and none is answered.
struct Nobody {
    swallowed: Arc<AtomicUsize>,
    events: (Sender<CallEvent>, Receiver<CallEvent>),
}

impl Nobody {
    fn new(swallowed: Arc<AtomicUsize>) -> Self {
        Self { swallowed, events: bounded(1) }
    }
}

impl ExtensionPort for Nobody {
    fn call(&mut self, _request: CallRequest) -> Result<(), Busy> {
        self.swallowed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn cancel(&mut self, _id: CallId) {}

    fn events(&self) -> &Receiver<CallEvent> {
        &self.events.1
    }
}
