"""A batch on Dask workers beside the plain engine: rows a second and core, what the way over Dask costs, and memory.

Rule of this file: rows come from Parquet, 20,000 a partition; answers come at once from a service in a process of its
own, whose CPU is not counted. What is compared is CPU a row (user and system, of whole processes): on a machine with
two cores the makespan of four workers says nothing. The plain engine is ``fh.batch`` of 80,000 of the same rows in as
many processes at once as there are workers, each with its share of the calls at once (four processes on two cores
disturb each other, Dask or not), measured before and after each cluster, so that both are of the same minutes. What is paid once a process (the
import of ``dask.dataframe``, of pyarrow, the first connection) is not in it on either side, and told apart: a worker
lives for many batches. Memory of a worker is what its system counts: its peak (``VmHWM``), and its resident memory in
the second and the last fifth of the batch, of which the medians are equal where it is flat.

With ``--compare N`` it is ``fh.compare`` of N rows in two variants instead, out of Parquet files of made-up answers.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests import environment
from tests.benchmarks.measuring import KEY, table
from tests.benchmarks.service import Service, service

SIZES: Final = (80_000,)
FULL: Final = 1_000_000
WORKERS: Final = (1, 2, 4)
PARTITION: Final = 20_000
PLAIN_ROWS: Final = 80_000
AT_ONCE: Final = 64
LOOK_S: Final = 1.0
SCORED: Final = 100_000
"""Rows in one file of a comparison; two lines each."""

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


def plain(folder: Path, processes: int, served: Service) -> float:
    """Return the CPU of the plain engine a row, in seconds, in so many processes at once."""
    running = []
    for number in range(processes):
        own = folder / f"plain-{number}"
        rows = _rows(folder, PLAIN_ROWS // processes, partition=PLAIN_ROWS // processes, word=f"plain{number}")
        warm = _rows(folder, 2, word="warm")
        command = [sys.executable, "-c", PLAIN, str(rows), served.url, KEY, str(AT_ONCE // processes), str(warm)]
        (own / "home").mkdir(parents=True)
        running.append(
            subprocess.Popen(command, env=environment.for_process(own), stdout=subprocess.PIPE, text=True)
        )  # fmt: skip
    told = [process.communicate()[0] for process in running]
    for number in range(processes):
        shutil.rmtree(folder / f"plain-{number}")
    return sum(float(seconds) for seconds in told) / PLAIN_ROWS


def _used() -> tuple[float, float, int]:
    """CPU seconds, peak MB and number of this process."""
    return time.process_time(), _memory(os.getpid(), "VmHWM"), os.getpid()


def _memory(pid: int, name: str) -> float:
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith(name))
    return int(line.split()[1]) / 1024


def _import_dask_frames() -> None:
    import dask.dataframe  # noqa: F401


@contextmanager
def _watched(pids: Sequence[int]) -> Iterator[list[float]]:
    """Yield what the processes hold in MB, the largest of them, once a second while the block runs."""
    seen: list[float] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_S):
            seen.append(max(_memory(pid, "VmRSS") for pid in pids))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield seen
    finally:
        ended.set()
        looking.join()


@contextmanager
def _cluster(workers: int, folder: Path) -> Iterator[Any]:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=":0", local_directory=str(folder)
        ) as made,
        Client(made) as dask,
    ):
        yield dask


def scaled(folder: Path, rows: Path, jobs: int, workers: int, served: Service) -> dict[str, Any]:
    """Run rows on a cluster of processes; CPU and memory of its workers."""
    import dask.dataframe as dd

    import fh_notebook as fh

    own = folder / f"{workers}-{jobs}"
    own.mkdir()
    os.environ |= {"FH_NOTEBOOK_STORE": str(own / "store.sqlite3"), "TMPDIR": str(own)}
    served.reset()
    with _cluster(workers, own) as dask, fh.Client(base_url=served.url, api_key=KEY) as client:
        asked: dict[str, Any] = {"variants": "v", "client": client, "progress": False, "dask": dask}
        at_first = dask.run(_used)
        warm = _rows(own, 4 * workers, partition=2, word="warm")
        fh.batch(dd.read_parquet(str(warm)), "triage", **asked)
        dask.run(_import_dask_frames)  # a worker that took none of those rows
        before, began, cpu = dask.run(_used), time.perf_counter(), time.process_time()
        with _watched([pid for *_, pid in before.values()]) as seen:
            batch = fh.batch(dd.read_parquet(str(rows)), "triage", **asked, max_concurrency=AT_ONCE)
        took, notebook_s = time.perf_counter() - began, time.process_time() - cpu
        after = dask.run(_used)
        assert batch.counts.done == jobs, batch.counts
        assert sum(1 for _ in batch.frame.partitions) == jobs // PARTITION
    peak = served.peak()
    assert served.calls() == jobs + 4 * workers, served.figures()
    assert peak <= AT_ONCE, peak
    fifth = max(1, len(seen) // 5)
    return {
        "once_s": sum(before[w][0] - at_first[w][0] for w in before) / workers,
        "cpu_s": sum(after[w][0] - before[w][0] for w in after) / jobs,
        "peak_mb": max(mb for _, mb, _ in after.values()),
        "first_mb": max(mb for _, mb, _ in before.values()),
        "second_fifth_mb": median(seen[fifth : 2 * fifth] or [0.0]),
        "last_fifth_mb": median(seen[-fifth:] or [0.0]),
        "makespan_s": took,
        "notebook_s": notebook_s / jobs,
        "notebook_mb": _used()[1],
        "at_once": peak,
    }


HEAD: Final = (
    "rows", "workers", "CPU a row", "rows/s and core", "plain engine", "over plain (bar +25 %)", "a worker holds",
    "its peak", "makespan", "notebook", "a worker's start",
)  # fmt: skip


def _line(size: int, workers: int, found: dict[str, Any], alone: float) -> tuple[object, ...]:
    cpu = found["cpu_s"]
    return (
        f"{size:,}", workers, f"{1e6 * cpu:,.0f} µs", f"{1 / cpu:,.0f}", f"{1e6 * alone:,.0f} µs",
        f"**{cpu / alone - 1:+.0%}**",
        f"{found['second_fifth_mb']:.0f} MB, at last {found['last_fifth_mb']:.0f} MB",
        f"{found['peak_mb']:.0f} MB ({found['first_mb']:.0f} MB at first)", f"{found['makespan_s']:.1f} s",
        f"{1e6 * found['notebook_s']:,.0f} µs a row, {found['notebook_mb']:.0f} MB", f"{found['once_s']:.1f} s",
    )  # fmt: skip


def main(
    *, rows: Sequence[int] = SIZES, full: bool = False, workers: Sequence[int] = WORKERS, compare: int | None = None
) -> None:
    """Print one line a size and number of workers."""
    if compare is not None:
        comparison(compare, workers=workers[-1])
        return
    sizes = [*rows, FULL] if full else list(rows)
    lines: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory() as name, service(delay_s=0.0) as served:
        folder = Path(name)
        for size in sizes:
            asked = _rows(folder, size)
            for number in workers:
                before = plain(folder, number, served)
                found = scaled(folder, asked, size, number, served)
                after = plain(folder, number, served)
                lines.append(_line(size, number, found, (before + after) / 2))
                print(lines[-1], file=sys.stderr, flush=True)
    table(HEAD, lines)


# --- a comparison


def _answers(folder: Path, rows: int) -> None:
    """Write answers of two variants, yes and no, one in 1,000 of them failed."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    drawn = np.random.default_rng(0)
    for begin in range(0, rows, SCORED):
        labels = np.repeat(np.arange(begin, min(begin + SCORED, rows)), 2)
        second = np.arange(len(labels)) % 2
        right = drawn.random(len(labels)) < np.where(second, 0.81, 0.8)
        failed = drawn.random(len(labels)) < 0.001
        columns = {
            "row": labels,
            "variant": pa.array(np.where(second, "b", "a")),
            "repeat": np.ones(len(labels), dtype="int64"),
            "status": pa.array(np.where(failed, "failed", "completed")),
            "elapsed_s": drawn.gamma(4.0, 0.5, len(labels)),
            "right": pa.array(right, mask=failed),
        }
        pq.write_table(pa.table(columns), folder / f"part-{begin:09d}.parquet")


