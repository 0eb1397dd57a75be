"""The limiter's table: refused calls and best / makespan against services that admit so many calls at once.

Best is the same jobs at a `max_concurrency` that is the cap, which nobody but an oracle knows: it is the peer beside
each row. "falling": the cap goes from 100 to 30 when half of the jobs were called; the oracle turns its number down as
well.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fh_notebook as fh
from fh_notebook.batching.model import Event, Finished
from tests.benchmarks.service import Service, service

CALL_S = 0.2
CASES: tuple[tuple[str, int, int | None, int], ...] = (
    # what, admitted at once, later, jobs
    ("1", 1, None, 100),
    ("3", 3, None, 100),
    ("5", 5, None, 100),
    ("50", 50, None, 2000),
    ("falling 100 to 30", 100, 30, 2400),
)


def main() -> None:
    print("admits at once       Retry-After  jobs  refused         oracle's  best / makespan  failed")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FH_NOTEBOOK_STORE"] = str(Path(folder) / "store.sqlite")
        for name, admits, later, jobs in CASES:
            for retry_after_s in (None, 1.0):
                row(name, admits, later, jobs, retry_after_s)


def row(name: str, admits: int, later: int | None, jobs: int, retry_after_s: float | None) -> None:
    """Measure one row, the oracle's run beside it."""
    with service(delay_s=CALL_S, admits=admits, retry_after_s=retry_after_s) as served:
        best_s, _, of_oracle = _measure(served, jobs, admits, later, oracle=True)
        took_s, failed, refused = _measure(served, jobs, admits, later, oracle=False)
    after = "none" if retry_after_s is None else f"{retry_after_s:g} s"
    print(
        f"{name:20} {after:>11} {jobs:5} {refused:8} ({refused / jobs:5.1%}) {of_oracle:8} {best_s / took_s:16.2f}"
        f" {failed:7}",
        flush=True,
    )


def _measure(served: Service, jobs: int, admits: int, later: int | None, *, oracle: bool) -> tuple[float, int, int]:
    """Return seconds, jobs that failed, and refused calls as the service counted them."""
    served.set(admits=admits)
    served.reset()
    # A key of its own is a workspace of its own: a limiter that knows nothing yet.
    with fh.Client(base_url=served.url, api_key=f"fhk_{'oracle' if oracle else 'learns'}_{served.port}") as client:
        rows = [{"text": f"row {i}"} for i in range(jobs)]
        falls: Callable[[Event], None] | None = None
        if later is not None:
            falls = _Falling(served, client, jobs // 2, later, oracle=oracle)
        options: dict[str, Any] = {"max_concurrency": admits} if oracle else {}
        begun = time.perf_counter()
        batch = fh.batch(
            rows, "bench", variants="v", client=client, progress=False, fresh=True, on_event=falls, **options
        )
        return time.perf_counter() - begun, batch.counts.failed + batch.counts.pending, served.refused()


class _Falling:
    """Lowers the cap in the middle of a batch."""

    def __init__(self, served: Service, client: fh.Client, after: int, admits: int, *, oracle: bool) -> None:
        self.served, self.client, self.left, self.admits, self.oracle = served, client, after, admits, oracle

    def __call__(self, event: Event) -> None:
        self.left -= isinstance(event, Finished)
        if self.left == 0 and isinstance(event, Finished):
            with contextlib.suppress(OSError):
                self.served.set(admits=self.admits)
            if self.oracle:
                self.client.limiter.fix(self.admits)


if __name__ == "__main__":
    main()
