"""`cmp.browse()`: a live table of rows x variants, paged from the kernel.

Rule of this file: a page says how it wants to look, and the kernel answers with that page. Its handler returns at once:
what is found is found on a thread of its own, no key is dropped, and what comes back is one trait. The
page's last state, as plain HTML and text, stays in the saved notebook.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import numpy as np
import pandas as pd

from fh_notebook import arguments, html, loop
from fh_notebook.batching.batch import Batch
from fh_notebook.comparing import tables
from fh_notebook.comparing.comparison import compare
from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.scorers.observations import unknown_column
from fh_notebook.contract.spell import short
from fh_notebook.errors import InputError
from fh_notebook.log import log
from fh_notebook.notebook.browse_display import BrowseDisplay
from fh_notebook.notebook.browse_find import Finder, after, stepped
from fh_notebook.notebook.browse_live import Live
from fh_notebook.notebook.browse_page import head_of, page_of
from fh_notebook.notebook.browse_static import page_html, page_text
from fh_notebook.notebook.browse_table import Table, table_of
from fh_notebook.notebook.browse_view import LARGEST_PAGE, View, checked
from fh_notebook.notebook.cancel import has_person, hear_clicks
from fh_notebook.notebook.form_display import is_closed
from fh_notebook.notebook.form_later import Later
from fh_notebook.notebook.notices import running_kernel
from fh_notebook.values import ColumnName

if TYPE_CHECKING:
    from fh_notebook.comparing.comparison import Comparison

__all__ = ["Browser", "browse"]

COLUMNS_SHOWN: Final = 2
WARM_AFTER_S: Final = 0.5
"""Behind the first page: what a search needs is made while a person reads."""


def browse(shown: Comparison | Batch, *, columns: Sequence[ColumnName] | None = None, page_size: int = 25) -> Browser:
    """Return the browser of a comparison, or of a batch's rows (see ``Comparison.browse`` and ``Batch.browse``)."""
    if isinstance(page_size, bool) or not isinstance(page_size, int) or not 1 <= page_size <= LARGEST_PAGE:
        raise InputError(f"page_size is {short(page_size)}; give a whole number from 1 to {LARGEST_PAGE}")
    if isinstance(columns, str):
        raise InputError(f"columns is {short(columns)}; give a list of columns: [{short(columns)}]")
    arguments.check_one("columns", columns, "Sequence[Any] | None")
    cmp = compare(shown) if isinstance(shown, Batch) else shown
    return Browser(cmp, columns=columns, page_size=page_size)


