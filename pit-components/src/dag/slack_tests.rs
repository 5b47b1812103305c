//! Slack against longest paths found from scratch (petgraph), after any playing, change of estimates and edit.

use super::*;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef as _;
use proptest::prelude::*;

type Edges = Vec<(u32, u32, EdgeMode)>;

fn mode() -> impl Strategy<Value = EdgeMode> {
    use EdgeMode::*;
    prop_oneof![3 => Just(Hard), 1 => Just(Soft), 1 => Just(Join), 1 => Just(Group), 1 => Just(Optional)]
}

fn topology(rows: u32, drawn: &Edges) -> Topology {
    let edges = drawn.iter().filter(|(from, to, _)| from % rows != to % rows);
    let edges = edges.map(|(from, to, mode)| {
        let (from, to) = (from % rows, to % rows);
        (from.min(to), from.max(to), *mode)
    });
    let mut edges: Edges = edges.collect();
    edges.sort_unstable();
    edges.dedup();
    Topology::from_sorted(rows, &edges)
}

/// What is known of a row: when it began, when it was over, how long it is thought to take, when it may begin.
#[derive(Clone, Copy, Default)]
struct Known {
    began: Option<u64>,
    over: Option<u64>,
    took: u64,
}

/// Heads, tails and the end, from scratch, over petgraph.
fn oracle(topology: &Topology, known: &[Known]) -> (Vec<u64>, Vec<u64>, u64) {
    let waits = |(from, to, mode): (u32, u32, EdgeMode)| (mode != EdgeMode::Optional).then_some((from, to));
    let mut graph = DiGraph::<(), (), u32>::from_edges(topology.edges().filter_map(waits));
    while graph.node_count() < known.len() {
        graph.add_node(());
    }
    let order = petgraph::algo::toposort(&graph, None).expect("acyclic");
    let took = |ix: usize| match (known[ix].began, known[ix].over) {
        (Some(began), Some(over)) => over - began,
        _ => known[ix].took,
    };
    let (mut head, mut tail) = (vec![0; known.len()], vec![0; known.len()]);
    for node in &order {
        let ix = node.index();
        let before = graph.edges_directed(*node, petgraph::Incoming).map(|edge| edge.source().index());
        head[ix] = known[ix].began.unwrap_or_else(|| before.map(|ix: usize| head[ix] + took(ix)).max().unwrap_or(0));
    }
    for node in order.iter().rev() {
        let ix = node.index();
        let after = graph.neighbors(*node).map(NodeIndex::index).filter(|after| known[*after].began.is_none());
        tail[ix] = took(ix) + after.map(|after| tail[after]).max().unwrap_or(0);
    }
    let end = (0..known.len()).map(|ix| head[ix] + took(ix)).max().unwrap_or(0);
    (head, tail, end)
}

