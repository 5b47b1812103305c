//! Skills: how well each resource has done each kind of work, learned from calls that ended.
//!
//! The skill is the mean quality of past calls with a prior of one good and one bad (Laplace's rule), so what is unknown
//! stands in the middle; beyond a few hundred calls old ones fade, so that a model that got worse is noticed.

use super::demand::ResourceId;
use super::value::ONE;
use std::collections::BTreeMap;

/// Calls after which what was seen counts half.
const MEMORY: u32 = 512;

/// What was seen of one resource at one kind of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Experience {
    /// Calls.
    pub calls: u32,
    /// Sum of their qualities, each from 0 (failed) to 10,000.
    pub quality: u64,
    /// Nanoseconds that they took, summed.
    #[serde(default)]
    pub took_ns: u64,
}

impl Experience {
    /// The skill, from 0 to [`ONE`].
    pub fn skill(self) -> u16 {
        let one = u64::from(ONE);
        ((self.quality.saturating_add(one)) / (u64::from(self.calls) + 2)).min(one) as u16
    }

    /// How much is still to be learned, from 0 to [`ONE`]: half of it is left after four calls.
    pub fn novelty(self) -> u16 {
        (u32::from(ONE) * 4 / (4 + self.calls.min(MEMORY * 2))) as u16
    }

    /// How long a call takes, if any was seen.
    pub fn mean_ns(self) -> Option<u64> {
        self.took_ns.checked_div(u64::from(self.calls)).filter(|mean| *mean > 0)
    }

    fn add(&mut self, quality: u16, took_ns: u64) {
        self.calls += 1;
        self.took_ns = self.took_ns.saturating_add(took_ns);
        self.quality += u64::from(quality.min(ONE));
        if self.calls >= 2 * MEMORY {
            self.calls /= 2;
            self.quality /= 2;
            self.took_ns /= 2;
        }
    }
}

/// What was seen of all resources at all kinds of work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skills {
    seen: BTreeMap<(ResourceId, u32), Experience>,
}

impl Skills {
    /// A call ended with this quality, from 0 (failed) to 10,000, after this time.
    pub fn learn(&mut self, resource: ResourceId, work: u32, quality: u16, took_ns: u64) {
        self.seen.entry((resource, work)).or_default().add(quality, took_ns);
    }

    /// What was seen.
    pub fn of(&self, resource: ResourceId, work: u32) -> Experience {
        self.seen.get(&(resource, work)).copied().unwrap_or_default()
    }

    /// Who is best at a kind of work; of equals the first named.
    pub fn best(&self, among: &[ResourceId], work: u32) -> Option<ResourceId> {
        let best = among
            .iter()
            .enumerate()
            .max_by_key(|(place, one)| (self.of(**one, work).skill(), std::cmp::Reverse(*place)));
        best.map(|(_, resource)| *resource)
    }

    /// Puts back what was kept.
    pub fn set(&mut self, resource: ResourceId, work: u32, experience: Experience) {
        self.seen.insert((resource, work), experience);
    }

    /// All that was seen, in order.
    pub fn iter(&self) -> impl Iterator<Item = (ResourceId, u32, Experience)> + '_ {
        self.seen.iter().map(|((resource, work), seen)| (*resource, *work, *seen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_it_well_is_best_and_who_gets_worse_is_noticed() {
        let (a, b) = (ResourceId(0), ResourceId(1));
        let mut skills = Skills::default();
        assert_eq!(skills.best(&[b, a], 7), Some(b), "equals: the first named");
        for _ in 0..10 {
            skills.learn(a, 7, ONE, 30);
            skills.learn(b, 7, 2_000, 0);
        }
        assert_eq!((skills.best(&[b, a], 7), skills.best(&[], 7)), (Some(a), None));
        assert_eq!(skills.of(a, 7).skill(), 9_166);
        assert_eq!(skills.of(a, 8).skill(), ONE / 2, "other work says nothing");
        for _ in 0..5_000 {
            skills.learn(a, 7, 0, 30);
        }
        assert_eq!(skills.best(&[a, b], 7), Some(b));
        assert!(skills.of(a, 7).calls < 2 * MEMORY);
        assert_eq!((skills.of(a, 7).mean_ns(), skills.of(b, 7).mean_ns()), (Some(30), None));
        assert!(skills.of(a, 7).novelty() < skills.of(a, 9).novelty());
    }
}
