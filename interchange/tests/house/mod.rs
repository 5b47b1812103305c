//! Whether what was imported passes the checker as soon as its players are installed.

use std::collections::BTreeSet;
use std::sync::Arc;
use symphony_ecs_core::melody::model::PlayerRef;
use symphony_ecs_core::melody::sources::Sources;
use symphony_ecs_core::melody::{Checked, check, parse, render};
use symphony_ecs_core::ports::{Catalog, CatalogError, Operation, Reuse};
use symphony_ecs_core::value::Digest;
use symphony_interchange::{Imported, Written};

/// Files of an import.
pub struct Files<'i>(pub &'i Imported);

impl Sources for Files<'_> {
    fn read(&self, _from: &str, path: &str) -> Result<(String, String), String> {
        let file = self.0.files.iter().find(|file| file.name == path);
        file.map(|file| (path.to_owned(), file.text.clone())).ok_or_else(|| format!("{path}: no such file"))
    }
}

/// Knows every player, with any ports.
pub struct Everyone;

impl Catalog for Everyone {
    fn operation(&self, player: &PlayerRef) -> Result<Arc<Operation>, CatalogError> {
        Ok(Arc::new(Operation {
            name: player.to_string(),
            version: semver::Version::new(1, 0, 0),
            digest: Digest::of(b"everyone"),
            origin: "test".to_owned(),
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

/// Checks an import; panics with the findings.
pub fn checked(of: &str, imported: &Imported) -> Checked {
    let names: BTreeSet<&str> = imported.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names.len(), imported.files.len(), "two files have one name: {names:?}");
    let top = &imported.files[0];
    check(&Files(imported), &top.name, &top.text, &Everyone)
        .unwrap_or_else(|found| panic!("{of}: {}", render(&found, false)))
}

/// Nodes of all melodies that were written; the loops that hold cycles are not counted.
pub fn nodes(imported: &Imported) -> usize {
    let melodies = imported.files.iter().filter(|file| file.name.ends_with(".melody.toml"));
    let read =
        |file: &Written| parse(&file.name, &file.text).unwrap_or_else(|found| panic!("{}", render(&found, false)));
    melodies.flat_map(|file| read(file).melody.nodes).filter(|node| node.repeat.is_none()).count()
}