fn check(slack: &Slack, topology: &Topology, known: &[Known]) -> Result<(), TestCaseError> {
    let (head, tail, end) = oracle(topology, known);
    prop_assert_eq!(slack.end(), Time(end));
    for (row, known) in (0u32..).zip(known) {
        let at = row as usize;
        prop_assert_eq!(slack.head(row), Time(head[at]), "head of {}", row);
        prop_assert_eq!(slack.has_begun(row), known.began.is_some());
        prop_assert_eq!(slack.is_over(row), known.over.is_some());
        // Nobody asks how much later what is over may end.
        if known.over.is_none() {
            prop_assert_eq!(slack.tail(row), tail[at], "tail of {}", row);
            prop_assert_eq!(slack.slack(row), end.saturating_sub(head[at] + tail[at]));
        }
    }
    let path = slack.critical_path(topology);
    prop_assert!(path.windows(2).all(|step| topology.waited(step[1]).contains(&step[0])));
    prop_assert!(path.last().is_none_or(|last| slack.head(*last).0 + slack.took(*last) == end));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 512 } else { 4_000 }))]
    #[test]
    fn slack_is_what_longest_paths_say(
        rows in 1u32..40,
        edges in prop::collection::vec((0u32..40, 0u32..40, mode()), 0..120),
        times in prop::collection::vec(0u64..50, 40),
        steps in prop::collection::vec((0u8..6, 0u32..40, 0u64..30, 1u32..9), 0..60),
    ) {
        let mut graph = topology(rows, &edges);
        let mut known: Vec<Known> = times[..rows as usize].iter().map(|took| Known { took: *took, ..Known::default() }).collect();
        let mut slack = Slack::new(&graph, |row| times[row as usize]);
        check(&slack, &graph, &known)?;
        let mut now = 0;
        for (what, row, span, most) in steps {
            let row = row % known.len() as u32;
            let at = row as usize;
            now += span;
            let waits = |(from, to, mode): (u32, u32, EdgeMode)| {
                to == row && matches!(mode, EdgeMode::Hard | EdgeMode::Soft) && known[from as usize].over.is_none()
            };
            let may = known[at].began.is_some() || !graph.edges().any(waits);
            match what {
                // A row begins (joins and groups may be decided at any time), or it is over, or it is over at once.
                0 | 1 if may && known[at].began.is_none() => {
                    slack.began(row, Time(now));
                    known[at].began = Some(now);
                }
                0..=2 if may && known[at].over.is_none() => {
                    let took = slack.ended(row, Time(now));
                    let began = *known[at].began.get_or_insert(now);
                    known[at].over = Some(now);
                    prop_assert_eq!(took, now - began);
                }
                3 => {
                    slack.estimate(row, span);
                    if known[at].over.is_none() { known[at].took = span; }
                }
                4 => {
                    if let (Some(began), None) = (known[at].began, known[at].over) {
                        slack.still(row, Time(now));
                        known[at].took = known[at].took.max(now - began);
                    }
                }
                // Two rows come, the first after this one and the second before it, and everything is numbered anew.
                5 => {
                    let count = known.len() as u32;
                    if count > 60 { continue; }
                    let old = graph.clone();
                    let mut edges: Edges = old.edges().collect();
                    edges.push((row, count, EdgeMode::Hard));
                    // What has begun waits for nobody any more.
                    if known[at].began.is_none() { edges.push((count + 1, row, EdgeMode::Soft)); }
                    let order = symphony_ecs_core::score::topological_order(count + 2, &edges).expect("acyclic");
                    let mut place = vec![0; order.len()];
                    order.iter().zip(0u32..).for_each(|(node, row)| place[*node as usize] = row);
                    let mut placed: Edges = edges.iter().map(|(a, b, mode)| (place[*a as usize], place[*b as usize], *mode)).collect();
                    placed.sort_unstable();
                    graph = Topology::from_sorted(count + 2, &placed);
                    let from = |row: u32| Some(order[row as usize]).filter(|old| *old < count);
                    slack = slack.recompiled(&graph, from, |_| span);
                    let fresh = Known { took: span, ..Known::default() };
                    known = order.iter().map(|node| known.get(*node as usize).copied().unwrap_or(fresh)).collect();
                }
                _ => {}
            }
            // In slices, however small, with events in between.
            slack.repair(&graph, most);
            if most > 4 {
                while slack.repair(&graph, most) == most {}
                check(&slack, &graph, &known)?;
                let (head, took) = slack.kept();
                let again = Slack::restored(&graph, head.to_vec(), took.to_vec()).expect("it fits");
                check(&again, &graph, &known)?;
            }
        }
    }
}

/// a(3) → b(5) → d(1), a → c(2) → d.
fn diamond() -> (Topology, Slack) {
    use EdgeMode::Hard;
    let topology = Topology::from_sorted(4, &[(0, 1, Hard), (0, 2, Hard), (1, 3, Hard), (2, 3, Hard)]);
    let slack = Slack::new(&topology, |row| [3, 5, 2, 1][row as usize]);
    (topology, slack)
}

#[test]
fn a_diamond_has_slack_on_its_short_side() {
    let (topology, mut slack) = diamond();
    assert_eq!(slack.end(), Time(9));
    assert_eq!((0..4).map(|row| slack.slack(row)).collect::<Vec<_>>(), [0, 0, 3, 0]);
    assert_eq!(slack.critical_path(&topology), [0, 1, 3]);
    for (row, at) in [(0, 0), (0, 3), (1, 3), (2, 3)] {
        match slack.has_begun(row) {
            true => _ = slack.ended(row, Time(at)),
            false => slack.began(row, Time(at)),
        }
    }
    assert_eq!(slack.repair(&topology, 100), 0, "all is as it was thought");
    // c does not end.
    slack.still(2, Time(20));
    slack.repair(&topology, 100);
    assert_eq!((slack.end(), slack.slack(1)), (Time(21), 12));
    assert_eq!(slack.critical_path(&topology), [0, 2, 3]);
}

#[test]
fn a_change_that_changes_nothing_further_stops() {
    let (topology, mut slack) = diamond();
    slack.estimate(2, 4);
    // c ahead, d ahead (its head stays), c back, a back (its tail stays).
    assert_eq!(slack.repair(&topology, 100), 4);
    assert_eq!((slack.end(), slack.slack(2)), (Time(9), 1));
    assert_eq!(slack.repair(&topology, 100), 0);
}
