"""Progress display as text: one rewritten line in a terminal, otherwise one line every few seconds.

Rule of this file: progress costs nothing that a batch would notice and never stops it; at most 5 updates a second. A
notebook has its own display, which `Batch` gives to its controller.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

from fh_notebook.batching.progress.refresh import BEAT_S, DRAW_EVERY_S, RefreshTimer
from fh_notebook.batching.progress.state import ProgressSource, ProgressState
from fh_notebook.core.text.formatting import short
from fh_notebook.errors import SettingsError

PLAIN_EVERY_S: Final = 5.0
PLAIN_BEAT_S: Final = 30.0
"""A line that only counts down is no news where every line stays."""


class ProgressDisplay(Protocol):
    """A display of one start of a batch. Its methods are called on the loop's thread and must return at once."""

    def begin(self, batch: ProgressSource) -> None:
        """The plan is known, and nothing was sent yet."""
        ...

    def update(self, batch: ProgressSource) -> None:
        """Something has happened. Called for every event: whoever draws decides how often.

        Called after the end, too, when a callback brings the output that an answer lacked.
        """
        ...

    def end(self, batch: ProgressSource) -> None:
        """No further call is made."""
        ...


class NoProgress:
    """Shows nothing (``progress=False``)."""

    def begin(self, batch: ProgressSource) -> None:
        """Show nothing."""

    def update(self, batch: ProgressSource) -> None:
        """Show nothing."""

    def end(self, batch: ProgressSource) -> None:
        """Show nothing."""


class Output(Protocol):
    """Where lines go; a terminal says so by ``isatty()``, and its width by ``fileno()``."""

    def write(self, text: str, /) -> object:
        """Take `text`."""
        ...

    def flush(self) -> object:
        """Show it now."""
        ...


class TextLines:
    """Writes lines of text: in a terminal one line that is rewritten, elsewhere one below the other.

    Parameters
    ----------
    stream : Output, optional
        Standard error by default: a program's output stays its own.
    """

    def __init__(self, stream: Output | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._is_terminal = bool(getattr(self._stream, "isatty", lambda: False)())
        self._width = 0
        self._last_line = ""

    def pacer(
        self, draw: Callable[[ProgressState], None], *, clock: Callable[[], float] = time.monotonic
    ) -> RefreshTimer:
        """Return what has `draw` called as often as lines are read there."""
        every_s, beat_s = (DRAW_EVERY_S, BEAT_S) if self._is_terminal else (PLAIN_EVERY_S, PLAIN_BEAT_S)
        return RefreshTimer(draw, every_s=every_s, beat_s=beat_s, clock=clock)

    def draw(self, line: str, *, shorter: str) -> None:
        """Show how far it is, unless that was said just now; `shorter` where the line does not fit into a terminal."""
        if not self._is_terminal:
            if line != self._last_line:
                self._last_line = line
                self.write(line)
            return
        room = self._columns() - 1
        if len(line) > room:  # a line that wraps cannot be rewritten
            line = shorter
        self._write(line if len(line) <= room else f"{line[: room - 1]}…", last=False)

    def write(self, line: str) -> None:
        """Write a line that stays."""
        self._write(line, last=True)

    def _columns(self) -> int:
        with suppress(OSError, ValueError, AttributeError):  # no file beneath, or it has no size
            return os.get_terminal_size(self._stream.fileno()).columns or 80  # type: ignore[union-attr]  # None has none
        return 80

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


class TextProgress:
    """The progress of a batch as lines of text.

    Parameters
    ----------
    stream : Output, optional
        Standard error by default: a program's output stays its own.
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, stream: Output | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._lines = TextLines(stream)
        self._pacer = self._lines.pacer(lambda state: self._lines.draw(str(state), shorter=state.nameless), clock=clock)

    def begin(self, batch: ProgressSource) -> None:
        """Say the plan."""
        self._pacer.begin(batch)
        self._lines.write(str(batch.plan()))

    def update(self, batch: ProgressSource) -> None:
        """Say how far it is, unless that was said just now."""
        self._pacer.update()

    def end(self, batch: ProgressSource) -> None:
        """Say how it ended."""
        self._pacer.end()
        self._lines.write(batch.summary())


def progress_of(choice: Any, *, live: Callable[[], ProgressDisplay | None] = lambda: None) -> ProgressDisplay:
    """Return the display that ``batch(progress=...)`` asks for: ``True``, ``False``, or a function that makes one."""
    if choice is True:
        return live() or TextProgress()
    if choice is False or choice is None:
        return NoProgress()
    if callable(choice):
        display: ProgressDisplay = choice()
        if not hasattr(display, "begin"):
            raise SettingsError(f"progress returned {short(display)}; give a function that makes a display")
        return display
    raise SettingsError(f"progress is {short(choice)}; give True, False, or a function that makes a display")
