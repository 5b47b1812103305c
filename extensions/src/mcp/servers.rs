//! The servers as the catalog sees them: which tool a reference means, with its ports, from what was listed once.

use super::listing::{self, Listing, patience};
use super::ports::operation_of;
use super::{Declared, Places};
use crate::bus::codec::Codec;
use crate::host::Locked;
use crate::manifest::{Bridged, Manifest, Runtime, Sdk, nearest};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use symphony_ecs_core::melody::model::{PlayerKind, PlayerRef};
use symphony_ecs_core::ports::{CatalogError, Operation};

/// Tools that an error lists.
const SHOWN: usize = 30;

/// Finds tools. A server is started only to list what it has, once, and only when a melody names it.
pub struct Servers {
    /// Where servers may be declared.
    pub places: Places,
    /// The folder of listings.
    pub listings: PathBuf,
    /// The program whose hidden subcommand `__mcp` is [`super::helper`].
    pub program: PathBuf,
    /// The folder that servers of the person's own file start in.
    pub working_dir: PathBuf,
    /// List every server anew instead of taking what was kept.
    pub refresh: bool,
    /// Start no server: one that was never listed is not known.
    pub asleep: bool,
    /// Hears which server is started and with what command, before it is.
    pub notice: fn(&str),
    /// What was found already.
    known: Mutex<BTreeMap<String, Result<Arc<Known>, CatalogError>>>,
}

/// A server whose tools are known.
struct Known {
    declared: Declared,
    listing: Listing,
    manifest: Arc<Manifest>,
    /// It was listed by this process.
    fresh: bool,
}

