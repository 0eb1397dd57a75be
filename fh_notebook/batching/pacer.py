"""When a progress display draws, and what it draws.

Rule of this file: at most 5 updates a second, however many events there are, and never none for long: a call may take
minutes, and a person who waits wants to see that the forecast still counts down.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from fh_notebook.batching.flow import Flow
from fh_notebook.batching.progress_line import State, admitting
from fh_notebook.batching.snapshot import Snapshot
from fh_notebook.log import log

__all__ = ["BEAT_S", "DRAW_EVERY_S", "Pacer"]

DRAW_EVERY_S: Final = 0.25
"""Where a state takes the place of the one before. With the last state, which is always drawn, 5 in a second."""
BEAT_S: Final = 1.0
"""What a display shows when nothing happens: the forecast counts down, a pause or a new limit is seen."""
REFUSED_SHOWN_S: Final = 5.0
"""How long after a refused call the line says so: long enough for a line every 5 s."""


class Pacer:
    """Decides when a display draws, and keeps what it takes to say how fast the batch is.

    It draws once a little after whatever happened, and then again from time to time, also when nothing does: a call
    may take minutes. Without a running loop it draws with the next thing that happens.

    Parameters
    ----------
    draw : function of State
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
        draw: Callable[[State], None],
        *,
        every_s: float = DRAW_EVERY_S,
        beat_s: float = BEAT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._draw = draw
        self._every_s, self._beat_s = every_s, beat_s
        self._clock = clock
        self._batch: Snapshot
        self._runs = False
        self._timer: asyncio.TimerHandle | None = None
        self._beating = False
        """Whether the timer is the one for when nothing happens."""

    def begin(self, batch: Snapshot) -> None:
        """Take the time and the counts of the start; the display has just been drawn."""
        self._batch, self._runs, self._rested = batch, True, False
        self._drawn_at = self._clock()
        self._by_calls, answered = self._answered()
        self._flow = Flow(self._drawn_at, answered)
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

    def state(self) -> State:
        """Return how far the batch is at this moment; only after :meth:`begin`."""
        batch, now = self._batch, self._clock()
        self._note(now)
        left, plan = batch.calls_left, batch.plan()
        counts = batch.counts
        per_row = max(1, len(plan.variants) * plan.repeats)
        return State(
            name=batch.name,
            counts=counts,
            in_flight=batch.in_flight,
            limit=batch.limit,
            calls_left=left,
            rows_so_far=-(-counts.planned // per_row) if plan.rows is None else None,
            rate=self._flow.rate(now),
            left_s=self._flow.seconds_for(left, now) if left else None,
            paused=batch.paused,
            waiting_until=batch.waiting_until,
            refused=self._refusals(now),
        )

    def _refusals(self, now: float) -> str:
        """Say for a while that calls were refused; and for as long as it runs, where the ceiling is too high."""
        batch = self._batch
        if now - self._refused_at < REFUSED_SHOWN_S:
            return f"waiting: {admitting(batch.admits or batch.limit)}"
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
            log.warning("the progress of the batch cannot be shown any more", exc_info=True)
            self.end()

    def _draw_now(self) -> None:
        if self._runs:
            self._drawn_at = self._clock()
            self._call_later(self._beat_s, beating=True)
            self._draw(self.state())
