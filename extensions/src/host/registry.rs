//! The registry: which extension a reference means, looked for in the extension folders, then among the bundled ones.
//!
//! It starts nothing but an MCP server whose tools are not known yet, so `check` can use it alone.

use crate::manifest::{FILE, Manifest, ManifestError, kind_word, listing, nearest};
use crate::mcp::Servers;
use semver::Version;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use symphony_ecs_core::melody::model::{PlayerKind, PlayerRef};
use symphony_ecs_core::ports::{Catalog, CatalogError, Operation};
use symphony_ecs_core::value::Digest;

/// What a lock file says about one player.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// The version that was used.
    pub version: Version,
    /// What it was.
    pub digest: Digest,
}

/// An extension, for lists that people read.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Where it was found.
    pub origin: String,
    /// What it is, or why its manifest cannot be used.
    pub manifest: Result<Arc<Manifest>, ManifestError>,
}

type Read = Result<Arc<Manifest>, ManifestError>;

/// Finds extensions and their operations.
#[derive(Default)]
pub struct Registry {
    roots: Vec<PathBuf>,
    bundled: BTreeMap<String, Arc<Manifest>>,
    builtin: BTreeMap<String, Arc<Operation>>,
    locked: BTreeMap<String, Locked>,
    servers: Option<Servers>,
    known: Mutex<Known>,
}

/// What was read already: a run sees one state of every extension.
#[derive(Default)]
struct Known {
    folders: BTreeMap<PathBuf, Read>,
    players: BTreeMap<(String, Digest), Arc<Manifest>>,
}

impl Registry {
    /// Looks in these folders, in this order; each holds one folder per extension.
    pub fn new(roots: Vec<PathBuf>) -> Self {
        Self { roots, ..Self::default() }
    }

    /// Adds players that come with the program.
    #[must_use]
    pub fn with_bundled(mut self, manifests: impl IntoIterator<Item = Manifest>) -> Self {
        self.bundled.extend(manifests.into_iter().map(|manifest| (manifest.player(), Arc::new(manifest))));
        self
    }

    /// Adds operations that play within the process.
    #[must_use]
    pub fn with_builtin(mut self, operations: impl IntoIterator<Item = Operation>) -> Self {
        self.builtin.extend(operations.into_iter().map(|operation| (operation.name.clone(), Arc::new(operation))));
        self
    }

    /// Adds the tools of MCP servers.
    #[must_use]
    pub fn with_servers(mut self, servers: Servers) -> Self {
        self.servers = Some(servers);
        self
    }

    /// Binds players (`operator:git`) and tools (`mcp:time/convert`) to what a lock file says.
    #[must_use]
    pub fn with_lock(mut self, locked: BTreeMap<String, Locked>) -> Self {
        self.locked = locked;
        self
    }

    /// All extensions, in the order in which they are looked for.
    pub fn extensions(&self) -> Vec<Listed> {
        let mut listed = Vec::new();
        for root in &self.roots {
            for folder in folders(root) {
                listed.push(Listed { origin: folder.display().to_string(), manifest: self.read(&folder) });
            }
        }
        for manifest in self.bundled.values() {
            listed.push(Listed { origin: manifest.origin(), manifest: Ok(Arc::clone(manifest)) });
        }
        listed
    }

    /// Operations that play within the process.
    pub fn builtins(&self) -> impl Iterator<Item = &Arc<Operation>> {
        self.builtin.values()
    }

