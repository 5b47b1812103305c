//! `dag.insert`: edges and nodes that come while a graph of a million nodes plays, each checked for cycles.
//!
//! Three mixes: nodes put between two others (what rewiring a melody mostly is; an insertion is an edge), edges that agree
//! with the order, and edges anywhere, half of which run against it and most of those would close a cycle.

use super::{Figure, LAYERED, WINDOW, graph, score, unknown};
use crate::bench::Bench;
use crate::error::BenchError;
use crate::line::Goal;
use crate::meter::Stopwatch;
use crate::sample::Sample;
use symphony_benches::graphs::Draw;
use symphony_ecs_core::score::EdgeMode;
use symphony_pit::dag::{Refusal, Routes};

pub const INSERT: Figure =
    Figure { id: "dag.insert", what: "edges that come while a graph plays, checked for cycles", measure, sample };

const INSERTIONS: u32 = 200_000;
/// Insertions that search half of the graph are given this long, and counted as far as they come.
const LONGEST_NS: u64 = 3_000_000_000;

fn measure(bench: &mut Bench) -> Result<(), BenchError> {
    for (shape, graph) in [(LAYERED, "layers of 1,000"), (WINDOW, "window of 4,096")] {
        for (mix, what) in [
            ("between", "nodes put between two others, two edges each"),
            ("ahead", "edges that agree with the order, anywhere"),
            ("near", "edges between nodes up to 64 apart, against the order or with it"),
            ("anywhere", "edges anywhere, against the order or with it"),
        ] {
            let words = [&shape[..], &[mix]].concat();
            let best = bench.best("dag.insert", &words, Sample::cpu_per_task)?;
            let refused = 100.0 * best.get("refused") / best.tasks;
            let rate = 1e9 / best.cpu_per_task();
            let what = format!(
                "an insertion ({rate:.0} a second, {refused:.0} % refused): {what}; 1 M nodes / 3 M edges, {graph}"
            );
            bench.alone("dag.insert", what, "ns", best.cpu_per_task(), Goal::at_most(10_000.0));
            if mix == "between" {
                let what = format!("a new score made of it, {graph}");
                bench.alone("dag.insert", what, "ms", best.get("compact_ms"), Goal::default());
            }
        }
    }
    Ok(())
}

fn sample(words: &[&str]) -> Result<Sample, BenchError> {
    let mixed = graph(words)?;
    let score = score(&mixed)?;
    drop(mixed);
    let rows = score.rows();
    let mix = words.get(3).copied().unwrap_or_default();
    let mut draw = Draw::new(0x1257);
    let watch = Stopwatch::start();
    let mut routes = Routes::new(&score.topology, |row| row < rows / 10);
    let (open, _) = watch.read();
    // Nothing is put before what has begun.
    let mut pending = || rows / 10 + draw.below(rows - rows / 10);
    let (mut inserted, mut refused) = (0u32, 0u32);
    let watch = Stopwatch::start();
    while inserted < INSERTIONS && (inserted % 64 != 0 || watch.read().0 < LONGEST_NS) {
        let (one, other) = (pending(), pending());
        let (first, last) = (one.min(other), one.max(other).max(one.min(other) + 1).min(rows - 1));
        let edges: &[(u32, u32)] = match mix {
            "between" => {
                let node = routes.add();
                &[(first, node), (node, last)]
            }
            "ahead" => &[(first, last)],
            "near" => &[(one, (one + other % 129).saturating_sub(64).clamp(rows / 10, rows - 1))],
            "anywhere" => &[(one, other)],
            _ => return Err(unknown(words)),
        };
        for (from, to) in edges.iter().filter(|(from, to)| from != to) {
            inserted += 1;
            match routes.connect(*from, *to, EdgeMode::Hard) {
                Ok(()) => {}
                Err(Refusal::Cycle(_)) => refused += 1,
                Err(refusal) => return Err(BenchError::Wrong(refusal.to_string())),
            }
        }
    }
    let (cpu, wall) = watch.read();
    let watch = Stopwatch::start();
    // It panics if the order is not right.
    let compacted = routes.compact();
    let (compact, _) = watch.read();
    if compacted.topology.edge_count() as u32 != score.topology.edge_count() as u32 + inserted - refused {
        return Err(BenchError::Wrong("edges were lost".to_owned()));
    }
    let more = [("refused", f64::from(refused)), ("compact_ms", compact as f64 / 1e6), ("open_ms", open as f64 / 1e6)];
    Ok(Sample {
        cpu_ns: cpu as f64,
        wall_ns: wall as f64,
        tasks: f64::from(inserted),
        more: more.map(|(name, value)| (name.to_owned(), value)).into(),
        ..Sample::default()
    })
}
