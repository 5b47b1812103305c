//! `track`: what it costs to follow a graph, node by node, through the whole frame loop under the virtual clock.
//!
//! Ours: arming the rows, the walk, decisions, arbitration, virtual time and retiring; a node goes from pending over
//! ready and running to done. The peer, petgraph, has no such loop; what it is given here is the same bookkeeping
//! and nothing else, in two forms: its own `visit::Topo` with status and attempt written per node, and a walk of our
//! making over its `DiGraph` with counters, statuses and a FIFO ready queue, which is faster and does more.

use super::{Figure, unknown};
use crate::bench::{Bench, Rival};
use crate::chorus::{self, number};
use crate::error::BenchError;
use crate::line::Goal;
use crate::meter::Stopwatch;
use crate::sample::Sample;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::VecDeque;
use std::sync::Arc;
use symphony_benches::graphs::{self, Edges};
use symphony_ecs_core::components::Status;
use symphony_systems::RunOptions;

pub const FIGURE: Figure =
    Figure { id: "track", what: "a node of a graph followed through the frame loop, virtual clock", measure, sample };

/// A million nodes and three million edges.
const LAYERED: [&str; 4] = ["layered", "1000", "1000", "3"];
const WINDOW: [&str; 4] = ["window", "1000000", "4096", "3"];

/// The table of growth: layers and width.
const SIZES: [(&str, &str, &str); 5] = [
    ("1 k", "10", "100"),
    ("10 k", "100", "100"),
    ("100 k", "100", "1000"),
    ("1 M", "1000", "1000"),
    ("10 M", "1000", "10000"),
];

/// Cost per node may grow by this factor from the smallest size to the largest and still be called linear: caches
/// are smaller than graphs.
const LINEAR: f64 = 2.0;

fn measure(bench: &mut Bench) -> Result<(), BenchError> {
    // The goal is about the peer's own walk. Ours over its graph, the harder one, is printed beside it.
    for (shape, what) in
        [(LAYERED, "1 M nodes / 3 M edges, layers of 1,000"), (WINDOW, "1 M nodes / 3 M edges, window of 4,096")]
    {
        for (walk, name) in [("topo", "petgraph Topo"), ("counters", "petgraph counters")] {
            let (against, goal) = match walk {
                "topo" => ("petgraph's topological walk with the same bookkeeping", Goal::both(4.0, 40.0)),
                _ => ("counters and a ready queue of ours over petgraph's graph", Goal::default()),
            };
            let what = format!("a node followed: {what}; against {against}");
            let words = ["petgraph", walk, shape[0], shape[1], shape[2], shape[3]];
            bench.compare("track", &what, &shape, Rival::Own(name, &words), goal)?;
        }
    }
    let mut sizes = Vec::new();
    for (size, layers, width) in SIZES {
        let best = bench.best("track", &["layered", layers, width, "3"], Sample::cpu_per_task)?;
        sizes.push((size, best.cpu_per_task()));
    }
    let small = sizes.iter().map(|(_, cost)| *cost).fold(f64::INFINITY, f64::min);
    for (size, cost) in sizes {
        let goal = Goal::at_most(LINEAR * small);
        bench.alone(
            "track",
            format!("linear: {size} nodes, layered; at most {LINEAR} × the cheapest size"),
            "ns",
            cost,
            goal,
        );
    }
    Ok(())
}

fn sample(words: &[&str]) -> Result<Sample, BenchError> {
    match words {
        ["petgraph", walk, rest @ ..] => {
            let (rows, edges) = graph(rest)?;
            let counters = match *walk {
                "topo" => false,
                "counters" => true,
                _ => return Err(unknown(words)),
            };
            let mut graph = petgraph_of(rows, edges);
            chorus::best_within(50.0, || walk_petgraph(&mut graph, counters))
        }
        _ => {
            let (rows, edges) = graph(words)?;
            let score = Arc::new(chorus::pauses(rows, &edges)?);
            drop(edges);
            let options = RunOptions::simulated(score, 1);
            chorus::best_within(50.0, || chorus::play(&options, None, 0))
        }
    }
}

