"""How fast answers come now: a rate out of a recent window, steady enough to be read. Pure: it is told the time.

Rule of this file: the rate is that of the last seconds, not of the whole start (the learned limit grows, and people
move the throttle), and it does not jump when answers come in bursts, as they do when many calls began together.

How: the number of answers is a line through the moments at which it was seen, and the rate is the slope of the straight
line that fits it best over the window (least squares, by exact integrals). A burst at either end of the window then
weighs little, where "answers divided by seconds" would count it whole or not at all.
"""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise
from typing import Final

__all__ = ["Flow"]

WINDOW_S: Final = 10.0
ENOUGH: Final = 40
"""Answers that a window has at least, however long that takes: calls of a minute each need minutes to be judged."""
APART_S: Final = 0.2
"""Moments that are nearer to each other say no more, and cost memory."""
BURST: Final = 0.25
"""What comes within this part of the silence before it is one burst: one moment, and not a steep line of its own."""
LEAST: Final = 0.5
"""Of the window's mean, in a silence: the best line after a lone burst is soon flat, as if nothing would ever come."""
FIRST_FEW: Final = 10
"""Until so many answers have come, each changes the picture; afterwards the rate follows the window with some calm."""
CALM: Final = 0.2
"""Part of the window over which the rate is smoothed."""


class Flow:
    """The rate of a number that grows.

    Parameters
    ----------
    now_s : float
        The time, in seconds that only grow.
    total : int
        The number then.

    Examples
    --------
    >>> flow = Flow(0.0, 0)
    >>> for second in range(1, 60):
    ...     flow.note(float(second), 8 * second)
    >>> round(flow.rate(59.0), 3)
    8.0
    """

    def __init__(self, now_s: float, total: int) -> None:
        self._rate: float | None = None
        self._rated_at = now_s
        self.restart(now_s, total)

    def restart(self, now_s: float, total: int) -> None:
        """Forget the moments before: nothing was to be expected then. The last rate holds until there is another."""
        self._seen: deque[tuple[float, int]] = deque([(now_s, total)])
        self._burst_began = now_s

    def is_due(self, now_s: float) -> bool:
        """Whether it is time to note the number again."""
        return now_s - self._seen[-1][0] >= APART_S

    def note(self, now_s: float, total: int) -> None:
        """Take the number of this moment."""
        seen = self._seen
        if total == seen[-1][1]:
            return
        if len(seen) > 1 and now_s - self._burst_began < BURST * (self._burst_began - seen[-2][0]):
            seen[-1] = (now_s, total)  # more of the same burst
        else:
            seen.append((now_s, total))
            self._burst_began = now_s
        while len(seen) > 2 and seen[1][0] <= now_s - WINDOW_S and total - seen[1][1] >= ENOUGH:
            seen.popleft()

    def rate(self, now_s: float) -> float | None:
        """Return how much the number grows in a second; ``None`` while nobody can know."""
        fitted = self._fitted(now_s)
        if fitted is not None:
            self._rate = self._calmed(fitted, now_s)
            self._rated_at = now_s
        return self._rate

    def seconds_for(self, more: int, now_s: float) -> float | None:
        """Return how long the number still takes to grow by `more`; ``None`` while nobody can know.

        It counts down between two bursts: what is seen of the next one comes all at once, and is on its way already.
        """
        rate = self.rate(now_s)
        if not rate:
            return None
        return max(0.0, more / rate - min(now_s - self._seen[-1][0], self._longest()))

    def _longest(self) -> float:
        """The longest silence between two moments of the window."""
        return max((b[0] - a[0] for a, b in pairwise(self._seen)), default=0.0)

    def _calmed(self, fitted: float, now_s: float) -> float:
        first, last = self._seen[0], self._seen[-1]
        if self._rate is None or last[1] - first[1] < FIRST_FEW:
            return fitted
        calm_s = CALM * max(WINDOW_S, last[0] - first[0])
        return self._rate + (fitted - self._rate) * -math.expm1((self._rated_at - now_s) / calm_s)

    def _fitted(self, now_s: float) -> float | None:
        """Return the slope of the line that fits best from the window's first moment to its end."""
        points = list(self._seen)
        if len(points) < 2:
            return None
        # A silence longer than any before it says that answers come more slowly now; a shorter one says nothing.
        longest = self._longest()
        if now_s - longest > points[-1][0]:
            points.append((now_s - longest, points[-1][1]))
        began, base = points[0]
        middle, span = (began + points[-1][0]) / 2, points[-1][0] - began
        lever = sum(_lever(a, b, middle, base) for a, b in pairwise(points))
        mean = (points[-1][1] - base) / span
        return max(12 * lever / span**3, LEAST * mean)


def _lever(a: tuple[float, int], b: tuple[float, int], middle: float, base: int) -> float:
    """Return the integral of (t - middle) * (n(t) - base) between two moments; exact, by Simpson's rule."""
    half_t, half_n = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2
    at_a, at_b = (a[0] - middle) * (a[1] - base), (b[0] - middle) * (b[1] - base)
    return (b[0] - a[0]) / 6 * (at_a + 4 * (half_t - middle) * (half_n - base) + at_b)
