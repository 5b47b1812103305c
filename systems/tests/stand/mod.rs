//! A test stand: melodies written as text, played under the virtual clock by one scripted player.
//!
//! `operator:test/do` takes any inputs and gives what its settings say: `give = { port = value }` (an input's value
//! where the port has the input's name and nothing is given, else 1), `fail = n` (the first n attempts fail, all
//! with -1), `class = "io"`, `took = milliseconds`, `cost = micro-dollars`. With `add = n` it gives `n` plus the sum
//! of its inputs (plus 1000 when an instrument plays), and takes `took_us` microseconds and a fraction of a
//! millisecond that is the path's own, so that no two calls of a melody end at the same moment.

// Each test file compiles the whole stand and uses a part of it.
#![allow(dead_code)]

pub mod oracle;
pub mod plan;
pub mod stories;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::{Notice, RunStatus};
use symphony_ecs_core::ids::RunSlot;
use symphony_ecs_core::melody::check::check;
use symphony_ecs_core::melody::model::{ErrorClass, PlayerRef};
use symphony_ecs_core::melody::sources::Sources;
use symphony_ecs_core::ports::{
    CallFailure, CallOutcome, CallRequest, Catalog, CatalogError, InProcess, InProcessCall, Operation, SettingValue,
    Usage,
};
use symphony_ecs_core::score::{Score, compile};
use symphony_ecs_core::value::{Digest, Value};
use symphony_systems::orchestra::OrchestraParts;
use symphony_systems::stage::{Functions, Rehearsal, Rehearsed, sample};
use symphony_systems::{Orchestra, RunOptions};

/// Bodies by path.
#[derive(Clone, Default)]
pub struct Files(pub BTreeMap<String, String>);

impl Sources for Files {
    fn read(&self, _from: &str, path: &str) -> Result<(String, String), String> {
        let text = self.0.get(path).ok_or_else(|| format!("{path} is not there"))?;
        Ok((path.to_owned(), text.clone()))
    }
}

/// Knows `operator:test/do` (out of process) and `builtin:test/sum` (in process).
pub struct TestCatalog;

impl Catalog for TestCatalog {
    fn operation(&self, player: &PlayerRef) -> Result<Arc<Operation>, CatalogError> {
        let name = format!("{}:{}/{}", player.kind, player.name, player.operation.as_deref().unwrap_or("do"));
        let in_process = match name.as_str() {
            "operator:test/do" | "instrument:test/do" => false,
            "builtin:test/sum" => true,
            _ => return Err(CatalogError { message: format!("{name} is unknown"), help: None }),
        };
        Ok(Arc::new(operation(&name, in_process)))
    }
}

pub fn operation(name: &str, in_process: bool) -> Operation {
    Operation {
        name: name.to_owned(),
        version: semver::Version::new(1, 0, 0),
        digest: Digest::of(name.as_bytes()),
        origin: "test".into(),
        inputs: Vec::new(),
        open_inputs: true,
        outputs: Vec::new(),
        open_outputs: true,
        settings: None,
        in_process,
        idempotent: true,
        reuse: Default::default(),
        worst_cost_micros: None,
        worst_tokens: None,
        max_parallel: None,
        timeout: None,
    }
}

pub struct Sum;

impl InProcess for Sum {
    fn play(&self, call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
        if call.setting("broken") == Some(&Value::Bool(true)) {
            let class = class_of(call.setting("class"));
            return Err(CallFailure { class, message: "broken".into(), retry_after: None, usage: Usage::default() });
        }
        let add = call.setting("add").and_then(Value::as_int).unwrap_or(1);
        let sum = call.inputs.iter().map(sum_of).fold(add, i64::wrapping_add);
        call.results.fill(Value::Int(sum));
        Ok(())
    }
}

/// The sum of all whole numbers in a value.
pub fn sum_of(value: &Value) -> i64 {
    match value {
        Value::Int(int) => *int,
        Value::List(items) => items.iter().map(sum_of).fold(0, i64::wrapping_add),
        _ => 0,
    }
}

fn class_of(setting: Option<&Value>) -> ErrorClass {
    let word = setting.and_then(Value::as_text).unwrap_or("io");
    ErrorClass::ALL.into_iter().find(|class| class.as_str() == word).unwrap_or(ErrorClass::Io)
}

/// A fraction of a millisecond, in nanoseconds, that is this attempt's own.
pub fn jitter(path: &str, attempt: u32) -> u64 {
    let hash = path
        .bytes()
        .chain(attempt.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    plan::Rng(hash).next() % 1_000_000
}

struct TestFunctions;

impl Functions for TestFunctions {
    fn function(&self, operation: &str) -> Option<Arc<dyn InProcess>> {
        (operation == "builtin:test/sum").then(|| Arc::new(Sum) as Arc<dyn InProcess>)
    }
}

/// Plays `operator:test/do`, and remembers every call.
#[derive(Default)]
pub struct Script {
    calls: Mutex<Vec<Call>>,
}

/// A call that was played.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// `PATH` of the node (`PATH.undo` for an undo).
    pub path: String,
    pub attempt: u32,
    /// The sum of its inputs.
    pub inputs: i64,
    pub add: Option<i64>,
    pub key: String,
}

