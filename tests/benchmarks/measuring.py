"""Tools of the benchmarks: cells that run in a real kernel with a store of its own, medians, tables.

Rule of this file: what is measured runs in a process of its own, in the way a person would run it: a cell of a
notebook. A figure is taken inside that cell and told with ``tell(name=value)``.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import platform
import statistics
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.kernel import Kernel

KEY: Final = "fhk_0123456789abcdef"
CELL_S: Final = 3600.0
"""How long one cell may take: a million calls take a quarter of an hour."""
MARK: Final = "told: "

PRELUDE: Final = f"""
import asyncio, json, os, time
import fh_notebook as fh

KEY = {KEY!r}

def tell(**facts):
    print({MARK!r} + json.dumps(facts))

def tickets(number):
    return [f"ticket {{i}}: the parcel is late and the tracking page is empty" for i in range(number)]
"""

Cell = Callable[..., dict[str, Any]]


@contextmanager
def notebook(folder: Path | None = None) -> Iterator[Cell]:
    """Start a kernel that has imported ``fh_notebook``, and yield the function that runs a cell in it.

    It takes the cell and values for its variables, and returns what the cell told. The store lies in `folder`: by
    default in a new one, which goes away with the kernel.

    Raises
    ------
    RuntimeError
        By the function: the cell ended with an error.
    """
    with tempfile.TemporaryDirectory() as fresh, Kernel(folder or Path(fresh)) as kernel:

        def run(cell: str, **values: Any) -> dict[str, Any]:
            kernel.run("\n".join(f"{name} = {value!r}" for name, value in values.items()))
            request = kernel.send(cell)
            kernel.wait(request, CELL_S)
            if kernel.reply(request)["status"] != "ok":
                raise RuntimeError(f"a cell of the benchmark failed:\n{kernel.text(request)}\n{kernel.log}")
            told = [line for line in kernel.text(request).splitlines() if line.startswith(MARK)]
            facts: dict[str, Any] = {}
            for line in told:
                facts |= json.loads(line.removeprefix(MARK))
            return facts

        run(PRELUDE)
        yield run


def medians(samples: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the median of each figure over repeats that told the same names."""
    return {name: statistics.median(float(sample[name]) for sample in samples) for name in samples[0]}


def table(head: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    """Print a table in Markdown; numbers stand to the right."""
    print("| " + " | ".join(head) + " |")
    print("|" + "|".join("---" if i == 0 else "--:" for i in range(len(head))) + "|")
    for line in lines:
        print("| " + " | ".join(str(value) for value in line) + " |", flush=True)


def headline(arguments: Sequence[str]) -> str:
    """Return when, on what and by which command figures were taken."""
    today = datetime.now(UTC)
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{today.day} {today:%B %Y} · {machine} · `{' '.join(['python -m tests.benchmarks', *arguments])}`"


def run_benchmark(name: str, options: dict[str, Any]) -> None:
    """Run a benchmark by its name. Each has a process of its own: settings, memory and stores are not those of others."""
    measure = importlib.import_module(f"tests.benchmarks.{name}").main
    measure(**_taken(measure, options))


def _taken(measure: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Return those of the options that were given and that this benchmark knows."""
    known = inspect.signature(measure).parameters
    return {name: value for name, value in options.items() if value is not None and name in known}
