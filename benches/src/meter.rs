//! The meter: processor time, wall time and memory of this process.

use rustix::time::{ClockId, clock_gettime};
use std::time::Instant;

/// Processor time of all threads of this process, user and system, in nanoseconds.
pub fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Both clocks, started together.
pub struct Stopwatch {
    cpu: u64,
    wall: Instant,
}

impl Stopwatch {
    /// Starts.
    pub fn start() -> Self {
        Self { wall: Instant::now(), cpu: cpu_ns() }
    }

    /// (processor, wall) nanoseconds since the start.
    pub fn read(&self) -> (u64, u64) {
        let cpu = cpu_ns() - self.cpu;
        (cpu, self.wall.elapsed().as_nanos() as u64)
    }
}

/// Processor time of children that were waited for, user and system, in nanoseconds. The kernel counts finely and tells
/// in hundredths of a second: measure many children together.
pub fn children_cpu_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second word is the program's name in brackets and may hold spaces; `cutime` and `cstime` are words 16 and 17.
    let words = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    words.skip(13).take(2).filter_map(|word| word.parse::<u64>().ok()).sum::<u64>() * 10_000_000
}

/// A line of `/proc/self/status` in KiB, as bytes: `VmRSS` for now, `VmHWM` for the peak.
pub fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|known| known.strip_prefix(line)?.strip_prefix(':'));
    let kib = found.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// The machine's load over the last minute, and its cores.
pub fn load() -> (f64, usize) {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(f64::NAN);
    (load, std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}