fn graph(words: &[&str]) -> Result<(u32, Edges), BenchError> {
    let (first, second, fan_in) = (number(words, 1)?, number(words, 2)?, number(words, 3)?);
    match words.first() {
        Some(&"layered") => Ok((first * second, graphs::layered(first, second, fan_in))),
        Some(&"window") => Ok((first, graphs::window(first, second, fan_in))),
        _ => Err(unknown(words)),
    }
}

/// What is kept of a node in petgraph's graph: the same as in ours.
#[derive(Clone, Copy, Default)]
struct Node {
    waits: u32,
    remaining: u32,
    attempt: u16,
    status: Status,
}

type Graph = DiGraph<Node, (), u32>;

fn petgraph_of(rows: u32, edges: Edges) -> Graph {
    let mut graph = Graph::with_capacity(rows as usize, edges.len());
    for _ in 0..rows {
        graph.add_node(Node::default());
    }
    for (producer, consumer, _) in edges {
        graph.add_edge(producer.into(), consumer.into(), ());
        graph[NodeIndex::new(consumer as usize)].waits += 1;
    }
    graph
}

fn walk_petgraph(graph: &mut Graph, counters: bool) -> Result<Sample, BenchError> {
    let watch = Stopwatch::start();
    let walked = if counters { walk_counters(graph) } else { walk_topo(graph) };
    let (cpu, wall) = watch.read();
    if walked != graph.node_count() || graph.node_weights().any(|node| node.status != Status::Done) {
        return Err(BenchError::Wrong(format!("petgraph walked {walked} of {} nodes", graph.node_count())));
    }
    Ok(Sample { cpu_ns: cpu as f64, wall_ns: wall as f64, tasks: walked as f64, ..Sample::default() })
}

/// petgraph's own walk, and the node's life written beside it.
fn walk_topo(graph: &mut Graph) -> usize {
    for node in graph.node_weights_mut() {
        (node.status, node.attempt) = (Status::Pending, 0);
    }
    let mut walked = 0;
    let mut topo = petgraph::visit::Topo::new(&*graph);
    while let Some(at) = topo.next(&*graph) {
        let node = &mut graph[at];
        node.attempt += 1;
        node.status = Status::Done;
        walked += 1;
    }
    walked
}

/// A walk with counters (Kahn, 1962): what one writes when `Topo` is too slow.
fn walk_counters(graph: &mut Graph) -> usize {
    let mut ready = VecDeque::new();
    for at in graph.node_indices() {
        let node = &mut graph[at];
        (node.remaining, node.attempt, node.status) = (node.waits, 0, Status::Pending);
        if node.waits == 0 {
            node.status = Status::Ready;
            ready.push_back(at);
        }
    }
    let mut walked = 0;
    while let Some(at) = ready.pop_front() {
        let node = &mut graph[at];
        node.attempt += 1;
        node.status = Status::Running;
        let mut consumers = graph.neighbors(at).detach();
        graph[at].status = Status::Done;
        while let Some(consumer) = consumers.next_node(graph) {
            let node = &mut graph[consumer];
            node.remaining -= 1;
            if node.remaining == 0 {
                node.status = Status::Ready;
                ready.push_back(consumer);
            }
        }
        walked += 1;
    }
    walked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_walks_of_the_peer_and_ours_see_every_node() {
        let edges = graphs::window(3_000, 64, 3);
        let mut graph = petgraph_of(3_000, edges.clone());
        assert_eq!(walk_topo(&mut graph), 3_000);
        assert_eq!(walk_counters(&mut graph), 3_000);
        let score = Arc::new(chorus::pauses(3_000, &edges).unwrap());
        let sample = chorus::play(&RunOptions::simulated(score, 1), None, 0).unwrap();
        assert_eq!(sample.tasks, 3_000.0);
    }
}
