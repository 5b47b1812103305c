//! The order of nodes: a list that answers in constant time which of two comes first.
//!
//! Every node has a label of 62 bits that rises along the list. A node that comes between two others takes a label
//! between theirs; where there is none, the smallest stretch of labels that is not crowded is spread evenly (Bender, Cole,
//! Demaine, Farach-Colton and Zito, "Two simplified algorithms for maintaining order in a list", 2002; the problem is
//! Dietz and Sleator's, 1987). That costs O(log n) labels a node, amortised.

/// No node.
pub(super) const NONE: u32 = u32::MAX;

const BITS: u32 = 62;

/// A stretch of 2^b labels may hold 1.4^b nodes: denser ones are left for wider ones.
const CROWDED: f64 = 1.4;

/// Nodes in an order.
#[derive(Clone, Debug)]
pub(super) struct Order {
    label: Vec<u64>,
    before: Vec<u32>,
    after: Vec<u32>,
    first: u32,
    last: u32,
}

impl Order {
    /// Nodes in the order of their numbers.
    pub fn new(nodes: u32) -> Self {
        let step = (1u64 << BITS) / (u64::from(nodes) + 1);
        let ends = if nodes == 0 { (NONE, NONE) } else { (0, nodes - 1) };
        Self {
            label: (1..=u64::from(nodes)).map(|place| place * step).collect(),
            before: (0..nodes).map(|node| node.checked_sub(1).unwrap_or(NONE)).collect(),
            after: (0..nodes).map(|node| if node + 1 < nodes { node + 1 } else { NONE }).collect(),
            first: ends.0,
            last: ends.1,
        }
    }

    /// The place of a node: of two nodes the smaller comes first.
    #[inline]
    pub fn label(&self, node: u32) -> u64 {
        self.label[node as usize]
    }

    /// A new node at the end, or after another one.
    pub fn push(&mut self, after: Option<u32>) -> u32 {
        let node = self.label.len() as u32;
        self.label.push(0);
        self.before.push(NONE);
        self.after.push(NONE);
        self.link(after.unwrap_or(self.last), node);
        node
    }

    /// Moves nodes, given in their order, to just before another one.
    pub fn move_before(&mut self, nodes: &[u32], mark: u32) {
        nodes.iter().for_each(|node| self.unlink(*node));
        let place = self.before[mark as usize];
        self.link_all(place, nodes);
    }

    /// Moves nodes, given in their order, to just after another one.
    pub fn move_after(&mut self, nodes: &[u32], mark: u32) {
        nodes.iter().for_each(|node| self.unlink(*node));
        self.link_all(mark, nodes);
    }