    /// The manifest of a player (`operator:git`) that was found before and is still this one.
    pub fn manifest(&self, player: &str, digest: Digest) -> Option<Arc<Manifest>> {
        if let Some(server) = player.strip_prefix("mcp:") {
            // The bridge itself looks whether a tool is still the one that was found.
            return self.servers.as_ref()?.manifest(server);
        }
        if let Some(manifest) = self.bundled.get(player).filter(|manifest| manifest.digest == digest) {
            return Some(Arc::clone(manifest));
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.players.get(&(player.to_owned(), digest)).cloned()
    }

    fn read(&self, folder: &Path) -> Read {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = known.folders.get(folder) {
            return read.clone();
        }
        let read = Manifest::read(folder).map(Arc::new);
        if let Ok(manifest) = &read {
            known.players.insert((manifest.player(), manifest.digest), Arc::clone(manifest));
        }
        known.folders.insert(folder.to_owned(), read.clone());
        read
    }

    /// The player that a reference means.
    fn player(&self, reference: &PlayerRef) -> Result<Arc<Manifest>, CatalogError> {
        let player = format!("{}:{}", kind_word(reference.kind), reference.name);
        let locked = self.locked.get(&player);
        let mut passed_over = Vec::new();
        for root in &self.roots {
            let mut found: Option<Arc<Manifest>> = None;
            for folder in folders(root) {
                let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                // Several versions may lie side by side: `git`, `git@1.2.0`.
                if name.split('@').next() != Some(&reference.name) {
                    continue;
                }
                let manifest = self.read(&folder).map_err(|error| CatalogError {
                    message: format!("{}:{}:{}: {}", error.path.display(), error.line, error.column, error.message),
                    help: Some(error.help),
                })?;
                if manifest.player() != player {
                    passed_over.push(format!("{} in {}", manifest.player(), folder.display()));
                } else if locked.is_some_and(|locked| locked.digest != manifest.digest) {
                    passed_over.push(format!("another {} {} in {}", player, manifest.version, folder.display()));
                } else if !reference.range.matches(&manifest.version) {
                    passed_over.push(format!("version {} in {}", manifest.version, folder.display()));
                } else if found.as_ref().is_none_or(|found| found.version < manifest.version) {
                    found = Some(manifest);
                }
            }
            if let Some(found) = found {
                return Ok(found);
            }
        }
        if let Some(manifest) = self.bundled.get(&player) {
            if locked.is_some_and(|locked| locked.digest != manifest.digest) {
                passed_over.push(format!("another {player} {}, bundled", manifest.version));
            } else if reference.range.matches(&manifest.version) {
                return Ok(Arc::clone(manifest));
            } else {
                passed_over.push(format!("version {}, bundled", manifest.version));
            }
        }
        Err(self.not_found(reference, &player, locked, &passed_over))
    }

    fn not_found(
        &self,
        reference: &PlayerRef,
        player: &str,
        locked: Option<&Locked>,
        passed_over: &[String],
    ) -> CatalogError {
        if let Some(locked) = locked
            && !passed_over.is_empty()
        {
            let found = passed_over.join(", ");
            let help = format!("found {found}; bring the locked one back, or remove its entry from the lock file");
            let message = format!("`{player}` is locked to {} ({})", locked.version, locked.digest);
            return CatalogError { message, help: Some(help) };
        }
        if !passed_over.is_empty() {
            let message = format!("no `{player}` fits `@{}`", reference.range);
            return CatalogError { message, help: Some(format!("found {}", passed_over.join(", "))) };
        }
        let mut known: Vec<String> = self.bundled.keys().cloned().collect();
        for root in &self.roots {
            known.extend(folders(root).iter().filter_map(|folder| self.read(folder).ok()).map(|it| it.player()));
        }
        let meant = nearest(player, known.iter().map(String::as_str)).map(|meant| format!("did you mean `{meant}`? "));
        let places = self.roots.iter().map(|root| root.display().to_string()).chain(["the bundled players".to_owned()]);
        let places = places.collect::<Vec<_>>().join(", ");
        let home =
            self.roots.first().map_or_else(|| ".symphony/extensions".to_owned(), |root| root.display().to_string());
        let help = format!(
            "{}looked in {places}; to install it, make a folder {home}/{} with a {FILE}",
            meant.unwrap_or_default(),
            reference.name
        );
        CatalogError { message: format!("no player `{player}` was found"), help: Some(help) }
    }

    fn builtin_operation(&self, reference: &PlayerRef) -> Result<Arc<Operation>, CatalogError> {
        let prefix = format!("builtin:{}/", reference.name);
        let own: Vec<&Arc<Operation>> =
            self.builtin.iter().filter(|(name, _)| name.starts_with(&prefix)).map(|(_, operation)| operation).collect();
        if own.is_empty() {
            let names = self.builtin.keys().filter_map(|name| name.split('/').next());
            let mut names: Vec<&str> = names.collect();
            names.dedup();
            let player = format!("builtin:{}", reference.name);
            let help = match nearest(&player, names.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("there are {}", listing(names)),
            };
            return Err(CatalogError { message: format!("no player `{player}` was found"), help: Some(help) });
        }
        let names: Vec<&str> = own.iter().filter_map(|operation| operation.name.strip_prefix(&prefix)).collect();
        let name = choose(&prefix, reference.operation.as_deref(), &names)?;
        let found = own.iter().find(|operation| operation.name.strip_prefix(&prefix) == Some(name));
        match found {
            Some(found) if reference.range.matches(&found.version) => Ok(Arc::clone(found)),
            Some(found) => {
                let message = format!("no `{}` fits `@{}`", found.name, reference.range);
                Err(CatalogError { message, help: Some(format!("this program has version {}", found.version)) })
            }
            None => Err(CatalogError { message: format!("no `{prefix}{name}`"), help: None }),
        }
    }
}

/// The operation that is meant: the one named, or the only one.
fn choose<'n>(player: &str, wanted: Option<&str>, names: &[&'n str]) -> Result<&'n str, CatalogError> {
    let player = player.trim_end_matches('/');
    match (wanted, names) {
        (None, [only]) => Ok(only),
        (None, _) => {
            let help = format!("name one of its operations: {}", listing(names.iter().copied()));
            Err(CatalogError { message: format!("`{player}` has several operations"), help: Some(help) })
        }
        (Some(wanted), _) => names.iter().find(|name| **name == wanted).copied().ok_or_else(|| {
            let help = match nearest(wanted, names.iter().copied()) {
                Some(meant) => format!("did you mean `{player}/{meant}`?"),
                None => format!("its operations are {}", listing(names.iter().copied())),
            };
            CatalogError { message: format!("`{player}` has no operation `{wanted}`"), help: Some(help) }
        }),
    }
}

