"""The Dask peer: the layered graph as a raw task graph, run by the threaded scheduler."""

import argparse

from dask.task_spec import Task, TaskRef
from dask.threaded import get

from arguments import positive
from measure import measure, report

WRAP = 1 << 64

Graph = dict[int, Task]


def body(*inputs: int) -> int:
    """Sum as 64-bit machines do, since Python's integers would grow with the depth of the graph."""
    return (sum(inputs) + 1) % WRAP


def layered(layers: int, width: int, fanin: int) -> Graph:
    """Build the graph; a task's key is its number, layer by layer."""
    graph: Graph = {}
    for task in range(layers * width):
        layer, place = divmod(task, width)
        above = (layer - 1) * width
        inputs = [TaskRef(above + (place + k * 7919) % width) for k in range(fanin)] if layer > 0 else []
        graph[task] = Task(task, body, *inputs)
    return graph


def checksum(values: tuple[int, ...]) -> int:
    """Wrap the sum into a signed 64-bit integer, the same number in every peer."""
    return (sum(values) + WRAP // 2) % WRAP - WRAP // 2


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="dask-peer", description=__doc__)
    layered = parser.add_subparsers(dest="case", required=True).add_parser("layered")
    layered.add_argument("layers", type=positive, metavar="LAYERS")
    layered.add_argument("width", type=positive, metavar="WIDTH")
    layered.add_argument("fanin", type=positive, metavar="FANIN")
    layered.add_argument("--threads", type=positive, default=1, metavar="T")
    layered.add_argument(
        "--chunksize",
        type=positive,
        default=1,
        metavar="C",
        help="tasks handed to a thread at once; Dask's own default is 1, and more is cheaper for small tasks",
    )
    return parser.parse_args()


def main() -> None:
    """Build the graph, run it once, and report."""
    order = parse()
    tasks = order.layers * order.width
    last = list(range(tasks - order.width, tasks))

    graph, build = measure(lambda: layered(order.layers, order.width, order.fanin))
    values, run = measure(lambda: get(graph, last, num_workers=order.threads, chunksize=order.chunksize))

    report(
        "Dask",
        "layered",
        tasks=tasks,
        edges=(order.layers - 1) * order.width * order.fanin,
        threads=order.threads,
        chunksize=order.chunksize,
        checksum=checksum(values),
        build=build,
        run=run,
    )


if __name__ == "__main__":
    main()
