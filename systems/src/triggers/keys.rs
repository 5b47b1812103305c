//! Idempotency keys: which run a key has started. They are kept for a day.

use super::{MelodyRow, Ms};
use foldhash::fast::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use symphony_ecs_core::ids::RunId;

/// How long a key is known.
pub const KEPT: Ms = 24 * 60 * 60 * 1000;

/// Keys are looked through for old ones this often.
const SWEEP: Ms = 10 * 60 * 1000;

/// The keys of one melody: the run that each started, and when.
type Known = HashMap<Arc<str>, (RunId, Ms), RandomState>;

/// Known keys, by melody.
#[derive(Default)]
pub(super) struct Keys {
    runs: BTreeMap<MelodyRow, Known>,
    /// Keys of starts that have not begun, by slot: dropped with them.
    open: BTreeMap<u32, BTreeSet<Arc<str>>>,
    swept: Ms,
}

impl Keys {
    pub fn run(&self, melody: MelodyRow, key: &str) -> Option<&RunId> {
        self.runs.get(&melody)?.get(key).map(|(run, _)| run)
    }

    pub fn learn(&mut self, melody: MelodyRow, key: Arc<str>, run: RunId, at: Ms) {
        self.runs.entry(melody).or_default().insert(key, (run, at));
    }

    /// A key whose start may still be dropped.
    pub fn hold(&mut self, slot: u32, key: Arc<str>) {
        self.open.entry(slot).or_default().insert(key);
    }

    /// The start has begun: its keys stay.
    pub fn settle(&mut self, slot: u32) {
        self.open.remove(&slot);
    }

    /// The start was dropped: gives the keys that are forgotten with it.
    pub fn drop_start(&mut self, slot: u32, melody: MelodyRow) -> Vec<Arc<str>> {
        let keys: Vec<Arc<str>> = self.open.remove(&slot).into_iter().flatten().collect();
        if let Some(known) = self.runs.get_mut(&melody) {
            keys.iter().for_each(|key| drop(known.remove(key)));
        }
        keys
    }

    /// Forgets what is too old, now and then; gives the moment before which everything is forgotten.
    pub fn forget_old(&mut self, now: Ms) -> Option<Ms> {
        if self.swept != 0 && now < self.swept.saturating_add(SWEEP) {
            return None;
        }
        self.swept = now;
        let before = now.saturating_sub(KEPT);
        let mut forgotten = false;
        for known in self.runs.values_mut() {
            let count = known.len();
            known.retain(|_, (_, at)| *at >= before);
            forgotten |= known.len() < count;
        }
        forgotten.then_some(before)
    }
}
