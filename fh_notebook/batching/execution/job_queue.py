"""`JobQueue`: the jobs that wait in an engine: present window, next windows, deferred jobs. Pure.

Rule of this file: pure bookkeeping in one event loop. A window is asked for before it is needed, and at most a few are
held; a job whose wait is over goes before those that were never sent.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from fh_notebook.batching.model import Job
from fh_notebook.contract.run import Run
from fh_notebook.contract.wire import AttemptResult

AHEAD: Final = 1
"""Windows that are ready beside the one that is being called."""


@dataclass(slots=True)
class QueuedJob:
    """A job on its way."""

    job: Job
    sent: int = 0
    """Exchanges, refused ones included: `Run.attempts`."""
    refusals: int = 0
    held: int = 0
    answer: Run | None = None
    """An answer that was kept back, and stands now: the job is not called again for it."""
    refused: AttemptResult | None = None
    """What came of the upload of its files, where one has no address: it stands in place of the next exchange."""


@dataclass(order=True, slots=True)
class _Later:
    due: float
    number: int
    entry: QueuedJob = field(compare=False)


class JobQueue:
    """Jobs in their order.

    Parameters
    ----------
    on_change : function
        Called when there may be a job where there was none.
    drops : function of Job
        Whether a job is left out, as no call of it can succeed.
    """

    def __init__(self, on_change: Callable[[], None], drops: Callable[[Job], bool] = lambda job: False) -> None:
        self._on_change = on_change
        self._drops = drops
        self._window: Iterator[Job] = iter(())
        self._ahead: deque[Iterator[Job]] = deque()
        self._room = asyncio.Event()
        self._room.set()
        self._later: list[_Later] = []
        self._head: QueuedJob | None = None
        self._numbers = count()
        self._ended = False
        self.error: Exception | None = None
        """What a window raised: what came before it is called all the same."""

    async def fill(self, windows: AsyncIterator[Iterable[Job]]) -> None:
        """Take the windows in, as there is room for them."""
        try:
            async for window in windows:
                self._ahead.append(iter(window))
                self._on_change()
                if len(self._ahead) > AHEAD:
                    self._room.clear()
                await self._room.wait()
        except Exception as exc:
            self.error = exc
        finally:
            self._ended = True
            self._on_change()

    @property
    def is_empty(self) -> bool:
        """Whether there is no job, and none will come."""
        self._drop_what_is_put_off()
        return self._ended and self._peek() is None and not self._later

    @property
    def has_jobs(self) -> bool:
        """Whether there is a job now, which may be put off; more may come in any case."""
        self._drop_what_is_put_off()
        return self._peek() is not None or bool(self._later)

    @property
    def due(self) -> float | None:
        """When the next job that was put off may be sent."""
        self._drop_what_is_put_off()
        return self._later[0].due if self._later else None

    def next(self, now: float) -> QueuedJob | None:
        """Return the job that may be sent next, without taking it."""
        self._drop_what_is_put_off()
        return self._later[0].entry if self._later and self._later[0].due <= now else self._peek()

    def take(self, entry: QueuedJob) -> None:
        """Take the job that :meth:`next` has just returned."""
        if entry is self._head:
            self._head = None
        else:
            heapq.heappop(self._later)

    def take_answered(self) -> list[QueuedJob]:
        """Take the jobs whose answers were kept back and stand now: they need no call."""
        answered = [later.entry for later in self._later if later.entry.answer is not None]
        self._later = [later for later in self._later if later.entry.answer is None]
        heapq.heapify(self._later)
        return answered

    def put_off(self, entry: QueuedJob, due: float) -> None:
        """Have a job come again at `due`."""
        heapq.heappush(self._later, _Later(due, next(self._numbers), entry))
        self._on_change()

    def _drop_what_is_put_off(self) -> None:
        while self._later and self._drops(self._later[0].entry.job):
            heapq.heappop(self._later)

    def _peek(self) -> QueuedJob | None:
        """Return the next job that was never sent, held until it is taken."""
        while self._head is None or self._drops(self._head.job):
            self._head = None
            job = next(self._window, None)
            if job is not None:
                self._head = QueuedJob(job)
            elif self._ahead:
                self._window = self._ahead.popleft()
                self._room.set()
            else:
                break
        return self._head
