//! Weak points: where a run hangs by a thread, and which values to keep so that it does not.
//!
//! Two questions about losses that have not happened. A row is a **thread** of what is wanted if everything that is
//! wanted comes through it: losing it for good loses all (dominators; Cooper, Harvey and Kennedy, 2001). The **keep** is the
//! smallest set of rows such that, with their values safe, nothing that cannot be played again is ever needed again (a
//! minimum vertex cut, by maximum flow; Menger 1927, Edmonds and Karp 1972). Both are asked by a person and not in
//! the frame, so petgraph answers them.

use super::recovery::Losses;
use petgraph::algo::dominators::simple_fast;
use petgraph::algo::ford_fulkerson;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef as _;

impl Losses {
    /// Rows through which everything passes that the wanted slots come from, in topological order.
    pub fn threads(&self, wanted: &[u32]) -> Vec<u32> {
        let rows = self.barred.len();
        let mut graph = DiGraph::<(), (), u32>::new();
        (0..rows + 2).for_each(|_| _ = graph.add_node(()));
        // The end is the root: a row dominates all sources if no way up from the wanted misses it.
        let (sources, end) = (NodeIndex::new(rows), NodeIndex::new(rows + 1));
        for row in 0..rows {
            let takes = self.takes.of(row);
            if takes.is_empty() {
                graph.add_edge(NodeIndex::new(row), sources, ());
            }
            for giver in takes.iter().filter_map(|slot| self.giver.get(*slot as usize)) {
                graph.add_edge(NodeIndex::new(row), NodeIndex::new(*giver as usize), ());
            }
        }
        for giver in wanted.iter().filter_map(|slot| self.giver.get(*slot as usize)) {
            graph.add_edge(end, NodeIndex::new(*giver as usize), ());
        }
        let found = simple_fast(&graph, end);
        let Some(dominators) = found.strict_dominators(sources) else { return Vec::new() };
        let mut threads: Vec<u32> =
            dominators.map(|node| node.index()).filter(|row| *row < rows).map(|row| row as u32).collect();
        threads.sort_unstable();
        threads
    }

