//! Building a score from a list of edges: adjacency both ways, ranks, columns.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use symphony_benches::graphs;
use symphony_ecs_core::score::{Topology, topological_order};

fn topology(c: &mut Criterion) {
    let mut group = c.benchmark_group("topology");
    let rows = 100_000;
    for (name, edges) in [("layered", graphs::layered(100, 1_000, 3)), ("window", graphs::window(rows, 4_096, 3))] {
        group.throughput(Throughput::Elements(edges.len() as u64));
        group.bench_function(format!("csr_of_100k_rows_{name}"), |b| {
            b.iter(|| Topology::from_sorted(rows, black_box(&edges)));
        });
        group.bench_function(format!("order_of_100k_nodes_{name}"), |b| {
            b.iter_batched(|| &edges, |edges| topological_order(rows, edges), BatchSize::LargeInput);
        });
    }
}

criterion_group!(benches, topology);
criterion_main!(benches);
