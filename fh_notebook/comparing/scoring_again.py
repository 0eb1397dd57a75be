"""`Rescoring`: the runs of a comparison, scored by whatever is asked for next.

Rule of this file: the same runs, until they are asked for anew, and what was said of them stays. What a scorer says of
its own scores is with the scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fh_notebook.comparing.scoring import Score
from fh_notebook.comparing.sources import Taken, of_observations

__all__ = ["Rescoring"]


class Rescoring:
    """Scores again what was taken.

    Parameters
    ----------
    taken : Taken
        What was read and scored first.
    read : function of a score and of whether kept scores are left aside
        Reads the source again.
    """

    def __init__(self, taken: Taken, read: Callable[[Score, bool], Taken]) -> None:
        self._taken = taken
        self._read = read

    def apart(self) -> Rescoring:
        """Return one that reads for itself: what it reads anew is not what this one's comparison scores next."""
        return Rescoring(self._taken, self._read)

    def __call__(self, score: Score, *, fresh: bool = False, anew: bool = False) -> Taken:
        """Return the runs with their new scores; `anew` reads the source again."""
        before = self._taken
        if anew or before.found is None:  # a table that was read as whole columns has no runs yet
            self._taken = self._read(score, fresh)
            return self._taken
        after = of_observations(before.found, score, fresh=fresh)
        return replace(after, notes=before.notes, about=before.about)
