"""Times at which a progress display is drawn, and the estimate of rate and remaining time.

Rule of this file: at most 5 updates a second, however many events there are, and never none for long: a call may take
minutes, and a person who waits wants to see that the forecast still counts down.

The rate (`RateEstimator`) is that of the last seconds, not of the whole start (the learned limit grows, and people
move the throttle), and it does not jump when answers come in bursts, as they do when many calls began together.

How: the number of answers is a line through the moments at which it was seen, and the rate is the slope of the straight
line that fits it best over the window (least squares, by exact integrals). A burst at either end of the window then
weighs little, where "answers divided by seconds" would count it whole or not at all.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Final

from fh_notebook.batching.progress.state import ProgressSource, ProgressState, admitting
from fh_notebook.core.redaction import log

DRAW_EVERY_S: Final = 0.25
"""Where a state takes the place of the one before. With the last state, which is always drawn, 5 in a second."""
BEAT_S: Final = 1.0
"""What a display shows when nothing happens: the forecast counts down, a pause or a new limit is seen."""
REFUSED_SHOWN_S: Final = 5.0
"""How long after a refused call the line says so: long enough for a line every 5 s."""


class RefreshTimer:
    """Decides when a display draws, and keeps what it takes to say how fast the batch is.

    It draws once a little after whatever happened, and then again from time to time, also when nothing does: a call
    may take minutes. Without a running loop it draws with the next thing that happens.

    Parameters
    ----------
    draw : function of ProgressState
        Shows one state.
    every_s : float
        The shortest time between two drawings.
    beat_s : float
        The longest.
    clock : callable
        Seconds that only grow.
    """

    def __init__(
        self,
        draw: Callable[[ProgressState], None],
        *,
        every_s: float = DRAW_EVERY_S,
        beat_s: float = BEAT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._draw = draw
        self._every_s, self._beat_s = every_s, beat_s
        self._clock = clock
        self._batch: ProgressSource
        self._runs = False
        self._timer: asyncio.TimerHandle | None = None
        self._beating = False
        """Whether the timer is the one for when nothing happens."""

    def begin(self, batch: ProgressSource) -> None:
        """Take the time and the counts of the start; the display has just been drawn."""
        self._batch, self._runs, self._rested = batch, True, False
        self._drawn_at = self._clock()
        self._by_calls, answered = self._answered()
        self._flow = RateEstimator(self._drawn_at, answered)
        self._refused, self._refused_at = batch.counts.refused, -REFUSED_SHOWN_S
        self._call_later(self._beat_s, beating=True)

    def update(self) -> None:
        """Draw now, or once a little later when something was drawn just now."""
        if not self._runs:
            return
        now = self._clock()
        if self._flow.is_due(now) or self._rests is not self._rested:
            self._note(now)
        since_s = now - self._drawn_at
        if since_s >= self._every_s:
            self._draw_now()
        elif self._beating:
            self._call_later(self._every_s - since_s, beating=False)

    def end(self) -> None:
        """Draw no more."""
        self._runs = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def state(self) -> ProgressState:
        """Return how far the batch is at this moment; only after :meth:`begin`."""
        batch, now = self._batch, self._clock()
        self._note(now)
        left = batch.calls_left
        remaining_s = self._flow.seconds_for(left, now) if left else None
        return ProgressState.of(batch, rate=self._flow.rate(now), remaining_s=remaining_s, refused=self._refusals(now))

    def _refusals(self, now: float) -> str:
        """Say for a while that calls were refused; and for as long as it runs, where the ceiling is too high."""
        batch = self._batch
        if now - self._refused_at < REFUSED_SHOWN_S:
            return admitting(batch.admits or batch.limit)
        return admitting(batch.falls_short) if batch.falls_short is not None else ""

    def _answered(self) -> tuple[bool, int]:
        """Return the number whose growth is the rate: of calls where it is known how many there are, else of jobs."""
        left, counts = self._batch.calls_left, self._batch.counts
        if left is not None:
            return True, -left
        return False, counts.done + counts.failed + counts.unknown - counts.reused

    @property
    def _rests(self) -> bool:
        return self._batch.paused or self._batch.waiting_until is not None

    def _note(self, now: float) -> None:
        batch = self._batch
        if (refused := batch.counts.refused) > self._refused:
            self._refused, self._refused_at = refused, now
        by_calls, answered = self._answered()
        rests, rested = self._rests, self._rested
        self._rested = rests
        if rests or rested or by_calls is not self._by_calls:  # the first moment after a rest ends it
            self._by_calls = by_calls
            self._flow.restart(now, answered)
        else:
            self._flow.note(now, answered)

    def _call_later(self, delay_s: float, *, beating: bool) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._beating = True
        with suppress(RuntimeError):  # no loop is running: the next event draws
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick)
            self._beating = beating

    def _tick(self) -> None:
        try:
            self._draw_now()
        except Exception:  # a page that has gone is no reason to say so four times a second
            log.warning("the progress of the batch can no longer be shown", exc_info=True)
            self.end()

    def _draw_now(self) -> None:
        if self._runs:
            self._drawn_at = self._clock()
            self._call_later(self._beat_s, beating=True)
            self._draw(self.state())


# --- how fast answers come now

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
FEWEST: Final = 3
"""Answers without which no rate is told: of one or two it would be that of chance."""
SHORTEST_S: Final = 1.0
"""Seconds without which no rate is told."""
CALM: Final = 0.2
"""Part of the window over which the rate is smoothed."""


class RateEstimator:
    """The rate of a number that grows.

    Parameters
    ----------
    now_s : float
        The time, in seconds that only grow.
    total : int
        The number then.

    Examples
    --------
    >>> flow = RateEstimator(0.0, 0)
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
        samples = self._seen
        if total == samples[-1][1]:
            return
        if len(samples) > 1 and now_s - self._burst_began < BURST * (self._burst_began - samples[-2][0]):
            samples[-1] = (now_s, total)  # more of the same burst
        else:
            samples.append((now_s, total))
            self._burst_began = now_s
        while len(samples) > 2 and samples[1][0] <= now_s - WINDOW_S and total - samples[1][1] >= ENOUGH:
            samples.popleft()

    def rate(self, now_s: float) -> float | None:
        """Return how much the number grows in a second; ``None`` while nobody can know."""
        (began_s, base), (_, total) = self._seen[0], self._seen[-1]
        is_measured = total - base >= FEWEST and now_s - began_s >= SHORTEST_S
        fitted = self._fitted(now_s) if is_measured else None
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
