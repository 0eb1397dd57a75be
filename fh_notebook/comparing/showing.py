"""What a comparison shows and asserts of itself: text, HTML, figures, files.

Rule of this file: it hands on to `view.py`, `plots.py`, `report.py` and `asking.py`, which are asked for when they are
needed: a comparison that only gives tables draws nothing.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from fh_notebook.comparing import asking, view
from fh_notebook.comparing.pairs import ALPHA

if TYPE_CHECKING:
    from fh_notebook.comparing.comparison import Comparison

__all__ = ["Showing"]


class Showing:
    """The part of a comparison that shows itself."""

    @property
    def _whole(self) -> Comparison:
        return cast("Comparison", self)

    def assert_better(self, variant: str, *, than: str, alpha: float = ALPHA) -> None:
        """Raise unless `variant` is better `than` another one: by the test after Holm, and by the mean's interval.

        For CI: one line in a test that fails when a variant is not better any more.

        Raises
        ------
        AssertionError
            It is not, or that cannot be told; with the sentence.
        InputError
            There is no such variant, or nothing was scored.

        Examples
        --------
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"row": [*range(9)] * 2, "variant": ["a"] * 9 + ["b"] * 9, "s": [0] * 9 + [1] * 9})
        >>> from fh_notebook.comparing.comparison import compare
        >>> compare(frame, score="s").assert_better("b", than="a")
        """
        asking.assert_better(self._whole, self._whole._tested, variant, than=than, alpha=alpha)

    def plot(self, kind: str | None = None, *, backend: Literal["matplotlib", "altair"] = "matplotlib") -> Any:
        """Return the figure of the comparison: scores, paired differences, wins, seconds.

        It has no background and Jupyter's own colour of text, so that it reads in both themes; ``figure.alt`` says in
        words what it shows.

        Parameters
        ----------
        kind : {"scores", "differences", "wins", "seconds"}, optional
            One of them alone.
        backend : {"matplotlib", "altair"}
            What draws it.

        Returns
        -------
        Plot or altair.Chart
            A matplotlib ``Figure`` that shows itself.

        Raises
        ------
        InputError
            `kind` or `backend` is something else, or there is nothing of it to be drawn.
        SettingsError
            What draws it is not installed.
        """
        from fh_notebook.comparing.plots import plot

        return plot(self._whole, kind, backend=backend)

    def report(self, path: str | PathLike[str]) -> Path:
        """Write everything into one file, and return its path: ``.html``, ``.md`` or ``.xlsx``.

        The page needs no network and runs nothing of a model's; all rows are in it. No key is, nor are the values of
        password Start variables; what a workflow answers, its errors too, is there as it came.

        Raises
        ------
        SettingsError
            It cannot be written there, or what it needs is not installed.
        """
        from fh_notebook.comparing.report import write

        return write(self._whole, path)

    def __repr__(self) -> str:
        return view.text(self._whole)

    def _repr_html_(self) -> str:
        return view.html_of(self._whole)
