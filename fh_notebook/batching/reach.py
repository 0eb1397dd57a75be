"""Whether another call makes sense just now: calls that reached nobody, or no free place. Pure: it is told the time.

Rule of this file: what one call has met, all others would. So after a few that reached nobody, with nothing answered in
between, the others wait, and one at a time asks whether somebody is there again: a service that is back within seconds
has cost no row. And while calls of somebody else take every place, a refusal holds the others back, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["Reach"]

REST_FROM: Final = 10
"""Exchanges in a row that reached nobody before it is clear that no row is to blame. Until then at most three rows have
used up their attempts and failed; from then on none does, and the others wait."""
ASK_EVERY_S: Final = 0.5
"""How often it is tried then."""
REST_MAX_S: Final = 5.0
"""The longest rest after a refusal; the refused job itself may wait for longer."""


@dataclass(slots=True)
class Reach:
    """Exchanges in a row that reached nobody, how long that lasts, and until when nothing is to be sent.

    Examples
    --------
    >>> reach = Reach()
    >>> for second in range(12):
    ...     _ = reach.missed(float(second))
    >>> reach.in_a_row, reach.lasted_s, reach.rests_until
    (12, 11.0, 11.5)
    >>> reach.heard()
    >>> reach.in_a_row, reach.rests_until
    (0, 0.0)
    """

    in_a_row: int = 0
    lasted_s: float = 0.0
    """From the first of them to the last."""
    rests_until: float = 0.0
    _began: float = 0.0

    @property
    def asks(self) -> bool:
        """Whether one call at a time asks if somebody is there again."""
        return self.in_a_row >= REST_FROM

    def missed(self, now: float) -> bool:
        """Note an exchange that reached nobody; return whether its row may be to blame."""
        if not self.in_a_row:
            self._began = now
        self.in_a_row += 1
        self.lasted_s = now - self._began
        if self.asks:
            self.rests_until = now + ASK_EVERY_S
        return not self.asks

    def heard(self) -> None:
        """Note an answer."""
        self.in_a_row, self.rests_until = 0, 0.0

    def refused_alone(self, now: float, wait_s: float) -> None:
        """Note that a call was over the cap while none of ours was out: only somebody else's end makes a place free."""
        self.rests_until = now + min(wait_s, REST_MAX_S)
