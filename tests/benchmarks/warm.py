"""The same cell again, over jobs that are all answered: how long it takes, and that it calls nobody.

Rule of this file: calls are counted at the service. The new kernel has imported the package and nothing else, so that
what the first batch of a kernel imports is in its figure.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.measuring import medians, notebook, table
from tests.benchmarks.service import service

JOBS: Final = 10_000

ROWS: Final = """
import pandas as pd
hive = fh.Client(base_url=url, api_key=KEY)
rows = pd.DataFrame({"ticket": tickets(jobs)})
"""

CELL: Final = """
began = time.perf_counter()
batch = fh.batch(rows, "triage", variants="v", client=hive, max_concurrency=100)
ended = time.perf_counter()
frame = batch.frame
framed = time.perf_counter()
assert batch.counts.done == len(frame) == jobs, batch.counts
tell(batch_s=ended - began, frame_s=framed - ended)
"""


def main(*, repeats: int = 5) -> None:
    same: list[dict[str, Any]] = []
    new: list[dict[str, Any]] = []
    with service(delay_s=0.0) as served, tempfile.TemporaryDirectory() as kept:
        with notebook(Path(kept)) as cell:
            cell(ROWS, url=served.url, jobs=JOBS)
            first = cell(CELL)
            assert served.calls() == JOBS
            served.reset()
            same += [cell(CELL) for _ in range(repeats)]
        for _ in range(repeats):
            with notebook(Path(kept)) as cell:
                cell(ROWS, url=served.url, jobs=JOBS)
                new.append(cell(CELL))
        calls = served.calls()
    here, there = medians(same), medians(new)
    table(
        (f"{JOBS:,} answered jobs", "seconds", "bar", "of the first run"),
        [
            ("the cell again", f"**{here['batch_s']:.2f}**", "0.50", f"{here['batch_s'] / first['batch_s']:.1%}"),
            ("its `.frame`", f"{here['frame_s']:.2f}", "", ""),
            ("in a new kernel", f"{there['batch_s']:.2f}", "", f"{there['batch_s'] / first['batch_s']:.1%}"),
            ("its `.frame`", f"{there['frame_s']:.2f}", "", ""),
        ],
    )
    print(f"Calls at the service, of {2 * repeats} re-runs: {calls} (bar 0).")
