"""`Browser`: a table of rows and variants, paged from the kernel, updated while a batch runs.

- A page sends the query, and the kernel answers with that page as one trait. The handler returns at once; the search
  runs on a thread, and no key is dropped. The last state, as plain HTML and text, stays in the saved notebook.
- The static page is shown first, so it can be read while the libraries of the widget are imported (0.3 s, once in a
  kernel). The widget hides it; where widgets are unknown, it stays.
- A correction of an expected output is one of the comparison itself, whose scores this page and all others of it then
  have. It is made beside what the page asks for otherwise, which is served meanwhile: a judge may be asked again.
- Reading a running batch takes at most a fifth of the time. Nothing is called for it: scores that need the service (a
  judge's) stay as they are until ``cmp.rescore()``, and the page says so.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import numpy as np
import pandas as pd

from fh_notebook.batching.batch import Batch
from fh_notebook.comparing import tables
from fh_notebook.comparing.comparison import compare
from fh_notebook.comparing.corrections import ExpectedEditor
from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.score_set import ScoreSet
from fh_notebook.comparing.scorers.base import NO_SCORE, ScoreResult
from fh_notebook.comparing.scorers.observations import unknown_column
from fh_notebook.core import arguments, event_loop
from fh_notebook.core.redaction import error_text, log
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import short
from fh_notebook.core.values import ColumnName
from fh_notebook.errors import FetchHiveError, InputError
from fh_notebook.notebook.browser.page import shown_of_card, table_head, table_page
from fh_notebook.notebook.browser.query import LARGEST_PAGE, RowFinder, TableQuery, checked_query, query_after, stepped
from fh_notebook.notebook.browser.static import page_html, page_text
from fh_notebook.notebook.browser.table import BrowserTable, browser_table
from fh_notebook.notebook.shell import WIDGET_VIEW, enable_clicks, new_handle, running_kernel, widget_view
from fh_notebook.notebook.ui.buttons import has_person, is_app
from fh_notebook.notebook.ui.display import WidgetDisplay, is_closed
from fh_notebook.notebook.ui.latest_task import LatestTask

if TYPE_CHECKING:
    from fh_notebook.comparing.comparison import Comparison

EVERY_S: Final = 1.0

LOOK_S: Final = 0.2

SHARE: Final = 5
"""After each reading, so many times as long as it took is waited."""


class LiveComparison:
    """Follows the batches of a comparison while they run.

    Parameters
    ----------
    scores : ScoreSet
        Of what; it is left as it is.
    renewed : callable
        Takes the data of what there is now.
    """

    def __init__(self, scores: ScoreSet, renewed: Callable[[ComparisonData], object]) -> None:
        self._of = scores
        self._scores = scores.copy()
        self._is_reread = False
        """Whether it has read the batches, and has more than the comparison."""
        self._on_new_data = renewed
        self._batches = _batches_of(scores.source)
        self._lock = threading.Lock()
        self._reading = threading.RLock()
        """Held while the scores are made anew: on the thread that follows a batch, or on that of a correction."""
        self._following = False
        self._seen = self._counts()
        self._taken = scores.data
        """What it has of the comparison."""

    @property
    def going(self) -> bool:
        """Whether a batch is running."""
        return any(batch.running for batch in self._batches)

    @property
    def progress_text(self) -> str:
        """How far the batches are, in words; nothing when they have ended."""
        if not self.going:
            return ""
        counts = [batch.counts for batch in self._batches]
        done, planned = sum(c.done for c in counts), sum(c.planned for c in counts)
        note = "; cmp.rescore() scores the new answers" if _asks(self._scores.own_score) else ""
        return f"running: {done:,} of {planned:,} completed{note}"

    def follow(self) -> None:
        """Read again while a batch is running; without one, nothing. From any thread."""
        with self._lock:
            if self._following or not (self.going or self._counts() != self._seen):
                return
            self._following = True
        event_loop.background().submit(self._follow())

    def refresh(self) -> None:
        """Read again now, on this thread."""
        with self._reading:
            self._read_again()

    def _read_again(self) -> None:
        self._seen, taken = self._counts(), self._of.data
        score = self._scores.own_score
        keeps = self.data.rated or _asks(score)
        # Those of the comparison may be newer: it is scored again after a correction, and by `rescore`.
        known = taken if taken.scorer == self.data.scorer else self.data
        self._scores.reread(_StoredScores(known) if keeps else score)
        self._taken, self._is_reread = taken, True
        self._on_new_data(self.data)

    def take_over(self) -> None:
        """Take over the scores of the comparison after a correction of it, on this thread; once for each."""
        with self._reading:
            if self._taken is self._of.data:
                return
            if self._is_reread:
                self._read_again()
            else:
                self._scores = self._of.copy()
                self._taken = self._scores.data
                self._on_new_data(self.data)

    def follow_correction(self) -> None:
        """Take over the scores of the comparison soon. From any thread."""
        event_loop.background().submit(self._take_over_soon())

    async def _take_over_soon(self) -> None:
        try:
            await asyncio.to_thread(self.take_over)
        except Exception:
            log.warning("a browser of rows could not take over a correction", exc_info=True)

    @property
    def data(self) -> ComparisonData:
        """What there was when it was read last."""
        return self._scores.data

    def _counts(self) -> list[Any]:
        counts = [(batch.counts, batch.running) for batch in self._batches]
        return [(c.planned, c.done, c.failed, c.unknown, running) for c, running in counts]

    async def _follow(self) -> None:
        try:
            while True:
                if self._counts() != self._seen:
                    began = time.monotonic()
                    await asyncio.to_thread(self.refresh)
                    await asyncio.sleep(max(EVERY_S, SHARE * (time.monotonic() - began)))
                elif not self.going:
                    return
                else:
                    await asyncio.sleep(LOOK_S)
        except Exception:
            log.warning("a browser of rows could not read its batch again", exc_info=True)
        finally:
            with self._lock:
                self._following = False


def _batches_of(source: Any) -> list[Batch]:
    if isinstance(source, Batch):
        return [source]
    return [batch for batch in source.values() if isinstance(batch, Batch)] if isinstance(source, Mapping) else []


def _asks(score: Any) -> bool:
    """Whether scoring may call the service, or code of the user's that waits: it, or one of its parts, is async."""
    return bool(getattr(score, "is_async", False)) or any(_asks(member) for member in getattr(score, "members", ()))


