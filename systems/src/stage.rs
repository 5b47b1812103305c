//! The stage as the frame sees it: the extension port for real runs, models of players for virtual ones, and a few
//! threads for functions of this process whose inputs must be read from the store first.

use bevy_ecs::prelude::Resource;
use crossbeam_channel::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use symphony_ecs_core::ids::CallId;
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{
    ArtifactPort, Busy, CallEvent, CallFailure, CallOutcome, CallRequest, CallWhat, ExtensionPort, InProcess,
    InProcessCall, Port, ProcessReport, Usage, WarmOrder,
};
use symphony_ecs_core::types::PortType;
use symphony_ecs_core::value::{SPILLED, Value};

/// Finds functions of this process by the full name of their operation.
pub trait Functions: Send + Sync {
    /// The function, if there is one.
    fn function(&self, operation: &str) -> Option<Arc<dyn InProcess>>;
}

/// Models of players under the virtual clock: how long a call takes and what it gives.
pub trait Rehearsal: Send + Sync {
    /// Plays a call without playing it. Must give the same for the same request.
    fn rehearse(&self, request: &CallRequest, estimate: Duration) -> Rehearsed;
}

/// What a model of a player says.
#[derive(Clone, Debug)]
pub struct Rehearsed {
    /// How long the call takes.
    pub took: Duration,
    /// How it ends.
    pub result: Result<CallOutcome, CallFailure>,
}

/// The plainest model: every call takes as long as estimated and gives a value of each declared type.
#[derive(Clone, Copy, Debug, Default)]
pub struct TypedRehearsal;

impl Rehearsal for TypedRehearsal {
    fn rehearse(&self, request: &CallRequest, estimate: Duration) -> Rehearsed {
        let outputs = request.outputs.iter().map(|port| (port.name.clone(), sample(&port.ty))).collect();
        Rehearsed { took: estimate, result: Ok(CallOutcome { outputs, usage: Usage::default() }) }
    }
}

/// The simplest value of a type.
pub fn sample(ty: &PortType) -> Value {
    match ty {
        PortType::Any | PortType::Text => Value::text(""),
        PortType::Bool => Value::Bool(false),
        PortType::Int => Value::Int(0),
        PortType::Float => Value::Float(0.0),
        PortType::Bytes => Value::Bytes(Arc::from([])),
        PortType::Json(_) => Value::map::<String>([]),
        PortType::Enum(words) => words.first().map(|word| Value::text(word.as_str())).unwrap_or_default(),
        PortType::List(_) => Value::list(Vec::new()),
        PortType::Artifact(_) | PortType::Optional(_) => Value::Absent,
        PortType::Union(types) => types.first().map(sample).unwrap_or_default(),
    }
}

/// Everything a call can be handed to.
#[derive(Resource)]
pub struct Stage {
    port: Option<Mutex<Box<dyn ExtensionPort>>>,
    rehearsal: Arc<dyn Rehearsal>,
    functions: Option<Arc<dyn Functions>>,
    artifacts: Option<Arc<dyn ArtifactPort>>,
    answers: (Sender<CallEvent>, Receiver<CallEvent>),
}

impl Stage {
    /// A stage. Without a port only virtual runs can play out-of-process players.
    pub fn new(
        port: Option<Box<dyn ExtensionPort>>,
        rehearsal: Arc<dyn Rehearsal>,
        functions: Option<Arc<dyn Functions>>,
        artifacts: Option<Arc<dyn ArtifactPort>>,
    ) -> Self {
        let answers = crossbeam_channel::bounded(1024);
        Self { port: port.map(Mutex::new), rehearsal, functions, artifacts, answers }
    }

    fn port(&mut self) -> Option<&mut dyn ExtensionPort> {
        let port = self.port.as_mut()?;
        Some(port.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut())
    }

    /// Channels on which answers arrive, for a loop that sleeps on them.
    pub fn channels(&mut self) -> Vec<Receiver<CallEvent>> {
        let mut channels = vec![self.answers.1.clone()];
        channels.extend(self.port().map(|port| port.events().clone()));
        channels
    }

    /// Up to `most` events that have arrived.
    pub(crate) fn events(&mut self, most: usize) -> Vec<CallEvent> {
        let mut events: Vec<_> = self.answers.1.try_iter().take(most).collect();
        if let Some(port) = self.port() {
            let room = most.saturating_sub(events.len());
            events.extend(port.events().try_iter().take(room));
        }
        events
    }

