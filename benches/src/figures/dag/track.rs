//! `dag.track` and `dag.scale`: a node followed through the frame loop, with dependencies of all kinds, slack kept and
//! learning on.
//!
//! The peer is Python's `graphlib`, fed the same edges through a file; it knows one kind of dependency and keeps nothing.
//! A `TopologicalSorter` is used up by one walk, so playing again means building again: that is the line that is judged.
//! Its walk alone, and both from the list of edges on, stand beside it.

use super::{Figure, LAYERED, WINDOW, graph, score, tracked};
use crate::bench::{Bench, Rival};
use crate::chorus;
use crate::error::BenchError;
use crate::line::Goal;
use crate::meter::Stopwatch;
use crate::peers;
use crate::sample::Sample;
use std::io::Write as _;
use std::sync::Arc;
use symphony_benches::graphs::Mixed;
use symphony_ecs_core::clock::Time;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_pit::dag::{Block, Columns, KindName, Lore, Slack};
use symphony_systems::Orchestra;

pub const TRACK: Figure = Figure {
    id: "dag.track",
    what: "a node followed: all kinds of dependencies, slack kept, learning on",
    measure: measure_track,
    sample: sample_track,
};

pub const SCALE: Figure =
    Figure { id: "dag.scale", what: "the same from 1 k to 10 M nodes", measure: measure_scale, sample: sample_track };

const SIZES: [(&str, &str, &str); 5] = [
    ("1 k", "10", "100"),
    ("10 k", "100", "100"),
    ("100 k", "100", "1000"),
    ("1 M", "1000", "1000"),
    ("10 M", "1000", "10000"),
];

/// As for `track`: caches are smaller than graphs.
const LINEAR: f64 = 2.0;

fn measure_track(bench: &mut Bench) -> Result<(), BenchError> {
    for (shape, what) in [(LAYERED, "layers of 1,000"), (WINDOW, "window of 4,096")] {
        let file = tempfile::NamedTempFile::new().map_err(BenchError::io("a temporary file"))?;
        write_edges(&graph(&shape)?, file.as_file())?;
        let path = file.path().to_string_lossy().into_owned();
        let what = |part: &str| format!("1 M nodes / 3 M edges of all kinds, {what}: {part}");
        let peer = |words: &'static str| Rival::Peer(peers::GRAPHLIB, Box::leak(Box::new([words, leak(&path)])));
        let id = "dag.track";
        let again = "played (against a play of graphlib, which is built each time)";
        bench.compare(id, &what(again), &shape, peer("play"), Goal::both(200.0, 50.0))?;
        bench.compare(id, &what("played (against graphlib's walk alone)"), &shape, peer("walk"), Goal::default())?;
        let whole = [&shape[..], &["whole"]].concat();
        bench.compare(id, &what("from the list of edges to the end"), &whole, peer("play"), Goal::default())?;
        let played = bench.best(id, &shape, Sample::cpu_per_task)?;
        bench.alone(id, what("played, on one core"), "ns", played.cpu_per_task(), Goal::at_most(50.0));
        let single = [&shape[..], &["single"]].concat();
        let single = bench.best(id, &single, Sample::cpu_per_task)?.cpu_per_task();
        bench.alone(
            id,
            what("one update of the state, each on its own, late or early"),
            "ns",
            single,
            Goal::at_most(1_000.0),
        );
    }
    Ok(())
}

/// Words of a sample live as long as the program.
fn leak(word: &str) -> &'static str {
    Box::leak(word.to_owned().into_boxed_str())
}

fn measure_scale(bench: &mut Bench) -> Result<(), BenchError> {
    let mut sizes = Vec::new();
    for (size, layers, width) in SIZES {
        let best = bench.best("dag.scale", &["layered", layers, width], Sample::cpu_per_task)?;
        sizes.push((size, best.cpu_per_task()));
    }
    let least = sizes.iter().map(|(_, cost)| *cost).fold(f64::INFINITY, f64::min);
    for (size, cost) in sizes {
        let what = format!("{size} nodes of all kinds, layered; at most {LINEAR} × the cheapest size");
        bench.alone("dag.scale", what, "ns", cost, Goal::at_most(LINEAR * least));
    }
    Ok(())
}

