"""The progress of a race as text: in a terminal, and where nobody sits before a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fh_notebook.batching.progress import Output, Progress, TextProgress
from fh_notebook.batching.progress_state import Snapshot, State
from fh_notebook.racing.words import RaceState

__all__ = ["RaceDisplay", "RaceText"]


@dataclass(frozen=True, slots=True)
class _Line:
    """What stands in the place of a batch's state."""

    name: str
    nameless: str

    def __str__(self) -> str:
        return f"{self.name}: {self.nameless}"


class RaceDisplay(Progress, Protocol):
    """A display of one start of a race."""

    shows_all: bool
    """Whether all that is known of the race stays to be seen in it."""

    def finish(self) -> None:
        """The last rows are decided: show what stays. Called after `end`, in the caller's thread."""
        ...


class RaceText(TextProgress):
    """Lines of text about a race.

    Parameters
    ----------
    race : Race
        The one that runs.
    """

    shows_all = False

    def __init__(self, race: RaceState, stream: Output | None = None) -> None:
        super().__init__(stream)
        self._race = race

    def begin(self, batch: Snapshot) -> None:
        """Say the plan."""
        self._pacer.begin(batch)
        self._write(self._race.plan_line, last=True)

    def end(self, batch: Snapshot) -> None:
        """Draw no more: the last rows are still to be decided."""
        self._pacer.end()

    def finish(self) -> None:
        """Say how it ended."""
        self._write(f"{self._race.batch.name}: {self._race.verdict}", last=True)

    def _draw(self, state: State) -> None:
        super()._draw(_Line(state.name, self._race.line))  # type: ignore[arg-type]  # it has what is drawn of a state