/// Folders below a root that hold a manifest, by name.
fn folders(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root) else { return Vec::new() };
    let mut folders: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.join(FILE).is_file()).collect();
    folders.sort();
    folders
}

impl Catalog for Registry {
    fn operation(&self, reference: &PlayerRef) -> Result<Arc<Operation>, CatalogError> {
        match reference.kind {
            PlayerKind::Builtin => self.builtin_operation(reference),
            PlayerKind::Operator | PlayerKind::Instrument => {
                let manifest = self.player(reference)?;
                let names: Vec<&str> = manifest.operations.keys().map(String::as_str).collect();
                let name = choose(&manifest.player(), reference.operation.as_deref(), &names)?;
                let operation = manifest.operation(name).map(Arc::new);
                operation.ok_or_else(|| CatalogError { message: format!("no operation `{name}`"), help: None })
            }
            PlayerKind::Melody => Err(CatalogError {
                message: format!("`melody:{}` is a melody, which the stage does not play", reference.name),
                help: None,
            }),
            PlayerKind::Mcp => match &self.servers {
                Some(servers) => servers.operation(reference, &self.locked),
                None => Err(CatalogError {
                    message: format!("no MCP server `{}` is declared", reference.name),
                    help: Some("servers are declared in `.mcp.json`".to_owned()),
                }),
            },
            PlayerKind::Addon => Err(CatalogError {
                message: format!("players of kind `{}` cannot be played yet", kind_word(reference.kind)),
                help: Some("use an operator, an instrument or a built-in player".to_owned()),
            }),
        }
    }
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
