"""What a gate remembers: when its limit changed and why, and how many calls were out.

Rule of this file: memory is bounded, and remembering costs a call nothing that it would notice. It may be asked from
any thread while calls go on.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

__all__ = ["Event", "Memory", "Moment"]

KEPT: Final = 10_000
"""Moments: a few hundred kilobytes; the oldest go first."""
APART: Final = timedelta(milliseconds=250)
"""Answers that tell nothing new are remembered no oftener, to show how many calls were out."""

Event = Literal["answered", "limit", "refused", "closed", "reopened", "fixed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One of them."""

    at: datetime
    """UTC."""
    limit: int
    """Calls that may be out at once from then on."""
    out: int
    """Calls that were out."""
    event: Event


class Memory:
    """The moments of one gate, oldest first.

    Examples
    --------
    >>> from datetime import UTC
    >>> memory = Memory()
    >>> memory.note(datetime(2026, 11, 25, tzinfo=UTC), limit=2, out=1, event="answered")
    >>> memory.note(datetime(2026, 11, 25, tzinfo=UTC), limit=2, out=2, event="answered")  # at once: nothing new
    >>> memory.note(datetime(2026, 11, 25, tzinfo=UTC), limit=3, out=2, event="answered")
    >>> [(moment.limit, moment.event) for moment in memory.moments()]
    [(2, 'answered'), (3, 'limit')]
    """

    def __init__(self) -> None:
        self._kept: deque[Moment] = deque(maxlen=KEPT)

    def note(self, at: datetime, *, limit: int, out: int, event: Event) -> None:
        """Remember a moment, unless it tells nothing new."""
        last = self._kept[-1] if self._kept else None
        changed = last is not None and last.limit != limit
        if event == "answered" and last is not None and not changed and at - last.at < APART:
            return
        self._kept.append(
            Moment(at=at, limit=limit, out=out, event="limit" if changed and event == "answered" else event)
        )

    def moments(self) -> tuple[Moment, ...]:
        """Return what is remembered."""
        while True:
            try:
                return tuple(self._kept)
            except RuntimeError:  # a moment came meanwhile, in another thread: look again
                continue
