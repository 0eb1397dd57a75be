"""A gate within a ceiling: at most so many calls through here, whatever the gate behind it admits.

Rule of this file: a ceiling is held where the calls enter, and never set on the workspace's gate. So it ends with
whoever has it, in any order, and holds for nobody else.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable
from contextlib import AbstractAsyncContextManager
from typing import Any
from weakref import WeakSet

from fh_notebook.gate import Gate
from fh_notebook.slots import Call

__all__ = ["BoundedGate"]

_gates: WeakSet[BoundedGate] = WeakSet()


def _after_fork() -> None:
    """In a child none of the parent's calls is out."""
    for gate in list(_gates):
        gate._lock, gate._calls = threading.Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class BoundedGate:
    """A gate within a ceiling: that of a client, of ``configure``, or of a batch whose partitions run on threads.

    The ceiling counts the calls that go through here; what waits for it does not wait at the gate behind it, and takes
    no slot there from others. While calls are out here, it asks that gate to begin with as many as the ceiling.

    Parameters
    ----------
    inner : Gate or BoundedGate
        What the calls go through besides.
    ceiling : Gate
        One that does not adapt; several bounded gates may share it.

    Examples
    --------
    >>> workspace = Gate()
    >>> five = BoundedGate(workspace, Gate(5, adapts=False))
    >>> five.limit, workspace.limit
    (5, 2)
    """

    def __init__(self, inner: Gate | BoundedGate, ceiling: Gate) -> None:
        self._inner = inner
        self._ceiling = ceiling
        self._lock = threading.Lock()
        self._calls = 0
        """Calls that are out here, or wait to be: other gates may share the ceiling."""
        _gates.add(self)
        # What only passes through is the inner one's own: they are asked for every call.
        self.call: Callable[[], Call] = inner.call
        self.hear: Callable[..., None] = inner.hear

    def __getattr__(self, name: str) -> Any:
        if name == "_inner":  # of a copy that is being made
            raise AttributeError(name)
        return getattr(self._inner, name)

    @property
    def limit(self) -> int:
        """The calls that may be out at once now, through here."""
        most = self._ceiling.most
        return self._inner.limit if most is None else self._inner.begins_at(most)

    @property
    def most(self) -> int | None:
        """The lowest of all ceilings that hold here; ``None``: there is none."""
        return min((most for most in (self._ceiling.most, self._inner.most) if most is not None), default=None)

    @property
    def typical_s(self) -> float | None:
        """What an admitted call of late took, in seconds; ``None`` before the first."""
        return self._inner.typical_s

    @property
    def shared(self) -> Gate:
        """The gate behind all ceilings: that of the workspace."""
        return self._inner.shared

    def past(self, gate: Gate) -> BoundedGate:
        """Return the same ceilings before another gate: for calls that the workspace's own does not count."""
        return BoundedGate(self._inner.past(gate) if isinstance(self._inner, BoundedGate) else gate, self._ceiling)

    def begins_at(self, number: int) -> int:
        """Return with how many calls at once somebody begins who asks for `number`."""
        most = self._ceiling.most
        return self._inner.begins_at(number if most is None else min(number, most))

    def ask(self, who: Hashable, number: int | None) -> None:
        """Have the limit begin at `number` for the calls of `who`, unless what is asked for here covers them."""
        if self._ceiling.ceiling is None or number is None:
            self._inner.ask(who, number)

    def slot(self, group: Hashable = None) -> AbstractAsyncContextManager[None]:
        """Hold one slot: here first, then of the gate behind. Raises as `Gate.slot` does."""
        return _Slots(self, group)

    async def turn(self) -> bool:
        """Wait until a call may be sent; return whether the slot may still be used."""
        return await self._inner.turn() and self._ceiling.in_flight <= self._ceiling.limit

    def wants_back(self, group: Hashable) -> bool:
        """Whether a holder that could go on in its slot must give it back first (see `Gate.wants_back`)."""
        return self._ceiling.wants_back(group) or self._inner.wants_back(group)

    def _begin(self) -> None:
        with self._lock:
            self._calls += 1

    def _end(self) -> None:
        """Ask the gate behind for nothing any more with the last call."""
        with self._lock:
            self._calls -= 1
            if not self._calls:
                self._inner.ask(self, None)

    def __repr__(self) -> str:
        return repr(self.shared)


class _Slots(AbstractAsyncContextManager[None]):
    """One slot within a ceiling and one of the gate behind it."""

    def __init__(self, gate: BoundedGate, group: Hashable) -> None:
        self._gate = gate
        self._held = gate._ceiling.slot(group)
        self._behind = gate._inner.slot(group)

    async def __aenter__(self) -> None:
        gate = self._gate
        gate._begin()
        try:
            await self._held.__aenter__()
            try:
                if (number := gate._ceiling.ceiling) is not None:
                    gate._inner.ask(gate, number)
                await self._behind.__aenter__()
            except BaseException:
                await self._held.__aexit__(None, None, None)
                raise
        except BaseException:
            gate._end()
            raise

    async def __aexit__(self, *exc: object) -> None:
        await self._behind.__aexit__(None, None, None)
        await self._held.__aexit__(None, None, None)
        self._gate._end()
