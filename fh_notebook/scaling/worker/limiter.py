"""Limiter of a process whose calls share one budget with other processes: slots, permits and the stop.

For the engine it is a limiter like any other. A permit is taken before a call and never replaced, so a ceiling is never
exceeded, even if a process dies that holds permits. A slot is shared with all workers and serves one call after
another, so a call costs no message to the scheduler. A process returns a slot after some seconds, so that no worker
waits while another one holds all slots: a process with many slots returns many, waiting processes take them, and the
numbers become equal. A stopped process returns no slot: an interrupted call may still run at the service, and a process
that has not heard of the stop would start another call in its place. A call that is refused for concurrency is reported
to the notebook, which sets the number of slots of the next round; its slot rests meanwhile: the next call would be
refused, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol

from fh_notebook.batching.model import BatchStopped
from fh_notebook.contract.retry import NOT_REACHED, RetryAction, RetryDecision
from fh_notebook.core.rate import Rate
from fh_notebook.core.slots import LimitedCall, clock
from fh_notebook.session.limiter import BoundedLimiter, ConcurrencyLimiter


class LeaseBudget(Protocol):
    """What the limiter of a process asks of the budget that all processes share. Called on the background loop."""

    async def take_place(self) -> None:
        """Wait until one more call may be out over all processes."""
        ...

    def give_place(self) -> None:
        """Give a place back; returns at once."""
        ...

    async def permit(self) -> BatchStopped | None:
        """Wait until a call may go; a stop says that none may any more."""
        ...

    def refund(self) -> None:
        """Take back the last permit: nothing was sent."""
        ...

    async def give_back(self) -> None:
        """Let others have the permits that nobody here needs any more."""
        ...

    def end(self) -> None:
        """Hold nothing for longer than is told already; a second time it does nothing."""
        ...


class LocalBudget:
    """The budget of partitions that run in this process; the workspace's limiter has the places.

    Parameters
    ----------
    calls : int, optional
        How many may be made.
    spent : BatchStopped, optional
        What is said when they are.
    rate : Rate, optional
        Paces them.
    """

    def __init__(
        self, *, calls: int | None = None, spent: BatchStopped | None = None, rate: Rate | None = None
    ) -> None:
        self.left = calls
        self._spent = spent
        self._rate = rate
        self._due: float | None = None

    async def take_place(self) -> None:
        """Take none: the limiter of this process has them."""

    def give_place(self) -> None:
        """Give none back."""

    async def permit(self) -> BatchStopped | None:
        """Take one of the calls that are left, and wait for its moment."""
        if self.left is not None:
            if self.left <= 0:
                return self._spent
            self.left -= 1
        if self._rate is not None:
            loop = asyncio.get_running_loop()
            self._due = self._rate.next_due(self._due, loop.time())
            try:
                await asyncio.sleep(self._due - loop.time())
            except asyncio.CancelledError:
                self.refund()
                raise
        return None

    def refund(self) -> None:
        """Count the last call as not made."""
        if self.left is not None:
            self.left += 1

    async def give_back(self) -> None:
        """Do nothing: they are not taken before they are needed."""

    def end(self) -> None:
        """Do nothing: what is left is known."""


SLOT_HELD_S: Final = 4.0
"""So long a place is held, about, where each has its next call at once."""

SLOT_RETURN_S: Final = 0.1
"""At the most so often a process gives a place back; as somebody takes it, that is 20 messages a second for the
scheduler."""

REST_S: Final = 0.25
"""So long the place of a refused call is not used: about as long as it takes the notebook to hear and to lower all."""


class SharedLimiter:
    """A limiter, and behind it the budget of all processes.

    Parameters
    ----------
    inner : ConcurrencyLimiter or BoundedLimiter
        Of this process.
    budget : LeaseBudget
        Of all.
    stop : function of BatchStopped
        Ends what this process calls.
    stopped : function
        Whether it has been ended.
    shares : bool
        Whether places are shared with other processes.
    over_cap : function
        Told of each call that was refused since too many were out.
    """

    def __init__(
        self,
        inner: ConcurrencyLimiter | BoundedLimiter,
        budget: LeaseBudget,
        stop: Callable[[BatchStopped], None],
        *,
        stopped: Callable[[], bool],
        shares: bool,
        over_cap: Callable[[], None] = lambda: None,
    ) -> None:
        self._inner = inner
        self._budget = budget
        self._stop = stop
        self._is_stopped = stopped
        self._shares = shares
        self._turned = 0.0
        self._over_cap = over_cap
        self._refused = 0
        """Refused calls whose places are still held here."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def slot(self, group: Hashable = None) -> AbstractAsyncContextManager[None]:
        """Hold one slot, and with it one place among all workers."""
        inner_slot = self._inner.slot(group)
        return _SharedSlot(inner_slot, self._budget.take_place, self._leave_place) if self._shares else inner_slot

    async def wait_to_send(self) -> bool:
        """Wait until a call may be sent, by this limiter and by the budget of all."""
        if not await self._inner.wait_to_send():
            return False
        stopped = await self._budget.permit()
        if stopped is not None:
            self._stop(stopped)
        elif self._is_stopped():  # meanwhile; nothing will be sent with it
            self._budget.refund()
            return False
        return stopped is None

    def wants_back(self, group: Hashable) -> bool:
        """Whether a slot must be given back: for this limiter's reasons, or since others may wait for its place."""
        if self._inner.wants_back(group):
            return True
        if not self._shares or (now := clock()) < self._turned + max(
            SLOT_RETURN_S, SLOT_HELD_S / max(1, self._inner.in_flight)
        ):
            return False
        self._turned = now
        return True

    def call(self) -> LimitedCall:
        """Say that a call is out while the block runs."""
        return self._inner.call()

    def record_answer(
        self, decision: RetryDecision, *, call: LimitedCall | None = None, left: int | None = None, **more: Any
    ) -> None:
        """Learn from one answer; an attempt that reached nobody is no call."""
        self._inner.record_answer(decision, call=call, left=left, **more)
        if decision.reason == "concurrency" and decision.action in (RetryAction.THROTTLED, RetryAction.FAILED):
            self._refused += 1
            self._over_cap()
        if decision.reason in NOT_REACHED:
            self._budget.refund()

    def _leave_place(self) -> None:
        if self._refused:  # whose place it was makes no difference: so many rest
            self._refused -= 1
            asyncio.get_running_loop().call_later(REST_S, self._give_place)
        else:
            self._give_place()

    def _give_place(self) -> None:
        if not self._is_stopped():  # else the round ends with it, for everybody
            self._budget.give_place()


class _SharedSlot:
    """A slot of this process with a place among all."""

    def __init__(
        self,
        inner_slot: AbstractAsyncContextManager[None],
        take: Callable[[], Awaitable[None]],
        give: Callable[[], None],
    ) -> None:
        self._held = inner_slot
        self._take = take
        self._give = give

    async def __aenter__(self) -> None:
        await self._held.__aenter__()
        try:
            await self._take()
        except BaseException:
            await self._held.__aexit__(None, None, None)
            raise

    async def __aexit__(self, *exc: Any) -> None:
        self._give()
        await self._held.__aexit__(*exc)
