//! A test stand: melodies written as text, played under the virtual clock by one scripted player.
//!
//! `operator:test/do` takes any inputs and gives what its settings say: `give = { port = value }` (an input's value
//! where the port has the input's name and nothing is given, else 1), `fail = n` (the first n attempts fail, all
//! with -1), `class = "io"`, `took = milliseconds`, `cost = micro-dollars`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::{Notice, RunStatus};
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
        worst_cost_micros: None,
        worst_tokens: None,
        max_parallel: None,
        timeout: None,
    }
}

pub struct Sum;

impl InProcess for Sum {
    fn play(&self, call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
        let sum = call.inputs.iter().filter_map(Value::as_int).fold(1i64, i64::wrapping_add);
        call.results.fill(Value::Int(sum));
        Ok(())
    }
}

struct TestFunctions;

impl Functions for TestFunctions {
    fn function(&self, operation: &str) -> Option<Arc<dyn InProcess>> {
        (operation == "builtin:test/sum").then(|| Arc::new(Sum) as Arc<dyn InProcess>)
    }
}

/// Plays `operator:test/do`.
pub struct Script;

impl Rehearsal for Script {
    fn rehearse(&self, request: &CallRequest, _estimate: Duration) -> Rehearsed {
        let setting = |name: &str| {
            request.settings.iter().find_map(|(known, setting)| match setting {
                SettingValue::Value(value) if &**known == name => Some(value.clone()),
                _ => None,
            })
        };
        let int = |name: &str, otherwise: i64| setting(name).and_then(|value| value.as_int()).unwrap_or(otherwise);
        let took = Duration::from_millis(int("took", 10).unsigned_abs());
        let usage = Usage { cost_micros: int("cost", 0).unsigned_abs(), tokens: 0 };
        let fail = int("fail", 0);
        if fail < 0 || i64::from(request.attempt) <= fail {
            let word = setting("class").and_then(|class| class.as_text().map(str::to_owned)).unwrap_or("io".into());
            let class = ErrorClass::ALL.into_iter().find(|class| class.as_str() == word).unwrap_or(ErrorClass::Io);
            let failure =
                CallFailure { class, message: format!("attempt {} fails", request.attempt), retry_after: None, usage };
            return Rehearsed { took, result: Err(failure) };
        }
        let give = setting("give").unwrap_or_default();
        let value = |name: &str, ty| {
            let input = || request.inputs.iter().find(|(known, _)| &**known == name).map(|(_, value)| value.clone());
            give.get(name).cloned().or_else(input).unwrap_or_else(|| match sample(ty) {
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
    let files = Files(bodies.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect());
    let checked = check(&files, "test.melody.toml", text, &TestCatalog).unwrap_or_else(|found| {
        panic!("{}", found.iter().map(|found| format!("{}: {}\n", found.code, found.message)).collect::<String>())
    });
    compile(&checked, &|name| TestFunctions.function(name)).unwrap()
}

pub fn parts() -> OrchestraParts {
    OrchestraParts {
        rehearsal: Arc::new(Script),
        functions: Some(Arc::new(TestFunctions)),
        ..OrchestraParts::default()
    }
}

pub fn options(score: Arc<Score>) -> RunOptions {
    RunOptions { record: true, notices: true, ..RunOptions::simulated(score, 7) }
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
    let status = orchestra.play_to_end(slot);
    let notices = orchestra.notices();
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
