"""Look-up of a job before a batch calls it: the rules, line by line of the store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fh_notebook.batching.model import CODE_OF, Job, kind_of
from fh_notebook.batching.options import Reuse
from fh_notebook.batching.planning.reuse import AnswerLookup
from fh_notebook.batching.planning.stored_batch import StoredBatch
from fh_notebook.contract.run import Run
from fh_notebook.store.store import Store
from fh_notebook.store.tables import answers
from fh_notebook.store.tables.answers import AnswerRow, row_of_run
from tests.store.kept import batch_in

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


def _run(status: str, batch: str) -> Run:
    """A run of one status; of a failure ``away`` is one that says nothing of the job."""
    told: dict[str, Any] = {"status": "failed", "status_code": 503} if status == "away" else {"status": status}
    return Run(**{"status_code": 200, "output": batch, "deployment": "d", "variant": "v", **told})


def _known(store: Store, clock: Clock, lines: list[tuple[str, str, float]], reuse: Reuse, **options: Any) -> str | None:
    """Keep lines of (batch, status, hours ago), the oldest first; return the status that is taken, and whose it is.

    The status of a call whose process was killed while it was out is ``killed``.
    """
    batches = {name: batch_in(store, name) for name in ("own", "other", "third")}
    for batch, status, hours in lines:
        clock.now = NOW - timedelta(hours=hours)
        if batch == "single":
            store.database.put(partial(answers.append, row=_single(_run(status, batch), clock.now))).result()
        elif status == "killed":
            owner = store.owners.new()
            store.claims.take(batches[batch], "k", owner, workspace="w", seen_id=store.answers.newest_id()).result()
            owner.end()
        else:
            store.claims.answer(_run(status, batch), key="k", batch=batches[batch], workspace="w").result()
    clock.now = NOW
    stored = StoredBatch(store, batches["own"])
    found = AnswerLookup(stored=stored, workspace="w", reuse=reuse).of({JOB.key: JOB}, now=NOW, **options).get("k")
    if found is None:
        return None
    kept = store.answers.by_ids([found.line])[found.line]
    assert (found.kind, found.reused) == (CODE_OF[kind_of(kept.run)], kind_of(kept.run) != "unknown")
    assert found.kept_at == kept.kept_at.timestamp()
    [whose] = [name for name, number in {**batches, "single": None}.items() if number == kept.batch]
    assert found.is_own == (whose == "own")
    return f"{whose} {kept.run.status}"


def _single(run: Run, kept_at: datetime) -> AnswerRow:
    return row_of_run(run, key="k", workspace="w", batch=None, kept_at=kept_at)


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
        ([("own", "unknown", 9), ("own", "completed", 8)], HOUR, None),
        ([("own", "unknown", 9), ("own", "failed", 8)], HOUR, None),
        # The second attempt did not run; the first may have.
        ([("own", "unknown", 2), ("own", "away", 1)], "batch", "own unknown"),
    ],
)
def test_which_line_is_taken(
    store: Store, clock: Clock, lines: list[tuple[str, str, float]], reuse: Reuse, known: str | None
) -> None:
    """The newest that is young enough; never a failure from before what may have run."""
    assert _known(store, clock, lines, reuse) == known


@pytest.mark.parametrize("may_have_run", ["unknown", "running", "killed"])
@pytest.mark.parametrize(
    ("lines", "reuse", "known"),
    [
        ([("other", "?", 1)], "batch", None),
        ([("other", "?", 1)], "store", "other unknown"),
        ([("other", "?", 0.5)], HOUR, "other unknown"),
        ([("other", "failed", 2), ("other", "?", 1)], "store", "other unknown"),
        ([("other", "failed", 2), ("third", "?", 1)], "store", "third unknown"),
        # What a batch has shown stays, whatever somebody else has called since.
        ([("own", "failed", 2), ("other", "?", 1)], "store", "own failed"),
        ([("own", "failed", 0.9), ("other", "?", 0.5)], HOUR, "own failed"),
        ([("own", "failed", 2), ("other", "?", 1)], "batch", "own failed"),
        ([("own", "failed", 2), ("own", "?", 1)], "batch", "own unknown"),
        ([("own", "failed", 2), ("own", "?", 1)], "store", "own unknown"),
        ([("own", "completed", 2), ("other", "?", 1)], "store", "own completed"),
        ([("third", "completed", 2), ("other", "?", 1)], "store", "third completed"),
        ([("single", "completed", 2), ("other", "?", 1)], "store", "single completed"),
        ([("other", "?", 2), ("own", "failed", 1)], "store", "own failed"),
        ([("other", "?", 2), ("third", "failed", 1)], "store", "third failed"),
    ],
)
def test_what_may_have_run_for_another_batch_is_not_called_again(
    store: Store, clock: Clock, lines: list[tuple[str, str, float]], reuse: Reuse, known: str | None, may_have_run: str
) -> None:
    """Where the answers of all batches count, so do their calls: also a failure from before them is not reused."""
    lines = [(batch, may_have_run if status == "?" else status, hours) for batch, status, hours in lines]
    found = _known(store, clock, lines, reuse)
    assert found == (known.replace("unknown", "running") if known and may_have_run == "running" else known)


def test_a_single_run_that_may_have_run_is_not_called_again(store: Store, clock: Clock) -> None:
    """Where single runs count as answers, they count as calls, too; a failure that came later is reused."""
    assert _known(store, clock, [("single", "unknown", 2)], "batch") is None
    assert _known(store, clock, [], "store") == "single unknown"
    assert _known(store, clock, [("single", "failed", 1)], "store") == "single failed"


def test_what_a_living_owner_has_out_is_open(store: Store, clock: Clock) -> None:
    """It is waited for when the job is claimed: nothing is said of it before."""
    owner = store.owners.new()
    store.claims.take(batch_in(store, "other"), "k", owner, workspace="w", seen_id=0).result()
    assert _known(store, clock, [], "store") is None
    owner.end()
    assert _known(store, clock, [], "batch") is None
    assert list(store.answers.every()) == [], "who does not count another batch's calls leaves its claims alone"
    assert _known(store, clock, [], "store") == "other unknown"
    assert store.claims.of_batch(batch_in(store, "other")) == {}


@pytest.mark.parametrize("batch", ["own", "other"])
@pytest.mark.parametrize("may_have_run", ["unknown", "killed"])
def test_what_may_have_run_is_called_where_the_user_says_so(
    store: Store, clock: Clock, batch: str, may_have_run: str
) -> None:
    """A failure from before it does not stand in the way."""
    lines = [(batch, "failed", 2.0), (batch, may_have_run, 1.0)]
    assert _known(store, clock, lines, "batch" if batch == "own" else "store", call_lost=True) is None
