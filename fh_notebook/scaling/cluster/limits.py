"""Limits of a round on the notebook's side: leases of concurrent calls, and the queue of permits.

The number of leases is fixed for a round. Where the service refuses too many calls for concurrency (429), the round
ends when its calls end, and the next round has fewer leases; so the ceiling of concurrent calls is never exceeded.

A permit that was put into the queue counts as used until it is found there again at the end of the round; no permit is
replaced.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from math import ceil
from typing import Any, Final

from fh_notebook.batching.model import BatchStopped
from fh_notebook.core.rate import Rate
from fh_notebook.scaling.protocol import encode_stop

DEFAULT_LEASES: Final = 5
"""Leases where nobody set a ceiling and nothing is learned: the largest plan with a known number admits so many calls
at once [docs]. More must be asked for by `max_concurrency`."""

LOWERED_SHARE: Final = 3 / 4
"""Of one lease less than there were, this part is kept: from 10 leases to a service that admits 3 it takes 3 rounds."""

MIN_REFUSED: Final = 3

REFUSED_SHARE: Final = 1 / 20
"""Refusals that are too many: a few, and this part of the calls of the round. A service that frees a place a little
later than it answers refuses one call now and then, which is tried again and no reason for another round."""


def leases_of(ceiling: int | None, admits: int | None) -> int:
    """Return the leases of a round.

    Examples
    --------
    >>> leases_of(10, None), leases_of(10, 3), leases_of(2, 3), leases_of(None, None), leases_of(None, 8)
    (10, 3, 2, 5, 8)
    """
    if ceiling is None:
        return admits or DEFAULT_LEASES
    return ceiling if admits is None else min(ceiling, admits)


def lower_leases(leases: int) -> int:
    """Return the leases of the next round, where a service has refused too many calls in one of so many.

    Examples
    --------
    >>> lower_leases(10), lower_leases(7), lower_leases(5), lower_leases(2), lower_leases(1)
    (7, 5, 3, 1, 1)
    """
    return max(1, ceil(LOWERED_SHARE * (leases - 1)))


def needs_fewer_leases(refused: int, calls: int) -> bool:
    """Whether so many calls of a round were refused that the next one is to have fewer leases.

    Examples
    --------
    >>> needs_fewer_leases(2, 4), needs_fewer_leases(3, 4), needs_fewer_leases(3, 1_000), needs_fewer_leases(50, 1_000)
    (False, True, False, True)
    """
    return refused >= max(MIN_REFUSED, REFUSED_SHARE * calls)


LARGEST_BLOCK: Final = 256


class PermitFeeder:
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
    spent : BatchStopped, optional
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
        spent: BatchStopped | None,
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
                for block in permit_blocks(self._calls or 0, workers):
                    if self._ended.is_set():
                        return
                    self._permits.put(json.dumps(block))
            else:
                self._feed_paced(self._rate)
            if self._spent is not None and not self._ended.is_set():
                self._permits.put(json.dumps(encode_stop(self._spent)))

    def _feed_paced(self, rate: Rate) -> None:
        due: float | None = None
        permits = 0
        while not self._ended.is_set() and (self._calls is None or permits < self._calls):
            due = rate.next_due(due, time.monotonic())
            if self._ended.wait(max(0.0, due - time.monotonic())):
                return
            while self._permits.qsize() > 0:  # none is made up for: there is one at the most
                if self._ended.wait(0.01):
                    return
            self._permits.put(json.dumps(1))
            permits += 1


def permit_blocks(calls: int, workers: int) -> list[int]:
    """Return `calls` in blocks, the last ones single: a block that a worker cannot use up is lacking elsewhere.

    Examples
    --------
    >>> blocks = permit_blocks(1000, 4)
    >>> sum(blocks), blocks[0], blocks[-1]
    (1000, 62, 1)
    """
    blocks = []
    while calls > 0:
        block = max(1, min(LARGEST_BLOCK, calls // (4 * workers)))
        blocks.append(block)
        calls -= block
    return blocks


def drain_permits(permits: Any) -> int:
    """Return how many permits nobody has taken, and take them."""
    left = 0
    with suppress(TimeoutError):  # a worker was quicker
        while permits.qsize():
            got = json.loads(permits.get(timeout=1))
            left += got if isinstance(got, int) else 0
    return left
