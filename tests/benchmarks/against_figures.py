"""Figures of one version of the package, by its public names alone: one group for each process, printed as JSON.

Rule of this file: `against.py` copies it out of the checkout and runs it with the interpreter of each version, so it
imports the package of that environment, and nothing of ``tests``.

    python against_figures.py GROUP '{"url": "http://127.0.0.1:1234/v1", "rows": 1000}'
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

KEY = "fhk_0123456789abcdef"


class Clock:
    """Wall and CPU seconds since it was made; CPU is that of all threads."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def wall_s(self) -> float:
        return time.perf_counter() - self._wall

    def cpu_s(self) -> float:
        return time.process_time() - self._cpu


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def batch(*, url: str, jobs: int, at_once: int | None) -> dict[str, float]:
    """A batch over a socket, with the store: its makespan, its CPU a call, the peak memory."""
    import fh_notebook as fh

    hive = fh.Client(base_url=url, api_key=KEY)
    fh.batch([{"ticket": "the first"}], "triage", variants="v", client=hive, progress=False)
    rows = [{"ticket": f"ticket {i}: the parcel is late"} for i in range(jobs)]
    clock = Clock()
    done = fh.batch(rows, "triage", variants="v", client=hive, max_concurrency=at_once, progress=False, name="measured")
    wall_s, cpu_s = clock.wall_s(), clock.cpu_s()
    assert (done.counts.done, done.counts.reused) == (jobs, 0), done.counts
    return {
        "makespan_s": wall_s,
        "cpu_us": 1e6 * cpu_s / jobs,
        "refused": float(done.counts.refused),
        "memory_mb": _memory_mb(),
    }


def aiohttp(*, url: str, jobs: int, at_once: int) -> dict[str, float]:
    """The same calls by aiohttp with one worker for each call at once; no answer is stored."""
    import aiohttp as library

    async def call_all() -> tuple[float, float]:
        numbers = iter(range(jobs))
        async with library.ClientSession(
            headers={"Authorization": f"Bearer {KEY}"}, connector=library.TCPConnector(limit=at_once)
        ) as session:

            async def work() -> None:
                for i in numbers:
                    body = {
                        "deployment": "triage",
                        "variant": "v",
                        "inputs": {"ticket": f"ticket {i}: the parcel is late"},
                    }
                    async with session.post(f"{url}/workflow/invoke", json=body) as response:
                        await response.json()

            clock = Clock()
            await asyncio.gather(*(work() for _ in range(at_once)))
            return clock.wall_s(), clock.cpu_s()

    wall_s, cpu_s = asyncio.run(call_all())
    return {"makespan_s": wall_s, "cpu_us": 1e6 * cpu_s / jobs}


FORM = """
import time
import fh_notebook as fh
from IPython.display import display
kinds = (
    fh.text, lambda: fh.text(multiline=True), lambda: fh.choice("calm", "brief"),
    lambda: fh.integer(minimum=1, default=3), lambda: fh.array(fh.text(), required=False),
)
inputs = {f"field_{i}": kinds[i % len(kinds)]() for i in range(50)}
deployment = fh.Deployment("triage", variants=["a", "b"], inputs=inputs)
"""
FORM_CELL = """
wall, cpu = time.perf_counter(), time.process_time()
display(fh.form(deployment))
print("measured", time.perf_counter() - wall, time.process_time() - cpu)
"""


def form() -> dict[str, float]:
    """A form of 50 fields, built and displayed by a cell of a kernel: the median of nine, after a first one."""
    from jupyter_client.manager import start_new_kernel

    manager, kernel = start_new_kernel()
    measured: list[list[float]] = []

    def read(message: dict[str, Any]) -> None:
        text = message["content"].get("text", "")
        measured.extend([float(word) for word in line.split()[1:]] for line in text.splitlines() if "measured" in line)

    try:
        for cell in (FORM, *[FORM_CELL] * 10):
            reply = kernel.execute_interactive(cell, output_hook=read, timeout=120)
            assert reply["content"]["status"] == "ok", reply["content"]
    finally:
        kernel.stop_channels()
        manager.shutdown_kernel(now=True)
    walls, cpus = (sorted(side[1:]) for side in zip(*measured, strict=True))
    return {"wall_s": walls[len(walls) // 2], "cpu_s": cpus[len(cpus) // 2]}


def rows(*, rows: int) -> dict[str, float]:
    """A batch of many rows with 1,000 different inputs: planned, as a frame, exported as Parquet."""
    import fh_notebook as fh

    hive = fh.local.LocalHive(name="against")
    hive.workflow("triage", variant="v")(lambda ticket: ticket.upper())
    table = ({"ticket": f"ticket {i % 1000}: the parcel is late", "case": i} for i in range(rows))
    clock = Clock()
    done = fh.batch(table, "triage", variants="v", inputs={"ticket": "ticket"}, client=hive.client(), progress=False)
    figures = {"batch_cpu_s": clock.cpu_s(), "batch_memory_mb": _memory_mb()}
    clock = Clock()
    frame = done.frame
    assert len(frame) == rows
    figures |= {"frame_cpu_s": clock.cpu_s(), "frame_memory_mb": _memory_mb()}
    del frame
    clock = Clock()
    done.to_parquet(Path(tempfile.mkdtemp()) / "all.parquet")
    return {**figures, "parquet_cpu_s": clock.cpu_s()}


def compare(*, rows: int) -> dict[str, float]:
    """A comparison of 20,000 rows by its public tables: read, browse, report."""
    import pandas as pd

    import fh_notebook as fh

    frame = pd.DataFrame(
        {
            "row": [i // 2 for i in range(2 * rows)],
            "variant": ["a", "b"] * rows,
            "output": [f"answer {i % 97}" for i in range(2 * rows)],
            "score": [(i * 7919) % 101 / 100 for i in range(2 * rows)],
        }
    )
    clock = Clock()
    comparison = fh.compare(frame, score="score")
    comparison.summary()
    comparison.pairs()
    figures = {"tables_s": clock.wall_s()}
    clock = Clock()
    comparison.browse()
    figures["browse_s"] = clock.wall_s()
    clock = Clock()
    comparison.report(Path(tempfile.mkdtemp()) / "report.html")
    return {**figures, "report_s": clock.wall_s(), "memory_mb": _memory_mb()}


def imports() -> dict[str, float]:
    """Import of the package and use of its first names in fresh interpreters: the fastest of seven, and the memory."""
    measured = (
        "import resource, time; began = time.perf_counter(); {}; "
        "print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    figures: dict[str, float] = {}
    for name, statement in {
        "import": "import fh_notebook",
        "client": "import fh_notebook as fh; fh.Client",
        "compare": "import fh_notebook as fh; fh.compare",
    }.items():
        command = [sys.executable, "-c", measured.format(statement)]
        runs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() for _ in range(7)]
        figures[f"{name}_s"] = min(float(run[0]) for run in runs)
        figures[f"{name}_memory_mb"] = min(float(run[1]) for run in runs)
    return figures


GROUPS: dict[str, Callable[..., dict[str, float]]] = {
    "batch": batch,
    "aiohttp": aiohttp,
    "form": form,
    "rows": rows,
    "compare": compare,
    "imports": imports,
}

if __name__ == "__main__":
    print(json.dumps(GROUPS[sys.argv[1]](**json.loads(sys.argv[2]))))
