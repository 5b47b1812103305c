//! The frame: what it costs when nothing happens, and the tracker's walk through it.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::sync::Arc;
use std::time::Duration;
use symphony_benches::graphs;
use symphony_ecs_core::clock::ClockKind;
use symphony_ecs_core::melody::model::Limits;
use symphony_ecs_core::score::{Action, NodeSpec, Score, Wiring};
use symphony_systems::{Orchestra, RunOptions};

fn score(layers: u32, width: u32) -> Arc<Score> {
    let span = Duration::from_secs(1);
    let edges = graphs::layered(layers, width, 3);
    let spec = NodeSpec::plain(Action::Pause(span), span);
    let score = Score::from_edges("frame", layers * width, &edges, vec![spec], Vec::new(), Wiring::Order);
    Arc::new(score.expect("layers have no cycle"))
}

fn idle(c: &mut Criterion) {
    let mut group = c.benchmark_group("idle_frame");
    let empty = Orchestra::default();
    let mut waiting = Orchestra::default();
    // Under the real clock its pauses end an hour from now: a large melody in which nothing happens.
    let span = Duration::from_secs(3_600);
    let spec = NodeSpec::plain(Action::Pause(span), span);
    let edges = graphs::layered(1_000, 1_000, 3);
    let large = Score::from_edges("idle", 1_000_000, &edges, vec![spec], Vec::new(), Wiring::Order);
    let options = RunOptions {
        clock: ClockKind::Real,
        limits: Limits::default(),
        ..RunOptions::simulated(Arc::new(large.expect("layers have no cycle")), 1)
    };
    waiting.play(&options, None);
    (0..100).for_each(|_| waiting.frame());
    for (name, mut orchestra) in [("of_no_runs", empty), ("of_a_million_nodes", waiting)] {
        group.bench_function(name, |b| b.iter(|| orchestra.frame()));
    }
}

fn walk(c: &mut Criterion) {
    let mut group = c.benchmark_group("walk");
    for (name, layers, width) in [("100k_rows_in_layers_of_1000", 100, 1_000), ("10k_rows_in_a_chain", 10_000, 1)] {
        let options = RunOptions::simulated(score(layers, width), 1);
        group.throughput(Throughput::Elements(u64::from(layers * width)));
        group.bench_function(name, |b| {
            let seated = || {
                let mut orchestra = Orchestra::default();
                let slot = orchestra.play(&options, None);
                (orchestra, slot)
            };
            b.iter_batched(
                seated,
                |(mut orchestra, slot)| {
                    orchestra.play_to_end(slot);
                    orchestra
                },
                BatchSize::LargeInput,
            );
        });
    }
}

criterion_group!(benches, idle, walk);
criterion_main!(benches);
