"""The SimPy peer: recorded executions (WfFormat) on identical machines, and seats given out by priority."""

import argparse
import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simpy import AllOf, Environment, Event, PriorityResource, Process, Resource

from arguments import positive
from measure import measure, report


@dataclass(frozen=True)
class Recording:
    """Tasks by id, in the order of ids: seconds, and the ids of those that come before."""

    seconds: dict[str, float]
    parents: dict[str, list[str]]


def read(path: Path) -> Recording:
    """Read a recorded execution."""
    workflow = json.loads(path.read_bytes())["workflow"]
    ran = {task["id"]: float(task["runtimeInSeconds"]) for task in workflow["execution"]["tasks"]}
    parents = {task["id"]: task["parents"] for task in workflow["specification"]["tasks"]}
    return Recording({task: ran[task] for task in sorted(parents)}, parents)


def task(
    env: Environment, machines: Resource, all_tasks: dict[str, Process], parents: list[str], seconds: float
) -> Generator[Event, Any, None]:
    """Wait for all that come before, then for a machine, then for the task's own time."""
    if parents:
        yield AllOf(env, [all_tasks[parent] for parent in parents])
    with machines.request() as machine:
        yield machine
        yield env.timeout(seconds)


def prepare(recording: Recording, machines: int) -> Environment:
    """Build an environment with a process per task, in the order of ids: so they stand in line at the same instant."""
    env = Environment()
    pool = Resource(env, machines)
    tasks: dict[str, Process] = {}
    for name, seconds in recording.seconds.items():
        tasks[name] = env.process(task(env, pool, tasks, recording.parents[name], seconds))
    return env


def replay(environments: list[Environment]) -> list[float]:
    """Run every environment to its end; answer when that was."""
    for env in environments:
        env.run()
    return [float(env.now) for env in environments]


def guest(env: Environment, seats: PriorityResource, number: int, turns: int) -> Generator[Event, Any, None]:
    """Wait for a seat by priority and sit on it for a moment, again and again."""
    for turn in range(turns):
        with seats.request(priority=(number * 7919 + turn * 104729) % 10007) as seat:
            yield seat
            yield env.timeout(1)


def house(guests: int, seats: int, turns: int) -> Environment:
    """Build an environment in which all guests want a seat."""
    env = Environment()
    pool = PriorityResource(env, seats)
    for number in range(guests):
        env.process(guest(env, pool, number, turns))
    return env


def sit(order: argparse.Namespace) -> None:
    """Give out seats and report what one took."""
    env, build = measure(lambda: house(order.guests, order.seats, order.turns))
    _, run = measure(env.run)
    report("simpy", "seats", tasks=order.guests * order.turns, seats=order.seats, build=build, run=run)


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="simpy-peer", description=__doc__)
    cases = parser.add_subparsers(dest="case", required=True)
    replay = cases.add_parser("replay")
    replay.add_argument("folder", type=Path, metavar="FOLDER")
    replay.add_argument("machines", type=positive, metavar="MACHINES")
    seats = cases.add_parser("seats")
    for word in ("guests", "seats", "turns"):
        seats.add_argument(word, type=positive, metavar=word.upper())
    return parser.parse_args()


def main() -> None:
    """Read the recordings, replay them once, and report; or give out seats."""
    order = parse()
    if order.case == "seats":
        sit(order)
        return
    recordings = [read(path) for path in sorted(order.folder.rglob("*.json"))]
    environments, build = measure(lambda: [prepare(recording, order.machines) for recording in recordings])
    ends, run = measure(lambda: replay(environments))
    report(
        "simpy",
        "replay",
        tasks=sum(len(recording.seconds) for recording in recordings),
        edges=sum(len(parents) for recording in recordings for parents in recording.parents.values()),
        machines=order.machines,
        more={"makespan_ms": round(sum(ends) * 1000)},
        build=build,
        run=run,
    )


if __name__ == "__main__":
    main()
