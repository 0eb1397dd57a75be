"""Jobs to be called, window by window: those that are there already, and those that are made ahead in a thread.

Rule of this file: no window is lost, whoever stops waiting for it, and none is held longer than it is wanted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator

from fh_notebook.batching.feed import Seen
from fh_notebook.batching.job import Job

__all__ = ["Ahead", "Windows", "at_once", "chained"]

Windows = AsyncIterator[Seen | list[Job]]
"""Jobs to be called, window by window: found just now, or counted already."""


async def at_once(windows: Iterable[Seen | list[Job]]) -> Windows:
    """Yield windows that are there already."""
    for window in windows:
        yield window


async def chained(*parts: Windows) -> Windows:
    """Yield the windows of one part after the other."""
    for part in parts:
        async for window in part:
            yield window


class Ahead:
    """Windows that are made in a thread: making one looks into the store, and may wait for the user's iterator.

    A window that is being made when nobody waits for it any more is not lost: it is the next one that is given.

    Parameters
    ----------
    windows : iterator of Seen
        Used by one thread at a time.
    """

    def __init__(self, windows: Iterator[Seen]) -> None:
        self._windows = windows
        self._coming: asyncio.Future[Seen | None] | None = None

    def __aiter__(self) -> Ahead:
        return self

    async def __anext__(self) -> Seen | list[Job]:
        if self._coming is None:
            self._coming = asyncio.ensure_future(asyncio.to_thread(next, self._windows, None))
        window = await asyncio.shield(self._coming)  # what it raised is raised again whenever it is asked for
        if window is None:
            raise StopAsyncIteration
        self._coming = None
        return window
