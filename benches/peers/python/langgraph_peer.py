"""The LangGraph peer: one node that loops, with a checkpoint of every step or with none."""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langsmith import tracing_context

from arguments import positive
from measure import measure, report


class State(TypedDict):
    """What the loop carries from step to step."""

    count: int


Graph = CompiledStateGraph[State, None, State, State]


def loop(steps: int, saver: BaseCheckpointSaver[str] | None) -> Graph:
    """Build a graph that counts to `steps`, one step of its node at a time."""

    def step(state: State) -> State:
        return {"count": state["count"] + 1}

    def route(state: State) -> str:
        return "step" if state["count"] < steps else END

    graph = StateGraph(State)
    graph.add_node("step", step)
    graph.add_edge(START, "step")
    graph.add_conditional_edges("step", route, ["step", END])
    return graph.compile(checkpointer=saver)


@contextmanager
def opened(kind: str, db: Path | None) -> Iterator[BaseCheckpointSaver[str] | None]:
    """Open the store of checkpoints; a database that was not named is gone afterwards."""
    match kind:
        case "sqlite":
            with (
                tempfile.TemporaryDirectory() as folder,
                SqliteSaver.from_conn_string(str(db or Path(folder, "checkpoints.db"))) as saver,
            ):
                yield saver
        case "memory":
            yield InMemorySaver()
        case _:
            yield None


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="langgraph-peer", description=__doc__)
    loop = parser.add_subparsers(dest="case", required=True).add_parser("loop")
    loop.add_argument("steps", type=positive, metavar="STEPS")
    loop.add_argument("--checkpoint", choices=["none", "memory", "sqlite"], default="none")
    loop.add_argument(
        "--db", type=Path, metavar="PATH", help="where sqlite writes; a new file, by default a temporary one"
    )
    loop.add_argument(
        "--durability",
        choices=["sync", "async", "exit"],
        default="async",
        help="when checkpoints are written: before the next step, beside it (LangGraph's default), or only at the end",
    )
    order = parser.parse_args()
    if order.db and order.db.exists():
        parser.error(f"{order.db} exists, and its history would be measured too")
    return order


def main() -> None:
    """Build the graph, run it once, and report."""
    order = parse()
    config: RunnableConfig = {"configurable": {"thread_id": "loop"}, "recursion_limit": order.steps + 1}

    # An environment that asks for traces would have every step uploaded.
    with opened(order.checkpoint, order.db) as saver, tracing_context(enabled=False):
        graph, build = measure(lambda: loop(order.steps, saver))
        durability = order.durability if saver else None
        state, run = measure(lambda: graph.invoke({"count": 0}, config, durability=durability))

    report(
        "LangGraph",
        "loop",
        tasks=order.steps,
        edges=order.steps,
        checkpoint=order.checkpoint,
        durability=durability or "none",
        checksum=state["count"],
        build=build,
        run=run,
    )


if __name__ == "__main__":
    main()
