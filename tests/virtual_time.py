"""An event loop in which waiting costs nothing: time jumps to the next thing that is due."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


ROUNDS_AT_ONE_TIME = 20_000
"""More turns of the loop without the time moving are no work: somebody asks again and again instead of waiting."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock moves only when nothing is ready, and then straight to the next timer.

    It looks into CPython's own loop, of whose inside no type is declared: each ignored error here is of that.
    """

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._rounds = 0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        while self._scheduled and self._scheduled[0].cancelled():  # type: ignore[attr-defined]
            # Else the time would jump to a timer that is none, and the next one be waited for in real seconds.
            heapq.heappop(self._scheduled)._scheduled = False  # type: ignore[attr-defined]
            self._timer_cancelled_count -= 1  # type: ignore[attr-defined]
        self._rounds += 1
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            before, self._now = self._now, max(self._now, self._scheduled[0].when())  # type: ignore[attr-defined]
            self._rounds = 0 if self._now > before else self._rounds
        if self._rounds > ROUNDS_AT_ONE_TIME:
            self._rounds = 0
            raise AssertionError(f"the time stands still at {self._now:g} s: something spins instead of waiting")
        super()._run_once()  # type: ignore[misc]


def run_virtually(work: Coroutine[Any, Any, T], *, loop: VirtualLoop | None = None) -> tuple[T, float]:
    """Run `work` to its end; return what it returned and the seconds that passed in its own time."""
    loop = loop or VirtualLoop()
    try:
        return loop.run_until_complete(work), loop.time()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