fn sample_track(words: &[&str]) -> Result<Sample, BenchError> {
    let mixed = graph(words)?;
    match words.get(3) {
        None => {
            let score = Arc::new(score(&mixed)?);
            drop(mixed);
            let options = tracked(score);
            chorus::best_within(50.0, || chorus::play(&options, None, 0))
        }
        Some(&"whole") => {
            let watch = Stopwatch::start();
            let options = tracked(Arc::new(score(&mixed)?));
            let mut orchestra = Orchestra::default();
            let slot = orchestra.play(&options, None);
            orchestra.play_to_end(slot);
            let (cpu, wall) = watch.read();
            let tasks = orchestra.tally(slot).played as f64;
            Ok(Sample { cpu_ns: cpu as f64, wall_ns: wall as f64, tasks, ..Sample::default() })
        }
        Some(&"single") => single(&mixed),
        _ => Err(super::unknown(words)),
    }
}

/// Every row ends on its own, sooner or later than was thought: counters, slack with its repair, lore.
fn single(mixed: &Mixed) -> Result<Sample, BenchError> {
    let score = Arc::new(score(mixed)?);
    let rows = score.rows();
    let mut table = Table::new(rows as usize);
    let mut slack = Slack::new(&score.topology, |row| score.spec(Row(row)).estimate.as_nanos() as u64);
    let mut lore = Lore::default();
    let kind = lore.number(KindName { melody: "bench".to_owned(), plays: "pause".to_owned() });
    let mut block = Block::new(BlockId(0), Arc::clone(&score), 0);
    block.arm(&mut table.columns());
    let (mut ended, mut now, mut wave) = (0u64, 0u64, Vec::new());
    let watch = Stopwatch::start();
    while !block.due.is_empty() {
        std::mem::swap(&mut wave, &mut block.due);
        for row in wave.drain(..) {
            // Between nothing and two seconds, in no order.
            slack.began(row, Time(now));
            now += u64::from(row.wrapping_mul(0x9E37_79B1) >> 13);
            let took = slack.ended(row, Time(now));
            lore.finished(kind, took, 1);
            block.settle(&mut table.columns(), Row(row), Status::Done);
            slack.repair(&score.topology, 4);
            ended += 1;
        }
    }
    let (cpu, wall) = watch.read();
    if ended != u64::from(rows) {
        return Err(BenchError::Wrong(format!("{ended} of {rows} rows ended")));
    }
    Ok(Sample { cpu_ns: cpu as f64, wall_ns: wall as f64, tasks: ended as f64, ..Sample::default() })
}

/// Columns without a world.
struct Table {
    status: Vec<Status>,
    remaining: Vec<symphony_ecs_core::components::Remaining>,
    attempt: Vec<symphony_ecs_core::components::Attempt>,
    choice: Vec<symphony_ecs_core::components::Choice>,
    cost: Vec<symphony_ecs_core::components::Cost>,
}

impl Table {
    fn new(rows: usize) -> Self {
        Self {
            status: vec![Default::default(); rows],
            remaining: vec![Default::default(); rows],
            attempt: vec![Default::default(); rows],
            choice: vec![Default::default(); rows],
            cost: vec![Default::default(); rows],
        }
    }

    fn columns(&mut self) -> Columns<'_> {
        Columns {
            status: &mut self.status,
            remaining: &mut self.remaining,
            attempt: &mut self.attempt,
            choice: &mut self.choice,
            cost: &mut self.cost,
        }
    }
}

/// The edges as the peer reads them: the number of nodes, then producer and consumer of each edge, 32 bits each.
fn write_edges(mixed: &Mixed, file: &std::fs::File) -> Result<(), BenchError> {
    let mut out = std::io::BufWriter::new(file);
    let io = || BenchError::io("a temporary file");
    out.write_all(&mixed.rows.to_le_bytes()).map_err(io())?;
    for (producer, consumer, _) in &mixed.edges {
        out.write_all(&producer.to_le_bytes()).and_then(|()| out.write_all(&consumer.to_le_bytes())).map_err(io())?;
    }
    out.flush().map_err(io())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_playing_sees_every_node() {
        for words in [&["layered", "20", "50"][..], &["window", "1000", "64"], &["window", "1000", "64", "whole"]] {
            assert_eq!(sample_track(words).unwrap().tasks, 1000.0, "{words:?}");
        }
        assert_eq!(sample_track(&["layered", "20", "50", "single"]).unwrap().tasks, 1000.0);
        assert!(sample_track(&["layered", "20", "50", "twice"]).is_err());
    }
}
