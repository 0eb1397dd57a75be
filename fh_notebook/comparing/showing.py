"""What a comparison shows and asserts of itself: text, HTML, figures, files.

Rule of this file: it hands on to `view.py`, `plots.py`, `report.py` and `asking.py`, which are asked for when they are
needed: a comparison that only gives tables draws nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from fh_notebook import arguments, views
from fh_notebook.comparing import asking, view
from fh_notebook.comparing.pairs import ALPHA
from fh_notebook.values import ColumnName

if TYPE_CHECKING:
    from fh_notebook.comparing.comparison import Comparison
    from fh_notebook.comparing.diff_show import RowDiff

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
        arguments.check(Showing.assert_better, locals())
        asking.assert_better(self._whole, self._whole._tested, variant, than=than, alpha=alpha)

    def diff(self, row: Any, *, a: str | None = None, b: str | Sequence[str] | None = None) -> RowDiff:
        """Return what the variants said to one row, each against a baseline: words of texts, paths of JSON.

        Parameters
        ----------
        row : object
            Which row: a value of the column that pairs.
        a : str, optional
            The baseline: a variant, or ``"expected_output"``; the first variant by default, and of a comparison of two
            dates the same variant on the first.
        b : str or list of str, optional
            What is compared to it; all the others by default.

        Returns
        -------
        RowDiff
            It shows itself; ``.parts`` are the values, ``.frame`` the same with one line a difference.

        Raises
        ------
        InputError
            There is no such row or variant.

        Examples
        --------
        >>> import pandas as pd
        >>> from fh_notebook.comparing.comparison import compare
        >>> frame = pd.DataFrame({"row": 3, "variant": ["a", "b"], "output": ["It is late.", "It is lost."]})
        >>> print(compare(frame).diff(row=3))
        row 3, against a
        a:
          It is late.
        b:
          differs: 1 word only here, 1 word only there
          It is [-late-]{+lost+}.
        """
        arguments.check(Showing.diff, locals())
        from fh_notebook.comparing.diff_of import diff_of

        return diff_of(self._whole, row, a=a, b=b)

    def browse(self, *, columns: Sequence[ColumnName] | None = None, page_size: int = 25) -> Any:
        """Return a live table of the rows, variants beside each other: sorted, searched, filtered, opened, by keyboard.

        A page shows one page of it at a time and asks the kernel for the next, so 100,000 rows embed nothing. An opened
        row shows the outputs beside each other and what is different. While a batch is running, answers appear as they
        come. A saved notebook keeps the page that was shown last, as plain HTML and as text.

        Parameters
        ----------
        columns : list of str, optional
            The rows' own columns to be shown; by default the first two.
        page_size : int
            Rows a page, from 1 to 100.

        Returns
        -------
        Browser
            It shows itself; ``.frame`` is what the filters leave, in the order shown, ``.view`` how it is looked at.

        Raises
        ------
        InputError
            There is no such column, or the size is none.

        Examples
        --------
        >>> import pandas as pd
        >>> from fh_notebook.comparing.comparison import compare
        >>> frame = pd.DataFrame({"row": [0, 0, 1, 1], "variant": ["a", "b"] * 2, "output": list("xyzz")})
        >>> browser = compare(frame).browse()
        >>> browser.show(only="different").frame["row"].tolist()
        [0]
        """
        arguments.check(Showing.browse, locals(), but={"columns"})
        return views.frontend().browse(self, columns=columns, page_size=page_size)

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
        arguments.check(Showing.plot, locals())
        from fh_notebook.comparing.plots import plot

        return plot(self._whole, kind, backend=backend)

    def report(self, path: str | PathLike[str]) -> Path:
        """Write everything into one file, and return its path: ``.html``, ``.md`` or ``.xlsx``.

        The page needs no network and runs nothing of a model's; all rows are in it. No key is, nor are the values of
        password Start variables: where an answer or an error repeats one, it is masked. Without matplotlib the page has
        no plots, and says so.

        Raises
        ------
        SettingsError
            It cannot be written there, or what it needs is not installed.
        """
        arguments.check(Showing.report, locals())
        from fh_notebook.comparing.report import write

        return write(self._whole, path)

    def __repr__(self) -> str:
        return view.text(self._whole)

    def _repr_html_(self) -> str:
        return view.html_of(self._whole)