    /// The rows whose values to keep, the least by `size` in all, so that the wanted slots can be had again whatever
    /// else is lost. What cannot be played again: rows that are barred or have lost all of their players.
    pub fn keep(&self, wanted: &[u32], size: impl Fn(u32) -> u64) -> Vec<u32> {
        let rows = self.barred.len();
        let (once, again) = (2 * rows, 2 * rows + 1);
        let node = NodeIndex::<u32>::new;
        let sizes: Vec<u64> = (0..rows as u32).map(|row| size(row).max(1)).collect();
        // No cut goes through an edge that is not a row's own.
        let whole = sizes.iter().fold(1u64, |all, size| all.saturating_add(*size));
        let mut graph = DiGraph::<(), u64, u32>::new();
        (0..2 * rows + 2).for_each(|_| _ = graph.add_node(()));
        for (row, size) in sizes.into_iter().enumerate() {
            graph.add_edge(node(2 * row), node(2 * row + 1), size);
            if self.barred[row] || self.choice(row).is_none() {
                graph.add_edge(node(once), node(2 * row), whole);
            }
            for giver in self.takes.of(row).iter().filter_map(|slot| self.giver.get(*slot as usize)) {
                graph.add_edge(node(2 * *giver as usize + 1), node(2 * row), whole);
            }
        }
        for giver in wanted.iter().filter_map(|slot| self.giver.get(*slot as usize)) {
            graph.add_edge(node(2 * *giver as usize + 1), node(again), whole);
        }
        let (_, flows) = ford_fulkerson(&graph, node(once), node(again));
        // What can still be reached from the beginning lies before the cut.
        let mut reached = vec![false; graph.node_count()];
        let mut left = vec![node(once)];
        reached[once] = true;
        while let Some(at) = left.pop() {
            let ahead =
                graph.edges(at).filter(|edge| flows[edge.id().index()] < *edge.weight()).map(|edge| edge.target());
            let back = graph.edges_directed(at, petgraph::Incoming);
            let back = back.filter(|edge| flows[edge.id().index()] > 0).map(|edge| edge.source());
            for next in ahead.chain(back) {
                if !std::mem::replace(&mut reached[next.index()], true) {
                    left.push(next);
                }
            }
        }
        (0..rows).filter(|row| reached[2 * row] && !reached[2 * row + 1]).map(|row| row as u32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn losses(takes: &[Vec<u32>], barred: &[bool]) -> Losses {
        let rows = takes.len();
        let mut losses = Losses { barred: barred.to_vec(), lost: vec![true; rows], ..Losses::default() };
        for takes in takes {
            losses.giver.push(losses.giver.len() as u32);
            losses.takes.push(takes.iter().copied());
            losses.spare.push(false);
            losses.spare_takes.push([]);
        }
        losses
    }

    /// Whether everything wanted can be had again when all is lost but what these rows gave.
    fn comes_back(losses: &Losses, kept: u32, wanted: &[u32]) -> bool {
        let lost = (0..losses.lost.len()).map(|slot| kept >> slot & 1 == 0).collect();
        Losses { lost, ..losses.clone() }.plan(wanted).hopeless.is_empty()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn nothing_smaller_need_be_kept_and_threads_are_what_all_comes_through(
            bits in prop::collection::vec((prop::collection::vec(prop::bool::weighted(0.35), 8), prop::bool::weighted(0.3), any::<bool>(), 1u64..5), 1..9),
        ) {
            let takes: Vec<Vec<u32>> = bits.iter().enumerate()
                .map(|(row, drawn)| (0..row as u32).filter(|slot| drawn.0[*slot as usize]).collect()).collect();
            let barred: Vec<bool> = bits.iter().map(|drawn| drawn.1).collect();
            let wanted: Vec<u32> = (0..bits.len() as u32).filter(|row| bits[*row as usize].2).collect();
            let losses = losses(&takes, &barred);
            let size = |row: u32| bits[row as usize].3;
            let keep = losses.keep(&wanted, size);
            let weight = |set: u32| (0..bits.len() as u32).filter(|row| set >> row & 1 == 1).map(size).sum::<u64>();
            let set = keep.iter().fold(0u32, |set, row| set | 1 << row);
            prop_assert!(comes_back(&losses, set, &wanted), "{keep:?}");
            let least = (0..1u32 << bits.len()).filter(|set| comes_back(&losses, *set, &wanted)).map(weight).min();
            prop_assert_eq!(Some(weight(set)), least);
            // Without a thread no way leads from a wanted row to one that takes nothing.
            let open = |without: Option<u32>| {
                let mut seen = vec![false; takes.len()];
                let mut left: Vec<u32> = wanted.iter().copied().filter(|row| Some(*row) != without).collect();
                while let Some(row) = left.pop() {
                    if std::mem::replace(&mut seen[row as usize], true) { continue; }
                    if takes[row as usize].is_empty() { return true; }
                    left.extend(takes[row as usize].iter().copied().filter(|row| Some(*row) != without));
                }
                false
            };
            let expected: Vec<u32> = (0..bits.len() as u32).filter(|row| open(None) && !open(Some(*row))).collect();
            prop_assert_eq!(losses.threads(&wanted), expected);
        }

        /// What every way to the wanted passes is in every plan that brings it back when everything is lost.
        #[test]
        fn threads_are_in_the_plan(
            bits in prop::collection::vec(prop::collection::vec(prop::bool::weighted(0.4), 8), 1..9),
        ) {
            let takes: Vec<Vec<u32>> = bits.iter().enumerate()
                .map(|(row, drawn)| (0..row as u32).filter(|slot| drawn[*slot as usize]).collect()).collect();
            let losses = losses(&takes, &vec![false; takes.len()]);
            let wanted = [takes.len() as u32 - 1];
            let plan = losses.plan(&wanted);
            for thread in losses.threads(&wanted) {
                prop_assert!(plan.steps.iter().any(|step| step.row == thread));
            }
        }
    }
}
