//! A warm round trip, from `call()` to the event.

use crate::harness::Theatre;
use std::time::{Duration, Instant};
use symphony_ecs_core::value::Value;

#[test]
fn a_warm_round_trip_is_short() {
    let mut theatre = Theatre::new();
    let rounds = std::env::var("SYMPHONY_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    let mut request = theatre.request("echo", &[("x", Value::from("x".repeat(64)))]);
    request.timeout = Some(Duration::from_secs(20));
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds + 100 {
        let begun = Instant::now();
        let played = theatre.play(request.clone());
        times.push(begun.elapsed());
        assert!(played.end.is_ok());
    }
    times.drain(..100);
    times.sort();
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("warm round trip of 64 B: p50 {p50:?}, p99 {p99:?}, best {:?}", times[0]);
    // A loose bound that holds on a loaded machine in a debug build; the benchmark judges the real goal.
    assert!(p50 < Duration::from_millis(5), "p50 {p50:?}");
}