class _StoredScores:
    """Gives each run the score that it had, and a new one none: nothing is asked for."""

    def __init__(self, data: ComparisonData) -> None:
        self.name = data.scorer
        self.lower_is_better = data.lower
        self._scores_before: dict[Any, deque[float]] = {}
        lines = data.lines
        for pair, variant, score, status in zip(
            lines["pair"], lines["variant"], lines["score"], lines["status"], strict=True
        ):
            if status == "completed":
                self._scores_before.setdefault((pair, variant), deque()).append(score)

    def score_all(self, observations: Sequence[Any], *, fresh: bool) -> list[ScoreResult]:
        """Return the scores that there were."""
        had = {key: deque(scores) for key, scores in self._scores_before.items()}
        return [self._next_score(had.get((o.pair, o.variant))) if o.completed else NO_SCORE for o in observations]

    @staticmethod
    def _next_score(scores: deque[float] | None) -> ScoreResult:
        return ScoreResult(scores.popleft()) if scores else NO_SCORE


class BrowserDisplay(WidgetDisplay):
    """The places in which one browser is shown."""

    def show(self, make_widget: Callable[[], Any]) -> None:
        """Show the page under the running cell, then the widget; in a terminal, the page's text."""
        if self.printed():
            return
        self.show_page()
        new_handle().display({WIDGET_VIEW: widget_view(make_widget()), "text/plain": ""}, raw=True)


COLUMNS_SHOWN: Final = 2

CORRECTIONS_TOLD: Final = 8
"""A page that saves faster than it is drawn hears of so many at once."""

WARM_AFTER_S: Final = 0.5
"""Behind the first page: what a search needs is made while a person reads."""


def browse(
    shown: Comparison | Batch,
    *,
    columns: Sequence[ColumnName] | None = None,
    page_size: int = 25,
    corrections: bool | None = None,
    for_app: bool = False,
) -> Browser:
    """Return the browser of a comparison, or of a batch's rows (see ``Comparison.browse`` and ``Batch.browse``).

    `for_app`: whether it is for the users of an app, as everything is in the kernel of one: then errors are in their
    words, and corrections are offered only where they are asked for.
    """
    if isinstance(page_size, bool) or not isinstance(page_size, int) or not 1 <= page_size <= LARGEST_PAGE:
        raise InputError(f"page_size is {short(page_size)}; give a whole number from 1 to {LARGEST_PAGE}")
    if isinstance(columns, str):
        raise InputError(f"columns is {short(columns)}; give a list of columns: [{short(columns)}]")
    arguments.check_one("columns", columns, "Sequence[Any] | None")
    cmp = compare(shown) if isinstance(shown, Batch) else shown
    if for_app and corrections is None:
        corrections = False
    return Browser(cmp, columns=columns, page_size=page_size, corrections=corrections, for_app=for_app)


