//! The dirty set: which rows of a score would play now, kept exact while the score is edited.
//!
//! ```text
//! own[row]      what the row is by itself: its operation, its parameters, its ports and what they are bound to
//! derived[row]  hash of own[row] and of derived[p] for every producer p, in the order of their names
//! clean[row]    derived[row] when the row last finished; none if it never did
//!
//! row is dirty  ⇔  derived[row] ≠ clean[row]
//! ```
//!
//! Invariant after [`DirtySet::update`]: `derived` is what a computation from scratch would give. An edit marks its row;
//! the update walks marked rows upwards (rows stand in topological order, so every producer is done before its
//! consumers) and marks the consumers of a row only if its hash has changed. So an update costs the cone whose hashes
//! change, and an edit that is taken back leaves nothing dirty.
//!
//! A hash says what will be computed, not what comes out. Rows that always play (they look at the world) have outputs
//! that nobody knows beforehand, so what follows from them is [`Standing::Unsure`]: clean as far as anybody can know.

use foldhash::quality::FixedState;
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _};
use symphony_ecs_core::score::Topology;
use symphony_ecs_core::value::Digest;

/// How a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It finished as it is now, and so did everything before it.
    Clean,
    /// It would play: it, or something before it, is not what it was when it finished.
    Dirty,
    /// It plays whatever happened: it looks at the world.
    Always,
    /// Clean, unless a row before it that always plays gives something else this time.
    Unsure,
}

/// The dirty set of a score.
#[derive(Clone, Debug)]
pub struct DirtySet {
    topology: Topology,
    /// Who a row is, whatever its number.
    names: Vec<u128>,
    /// The producers of each row (as many as in the topology), in the order of their names.
    producers: Vec<u32>,
    first_producer: Vec<u32>,
    own: Vec<u128>,
    derived: Vec<u128>,
    /// 0 for rows that never finished; no hash is 0.
    clean: Vec<u128>,
    dirty: Bits,
    always: Bits,
    unsure: Bits,
    /// Rows that must be looked at by the next update.
    marked: Bits,
    /// Words of `marked` below this one are empty.
    from: usize,
    /// What nodes that are gone had finished with: they may come back.
    gone: BTreeMap<u128, u128>,
    hashes: [FixedState; 2],
}

impl DirtySet {
    /// The set of a score that never played: every row is dirty. `names` are digests of the rows' ids, one each; `own`
    /// says what each row is by itself and must not depend on its number.
    ///
    /// # Panics
    /// When a column has not one entry a row: callers are programs, not people.
    pub fn new(topology: Topology, names: &[Digest], own: &[Digest]) -> Self {
        let rows = topology.rows() as usize;
        assert!(own.len() == rows && names.len() == rows, "one name and one digest a row");
        let names: Vec<u128> = names.iter().map(short).collect();
        let mut producers = Vec::with_capacity(topology.edge_count());
        let mut first_producer = vec![0];
        for row in 0..rows as u32 {
            let first = producers.len();
            producers.extend_from_slice(topology.pred(row));
            // Row numbers change when a score is compiled anew; names do not.
            producers[first..].sort_unstable_by_key(|row| names[*row as usize]);
            first_producer.push(producers.len() as u32);
        }
        let mut set = Self {
            topology,
            names,
            producers,
            first_producer,
            own: own.iter().map(short).collect(),
            derived: vec![0; rows],
            clean: vec![0; rows],
            dirty: Bits::none(rows),
            always: Bits::none(rows),
            unsure: Bits::none(rows),
            marked: Bits::all(rows),
            from: 0,
            gone: BTreeMap::new(),
            hashes: [FixedState::with_seed(0x5379_6d70), FixedState::with_seed(0x686f_6e79)],
        };
        set.update();
        set
    }

    /// The set after the score was compiled anew, because nodes or edges came or went: a row is clean if the node of
    /// its name still is what it was when it finished. Rows that always play must be named again.
    pub fn recompiled(mut self, topology: Topology, names: &[Digest], own: &[Digest]) -> Self {
        let mut set = Self::new(topology, names, own);
        let finished = self.names.iter().zip(&self.clean).filter(|(_, clean)| **clean != 0);
        self.gone.extend(finished.map(|(name, clean)| (*name, *clean)));
        set.gone = self.gone;
        for at in 0..set.names.len() {
            if let Some(clean) = set.gone.remove(&set.names[at]) {
                set.clean[at] = clean;
                set.dirty.put(at as u32, clean != set.derived[at]);
            }
        }
        set
    }

    /// Number of rows.
    pub fn rows(&self) -> u32 {
        self.own.len() as u32
    }

    /// The row is something else now. Takes effect with the next [`update`](Self::update).
    pub fn edit(&mut self, row: u32, own: &Digest) {
        let own = short(own);
        if let Some(known) = self.own.get_mut(row as usize)
            && *known != own
        {
            *known = own;
            self.mark(row);
        }
    }

