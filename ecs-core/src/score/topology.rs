//! Who comes before whom: adjacency in compressed sparse rows, both ways, over topologically numbered rows.

use std::fmt;

/// An outgoing edge: the consumer's row and how it waits, in one word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Edge(u32);

/// How the consumer of an edge waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EdgeMode {
    /// One wait; a producer that gives nothing blocks the consumer.
    Hard,
    /// One wait; the consumer goes on either way.
    Soft,
    /// Part of a join, which counts its own waits.
    Join,
    /// One of the consumer's group: it waits until as many of them have given something as its spec says.
    Group,
    /// No wait: the consumer uses what is there when it plays.
    Optional,
}

impl Edge {
    /// Rows take 29 bits: a score has at most this many.
    pub const MAX_ROWS: u32 = 1 << 29;

    /// An edge to `row`, which must be below [`Edge::MAX_ROWS`].
    pub fn new(row: u32, mode: EdgeMode) -> Self {
        debug_assert!(row < Self::MAX_ROWS);
        Self(row | (mode as u32) << 29)
    }

    /// The consumer.
    #[inline]
    pub fn row(self) -> u32 {
        self.0 & (Self::MAX_ROWS - 1)
    }

    /// How it waits.
    #[inline]
    pub fn mode(self) -> EdgeMode {
        match self.0 >> 29 {
            0 => EdgeMode::Hard,
            1 => EdgeMode::Soft,
            2 => EdgeMode::Join,
            3 => EdgeMode::Group,
            _ => EdgeMode::Optional,
        }
    }

    /// Whether it is a wait of its own, hard or soft: the test of the hot path.
    #[inline]
    pub fn waits(self) -> bool {
        self.0 < 2 * Self::MAX_ROWS
    }
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}→{}", self.mode(), self.row())
    }
}

/// Adjacency of a score.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    succ_off: Vec<u32>,
    succ: Vec<Edge>,
    pred_off: Vec<u32>,
    /// Producers; those of optional edges stand last.
    pred: Vec<u32>,
    /// How many of a row's producers are optional; empty when none is.
    optional: Vec<u16>,
}

/// The graph is not acyclic: one of its cycles, first row repeated at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle(pub Vec<u32>);

impl Topology {
    /// Builds from edges (producer, consumer, mode) between rows that are already in topological order; edges may
    /// come in any order and keep it per producer.
    ///
    /// # Panics
    /// When an edge does not point from a lower to a higher row below `rows`: callers number rows first
    /// (see [`topological_order`]).
    pub fn from_sorted(rows: u32, edges: &[(u32, u32, EdgeMode)]) -> Self {
        Self::placed(rows, edges.iter().copied())
    }

    /// As [`from_sorted`](Self::from_sorted), from edges that are made as they are read (twice).
    pub(super) fn placed(rows: u32, edges: impl ExactSizeIterator<Item = (u32, u32, EdgeMode)> + Clone) -> Self {
        assert!(rows <= Edge::MAX_ROWS, "a score has at most 2^29 rows");
        let count = rows as usize;
        let mut succ_off = vec![0u32; count + 1];
        let mut pred_off = vec![0u32; count + 1];
        for (producer, consumer, _) in edges.clone() {
            assert!(producer < consumer && consumer < rows, "edges run from lower to higher rows");
            succ_off[producer as usize + 1] += 1;
            pred_off[consumer as usize + 1] += 1;
        }
        for row in 0..count {
            succ_off[row + 1] += succ_off[row];
            pred_off[row + 1] += pred_off[row];
        }
        // Scatter with the offsets as cursors: afterwards off[row] is where the row ends, so shift back by one.
        let mut succ = vec![Edge(0); edges.len()];
        let mut pred = vec![0u32; edges.len()];
        let mut optional = Vec::new();
        for (producer, consumer, mode) in edges.clone() {
            let place = &mut succ_off[producer as usize];
            succ[*place as usize] = Edge::new(consumer, mode);
            *place += 1;
            if mode == EdgeMode::Optional {
                optional.resize(count, 0u16);
                optional[consumer as usize] = optional[consumer as usize].saturating_add(1);
                continue;
            }
            let place = &mut pred_off[consumer as usize];
            pred[*place as usize] = producer;
            *place += 1;
        }
        if !optional.is_empty() {
            for (producer, consumer, _) in edges.filter(|(.., mode)| *mode == EdgeMode::Optional) {
                let place = &mut pred_off[consumer as usize];
                pred[*place as usize] = producer;
                *place += 1;
            }
        }
        for off in [&mut succ_off, &mut pred_off] {
            off.rotate_right(1);
            off[0] = 0;
        }
        Self { succ_off, succ, pred_off, pred, optional }
    }

