"""Rate: a number of calls per second, minute or hour, as a pure value without a clock.

Rule of this file: calls are evenly spaced, and missed ones are not made up: after a pause there is one call, no burst.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from fh_notebook.core.text.formatting import short
from fh_notebook.core.text.messages import Message, option
from fh_notebook.core.values import is_number
from fh_notebook.errors import SettingsError

_SECONDS: Final = {
    **dict.fromkeys(("s", "sec", "second"), 1.0),
    **dict.fromkeys(("m", "min", "minute"), 60.0),
    **dict.fromkeys(("h", "hr", "hour"), 3600.0),
    **dict.fromkeys(("d", "day"), 86400.0),
}
_TEXT: Final = re.compile(r"\s*(?P<calls>\d+(\.\d+)?|\.\d+)\s*(/|\bper\b)\s*(?P<unit>[a-z]+)\s*", re.IGNORECASE)
_HINT: Final = "give calls per second (2 or 0.5), or a string such as '2/s', '30/min' or '100/hour'"


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many calls in a time, evenly spaced. Retried calls count too.

    Raises
    ------
    SettingsError
        No finite number of seconds above 0.

    Examples
    --------
    >>> rate = Rate.of("30/min")
    >>> rate.interval_s, str(rate)
    (2.0, '30 a minute')
    >>> due = rate.next_due(None, 100.0)       # the first call may go at once
    >>> due = rate.next_due(due, 100.3); due   # the next one 2 s after it
    102.0
    >>> rate.next_due(due, 190.0)              # after a pause: at once, and only one
    190.0
    """

    interval_s: float
    """Seconds from one call to the next."""

    def __post_init__(self) -> None:
        if not (0 < self.interval_s < math.inf):
            raise SettingsError(
                Message("{} means {} s between calls; {}", (option("rate"), repr(self.interval_s), _HINT))
            )

    @classmethod
    def of(cls, value: object) -> Rate:
        """Return the rate that `value` means: a `Rate`, calls a second, or a text such as ``"30/min"``."""
        if isinstance(value, Rate):
            return value
        calls, seconds = _parse_rate(value)
        # A rate that is practically zero or infinite is a typing error, too.
        if not (0 < calls < math.inf and 0 < seconds / calls < math.inf):
            raise SettingsError(Message("{} is {}; {}", (option("rate"), short(value), _HINT)))
        return cls(seconds / calls)

    def next_due(self, due: float | None, now: float) -> float:
        """Return when the next call may go, at `now` or later."""
        return now if due is None else max(now, due + self.interval_s)

    def least_s(self, calls: int) -> float:
        """Return the seconds that so many calls take at least: from the first to the last.

        Examples
        --------
        >>> Rate.of(10).least_s(101)
        10.0
        """
        return max(0, calls - 1) * self.interval_s

    def __str__(self) -> str:
        for seconds, unit in ((1.0, "a second"), (60.0, "a minute"), (3600.0, "an hour")):
            if seconds / self.interval_s >= 0.995:  # "1 a minute", though 60 s from call to call is 0.0167 a second
                return f"{seconds / self.interval_s:.6g} {unit}"
        return f"{86400 / self.interval_s:.3g} a day"


def _parse_rate(value: object) -> tuple[float, float]:
    """Return the number of calls and of seconds that `value` means; 0 calls when it is not a rate."""
    if is_number(value):
        return (0.0 if abs(value) > 1e12 else float(value)), 1.0
    match = _TEXT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return 0.0, 1.0
    unit = match["unit"].lower()
    seconds = _SECONDS.get(unit) or _SECONDS.get(unit.removesuffix("s"), 0.0)
    return (float(match["calls"]) if seconds else 0.0), seconds
