"""`OutageDetector`: recognize that the service is not reached, and pause the calls. Pure: the caller passes the time.

After a few calls that reached nobody, with no answer in between, the other calls wait, and one at a time probes the
service. So a service that is back within seconds costs no row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["OutageDetector"]


OUTAGE_FROM: Final = 10
"""Exchanges in a row that reached nobody before it is clear that no row is to blame. Until then at most three rows have
used up their attempts and failed; from then on none does, and the others wait."""

PROBE_EVERY_S: Final = 0.5
"""How often the service is probed during an outage."""

MAX_PAUSE_S: Final = 5.0
"""The longest pause after a refusal; the refused job itself may wait for longer."""


@dataclass(slots=True)
class OutageDetector:
    """Exchanges in a row that reached nobody, how long that lasts, and until when nothing is to be sent.

    Examples
    --------
    >>> detector = OutageDetector()
    >>> for second in range(12):
    ...     _ = detector.note_unreached(float(second))
    >>> detector.in_a_row, detector.lasted_s, detector.paused_until
    (12, 11.0, 11.5)
    >>> detector.note_answer()
    >>> detector.in_a_row, detector.paused_until
    (0, 0.0)
    """

    in_a_row: int = 0
    lasted_s: float = 0.0
    """From the first of them to the last."""
    paused_until: float = 0.0
    _began: float = 0.0

    @property
    def is_outage(self) -> bool:
        """Whether one call at a time probes whether the service is back."""
        return self.in_a_row >= OUTAGE_FROM

    def note_unreached(self, now: float) -> bool:
        """Note an exchange that reached nobody; return whether its row may be to blame."""
        if not self.in_a_row:
            self._began = now
        self.in_a_row += 1
        self.lasted_s = now - self._began
        if self.is_outage:
            self.paused_until = now + PROBE_EVERY_S
        return not self.is_outage

    def note_answer(self) -> None:
        """Note an answer."""
        self.in_a_row, self.paused_until = 0, 0.0

    def note_refusal(self, now: float, wait_s: float) -> None:
        """Note a refusal over the cap while no call of ours was out: another program has to free a slot."""
        self.paused_until = now + min(wait_s, MAX_PAUSE_S)
