//! Shapes: which small graphs come again and again.
//!
//! A row's shape is its kind and what stands before it, two steps far: a label of the kind, refined twice by the sorted
//! labels of the producers (Weisfeiler and Leman, 1968; Shervashidze and others, 2011, for counting). Rows of equal shape
//! have equal neighbourhoods as far as kinds and edges tell. Shapes are found once for a score; a completion counts one
//! number up. Kept are the most frequent: when the table is full all counts are halved and what is down to nothing goes
//! (lossy counting, Manku and Motwani, 2002), so its size is bounded.

use foldhash::{HashMap, HashMapExt as _};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use symphony_ecs_core::score::Topology;

/// Shapes that are kept.
const MOST: usize = 1024;
/// Shapes of one score that are told apart: what comes again and again comes early.
const TOLD_APART: usize = 1 << 14;
/// Producers that are named in words.
const NAMED: usize = 4;

/// A shape that was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// In words: `kind ← producers`.
    pub words: String,
    /// How often it finished.
    pub count: u64,
}

/// The shapes of a score's rows.
#[derive(Clone, Debug, Default)]
pub struct ScoreShapes {
    /// Which of `hashes` each row has.
    of: Vec<u32>,
    hashes: Vec<u64>,
    /// A row of each shape.
    first: Vec<u32>,
    /// How often each finished since the last [`Shapes::take_in`].
    counts: Vec<u64>,
}

/// The shapes that were seen, by their hash.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shapes(BTreeMap<String, Shape>);

impl ScoreShapes {
    /// The shapes of a score's rows, from the label of each row's kind.
    pub fn of(topology: &Topology, label: impl Fn(u32) -> u64) -> Self {
        let rows = topology.rows();
        let mut labels: Vec<u64> = (0..rows).map(label).collect();
        let mut refined = labels.clone();
        for _ in 0..2 {
            for row in 0..rows {
                // A sum, so that the order of the producers does not matter.
                let before = topology.pred(row).iter().map(|producer| mixed(labels[*producer as usize]));
                let before = before.fold(0u64, u64::wrapping_add);
                refined[row as usize] = mixed(labels[row as usize].rotate_left(1) ^ mixed(before));
            }
            std::mem::swap(&mut labels, &mut refined);
        }
        drop(refined);
        let (mut hashes, mut first) = (Vec::new(), Vec::new());
        let mut known: HashMap<u64, u32> = HashMap::new();
        let of = (0..rows).zip(labels).map(|(row, label)| {
            if let Some(place) = known.get(&label) {
                return *place;
            }
            let place = hashes.len() as u32;
            if hashes.len() == TOLD_APART {
                return u32::MAX;
            }
            known.insert(label, place);
            hashes.push(label);
            first.push(row);
            place
        });
        let of = of.collect();
        Self { of, counts: vec![0; hashes.len()], first, hashes }
    }

    /// Forgets what it has counted.
    pub fn forget(&mut self) {
        self.counts.fill(0);
    }

    /// A row finished.
    #[inline]
    pub fn finished(&mut self, row: u32) {
        if let Some(count) = self.of.get(row as usize).and_then(|shape| self.counts.get_mut(*shape as usize)) {
            *count += 1;
        }
    }
}

impl Shapes {
    /// Takes over what a score's rows have counted, and starts their counts over. `name` says what a row's kind is called.
    pub fn take_in<'n>(&mut self, score: &mut ScoreShapes, topology: &Topology, name: impl Fn(u32) -> &'n str) {
        let mut counted: Vec<(u64, usize)> =
            score.counts.iter_mut().map(std::mem::take).zip(0..).filter(|(count, _)| *count > 0).collect();
        // Of a score with more shapes than are kept, the most frequent ones.
        counted.sort_unstable_by_key(|(count, place)| (std::cmp::Reverse(*count), *place));
        for (count, place) in counted.into_iter().take(MOST) {
            let words = || in_words(topology, score.first[place], &name);
            self.add(format!("{:016x}", score.hashes[place]), count, words);
        }
    }

    /// Takes over what others have seen.
    pub fn merge(&mut self, other: &Self) {
        for (hash, shape) in &other.0 {
            self.add(hash.clone(), shape.count, || shape.words.clone());
        }
    }

    fn add(&mut self, hash: String, count: u64, words: impl FnOnce() -> String) {
        let shape = self.0.entry(hash).or_insert_with(|| Shape { words: words(), count: 0 });
        shape.count = shape.count.saturating_add(count);
        while self.0.len() > MOST {
            self.0.values_mut().for_each(|shape| shape.count /= 2);
            self.0.retain(|_, shape| shape.count > 0);
        }
    }

    /// The most frequent shapes, the first of them first.
    pub fn most(&self, most: usize) -> Vec<&Shape> {
        let mut shapes: Vec<&Shape> = self.0.values().collect();
        shapes.sort_by(|one, other| (other.count, &one.words).cmp(&(one.count, &other.words)));
        shapes.truncate(most);
        shapes
    }
}

/// A word with all of its bits mixed (Steele, Lea and Flood, "SplitMix", 2014).
fn mixed(word: u64) -> u64 {
    let mut mixed = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// A row's neighbourhood in words: its kind, and how many producers of which kinds it has.
fn in_words<'n>(topology: &Topology, row: u32, name: &impl Fn(u32) -> &'n str) -> String {
    let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
    topology.pred(row).iter().for_each(|producer| *kinds.entry(name(*producer)).or_default() += 1);
    let own = name(row);
    if kinds.is_empty() {
        return own.to_owned();
    }
    let several =
        |(kind, count): (&&str, &u32)| if *count == 1 { (*kind).to_owned() } else { format!("{count} × {kind}") };
    let mut words: Vec<String> = kinds.iter().take(NAMED).map(several).collect();
    if kinds.len() > NAMED {
        words.push("…".to_owned());
    }
    format!("{own} ← {}", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use symphony_ecs_core::score::EdgeMode::Hard;

    #[test]
    fn rows_with_equal_neighbourhoods_have_one_shape() {
        // Twice a → b → c, and a lonely c.
        let topology = Topology::from_sorted(7, &[(0, 2, Hard), (1, 3, Hard), (2, 4, Hard), (3, 5, Hard)]);
        let kinds = ["a", "a", "b", "b", "c", "c", "c"];
        let mut score = ScoreShapes::of(&topology, |row| u64::from(kinds[row as usize].as_bytes()[0]));
        let mut shapes = Shapes::default();
        (0..7).for_each(|row| score.finished(row));
        score.finished(99);
        shapes.take_in(&mut score, &topology, |row| kinds[row as usize]);
        let found: Vec<_> = shapes.most(9).into_iter().map(|shape| (shape.words.as_str(), shape.count)).collect();
        assert_eq!(found, [("a", 2), ("b ← a", 2), ("c ← b", 2), ("c", 1)]);
        shapes.take_in(&mut score, &topology, |row| kinds[row as usize]);
        let more = shapes.clone();
        shapes.merge(&more);
        assert_eq!(shapes.most(1)[0].count, 4, "counts are taken over once, and merged by adding");
    }

    #[test]
    fn the_table_is_bounded_and_keeps_the_most_frequent() {
        let mut shapes = Shapes::default();
        for round in 0..20u64 {
            for rare in 0..200 {
                shapes.add(format!("{round}-{rare}"), 1, || "rare".to_owned());
            }
            shapes.add("often".to_owned(), 50, || "often".to_owned());
        }
        assert!(shapes.0.len() <= MOST);
        assert_eq!(shapes.most(1)[0].words, "often");
    }
}
