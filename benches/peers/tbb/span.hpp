// What a piece of work cost: processor time of every thread of the process, and time on the wall.
#pragma once

#include <cstdint>
#include <ctime>

struct Span {
    std::int64_t cpu_ns;
    std::int64_t wall_ns;
};

inline std::int64_t nanoseconds(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

template <typename Work> Span measure(Work &&work) {
    const std::int64_t cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    const std::int64_t wall = nanoseconds(CLOCK_MONOTONIC);
    work();
    return {nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, nanoseconds(CLOCK_MONOTONIC) - wall};
}
