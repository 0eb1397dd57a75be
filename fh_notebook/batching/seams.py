"""What an engine asks of a gate: it knows neither a client nor how a limit is learned."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from fh_notebook.contract.retry import Decision
from fh_notebook.slots import Call

__all__ = ["GateLike"]


class GateLike(Protocol):
    """What the engine asks of a gate."""

    @property
    def typical_s(self) -> float | None:
        """What an admitted call of late took, in seconds."""
        ...

    def slot(self, group: Hashable = None) -> AbstractAsyncContextManager[None]:
        """Hold one slot; raises `LimitReached` while the daily cap is used up."""
        ...

    async def turn(self) -> bool:
        """Wait until a call may be sent; ``False``: give the slot back, and send nothing."""
        ...

    def call(self) -> Call:
        """Say that a call is out while the block runs."""
        ...

    def wants_back(self, group: Hashable) -> bool:
        """Whether a slot must be given back before its next job: the limit fell, or others wait."""
        ...

    def hear(self, decision: Decision, *, call: Call | None = None, left: int | None = None) -> None:
        """Learn from one answer."""
        ...
