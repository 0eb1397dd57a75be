"""How far apart calls go out: by the user's rate, and slot by slot at the beginning. Pure: it is told the time.

Rule of this file: it spaces calls and bounds nothing. Whether there is room for one, and for which job, is not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fh_notebook.contract.rate import Rate

__all__ = ["CATCH_UP_S", "OPENING_S", "Spacing"]

OPENING_S: Final = 0.0004
"""From the first call of one slot to that of the next: about what an answer costs this process. Calls that go out
together come back together, and would wait for each other in every round."""
CATCH_UP_S: Final = 0.002
"""A loop wakes up to a millisecond late: what was due meanwhile goes at once."""


@dataclass(slots=True)
class Spacing:
    """When the next call may go, and the next slot may be opened.

    Examples
    --------
    >>> spacing = Spacing(Rate.of("30/min"))
    >>> spacing.sent(100.0)
    >>> spacing.next_call(100.5)
    102.0
    >>> spacing.opened(100.0)
    >>> round(spacing.next_slot, 4)
    99.9984
    """

    rate: Rate | None = None
    """The user's, of all calls."""
    next_slot: float = 0.0
    _due: float | None = None
    """When the last call was due, by the rate."""

    def next_call(self, now: float) -> float:
        """Return when the next call may go by the rate, at `now` or later; without a rate 0."""
        return self.rate.next_due(self._due, now) if self.rate is not None else 0.0

    def sent(self, now: float) -> None:
        """Note that a call is about to go."""
        if self.rate is not None:
            self._due = self.rate.next_due(self._due, now)

    def opened(self, now: float) -> None:
        """Note that a slot's first call is about to go."""
        self.next_slot = max(self.next_slot, now - CATCH_UP_S) + OPENING_S
