"""Cost of a comparison: 4 variants on 5,000, 10,000 and 100,000 rows, scored by a column of yes and no, or of numbers;
and 100,000 saved answers of a batch, in a kernel that opens it by its name. A comparison reads those by columns; how many
times as long it takes with a `Run` for each, as a function of a user's own gets them, is the ratio to look at.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pandas as pd

import fh_notebook as fh
from tests.benchmarks.measuring import medians, notebook, table

VARIANTS = 4
KEPT: Final = 50_000
"""Rows of the batch, of two variants each."""

ANSWERED: Final = """
import httpx, pandas as pd

class Instant(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request):
        asked = json.loads(await request.aread())
        number = int(asked["inputs"]["ticket"].split()[1].rstrip(":"))
        right = number * 7919 % 100 < (70 if asked["variant"] == "nearest" else 60)
        output = f"label {number % 7}" if right else "other"
        answer = {"request_id": f"req_{number:032x}", "run_status": "completed", "output": output}
        return httpx.Response(200, json=answer)

hive = fh.Client(base_url="http://127.0.0.1:9/v1", api_key=KEY, transport=Instant())
"""
BATCH: Final = """
rows = pd.DataFrame({"ticket": tickets(number), "expected_output": [f"label {i % 7}" for i in range(number)]})
batch = fh.batch(rows, "triage", variants=["keywords", "nearest"], client=hive, max_concurrency=100, name="kept", progress=False)
assert batch.counts.done == 2 * number, batch.counts
"""
COMPARED: Final = """
def took(call):
    began = time.perf_counter()
    return call(), time.perf_counter() - began

batch, open_s = took(lambda: fh.open_batch("kept", client=hive))
cmp, first_s = took(lambda: fh.compare(batch))
display_s = took(cmp._repr_html_)[1]

def cpu(call):
    began = time.process_time()
    call()
    return time.process_time() - began

again_s = min(took(lambda: fh.compare(batch))[1] for _ in range(3))
again_cpu = min(cpu(lambda: fh.compare(batch)) for _ in range(3))
objects_cpu = cpu(lambda: list(cmp.data.runs.observations))
assert cmp.summary()["n"].tolist() == [number, number]
line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
tell(open=open_s, compare=first_s, again=again_s, display=display_s, cpu=again_cpu, objects=objects_cpu, peak=int(line.split()[1]) / 1024)
"""


def _frame(rows: int, kind: str) -> pd.DataFrame:
    rng = np.random.default_rng(rows)
    hard = np.repeat(rng.normal(size=rows), VARIANTS)
    scores = hard + rng.normal(size=rows * VARIANTS)
    return pd.DataFrame(
        {
            "row": np.repeat(np.arange(rows), VARIANTS),
            "variant": [f"variant {i}" for i in range(VARIANTS)] * rows,
            "output": [f"label {i % 7}" for i in range(rows * VARIANTS)],
            "elapsed_s": rng.exponential(size=rows * VARIANTS),
            "score": scores > 0 if kind == "yes/no" else scores,
        }
    )


def _took(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _measure(frame: pd.DataFrame, folder: Path, report: bool) -> dict[str, float]:
    made: list[fh.Comparison] = []
    seconds = {"read": _took(lambda: made.append(fh.compare(frame, score="score")))}
    cmp = made[0]
    seconds["summary"] = _took(cmp.summary)
    seconds["pairs"] = _took(cmp.pairs)
    seconds["display"] = _took(cmp._repr_html_)
    seconds["wide"] = _took(cmp.wide)
    if report:
        seconds["report.html"] = _took(lambda: cmp.report(folder / "x.html"))
    return seconds


def _slices(kind: str) -> list[str]:
    rows, values = 20_000, 5_000
    frame = _frame(rows, kind).assign(of=np.repeat(np.arange(rows) % values, VARIANTS))
    cmp = fh.compare(frame, score="score")
    return [f"slice(by=) of {values:,} values, {rows:,} rows, {kind}", f"{_took(lambda: cmp.slice(by='of')):.2f}"]


def _kept(repeats: int) -> list[str]:
    with TemporaryDirectory() as folder:
        with notebook(Path(folder)) as cell:
            cell(ANSWERED)
            cell(BATCH, number=KEPT)
        told = []
        for _ in range(repeats):
            with notebook(Path(folder)) as cell:
                cell(ANSWERED)
                told.append(cell(COMPARED, number=KEPT))
    took = medians(told)
    seconds = [f"{took[name]:.2f}" for name in ("open", "compare", "again", "display", "cpu")]
    return [f"{2 * KEPT:,} saved answers", *seconds, f"{1 + took['objects'] / took['cpu']:.1f}", f"{took['peak']:.0f}"]


def main(repeats: int = 3) -> None:
    names = [
        "open s",
        "**compare s**",
        "once more s",
        "display s",
        "CPU s of once more",
        "times, with a `Run` for each",
    ]
    table(["a batch", *names, "peak MB"], [_kept(repeats)])
    lines = []
    with TemporaryDirectory() as folder:
        for rows in (5_000, 10_000, 100_000):  # 5,000 is the last number of pairs that is resampled
            for kind in ("yes/no", "numbers"):
                frame = _frame(rows, kind)
                took = medians([_measure(frame, Path(folder), rows <= 10_000) for _ in range(repeats)])
                steps = ("read", "summary", "pairs", "display", "wide", "report.html")
                lines.append([f"{rows:,} rows, {kind}", *(f"{took[n]:.2f}" if n in took else "" for n in steps)])
    table(["slices", "seconds"], [_slices(kind) for kind in ("yes/no", "numbers")])
    table([f"x {VARIANTS} variants", "read s", "summary s", "pairs s", "display s", "wide s", "report.html s"], lines)
