"""A batch's answers and claims in the store: what may have run stays so until somebody has its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fh_notebook.batching.execution.ledger import HELD, StoreLedger
from fh_notebook.batching.model import DONE, UNKNOWN, Job
from fh_notebook.batching.planning.reuse import AnswerLookup
from fh_notebook.batching.planning.stored_batch import StoredBatch
from fh_notebook.contract.run import Run
from fh_notebook.store.owner_locks import Owner
from fh_notebook.store.store import Store
from tests.store.kept import batch_in

JOB = Job(position=0, row=0, deployment="d", variant="v", repeat=1, inputs={}, metadata={}, key="k")
AWAY = Run(status="failed", status_code=503, deployment="d")
DONE_RUN = Run(status="completed", output="hi", deployment="d")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "answers.sqlite3").closing() as opened:
        yield opened


@pytest.fixture
def batch(store: Store) -> int:
    """A batch of which a process that ended had the job out."""
    number, dead = batch_in(store), store.owners.new()
    store.claims.take(number, "k", dead, workspace="w", seen_id=0).result()
    dead.end()
    return number


def _ledger(store: Store, batch: int, owner: Owner, **how: Any) -> StoreLedger:
    how = {"call_lost": True, "seen_id": store.answers.newest_id(), **how}
    return StoreLedger(StoredBatch(store, batch), workspace="w", owner=owner, **how)


def _known(store: Store, batch: int) -> int | None:
    found = AnswerLookup(stored=StoredBatch(store, batch), workspace="w", reuse="batch").of(
        {JOB.key: JOB}, now=datetime.now(UTC)
    )
    return found["k"].kind if found else None


@pytest.mark.parametrize("sent", [False, True])
def test_a_dead_kernels_job_that_is_given_back_may_have_run_still(store: Store, batch: int, sent: bool) -> None:
    """Taken over to be called again, and given back (the limit of calls was reached, or it was refused)."""
    owner = store.owners.new()
    ledger = _ledger(store, batch, owner)

    async def tries() -> None:
        assert (await ledger.claim(JOB)).go
        await ledger.release(JOB, sent=sent)
        assert (await ledger.claim(JOB)).go, "this start is told to call it"
        await ledger.release(JOB, sent=False)

    asyncio.run(tries())
    owner.end()
    assert _known(store, batch) == UNKNOWN
    assert store.requests.on_day("w", datetime.now(UTC)) == 1 + sent


def test_a_dead_kernels_job_may_have_run_though_its_next_call_did_not(store: Store, batch: int) -> None:
    """A failure that says nothing of the job takes nothing away; an answer does."""
    for run, known in ((AWAY, UNKNOWN), (DONE_RUN, DONE)):
        owner = store.owners.new()
        ledger = _ledger(store, batch, owner)

        async def calls(ledger: StoreLedger = ledger, run: Run = run) -> None:
            assert (await ledger.claim(JOB)).go
            await ledger.keep(JOB, run)

        asyncio.run(calls())
        owner.end()
        assert _known(store, batch) == known


def test_of_two_kernels_that_call_a_dead_ones_job_again_one_does(store: Store, batch: int) -> None:
    """The other waits, and takes the answer."""
    owners = [store.owners.new() for _ in range(2)]
    one, two = (_ledger(store, batch, owner) for owner in owners)

    async def both() -> None:
        assert (await one.claim(JOB)).go
        assert await two.claim(JOB) == HELD
        assert await two.look(JOB, room=2) == HELD, "no file goes up for it"
        await one.keep(JOB, DONE_RUN)
        assert not (await two.look(JOB, room=2)).go
        turn = await two.claim(JOB)
        assert (turn.go, turn.answer.output if turn.answer else None) == (False, "hi")

    asyncio.run(both())
    for owner in owners:
        owner.end()
