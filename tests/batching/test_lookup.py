"""What is known of a job before a batch calls it: the rules of the look-up, line by line of the store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fh_notebook.batching.job import Job
from fh_notebook.batching.lookup import LookUp, Reuse
from fh_notebook.contract.run import Run
from fh_notebook.store.store import Store

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
JOB = Job(position=0, row=0, deployment="d", variant="v", repeat=1, inputs={}, metadata={}, key="k")


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    with Store(tmp_path / "answers.sqlite3", now=clock).closing() as opened:
        yield opened


def _known(store: Store, clock: Clock, lines: list[tuple[str, str, float]], reuse: Reuse, **options: Any) -> str | None:
    """Keep lines of (batch, status, hours ago), the oldest first; return the status that is taken, and whose it is."""
    for batch, status, hours in lines:
        clock.now = NOW - timedelta(hours=hours)
        run = Run(status=status, status_code=200, output=batch, deployment="d", variant="v")
        store.keep_answer(run, key="k", batch=batch, workspace="w").result()
    found = LookUp(store=store, batch="own", workspace="w", reuse=reuse).of([JOB], now=NOW, **options).get("k")
    if found is None:
        return None
    run = store.answers_by_ids([found.line])[found.line].run
    return f"{run.output} {run.status}"


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("lines", "reuse", "known"),
    [
        ([("own", "completed", 9), ("other", "completed", 0.5)], HOUR, "other completed"),
        ([("other", "completed", 0.5), ("own", "completed", 0.1)], HOUR, "own completed"),
        ([("own", "completed", 9), ("other", "completed", 8)], HOUR, None),
        ([("own", "unknown", 9), ("other", "completed", 0.5)], HOUR, "other completed"),
        ([("own", "unknown", 9)], HOUR, "own unknown"),
        ([("own", "failed", 2), ("own", "unknown", 1)], "batch", "own unknown"),
        ([("own", "failed", 2), ("own", "unknown", 1)], "store", "own unknown"),
        ([("other", "failed", 2), ("own", "unknown", 1)], "store", "own unknown"),
        ([("own", "failed", 0.9), ("own", "unknown", 0.5)], HOUR, "own unknown"),
        ([("own", "unknown", 2), ("own", "failed", 1)], "batch", "own failed"),
        ([("own", "completed", 2), ("own", "unknown", 1)], "batch", "own completed"),
        ([("own", "completed", 3), ("own", "failed", 2), ("own", "unknown", 1)], "batch", "own completed"),
        ([("other", "unknown", 1)], "store", None),
    ],
)
def test_which_line_is_taken(
    store: Store, clock: Clock, lines: list[tuple[str, str, float]], reuse: Reuse, known: str | None
) -> None:
    """The newest that is young enough; never a failure from before what may have run."""
    assert _known(store, clock, lines, reuse) == known


def test_what_may_have_run_is_called_where_the_user_says_so(store: Store, clock: Clock) -> None:
    """A failure from before it does not stand in the way."""
    assert _known(store, clock, [("own", "failed", 2), ("own", "unknown", 1)], "batch", call_lost=True) is None
