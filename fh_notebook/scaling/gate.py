"""The gate of one process whose calls share a budget with those of other processes.

Rule of this file: to the engine it is a gate like any other. A place among all workers is taken for a slot, not for a
call: one call after another goes through it, so a call costs no message to the scheduler. Each place is given back
after some seconds, so that no worker waits while another one has all: who holds many gives many, whoever waits takes
them, and what workers hold becomes alike. Once this process is stopped it gives none back: a call that was cut may
still run at the service, and who has not heard of the stop would begin another one in its place. A call that is refused
for concurrency is told to the notebook, which says how many places the next round has.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from fh_notebook.batching.events import Stopped
from fh_notebook.ceilings import BoundedGate
from fh_notebook.contract.retry import NOT_REACHED, Decision, Verdict
from fh_notebook.gate import Gate
from fh_notebook.scaling.budget import Budget
from fh_notebook.slots import Call, clock

__all__ = ["SharedGate"]

HELD_S: Final = 4.0
"""So long a place is held, about, where each has its next call at once."""
TURN_S: Final = 0.1
"""At the most so often a process gives a place back; as somebody takes it, that is 20 messages a second for the
scheduler."""


class SharedGate:
    """A gate, and behind it the budget of all processes.

    Parameters
    ----------
    inner : Gate or BoundedGate
        Of this process.
    budget : Budget
        Of all.
    stop : function of Stopped
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
        inner: Gate | BoundedGate,
        budget: Budget,
        stop: Callable[[Stopped], None],
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

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def slot(self, group: Hashable = None) -> AbstractAsyncContextManager[None]:
        """Hold one slot, and with it one place among all workers."""
        held = self._inner.slot(group)
        return _Place(held, self._budget.take_place, self._give_place) if self._shares else held

    async def turn(self) -> bool:
        """Wait until a call may be sent, by this gate and by the budget of all."""
        if not await self._inner.turn():
            return False
        stopped = await self._budget.permit()
        if stopped is not None:
            self._stop(stopped)
        elif self._is_stopped():  # meanwhile; nothing will be sent with it
            self._budget.refund()
            return False
        return stopped is None

    def wants_back(self, group: Hashable) -> bool:
        """Whether a slot must be given back: for this gate's reasons, or since others may wait for its place."""
        if self._inner.wants_back(group):
            return True
        if not self._shares or (now := clock()) < self._turned + max(TURN_S, HELD_S / max(1, self._inner.in_flight)):
            return False
        self._turned = now
        return True

    def call(self) -> Call:
        """Say that a call is out while the block runs."""
        return self._inner.call()

    def hear(self, decision: Decision, *, call: Call | None = None, left: int | None = None, **more: Any) -> None:
        """Learn from one answer; an attempt that reached nobody is no call."""
        self._inner.hear(decision, call=call, left=left, **more)
        if decision.reason == "concurrency" and decision.verdict in (Verdict.THROTTLED, Verdict.FAILED):
            self._over_cap()
        if decision.reason in NOT_REACHED:
            self._budget.refund()

    def _give_place(self) -> None:
        if not self._is_stopped():  # else the round ends with it, for everybody
            self._budget.give_place()


class _Place:
    """A slot of this process with a place among all."""

    def __init__(
        self, held: AbstractAsyncContextManager[None], take: Callable[[], Awaitable[None]], give: Callable[[], None]
    ) -> None:
        self._held = held
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