    /// Whether the row always plays. Takes effect with the next [`update`](Self::update).
    pub fn always(&mut self, row: u32, always: bool) {
        if row < self.rows() && self.always.put(row, always) {
            self.mark(row);
            for place in 0..self.topology.succ(row).len() {
                self.mark(self.topology.succ(row)[place].row());
            }
        }
    }

    /// The row finished as it is now (and as what stands before it is now).
    pub fn finished(&mut self, row: u32) {
        if row < self.rows() {
            self.update();
            self.clean[row as usize] = self.derived[row as usize];
            self.dirty.put(row, false);
        }
    }

    /// Every row finished as it is now.
    pub fn all_finished(&mut self) {
        self.update();
        self.clean.copy_from_slice(&self.derived);
        self.dirty.clear();
    }

    /// Brings the set up to date with the edits since the last time; gives the number of rows that it looked at.
    pub fn update(&mut self) -> u32 {
        let mut looked = 0;
        while self.from < self.marked.words.len() {
            let word = self.marked.words[self.from];
            if word == 0 {
                self.from += 1;
                continue;
            }
            // Consumers have higher rows, so the lowest marked row has nothing before it that is still to be done.
            let row = self.from as u32 * 64 + word.trailing_zeros();
            self.marked.put(row, false);
            looked += 1;
            self.look_at(row);
        }
        looked
    }

    fn look_at(&mut self, row: u32) {
        let at = row as usize;
        let producers = &self.producers[self.first_producer[at] as usize..self.first_producer[at + 1] as usize];
        let derived = hash(&self.hashes, self.own[row as usize], producers.iter().map(|at| self.derived[*at as usize]));
        let unsure = producers.iter().any(|at| self.always.has(*at) || self.unsure.has(*at));
        let changed = self.unsure.put(row, unsure) | (self.derived[at] != derived);
        self.derived[at] = derived;
        self.dirty.put(row, derived != self.clean[at]);
        if changed {
            for edge in self.topology.succ(row) {
                self.marked.put(edge.row(), true);
            }
        }
    }

    /// How a row stands. Call [`update`](Self::update) first.
    pub fn standing(&self, row: u32) -> Standing {
        match row {
            _ if row >= self.rows() || self.dirty.has(row) => Standing::Dirty,
            _ if self.always.has(row) => Standing::Always,
            _ if self.unsure.has(row) => Standing::Unsure,
            _ => Standing::Clean,
        }
    }

    /// How many rows are dirty.
    pub fn dirty_count(&self) -> u32 {
        self.dirty.count
    }

    /// The dirty rows, in order.
    pub fn dirty(&self) -> impl Iterator<Item = u32> + '_ {
        self.dirty.iter()
    }

    fn mark(&mut self, row: u32) {
        self.marked.put(row, true);
        self.from = self.from.min(row as usize / 64);
    }
}

/// Sixteen bytes of a digest tell rows of one score apart.
fn short(digest: &Digest) -> u128 {
    u128::from_le_bytes(std::array::from_fn(|place| digest.0[place]))
}

/// 128 bits over a row and its producers, never 0. These hashes never leave the process, and nobody chooses their
/// inputs, so speed counts and secrecy does not.
fn hash(states: &[FixedState; 2], own: u128, producers: impl Iterator<Item = u128>) -> u128 {
    let [mut low, mut high] = states.each_ref().map(FixedState::build_hasher);
    for word in std::iter::once(own).chain(producers) {
        low.write_u128(word);
        high.write_u128(word);
    }
    (u128::from(high.finish()) << 64 | u128::from(low.finish())).max(1)
}

/// A set of rows.
#[derive(Clone, Debug)]
struct Bits {
    words: Vec<u64>,
    count: u32,
}

impl Bits {
    fn none(rows: usize) -> Self {
        Self { words: vec![0; rows.div_ceil(64)], count: 0 }
    }

    fn all(rows: usize) -> Self {
        let mut bits = Self::none(rows);
        (0..rows as u32).for_each(|row| {
            bits.put(row, true);
        });
        bits
    }

    fn has(&self, row: u32) -> bool {
        self.words.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Puts a row in or takes it out; true if that changed anything.
    fn put(&mut self, row: u32, member: bool) -> bool {
        let (word, bit) = (&mut self.words[row as usize / 64], 1 << (row % 64));
        if (*word & bit != 0) == member {
            return false;
        }
        *word ^= bit;
        self.count = if member { self.count + 1 } else { self.count - 1 };
        true
    }

    fn clear(&mut self) {
        self.words.fill(0);
        self.count = 0;
    }

    fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().zip(0u32..).flat_map(|(word, place)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let row = (left != 0).then(|| place * 64 + left.trailing_zeros())?;
                left &= left - 1;
                Some(row)
            })
        })
    }
}

#[cfg(test)]
#[path = "dirty_tests.rs"]
mod tests;
