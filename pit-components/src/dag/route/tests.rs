//! Random edits against petgraph: an edge is refused exactly when it would close a cycle, and what is compacted is the
//! graph that was asked for.

use super::*;
use petgraph::graph::DiGraph;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// petgraph's graph, and the nodes that are gone (they keep their numbers and lose their edges).
#[derive(Default)]
struct Oracle {
    graph: DiGraph<(), EdgeMode, u32>,
    gone: BTreeSet<u32>,
}

impl Oracle {
    fn has(&self, node: u32) -> bool {
        (node as usize) < self.graph.node_count() && !self.gone.contains(&node)
    }

    fn add(&mut self) -> u32 {
        self.graph.add_node(()).index() as u32
    }

    fn remove(&mut self, node: u32) {
        self.gone.insert(node);
        let at = node.into();
        self.graph.retain_edges(|graph, edge| graph.edge_endpoints(edge).is_some_and(|(a, b)| a != at && b != at));
    }

    /// Edges are compared as a set.
    fn connect(&mut self, from: u32, to: u32, mode: EdgeMode) {
        if !self.edges().contains(&(from, to, mode)) {
            self.graph.add_edge(from.into(), to.into(), mode);
        }
    }

    fn disconnect(&mut self, from: u32, to: u32) -> bool {
        let before = self.graph.edge_count();
        self.graph.retain_edges(|graph, edge| graph.edge_endpoints(edge) != Some((from.into(), to.into())));
        self.graph.edge_count() < before
    }

    fn edges(&self) -> BTreeSet<(u32, u32, EdgeMode)> {
        let graph = &self.graph;
        let ends = |edge| graph.edge_endpoints(edge).map(|(a, b)| (a.index() as u32, b.index() as u32, graph[edge]));
        graph.edge_indices().filter_map(ends).collect()
    }
}

fn mode() -> impl Strategy<Value = EdgeMode> {
    use EdgeMode::*;
    prop_oneof![Just(Hard), Just(Soft), Just(Join), Just(Group), Just(Optional)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn edits_agree_with_petgraph(
        rows in 1u32..24,
        drawn in prop::collection::vec((0u32..24, 0u32..24, mode()), 0..50),
        begun in prop::collection::vec(prop::bool::weighted(0.1), 24),
        edits in prop::collection::vec((0u8..10, 0u32..40, 0u32..40, mode()), 0..80),
    ) {
        let edges = drawn.iter().map(|(from, to, mode)| (from % rows, to % rows, *mode)).filter(|(from, to, _)| from != to);
        let mut edges: Vec<_> = edges.map(|(from, to, mode)| (from.min(to), from.max(to), mode)).collect();
        edges.sort_unstable();
        edges.dedup();
        let topology = Topology::from_sorted(rows, &edges);
        let mut begun: BTreeSet<u32> = (0..rows).filter(|row| begun[*row as usize]).collect();
        let mut routes = Routes::new(&topology, |row| begun.contains(&row));
        let mut oracle = Oracle::default();
        (0..rows).for_each(|_| _ = oracle.add());
        edges.iter().for_each(|(from, to, mode)| oracle.connect(*from, *to, *mode));
        for (what, one, other, mode) in edits {
            let (one, other) = (one % (routes.nodes() + 1), other % routes.nodes());
            let expected = |node: u32| match oracle.has(node) {
                false => Err(Refusal::Unknown(node)),
                true if begun.contains(&node) => Err(Refusal::Begun(node)),
                true => Ok(()),
            };
            match what {
                0 => {
                    prop_assert_eq!(routes.add(), oracle.add());
                }
                1 => {
                    let allowed = expected(one);
                    prop_assert_eq!(routes.remove(one), allowed.clone());
                    if allowed.is_ok() { oracle.remove(one); }
                }
                2 => {
                    let allowed = expected(one);
                    let made = routes.replace(one);
                    prop_assert_eq!(made.clone().map(drop), allowed);
                    if let Ok(new) = made {
                        prop_assert_eq!(oracle.add(), new);
                        for (_, to, mode) in oracle.edges().into_iter().filter(|(from, to, _)| *from == one && !begun.contains(to)) {
                            oracle.connect(new, to, mode);
                        }
                        oracle.remove(one);
                    }
                }
                3 => {
                    let known = routes.has(one) && expected(other).is_ok();
                    let cut = routes.disconnect(one, other);
                    prop_assert_eq!(cut.is_ok(), known);
                    if let Ok(found) = cut {
                        prop_assert_eq!(found, oracle.disconnect(one, other));
                    }
                }
                4 if routes.has(one) => {
                    routes.began(one).expect("it is there");
                    begun.insert(one);
                }
                _ => {
                    let before = routes.compact();
                    match routes.connect(one, other, mode) {
                        Ok(()) => {
                            prop_assert!(oracle.has(one) && expected(other).is_ok());
                            oracle.connect(one, other, mode);
                            prop_assert!(!petgraph::algo::is_cyclic_directed(&oracle.graph));
                        }
                        Err(Refusal::Cycle(cycle)) => {
                            prop_assert_eq!(cycle.first(), cycle.last());
                            let edge = |step: &[u32]| oracle.graph.contains_edge(step[0].into(), step[1].into());
                            prop_assert!(cycle.windows(2).all(|step| step == [one, other] || edge(step)), "{:?}", cycle);
                            prop_assert!(cycle.windows(2).any(|step| step == [one, other]));
                            prop_assert_eq!(routes.compact().nodes, before.nodes, "a refusal changes nothing");
                        }
                        Err(refusal) => {
                            let known = if oracle.has(one) { Ok(()) } else { Err(Refusal::Unknown(one)) };
                            prop_assert_eq!(Err(refusal), known.and(expected(other)));
                        }
                    }
                }
            }
            // `from_sorted` refuses what is not in topological order.
            let compacted = routes.compact();
            let node = |row: u32| compacted.nodes[row as usize];
            let found: BTreeSet<_> = compacted.topology.edges().map(|(a, b, mode)| (node(a), node(b), mode)).collect();
            prop_assert_eq!(found, oracle.edges());
            prop_assert_eq!(compacted.nodes.len(), oracle.graph.node_count() - oracle.gone.len());
            for (node, row) in compacted.rows.iter().enumerate() {
                prop_assert_eq!(row.is_some(), oracle.has(node as u32));
                prop_assert!(row.is_none_or(|row| compacted.nodes[row as usize] as usize == node));
            }
        }
    }
}

#[test]
fn a_node_between_two_others_costs_its_own_edges() {
    use EdgeMode::Hard;
    let chain: Vec<_> = (1..10_000).map(|row| (row - 1, row, Hard)).collect();
    let topology = Topology::from_sorted(10_000, &chain);
    let mut routes = Routes::new(&topology, |_| false);
    for row in 1..9_999 {
        let node = routes.add();
        routes.connect(row, node, Hard).unwrap();
        routes.connect(node, row + 1, Hard).unwrap();
    }
    assert_eq!(routes.connect(9_000, 10, Hard).map_err(|refusal| matches!(refusal, Refusal::Cycle(_))), Err(true));
    let compacted = routes.compact();
    assert_eq!(compacted.topology.rows(), 10_000 + 9_998);
    assert_eq!(compacted.rows[9_999], Some(10_000 + 9_998 - 1));
}
