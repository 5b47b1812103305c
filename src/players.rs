//! Who plays what on this machine: built-in functions, bundled players, those of the project and the person, and the
//! tools of MCP servers.

use crate::failure::Failure;
use crate::state::{State, user_config, user_data};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use symphony_ecs_core::melody::Diagnostic;
use symphony_ecs_core::melody::lock::Lock;
use symphony_ecs_core::ports::{ArtifactPort, InProcess};
use symphony_extensions::host::{Host, HostConfig, Locked, Registry};
use symphony_extensions::manifest::ManifestError;
use symphony_extensions::mcp::{Places, Servers};
use symphony_extensions::{builtin, bundled};
use symphony_systems::stage::Functions;

/// The registry of a project: its own extensions, the person's, the bundled ones, as a lock file binds them.
///
/// # Errors
/// A bundled manifest that cannot be read: a mistake of this program.
pub fn registry(
    state: &State,
    melody: &Path,
    lock: Option<&Lock>,
    listing: Listing,
) -> Result<Registry, ManifestError> {
    let mut roots = vec![state.extensions()];
    roots.extend(user_data().map(|folder| folder.join("extensions")));
    let registry = Registry::new(roots)
        .with_bundled(bundled::manifests()?)
        .with_builtin(builtin::operations())
        .with_servers(servers(state, melody, listing));
    Ok(match lock {
        None => registry,
        Some(lock) => registry.with_lock(locked(lock)),
    })
}

/// How the tools of MCP servers are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// As they were listed once.
    Kept,
    /// Listed anew.
    Fresh,
    /// As they were listed once; no server is started for it.
    Asleep,
}

/// The MCP servers that are declared for a melody.
pub fn servers(state: &State, melody: &Path, listing: Listing) -> Servers {
    let here = std::env::current_dir().unwrap_or_default();
    let user = user_config().map(|folder| folder.join("mcp.json"));
    let program = std::env::current_exe().unwrap_or_default();
    let mut servers = Servers::new(Places::of(melody, &here, user), state.listings(), program, here);
    servers.refresh = listing == Listing::Fresh;
    servers.asleep = listing == Listing::Asleep;
    servers.notice = |words| eprintln!("note: {words}");
    servers
}

/// What a lock says, by player (`operator:git`) instead of by operation. Built-ins come with the program.
fn locked(lock: &Lock) -> BTreeMap<String, Locked> {
    let out_of_process = lock.players.iter().filter(|(operation, _)| !operation.starts_with("builtin:"));
    out_of_process
        .map(|(operation, entry)| {
            // Tools have digests of their own; the operations of an extension share one.
            let whole = operation.starts_with("mcp:");
            let player = if whole { operation } else { operation.split('/').next().unwrap_or(operation) }.to_owned();
            (player, Locked { version: entry.version.clone(), digest: entry.digest })
        })
        .collect()
}

/// Where the lock of a melody lies: `NAME.melody.lock` beside `NAME.melody.toml`.
pub fn lock_path(melody: &Path) -> PathBuf {
    melody.with_extension("lock")
}

/// Reads the lock of a melody, if there is one.
///
/// # Errors
/// What is wrong with it.
pub fn read_lock(melody: &Path) -> Result<Option<Lock>, Vec<Diagnostic>> {
    let path = lock_path(melody);
    let name = path.to_string_lossy();
    match std::fs::read_to_string(&path) {
        Ok(text) => Lock::parse(&name, &text).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(vec![Diagnostic::error("unreadable", format!("{name}: {error}"))]),
    }
}

/// Functions of this process by the name of their operation.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIns;

impl Functions for BuiltIns {
    fn function(&self, operation: &str) -> Option<Arc<dyn InProcess>> {
        builtin::player(operation)
    }
}

/// The stage: processes start with the first calls.
pub fn host(registry: Arc<Registry>, artifacts: Arc<dyn ArtifactPort>) -> Result<Host, Failure> {
    let helper = std::env::current_exe().map_err(|error| {
        Failure::new(crate::exit::Exit::Player, format!("this program cannot find itself: {error}"))
    })?;
    let here = std::env::current_dir().map_err(|error| Failure::state(format!("the current folder: {error}")))?;
    Ok(Host::new(HostConfig::new(helper, registry, artifacts, here)))
}