    /// Hands a request over.
    pub(crate) fn call(&mut self, request: CallRequest) -> Result<(), Busy> {
        if request.operation.in_process {
            self.play_function(request);
            return Ok(());
        }
        let id = request.id;
        match self.port() {
            Some(port) => port.call(request),
            None => {
                let failure =
                    failure(ErrorClass::Denied, "this orchestra has no stage: nothing out of process can play");
                // The channel is drained every frame and each call gives one answer; if it is full, come again.
                self.answers
                    .0
                    .try_send(CallEvent { id, what: CallWhat::Failed(failure) })
                    .map_err(|_| Busy(Box::new(request)))
            }
        }
    }

    /// Likewise, by this process if the stage can; says which process plays it, if the stage counts them.
    pub(crate) fn call_on(&mut self, request: CallRequest, process: Option<u64>) -> Result<Option<u64>, Busy> {
        match self.port.as_mut().filter(|_| !request.operation.in_process) {
            Some(port) => port.get_mut().unwrap_or_else(PoisonError::into_inner).call_on(request, process),
            None => self.call(request).map(|()| None),
        }
    }

    /// Sees that a player is warm.
    pub(crate) fn warm(&mut self, order: &WarmOrder) -> u32 {
        self.port().map_or(0, |port| port.warm(order))
    }

    /// Ends a process that plays nothing.
    pub(crate) fn unload(&mut self, process: u64) -> bool {
        self.port().is_some_and(|port| port.unload(process))
    }

    /// What became of processes since the last time.
    pub(crate) fn lives(&mut self) -> Vec<ProcessReport> {
        self.port().map(|port| port.lives()).unwrap_or_default()
    }

    /// Asks a call to stop.
    pub(crate) fn cancel(&mut self, id: CallId) {
        if let Some(port) = self.port() {
            port.cancel(id);
        }
    }

    /// Plays a call under the virtual clock. Functions of this process are played for real.
    pub(crate) fn rehearse(&self, request: &CallRequest, estimate: Duration) -> Rehearsed {
        if request.operation.in_process {
            let result = match self.functions.as_ref().and_then(|known| known.function(&request.operation.name)) {
                Some(function) => play(&*function, request, self.artifacts.as_deref()),
                None => Err(failure(ErrorClass::Denied, "this function is not known here")),
            };
            return Rehearsed { took: Duration::ZERO, result };
        }
        self.rehearsal.rehearse(request, estimate)
    }

    /// Plays a function on another thread, because its inputs must be read from the store.
    fn play_function(&self, request: CallRequest) {
        let function = self.functions.as_ref().and_then(|known| known.function(&request.operation.name));
        let (answers, artifacts) = (self.answers.0.clone(), self.artifacts.clone());
        rayon::spawn(move || {
            let result = match function {
                Some(function) => play(&*function, &request, artifacts.as_deref()),
                None => Err(failure(ErrorClass::Denied, "this function is not known here")),
            };
            let what = match result {
                Ok(outcome) => CallWhat::Done(outcome),
                Err(failure) => CallWhat::Failed(failure),
            };
            // The receiver goes only when the orchestra does.
            let _ = answers.send(CallEvent { id: request.id, what });
        });
    }
}

fn failure(class: ErrorClass, message: impl Into<String>) -> CallFailure {
    CallFailure { class, message: message.into(), retry_after: None, usage: Usage::default() }
}

fn play(
    function: &dyn InProcess,
    request: &CallRequest,
    store: Option<&dyn ArtifactPort>,
) -> Result<CallOutcome, CallFailure> {
    let mut names = Vec::with_capacity(request.inputs.len());
    let mut inputs = Vec::with_capacity(request.inputs.len());
    for (name, value) in &request.inputs {
        names.push(Arc::clone(name));
        inputs.push(read_spilled(value, store)?);
    }
    let outputs: &[Port] = &request.outputs;
    let mut results = vec![Value::Absent; outputs.len()];
    function.play(&mut InProcessCall {
        input_names: &names,
        inputs: &inputs,
        settings: &request.settings,
        outputs,
        results: &mut results,
    })?;
    let named = outputs.iter().zip(results).filter(|(_, value)| value.is_present());
    let outputs = named.map(|(port, value)| (port.name.clone(), value)).collect();
    Ok(CallOutcome { outputs, usage: Usage::default() })
}

/// A value that was too large to travel is read back from the store.
fn read_spilled(value: &Value, store: Option<&dyn ArtifactPort>) -> Result<Value, CallFailure> {
    let Value::Artifact(artifact) = value else { return Ok(value.clone()) };
    if artifact.media_type != SPILLED {
        return Ok(value.clone());
    }
    let store =
        store.ok_or_else(|| failure(ErrorClass::Io, "there is no artifact store to read a large value from"))?;
    let bytes = store.get(&artifact.digest).map_err(|error| failure(ErrorClass::Io, error.to_string()))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| failure(ErrorClass::Io, format!("a stored value is damaged: {error}")))
}
