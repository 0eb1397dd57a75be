"""The notebook's side of permits: put into the queue that all workers take from.

Rule of this file: what was put out counts as used until it is found again at the end; no permit is made up for.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from typing import Any, Final

from fh_notebook.batching.events import Stopped
from fh_notebook.contract.rate import Rate
from fh_notebook.scaling.budget import told_of

__all__ = ["Feeder", "blocks_of", "drained"]

LARGEST_BLOCK: Final = 256


class Feeder:
    """Puts permits out in one round, on a thread of its own.

    Parameters
    ----------
    dask : distributed.Client
        Of the cluster.
    permits : distributed.Queue
        Where workers take them from.
    ended : Event
        Set when no more are to be put out.
    calls : int, optional
        How many there are.
    spent : Stopped, optional
        What follows the last one.
    rate : Rate, optional
        Paces them.
    """

    def __init__(
        self,
        dask: Any,
        permits: Any,
        ended: threading.Event,
        *,
        calls: int | None,
        spent: Stopped | None,
        rate: Rate | None,
    ) -> None:
        self._dask = dask
        self._permits = permits
        self._ended = ended
        self._calls = calls
        self._spent = spent
        self._rate = rate

    def feed(self) -> None:
        """Put permits out: all there are, in blocks, or one after the other at a rate; then the notice of their end."""
        with suppress(Exception):  # the scheduler has gone
            if self._rate is None:
                workers = max(1, len(self._dask.scheduler_info(n_workers=-1)["workers"]))
                for block in blocks_of(self._calls or 0, workers):
                    if self._ended.is_set():
                        return
                    self._permits.put(json.dumps(block))
            else:
                self._feed_paced(self._rate)
            if self._spent is not None and not self._ended.is_set():
                self._permits.put(json.dumps(told_of(self._spent)))

    def _feed_paced(self, rate: Rate) -> None:
        due: float | None = None
        given = 0
        while not self._ended.is_set() and (self._calls is None or given < self._calls):
            due = rate.next_due(due, time.monotonic())
            if self._ended.wait(max(0.0, due - time.monotonic())):
                return
            while self._permits.qsize() > 0:  # none is made up for: there is one at the most
                if self._ended.wait(0.01):
                    return
            self._permits.put(json.dumps(1))
            given += 1


def blocks_of(calls: int, workers: int) -> list[int]:
    """Return `calls` in blocks, the last ones single: a block that a worker cannot use up is lacking elsewhere.

    Examples
    --------
    >>> blocks = blocks_of(1000, 4)
    >>> sum(blocks), blocks[0], blocks[-1]
    (1000, 62, 1)
    """
    blocks = []
    while calls > 0:
        block = max(1, min(LARGEST_BLOCK, calls // (4 * workers)))
        blocks.append(block)
        calls -= block
    return blocks


def drained(permits: Any) -> int:
    """Return how many permits nobody has taken, and take them."""
    left = 0
    with suppress(TimeoutError):  # a worker was quicker
        while permits.qsize():
            got = json.loads(permits.get(timeout=1))
            left += got if isinstance(got, int) else 0
    return left
