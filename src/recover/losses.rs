//! What of a run is gone: what the store has no sound bytes for, and what a person names.

use super::Recovery;
use crate::failure::Failure;
use crate::past;
use crate::rerun;
use crate::seating;
use crate::state::State;
use std::collections::BTreeMap;
use symphony_ecs_core::ids::RunId;
use symphony_ecs_core::ports::{ArtifactError, ArtifactPort};
use symphony_ecs_core::value::{Digest, Value};
use symphony_pit::dag::RecoveryPlan;
use symphony_systems::recover::Ground;

/// A lost value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Its slot.
    pub slot: u32,
    /// Its digest.
    pub digest: Digest,
    /// Why it counts as lost, in a few words.
    pub why: String,
    /// Somebody wants it: an output of the melody, or a node that is not over.
    pub wanted: bool,
}

/// What a person names as lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// An output of a node.
    Port(String, String),
    /// Everything that has this digest.
    Digest(Digest),
}

impl std::str::FromStr for Named {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(digest) = text.parse() {
            return Ok(Self::Digest(digest));
        }
        match text.split_once('.') {
            Some((node, port)) if !node.is_empty() && !port.is_empty() => Ok(Self::Port(node.into(), port.into())),
            _ => Err("write NODE.PORT, or a digest as `blake3:…`".to_owned()),
        }
    }
}

/// Looks at a run: what is gone of it, and what brings it back.
pub fn find(state: &State, run: &RunId, named: &[Named]) -> Result<Recovery, Failure> {
    find_without(state, run, named, &[])
}

/// Likewise, when players are lost as well: `KIND:NAME` for all operations of one, or `KIND:NAME/OPERATION`.
pub fn find_without(state: &State, run: &RunId, named: &[Named], players: &[String]) -> Result<Recovery, Failure> {
    let (birth, opened, ground) = past::ground(state, run)?;
    let mut store = Blobs { store: &*seating::artifacts(state)?, known: BTreeMap::new() };
    let mut lost: BTreeMap<u32, String> = BTreeMap::new();
    for (slot, value) in (0u32..).zip(&ground.values) {
        if let Some(why) = store.fault(value) {
            lost.insert(slot, why);
        }
    }
    for named in named {
        for slot in slots_of(&ground, named)? {
            lost.entry(slot).or_insert_with(|| "named as lost".to_owned());
        }
    }
    let columns: Vec<bool> = (0..ground.values.len() as u32).map(|slot| lost.contains_key(&slot)).collect();
    let lost_inputs: Vec<bool> = ground.inputs.iter().map(|value| store.fault(value).is_some()).collect();
    let wanted = ground.wanted();
    let mut found = ground.losses(&columns, &lost_inputs);
    let is_lost = |player: &str| {
        let is = |lost: &&String| {
            player == lost.as_str() || player.strip_prefix(lost.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        players.iter().any(|lost| is(&lost))
    };
    let used = ground.lose_players(&mut found, is_lost);
    for player in players {
        let matches = |known: &String| known == player || known.starts_with(&format!("{player}/"));
        if !used.iter().any(matches) {
            let near = rerun::near(player, used.iter().map(String::as_str));
            return Err(Failure::usage(format!("no node of the run is played by `{player}`")).help(near));
        }
    }
    let plan: RecoveryPlan = found.plan(&wanted);
    let sizes: Vec<u64> = (0..ground.score.rows()).map(|row| ground.size(row)).collect();
    let (keep, threads) = (found.keep(&wanted, |row| sizes[row as usize]), found.threads(&wanted));
    let losses = lost.into_iter().map(|(slot, why)| Loss {
        slot,
        digest: ground.values[slot as usize].digest(),
        why,
        wanted: wanted.contains(&slot),
    });
    let losses = losses.collect();
    let inputs = ground.score.inputs.iter().zip(&lost_inputs).filter(|(_, lost)| **lost);
    let lost_inputs = inputs.map(|(input, _)| input.name.to_string()).collect();
    Ok(Recovery { run: run.clone(), birth, opened, ground, losses, lost_inputs, plan, keep, threads })
}

/// The slots that a person names.
fn slots_of(ground: &Ground, named: &Named) -> Result<Vec<u32>, Failure> {
    let present = |slot: &u32| ground.values.get(*slot as usize).is_some_and(Value::is_present);
    match named {
        Named::Digest(digest) => {
            let all = (0u32..).zip(&ground.values).filter(|(_, value)| has(value, digest)).map(|(slot, _)| slot);
            let slots: Vec<u32> = all.filter(present).collect();
            match slots.is_empty() {
                true => Err(Failure::usage(format!("no node of the run gave {digest}"))
                    .help("`symphony show RUN --json` lists the outputs of its nodes")),
                false => Ok(slots),
            }
        }
        Named::Port(node, port) => {
            let rows = rerun::rows_of(&ground.score, std::slice::from_ref(node))?;
            let row = symphony_ecs_core::ids::Row(rows.first().copied().unwrap_or_default());
            let ports = ground.score.spec(row).outputs.iter().map(|port| &*port.name);
            let found = ground.score.slots(row).zip(ports.clone()).find(|(_, known)| known == port);
            let Some((slot, _)) = found else {
                return Err(Failure::usage(format!("`{node}` has no output `{port}`")).help(rerun::near(port, ports)));
            };
            let slot = slot as u32;
            match present(&slot) {
                true => Ok(vec![slot]),
                false => Err(Failure::usage(format!("`{node}.{port}` has no value in this run, so it is not lost"))),
            }
        }
    }
}

/// Whether a value has a digest, or holds an artifact that has it.
fn has(value: &Value, digest: &Digest) -> bool {
    value.digest() == *digest
        || match value {
            Value::List(items) => items.iter().any(|item| has(item, digest)),
            Value::Map(fields) => fields.values().any(|field| has(field, digest)),
            _ => false,
        }
}

/// The store, asked once for each digest.
struct Blobs<'a> {
    store: &'a dyn ArtifactPort,
    known: BTreeMap<Digest, Option<String>>,
}

impl Blobs<'_> {
    /// What is wrong with the first artifact of a value that cannot be read.
    fn fault(&mut self, value: &Value) -> Option<String> {
        match value {
            Value::Artifact(artifact) => {
                let digest = artifact.digest;
                let look = || match self.store.open(&digest) {
                    Ok(_) => None,
                    Err(ArtifactError::Missing(_)) => Some("missing in the store".to_owned()),
                    Err(ArtifactError::Damaged(_)) => Some("damaged in the store".to_owned()),
                    Err(error) => Some(error.to_string()),
                };
                self.known.entry(digest).or_insert_with(look).clone()
            }
            Value::List(items) => items.iter().find_map(|item| self.fault(item)),
            Value::Map(fields) => fields.values().find_map(|field| self.fault(field)),
            _ => None,
        }
    }
}
