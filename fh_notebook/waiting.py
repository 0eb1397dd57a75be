"""Who waits for a slot of the gate, each in a loop of its own.

Rule of this file: it knows order and groups, and nothing of limits. Nothing here locks: the gate does.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Hashable

__all__ = ["Line", "Waiter"]


class Waiter:
    """One that waits, on the loop that it waits in."""

    __slots__ = ("future", "granted", "group", "loop")

    def __init__(self, group: Hashable) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()
        self.group = group
        self.granted = False
        """Whether it was woken because it has a slot; else it is to look again."""

    def wake(self) -> bool:
        """Tell the waiter, in its own loop, to go on; ``False`` when that loop is gone."""
        try:
            self.loop.call_soon_threadsafe(self._set)
        except RuntimeError:
            return False
        return True

    def _set(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


class Line:
    """Waiters in the order in which they came, counted by group."""

    def __init__(self) -> None:
        self._waiters: deque[Waiter] = deque()
        self._of: Counter[Hashable] = Counter()

    def __len__(self) -> int:
        return len(self._waiters)

    def join(self, group: Hashable) -> Waiter:
        """Add a waiter at the end, in the running loop."""
        waiter = Waiter(group)
        self._of[group] += 1
        self._waiters.append(waiter)
        return waiter

    def next(self) -> Waiter:
        """Take out who waits longest."""
        waiter = self._waiters.popleft()
        self._forget(waiter)
        return waiter

    def drop(self, waiter: Waiter) -> None:
        """Take `waiter` out, if it is still there."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
            self._forget(waiter)

    def has_others(self, group: Hashable) -> bool:
        """Whether somebody waits who is not of `group`; ``None`` is nobody's own group."""
        return len(self._waiters) > (0 if group is None else self._of[group])

    def _forget(self, waiter: Waiter) -> None:
        self._of[waiter.group] -= 1
        if not self._of[waiter.group]:
            del self._of[waiter.group]
