"""A batch over partitions that is paused or ended from outside, on threads of this process."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.batching.model import BatchStopped, JobCounts
from fh_notebook.contract.job_key import job_key
from fh_notebook.core.event_loop import background
from fh_notebook.local import LocalHive
from fh_notebook.scaling.worker import host as host_of_process
from fh_notebook.store.store import Store
from tests.batching.hives import Held
from tests.scaling.counting import Counting, begun_in_a_pause, texts, until

dask = pytest.importorskip("dask.dataframe")
pytest.importorskip("distributed")
pytest.importorskip("pyarrow")


def test_a_cancel_ends_what_another_stop_has_left_out() -> None:
    """A stop lets calls that are out come in; who cancels then does not wait for them, and they are unknown."""
    hive, both, ended = LocalHive(), threading.Event(), threading.Event()
    begun: list[str] = []

    @hive.workflow("slow", variant="v")
    def slow(text: str) -> str:
        if text == "bad":
            both.wait()
            raise RuntimeError("it is bad")
        begun.append(text)
        if len(begun) == 2:
            both.set()
        ended.wait()
        return text

    rows = pd.DataFrame({"text": ["a", "b", "bad", "c"]})
    try:
        batch = fh.batch(
            dask.from_pandas(rows, npartitions=1), "slow", variants="v", client=hive.client(), progress=False,
            max_concurrency=3, fail_on_error=True, wait=False,
        )  # fmt: skip
        control: Any = batch._control
        until(lambda: (start := control.status.run) is not None and start._stopped is not None)
        assert control.status.run._stopped.reason == "fail_on_error"
        batch.cancel()
        batch.wait()
        counts = batch.counts
        assert (counts.done, counts.failed, counts.unknown, counts.pending) == (0, 1, 2, 1)
    finally:
        both.set()
        ended.set()


def test_a_pause_before_the_round_has_begun_holds_in_it() -> None:
    """While the batch is being noted there is no place to pause yet: its partitions begin paused, and call nothing."""
    counting = Counting()
    asked: dict[str, Any] = {"variants": "loud", "client": counting.hive.client(), "progress": False}
    batch = fh.batch(dask.from_pandas(texts(12), npartitions=2), "shout", **asked, max_calls=6)
    control = begun_in_a_pause(batch)
    until(lambda: any(host._runners for host in list(host_of_process._hosts.values())))
    threading.Event().wait(0.3)  # so long a call that must not be made has to be made
    assert (counting.calls, batch.paused) == (6, True)
    control.unpause()
    batch.wait()
    assert (batch.counts.done, counting.calls) == (12, 12)


def test_a_worker_that_has_lost_its_scheduler_leaves_no_batch_that_looks_done() -> None:
    """What it had not called is pending, and why is told."""
    counting = Counting(takes_s=0.05)
    batch = fh.batch(
        dask.from_pandas(texts(60), npartitions=2), "shout", variants="loud", client=counting.hive.client(),
        progress=False, max_concurrency=2, wait=False,
    )  # fmt: skip
    until(lambda: counting.calls >= 4)
    (host,) = [host for host in list(host_of_process._hosts.values()) if host._runners]
    host.in_loop(host.halt, BatchStopped(reason="cancelled", detail="the scheduler has gone"))
    batch.wait()
    assert batch.counts.pending > 0
    assert batch.stopped is not None
    assert batch.stopped.reason == "cluster"


def test_a_partition_that_two_runs_share_keeps_what_the_later_one_has_until_it_ends(tmp_path: Path) -> None:
    """A worker that has lost its notebook, and the one of the next: who merges first removes nothing of the other's,
    so that a kill of that one would lose no answer; the last one leaves nothing behind."""
    hive, begun, may_end = LocalHive(), set[str](), {text: threading.Event() for text in "abcd"}

    @hive.workflow("held", variant="v")
    def held(text: str) -> str:
        assert text not in begun, "it is called once"
        begun.add(text)
        may_end[text].wait()
        return text

    def run() -> Any:
        rows = dask.from_pandas(pd.DataFrame({"text": list("abcd")}), npartitions=1)
        return fh.batch(
            rows, "held", variants="v", client=hive.client(), progress=False, max_concurrency=1, wait=False,
        )  # fmt: skip

    try:
        first = run()
        until(lambda: "a" in begun)
        later = run()
        until(lambda: "b" in begun)
        first.cancel()
        first.wait()
        assert (first.counts.unknown, first.counts.pending) == (1, 3)
        may_end["b"].set()
        until(lambda: "c" in begun)  # its claim was committed with the answer to b
        (path,) = tmp_path.glob("fh-notebook-*/*.sqlite3")
        with Store(path).closing() as left:
            assert "b" in [kept.run.output for kept in left.answers.every()]
            assert left.requests.total() == 3
    finally:
        for event in may_end.values():
            event.set()
    later.wait()
    assert (later.counts.done, later.counts.unknown) == (3, 1)
    assert sorted(begun) == list("abcd")
    assert not list(tmp_path.glob("fh-notebook-*/*"))


def test_what_a_killed_process_had_out_is_in_the_part_of_whoever_is_cut_short_after_it(tmp_path: Path) -> None:
    """The store of a partition goes with its merge: what is claimed in it may have run, and is not called again."""
    with Held().freed() as held:
        client = held.hive.client()
        asked: dict[str, Any] = {"client": client, "progress": False, "name": "x", "max_concurrency": 1}
        batch = fh.batch(dask.from_pandas(texts(4), npartitions=1), "held", wait=False, **asked)
        assert held.wait_for(1) == {"t0"}
        (path,) = tmp_path.glob("fh-notebook-*/*.sqlite3")
        with Store(path).closing() as left:
            killed, (own,) = left.owners.new(), left.batches.every()
            key = job_key(client.workspace, "held", "v", {"text": "t2"}, 1)
            assert left.claims.take(own.id, key, killed, workspace=client.workspace, seen_id=0).result().mine
            killed.end()
        batch.cancel()
        batch.wait()
        assert batch.counts == JobCounts(planned=4, unknown=2, pending=2, calls=1)
        held.let_go()
        again = fh.batch(dask.from_pandas(texts(4), npartitions=1), "held", **asked)
    assert again.counts == JobCounts(planned=4, done=2, unknown=2, calls=2)
    assert dict(held.ran) == {"t0": 1, "t1": 1, "t3": 1}
    assert not list(tmp_path.glob("fh-notebook-*/*"))


@pytest.mark.parametrize("rounds", [1, 2, 5])
def test_a_process_that_ends_while_its_partition_is_cut_short_forgets_no_call(tmp_path: Path, rounds: int) -> None:
    """The end of a process cancels whatever its loop runs, also what notes the calls that are out: in the store they
    are claimed, so they are unknown, whether the thread of the partition still merges or not."""
    with Held().freed() as held:
        asked: dict[str, Any] = {"client": held.hive.client(), "progress": False, "name": "x", "max_concurrency": 2}
        batch = fh.batch(dask.from_pandas(texts(4), npartitions=1), "held", wait=False, **asked)
        held.wait_for(2)
        (host,) = [host for host in list(host_of_process._hosts.values()) if host._runners]

        async def end() -> None:
            host.halt(BatchStopped(reason="cancelled", detail="the scheduler has gone"))
            for _ in range(rounds):
                await asyncio.sleep(0)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

        background().submit(end())
        with suppress(asyncio.CancelledError):
            batch.wait()
        held.let_go()
        again = fh.batch(dask.from_pandas(texts(4), npartitions=1), "held", **asked)
    assert again.counts == JobCounts(planned=4, done=2, unknown=2, calls=2)
    assert set(held.ran.values()) == {1}
