//! What the store remembers of artifacts, so that it need not look twice: a bounded set of digests.

use std::collections::{BTreeMap, VecDeque};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use symphony_ecs_core::value::Digest;

/// Digests that are remembered; the oldest are forgotten first.
const CAPACITY: usize = 65_536;

/// What tells a file from one that was changed or put in its place since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub fn of(meta: &Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            len: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

/// Facts about artifacts.
#[derive(Debug, Default)]
pub(super) struct Known {
    facts: BTreeMap<Digest, Facts>,
    order: VecDeque<Digest>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    /// The file whose content was verified.
    verified: Option<Stamp>,
    /// Its name is on the disk.
    durable: bool,
}

impl Known {
    /// Whether this very file was verified.
    pub fn is_verified(&self, digest: &Digest, stamp: &Stamp) -> bool {
        self.facts.get(digest).is_some_and(|facts| facts.verified.as_ref() == Some(stamp))
    }

    /// Whether the artifact's name is on the disk.
    pub fn is_durable(&self, digest: &Digest) -> bool {
        self.facts.get(digest).is_some_and(|facts| facts.durable)
    }

    /// This file's content matches its digest.
    pub fn verified(&mut self, digest: &Digest, stamp: Stamp) {
        self.facts(digest).verified = Some(stamp);
    }

    /// The artifact's name is on the disk.
    pub fn durable(&mut self, digest: &Digest) {
        self.facts(digest).durable = true;
    }

    /// Nothing is known any more (it is damaged, or being replaced).
    pub fn forget(&mut self, digest: &Digest) {
        if let Some(facts) = self.facts.get_mut(digest) {
            *facts = Facts::default();
        }
    }

    fn facts(&mut self, digest: &Digest) -> &mut Facts {
        if !self.facts.contains_key(digest) {
            self.order.push_back(*digest);
            if self.order.len() > CAPACITY
                && let Some(oldest) = self.order.pop_front()
            {
                self.facts.remove(&oldest);
            }
        }
        self.facts.entry(*digest).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let mut known = Known::default();
        let digest = |number: usize| Digest::of(&number.to_le_bytes());
        for number in 0..CAPACITY + 10 {
            known.durable(&digest(number));
        }
        assert!(!known.is_durable(&digest(9)) && known.is_durable(&digest(10)));
        assert_eq!((known.facts.len(), known.order.len()), (CAPACITY, CAPACITY));
        known.forget(&digest(10));
        assert!(!known.is_durable(&digest(10)));
    }
}