class Browser:
    """A live table of the rows of a comparison. Made by ``Comparison.browse``.

    It shows itself at the end of a cell. What a person does on the page changes :attr:`view`; :meth:`show` does the
    same from a cell.
    """

    def __init__(self, cmp: Comparison, *, columns: Sequence[ColumnName] | None = None, page_size: int = 25) -> None:
        self._lock = threading.RLock()
        self._data = cmp.data
        self._finder = Finder(table_of(cmp.data))
        table = self._finder.table
        self._columns = [*map(arguments.column_text, columns)] if columns is not None else table.columns[:COLUMNS_SHOWN]
        for name in self._columns:
            if not isinstance(name, str) or name not in table.columns:
                raise InputError(unknown_column(name, table.columns, "of the rows"))
        self._view = View(size=page_size)
        self._heard = 0
        self._said: deque[Mapping[str, Any]] = deque()
        self._trouble = ""
        self._class = f"fh-browse-{uuid4().hex[:8]}"
        self._widget: Any = None
        self._live = Live(cmp.score_set, self._renewed)
        self._head = self._new_head()
        self._page: dict[str, Any] = {}
        self._later = Later(self._tell)
        self._display = BrowseDisplay(
            lambda: page_html(self._head, self._now(), cls=self._class), lambda: page_text(self._head, self._now())
        )

    # --- what it is

    @property
    def view(self) -> dict[str, Any]:
        """How the table is looked at: what is searched, filtered, sorted, and opened; :meth:`show` takes the same."""
        return asdict(self._view) | {"where": dict(self._view.where)}

    @property
    def frame(self) -> pd.DataFrame:
        """The rows that the filters leave, in the order shown, as ``cmp.wide()`` has them."""
        with self._lock:  # both of one moment: a batch that runs is read anew meanwhile
            data, table = self._data, self._finder.table
            labels = [table.label(int(row)) for row in self._finder.order(self._view)]
        wide = tables.wide(data, labels)
        places = {label: place for place, label in enumerate(labels)}
        found = [places[label] for label in wide[data.pair_on]]
        return wide.iloc[np.argsort(found, kind="stable")].reset_index(drop=True)

    def show(self, *, row: Any = None, **view: Any) -> Browser:
        """Look at the table in another way, and return the browser; the page follows.

        Parameters
        ----------
        row : object, optional
            The row to be opened, by the column that pairs.
        **view : object
            ``search="late"``; ``only``: ``different``, ``scores``, ``tied``, ``failed``, ``unknown``, ``pending`` or
            ``unscored``; ``won="nearest"``; ``low=0.5`` with ``low_of="nearest"``: a score no better than that;
            ``where={"language": "de"}``; ``sort``: ``row``, ``apart``, ``score:<variant>``, ``seconds:<variant>`` or
            ``column:<name>``, with ``down=True``; ``page`` and ``size``; ``baseline="nearest"``: what others are
            compared to.

        Raises
        ------
        InputError
            There is no such row, variant, column or word.

        Examples
        --------
        >>> import fh_notebook as fh
        >>> frame = pd.DataFrame({"row": [0, 1], "variant": "a", "s": [1, 0], "language": ["en", "de"]})
        >>> fh.compare(frame, score="s").browse().show(where={"language": "de"}).frame["a.score"].tolist()
        [0.0]
        """
        with self._lock:
            table = self._finder.table
            asked = checked(self._view, view, variants=table.variants, columns=table.columns)
            if row is not None:
                place = table.place(row)
                if place is None:
                    raise InputError(f"there is no {table.pair_on} {short(row)}")
                asked = replace(asked, open=place)
                shown = self._finder.order(asked)
                asked = stepped(asked, shown, 0) if place in shown else asked
            self._view = asked
            self._refresh()
        return self

    def refresh(self) -> Browser:
        """Read the batch again, and return the browser; while it runs, this is done by itself."""
        self._live.refresh()
        return self

    # --- how it shows

    def _ipython_display_(self) -> None:
        self._display.show(self._made)
        self._live.follow()
        if has_person(running_kernel()):
            loop.background().submit(_warm(self._finder.table))

    def _repr_html_(self) -> str:
        return page_html(self._head, self._now())

    def __repr__(self) -> str:
        return page_text(self._head, self._now())

    @property
    def widget(self) -> Any:
        """The table as one widget, to be put among others; made at the first use."""
        made = self._made()
        self._live.follow()
        return made

    def _made(self) -> Any:
        with self._lock:
            if self._widget is None or is_closed(self._widget):
                from fh_notebook.notebook.browse_widget import BrowseWidget

                self._widget = BrowseWidget(self._head, self._now(), self._hear)
                hear_clicks(self._widget)
            return self._widget

    def _new_head(self) -> dict[str, Any]:
        return head_of(self._finder.table, self._columns, live=self._live.going) | {"static": self._class}

    def _now(self) -> dict[str, Any]:
        with self._lock:
            if not self._page:
                said = " · ".join(part for part in (self._live.said, self._trouble) if part)
                made = page_of(self._finder, self._view, self._columns, said=html.printable(said))
                self._page = made | {"heard": self._heard}
            return self._page

    # --- what the page says, on any thread

    def _hear(self, said: Mapping[str, Any]) -> None:
        self._said.append(said)  # every one is done, in their order: keys come faster than pages are made
        self._later.do(self._look, lambda _: self._show())
        self._live.follow()

    def _look(self) -> None:
        with self._lock:
            self._trouble, self._page = "", {}
            while self._said:
                said = self._said.popleft()
                number = said.get("number")
                self._heard = number if isinstance(number, int) else self._heard
                self._view = after(self._view, said, self._finder)
            self._now()

    def _renewed(self, data: ComparisonData) -> None:
        """Show what a batch has answered meanwhile, on the background loop's thread."""
        with self._lock:
            self._data = data
            self._finder = Finder(table_of(data))
            self._refresh()

    def _tell(self, trouble: str) -> None:
        with self._lock:
            self._trouble = trouble
            self._refresh()

    def _refresh(self) -> None:
        self._page, self._head = {}, self._new_head()
        self._show()

    def _show(self) -> None:
        with self._lock:
            page = self._now()
            if self._widget is not None and not is_closed(self._widget):
                with self._widget.hold_sync():
                    self._widget.head, self._widget.page = self._head, page
                hear_clicks(self._widget)
        self._display.update()


async def _warm(table: Table) -> None:
    await asyncio.sleep(WARM_AFTER_S)
    try:
        await asyncio.to_thread(table.warm)
    except Exception:  # it is only sooner: a search that cannot be done says so itself
        log.debug("a browser of rows could not look ahead", exc_info=True)
