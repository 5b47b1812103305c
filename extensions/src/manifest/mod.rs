//! What an extension says about itself: `Symphony.toml`, checked.
//!
//! ```toml
//! schema = 1
//!
//! [extension]
//! id      = "word-count"
//! version = "0.1.0"
//! kind    = "operator"
//!
//! [runtime]
//! command = ["python3", "player.py"]
//! codec   = "json"
//!
//! [operation.count]
//! in  = { text = "text" }
//! out = { words = "int" }
//! ```

mod digest;
mod fields;
mod parse;

pub use digest::{MAX_BYTES, MAX_FILES};
pub use fields::ManifestError;
pub(crate) use fields::{listing, nearest};

use crate::bus::codec::Codec;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use symphony_ecs_core::melody::model::PlayerKind;
use symphony_ecs_core::ports::{Operation, Port, Reuse};
use symphony_ecs_core::value::Digest;

/// Name of the file.
pub const FILE: &str = "Symphony.toml";

/// An extension, as its manifest describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Where it was found: the folder, or `None` for a player that comes with the program.
    pub folder: Option<PathBuf>,
    /// `id`: `[a-z][a-z0-9-]{0,63}`.
    pub id: String,
    /// `name`, for people.
    pub name: Option<String>,
    /// `version`.
    pub version: semver::Version,
    /// `kind`: operator or instrument.
    pub kind: PlayerKind,
    /// `description`, for people.
    pub description: Option<String>,
    /// `license`: an SPDX expression.
    pub license: Option<String>,
    /// `[runtime]`.
    pub runtime: Runtime,
    /// `[operation.NAME]`, by name.
    pub operations: BTreeMap<String, OperationDecl>,
    /// What makes this player this player: id and version of a bundled one; manifest and files of a person's own.
    pub digest: Digest,
}

/// How its process is started and spoken to.
#[derive(Clone, Debug, PartialEq)]
pub struct Runtime {
    /// `command`: program and arguments; empty for a bundled player, which the program itself plays.
    pub command: Vec<String>,
    /// `codec`: `msgpack` (default) or `json`.
    pub codec: Codec,
    /// `sdk`: what the program is written with, if that needs something from the host.
    pub sdk: Option<Sdk>,
    /// `env`: variables with their values.
    pub env: BTreeMap<String, String>,
    /// `pass_env`: variables taken from the host's environment. All others but a handful do not reach the process.
    pub pass_env: Vec<String>,
    /// `startup`: HELLO must come within it.
    pub startup: Duration,
    /// `processes`: how many may be alive at once.
    pub processes: Option<u32>,
    /// The command is an MCP server, which the program's own bridge starts and speaks to. Never in a manifest file.
    pub server: Option<Bridged>,
}

/// An MCP server behind the bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridged {
    /// The file that keeps what it was checked with.
    pub listing: PathBuf,
    /// The folder that it starts in, if not the host's.
    pub folder: Option<PathBuf>,
}

/// A software development kit that needs something from the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sdk {
    /// `python`: `symphony_player` is importable; payloads are JSON.
    Python,
    /// `rust`: the bus stays on descriptor 0, where safe Rust can take it.
    Rust,
}

/// `[operation.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationDecl {
    /// `in`: a port whose type ends in `?` may stay unbound.
    pub inputs: Vec<Port>,
    /// `open_inputs`: further inputs of any name.
    pub open_inputs: bool,
    /// `out`.
    pub outputs: Vec<Port>,
    /// `open_outputs`: the node says which outputs there are.
    pub open_outputs: bool,
    /// `settings`: JSON Schema of `with`.
    pub settings: Option<serde_json::Value>,
    /// `idempotent`: calling it again with the same key is harmless.
    pub idempotent: bool,
    /// `reuse`: whether the result of a finished call may stand in for an equal one.
    pub reuse: Reuse,
    /// `timeout`.
    pub timeout: Option<Duration>,
    /// `cost_usd`: worst case of one call, in micro-dollars.
    pub worst_cost_micros: Option<u64>,
    /// `tokens`: worst case of one call.
    pub worst_tokens: Option<u64>,
    /// `max_parallel`.
    pub max_parallel: Option<u32>,
}

impl Manifest {
    /// Reads `FOLDER/Symphony.toml` and digests the files beside it.
    pub fn read(folder: &Path) -> Result<Self, ManifestError> {
        let path = folder.join(FILE);
        let bytes = digest::read_bounded(&path)?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let line = bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
            let help = "save the file as UTF-8".to_owned();
            ManifestError { path: path.clone(), line, column: 1, message: "this is not UTF-8 text".into(), help }
        })?;
        let mut manifest = parse::parse(text, &path, parse::Origin::Folder)?;
        manifest.digest = digest::of_folder(folder)?;
        manifest.folder = Some(folder.to_owned());
        Ok(manifest)
    }

    /// Reads the manifest of a player that comes with the program: the same format, but `[runtime]` has no
    /// `command`. `name` stands for the file in errors.
    pub fn bundled(text: &str, name: &str) -> Result<Self, ManifestError> {
        let mut manifest = parse::parse(text, Path::new(name), parse::Origin::Bundled)?;
        manifest.digest = Digest::of(format!("{}@{}", manifest.player(), manifest.version).as_bytes());
        Ok(manifest)
    }

    /// `KIND:ID`, as a melody writes it.
    pub fn player(&self) -> String {
        format!("{}:{}", kind_word(self.kind), self.id)
    }

    /// Where it was found, for people.
    pub fn origin(&self) -> String {
        self.folder.as_ref().map_or_else(|| "bundled".to_owned(), |folder| folder.display().to_string())
    }

    /// One of its operations, as the catalog knows it.
    pub fn operation(&self, name: &str) -> Option<Operation> {
        let declared = self.operations.get(name)?;
        Some(Operation {
            name: format!("{}/{name}", self.player()),
            version: self.version.clone(),
            digest: self.digest,
            origin: self.origin(),
            inputs: declared.inputs.clone(),
            open_inputs: declared.open_inputs,
            outputs: declared.outputs.clone(),
            open_outputs: declared.open_outputs,
            settings: declared.settings.clone(),
            in_process: false,
            idempotent: declared.idempotent,
            reuse: declared.reuse,
            worst_cost_micros: declared.worst_cost_micros,
            worst_tokens: declared.worst_tokens,
            max_parallel: declared.max_parallel,
            timeout: declared.timeout,
        })
    }

    /// All its operations, by name.
    pub fn all_operations(&self) -> Vec<Arc<Operation>> {
        self.operations.keys().filter_map(|name| self.operation(name)).map(Arc::new).collect()
    }
}

/// The word for a kind of player in a reference.
pub(crate) fn kind_word(kind: PlayerKind) -> &'static str {
    match kind {
        PlayerKind::Builtin => "builtin",
        PlayerKind::Operator => "operator",
        PlayerKind::Instrument => "instrument",
        PlayerKind::Addon => "addon",
        PlayerKind::Melody => "melody",
        PlayerKind::Mcp => "mcp",
    }
}

#[cfg(test)]
mod tests;
