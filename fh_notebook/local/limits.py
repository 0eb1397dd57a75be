"""The limits of a plan: how many runs at once, and how many calls a day.

Rule of this file: pure state. It neither waits nor locks nor reads a clock: whoever holds it does.

What counts against the daily cap: a call that was let in, whether it runs at once or is queued, and whatever comes of
it. A call that was refused (its key, its inputs, the caps themselves, a scripted fault before the run) does not, nor
does asking for a run, for the models or for the error codes. At the service this is not known (CONTRACT section 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum

__all__ = ["Admission", "Limits"]


class Admission(Enum):
    """What the limits say to a call."""

    RUN = "run"
    QUEUE = "queue"
    BUSY = "busy"
    """Refused: the concurrency cap is reached and the caller cannot wait."""
    CAPPED = "capped"
    """Refused: the calls of this day are used up."""


@dataclass(slots=True)
class Limits:
    """The state of a plan's limits.

    Examples
    --------
    >>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    >>> limits = Limits(concurrency=1, daily_cap=2)
    >>> limits.admit(noon, can_wait=False), limits.admit(noon, can_wait=False)
    (<Admission.RUN: 'run'>, <Admission.BUSY: 'busy'>)
    >>> limits.admit(noon, can_wait=True), limits.admit(noon, can_wait=True)
    (<Admission.QUEUE: 'queue'>, <Admission.CAPPED: 'capped'>)
    """

    concurrency: int | None = None
    daily_cap: int | None = None
    in_flight: int = 0
    """Runs that hold a slot."""
    peak_in_flight: int = 0
    waiting: int = 0
    """Calls that were let in and wait for a slot."""
    used_today: int = 0
    day: date | None = None
    """The UTC day that `used_today` counts."""

    def admit(self, now: datetime, *, can_wait: bool) -> Admission:
        """Let a call in or refuse it. A call that is let in is counted, and takes a slot unless it waits for one."""
        self.turn_day(now)
        if self.daily_cap is not None and self.used_today >= self.daily_cap:
            return Admission.CAPPED
        # Who waits goes first: a free slot is not for a newcomer while somebody waits for it.
        if not self.waiting and self._has_slot():
            self._take_slot()
            verdict = Admission.RUN
        elif can_wait:
            self.waiting += 1
            verdict = Admission.QUEUE
        else:
            return Admission.BUSY
        self.used_today += 1
        return verdict

    def release(self) -> None:
        """Give back the slot of a run that ended."""
        self.in_flight -= 1

    def take_again(self) -> None:
        """Take a slot, over the cap if need be: for a run that was paused."""
        self._take_slot()

    def forget_running(self) -> None:
        """Give back all slots and forget who waits; what was counted of the day stays."""
        self.in_flight = self.waiting = 0

    def start_waiting(self) -> bool:
        """Give a slot to the next call that waits, if there are both; return whether there were."""
        if not self.waiting or not self._has_slot():
            return False
        self.waiting -= 1
        self._take_slot()
        return True

    def turn_day(self, now: datetime) -> None:
        """Renew the daily cap when the UTC day of `now` is a later one. A clock that goes back renews nothing."""
        today = now.astimezone(UTC).date()
        if self.day is None or today > self.day:
            self.day = today
            self.used_today = 0

    def _has_slot(self) -> bool:
        return self.concurrency is None or self.in_flight < self.concurrency

    def _take_slot(self) -> None:
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
