//! A player on trial: a call made by hand and a reporter that writes everything down, for tests.

use crate::sdk::{ArtifactRef, Call, Failure, Level, OutPort, Outcome, Player, PortType, Reporter, Value};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use symphony_ecs_core::value::Digest;

/// What a player reported, and the artifacts it was given and gave.
#[derive(Default)]
pub struct Notes {
    /// Pieces of outputs.
    pub chunks: Mutex<Vec<(String, String)>>,
    /// Log lines.
    pub logs: Mutex<Vec<(Level, String)>>,
    /// Content of artifacts by digest.
    pub artifacts: Mutex<BTreeMap<Digest, Vec<u8>>>,
    /// Whether the call is cancelled.
    pub cancelled: AtomicBool,
    /// Cancels after so many chunks, unless it is 0.
    pub cancel_after_chunks: AtomicUsize,
}

impl Notes {
    /// All chunks of a port, one after the other.
    pub fn streamed(&self, port: &str) -> String {
        self.chunks.lock().unwrap().iter().filter(|(of, _)| of == port).map(|(_, text)| text.as_str()).collect()
    }

    /// Whether a log line of that level holds the words.
    pub fn logged(&self, level: Level, words: &str) -> bool {
        self.logs.lock().unwrap().iter().any(|(of, line)| *of == level && line.contains(words))
    }

    /// Keeps an artifact and gives its handle.
    pub fn keep(&self, bytes: &[u8], media_type: &str) -> Value {
        let digest = Digest::of(bytes);
        self.artifacts.lock().unwrap().insert(digest, bytes.to_vec());
        let size = bytes.len() as u64;
        Value::Artifact(Arc::new(ArtifactRef { digest, media_type: media_type.to_owned(), size }))
    }

    /// The content of an artifact that a player gave.
    pub fn content(&self, value: &Value) -> Vec<u8> {
        let Value::Artifact(artifact) = value else { panic!("{value:?} is no artifact") };
        self.artifacts.lock().unwrap()[&artifact.digest].clone()
    }
}

impl Reporter for Notes {
    fn progress(&self, _fraction: Option<f32>, _message: &str) {}

    fn chunk(&self, port: &str, text: &str) {
        let mut chunks = self.chunks.lock().unwrap();
        chunks.push((port.to_owned(), text.to_owned()));
        let limit = self.cancel_after_chunks.load(Ordering::Relaxed);
        if limit > 0 && chunks.len() >= limit {
            self.cancelled.store(true, Ordering::Relaxed);
        }
    }

    fn log(&self, level: Level, message: &str) {
        self.logs.lock().unwrap().push((level, message.to_owned()));
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    fn open(&self, artifact: &ArtifactRef) -> std::io::Result<File> {
        let artifacts = self.artifacts.lock().unwrap();
        super::content::file_of(artifacts.get(&artifact.digest).ok_or(std::io::ErrorKind::NotFound)?)
    }

    fn give(&self, mut file: File, media_type: &str) -> std::io::Result<Value> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut bytes)?;
        Ok(self.keep(&bytes, media_type))
    }
}

/// A call with outputs of type `any`, in the current folder.
pub fn call(operation: &str, inputs: &[(&str, Value)], settings: &[(&str, Value)], outputs: &[&str]) -> Call {
    let ports: Vec<(&str, PortType)> = outputs.iter().map(|name| (*name, PortType::Any)).collect();
    typed(operation, inputs, settings, &ports)
}

/// A call with typed outputs.
pub fn typed(
    operation: &str,
    inputs: &[(&str, Value)],
    settings: &[(&str, Value)],
    outputs: &[(&str, PortType)],
) -> Call {
    let map = |pairs: &[(&str, Value)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Call {
        operation: operation.to_owned(),
        inputs: map(inputs),
        settings: map(settings),
        outputs: outputs.iter().map(|(name, ty)| OutPort { name: (*name).to_owned(), ty: ty.clone() }).collect(),
        idempotency_key: "run/node/1".to_owned(),
        path: "node".to_owned(),
        attempt: 1,
        seed: 7,
        timeout: None,
        working_dir: std::env::current_dir().unwrap(),
    }
}

/// Plays a call of a bundled player in a folder, with fresh notes.
pub fn play(player: &str, folder: &Path, mut call: Call) -> (Result<Outcome, Failure>, Notes) {
    call.working_dir = folder.to_owned();
    let notes = Notes::default();
    let player: Box<dyn Player> = super::player(player).unwrap_or_else(|| panic!("no player {player}"));
    (player.play(&call, &notes), notes)
}

/// JSON as a value.
pub fn json(json: serde_json::Value) -> Value {
    Value::from_json(&json)
}
