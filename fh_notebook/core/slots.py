"""Slots of a concurrency limiter: the permit of one call, and the FIFO queue of waiters across event loops.

Rules of this file:

1. Both are blocks, so that whatever ends the block, an error or a cancel, gives back what it held.
2. It knows order and groups, and nothing of limits. Nothing here locks: the limiter does.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Final


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


class LimitedCall:
    """One call while it is out, and what the limiter needs of it afterwards; made by `ConcurrencyLimiter.call`."""

    __slots__ = ("_came", "_sent", "out", "sent_at", "took_s")

    def __init__(self, sent: Callable[[], int], came: Callable[[], None]) -> None:
        self._sent = sent
        self._came = came
        self.out = 0
        """Calls of the workspace that were out when this one was sent, itself included."""
        self.sent_at = 0.0
        self.took_s = 0.0

    def __enter__(self) -> LimitedCall:
        self.sent_at = clock()
        self.out = self._sent()
        return self

    def __exit__(self, *exc: object) -> None:
        self.took_s = clock() - self.sent_at
        self._came()


AT_A_TURN: Final = 4
"""Calls that may be sent before the loop looks for answers: a refusal is then heard before many more went out."""


class Waiter:
    """One that waits, on the loop that it waits in."""

    __slots__ = ("future", "granted", "group", "in_line", "loop")

    def __init__(self, group: Hashable) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()
        self.group = group
        self.in_line = True
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


class WaitQueue:
    """Waiters in the order in which they came, and how many of each group there are.

    One that was taken out counts until it has settled, that is, until it goes on in its own loop: a batch asks for one
    slot after another, and would else seem content each time that it has been given one.
    """

    def __init__(self) -> None:
        self._waiters: deque[Waiter] = deque()
        self._of: Counter[Hashable] = Counter()
        self._unsettled = 0

    def __len__(self) -> int:
        return len(self._waiters)

    def join(self, group: Hashable) -> Waiter:
        """Add a waiter at the end, in the running loop."""
        waiter = Waiter(group)
        self._of[group] += 1
        self._unsettled += 1
        self._waiters.append(waiter)
        return waiter

    def next(self) -> Waiter:
        """Take out who waits longest."""
        waiter = self._waiters.popleft()
        waiter.in_line = False
        return waiter

    def is_next(self, waiter: Waiter) -> bool:
        """Whether nobody waits longer."""
        return bool(self._waiters) and self._waiters[0] is waiter

    def settle(self, waiter: Waiter) -> None:
        """Forget `waiter`, which goes on or gives up; take it out if it is still there."""
        if waiter.in_line:
            self._waiters.remove(waiter)
            waiter.in_line = False
        self._unsettled -= 1
        self._of[waiter.group] -= 1
        if not self._of[waiter.group]:
            del self._of[waiter.group]

    def has_others(self, group: Hashable) -> bool:
        """Whether somebody waits who is not of `group`; ``None`` is nobody's own group."""
        return self._unsettled > 0 and self._unsettled > (0 if group is None else self._of[group])


class SendThrottle:
    """Lets a few at a time go on in one loop, and the others when the loop has looked for what came in meanwhile.

    Calls that take equally long end together, and a commit wakes all of its group at once: without this a hundred calls
    are sent in one turn of the loop, and when the cap has fallen, all are refused before the first refusal is heard.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._line: deque[asyncio.Future[None]] = deque()
        self._taken = 0
        self._next_asked = False

    async def take(self) -> None:
        """Go on in this turn, or in a later one."""
        if self._taken < AT_A_TURN and not self._line:
            self._taken += 1
            self._ask_next()
            return
        turn: asyncio.Future[None] = self._loop.create_future()
        self._line.append(turn)
        self._ask_next()
        await turn

    def _ask_next(self) -> None:
        if not self._next_asked:
            self._next_asked = True
            self._loop.call_soon(self._next)

    def _next(self) -> None:
        self._next_asked = False
        self._taken = 0
        while self._line and self._taken < AT_A_TURN:
            turn = self._line.popleft()
            if not turn.done():  # else it was cancelled
                turn.set_result(None)
                self._taken += 1
        if self._taken:
            self._ask_next()
