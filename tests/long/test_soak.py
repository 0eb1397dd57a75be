"""Many jobs through a socket with faults in between: every one accounted for, at the hive and in the store."""

from __future__ import annotations

import random

import pytest

import fh_notebook as fh
from fh_notebook import session
from fh_notebook.local import LocalHive

pytestmark = pytest.mark.long
ROWS = 3_000


def test_every_job_is_accounted_for_exactly_once_through_faults() -> None:
    """3,000 jobs, 4 % of them broken in one of four ways: no answer lost, and none called again that may have run."""
    hive = LocalHive(seed=1)
    called: list[str] = []
    rng = random.Random(7)

    @hive.workflow("echo", variant="plain")
    async def plain(text: str) -> str:
        called.append(text)
        if rng.random() < 0.04:
            fault = rng.choice(({"status": 500}, {"status": 503}, {"cut_body": True}, {"reset": True}))
            hive.fail_next(**fault)  # type: ignore[arg-type]
        return text

    with hive.serve() as server, fh.Client(base_url=server.url, api_key="k" * 10) as client:
        rows = [{"text": str(n)} for n in range(ROWS)]
        batch = fh.batch(rows, "echo", variants=["plain"], client=client, max_concurrency=20, progress=False)
        frame = batch.frame
        assert len(frame) == ROWS
        assert batch.counts.done + batch.counts.unknown + batch.counts.failed == ROWS
        assert batch.counts.done > 0.9 * ROWS
        assert len(called) == len(set(called))  # nothing that ran was run again
        done = frame[frame["status"] == "completed"]
        assert list(done["output"]) == list(done["text"])
        store = session.store()
        assert store is not None
        again = fh.batch(rows, "echo", variants=["plain"], client=client, progress=False)
        assert again.counts.calls <= ROWS - batch.counts.done - batch.counts.unknown
        assert again.counts.reused >= batch.counts.done