class Browser:
    """A live table of the rows of a comparison. Made by ``Comparison.browse``.

    It shows itself at the end of a cell. What a person does on the page changes :attr:`view`; :meth:`show` does the
    same from a cell.
    """

    def __init__(
        self,
        cmp: Comparison,
        *,
        columns: Sequence[ColumnName] | None = None,
        page_size: int = 25,
        corrections: bool | None = None,
        for_app: bool = False,
    ) -> None:
        self._lock = threading.RLock()
        self._is_app = for_app or is_app()
        self._editor = ExpectedEditor(lambda: self._data, cmp.correct, cmp.score_set.subscribe, is_offered=corrections)
        self._data = cmp.data
        self._finder = RowFinder(browser_table(cmp.data, is_app=self._is_app))
        table = self._finder.table
        self._columns = [*map(arguments.column_text, columns)] if columns is not None else table.columns[:COLUMNS_SHOWN]
        for name in self._columns:
            if not isinstance(name, str) or name not in table.columns:
                raise InputError(unknown_column(name, table.columns, "of the rows"))
        self._view = TableQuery(size=page_size)
        self._last_number = 0
        self._messages: deque[Mapping[str, Any]] = deque()
        self._error = ""
        self._to_correct: deque[tuple[Any, Mapping[str, Any], Any]] = deque()
        """The corrections that the page has sent, with the labels of their rows and the numbers of their messages."""
        self._corrections: deque[dict[str, Any]] = deque(maxlen=CORRECTIONS_TOLD)
        """What came of the last of them."""
        self._class = f"fh-browse-{uuid4().hex[:8]}"
        self._widget: Any = None
        self._live = LiveComparison(cmp.score_set, self._on_new_data)
        self._editor.subscribe(self._live.follow_correction)
        self._head = self._new_head()
        self._page: dict[str, Any] = {}
        self._task = LatestTask(self._show_error)
        self._correcting = LatestTask(self._show_error)
        self._display = BrowserDisplay(
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
        indexes = {label: index for index, label in enumerate(labels)}
        row_order = [indexes[label] for label in wide[data.pair_on]]
        return wide.iloc[np.argsort(row_order, kind="stable")].reset_index(drop=True)

    def show(self, *, row: Any = None, **view: Any) -> Browser:
        """Look at the table in another way, and return the browser; the page follows.

        Examples
        --------
        >>> import fh_notebook as fh
        >>> frame = pd.DataFrame({"row": [0, 1], "variant": "a", "s": [1, 0], "language": ["en", "de"]})
        >>> fh.compare(frame, score="s").browse().show(where={"language": "de"}).frame["a.score"].tolist()
        [0.0]
        """
        with self._lock:
            table = self._finder.table
            query = checked_query(
                self._view, view, variants=table.variants, columns=table.columns, labels=table.labels_expected
            )
            if row is not None:
                row_index = table.row_of_label(row)
                if row_index is None:
                    raise InputError(f"{table.pair_on} {short(row)} is not in the table")
                query = replace(query, open=row_index)
                order = self._finder.order(query)
                query = stepped(query, order, 0) if row_index in order else query
            self._view = query
            self._refresh()
        return self

    def refresh(self) -> Browser:
        """Read the batch again, and return the browser; while it runs, this is done by itself."""
        self._live.refresh()
        return self

    # --- how it shows

    def _ipython_display_(self) -> None:
        self._display.show(self._make_widget)
        self._live.follow()
        if has_person(running_kernel()):
            event_loop.background().submit(self._count_soon(self._finder.table))

    def _repr_html_(self) -> str:
        return page_html(self._head, self._now())

    def __repr__(self) -> str:
        return page_text(self._head, self._now())

    @property
    def widget(self) -> Any:
        """The table as one widget, to be put among others; made at the first use."""
        widget = self._make_widget()
        self._live.follow()
        return widget

    def _make_widget(self) -> Any:
        with self._lock:
            if self._widget is None or is_closed(self._widget):
                from fh_notebook.notebook.browser.widget import BrowserWidget

                self._widget = BrowserWidget(self._head, self._now(), self._receive)
                enable_clicks(self._widget)
            return self._widget

    def _new_head(self) -> dict[str, Any]:
        head = table_head(self._finder.table, self._columns, live=self._live.going)
        return head | {"static": self._class, "can_correct": self._editor.can_correct}

    def _now(self) -> dict[str, Any]:
        with self._lock:
            if not self._page:
                status = " · ".join(part for part in (self._live.progress_text, self._error) if part)
                page = table_page(self._finder, self._view, self._columns, status=html.printable(status))
                if page["open"] is not None:
                    page["open"]["form"] = self._editor.values(self._finder.table.label(page["open"]["row"]))
                self._page = page | {"heard": self._last_number, "corrections": [*self._corrections]}
            return self._page

    # --- what the page says, on any thread

    def _receive(self, message: Mapping[str, Any]) -> None:
        self._messages.append(message)  # every one is done, in their order: keys come faster than pages are made
        self._task.do(self._look, lambda _: self._show())
        if isinstance(correction := message.get("correct"), Mapping):
            with self._lock:
                table, row = self._finder.table, correction.get("row")
            if type(row) is int and 0 <= row < table.rows:  # its place is that of now: it may wait for a judge
                self._to_correct.append((table.label(row), correction, message.get("number")))
                self._correcting.do(self._correct_all, lambda _: self._show())
        self._live.follow()

    def _look(self) -> None:
        while self._messages:
            message = self._messages.popleft()
            if isinstance(key := message.get("output"), str):
                self._send_output(key, str(message.get("form") or ""))
                continue
            with self._lock:
                self._error, self._page = "", {}
                number = message.get("number")
                self._last_number = number if isinstance(number, int) else self._last_number
                self._view = query_after(self._view, message, self._finder)
        with self._lock:
            self._now()

    def _send_output(self, key: str, form: str) -> None:
        """Send all of an opened output, or of an error, by its row and the number of its variant."""
        from fh_notebook.notebook.ui.output_actions import whole_output

        row, _, variant = key.partition("-")
        with self._lock:
            table, shown = self._finder.table, None
            if row.isdecimal() and int(row) < table.rows and variant.isdecimal() and int(variant) < len(table.variants):
                wanted = self._view.search.strip()
                shown = shown_of_card(table, table.answer(int(row), int(variant)), wanted=wanted)
        self._widget.send({"output": key, "form": form, **whole_output(shown, form, key=key)})

    def _correct_all(self) -> None:
        while self._to_correct:
            self._correct(*self._to_correct.popleft())

    def _correct(self, label: Any, correction: Mapping[str, Any], number: Any) -> None:
        """Correct the expected output of a row as the page says, and note what came of it."""
        problem = ""
        try:
            self._editor.submit(label, correction)
            self._live.take_over()
        except FetchHiveError as exc:
            problem = str(exc)
        except Exception as exc:  # of a user's scorer, say; the page waits for an answer
            log.warning("a correction failed", exc_info=True)
            problem = f"not saved: {error_text(exc)}"
        with self._lock:
            row = correction["row"]
            self._corrections.append({"number": number, "row": row, "problem": html.printable(problem)})
            self._page = {}
            self._now()

    def _on_new_data(self, data: ComparisonData) -> None:
        """Show what a batch has answered meanwhile, on the background loop's thread."""
        with self._lock:
            self._data = data
            self._finder = RowFinder(browser_table(data, is_app=self._is_app))
            self._refresh()

    async def _count_soon(self, table: BrowserTable) -> None:
        """Make what a search and the counts need, behind the first page, and show the counts."""
        had_counts = table.is_warm
        await _warm(table)
        if not had_counts and table.is_warm:
            await asyncio.to_thread(self._show_again)

    def _show_again(self) -> None:
        with self._lock:
            self._refresh()

    def _show_error(self, error: str) -> None:
        with self._lock:
            self._error = error
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
                enable_clicks(self._widget)
        self._display.update()


async def _warm(table: BrowserTable) -> None:
    await asyncio.sleep(WARM_AFTER_S)
    try:
        await asyncio.to_thread(table.warm)
    except Exception:  # it is only sooner: a search that cannot be done says so itself
        log.debug("a browser of rows could not prepare its searches", exc_info=True)
