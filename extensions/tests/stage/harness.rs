//! A host over the test player, and an Artifact Store in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use symphony_ecs_core::ids::{CallId, RunSlot};
use symphony_ecs_core::melody::model::{PlayerKind, PlayerRef};
use symphony_ecs_core::ports::{
    ArtifactError, ArtifactPort, CallEvent, CallFailure, CallOutcome, CallRequest, CallWhat, Catalog, ExtensionPort,
    Operation, Port, SettingValue,
};
use symphony_ecs_core::types::PortType;
use symphony_ecs_core::value::{ArtifactRef, Digest, Value};
use symphony_extensions::host::{Host, HostConfig, Registry};

/// The player, launcher and guard.
pub const HELPER: &str = env!("CARGO_BIN_EXE_symphony-test-player");

/// Long enough for a loaded machine; nothing waits that long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default)]
pub struct Store(Mutex<BTreeMap<Digest, Vec<u8>>>);

impl ArtifactPort for Store {
    fn put(&self, bytes: &[u8], media_type: &str) -> Result<ArtifactRef, ArtifactError> {
        let digest = Digest::of(bytes);
        self.0.lock().unwrap().insert(digest, bytes.to_vec());
        Ok(ArtifactRef { digest, media_type: media_type.to_owned(), size: bytes.len() as u64 })
    }
    fn put_file(&self, mut file: File, media_type: &str) -> Result<ArtifactRef, ArtifactError> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|source| ArtifactError::Io { path: "given".into(), source })?;
        self.put(&bytes, media_type)
    }
    fn open(&self, digest: &Digest) -> Result<File, ArtifactError> {
        let bytes = self.get(digest)?;
        let io = |source| ArtifactError::Io { path: "temp".into(), source };
        let mut file = tempfile::tempfile().map_err(io)?;
        file.write_all(&bytes).map_err(io)?;
        file.rewind().map_err(io)?;
        Ok(file)
    }
    fn get(&self, digest: &Digest) -> Result<Vec<u8>, ArtifactError> {
        self.0.lock().unwrap().get(digest).cloned().ok_or(ArtifactError::Missing(*digest))
    }
}

pub struct Theatre {
    pub host: Host,
    pub store: Arc<Store>,
    pub folder: tempfile::TempDir,
    serial: u64,
}

/// How a call ended, and what it told before.
pub struct Played {
    pub end: Result<CallOutcome, CallFailure>,
    pub told: Vec<CallWhat>,
}

impl Played {
    pub fn value(&self) -> &Value {
        let outcome = self.end.as_ref().unwrap_or_else(|failure| panic!("failed: {failure:?}"));
        &outcome.outputs.iter().find(|(port, _)| port == "y").expect("an output y").1
    }
    pub fn failure(&self) -> &CallFailure {
        self.end.as_ref().expect_err("it should have failed")
    }
}

pub const MANIFEST: &str = r#"
schema = 1
[extension]
id = "trial"
version = "0.1.0"
kind = "operator"
[runtime]
command = ["HELPER", "ARGUMENTS"]
sdk = "rust"
startup = "STARTUP"
[operation.OPERATION]
in = { x = "any?" }
out = { y = "any?" }
"#;

/// Writes the manifest of the trial player; `arguments` say how it behaves from the start.
pub fn trial(extensions: &Path, arguments: &[&str], startup: &str) {
    let folder = extensions.join("trial");
    std::fs::create_dir_all(&folder).unwrap();
    let arguments = arguments.join("\", \"");
    let text = MANIFEST.replace("HELPER", HELPER).replace("ARGUMENTS", &arguments).replace("STARTUP", startup);
    let operations = [
        "echo",
        "about",
        "crash",
        "panic",
        "exit",
        "hang",
        "wait",
        "orphan",
        "flood",
        "stream",
        "fail",
        "spin",
        "eat",
        "read-file",
        "give-file",
        "give-nonsense",
        "large",
        "length",
        "forge",
        "nothing",
    ];
    let (head, operation) = text.split_once("[operation.OPERATION]").unwrap();
    let all: String = operations.iter().map(|name| format!("[operation.{name}]{operation}")).collect();
    std::fs::write(folder.join("Symphony.toml"), format!("{head}{all}")).unwrap();
}

