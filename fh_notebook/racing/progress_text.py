"""The progress of a race as text: in a terminal, and where nobody sits before a page."""

from __future__ import annotations

from typing import Protocol

from fh_notebook.batching.progress import Output, Progress, TextLines
from fh_notebook.batching.progress_state import Snapshot, State
from fh_notebook.racing.words import RaceState

__all__ = ["RaceDisplay", "RaceText"]


class RaceDisplay(Progress, Protocol):
    """A display of one start of a race."""

    shows_all: bool
    """Whether all that is known of the race stays to be seen in it."""

    def finish(self) -> None:
        """The last rows are decided: show what stays. Called after `end`, in the caller's thread."""
        ...


class RaceText:
    """Lines of text about a race.

    Parameters
    ----------
    race : Race
        The one that runs.
    stream : Output, optional
        Standard error by default: a program's output stays its own.
    """

    shows_all = False

    def __init__(self, race: RaceState, stream: Output | None = None) -> None:
        self._race = race
        self._lines = TextLines(stream)
        self._pacer = self._lines.pacer(self._draw)

    def begin(self, batch: Snapshot) -> None:
        """Say the plan."""
        self._pacer.begin(batch)
        self._lines.write(self._race.plan_line)

    def update(self, batch: Snapshot) -> None:
        """Say how far it is, unless that was said just now."""
        self._pacer.update()

    def end(self, batch: Snapshot) -> None:
        """Draw no more: the last rows are still to be decided."""
        self._pacer.end()

    def finish(self) -> None:
        """Say how it ended."""
        self._lines.write(f"{self._race.batch.name}: {self._race.verdict}")

    def _draw(self, state: State) -> None:
        line = self._race.line
        self._lines.draw(f"{state.name}: {line}", shorter=line)