    /// Number of rows.
    #[inline]
    pub fn rows(&self) -> u32 {
        self.succ_off.len().saturating_sub(1) as u32
    }

    /// Number of edges.
    pub fn edge_count(&self) -> usize {
        self.succ.len()
    }

    /// Consumers of a row.
    #[inline]
    pub fn succ(&self, row: u32) -> &[Edge] {
        let row = row as usize;
        &self.succ[self.succ_off[row] as usize..self.succ_off[row + 1] as usize]
    }

    /// Consumers of `count` rows that follow each other, row by row.
    #[inline]
    pub fn succ_of(&self, first: u32, count: u32) -> &[Edge] {
        let first = first as usize;
        &self.succ[self.succ_off[first] as usize..self.succ_off[first + count as usize] as usize]
    }

    /// Producers of a row.
    #[inline]
    pub fn pred(&self, row: u32) -> &[u32] {
        let row = row as usize;
        &self.pred[self.pred_off[row] as usize..self.pred_off[row + 1] as usize]
    }

    /// Producers for which a row waits, alone or in a join or group: all but the optional ones.
    #[inline]
    pub fn waited(&self, row: u32) -> &[u32] {
        let all = self.pred(row);
        let optional = self.optional.get(row as usize).map_or(0, |count| *count as usize);
        &all[..all.len() - optional.min(all.len())]
    }

    /// Every edge as (producer, consumer, mode), by producer.
    pub fn edges(&self) -> impl Iterator<Item = (u32, u32, EdgeMode)> + '_ {
        (0..self.rows()).flat_map(|row| self.succ(row).iter().map(move |edge| (row, edge.row(), edge.mode())))
    }

    /// Upward ranks: `estimate(row)` plus the largest rank among the consumers that wait for the row, in one backward
    /// sweep.
    pub fn ranks(&self, estimate: impl Fn(u32) -> u32) -> Vec<u32> {
        let mut rank = vec![0u32; self.rows() as usize];
        for row in (0..self.rows()).rev() {
            let waits = self.succ(row).iter().filter(|edge| edge.mode() != EdgeMode::Optional);
            let longest = waits.map(|edge| rank[edge.row() as usize]).max().unwrap_or(0);
            rank[row as usize] = longest.saturating_add(estimate(row));
        }
        rank
    }
}

/// Orders nodes topologically: nodes in waves (all sources first), within a wave in the order of their numbers.
/// Returns for each place the node that stands there.
///
/// Waves keep the frontier of a run in few, contiguous ranges of rows; that is what makes the walk fast
/// (Kahn, "Topological sorting of large networks", CACM 1962, level by level).
pub fn topological_order(nodes: u32, edges: &[(u32, u32, EdgeMode)]) -> Result<Vec<u32>, Cycle> {
    let mut waits = vec![0u32; nodes as usize];
    let mut off = vec![0u32; nodes as usize + 1];
    for (producer, consumer, _) in edges {
        waits[*consumer as usize] += 1;
        off[*producer as usize + 1] += 1;
    }
    for node in 0..nodes as usize {
        off[node + 1] += off[node];
    }
    let mut cursor = off.clone();
    let mut succ = vec![0u32; edges.len()];
    for (producer, consumer, _) in edges {
        succ[cursor[*producer as usize] as usize] = *consumer;
        cursor[*producer as usize] += 1;
    }
    let mut order: Vec<u32> = (0..nodes).filter(|node| waits[*node as usize] == 0).collect();
    let mut wave = 0..order.len();
    while !wave.is_empty() {
        for place in wave.clone() {
            let node = order[place] as usize;
            for consumer in &succ[off[node] as usize..off[node + 1] as usize] {
                waits[*consumer as usize] -= 1;
                if waits[*consumer as usize] == 0 {
                    order.push(*consumer);
                }
            }
        }
        wave = wave.end..order.len();
        order[wave.clone()].sort_unstable();
    }
    match order.len() == nodes as usize {
        true => Ok(order),
        false => Err(find_cycle(nodes, edges)),
    }
}

