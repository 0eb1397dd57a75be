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

__all__ = ["LINES_SHOWN", "ShownFrame"]

LINES_SHOWN: Final = 100

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
    _shown_columns: tuple[Any, ...] = ()
    _style: html.Html = html.STYLE
    _cls: str = "fh-table"

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        cells: Callable[[pd.DataFrame], Cells],
        *,
        style: html.Html = html.STYLE,
        table_cls: str = "fh-table",
    ) -> ShownFrame:
        """Return `frame` with a display.

        Parameters
        ----------
        frame : DataFrame
            The values.
        cells : callable
            Makes the heads and the cells of its first `LINES_SHOWN` lines.
        style : Html
            The style of the table, with ``html.STYLE``.
        table_cls : str
            CSS classes of the table.
        """
        shown = cls(frame)
        shown.attrs = frame.attrs
        shown._shown_cells, shown._shown_columns = cells, tuple(frame.columns)
        shown._style, shown._cls = style, table_cls
        return shown

    def _cells(self) -> Cells | None:
        """Return what is shown; ``None`` where pandas shows it: it is empty, or was changed or sent elsewhere."""
        cells = self._shown_cells
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
        return "\n".join(part for part in (table, self._more_text()) if part)

    def _repr_html_(self) -> str | None:
        cells = self._cells()
        if cells is None:
            plain: Any = pd.DataFrame(self)
            shown: str | None = plain._repr_html_()
            return shown
        more = self._more_text()
        table = html.table(*cells, cls=self._cls)
        return html.el("div", self._style, table, html.el("div", more, cls="fh-dim") if more else None, cls="fh")