impl Theatre {
    pub fn new() -> Self {
        Self::with(&["serve"], "20s", |_| {})
    }

    pub fn with(arguments: &[&str], startup: &str, change: impl FnOnce(&mut HostConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        trial(&folder.path().join("extensions"), arguments, startup);
        Self::over(folder, change)
    }

    pub fn over(folder: tempfile::TempDir, change: impl FnOnce(&mut HostConfig)) -> Self {
        let registry = Registry::new(vec![folder.path().join("extensions")]);
        let store = Arc::new(Store::default());
        let work = folder.path().canonicalize().unwrap();
        let mut config = HostConfig::new(PathBuf::from(HELPER), Arc::new(registry), Arc::clone(&store) as _, work);
        config.cache_dir = folder.path().join("cache");
        change(&mut config);
        Self { host: Host::new(config), store, folder, serial: 0 }
    }

    pub fn operation(&self, player: &str, operation: &str) -> Arc<Operation> {
        let reference = PlayerRef {
            kind: PlayerKind::Operator,
            name: player.into(),
            operation: Some(operation.into()),
            range: semver::VersionReq::STAR,
        };
        self.host.operation(&reference).unwrap_or_else(|error| panic!("{error}: {:?}", error.help))
    }

    pub fn request(&mut self, operation: &str, inputs: &[(&str, Value)]) -> CallRequest {
        self.request_to("trial", operation, inputs)
    }

    pub fn request_to(&mut self, player: &str, operation: &str, inputs: &[(&str, Value)]) -> CallRequest {
        self.serial += 1;
        let operation = self.operation(player, operation);
        CallRequest {
            id: CallId { run: RunSlot(0), serial: self.serial },
            outputs: operation.outputs.clone().into(),
            operation,
            idempotency_key: format!("run/node/{}", self.serial),
            path: "fix_loop[3].patch".into(),
            attempt: 2,
            inputs: inputs.iter().map(|(name, value)| (Arc::from(*name), value.clone())).collect(),
            settings: Vec::new(),
            timeout: None,
            mem: None,
            cpu: None,
            seed: u64::MAX - 1,
        }
    }

    /// Plays one call to its end.
    pub fn play(&mut self, request: CallRequest) -> Played {
        let id = request.id;
        self.host.call(request).expect("room");
        self.wait(id)
    }

    pub fn wait(&mut self, id: CallId) -> Played {
        let mut told = Vec::new();
        let until = Instant::now() + PATIENCE;
        loop {
            let event = self.next(until);
            if event.id != id {
                continue;
            }
            match event.what {
                CallWhat::Done(outcome) => return Played { end: Ok(outcome), told },
                CallWhat::Failed(failure) => return Played { end: Err(failure), told },
                what => told.push(what),
            }
        }
    }

    pub fn next(&self, until: Instant) -> CallEvent {
        self.host.events().recv_deadline(until).expect("an event in time")
    }

    /// Plays an operation of the trial player with the given settings.
    pub fn simple(&mut self, operation: &str, settings: &[(&str, Value)]) -> Played {
        let mut request = self.request(operation, &[]);
        request.settings = set(settings);
        self.play(request)
    }
}

pub fn set(settings: &[(&str, Value)]) -> Vec<(Arc<str>, SettingValue)> {
    settings.iter().map(|(name, value)| (Arc::from(*name), SettingValue::Value(value.clone()))).collect()
}

pub fn port(name: &str, ty: &str) -> Port {
    let ty = PortType::parse(ty).unwrap();
    Port { name: name.into(), required: !ty.may_be_absent(), ty }
}

/// Whether a process is alive (a zombie is not).
pub fn is_alive(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with(['Z', 'X'])
}

/// Waits until something holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
