//! The chorus: scores of many plain nodes, and their playing, measured.

use crate::error::BenchError;
use crate::meter::Stopwatch;
use crate::sample::Sample;
use std::sync::Arc;
use std::time::Duration;
use symphony_benches::graphs::Edges;
use symphony_ecs_core::events::RunStatus;
use symphony_ecs_core::ids::Row;
use symphony_ecs_core::ports::{CallFailure, InProcess, InProcessCall, JournalPort, Operation, Port};
use symphony_ecs_core::score::{Action, Cycle, NodeSpec, Score, Wiring};
use symphony_ecs_core::types::PortType;
use symphony_ecs_core::value::{Digest, Value};
use symphony_systems::{Orchestra, RunOptions};

/// Nodes that do nothing but take a second of virtual time, numbered in waves as those of a compiled melody are.
pub fn pauses(rows: u32, edges: &Edges) -> Result<Score, BenchError> {
    Score::in_waves("bench", rows, edges, vec![pause()], Vec::new(), Wiring::Order).map_err(cyclic)
}

/// The same with the numbers that the edges give them.
pub fn pauses_as_numbered(rows: u32, edges: &Edges) -> Result<Score, BenchError> {
    Score::from_edges("bench", rows, edges, vec![pause()], Vec::new(), Wiring::Order).map_err(cyclic)
}

fn pause() -> NodeSpec {
    let span = Duration::from_secs(1);
    NodeSpec::plain(Action::Pause(span), span)
}

/// Nodes that add their inputs and one: the work of the peers' tasks.
pub fn sums(rows: u32, edges: &Edges) -> Result<Score, BenchError> {
    Score::from_edges("bench", rows, edges, vec![sum_spec()], Vec::new(), Wiring::Values).map_err(cyclic)
}

fn cyclic(cycle: Cycle) -> BenchError {
    BenchError::Wrong(format!("the graph has a cycle: {cycle:?}"))
}

/// A node that plays [`Sum`].
pub fn sum_spec() -> NodeSpec {
    let port = Port { name: "sum".to_owned(), ty: PortType::Int, required: true };
    let operation = Operation {
        name: "builtin:bench/sum".to_owned(),
        version: semver::Version::new(1, 0, 0),
        digest: Digest::of(b"bench/sum"),
        origin: "bench".to_owned(),
        inputs: Vec::new(),
        open_inputs: true,
        outputs: vec![port.clone()],
        open_outputs: false,
        settings: None,
        in_process: true,
        idempotent: true,
        reuse: Default::default(),
        worst_cost_micros: None,
        worst_tokens: None,
        max_parallel: None,
        timeout: None,
    };
    let action = Action::Function(Arc::new(operation), Arc::new(Sum));
    NodeSpec { outputs: Arc::from([port]), ..NodeSpec::plain(action, Duration::from_micros(1)) }
}

/// Gives the wrapping sum of its inputs, plus one.
pub struct Sum;

impl InProcess for Sum {
    fn play(&self, call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
        let sum = call.inputs.iter().filter_map(Value::as_int).fold(1i64, i64::wrapping_add);
        if let Some(result) = call.results.first_mut() {
            *result = Value::Int(sum);
        }
        Ok(())
    }
}

/// Plays a run to its end through the frame loop and measures that: from the arming of the rows to the run's end.
/// Compiling the score and spawning the entities are over by then, as a peer's graph is built by then. `last` rows
/// are summed for the checksum.
pub fn play(options: &RunOptions, journal: Option<Box<dyn JournalPort>>, last: u32) -> Result<Sample, BenchError> {
    let rows = options.score.rows();
    let mut orchestra = Orchestra::default();
    let slot = orchestra.play(options, journal);
    let watch = Stopwatch::start();
    let status = orchestra.play_to_end(slot);
    let (cpu, wall) = watch.read();
    let played = orchestra.tally(slot).played;
    if status != RunStatus::Completed {
        let why = orchestra.failure(slot).map(|error| format!(": {error}")).unwrap_or_default();
        return Err(BenchError::Wrong(format!("the run ended {} after {played} nodes{why}", status.as_str())));
    }
    let block = orchestra.run(slot).and_then(|run| run.block(symphony_ecs_core::ids::BlockId(0)));
    let value = |row: u32| {
        let block = block?;
        block.values.get(block.score.slots(Row(row)).start)?.as_int()
    };
    let sum = (rows - last..rows).filter_map(value).fold(0i64, i64::wrapping_add);
    Ok(Sample {
        cpu_ns: cpu as f64,
        wall_ns: wall as f64,
        tasks: played as f64,
        checksum: (last > 0).then_some(sum),
        ..Sample::default()
    })
}

/// Takes samples for at least `ms` milliseconds of processor time and keeps the best: for plays that are short.
pub fn best_within(ms: f64, mut sample: impl FnMut() -> Result<Sample, BenchError>) -> Result<Sample, BenchError> {
    let mut best = sample()?;
    let mut spent = best.cpu_ns;
    while spent < ms * 1e6 {
        let next = sample()?;
        spent += next.cpu_ns.max(1.0);
        if next.cpu_ns < best.cpu_ns {
            best = next;
        }
    }
    Ok(best)
}

/// A word of a sample's command line as a number.
pub fn number(words: &[&str], place: usize) -> Result<u32, BenchError> {
    let word = words.get(place).and_then(|word| word.parse().ok());
    word.ok_or_else(|| BenchError::Wrong(format!("word {place} of {words:?} must be a number")))
}
