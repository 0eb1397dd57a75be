"""Many jobs through a socket with faults in between: every one accounted for, at the hive and in the store; nothing
leaks.

``FH_SOAK_JOBS`` is their number: 20,000 unless told, which fits in a minute; 200,000 is for before a release.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import re
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

import fh_notebook as fh
from fh_notebook.local import LocalHive
from fh_notebook.session import session

pytestmark = [pytest.mark.long, pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")]

JOBS: Final = int(os.environ.get("FH_SOAK_JOBS", "20000"))
AT_ONCE: Final = 20
FAULTS: Final[tuple[Mapping[str, Any], ...]] = (
    {"status": 500},
    {"cut_body": True},
    {"reset": True},
    {"slow_body_s": 0.1},
    {"status": 429, "retry_after": 0.05},
)
GROWTH_MB: Final = 24
"""Of the resident memory between a fifth of the jobs and their end: what 200,000 jobs may not exceed either."""


def _resident_mb() -> float:
    line = next(s for s in Path("/proc/self/status").read_text().splitlines() if s.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def _open_files() -> list[str]:
    """Return what is open, by its path or kind."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # that of the list itself
            found.append(re.sub(r"\d+", "N", os.readlink(f"/proc/self/fd/{number}")))
    return found


class Faulty:
    """A hive that counts by job what it ran, and lets one call in a hundred meet each fault, in an order of chance."""

    def __init__(self) -> None:
        self.hive = LocalHive(seed=1, keep=100)
        self.ran = bytearray(JOBS)
        self.asked = dict.fromkeys(range(len(FAULTS)), 0)
        self.seen: list[tuple[float, int]] = []
        self._plan = self._hundreds()
        self._runs = 0

        @self.hive.workflow("echo", variant="plain")
        async def plain(number: int) -> str:
            self.ran[number] += 1
            self._runs += 1
            if (fault := next(self._plan)) is not None:
                self.asked[fault] += 1
                self.hive.fail_next(**FAULTS[fault])
            if self._runs % max(1, JOBS // 10) == 0:
                gc.collect()
                self.seen.append((_resident_mb(), len(_open_files())))
            return f"said {number}"

    @staticmethod
    def _hundreds() -> Iterator[int | None]:
        rng = random.Random(7)
        while True:
            hundred: list[int | None] = [*range(len(FAULTS)), *[None] * (100 - len(FAULTS))]
            rng.shuffle(hundred)
            yield from hundred


def _kept(path: str) -> tuple[int, int, dict[str, int], set[str]]:
    """Return how many answers the store has, of how many jobs, by status, and what the completed ones said."""
    db = sqlite3.connect(path)
    try:
        answers, jobs = db.execute("SELECT count(*), count(DISTINCT key) FROM answers").fetchone()
        by_status = dict(db.execute("SELECT status, count(*) FROM answers GROUP BY status").fetchall())
        said = db.execute("SELECT json_extract(run, '$.output') FROM answers WHERE status = 'completed'")
        return answers, jobs, by_status, {output for (output,) in said}
    finally:
        db.close()


def test_every_job_is_accounted_for_exactly_once_through_faults() -> None:
    """One call in a hundred meets each of five faults: none runs twice, each is in the store once, nothing grows."""
    faulty = Faulty()
    with faulty.hive.serve():  # what a server opens once a process stays open, and is not counted
        pass
    gc.collect()
    files = _open_files()
    with faulty.hive.serve() as server, fh.Client(base_url=server.url, api_key="fhk_soaked_0123456789") as client:
        rows = ({"number": n} for n in range(JOBS))
        batch = fh.batch(rows, "echo", variants=["plain"], client=client, max_concurrency=AT_ONCE, progress=False)
        counts = batch.counts
        print(f"{JOBS:,} jobs: {counts}\nasked for {faulty.asked}\nMB and open files by tenth: {faulty.seen}")
        # The batch: each job has one outcome, and the faults that were met explain all that is not done.
        assert (counts.planned, counts.pending) == (JOBS, 0)
        assert counts.done + counts.unknown + counts.failed == JOBS
        fault_500, cut, reset, slow, refused = faulty.asked.values()
        assert min(faulty.asked.values()) >= JOBS // 100 * 0.9
        assert slow > 0
        # One fault of each kind may still be waiting for a call when the last job has been called.
        assert abs(counts.unknown + counts.failed - (fault_500 + cut + reset)) <= 3
        assert abs(counts.refused - refused) <= 1
        # The hive: nothing ran twice; what did not run is what met a fault before its run, and is not called done.
        assert max(faulty.ran) == 1
        not_run = faulty.ran.count(0)
        assert abs(not_run - (fault_500 + reset)) <= 2
        # The store: each completed job once, with its own answer.
        answers, jobs, by_status, said = _kept(os.environ["FH_NOTEBOOK_STORE"])
        print(f"store: {answers:,} answers of {jobs:,} jobs, {by_status}; {not_run} did not run")
        assert answers == jobs == JOBS
        assert by_status["completed"] == counts.done == len(said)
        assert all(faulty.ran[int(text.removeprefix("said "))] for text in said)
        # Again: what is kept is not called, and what may have run is not called by itself.
        again = fh.batch(
            ({"number": n} for n in range(JOBS)), "echo", variants=["plain"], client=client, progress=False
        )
        assert again.counts.reused >= counts.done
        assert max(faulty.ran) == 1
    (early_mb, _), (late_mb, _) = faulty.seen[1], faulty.seen[-1]
    assert late_mb - early_mb < GROWTH_MB
    assert max(open_files for _, open_files in faulty.seen) <= len(files) + 2 * AT_ONCE + 20
    del batch, again
    session.reset()
    gc.collect()
    until = time.monotonic() + 20  # the server's loop closes its ends when it is given a turn
    while len(_open_files()) > len(files) + 3 and time.monotonic() < until:
        time.sleep(0.1)
    left = Counter(_open_files()) - Counter(files)
    print(f"open at the end and not at the beginning: {dict(left)}")
    assert left.total() <= 3  # the background loop's own
