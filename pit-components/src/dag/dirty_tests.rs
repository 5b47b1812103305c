//! Random edits of random melodies, held against an oracle that computes everything from scratch.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use symphony_ecs_core::score::{EdgeMode, topological_order};

/// A small seeded generator (Steele, Lea and Flood, "SplitMix", 2014).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (((mixed ^ (mixed >> 31)) >> 32) as usize * bound) >> 32
    }
}

/// A node of the model: edges run from lower to higher ids, whatever rows those become.
#[derive(Clone)]
struct Node {
    player: usize,
    parameter: usize,
    producers: BTreeSet<usize>,
    always: bool,
}

/// A melody as the oracle sees it: no rows, no columns, no memory but what each node finished with.
struct Model {
    nodes: BTreeMap<usize, Node>,
    versions: [usize; 3],
    finished: BTreeMap<usize, Digest>,
    next: usize,
    draw: Draw,
}

impl Model {
    fn draw(seed: u64) -> Self {
        let mut model =
            Self { nodes: BTreeMap::new(), versions: [1; 3], finished: BTreeMap::new(), next: 0, draw: Draw(seed) };
        (0..2 + model.draw.below(30)).for_each(|_| model.add());
        model
    }

    fn add(&mut self) {
        let known: Vec<usize> = self.nodes.keys().copied().collect();
        let count = if known.is_empty() { 0 } else { self.draw.below(4) };
        let producers = (0..count).map(|_| known[self.draw.below(known.len())]).collect();
        let (player, parameter) = (self.draw.below(3), self.draw.below(3));
        self.nodes.insert(self.next, Node { player, parameter, producers, always: false });
        self.next += 1;
    }

    fn any(&mut self) -> usize {
        let place = self.draw.below(self.nodes.len());
        *self.nodes.keys().nth(place).unwrap()
    }

    /// What a node is by itself.
    fn own(&self, id: usize) -> Digest {
        let node = &self.nodes[&id];
        let words = [node.player, self.versions[node.player], node.parameter];
        let words = words.iter().chain(&node.producers).flat_map(|word| word.to_le_bytes());
        Digest::of(&words.collect::<Vec<u8>>())
    }

    /// The identity of a node, by recursion: the plainest way there is.
    fn identities(&self) -> BTreeMap<usize, Digest> {
        let mut known: BTreeMap<usize, Digest> = BTreeMap::new();
        for (id, node) in &self.nodes {
            let mut bytes = self.own(*id).0.to_vec();
            node.producers.iter().for_each(|producer| bytes.extend(known[producer].0));
            known.insert(*id, Digest::of(&bytes));
        }
        known
    }

    fn standings(&self) -> BTreeMap<usize, Standing> {
        let identities = self.identities();
        let mut unsure = BTreeSet::new();
        let mut standings = BTreeMap::new();
        for (id, node) in &self.nodes {
            if node.producers.iter().any(|producer| self.nodes[producer].always || unsure.contains(producer)) {
                unsure.insert(*id);
            }
            let standing = match self.finished.get(id) {
                Some(known) if *known == identities[id] => match (node.always, unsure.contains(id)) {
                    (true, _) => Standing::Always,
                    (false, true) => Standing::Unsure,
                    (false, false) => Standing::Clean,
                },
                _ => Standing::Dirty,
            };
            standings.insert(*id, standing);
        }
        standings
    }

    /// The score: rows by topological order of shuffled numbers, so that rows move when nodes come and go.
    fn compiled(&self) -> (Topology, Vec<usize>) {
        let ids: Vec<usize> = self.nodes.keys().rev().copied().collect();
        let number = |id: &usize| ids.iter().position(|known| known == id).unwrap() as u32;
        let edges = self.nodes.iter().flat_map(|(id, node)| {
            node.producers.iter().map(move |producer| (number(producer), number(id), EdgeMode::Hard))
        });
        let edges: Vec<_> = edges.collect();
        let order = topological_order(ids.len() as u32, &edges).unwrap();
        let mut place = vec![0; ids.len()];
        order.iter().zip(0u32..).for_each(|(node, row)| place[*node as usize] = row);
        let edges: Vec<_> =
            edges.iter().map(|(from, to, mode)| (place[*from as usize], place[*to as usize], *mode)).collect();
        let rows = order.iter().map(|node| ids[*node as usize]).collect();
        (Topology::from_sorted(ids.len() as u32, &edges), rows)
    }

    fn columns(&self, rows: &[usize]) -> (Vec<Digest>, Vec<Digest>) {
        rows.iter().map(|id| (Digest::of(&id.to_le_bytes()), self.own(*id))).unzip()
    }
}

/// The set under test and the node that each of its rows is.
struct Trial {
    model: Model,
    set: DirtySet,
    rows: Vec<usize>,
}

impl Trial {
    fn new(seed: u64) -> Self {
        let model = Model::draw(seed);
        let (topology, rows) = model.compiled();
        let (names, own) = model.columns(&rows);
        Self { set: DirtySet::new(topology, &names, &own), model, rows }
    }

    fn row(&self, id: usize) -> u32 {
        self.rows.iter().position(|known| *known == id).unwrap() as u32
    }

    fn recompile(&mut self) {
        let (topology, rows) = self.model.compiled();
        let (names, own) = self.model.columns(&rows);
        self.rows = rows;
        self.set = self.set.clone().recompiled(topology, &names, &own);
        for id in self.model.nodes.keys() {
            self.set.always(self.row(*id), self.model.nodes[id].always);
        }
    }

