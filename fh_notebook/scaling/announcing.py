"""The notebook's side of the limit: as many places as it says, and workers that hold too many told so.

Rule of this file: the newest limit is what counts; one that was overtaken on the way is never told.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from typing import Any, Final

from fh_notebook.contract.pacing import BOUND
from fh_notebook.scaling.handing import CUT
from fh_notebook.scaling.pacing import Limit

__all__ = ["Announcer"]

OURS: Final = "fh-not-a-place-"


class Announcer:
    """Makes the places of one round follow the limit, on a thread of its own.

    Parameters
    ----------
    dask : distributed.Client
        Of the cluster.
    run : str
        The round.
    places : str
        The name of its semaphore.
    limit : Limit
        What they follow.
    """

    def __init__(self, dask: Any, run: str, places: str, limit: Limit) -> None:
        self._dask = dask
        self._run = run
        self._places = places
        self._limit = limit
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._first = limit.number
        self._known: set[str] = set()
        self._late: deque[str] = deque()

    def begin(self) -> None:
        """Set the places as they are known, before the first partition; then follow. Blocks for a moment."""
        self._set(self._limit.now)
        threading.Thread(target=self._follow, daemon=True, name="fh-places").start()

    def changed(self) -> None:
        """Have it look at the limit; returns at once."""
        self._changed.set()

    def heard_of(self, worker: str) -> None:
        """Have a worker told of the limit's number that began too late to hear it; returns at once."""
        if worker not in self._known:
            self._known.add(worker)
            if self._limit.number != self._first:
                self._late.append(worker)
                self._changed.set()

    def end(self) -> None:
        """Follow it no more; returns at once."""
        self._ended.set()
        self._changed.set()

    def close(self) -> None:
        """Close the places: nobody gets one any more. Blocks for a moment."""
        self._dask.run_on_scheduler(_close_places, self._places)

    def _follow(self) -> None:
        told = self._first
        while True:
            self._changed.wait()
            self._changed.clear()
            if self._ended.is_set():
                return
            with suppress(Exception):  # a scheduler that has gone is told elsewhere; after less, the next change counts
                limit, number = self._limit.now, self._limit.number
                places = self._set(limit)
                late = [self._late.popleft() for _ in range(len(self._late))]
                if number != told or late:
                    message = {"op": CUT, "run": self._run, "number": number, "limit": limit, "places": places}
                    self._tell(message, late if number == told else None)
                    told = number

    def _tell(self, message: dict[str, Any], workers: list[str] | None) -> None:
        """Tell these workers, or all; one that dies meanwhile is no reason not to tell the others."""
        self._dask.sync(self._dask.scheduler.broadcast, msg=message, workers=workers, on_error="ignore")

    def _set(self, limit: int) -> int:
        """Have so many places; return how many are held."""
        held: int = self._dask.run_on_scheduler(_set_places, self._places, min(limit, BOUND))
        return held


def _close_places(name: str, dask_scheduler: Any = None) -> None:
    # In one step: places that are set free first would be taken by who has not heard of the end yet. The scheduler
    # would warn of what is held or waited for at the end, which here is as it should be.
    semaphores = dask_scheduler.extensions["semaphores"]
    if name in semaphores.max_leases:
        semaphores.leases[name].clear()
        semaphores.metrics["pending"].pop(name, None)
        semaphores.close(name)


def _set_places(name: str, limit: int, dask_scheduler: Any = None) -> int:
    # A semaphore of Dask has a fixed number of leases: those that there are not to be are held here, and never run out.
    semaphores = dask_scheduler.extensions["semaphores"]
    if name not in semaphores.max_leases:
        return 0  # the round has ended
    leases = semaphores.leases[name]
    for lease in [lease for lease in leases if str(lease).startswith(OURS)]:
        del leases[lease]
    held = len(leases)
    leases.update({f"{OURS}{n}": float("inf") for n in range(semaphores.max_leases[name] - limit)})
    semaphores.events[name].set()  # who waits looks again
    return held