def comparison(rows: int, *, workers: int) -> None:
    """Print what `fh.compare` of so many rows takes on so many workers."""
    import dask.dataframe as dd

    import fh_notebook as fh

    with tempfile.TemporaryDirectory() as name, _cluster(workers, Path(name)) as dask:
        folder = Path(name) / "answers"
        folder.mkdir()
        _answers(folder, rows)
        dask.run(_import_dask_frames)
        before, mine, began = dask.run(_used), _used(), time.perf_counter()
        compared = fh.compare(dd.read_parquet(str(folder)), score="right")
        summary, pairs = compared.summary(), compared.pairs()
        took, after, own = time.perf_counter() - began, dask.run(_used), _used()
        assert int(summary["n"].sum() + summary["failed"].sum()) == 2 * rows
    cpu = sum(after[w][0] - before[w][0] for w in after)
    line = (
        f"{rows:,}", workers, f"{took:.0f} s", f"{1e6 * cpu / (2 * rows):.1f} µs a line",
        f"{max(mb for _, mb, _ in after.values()):.0f} MB ({max(mb for _, mb, _ in before.values()):.0f} MB at first)",
        f"{own[1]:.0f} MB ({mine[1]:.0f} MB at first), {own[0] - mine[0]:.1f} s of CPU",
        f"{pairs['difference'][0]:.4f} in {pairs['ci_low'][0]:.4f} to {pairs['ci_high'][0]:.4f}",
    )  # fmt: skip
    table(("rows of 2 variants", "workers", "makespan", "workers' CPU", "a worker's peak", "notebook", "found"), [line])


if __name__ == "__main__":
    main(rows=[int(n) for n in sys.argv[1].split(",")], workers=[int(n) for n in sys.argv[2].split(",")])
