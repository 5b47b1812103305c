"""Writes the sources that a model gave into a folder of their own and runs their tests there."""

import re
import subprocess
import sys
from pathlib import Path

Source = dict[str, str]
MODULE = re.compile(r"[a-z_][a-z0-9_]{0,40}\.py")


def build(sources: list[Source], out: str) -> dict[str, bool | str]:
    """Writes every module and runs the tests: whether they passed, and what they said."""
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        if not MODULE.fullmatch(source["file"]):
            raise ValueError(f"{source['file']!r} is not a plain name of a module, such as main.py")
        (folder / source["file"]).write_text(source["source"], encoding="utf-8")
    command = [sys.executable, "-B", "-m", "unittest", "-v"]
    tests = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    # The time that tests took is no part of what they say: the same sources give the same words.
    log = re.sub(r" in [0-9.]+s", "", tests.stderr)[-4000:]
    return {"passed": tests.returncode == 0, "log": log}


def replace(sources: list[Source], repair: Source) -> dict[str, list[Source]]:
    """The sources with one of them repaired, or added."""
    kept = [repair if source["file"] == repair["file"] else source for source in sources]
    return {"sources": kept if repair in kept else [*kept, repair]}
