//! What a piece of work cost: processor time of every thread of the process, and time on the wall.

use rustix::time::{ClockId, clock_gettime};

pub struct Span {
    pub cpu_ns: i64,
    pub wall_ns: i64,
}

pub fn measure<T>(work: impl FnOnce() -> T) -> (T, Span) {
    let cpu = nanoseconds(ClockId::ProcessCPUTime);
    let wall = nanoseconds(ClockId::Monotonic);
    let outcome = work();
    let span =
        Span { cpu_ns: nanoseconds(ClockId::ProcessCPUTime) - cpu, wall_ns: nanoseconds(ClockId::Monotonic) - wall };
    (outcome, span)
}

fn nanoseconds(clock: ClockId) -> i64 {
    let now = clock_gettime(clock);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}
