"""What a gate hands out: a slot, and the account of one call that goes out in it.

Rule of this file: both are blocks, so that whatever ends the block, an error or a cancel, gives back what it held.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable

__all__ = ["Call", "Slot", "clock"]


def clock() -> float:
    """Return the running loop's time, so that virtual time is seen as well; of real loops it is the monotonic clock."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()


class Slot:
    """Holds one slot while its block runs."""

    __slots__ = ("_enter", "_group", "_leave")

    def __init__(
        self, enter: Callable[[Hashable], Awaitable[None]], leave: Callable[[], None], group: Hashable
    ) -> None:
        self._enter = enter
        self._leave = leave
        self._group = group

    async def __aenter__(self) -> None:
        await self._enter(self._group)

    async def __aexit__(self, *exc: object) -> None:
        self._leave()


class Call:
    """One call while it is out, and what the gate needs to know of it afterwards. Made by `Gate.call`."""

    __slots__ = ("_came", "_sent", "out", "sent_at", "took_s")

    def __init__(self, sent: Callable[[], int], came: Callable[[], None]) -> None:
        self._sent = sent
        self._came = came
        self.out = 0
        """Calls of the workspace that were out when this one was sent, itself included."""
        self.sent_at = 0.0
        self.took_s = 0.0

    def __enter__(self) -> Call:
        self.sent_at = clock()
        self.out = self._sent()
        return self

    def __exit__(self, *exc: object) -> None:
        self.took_s = clock() - self.sent_at
        self._came()
