//! Players that do not speak the protocol.

use crate::harness::{Theatre, eventually};
use std::time::{Duration, Instant};
use symphony_ecs_core::melody::model::ErrorClass;

#[test]
fn broken_protocols_are_crashes_with_a_reason() {
    for (how, words) in [
        ("garbage", "the first byte of a frame is 72"),
        ("wrong-hello", "speaks version 99 of the bus; this host speaks version 1"),
        ("long-hello", "a frame announces 5000 bytes; at most 4096 are allowed here"),
        ("no-hello", "Response came before HELLO"),
        ("huge", "a frame announces 2147483647 bytes"),
        ("unknown-type", "unknown frame type 77"),
        ("malformed", "malformed MessagePack"),
        ("stranger", "it answered call 999, which it is not playing"),
        ("half", "ended with status 0 in the middle of a call"),
    ] {
        let mut theatre = Theatre::with(&["raw", how], "20s", |_| {});
        let played = theatre.simple("echo", &[]);
        assert_eq!(played.failure().class, ErrorClass::Crash, "{how}");
        assert!(played.failure().message.contains(words), "{how}: {}", played.failure().message);
        eventually("the process is gone", || theatre.host.processes().is_empty());
    }
}

#[test]
fn a_player_that_does_not_start_is_given_up() {
    let mut theatre = Theatre::with(&["silent"], "200ms", |_| {});
    let begun = Instant::now();
    let played = theatre.simple("echo", &[]);
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(played.failure().message.contains("did not say HELLO within 200ms"), "{}", played.failure().message);
    let mut theatre = Theatre::with(&["die"], "20s", |_| {});
    let played = theatre.simple("echo", &[]);
    let message = &played.failure().message;
    assert!(
        message.contains("ended with status 7 before it said HELLO; its last words:\nno strength left"),
        "{message}"
    );
}

#[test]
fn a_player_may_take_its_time_to_start() {
    let mut theatre = Theatre::with(&["slow-start"], "20s", |_| {});
    assert!(theatre.simple("echo", &[]).end.is_ok());
}
