//! A request on its way to a player: secrets put in, artifacts opened, written as a frame.

use super::secrets::Secrets;
use crate::bus::codec::{Codec, CodecError};
use crate::bus::frame::FrameType;
use crate::bus::message::{FdPass, OutputPort};
use crate::bus::size::exceeds;
use crate::bus::wire::FDS_PER_MESSAGE;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{ArtifactPort, CallRequest, SettingValue};
use symphony_ecs_core::value::{ArtifactRef, Digest, SPILLED, Value};

/// Artifacts that travel with one call.
const MAX_ARTIFACTS: usize = 800;
/// A spilled value is searched for handles up to this size.
const MAX_SEARCHED: u64 = 64 << 20;
/// When a request does not fit a frame, inputs larger than this travel as files.
const LARGE_INPUT: usize = 8 << 10;

/// Whether the player plays without this secret as well: `x-optional-secret = true` in its settings' schema.
fn may_be_left_out(request: &CallRequest, setting: &str) -> bool {
    let schema = request.operation.settings.as_ref();
    schema.is_some_and(|schema| schema["properties"][setting]["x-optional-secret"] == true)
}

/// A call that waits for a process.
pub(crate) struct Job {
    pub request: CallRequest,
    /// Settings with the secrets put in.
    pub settings: Vec<(Arc<str>, Value)>,
    /// The secrets' values, to keep them out of messages.
    pub secrets: Vec<String>,
}

impl Job {
    /// Puts the secrets in. When one is unknown the request comes back with what is missing.
    pub fn new(mut request: CallRequest, source: &dyn Secrets) -> Result<Self, Box<(CallRequest, String)>> {
        request.timeout = request.timeout.or(request.operation.timeout);
        let mut secrets = Vec::new();
        let mut settings = Vec::with_capacity(request.settings.len());
        for (name, setting) in &request.settings {
            let value = match setting {
                SettingValue::Value(value) => value.clone(),
                SettingValue::Secret(secret) => match source.secret(secret) {
                    Some(value) => {
                        secrets.push(value.clone());
                        Value::from(value)
                    }
                    None if may_be_left_out(&request, name) => continue,
                    None => {
                        let message = format!("the secret {secret} is not known; {}", source.cure(secret));
                        return Err(Box::new((request, message)));
                    }
                },
            };
            settings.push((Arc::clone(name), value));
        }
        Ok(Self { request, settings, secrets })
    }

    /// Whether files must travel with it, which takes a disk and is done on the process's thread.
    pub fn has_files(&self) -> bool {
        self.request.inputs.iter().any(|(_, value)| has_artifact(value))
    }

    /// Writes the REQUEST frame.
    pub fn write(
        &self,
        codec: Codec,
        serial: u64,
        working_dir: &Path,
        artifacts: &[Digest],
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let request = &self.request;
        let name = &request.operation.name;
        let outputs = request.outputs.iter();
        let message = RequestRef {
            id: serial,
            operation: name.split_once('/').map_or(name.as_str(), |(_, operation)| operation),
            inputs: Pairs(&request.inputs),
            settings: Pairs(&self.settings),
            outputs: outputs.map(|port| OutputPort { name: port.name.clone(), ty: port.ty.to_string() }).collect(),
            idempotency_key: &request.idempotency_key,
            path: &request.path,
            attempt: request.attempt,
            seed: request.seed,
            timeout_ms: request.timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)),
            working_dir: &working_dir.to_string_lossy(),
            artifacts,
        };
        codec.frame(FrameType::Request, &message, out)
    }
}

/// A REQUEST, borrowed from the call.
#[derive(Serialize)]
struct RequestRef<'a> {
    id: u64,
    operation: &'a str,
    inputs: Pairs<'a>,
    settings: Pairs<'a>,
    outputs: Vec<OutputPort>,
    idempotency_key: &'a str,
    path: &'a str,
    attempt: u32,
    seed: u64,
    timeout_ms: Option<u64>,
    working_dir: &'a str,
    artifacts: &'a [Digest],
}

/// Pairs, written as a map.
struct Pairs<'a>(&'a [(Arc<str>, Value)]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(&**name, value)?;
        }
        map.end()
    }
}

fn has_artifact(value: &Value) -> bool {
    match value {
        Value::Artifact(_) => true,
        Value::List(items) => items.iter().any(has_artifact),
        Value::Map(map) => map.values().any(has_artifact),
        _ => false,
    }
}

