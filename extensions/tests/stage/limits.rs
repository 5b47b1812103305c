//! Memory and processor limits of a call.

use crate::harness::Theatre;
use symphony_ecs_core::melody::model::ErrorClass;

#[test]
fn memory_is_bounded() {
    let mut theatre = Theatre::new();
    let mut request = theatre.request("eat", &[]);
    request.mem = Some(200 << 20);
    let played = theatre.play(request);
    assert_eq!(played.failure().class, ErrorClass::Crash);
    assert!(played.failure().message.contains("memory allocation of"), "{}", played.failure().message);
}

#[test]
fn processor_time_is_bounded() {
    let mut theatre = Theatre::new();
    let mut request = theatre.request("spin", &[]);
    request.cpu = Some(1);
    let played = theatre.play(request);
    assert_eq!(played.failure().class, ErrorClass::Timeout);
    assert!(played.failure().message.contains("processor time"), "{}", played.failure().message);
    let mut request = theatre.request("echo", &[]);
    request.cpu = Some(1);
    assert!(theatre.play(request).end.is_ok(), "the next call has a process with time of its own");
}
