"""What a comparison costs: 4 variants on 5,000, 10,000 and 100,000 rows, scored by a column of yes and no, or of numbers."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

import fh_notebook as fh
from tests.benchmarks.measuring import medians, table

VARIANTS = 4


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


def main(repeats: int = 3) -> None:
    lines = []
    with TemporaryDirectory() as folder:
        for rows in (5_000, 10_000, 100_000):  # 5,000 is the last number of pairs that is resampled
            for kind in ("yes/no", "numbers"):
                frame = _frame(rows, kind)
                took = medians([_measure(frame, Path(folder), rows <= 10_000) for _ in range(repeats)])
                names = ("read", "summary", "pairs", "display", "wide", "report.html")
                lines.append([f"{rows:,} rows, {kind}", *(f"{took[n]:.2f}" if n in took else "" for n in names)])
    table(["slices", "seconds"], [_slices(kind) for kind in ("yes/no", "numbers")])
    table([f"x {VARIANTS} variants", "read s", "summary s", "pairs s", "display s", "wide s", "report.html s"], lines)
