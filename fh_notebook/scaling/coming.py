"""Partitions that were handed out come in: as they come, and what of them can still come when they were stopped.

Rule of this file: what has come is taken in, whatever became of the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

from fh_notebook.log import log
from fh_notebook.scaling.spec import Done, Task

__all__ = ["COME_IN_S", "Coming", "Lost"]

COME_IN_S: Final = 30.0
"""So long partitions that were stopped are waited for: what they hold is being merged."""
LOST_S: Final = 1.0
"""So long, when their scheduler has gone."""


class Lost(Exception):
    """The scheduler has gone, was restarted, or let go of our tasks."""


class Coming:
    """The partitions of one round, on their way.

    Parameters
    ----------
    tasks : mapping of Future to Task
        What was handed out.
    take : async function of Done and Task
        Takes in what came of one.
    lost : function
        Stops the others, when one is lost.
    has_stopped : function
        Whether all were stopped: then one that is lost was taken back before it began.
    """

    def __init__(
        self,
        tasks: Mapping[asyncio.Future[Done], Task],
        *,
        take: Callable[[Done, Task], Awaitable[None]],
        lost: Callable[[], None],
        has_stopped: Callable[[], bool],
    ) -> None:
        self._tasks = tasks
        self._take = take
        self._lost = lost
        self._has_stopped = has_stopped

    async def collect(self) -> None:
        """Take in what comes, as it comes; the first thing that is no result ends it, and is raised."""
        waiting = set(self._tasks)
        broken: Exception | None = None
        while waiting and broken is None:
            ended, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for future in ended:
                broken = await self._one(future) or broken
        if broken is not None:
            self._lost()
            await self._rest(waiting, LOST_S if isinstance(broken, Lost) else COME_IN_S)
            raise broken

    async def come_in(self) -> None:
        """Wait for what stopped partitions merge, and take it in."""
        await self._rest(self._tasks, COME_IN_S)

    async def _one(self, future: asyncio.Future[Done]) -> Exception | None:
        """Take one in; return what it raised."""
        broken = future.exception()
        if broken is None:
            await self._take(future.result(), self._tasks[future])
            return None
        taken_back = isinstance(broken, Lost) and self._has_stopped()
        return broken if isinstance(broken, Exception) and not taken_back else None

    async def _rest(self, futures: Iterable[asyncio.Future[Done]], seconds: float) -> None:
        wanted = set(futures)
        if wanted:
            await asyncio.wait(wanted, timeout=seconds)
        for future in wanted:
            if not future.done():
                future.cancel()
            elif not future.cancelled() and (broken := await self._one(future)) is not None:
                log.debug("a stopped partition did not come in: %s", type(broken).__name__)