    /// All nodes in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors((self.first != NONE).then_some(self.first), |node| {
            Some(self.after[*node as usize]).filter(|after| *after != NONE)
        })
    }

    fn unlink(&mut self, node: u32) {
        let (before, after) = (self.before[node as usize], self.after[node as usize]);
        match before {
            NONE => self.first = after,
            before => self.after[before as usize] = after,
        }
        match after {
            NONE => self.last = before,
            after => self.before[after as usize] = before,
        }
    }

    /// Puts nodes after `place` (at the beginning for none). Where there is room, they share it evenly.
    fn link_all(&mut self, place: u32, nodes: &[u32]) {
        let (low, high) = self.around(place);
        let step = (high - low) / (nodes.len() as u64 + 1);
        let mut place = place;
        for (node, label) in nodes.iter().zip(1..) {
            match step {
                0 => self.link(place, *node),
                step => {
                    self.thread(place, *node);
                    self.label[*node as usize] = low + label * step;
                }
            }
            place = *node;
        }
    }

    fn link(&mut self, place: u32, node: u32) {
        let (mut low, mut high) = self.around(place);
        if high - low < 2 {
            self.spread(if place == NONE { self.first } else { place });
            (low, high) = self.around(place);
        }
        self.thread(place, node);
        // Most nodes come at the end, where half of what is left would soon be nothing.
        let room = if high == 1 << BITS { ((high - low) / 2).min(1 << 32) } else { (high - low) / 2 };
        self.label[node as usize] = low + room.max(1);
    }

    fn thread(&mut self, place: u32, node: u32) {
        let after = match place {
            NONE => std::mem::replace(&mut self.first, node),
            place => std::mem::replace(&mut self.after[place as usize], node),
        };
        self.before[node as usize] = place;
        self.after[node as usize] = after;
        match after {
            NONE => self.last = node,
            after => self.before[after as usize] = node,
        }
    }

    /// The labels between which a node after `place` must lie.
    fn around(&self, place: u32) -> (u64, u64) {
        let (low, after) = match place {
            NONE => (0, self.first),
            place => (self.label(place), self.after[place as usize]),
        };
        (low, if after == NONE { 1 << BITS } else { self.label(after) })
    }

    /// Spreads the smallest stretch around a node that is not crowded.
    fn spread(&mut self, node: u32) {
        let label = self.label(node);
        let (mut left, mut right, mut count, mut most) = (node, node, 1u64, 1.0);
        for bits in 1..=BITS {
            most *= CROWDED;
            let low = label >> bits << bits;
            let high = low + (1 << bits);
            while let Some(before) = some(self.before[left as usize]).filter(|before| self.label(*before) >= low) {
                (left, count) = (before, count + 1);
            }
            while let Some(after) = some(self.after[right as usize]).filter(|after| self.label(*after) < high) {
                (right, count) = (after, count + 1);
            }
            // The first label of all is nobody's: there is always one below.
            let step = (1u64 << bits) / (count + 1);
            if (count as f64) < most && step >= 2 {
                let mut next = left;
                for place in 1..=count {
                    self.label[next as usize] = low + place * step;
                    next = self.after[next as usize];
                }
                return;
            }
        }
    }
}

fn some(node: u32) -> Option<u32> {
    (node != NONE).then_some(node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A plain vector is the oracle, also where everything comes to the same place.
        #[test]
        fn labels_rise_along_the_list(
            nodes in 0u32..6,
            steps in prop::collection::vec((0u8..4, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..300),
            narrow in any::<bool>(),
        ) {
            let mut order = Order::new(nodes);
            if narrow {
                // As if the room were used up already.
                (0..nodes).for_each(|node| order.label[node as usize] = u64::from(node) + 1);
            }
            let mut list: Vec<u32> = (0..nodes).collect();
            for (what, one, other) in steps {
                match what {
                    0 if !list.is_empty() => {
                        let place = if narrow { 0 } else { one.index(list.len()) };
                        let node = order.push(Some(list[place]));
                        list.insert(place + 1, node);
                    }
                    0 | 1 => list.push(order.push(None)),
                    _ if list.len() < 2 => {}
                    _ => {
                        let mark = list[one.index(list.len())];
                        let rest: Vec<u32> = list.iter().copied().filter(|node| *node != mark).collect();
                        let from = other.index(rest.len());
                        let moved = &rest[from..(from + 3).min(rest.len())];
                        list.retain(|node| !moved.contains(node));
                        let place = list.iter().position(|node| *node == mark).expect("it stayed");
                        let place = if what == 2 {
                            order.move_before(moved, mark);
                            place
                        } else {
                            order.move_after(moved, mark);
                            place + 1
                        };
                        list.splice(place..place, moved.iter().copied());
                    }
                }
                prop_assert_eq!(order.iter().collect::<Vec<_>>(), list.clone());
                prop_assert!(list.windows(2).all(|pair| order.label(pair[0]) < order.label(pair[1])));
                prop_assert!(list.iter().all(|node| (1..1 << BITS).contains(&order.label(*node))));
            }
        }
    }

    #[test]
    fn many_nodes_fit_into_one_gap() {
        let mut order = Order::new(2);
        for _ in 0..20_000 {
            order.push(Some(0));
        }
        let labels: Vec<u64> = order.iter().map(|node| order.label(node)).collect();
        assert!(labels.is_sorted_by(|one, other| one < other));
        assert_eq!(labels.len(), 20_002);
    }
}