impl Script {
    /// Calls since the last time.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

impl Rehearsal for Script {
    fn rehearse(&self, request: &CallRequest, _estimate: Duration) -> Rehearsed {
        let setting = |name: &str| {
            request.settings.iter().find_map(|(known, setting)| match setting {
                SettingValue::Value(value) if &**known == name => Some(value.clone()),
                _ => None,
            })
        };
        let int = |name: &str, otherwise: i64| setting(name).and_then(|value| value.as_int()).unwrap_or(otherwise);
        let add = setting("add").and_then(|value| value.as_int());
        let inputs = request.inputs.iter().map(|(_, value)| sum_of(value)).fold(0, i64::wrapping_add);
        let key = request.idempotency_key.clone();
        self.calls.lock().unwrap().push(Call {
            path: request.path.clone(),
            attempt: request.attempt,
            inputs,
            add,
            key,
        });
        let took = match setting("took_us").and_then(|value| value.as_int()) {
            Some(micros) => {
                Duration::from_micros(micros.unsigned_abs())
                    + Duration::from_nanos(jitter(&request.path, request.attempt))
            }
            None => Duration::from_millis(int("took", 10).unsigned_abs()),
        };
        let usage = Usage { cost_micros: int("cost", 0).unsigned_abs(), tokens: 0 };
        let fail = int("fail", 0);
        if fail < 0 || i64::from(request.attempt) <= fail {
            let class = class_of(setting("class").as_ref());
            let failure =
                CallFailure { class, message: format!("attempt {} fails", request.attempt), retry_after: None, usage };
            return Rehearsed { took, result: Err(failure) };
        }
        let give = setting("give").unwrap_or_default();
        let dear = if request.operation.name.starts_with("instrument:") { 1000 } else { 0 };
        let value = |name: &str, ty| {
            let input = || request.inputs.iter().find(|(known, _)| &**known == name).map(|(_, value)| value.clone());
            let sum = add.map(|add| Value::Int(add.wrapping_add(inputs).wrapping_add(dear)));
            give.get(name).cloned().or(sum).or_else(input).unwrap_or_else(|| match sample(ty) {
                Value::Int(_) => Value::Int(1),
                other => other,
            })
        };
        let outputs = request.outputs.iter().map(|port| (port.name.clone(), value(&port.name, &port.ty))).collect();
        Rehearsed { took, result: Ok(CallOutcome { outputs, usage }) }
    }
}

/// Compiles a melody; panics with its diagnostics.
pub fn score(text: &str, bodies: &[(&str, &str)]) -> Arc<Score> {
    score_for(text, bodies, &Value::Absent)
}

/// Compiles a melody for a person with these settings.
pub fn score_for(text: &str, bodies: &[(&str, &str)], settings: &Value) -> Arc<Score> {
    let files = Files(bodies.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect());
    let checked = check(&files, "test.melody.toml", text, &TestCatalog).unwrap_or_else(|found| {
        panic!("{}", found.iter().map(|found| format!("{}: {}\n", found.code, found.message)).collect::<String>())
    });
    compile(&checked, &|name| TestFunctions.function(name), settings).unwrap()
}

pub fn parts() -> OrchestraParts {
    parts_with(&Arc::default())
}

/// Parts whose calls are remembered by `script`.
pub fn parts_with(script: &Arc<Script>) -> OrchestraParts {
    OrchestraParts {
        rehearsal: Arc::clone(script) as Arc<dyn Rehearsal>,
        functions: Some(Arc::new(TestFunctions)),
        ..OrchestraParts::default()
    }
}

pub fn options(score: Arc<Score>) -> RunOptions {
    RunOptions { record: true, notices: true, ..RunOptions::simulated(score, 7) }
}

/// The run of a drawn plan.
pub fn options_of(plan: &plan::Plan) -> RunOptions {
    let (text, bodies) = plan.texts();
    let bodies: Vec<(&str, &str)> = bodies.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let mut options = options(score(&text, &bodies));
    options.limits.wall = plan.wall_ms.map(Duration::from_millis);
    options.limits.parallel = plan.parallel;
    options.limits.cost_micros = plan.cost;
    options
}

/// The canonical event export.
pub fn export(notices: &[Notice]) -> String {
    let kept = notices.iter().filter(|notice| notice.seq.is_some());
    kept.map(|notice| serde_json::to_string(notice).unwrap() + "\n").collect()
}

/// What a run came to.
pub struct Played {
    pub status: RunStatus,
    pub nodes: BTreeMap<String, Status>,
    pub outputs: BTreeMap<String, Value>,
    pub notices: Vec<Notice>,
    pub frames: Vec<Vec<u8>>,
    pub seconds: f64,
}

impl Played {
    pub fn words(&self) -> String {
        let word = |(path, status): (&String, &Status)| format!("{path}={}", status.as_str());
        self.nodes.iter().map(word).collect::<Vec<_>>().join(" ")
    }
    /// The paths of notices of one kind, in order.
    pub fn story(&self, event: &str) -> Vec<String> {
        let named = |notice: &Notice| {
            let json = serde_json::to_value(notice).unwrap();
            (json["event"] == event).then(|| notice.node.clone().unwrap_or_default())
        };
        self.notices.iter().filter_map(named).collect()
    }
}

/// Plays to the end.
pub fn play(options: &RunOptions) -> Played {
    let mut orchestra = Orchestra::new(parts());
    let slot = orchestra.play(options, None);
    orchestra.play_to_end(slot);
    let notices = orchestra.notices();
    played(&mut orchestra, slot, options, notices)
}

/// What a run in an orchestra has come to.
pub fn played(orchestra: &mut Orchestra, slot: RunSlot, options: &RunOptions, notices: Vec<Notice>) -> Played {
    let status = orchestra.status(slot);
    let nodes = orchestra.nodes(slot).into_iter().map(|node| (node.path, node.status)).collect();
    let run = orchestra.run(slot).unwrap();
    let names = options.score.outputs.iter().map(|output| output.name.to_string());
    let outputs = names.zip(run.outputs.iter().cloned()).collect();
    let seconds = run.now.0 as f64 / 1e9;
    Played { status, nodes, outputs, notices, frames: orchestra.sealed(slot), seconds }
}

pub fn play_text(text: &str) -> Played {
    play(&options(score(text, &[])))
}
