"""The gate of one process whose calls share a budget with those of other processes.

Rule of this file: to the engine it is a gate like any other. A place among all workers is taken for a slot, not for a
call: one call after another goes through it, so a call costs no message to the scheduler. Now and then a slot is given
back, so that no worker waits for ever while another one has all places.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from fh_notebook.batching.events import Stopped
from fh_notebook.contract.retry import NOT_REACHED, Decision
from fh_notebook.gate import Gate
from fh_notebook.scaling.budget import Budget
from fh_notebook.slots import Call, clock

__all__ = ["TURN_S", "SharedGate"]

TURN_S: Final = 0.5
"""So often one place of a process goes to whoever waits for it: with 100 places on 100 workers that is, reckoned, some
400 messages a second for the scheduler."""


class SharedGate:
    """A gate, and behind it the budget of all processes.

    Parameters
    ----------
    inner : Gate
        Of this process.
    budget : Budget
        Of all.
    stop : function of Stopped
        Ends what this process calls.
    stopped : function
        Whether it has been ended.
    shares : bool
        Whether places are shared with other processes.
    """

    def __init__(
        self,
        inner: Gate,
        budget: Budget,
        stop: Callable[[Stopped], None],
        *,
        stopped: Callable[[], bool],
        shares: bool,
    ) -> None:
        self._inner = inner
        self._budget = budget
        self._stop = stop
        self._is_stopped = stopped
        self._shares = shares
        self._turned = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def slot(self, group: Hashable = None) -> AbstractAsyncContextManager[None]:
        """Hold one slot, and with it one place among all workers."""
        held = self._inner.slot(group)
        return _Place(held, self._budget) if self._shares else held

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
        if not self._shares or (now := clock()) < self._turned + TURN_S:
            return False
        self._turned = now
        return True

    def call(self) -> Call:
        """Say that a call is out while the block runs."""
        return self._inner.call()

    def hear(self, decision: Decision, *, call: Call | None = None, left: int | None = None, **more: Any) -> None:
        """Learn from one answer; an attempt that reached nobody is no call."""
        self._inner.hear(decision, call=call, left=left, **more)
        if decision.reason in NOT_REACHED:
            self._budget.refund()


class _Place:
    """A slot of this process with a place among all."""

    def __init__(self, held: AbstractAsyncContextManager[None], budget: Budget) -> None:
        self._held = held
        self._budget = budget

    async def __aenter__(self) -> None:
        await self._held.__aenter__()
        try:
            await self._budget.take_place()
        except BaseException:
            await self._held.__aexit__(None, None, None)
            raise

    async def __aexit__(self, *exc: Any) -> None:
        self._budget.give_place()
        await self._held.__aexit__(*exc)
