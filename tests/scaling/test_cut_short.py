"""A batch over partitions that is paused or ended from outside, on threads of this process."""

from __future__ import annotations

import threading
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.batching.events import Stopped
from fh_notebook.local import LocalHive
from fh_notebook.scaling import host as host_of_process
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
        until(lambda: (start := control._start) is not None and start._stopped is not None)
        assert control._start._stopped.reason == "fail_on_error"
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
    host.in_loop(host.halt, Stopped(reason="cancelled", message="the scheduler has gone"))
    batch.wait()
    assert batch.counts.pending > 0
    assert batch.stopped is not None
    assert batch.stopped.reason == "cluster"