/// Bytes for the socket with the files that travel with the first of them.
pub(super) struct Packet {
    pub bytes: Vec<u8>,
    pub files: Vec<File>,
}

/// A request that is ready to be sent, and the artifacts that go along.
pub(super) struct Ready {
    pub packets: Vec<Packet>,
    pub artifacts: Vec<Arc<ArtifactRef>>,
}

/// Why a request could not be made ready.
pub(super) type Unready = (ErrorClass, String);

/// Opens the artifacts among the inputs and writes the frames. Reads the disk.
pub(super) fn prepare(
    job: &mut Job,
    codec: Codec,
    serial: u64,
    working_dir: &Path,
    store: &dyn ArtifactPort,
) -> Result<Ready, Unready> {
    if let Some(ready) = prepare_as_is(job, codec, serial, working_dir, store)? {
        return Ok(ready);
    }
    for (port, value) in &mut job.request.inputs {
        if exceeds(value, LARGE_INPUT) {
            let stored = store.put(value.canonical_json().as_bytes(), SPILLED);
            let stored = stored.map_err(|error| (ErrorClass::Io, format!("input `{port}`: {error}")))?;
            *value = Value::Artifact(Arc::new(stored));
        }
    }
    prepare_as_is(job, codec, serial, working_dir, store)?.ok_or_else(|| {
        (ErrorClass::Refused, "the inputs and settings of the call do not fit a request of 1 MiB".to_owned())
    })
}

/// `None` when the request does not fit a frame.
fn prepare_as_is(
    job: &Job,
    codec: Codec,
    serial: u64,
    working_dir: &Path,
    store: &dyn ArtifactPort,
) -> Result<Option<Ready>, Unready> {
    let mut artifacts = BTreeMap::new();
    for (port, value) in &job.request.inputs {
        let collected = collect(value, store, &mut artifacts);
        collected.map_err(|message| (ErrorClass::Io, format!("input `{port}`: {message}")))?;
    }
    if artifacts.len() > MAX_ARTIFACTS {
        let count = artifacts.len();
        let cure = "split the work with `map`";
        let message = format!("the inputs hold {count} artifacts; at most {MAX_ARTIFACTS} travel with a call: {cure}");
        return Err((ErrorClass::Refused, message));
    }
    let mut opened = Vec::with_capacity(artifacts.len());
    for digest in artifacts.keys() {
        opened.push((*digest, store.open(digest).map_err(|error| (ErrorClass::Io, error.to_string()))?));
    }
    let mut packets = Vec::new();
    // What does not fit the request's own message goes ahead of it.
    while opened.len() > FDS_PER_MESSAGE {
        let (digests, files) = opened.split_off(opened.len() - FDS_PER_MESSAGE).into_iter().unzip();
        let pass = FdPass { id: serial, media_type: String::new(), artifacts: digests };
        let mut bytes = Vec::new();
        codec.frame(FrameType::FdPass, &pass, &mut bytes).map_err(|error| (ErrorClass::Refused, error.to_string()))?;
        packets.push(Packet { bytes, files });
    }
    let (digests, files): (Vec<Digest>, Vec<File>) = opened.into_iter().unzip();
    let mut bytes = Vec::new();
    match job.write(codec, serial, working_dir, &digests, &mut bytes) {
        Ok(()) => {}
        Err(CodecError::Frame(_)) => return Ok(None),
        Err(error) => return Err((ErrorClass::Refused, error.to_string())),
    }
    packets.push(Packet { bytes, files });
    Ok(Some(Ready { packets, artifacts: artifacts.into_values().collect() }))
}

/// Every artifact in a value, also those within spilled values.
fn collect(
    value: &Value,
    store: &dyn ArtifactPort,
    found: &mut BTreeMap<Digest, Arc<ArtifactRef>>,
) -> Result<(), String> {
    match value {
        Value::Artifact(artifact) => {
            let new = found.insert(artifact.digest, Arc::clone(artifact)).is_none();
            if new && artifact.media_type == SPILLED && artifact.size <= MAX_SEARCHED {
                let bytes = store.get(&artifact.digest).map_err(|error| error.to_string())?;
                let mentions = bytes.windows(11).any(|window| window == b"\"$artifact\"");
                if mentions && let Ok(inner) = serde_json::from_slice::<Value>(&bytes) {
                    collect(&inner, store, found)?;
                }
            }
            Ok(())
        }
        Value::List(items) => items.iter().try_for_each(|item| collect(item, store, found)),
        Value::Map(map) => map.values().try_for_each(|item| collect(item, store, found)),
        _ => Ok(()),
    }
}
