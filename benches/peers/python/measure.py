"""What a piece of work cost, and the one line of JSON that says so."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Span:
    """Processor time of every thread of the process, and time on the wall."""

    cpu_ns: int
    wall_ns: int


def measure(work: Callable[[], T]) -> tuple[T, Span]:
    """Do the work once; answer its outcome and its cost."""
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    outcome = work()
    return outcome, Span(time.process_time_ns() - cpu, time.perf_counter_ns() - wall)


def report(peer: str, case: str, *, build: Span, run: Span, **facts: int | str | dict[str, int]) -> None:
    """Print what a case cost the peer, whose version is that of the package of its name."""
    line = {
        "peer": f"{peer} {version(peer)}",
        "case": case,
        **facts,
        "build_cpu_ns": build.cpu_ns,
        "cpu_ns": run.cpu_ns,
        "wall_ns": run.wall_ns,
    }
    print(json.dumps(line, separators=(",", ":")))
