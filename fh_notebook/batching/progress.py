"""The progress of a batch as text: one line that is rewritten in a terminal, one line every few seconds elsewhere.

Rule of this file: progress costs nothing that a batch would notice and never stops it; at most 5 updates a second. A
notebook has its own display behind the door ``progress`` (:mod:`fh_notebook.views`).
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol, TextIO

from fh_notebook import views
from fh_notebook.batching.outcomes import Counts
from fh_notebook.batching.plan import Plan
from fh_notebook.errors import SettingsError

__all__ = ["NoProgress", "Pacer", "Progress", "Snapshot", "TextProgress", "progress_of"]

TERMINAL_EVERY_S: Final = 0.2
PLAIN_EVERY_S: Final = 5.0


class Snapshot(Protocol):
    """What a progress display may ask of a running batch, from any thread."""

    @property
    def name(self) -> str:
        """The batch's name."""
        ...

    @property
    def counts(self) -> Counts:
        """How far it is."""
        ...

    @property
    def in_flight(self) -> int:
        """Calls that are out."""
        ...

    @property
    def blocks(self) -> bool:
        """Whether a cell or a program waits for it."""
        ...

    def plan(self) -> Plan:
        """What it was going to do when it was started."""
        ...

    def summary(self) -> str:
        """Say how far it is, or how it ended."""
        ...

    def cancel(self) -> None:
        """End it at once, from any thread, without waiting."""
        ...


class Progress(Protocol):
    """A display of one start of a batch. Its methods are called on the loop's thread and must return at once."""

    def begin(self, batch: Snapshot) -> None:
        """The plan is known, and nothing was sent yet."""
        ...

    def update(self, batch: Snapshot) -> None:
        """Something has happened. Called for every event: whoever draws decides how often."""
        ...

    def end(self, batch: Snapshot) -> None:
        """No more will come."""
        ...


class NoProgress:
    """Shows nothing (``progress=False``)."""

    def begin(self, batch: Snapshot) -> None:
        """Show nothing."""

    def update(self, batch: Snapshot) -> None:
        """Show nothing."""

    def end(self, batch: Snapshot) -> None:
        """Show nothing."""


class Pacer:
    """Decides when a display draws, and words the line that it shows.

    Parameters
    ----------
    every_s : float
        The shortest time between two drawings.
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, every_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._clock = clock
        self._began = self._drawn_at = clock()
        self._calls_before = 0
        self._later: asyncio.TimerHandle | None = None

    def begin(self, batch: Snapshot) -> None:
        """Take the time and the counts of the start."""
        self._began = self._drawn_at = self._clock()
        self._calls_before = batch.counts.calls

    def draw(self, draw: Callable[[], None]) -> None:
        """Call `draw` now, or once a little later when something was drawn just now.

        The later drawing matters where calls are slow: the last of a burst of answers would stay unseen for minutes.
        """
        since_s = self._clock() - self._drawn_at
        if since_s >= self._every_s:
            self._draw_now(draw)
        elif self._later is None:
            with suppress(RuntimeError):  # no loop is running: the next event draws
                loop = asyncio.get_running_loop()
                self._later = loop.call_later(self._every_s - since_s, self._draw_now, draw)

    def _draw_now(self, draw: Callable[[], None]) -> None:
        self.end()
        self._drawn_at = self._clock()
        draw()

    def end(self) -> None:
        """Draw nothing later."""
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def line(self, batch: Snapshot) -> str:
        """Return how far `batch` is, how fast, and about how long it still takes."""
        counts = batch.counts
        ended = counts.planned - counts.pending
        elapsed_s = self._clock() - self._began
        rate = (counts.calls - self._calls_before) / elapsed_s if elapsed_s > 0 else 0.0
        left = f", about {_duration(counts.pending / rate)} left" if rate > 0 and counts.pending else ""
        failed = f", {counts.failed + counts.unknown:,} failed or unknown" if counts.failed + counts.unknown else ""
        return (
            f"{batch.name}: {ended:,}/{counts.planned:,}{failed}, {counts.reused:,} reused, "
            f"{batch.in_flight:,} in flight, {rate:.3g} calls/s{left}"
        )


class TextProgress:
    """Writes lines of text.

    Parameters
    ----------
    stream : text stream, optional
        Standard error by default: a program's output stays its own.
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, stream: TextIO | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._is_terminal = bool(getattr(self._stream, "isatty", lambda: False)())
        self._pacer = Pacer(TERMINAL_EVERY_S if self._is_terminal else PLAIN_EVERY_S, clock=clock)
        self._width = 0

    def begin(self, batch: Snapshot) -> None:
        """Say the plan."""
        self._pacer.begin(batch)
        self._write(str(batch.plan()), last=True)

    def update(self, batch: Snapshot) -> None:
        """Say how far it is, unless that was said just now."""
        self._pacer.draw(lambda: self._write(self._pacer.line(batch), last=not self._is_terminal))

    def end(self, batch: Snapshot) -> None:
        """Say how it ended."""
        self._pacer.end()
        self._write(batch.summary(), last=True)

    def _write(self, line: str, *, last: bool) -> None:
        try:
            if self._is_terminal:
                # Over the last line, and over what would be left of it.
                self._stream.write(f"\r{line.ljust(self._width)}" + ("\n" if last else ""))
                self._width = 0 if last else len(line)
            else:
                self._stream.write(f"{line}\n")
            self._stream.flush()
        except (OSError, ValueError):  # a stream that was closed is no reason to stop paid work
            return


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def progress_of(choice: Any) -> Progress:
    """Return the display that ``batch(progress=...)`` asks for: ``True``, ``False``, or a function that makes one.

    Raises
    ------
    SettingsError
        It is none of them.
    """
    if choice is True:
        live: Progress | None = views.knock("progress")
        return live or TextProgress()
    if choice is False or choice is None:
        return NoProgress()
    if callable(choice):
        made: Progress = choice()
        return made
    raise SettingsError(f"progress is {choice!r}; give True, False, or a function that makes a display")
