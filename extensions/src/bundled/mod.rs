//! Bundled players: what every machine has without installing anything. Each plays in a process of its own, started
//! as `symphony __player NAME`.
//!
//! ```text
//!   operator:   shell/run   http/request   file/{read,write,glob,list}   csv/{read,write}   python/call
//!               git/{log,diff,show}
//!   instrument: scripted-model/chat   openai-chat/chat
//! ```
//!
//! A manifest (`manifests/NAME.toml`) says what each takes and gives; the code here plays it.

mod ask;
mod chat;
mod content;
mod csv;
mod file;
mod git;
mod http;
mod process;
mod python;
pub mod scripted;
mod shell;

#[cfg(test)]
mod server;
#[cfg(test)]
pub(crate) mod trial;

use crate::manifest::{Manifest, ManifestError};
use crate::sdk::Player;

/// A bundled player: its name, its manifest and what makes it.
struct Bundled {
    name: &'static str,
    manifest: &'static str,
    make: fn() -> Box<dyn Player>,
}

/// All bundled players, in the order of their names.
const ALL: [Bundled; 8] = [
    Bundled { name: "csv", manifest: include_str!("manifests/csv.toml"), make: || Box::new(csv::Csv) },
    Bundled { name: "file", manifest: include_str!("manifests/file.toml"), make: || Box::new(file::Files) },
    Bundled { name: "git", manifest: include_str!("manifests/git.toml"), make: || Box::new(git::Git) },
    Bundled { name: "http", manifest: include_str!("manifests/http.toml"), make: || Box::new(http::Http) },
    Bundled {
        name: "openai-chat",
        manifest: include_str!("manifests/openai-chat.toml"),
        make: || Box::new(chat::Chat),
    },
    Bundled { name: "python", manifest: include_str!("manifests/python.toml"), make: || Box::new(python::Python) },
    Bundled {
        name: "scripted-model",
        manifest: include_str!("manifests/scripted-model.toml"),
        make: || Box::new(scripted::Scripted),
    },
    Bundled { name: "shell", manifest: include_str!("manifests/shell.toml"), make: || Box::new(shell::Shell) },
];

/// The names of the bundled players, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|bundled| bundled.name)
}

/// The manifests of the bundled players, by name.
///
/// # Errors
/// None with the manifests that this program was built with (a test reads them all).
pub fn manifests() -> Result<Vec<Manifest>, ManifestError> {
    ALL.iter().map(|bundled| Manifest::bundled(bundled.manifest, bundled.name)).collect()
}

/// The bundled player of a name such as `git`, if there is one.
pub fn player(name: &str) -> Option<Box<dyn Player>> {
    ALL.iter().find(|bundled| bundled.name == name).map(|bundled| (bundled.make)())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundled::trial::Notes;

    #[test]
    fn every_manifest_reads_and_is_documented() {
        let manifests = manifests().unwrap();
        assert_eq!(
            manifests.iter().map(|manifest| manifest.id.as_str()).collect::<Vec<_>>(),
            names().collect::<Vec<_>>()
        );
        for manifest in &manifests {
            assert!(manifest.description.is_some() && manifest.runtime.sdk.is_some(), "{}", manifest.id);
            for operation in manifest.all_operations() {
                let settings = operation.settings.as_ref().unwrap();
                assert_eq!(settings["additionalProperties"], false, "{}", operation.name);
                for (name, schema) in settings["properties"].as_object().unwrap() {
                    assert!(schema["description"].is_string(), "{} does not say what `{name}` is", operation.name);
                }
            }
        }
    }

    #[test]
    fn every_settings_schema_is_a_schema() {
        for operation in manifests().unwrap().iter().flat_map(Manifest::all_operations) {
            let schema = operation.settings.as_ref().unwrap();
            assert!(jsonschema::meta::is_valid(schema), "{}", operation.name);
            assert!(!jsonschema::is_valid(schema, &serde_json::json!({ "no_such_setting": 1 })), "{}", operation.name);
        }
        for operation in crate::builtin::operations() {
            assert!(jsonschema::meta::is_valid(operation.settings.as_ref().unwrap()), "{}", operation.name);
        }
    }

    #[test]
    fn every_operation_is_played_and_no_other() {
        for manifest in manifests().unwrap() {
            let player = player(&manifest.id).unwrap();
            for name in manifest.operations.keys() {
                // Without inputs most of them fail, but none for want of the operation.
                if let Err(failure) = player.play(&trial::call(name, &[], &[], &[]), &Notes::default()) {
                    assert!(!failure.message.contains("has no operation"), "{}: {failure}", manifest.id);
                }
            }
        }
        assert!(player("nobody").is_none());
    }
}
