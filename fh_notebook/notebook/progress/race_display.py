"""Progress display of a race: evidence, intervals, dropped variants, calls.

Rule of this file: as for a batch, one display handle a start; where nobody sits before a page, lines of text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fh_notebook.batching.progress.state import ProgressState
from fh_notebook.notebook.progress.display import CellOutput, LiveProgress
from fh_notebook.notebook.shell import running_kernel
from fh_notebook.notebook.ui.buttons import has_person
from fh_notebook.racing import display
from fh_notebook.racing.display import RaceDisplay, RaceSource, RaceText

if TYPE_CHECKING:
    from fh_notebook.racing.race import Race


def live_race(race: Race) -> RaceDisplay | None:
    """Return a display for the kernel that this runs in; ``None`` where there is none."""
    kernel = running_kernel()
    if kernel is None:
        return None
    return PlainRace(race) if has_person(kernel) is False else LiveRace(race)


class RaceView:
    """What is shown of one moment: HTML, and the same as text.

    Parameters
    ----------
    race : RaceSource
        The one that runs; it is read now, once.
    last : bool
        Whether this is what stays.
    """

    def __init__(self, race: RaceSource, *, last: bool = False) -> None:
        moment = race.snapshot()
        self._html = display.live_html(moment, last=last)
        self._text = display.live_text(moment, last=last)

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return self._html

    def live_html(self) -> str:
        """Return the same: nothing is clicked in it."""
        return self._html

    def live_below(self) -> str:
        """Return nothing: all of it is above."""
        return ""


class LiveRace(LiveProgress):
    """A display of its own handle, with a way to cancel under it.

    Parameters
    ----------
    race : Race
        The one that runs.
    """

    shows_all = True

    def __init__(self, race: Race) -> None:
        super().__init__()
        self._race = race

    def finish(self) -> None:
        """Show how it ended: this stays in the saved notebook."""
        self.show_last(RaceView(self._race, last=True))

    def _view(self, state: ProgressState, *, summary: str = "") -> RaceView:
        return RaceView(self._race)

    def _state_text(self, state: ProgressState) -> str:
        return f"{state}{self._race.line}"


class PlainRace(RaceText):
    """Lines of text under a cell that a program runs."""

    def __init__(self, race: Race) -> None:
        super().__init__(race, CellOutput())
