//! Stand-ins: players that are not installed, so that a melody can be forecast before anybody has them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use symphony_ecs_core::melody::model::{PlayerKind, PlayerRef};
use symphony_ecs_core::ports::{ArtifactError, ArtifactPort, Catalog, CatalogError, Operation, Reuse};
use symphony_ecs_core::value::{ArtifactRef, Digest};

/// A catalog that has everything: what another does not have takes any inputs and settings and gives what the node
/// declares. Built-in functions have no stand-ins, for they are played.
pub struct Standins<'a> {
    known: &'a dyn Catalog,
    missing: RefCell<BTreeSet<String>>,
}

impl<'a> Standins<'a> {
    /// Stand-ins for what `known` does not have.
    pub fn beside(known: &'a dyn Catalog) -> Self {
        Self { known, missing: RefCell::default() }
    }

    /// Operations that stand-ins were found for.
    pub fn into_missing(self) -> BTreeSet<String> {
        self.missing.into_inner()
    }
}

impl Catalog for Standins<'_> {
    fn operation(&self, player: &PlayerRef) -> Result<Arc<Operation>, CatalogError> {
        let error = match self.known.operation(player) {
            Ok(known) => return Ok(known),
            Err(error) => error,
        };
        if matches!(player.kind, PlayerKind::Builtin | PlayerKind::Melody) {
            return Err(error);
        }
        let operation = player.operation.as_deref().map(|operation| format!("/{operation}")).unwrap_or_default();
        let name = format!("{}:{}{operation}", player.kind, player.name);
        self.missing.borrow_mut().insert(name.clone());
        Ok(Arc::new(Operation {
            version: semver::Version::new(0, 0, 0),
            digest: Digest::of(name.as_bytes()),
            origin: "not installed".to_owned(),
            name,
            inputs: Vec::new(),
            open_inputs: true,
            outputs: Vec::new(),
            open_outputs: true,
            settings: None,
            in_process: false,
            idempotent: true,
            worst_cost_micros: None,
            worst_tokens: None,
            max_parallel: None,
            timeout: None,
            reuse: Reuse::default(),
        }))
    }
}

/// A store that keeps nothing: a forecast writes nothing, and inputs only need their handles.
pub struct Forgetful;

impl ArtifactPort for Forgetful {
    fn put(&self, bytes: &[u8], media_type: &str) -> Result<ArtifactRef, ArtifactError> {
        let size = bytes.len() as u64;
        Ok(ArtifactRef { digest: Digest::of(bytes), media_type: media_type.to_owned(), size })
    }

    fn put_file(&self, mut file: std::fs::File, media_type: &str) -> Result<ArtifactRef, ArtifactError> {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut bytes)
            .map_err(|source| ArtifactError::Io { path: "an input".to_owned(), source })?;
        self.put(&bytes, media_type)
    }

    fn open(&self, digest: &Digest) -> Result<std::fs::File, ArtifactError> {
        Err(ArtifactError::Missing(*digest))
    }

    fn get(&self, digest: &Digest) -> Result<Vec<u8>, ArtifactError> {
        Err(ArtifactError::Missing(*digest))
    }
}
