"""What a race shows of itself: sentences, text, HTML, a figure.

Rule of this file: it hands on to `words.py`, `view.py` and `plot.py`, which are asked for when they are needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from fh_notebook import arguments
from fh_notebook.batching.plan import counted
from fh_notebook.comparing.clusters import distinct_text
from fh_notebook.racing.words import Spent, notes_of, running_line, wider_intervals

if TYPE_CHECKING:
    from fh_notebook.racing.race import Race

__all__ = ["Showing"]


class Showing:
    """The part of a race that shows itself."""

    @property
    def _whole(self) -> Race:
        return cast("Race", self)

    @property
    def spent(self) -> Spent:
        """What it has cost, and what all other rows would."""
        race = self._whole
        return Spent(calls=race.calls, left=race.calls_left, reused=race.reused, all_rows=len(race._course.order))

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be said beside the numbers."""
        race, course = self._whole, self._whole._course
        scale = race._tally.scale
        said = notes_of(
            failed=course.failed,
            missing=course.missing,
            beyond=course.beyond,
            rows=course.positions,
            copies=course.positions - len(course.order),
            rule=course.marker.failed,
            error=course.marker.error or next((run.error or "" for run in course.marker.unknown.values()), ""),
            bounds=(scale.low, scale.high),
        )
        return tuple(said) + wider_intervals(race._tally)

    @property
    def plan_line(self) -> str:
        """What the present start, or the next one, was going to do at the most, in one line."""
        race = self._whole
        most = race.calls_left if race._most_calls is None else race._most_calls
        rows = distinct_text(race._course.positions, self.spent.all_rows)
        return (
            f"{race.batch.name}: a race of {len(race.variants)} variants over at most {rows}, "
            f"at most {counted(most, 'call')}; alpha {race._tally.alpha:g}"
        )

    @property
    def line(self) -> str:
        """How far it is, in one line."""
        return running_line(self._whole._tally, self.spent)

    def plot(self, kind: Literal["evidence", "intervals"] | None = None) -> Any:
        """Return the figure of the race: the evidence against each variant, and the leader's narrowing intervals.

        Parameters
        ----------
        kind : {"evidence", "intervals"}, optional
            One of them alone.

        Returns
        -------
        Plot
            A matplotlib ``Figure`` that shows itself; ``alt`` says in words what it shows.

        Raises
        ------
        InputError
            `kind` is something else, or no row is decided.
        SettingsError
            matplotlib is not installed.
        """
        arguments.check(Showing.plot, locals())
        from fh_notebook.racing.plot import plot

        return plot(self._whole, kind)

    def __repr__(self) -> str:
        from fh_notebook.racing import view

        return view.text(self._whole)

    def _repr_html_(self) -> str:
        from fh_notebook.racing import view

        return view.html_of(self._whole)