impl Servers {
    /// Finds servers in these places; see the fields.
    pub fn new(places: Places, listings: PathBuf, program: PathBuf, working_dir: PathBuf) -> Self {
        let known = Mutex::default();
        Self { places, listings, program, working_dir, refresh: false, asleep: false, notice: |_| {}, known }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Result<Arc<Known>, CatalogError>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The manifest of a server that was found before.
    pub(crate) fn manifest(&self, name: &str) -> Option<Arc<Manifest>> {
        self.known().get(name)?.as_ref().ok().map(|server| Arc::clone(&server.manifest))
    }

    /// The declared servers, and how many tools each was seen to have (without starting any).
    pub fn overview(&self) -> (Vec<Overview>, Vec<CatalogError>) {
        let (servers, broken) = self.places.servers();
        let overview = servers.into_iter().map(|(name, declared)| {
            let listing = declared
                .as_ref()
                .ok()
                .and_then(|declared| Listing::read(&listing::file_of(&self.listings, declared)).ok());
            Overview { name, declared, listing }
        });
        (overview.collect(), broken)
    }

    /// The operation that `mcp:SERVER/TOOL` means.
    ///
    /// # Errors
    /// The server is not declared, does not start, or has no such tool; or the lock binds another one.
    pub(crate) fn operation(
        &self,
        reference: &PlayerRef,
        locked: &BTreeMap<String, Locked>,
    ) -> Result<Arc<Operation>, CatalogError> {
        let wanted = reference.operation.as_deref().unwrap_or_default();
        let mut server = self.server(&reference.name, self.refresh)?;
        if server.listing.tool(wanted).is_none() && !server.fresh && !self.asleep {
            // It may have learned the tool since it was listed.
            server = self.server(&reference.name, true)?;
        }
        let missing = || self.no_tool(&server, wanted);
        let tool = server.listing.tool(wanted).ok_or_else(missing)?;
        let operation = server.manifest.operation(wanted).ok_or_else(missing)?;
        let operation = Operation {
            digest: tool.digest(&server.manifest.version),
            origin: server.declared.file.display().to_string(),
            ..operation
        };
        match locked.get(&operation.name) {
            Some(locked) if locked.digest != operation.digest => Err(changed(&operation, locked)),
            _ => Ok(Arc::new(operation)),
        }
    }

    fn no_tool(&self, server: &Known, wanted: &str) -> CatalogError {
        let names: Vec<&str> = server.listing.tools.iter().map(|tool| tool.name.as_str()).collect();
        let name = &server.declared.name;
        let meant = nearest(wanted, names.iter().copied());
        let meant = meant.map(|meant| format!("did you mean `mcp:{name}/{meant}`? ")).unwrap_or_default();
        let help = match names.as_slice() {
            [] => "it has no tools at all".to_owned(),
            many => {
                let more = many.len().saturating_sub(SHOWN);
                let shown = many.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
                let more = if more > 0 { format!(", and {more} more") } else { String::new() };
                format!("{meant}its tools are {shown}{more}")
            }
        };
        CatalogError { message: format!("the MCP server `{name}` has no tool `{wanted}`"), help: Some(help) }
    }

    fn server(&self, name: &str, refresh: bool) -> Result<Arc<Known>, CatalogError> {
        if let Some(known) = self.known().get(name) {
            match known {
                Ok(server) if refresh && !server.fresh => {}
                known => return known.clone(),
            }
        }
        let found = self.find(name, refresh).map(Arc::new);
        self.known().insert(name.to_owned(), found.clone());
        found
    }

    fn find(&self, name: &str, refresh: bool) -> Result<Known, CatalogError> {
        let declared = self.places.find(name)?;
        let file = listing::file_of(&self.listings, &declared);
        let kept = if refresh { None } else { Listing::read(&file).ok() };
        let fresh = kept.is_none();
        let listing = match kept {
            Some(listing) => listing,
            None if self.asleep => {
                return Err(CatalogError {
                    message: format!("the tools of the MCP server `{name}` were never listed"),
                    help: Some("`symphony check` starts it once and lists them".to_owned()),
                });
            }
            None => {
                // Whole, as it is started, but without what would move the terminal's cursor.
                let command = declared.words().join(" ").replace(char::is_control, "\u{fffd}");
                let from = declared.file.display();
                (self.notice)(&format!("starts the MCP server `{name}` to list its tools ({from}): {command}"));
                let broken = |why: String| CatalogError {
                    message: format!("the MCP server `{name}` does not list its tools: {why}"),
                    help: Some(format!("it is declared in {from} as `{command}`; try that command by hand")),
                };
                let listing = listing::list(&self.program, &self.working_dir, &declared).map_err(broken)?;
                let unkept = |why: String| CatalogError {
                    message: format!("the tools of the MCP server `{name}` cannot be kept: {why}"),
                    help: Some("make the state folder writable, or choose another with --state DIR".to_owned()),
                };
                listing.keep(&file).map_err(unkept)?;
                listing
            }
        };
        let manifest = Arc::new(manifest(&declared, &listing, file));
        Ok(Known { declared, listing, manifest, fresh })
    }
}

/// A declared server, for lists that people read.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The name by which melodies call it.
    pub name: String,
    /// Its declaration, or what is wrong with it.
    pub declared: Result<Declared, CatalogError>,
    /// What it had when it was listed, if it was.
    pub listing: Option<Listing>,
}

/// A server as an extension.
fn manifest(declared: &Declared, listing: &Listing, file: PathBuf) -> Manifest {
    let operations = listing.tools.iter().map(|tool| (tool.name.clone(), operation_of(tool))).collect();
    Manifest {
        folder: None,
        id: declared.name.clone(),
        name: Some(listing.server.clone()).filter(|name| !name.is_empty()),
        version: listing.semver(),
        kind: PlayerKind::Mcp,
        description: None,
        license: None,
        runtime: Runtime {
            command: declared.words(),
            codec: Codec::MessagePack,
            sdk: Some(Sdk::Rust),
            env: declared.env.clone(),
            pass_env: Vec::new(),
            startup: patience() + Duration::from_secs(5),
            processes: Some(1),
            server: Some(Bridged { listing: file, folder: declared.folder.clone() }),
        },
        operations,
        digest: declared.digest(),
    }
}

fn changed(operation: &Operation, locked: &Locked) -> CatalogError {
    let name = &operation.name;
    let what = if locked.version == operation.version {
        format!("`{name}` has another schema than the locked one ({})", locked.digest)
    } else {
        format!("`{name}` is locked to version {} ({})", locked.version, locked.digest)
    };
    let found = format!("found version {} ({})", operation.version, operation.digest);
    let help = format!("{found}; see that the melody still fits it, then `symphony check --lock` takes it");
    CatalogError { message: what, help: Some(help) }
}
