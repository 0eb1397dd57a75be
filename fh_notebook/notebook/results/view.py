"""`ResultsView`: the results of a submission, one column for each variant, with elapsed time.

Plain ipywidgets, and traits only. Callers may be on any thread: that of a click, of a cell, or of the background loop.
A late answer to an older submission is dropped here. Elapsed time is updated by a timer on the background loop, which
ends with the submission.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from ipywidgets import HTML, Box, Layout, VBox
from ipywidgets.widgets.widget_description import DescriptionStyle
from ipywidgets.widgets.widget_string import HTMLStyle

from fh_notebook.comparing.diff.markup import MARKS_STYLE
from fh_notebook.contract import output as output_view
from fh_notebook.contract.run import Run
from fh_notebook.core import event_loop
from fh_notebook.core.redaction import log
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import one_line
from fh_notebook.core.text.messages import agreeing, counted
from fh_notebook.notebook.results.answer_card import names_first
from fh_notebook.notebook.results.column import ResultColumn
from fh_notebook.notebook.results.state import SubmitState, columns_of
from fh_notebook.notebook.ui.display import new_prefix
from fh_notebook.notebook.ui.output_actions import output_actions

WAITED_FOR: Final = "waited for"
"""What a column says of a call whose answer comes later."""

BEAT_S: Final = 0.5

LEAST_S: Final = 0.2
"""At most 5 updates a second (JUPYTER.md), whoever asks for more."""


class TickTimer:
    """Calls `tick` on the background loop, twice a second, from :meth:`start` until it returns false.

    Parameters
    ----------
    tick : callable
        Shows how far it is; returns whether it goes on.
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, tick: Callable[[], bool], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._tick = tick
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self._began = 0.0
        self._shown = 0.0

    def start(self, ago_s: float = 0.0) -> None:
        """Begin at zero, or at `ago_s` seconds."""
        self._began = self._clock() - ago_s
        self._shown = self._clock()
        with suppress(RuntimeError):  # the loop has ended: then time does not tick
            running = event_loop.background().loop
            running.call_soon_threadsafe(self._schedule_next, running)

    def elapsed_s(self) -> float:
        """Return the seconds since the start."""
        return self._clock() - self._began

    def due(self) -> bool:
        """Whether something may be shown again, and note that it is."""
        now = self._clock()
        if now - self._shown < LEAST_S:
            return False
        self._shown = now
        return True

    def _schedule_next(self, running: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = running.call_later(BEAT_S, self._beat, running)

    def _beat(self, running: asyncio.AbstractEventLoop) -> None:
        try:
            goes_on = self._tick()
        except Exception:  # a page that has gone is no reason to say so twice a second
            log.warning("the elapsed time can no longer be shown", exc_info=True)
            goes_on = False
        if goes_on:
            self._schedule_next(running)


PAGE_CAP: Final = 200_000
"""Characters of all outputs together that are sent to the page for one state."""

COLUMNS_SHOWN: Final = 40


_STYLE: Final = html.Html(
    f"{html.STYLE}<style>{MARKS_STYLE}{output_view.CSS}"
    ".fh-results .widget-html-content{line-height:inherit;font-size:inherit}"
    # Columns in a line have heads of one height, so that their outputs begin at the same place.
    ".fh-results .fh-column{display:grid;grid-template:subgrid/minmax(0,1fr);grid-row:span 2;row-gap:0}"
    ".fh-results .fh-column:has(>.fh-repeats){grid-row:span 3}"
    ".fh-results,.fh-column .widget-html,.fh-results>.widget-html{margin:0}"
    ".fh-column .widget-html,.fh-column .widget-html-content{width:auto;max-width:100%;min-width:0}"
    ".fh-column .widget-html-content{flex:1 1 0}"
    "</style>"
)


class ResultsView:
    """What came of each variant, beside each other.

    Parameters
    ----------
    clock : callable
        Seconds that only grow.
    line : HTML, optional
        A widget in which it says in one line how far the calls are; one above the columns by default.
    is_app : bool
        Whether it is shown to users of an app, to whom nothing is said of the service.
    deployment : str
        Its name, where the heads have it.

    Attributes
    ----------
    widget : VBox
        To be put into a form. Nothing but it is made before the first submit.

    Examples
    --------
    >>> view = ResultsView()
    >>> submit = view.begin(["a", "b"])
    >>> view.show(1, Run(status="completed", output="billing", deployment="triage", variant="b"), submit=submit)
    >>> [run.output for run in view.runs], view.over
    (['billing'], False)
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        line: HTML | None = None,
        is_app: bool = False,
        deployment: str = "",
    ) -> None:
        self._is_app, self._deployment = is_app, deployment
        self._lock = threading.RLock()
        self._number = 0
        self._submit: SubmitState | None = None
        self._known: tuple[str, ...] = ()
        self._columns: list[ResultColumn] = []
        self._looks: dict[str, dict[str, Any]] = {}
        self._clock = TickTimer(self._beat, clock=clock)
        self._line = HTML() if line is None else line
        self._above = (self._line,) if line is None else ()
        self._side: Any = None
        self._prefix = new_prefix()
        self.widget = VBox(_dom_classes=("fh-results",))

    # --- call by call

    def begin(
        self,
        variants: Sequence[str],
        repeats: int = 1,
        *,
        known: Sequence[str] = (),
        sent: int = 0,
        ago_s: float = 0.0,
    ) -> int:
        """Show a new submit: every column waits. Answers to the one before are dropped from now on."""
        with self._lock:
            self._number += 1
            self._submit = SubmitState(columns_of(variants), repeats)
            self._known = tuple(known)
            self._clock.start(ago_s)
            for index in range(sent):
                self._submit.begin(index, self._clock.elapsed_s())
            self._arrange(self._submit)
            self._draw(afresh=True)
            return self._number

    def started(self, index: int, *, began_s: float | None = None, submit: int | None = None) -> None:
        """Show that a call was sent, now or `began_s` seconds after the submit began: its column says ``running``.

        A form need not know it.
        """
        with self._lock:
            if self._is_now(submit) and self._submit is not None:
                self._submit.begin(index, self._clock.elapsed_s() if began_s is None else began_s)
                self._draw(only=index)

    def waits(self, index: int, *, submit: int | None = None) -> None:
        """Show that the service has taken a call; the form says below how far it is and what it waits for."""
        with self._lock:
            if self._is_now(submit) and self._submit is not None:
                self._submit.wait(index, WAITED_FOR)
                self._draw(only=index)

    def show(self, index: int, run: Run, *, submit: int | None = None) -> None:
        """Show what came of a call."""
        with self._lock:
            if self._is_now(submit) and self._submit is not None:
                self._submit.answer(index, run)
                self._draw(only=index)

    def stopped(self, message: str = "", *, was_sent: bool = True, submit: int | None = None) -> None:
        """Show that nothing more is waited for, and why, in one line; `was_sent` is whether calls may have run."""
        with self._lock:
            if self._is_now(submit) and self._submit is not None:
                self._submit.stop(one_line(message, 2_000), was_sent=was_sent)
                self._draw()

    def tick(self) -> None:
        """Show the time that has passed, unless that was shown less than a fifth of a second ago."""
        with self._lock:
            if self._submit is not None and not self._submit.over and self._clock.due():
                self._show_time(self._submit)

    # --- what is known

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs of the last submit that came, in the order of its calls."""
        with self._lock:
            return self._submit.runs if self._submit is not None else ()

    @property
    def over(self) -> bool:
        """Whether nothing is waited for."""
        with self._lock:
            return self._submit is None or self._submit.over

    # --- drawing; with the lock

    def _is_now(self, submit: int | None) -> bool:
        return submit is None or submit == self._number

    def _arrange(self, submit: SubmitState) -> None:
        """Make the columns that are missing; those that are there are used again."""
        count = min(len(submit.variants), COLUMNS_SHOWN)
        if self._side is None:
            self._looks = _looks()
            self._side = Box(**self._looks["side"])
            actions = output_actions(self._prefix, self._shown_of, self._chose_form)
            self.widget.children = (HTML(_STYLE), *self._above, self._side, actions)
        while len(self._columns) < count:
            key = f"{self._prefix}{len(self._columns)}"
            self._columns.append(
                ResultColumn(
                    key,
                    self._looks,
                    self._lock,
                    self._redraw,
                    is_app=self._is_app,
                    deployment=self._deployment,
                )
            )
        children = tuple(column.widget for column in self._columns[:count])
        if children != self._side.children:
            self._side.children = children

    # --- what the page's script asks for

    def _shown_of(self, key: str) -> output_view.ShownOutput | None:
        """Return the output that a column shows; ``None`` where it shows none."""
        with self._lock:
            return next((column.shown for number, column in enumerate(self._columns) if str(number) == key), None)

    def _chose_form(self, key: str, form: str) -> None:
        """Note the form that a person chose in a column: the page shows it already."""
        with self._lock:
            for number, column in enumerate(self._columns):
                if str(number) == key:
                    column.form = form

    def _redraw(self) -> None:
        """Compare anew: another repeat of the first variant is looked at."""
        with self._lock:
            self._draw()

    def _draw(self, *, only: int | None = None, afresh: bool = False) -> None:
        submit = self._submit
        if submit is None:
            return
        if submit.over and submit.ended_s is None:
            submit.ended_s = self._clock.elapsed_s()
        columns = self._columns[: len(submit.variants)]
        cap = min(html.TEXT_CAP, PAGE_CAP // max(len(columns), 1))
        # What the first column shows is what all others are compared to.
        colours = html.colours_of(submit.variants, self._known) if len(columns) > 1 else {}
        # The first one in the end: whether it is called the baseline follows from the others.
        others = range(len(columns)) if only is None or only < submit.repeats else [only // submit.repeats]
        numbers = [*others, 0]
        for number in numbers:
            if number < len(columns):
                first = columns[0].run if number else None
                is_reference = number == 0 and any(names_first(other.run, columns[0].run) for other in columns[1:])
                columns[number].show(
                    submit.of_column(number), first, cap, is_reference=is_reference, afresh=afresh,
                    colour=colours.get(submit.variants[number]), now_s=self._seconds(submit),
                )  # fmt: skip
        self._show_time(submit)

    def _beat(self) -> bool:
        self.tick()
        with self._lock:
            return self._submit is not None and not self._submit.over and not self._submit.rests

    def _seconds(self, submit: SubmitState) -> float:
        return self._clock.elapsed_s() if submit.ended_s is None else submit.ended_s

    def _show_time(self, submit: SubmitState) -> None:
        """Show the same time in the line and in the columns."""
        now_s = self._seconds(submit)
        self._show_line(submit, now_s)
        for column in self._columns[: len(submit.variants)]:
            column.show_time(now_s)

    def _show_line(self, submit: SubmitState, now_s: float) -> None:
        left = len(submit.variants) - COLUMNS_SHOWN
        whole = "" if self._is_app else "; form.frame has everything"
        more = f"{counted(left, 'variant')} {agreeing(left, 'are')} not shown{whole}" if left > 0 else None
        message = html.el("div", submit.message, cls="fh-error") if submit.message else None
        line = html.el("div", submit.line(now_s), cls="fh-dim fh-line", role="status")
        value = html.el("div", line, message, html.el("div", more, cls="fh-dim") if more else None, cls="fh")
        if value != self._line.value:
            self._line.value = value


def _looks() -> dict[str, dict[str, Any]]:
    """What the widgets of all columns share, by kind: every Layout and every Style is a message to the page."""
    return {
        # A grid, so that the columns of a second row have the width of those above; one alone takes all of it.
        "side": {
            "layout": Layout(display="grid", grid_gap=html.SIDE_GAP, overflow="visible"),
            "_dom_classes": ("fh-side",),
        },
        "column": {"layout": Layout(min_width="0", max_width="100%", overflow="visible")},
        "html": {"layout": Layout(), "style": HTMLStyle()},
        "repeats": {
            "layout": Layout(width="260px", max_width="100%"),
            "style": DescriptionStyle(description_width="initial"),
        },
    }
