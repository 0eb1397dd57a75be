"""`ShownFrame`: a DataFrame that a notebook shows as a table made for reading.

Its values and columns are the user's to compute with; what is shown has units, one format for each column, and no more
columns than are read. Whatever is computed from it is a plain DataFrame, which shows itself as pandas does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import pandas as pd

from fh_notebook.core.text import html
from fh_notebook.core.text.messages import counted

LINES_SHOWN: Final = 100

LINE: Final = "max-width:75em"
"""As long as the lines of a result above a table."""

Cells = tuple[Sequence[str], Sequence[Sequence[Any]]]
"""The heads and the cells of the table that is shown."""


class ShownFrame(pd.DataFrame):
    """A DataFrame with a display of its own.

    Examples
    --------
    >>> frame = ShownFrame.of(pd.DataFrame({"p": [0.0312345]}), lambda frame: (["p"], [["0.031"]]))
    >>> frame
        p
    0.031
    >>> type(frame.head()).__name__
    'DataFrame'
    """

    _shown_cells: Callable[[pd.DataFrame], Cells] | None = None
    _drawn_cells: Callable[[pd.DataFrame], Cells] | None = None
    _shown_columns: tuple[Any, ...] = ()
    _style: html.Html = html.STYLE
    _cls: str = "fh-table"
    _around: str = ""
    _caption: str = ""
    _note: str = ""
    _show: Callable[[ShownFrame], bool] | None = None

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        cells: Callable[[pd.DataFrame], Cells],
        *,
        drawn: Callable[[pd.DataFrame], Cells] | None = None,
        style: html.Html = html.STYLE,
        table_cls: str = "fh-table",
        around: str = "",
        caption: str = "",
        note: str = "",
        show: Callable[[ShownFrame], bool] | None = None,
    ) -> ShownFrame:
        """Return `frame` with a display.

        Parameters
        ----------
        frame : DataFrame
            The values.
        cells : callable
            Makes the heads and the cells of its first `LINES_SHOWN` lines.
        drawn : callable, optional
            Makes those of a page, where they are other ones than those of the text.
        style : Html
            The style of the table, with ``html.STYLE``.
        table_cls : str
            CSS classes of the table.
        around : str
            CSS classes of the block around it, whose width a style may ask for.
        caption, note : str
            What is said above and below the table.
        show : callable, optional
            Displays the frame in a live page and returns whether it did; else the table is displayed.
        """
        shown = cls(frame)
        shown.attrs = frame.attrs
        shown._shown_cells, shown._drawn_cells, shown._shown_columns = cells, drawn or cells, tuple(frame.columns)
        shown._style, shown._cls, shown._around = style, table_cls, around
        shown._caption, shown._note, shown._show = caption, note, show
        return shown

    @property
    def caption(self) -> str:
        """What is said above the table."""
        return self._caption

    def _ipython_display_(self) -> None:
        """Show it in a live page."""
        if self._show is None or self._cells() is None or not self._show(self):
            raise NotImplementedError

    def _cells(self, *, drawn: bool = False) -> Cells | None:
        """Return what is shown; ``None`` where pandas shows it: it is empty, or was changed or sent elsewhere."""
        cells = self._drawn_cells if drawn else self._shown_cells
        if cells is None or not len(self) or tuple(self.columns) != self._shown_columns:
            return None
        return cells(pd.DataFrame(self.iloc[:LINES_SHOWN]))

    def _more_text(self) -> str:
        more = len(self) - LINES_SHOWN
        return f"… {counted(more, 'more line')}" if more > 0 else ""

    def __repr__(self) -> str:
        cells = self._cells()
        if cells is None:
            return super().__repr__()
        heads, lines = cells
        texts = [[html.printable(str(cell)).replace("\n", " ") for cell in line] for line in lines]
        table = pd.DataFrame(texts, columns=list(heads)).to_string(index=False)
        return "\n".join(part for part in (self._caption, table, self._more_text(), self._note) if part)

    def _repr_html_(self) -> str | None:
        cells = self._cells(drawn=True)
        if cells is None:
            plain: Any = pd.DataFrame(self)
            shown: str | None = plain._repr_html_()
            return shown
        caption, *below = (
            html.sentence("div", text, cls="fh-dim", style=LINE) if text else None
            for text in (self._caption, self._more_text(), self._note)
        )
        table = html.table(*cells, cls=self._cls)
        if self._around:
            table = html.el("div", table, cls=self._around)
        return html.el("div", self._style, caption, table, *below, cls="fh")
