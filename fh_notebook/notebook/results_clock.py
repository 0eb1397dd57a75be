"""The beat by which elapsed time ticks.

Rule of this file: a timer of the background loop, not a thread; it ends with what it ticks for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from fh_notebook import loop
from fh_notebook.log import log

__all__ = ["Clock"]

BEAT_S: Final = 0.5
LEAST_S: Final = 0.2
"""At most 5 updates a second (JUPYTER.md), whoever asks for more."""


class Clock:
    """Calls `tick` on the background loop, twice a second, from :meth:`start` until it returns false.

    Parameters
    ----------
    tick : callable
        Shows how far it is; returns whether it goes on.
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, tick: Callable[[], bool], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._tick = tick
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self._began = 0.0
        self._shown = 0.0

    def start(self) -> None:
        """Begin at zero."""
        self._began = self._shown = self._clock()
        with suppress(RuntimeError):  # the loop has ended: then time does not tick
            running = loop.background().loop
            running.call_soon_threadsafe(self._again, running)

    def elapsed_s(self) -> float:
        """Return the seconds since the start."""
        return self._clock() - self._began

    def due(self) -> bool:
        """Whether something may be shown again, and note that it is."""
        now = self._clock()
        if now - self._shown < LEAST_S:
            return False
        self._shown = now
        return True

    def _again(self, running: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = running.call_later(BEAT_S, self._beat, running)

    def _beat(self, running: asyncio.AbstractEventLoop) -> None:
        try:
            goes_on = self._tick()
        except Exception:  # a page that has gone is no reason to say so twice a second
            log.warning("the elapsed time cannot be shown any more", exc_info=True)
            goes_on = False
        if goes_on:
            self._again(running)
