"""Rows as users have them: memory of a large Parquet file, and a frame of Polars beside one of pandas.

Rule of this file: what is compared runs in one kernel, in turn, so that the ratio is of one machine at one time. The
Parquet file is written by another process; its batch is measured as that of an iterator is (`memory`).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.measuring import notebook, table
from tests.benchmarks.memory import BAR_MB, FULL, IMPORTED

ROWS: Final = 100_000
SLOWER: Final = 1.2
"""The bar: at most so many times the seconds of pandas."""

WRITE: Final = """
import sys, pyarrow as pa, pyarrow.parquet as pq
path, rows = sys.argv[1], int(sys.argv[2])
texts = [f"ticket {i}: the parcel is late and the tracking page is empty" for i in range(rows)]
pq.write_table(pa.table({"ticket": texts, "case": range(rows)}), path)
"""

PARQUET: Final = """
began = time.perf_counter()
dep = fh.Deployment("triage", variants=["v"], inputs={"ticket": fh.text()})
batch = fh.batch(path, dep, client=hive, max_concurrency=100)
assert batch.counts.done == batch.counts.calls == jobs, batch.counts
tell(makespan_s=time.perf_counter() - began, peak_mb=peak_mb())
"""

FRAMES: Final = """
import pandas as pd, polars as pl
from fh_notebook.batching.tables.row_sources import read_rows

records = [{"ticket": text, "case": i, "share": i / 7, "urgent": i % 3 == 0} for i, text in enumerate(tickets(rows))]
frames = {"pandas": pd.DataFrame(records), "Polars": pl.DataFrame(records)}
for turn in range(repeats):
    facts = {}
    for name, frame in frames.items():
        read = None
        began = time.process_time()
        read = read_rows(frame)
        facts[name] = time.process_time() - began
        assert len(read) == rows
    tell(**{f"{name} {turn}": seconds for name, seconds in facts.items()})
"""


def main(*, jobs: list[int] | None = None, full: bool = False, repeats: int = 9) -> None:
    """Print both tables; the whole million with `full`."""
    with notebook() as cell:
        facts = cell(FRAMES, rows=ROWS, repeats=repeats)
    seconds = {name: [facts[f"{name} {at}"] for at in range(repeats)] for name in ("pandas", "Polars")}
    # Of each turn: another process may take a core in some of them.
    ratio = statistics.median(p / q for p, q in zip(seconds["Polars"], seconds["pandas"], strict=True))
    head = (f"{ROWS:,} rows", "pandas", "Polars", "**ratio**", "bar")
    table(
        head,
        [
            (
                "read as rows",
                *(f"{statistics.median(s):.2f} s" for s in seconds.values()),
                f"**{ratio:.2f}**",
                f"{SLOWER}",
            )
        ],
    )
    print()
    sizes = jobs or ([FULL] if full else [200_000])
    parquet_head = ("rows of a Parquet file", "**peak over the import**", "bar", "calls/s")
    table(parquet_head, (_line(rows, _measure(rows)) for rows in sizes))


def _measure(rows: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tickets.parquet"
        subprocess.run([sys.executable, "-c", WRITE, str(path), str(rows)], check=True)
        with notebook() as cell:
            return cell(IMPORTED) | cell(PARQUET, path=str(path), jobs=rows)


def _line(rows: int, facts: dict[str, Any]) -> tuple[object, ...]:
    over = facts["peak_mb"] - facts["imported_mb"]
    return f"{rows:,}", f"**{over:.0f} MB**", f"{BAR_MB} MB", f"{rows / facts['makespan_s']:,.0f}"