/// Names one cycle with petgraph; only called when there is one.
fn find_cycle(nodes: u32, edges: &[(u32, u32, EdgeMode)]) -> Cycle {
    let mut graph = petgraph::graph::DiGraph::<(), (), u32>::with_capacity(nodes as usize, edges.len());
    for _ in 0..nodes {
        graph.add_node(());
    }
    for (producer, consumer, _) in edges {
        graph.add_edge((*producer).into(), (*consumer).into(), ());
    }
    let in_cycle = petgraph::algo::tarjan_scc(&graph)
        .into_iter()
        .find(|component| component.len() > 1 || component.iter().any(|node| graph.contains_edge(*node, *node)));
    let Some(component) = in_cycle else { return Cycle(Vec::new()) };
    // Walk inside the component until a node comes twice.
    let mut walk = vec![*component.iter().min().unwrap_or(&component[0])];
    loop {
        let here = walk[walk.len() - 1];
        let Some(next) = graph.neighbors(here).filter(|next| component.contains(next)).min() else { break };
        if let Some(first) = walk.iter().position(|node| *node == next) {
            walk.drain(..first);
            walk.push(next);
            break;
        }
        walk.push(next);
    }
    Cycle(walk.into_iter().map(|node| node.index() as u32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_diamond_in_both_directions() {
        use EdgeMode::*;
        let topology = Topology::from_sorted(4, &[(0, 1, Hard), (0, 2, Soft), (1, 3, Join), (2, 3, Hard)]);
        assert_eq!(topology.succ(0), [Edge::new(1, Hard), Edge::new(2, Soft)]);
        assert_eq!(topology.succ(3), []);
        assert_eq!(topology.pred(3), [1, 2]);
        assert_eq!(topology.pred(0), [0u32; 0]);
        assert_eq!(topology.ranks(|_| 10), [30, 20, 20, 10]);
        assert_eq!((topology.rows(), topology.edge_count()), (4, 4));
    }

    #[test]
    fn a_cycle_is_named() {
        use EdgeMode::*;
        let Err(Cycle(cycle)) = topological_order(4, &[(0, 1, Hard), (1, 2, Hard), (2, 3, Hard), (3, 1, Soft)]) else {
            panic!("the cycle was not seen");
        };
        assert_eq!(cycle, [1, 2, 3, 1]);
    }

    proptest! {
        /// petgraph is the oracle: it finds a cycle exactly when we do, and our order respects every edge.
        #[test]
        fn order_agrees_with_petgraph(edges in proptest::collection::vec((0u32..24, 0u32..24), 0..60)) {
            let edges: Vec<_> = edges.into_iter().map(|(from, to)| (from, to, EdgeMode::Hard)).collect();
            let graph = petgraph::graph::DiGraph::<(), (), u32>::from_edges(edges.iter().map(|(a, b, _)| (*a, *b)));
            match topological_order(24, &edges) {
                Err(Cycle(cycle)) => {
                    prop_assert!(petgraph::algo::is_cyclic_directed(&graph));
                    prop_assert_eq!(cycle.first(), cycle.last());
                    for step in cycle.windows(2) {
                        prop_assert!(edges.iter().any(|(a, b, _)| [*a, *b] == step[..]));
                    }
                }
                Ok(order) => {
                    prop_assert!(!petgraph::algo::is_cyclic_directed(&graph));
                    let mut place = [0; 24];
                    order.iter().enumerate().for_each(|(ix, node)| place[*node as usize] = ix as u32);
                    let sorted: Vec<_> =
                        edges.iter().map(|(a, b, mode)| (place[*a as usize], place[*b as usize], *mode)).collect();
                    let topology = Topology::from_sorted(24, &sorted);
                    let total: usize = (0..24).map(|row| topology.succ(row).len()).sum();
                    prop_assert_eq!(total, edges.len());
                    for (producer, consumer, _) in sorted {
                        prop_assert!(topology.succ(producer).iter().any(|edge| edge.row() == consumer));
                        prop_assert!(topology.pred(consumer).contains(&producer));
                    }
                }
            }
        }
    }
}
