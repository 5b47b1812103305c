"""Calls one function of one file: the call comes on standard input as JSON, the result goes to the file named."""

import importlib.util
import json
import os
import random
import sys
import traceback
from typing import Any


def plain(value: Any) -> Any:
    """What json cannot write by itself: sets, paths, numbers and arrays of numpy, dataclasses."""
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    for name in ("tolist", "item", "_asdict", "isoformat"):
        if hasattr(value, name):
            return getattr(value, name)()
    if hasattr(value, "__dataclass_fields__"):
        return vars(value)
    raise ValueError(f"a value of type {type(value).__name__} cannot be an output; return JSON-like data")


def class_of(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, OSError):
        return "io"
    return "invalid_output" if isinstance(error, ValueError) else "refused"


def main() -> None:
    call = json.load(sys.stdin)
    sys.stdin = open(os.devnull)  # noqa: SIM115 (open until the end)
    random.seed(call["seed"])
    try:
        file: str = call["file"]
        sys.path.insert(0, os.path.dirname(file))
        spec = importlib.util.spec_from_file_location("symphony_called", file)
        if spec is None or spec.loader is None:
            raise ValueError(f"{file} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules["symphony_called"] = module
        spec.loader.exec_module(module)
        function = getattr(module, call["function"], None)
        if not callable(function):
            raise LookupError(f"{file} has no function {call['function']!r}")
        value = function(**call["inputs"])
        # NaN and infinity are no JSON.
        result = json.dumps({"value": value}, default=plain, allow_nan=False)
    except BaseException as error:
        trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        message = f"{type(error).__name__}: {error}"
        result = json.dumps({"error": {"class": class_of(error), "message": message, "traceback": trace}})
    with open(sys.argv[1], "w", encoding="utf-8") as answer:
        answer.write(result)


main()