    /// One random edit, on both sides.
    fn edit(&mut self) -> String {
        let id = self.model.any();
        match self.model.draw.below(40) {
            0..14 => {
                let parameter = self.model.draw.below(3);
                self.model.nodes.get_mut(&id).unwrap().parameter = parameter;
                self.set.edit(self.row(id), &self.model.own(id));
                format!("{id}: parameter {parameter}")
            }
            14..16 => {
                let player = self.model.draw.below(3);
                self.model.versions[player] = 1 + self.model.draw.below(2);
                let users = self.model.nodes.iter().filter(|(_, node)| node.player == player).map(|(id, _)| *id);
                users.collect::<Vec<_>>().iter().for_each(|id| self.set.edit(self.row(*id), &self.model.own(*id)));
                format!("player {player}")
            }
            16..24 => {
                self.model.finished.insert(id, self.model.identities()[&id]);
                self.set.finished(self.row(id));
                format!("{id} finished")
            }
            24..28 => {
                self.model.finished.extend(self.model.identities());
                self.set.all_finished();
                "all finished".to_owned()
            }
            28..31 => {
                let always = !self.model.nodes[&id].always;
                self.model.nodes.get_mut(&id).unwrap().always = always;
                self.set.always(self.row(id), always);
                format!("{id} always {always}")
            }
            31..35 => {
                let other = self.model.any();
                let (from, to) = (id.min(other), id.max(other));
                let producers = &mut self.model.nodes.get_mut(&to).unwrap().producers;
                if from != to && !producers.remove(&from) {
                    producers.insert(from);
                }
                self.recompile();
                format!("edge {from} → {to}")
            }
            35..38 => {
                self.model.add();
                self.recompile();
                "a new node".to_owned()
            }
            _ if self.model.nodes.len() > 2 => {
                let node = self.model.nodes.remove(&id).unwrap();
                for other in self.model.nodes.values_mut() {
                    other.producers.remove(&id);
                }
                self.recompile();
                self.agrees();
                // Half of those that go come back as they were: an edit that is undone.
                if self.model.draw.below(2) == 0 {
                    self.model.nodes.insert(id, node);
                    self.recompile();
                }
                format!("{id} goes")
            }
            _ => "nothing".to_owned(),
        }
    }

    fn agrees(&mut self) -> bool {
        self.set.update();
        let expected = self.model.standings();
        let standing = self.rows.iter().zip(0u32..).all(|(id, row)| self.set.standing(row) == expected[id]);
        let dirty: BTreeSet<usize> = self.set.dirty().map(|row| self.rows[row as usize]).collect();
        let wanted: BTreeSet<usize> =
            expected.iter().filter(|(_, standing)| **standing == Standing::Dirty).map(|(id, _)| *id).collect();
        standing && dirty == wanted && self.set.dirty_count() as usize == wanted.len()
    }
}

/// 20,000 edits; `SYMPHONY_LONG=1` makes 100,000, `SYMPHONY_SEED=n` plays one seed.
#[test]
fn random_edits_leave_the_set_of_the_oracle() {
    let asked: Option<u64> = std::env::var("SYMPHONY_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = match (asked, std::env::var_os("SYMPHONY_LONG")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(_)) => 0..1_000,
        (None, None) => 0..200,
    };
    let mut sizes = BTreeSet::new();
    for seed in seeds {
        let mut trial = Trial::new(seed);
        assert!(trial.agrees(), "seed {seed}, before the first edit");
        let mut story = Vec::new();
        for _ in 0..100 {
            story.push(trial.edit());
            assert!(trial.agrees(), "seed {seed}: {story:#?}");
            sizes.insert(trial.set.dirty_count());
        }
    }
    assert!(sizes.len() > 5, "the trials saw few sets: {sizes:?}");
}

/// A line of rows, each of which takes the one before it.
fn line(rows: u32) -> (DirtySet, Vec<Digest>) {
    let edges: Vec<_> = (1..rows).map(|row| (row - 1, row, EdgeMode::Hard)).collect();
    let names: Vec<Digest> = (0..rows).map(|row| Digest::of(&row.to_le_bytes())).collect();
    (DirtySet::new(Topology::from_sorted(rows, &edges), &names, &names), names)
}

#[test]
fn an_update_looks_at_the_cone_that_changed_and_at_nothing_else() {
    let (mut set, names) = line(1_000);
    set.all_finished();
    set.edit(990, &Digest::of(b"other"));
    assert_eq!(set.update(), 10);
    assert_eq!(set.dirty().collect::<Vec<_>>(), (990..1_000).collect::<Vec<_>>());
    set.edit(990, &names[990]);
    assert_eq!((set.update(), set.dirty_count()), (10, 0));
    // Taken back before anybody asked: the row is looked at, its hash is the same, and nothing follows.
    set.edit(5, &Digest::of(b"other"));
    set.edit(5, &names[5]);
    assert_eq!((set.update(), set.dirty_count()), (1, 0));
}

#[test]
fn what_follows_from_a_look_at_the_world_is_unsure() {
    let (mut set, _) = line(4);
    set.all_finished();
    set.always(1, true);
    set.update();
    let standings: Vec<_> = (0..4).map(|row| set.standing(row)).collect();
    assert_eq!(standings, [Standing::Clean, Standing::Always, Standing::Unsure, Standing::Unsure]);
    set.always(1, false);
    set.update();
    assert!((0..4).all(|row| set.standing(row) == Standing::Clean));
}

#[test]
fn rows_out_of_range_are_dirty_and_harm_nothing() {
    let (mut set, names) = line(3);
    set.edit(9, &names[0]);
    set.always(9, true);
    set.finished(9);
    assert_eq!((set.standing(9), set.dirty_count()), (Standing::Dirty, 3));
}
