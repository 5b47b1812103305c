"""The graphlib peer: a graph of Python's standard library, walked from its sources to its sinks."""

import argparse
import json
import platform
from array import array
from graphlib import TopologicalSorter
from pathlib import Path

from measure import Span, measure

Graph = dict[int, list[int]]


def read(path: Path) -> Graph:
    """Read the number of nodes and the edges, 32 bits each; answer the producers of every node."""
    words = array("I")
    words.frombytes(path.read_bytes())
    graph: Graph = {node: [] for node in range(words[0])}
    for place in range(1, len(words), 2):
        graph[words[place + 1]].append(words[place])
    return graph


def build(graph: Graph) -> TopologicalSorter[int]:
    """Add every node and look for cycles."""
    sorter: TopologicalSorter[int] = TopologicalSorter()
    for node, producers in graph.items():
        sorter.add(node, *producers)
    sorter.prepare()
    return sorter


def walk(sorter: TopologicalSorter[int]) -> int:
    """Take what is ready and say that it is done, until nothing is left; answer how many nodes that were."""
    walked = 0
    while sorter.is_active():
        ready = sorter.get_ready()
        sorter.done(*ready)
        walked += len(ready)
    return walked


def main() -> None:
    """Read the graph, build and walk it once, and report: `play` counts both, `walk` the second."""
    parser = argparse.ArgumentParser(prog="graphlib-peer", description=__doc__)
    parser.add_argument("case", choices=["play", "walk"])
    parser.add_argument("edges", type=Path, metavar="FILE")
    order = parser.parse_args()
    graph = read(order.edges)
    sorter, built = measure(lambda: build(graph))
    walked, run = measure(lambda: walk(sorter))
    if walked != len(graph):
        message = f"{walked} of {len(graph)} nodes were walked"
        raise SystemExit(message)
    whole = Span(built.cpu_ns + run.cpu_ns, built.wall_ns + run.wall_ns) if order.case == "play" else run
    line = {
        "peer": f"graphlib of Python {platform.python_version()}",
        "case": order.case,
        "tasks": walked,
        "build_cpu_ns": built.cpu_ns,
        "cpu_ns": whole.cpu_ns,
        "wall_ns": whole.wall_ns,
    }
    print(json.dumps(line, separators=(",", ":")))


if __name__ == "__main__":
    main()
