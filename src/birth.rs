//! A run's birth certificate: everything that is needed to play it on, written once into its journal.
//!
//! The texts of the melody and its bodies are part of it, so a run goes on with what it began with, whatever has become
//! of the files.

use crate::failure::Failure;
use crate::files::Reading;
use crate::rerun::Wanted;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use symphony_ecs_core::clock::ClockKind;
use symphony_ecs_core::ids::RunId;
use symphony_ecs_core::ports::JournalError;
use symphony_ecs_core::value::{Digest, Value};
use symphony_systems::journal::Meta;

/// The journal's key for it.
const KEY: &str = "birth";

/// What a run began with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Birth {
    /// Version of the program.
    pub symphony: String,
    /// When, in milliseconds since the Unix epoch.
    pub born_ms: u64,
    /// The melody's name.
    pub name: String,
    /// The path by which the melody is known.
    pub path: String,
    /// The folder in which players play.
    pub folder: String,
    /// The texts of the melody, its bodies and schemas.
    pub readings: Vec<Reading>,
    /// Given inputs by name.
    pub inputs: BTreeMap<String, Value>,
    /// What the person prefers, by name.
    #[serde(default)]
    pub settings: BTreeMap<String, Value>,
    /// Which clock.
    pub clock: ClockKind,
    /// Seed of everything random.
    pub seed: u64,
    /// Operations that play it, and what they were.
    pub players: BTreeMap<String, Digest>,
    /// Their versions.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// Which nodes are played, and which take over what is known.
    #[serde(default)]
    pub wanted: Wanted,
    /// The run that it was forked from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// Where a fork comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The run.
    pub run: RunId,
    /// The last of its events that the fork takes along; none if it begins at the beginning.
    pub event: Option<u64>,
}

impl Birth {
    /// The journal's meta data.
    pub fn to_meta(&self) -> Result<Meta, Failure> {
        let json = serde_json::to_vec(self).map_err(Failure::state)?;
        Ok(Meta::from([(KEY.to_owned(), json)]))
    }

    /// Reads it back from the journal in `folder`.
    pub fn from_meta(meta: &Meta, folder: &Path) -> Result<Self, JournalError> {
        let damaged = |message: String| JournalError::Damaged { path: folder.display().to_string(), message };
        let json = meta.get(KEY).ok_or_else(|| damaged("it does not say what the run began with".to_owned()))?;
        serde_json::from_slice(json).map_err(|error| damaged(format!("what the run began with: {error}")))
    }
}

/// Milliseconds since the Unix epoch.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A fresh id, and a seed for those who name none.
pub fn draw() -> Result<(RunId, u64), Failure> {
    let source = "/dev/urandom";
    let mut bytes = [0; 24];
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| Failure::state(format!("{source}: {error}")))?;
    let (id, seed) = bytes.split_at(16);
    let entropy = u128::from_le_bytes(id.try_into().unwrap_or_default());
    let seed = u64::from_le_bytes(seed.try_into().unwrap_or_default());
    // Seeds are typed by hand when a run is repeated; six digits are enough and short.
    Ok((RunId::new(now_ms(), entropy), seed % 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_as_it_was_written() {
        let birth = Birth {
            symphony: "0.1.0".into(),
            born_ms: 1,
            name: "tune".into(),
            path: "tune.melody.toml".into(),
            folder: "/x".into(),
            readings: vec![Reading { from: String::new(), path: "a".into(), known: "b".into(), text: "c".into() }],
            inputs: BTreeMap::from([("n".to_owned(), Value::Int(3)), ("t".to_owned(), Value::text("ü"))]),
            settings: BTreeMap::from([("tone".to_owned(), Value::text("plain"))]),
            clock: ClockKind::Real,
            seed: 7,
            players: BTreeMap::from([("operator:git/log".to_owned(), Digest::of(b"git"))]),
            versions: BTreeMap::from([("operator:git/log".to_owned(), "1.0.0".to_owned())]),
            wanted: Wanted { from: vec!["log".to_owned()], ..Wanted::default() },
            origin: RunId::parse("r1").map(|run| Origin { run, event: Some(3) }),
        };
        let meta = birth.to_meta().unwrap();
        assert_eq!(Birth::from_meta(&meta, Path::new("x")).unwrap(), birth);
        let error = Birth::from_meta(&Meta::new(), Path::new("x")).unwrap_err();
        assert!(error.to_string().contains("does not say"), "{error}");
    }

    #[test]
    fn ids_differ_and_sort_by_time() {
        let (first, _) = draw().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let (second, _) = draw().unwrap();
        assert!(first < second);
    }
}
