"""A batch on Dask workers beside the plain engine: rows a second and core, what the way over Dask costs, and memory.

Rule of this file: rows come from Parquet, 20,000 a partition; answers come at once from a service in a process of its
own, whose CPU is not counted. What is compared is CPU a row (user and system, of whole processes): on a machine with
two cores the makespan of four workers says nothing. The plain engine is ``fh.batch`` of the same rows in one process.
What is paid once a process (the import of ``dask.dataframe``, of pyarrow, the first connection) is not in it on either
side, and told apart: a worker lives for many batches. Peak memory of a worker is what its system counts (``VmHWM``); it is flat where a longer batch has the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests import environment
from tests.benchmarks.measuring import KEY, table
from tests.benchmarks.service import Service, service

SIZES: Final = (20_000, 100_000)
FULL: Final = 1_000_000
WORKERS: Final = (1, 2, 4)
PARTITION: Final = 20_000
AT_ONCE: Final = 64

PLAIN: Final = """
import sys, time
import pandas as pd
import fh_notebook as fh

folder, url, key, at_once = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
client = fh.Client(base_url=url, api_key=key)
first = pd.read_parquet(sys.argv[5])
fh.batch(first, "triage", variants="v", client=client, progress=False).frame
began = time.process_time()
rows = pd.read_parquet(folder)
batch = fh.batch(rows, "triage", variants="v", client=client, progress=False, max_concurrency=at_once)
assert batch.counts.calls == len(rows), batch.counts
frame = batch.frame
print(time.process_time() - began)
"""
"""With its table at the end: the workers' parts are that table."""


def _rows(folder: Path, jobs: int, *, partition: int = PARTITION, word: str = "ticket") -> Path:
    """Write the rows as Parquet, one file a partition."""
    import pandas as pd

    made = folder / f"rows-{word}-{jobs}"
    made.mkdir(exist_ok=True)
    for begin in range(0, jobs, partition):
        texts = [
            f"{word} {i}: the parcel is late and the tracking page is empty" for i in range(begin, begin + partition)
        ]
        pd.DataFrame({"ticket": texts[: jobs - begin]}).to_parquet(made / f"part-{begin:09d}.parquet")
    return made


def plain(folder: Path, rows: Path, served: Service) -> float:
    """Return the CPU of the plain engine, in seconds."""
    done = subprocess.run(
        [sys.executable, "-c", PLAIN, str(rows), served.url, KEY, str(AT_ONCE), str(_rows(folder, 2, word="warm"))],
        env=environment.for_process(folder), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(done.stdout)


def _used() -> tuple[float, float]:
    """CPU seconds and peak MB of this process."""
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
    return time.process_time(), int(line.split()[1]) / 1024


def _import_dask_frames() -> None:
    import dask.dataframe  # noqa: F401


def scaled(folder: Path, rows: Path, jobs: int, workers: int, served: Service) -> dict[str, Any]:
    """Run the same rows on a cluster of processes; CPU and memory of its workers."""
    import dask.dataframe as dd
    from distributed import Client, LocalCluster

    import fh_notebook as fh

    own = folder / f"{workers}-{jobs}"
    own.mkdir()
    os.environ |= {"FH_NOTEBOOK_STORE": str(own / "store.sqlite3"), "TMPDIR": str(own)}
    served.reset()
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, local_directory=str(own)) as made,
        Client(made) as dask,
        fh.Client(base_url=served.url, api_key=KEY) as client,
    ):
        asked: dict[str, Any] = {"variants": "v", "client": client, "progress": False, "dask": dask}
        at_first = dask.run(_used)
        warm = _rows(own, 4 * workers, partition=2, word="warm")
        fh.batch(dd.read_parquet(str(warm)), "triage", **asked)
        dask.run(_import_dask_frames)  # a worker that took none of those rows
        before, began, cpu = dask.run(_used), time.perf_counter(), time.process_time()
        batch = fh.batch(dd.read_parquet(str(rows)), "triage", **asked, max_concurrency=AT_ONCE)
        took, notebook_s = time.perf_counter() - began, time.process_time() - cpu
        after = dask.run(_used)
        assert batch.counts.done == jobs, batch.counts
        answered = sum(1 for _ in batch.frame.partitions)
    peak = served.peak()
    assert served.calls() == jobs + 4 * workers, served.figures()
    assert peak <= AT_ONCE, peak
    return {
        "once_s": sum(before[w][0] - at_first[w][0] for w in before) / workers,
        "cpu_s": sum(after[w][0] - before[w][0] for w in after),
        "peak_mb": max(mb for _, mb in after.values()),
        "first_mb": max(mb for _, mb in before.values()),
        "makespan_s": took,
        "notebook_s": notebook_s,
        "partitions": answered,
        "at_once": peak,
    }


def main(*, jobs: Sequence[int] = SIZES, full: bool = False, workers: Sequence[int] = WORKERS) -> None:
    """Print one line a size and number of workers; the plain engine is measured at the first size."""
    sizes = [*jobs, FULL] if full else list(jobs)
    lines: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory() as name, service(delay_s=0.0) as served:
        folder = Path(name)
        rows = {size: _rows(folder, size) for size in sizes}
        smallest = sizes[0]
        alone = plain(folder, rows[smallest], served) / smallest
        lines.append(
            (f"{smallest:,}", "plain engine", f"{1e6 * alone:,.0f} µs", f"{1 / alone:,.0f}", "", "", "", "", "")
        )
        for size in sizes:
            for number in workers if size != FULL else workers[-1:]:
                found = scaled(folder, rows[size], size, number, served)
                cpu = found["cpu_s"] / size
                lines.append(
                    (
                        f"{size:,}", f"{number} workers", f"{1e6 * cpu:,.0f} µs", f"{1 / cpu:,.0f}",
                        f"**{cpu / alone - 1:+.0%}**", f"{found['peak_mb']:.0f} MB ({found['first_mb']:.0f} at first)",
                        f"{found['makespan_s']:.1f} s", f"{1e6 * found['notebook_s'] / size:,.0f} µs", f"{found['once_s']:.1f} s",
                    )
                )  # fmt: skip
                print(lines[-1], file=sys.stderr, flush=True)
    head = (
        "rows",
        "",
        "CPU a row",
        "rows/s and core",
        "over plain (bar +25 %)",
        "peak a worker",
        "makespan",
        "notebook",
        "a worker's start",
    )
    table(head, lines)


if __name__ == "__main__":
    main(jobs=[int(n) for n in sys.argv[1].split(",")], workers=[int(n) for n in sys.argv[2].split(",")])
