"""What an engine asks of a gate and of a pace: it knows neither a client nor a clock of its own."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from fh_notebook.contract.retry import Decision

__all__ = ["GateLike", "RateLike", "Unpaced"]


class GateLike(Protocol):
    """What the engine asks of a gate."""

    def slot(self, group: object = None) -> AbstractAsyncContextManager[None]:
        """Hold one slot; raises `LimitReached` while the daily cap is used up."""
        ...

    def wants_back(self, group: object) -> bool:
        """Whether a slot must be given back before its next job: the limit fell, or others wait."""
        ...

    def hear(self, decision: Decision) -> None:
        """Learn from one answer."""
        ...


class RateLike(Protocol):
    """What paces the starts of calls."""

    @property
    def interval_s(self) -> float:
        """The time between two starts."""
        ...

    def wait_s(self, now: float) -> float:
        """Return how long the next call must wait; 0 when it may go out."""
        ...

    def take(self, now: float) -> None:
        """Note that a call goes out."""
        ...


class Unpaced:
    """No pace: every call may go out at once."""

    interval_s = 0.0

    def wait_s(self, now: float) -> float:
        """Nothing to wait for."""
        return 0.0

    def take(self, now: float) -> None:
        """Nothing to note."""
