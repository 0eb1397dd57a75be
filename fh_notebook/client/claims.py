"""Who waits for which run, and callbacks that came before anybody did. Verified ones only; all of it bounded.

Rule of this file: a callback is given to one claim, and to whoever claims it later if nobody does yet. It may be used
from any thread, and calls nobody while it holds its lock.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

from fh_notebook.client.receiving import Tally
from fh_notebook.contract.callbacks import ids_of, is_outcome
from fh_notebook.contract.run import Run

__all__ = ["MAX_ENDED", "MAX_UNCLAIMED", "MAX_UNCLAIMED_BYTES", "Claims", "Take"]

MAX_UNCLAIMED: Final = 10_000
MAX_UNCLAIMED_BYTES: Final = 64 * 1024 * 1024
"""Of bodies. The oldest leave first."""
MAX_ENDED: Final = 100_000
"""Ids of runs that have ended, so that a repeated delivery is known as one."""

Take = Callable[[Run], None]


class Claims:
    """The runs of one receiver.

    Parameters
    ----------
    tally : Tally
        Counts.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._lock = threading.Lock()
        self._takers: dict[str, Take] = {}
        self._unclaimed: OrderedDict[str, tuple[Run, int]] = OrderedDict()
        self._unclaimed_bytes = 0
        self._ended: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        """How many ids are kept of callbacks that nobody has claimed."""
        return len(self._unclaimed)

    def claim(self, ids: Iterable[str], take: Take) -> None:
        """Have `take` called with what is delivered for a run; at once with what came already."""
        came: list[Run] = []
        with self._lock:
            for name in ids:
                if (kept := self._unclaimed.pop(name, None)) is not None:
                    self._unclaimed_bytes -= kept[1]
                    if all(kept[0] is not run for run in came):  # one that has two ids is kept under both
                        came.append(kept[0])
                self._takers[name] = take
        for run in came:
            self.hand(run)

    def disclaim(self, ids: Iterable[str], *, ended: bool) -> None:
        """Wait no more for a run; when it has `ended`, what is delivered for it again is known as repeated."""
        with self._lock:
            for name in ids:
                self._takers.pop(name, None)
                if ended:
                    self._ended[name] = None
            while len(self._ended) > MAX_ENDED:
                self._ended.popitem(last=False)

    def hand(self, run: Run, size: int = 0) -> None:
        """Give a callback of so many bytes to whoever waits for its run, now or later."""
        ids = ids_of(run)
        with self._lock:
            take = next((self._takers[name] for name in ids if name in self._takers), None)
            if take is None:
                self._keep(run, ids, size)
        if take is not None:
            take(run)

    def _keep(self, run: Run, ids: tuple[str, ...], size: int) -> None:
        """Keep a callback until it is claimed. The lock is held."""
        if any(name in self._ended for name in ids):
            self._tally.repeated += 1
            return
        if any(name in self._unclaimed and is_outcome(self._unclaimed[name][0]) for name in ids):
            self._tally.repeated += 1  # the first outcome counts; "running", delivered after it, is old news
            return
        self._tally.unclaimed += 1
        for name in ids:
            before = self._unclaimed.pop(name, None)
            self._unclaimed_bytes += size - (before[1] if before else 0)
            self._unclaimed[name] = (run, size)
        while len(self._unclaimed) > MAX_UNCLAIMED or self._unclaimed_bytes > MAX_UNCLAIMED_BYTES:
            _, (_, gone) = self._unclaimed.popitem(last=False)
            self._unclaimed_bytes -= gone
            self._tally.dropped += 1
