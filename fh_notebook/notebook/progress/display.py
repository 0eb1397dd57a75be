"""Progress display of a batch: bar and numbers as HTML, updated in place; lines of text without a page.

- No colour says what a word does not. Necessary styles are inline (``style=``), because JupyterLab removes style sheets
  from a notebook that it does not trust.
- Each start has one display handle: it belongs to the cell that began the batch, on any thread, and an update is one
  message. Once there are controls, the progress is shown among the widgets, which a reloaded page has again; the
  display stays for the saved file.
- Where nobody sits before a page (nbclient, nbconvert, papermill), lines of text are printed instead.
"""

from __future__ import annotations

import contextvars
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from fh_notebook.batching.model import JobCounts
from fh_notebook.batching.progress.display import TextProgress
from fh_notebook.batching.progress.refresh import RefreshTimer
from fh_notebook.batching.progress.state import ProgressSource, ProgressState
from fh_notebook.batching.rendering import STATUS_WORDS
from fh_notebook.contract.callbacks import step_text
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import one_line
from fh_notebook.notebook.progress.app_view import app_state
from fh_notebook.notebook.progress.controls import BatchControls
from fh_notebook.notebook.shell import new_handle, no_lost_widget
from fh_notebook.notebook.ui.buttons import CancelButton, ControlDisplay, WidgetPlace

_TRACK: Final = "rgba(128,128,128,0.3)"
_KEYS: Final = html.BAR_FILLS | {"pending": _TRACK}
"""The colours of the parts and, behind them, of what is still to come."""

_BAR: Final = "display:flex;height:8px;border-radius:4px;overflow:hidden;margin:5px 0"

_LINE: Final = "display:flex;flex-wrap:wrap;align-items:baseline;gap:0 16px"

_WHOLE: Final = "display:inline-block"
"""A number and its words are in one line where they have room for it."""

_OF_UNKNOWN_LENGTH: Final = f"repeating-linear-gradient(135deg,{_TRACK} 0 6px,transparent 6px 12px)"


def open_steps() -> Mapping[tuple[str, str], str]:
    """Return the ids of the approvals that wait for a yes or a no in this process, as `WaitingSteps.approvals` says."""
    service = sys.modules.get("fh_notebook.local.service")  # not imported for a batch elsewhere
    steps = service.steps_here() if service is not None else ()
    return {(step.request_id, one_line(step_text(step.waiting_for, step.question))): step.id for step in steps}


class ProgressView:
    """What is shown of one state: HTML, and the same as text.

    Parameters
    ----------
    plan : str
        The plan in one line.
    state : ProgressState
        How far it is.
    summary : str
        How it ended; empty while it runs.
    note : str
        What somebody has to do while it runs.
    """

    def __init__(self, plan: str, state: ProgressState, *, summary: str = "", note: str = "") -> None:
        self._plan, self._state, self._summary, self._note = plan, state, summary, note

    def __repr__(self) -> str:
        return "\n".join(filter(None, (self._plan, self._summary or str(self._state), self._note)))

    def _repr_html_(self) -> str:
        return self._page(*self._words(), self._steps())

    def _page(self, *lines: html.Html | None) -> html.Html:
        plan = html.el("div", self._plan, cls="fh-dim") if self._plan else None
        return html.el("div", html.STYLE, plan, self.bar(), *lines, cls="fh fh-progress")

    def _steps(self, open_here: Mapping[tuple[str, str], str] | None = None) -> html.Html | None:
        return None if self._summary else self._state.steps.list_html(open_here)

    def live_html(self) -> str:
        """Return the same without what stands below the controls: nothing is clicked in it."""
        return self._page(*self._words())

    def live_below(self) -> str:
        """Return the steps of runs, with buttons where a local hive in this process waits for a yes or a no."""
        steps = self._steps(open_steps()) if self._state.steps else None
        return html.el("div", html.STYLE, steps, cls="fh") if steps else ""

    def bar(self) -> html.Html:
        """Return the bar alone."""
        state = self._state
        counts, is_known = self._counts, state.rows_so_far is None or bool(self._summary)
        track = f"background-color:{_TRACK}" if is_known else f"background:{_OF_UNKNOWN_LENGTH}"
        return html.el(
            "div",
            *(_part(kind, number, counts) for kind, number in _parts(counts).items() if number and is_known),
            cls="fh-bar",
            style=f"{_BAR};{track}",
            role="progressbar",
            aria_label=f"Progress of {state.name}" if state.name else "Progress",
            aria_valuemin=0 if is_known else None,
            aria_valuemax=counts.planned if is_known else None,
            aria_valuenow=state.ended if is_known else None,
            aria_valuetext=self._summary or state.nameless,
        )

    @property
    def _counts(self) -> JobCounts:
        return self._state.counts if self._summary else self._state.shown_counts

    def _words(self) -> list[html.Html]:
        state = self._state
        if self._summary:
            return [*([html.el("div", *legend, style=_LINE)] if (legend := self._legend()) else []),
                    html.el("div", self._summary)]  # fmt: skip
        how_far = html.el("span", *self._how_far())
        reused = [_swatch(html.BAR_FILLS["reused"])] if _parts(state.counts)["reused"] else []
        rest = [
            html.el("span", *(reused if part == state.reused else []), part)
            for part in state.rest
            if part != state.held_by
        ]
        if state.rests:
            rest.append(html.badge("paused", state.held_by))
        elif state.held_by:  # for information: nothing is wrong, and nothing is to be done
            rest.append(html.el("span", state.held_by, cls="fh-dim"))
        note = [html.el("div", self._note)] if self._note else []
        # Named as when it has ended, where the plan names what it calls.
        name = [html.el("strong", f"Batch '{state.name}'"), " "] if self._plan and state.name else []
        return [html.el("div", *name, how_far, *rest, style=_LINE), *note]

    def _how_far(self) -> list[object]:
        """Return how far it is, with the colour of each part of the bar before its number."""
        has_several = len(self._shown_parts()) > 1
        parts = self._state.how_far_parts
        words: list[object] = []
        for place, (kind, text) in enumerate(parts.items(), 1):
            swatch = _swatch(_KEYS[kind]) if has_several and kind in _KEYS else None
            words += [html.el("span", swatch, text, "," if place < len(parts) else "", style=_WHOLE), " "]
        return words[:-1]

    def _legend(self) -> list[html.Html]:
        """Return the parts of the bar with their colours, where there are several."""
        shown = self._shown_parts()
        if len(shown) < 2:
            return []
        words = _words_of_parts(self._counts)
        return [
            html.el("span", _swatch(html.BAR_FILLS[kind]), f"{n:,} {words[kind]}", cls="fh-dim") for kind, n in shown
        ]

    def _shown_parts(self) -> list[tuple[str, int]]:
        return [(kind, number) for kind, number in _parts(self._counts).items() if number]


def _parts(counts: JobCounts) -> dict[str, int]:
    """Return the parts of the bar, in its order; what was reused and failed is under failed."""
    reused = min(counts.reused - counts.reused_failed, counts.done)
    unknown = {"unknown": counts.unknown - counts.waiting, "waiting": counts.waiting}
    failed = {"failed": counts.failed - counts.invalid, "invalid": counts.invalid}
    return {"reused": reused, "completed": counts.done - reused} | failed | unknown


def _part(kind: str, number: int, counts: JobCounts) -> html.Html:
    # Three pixels at least: one failure of 10,000 must be seen.
    style = f"width:{100 * number / max(counts.planned, 1):.3f}%;min-width:3px;background-color:{html.BAR_FILLS[kind]}"
    title = f"{number:,} {_words_of_parts(counts)[kind]}"
    return html.el("span", cls=f"fh-bar-{kind}", style=style, title=title)


def _words_of_parts(counts: JobCounts) -> dict[str, str]:
    """Return what the parts of the bar are called; the words around it count what was reused as completed."""
    names = {kind: STATUS_WORDS[kind] for kind in ("completed", "failed", "invalid", "unknown")}
    names["waiting"] = STATUS_WORDS["awaiting_approval"]
    return names | ({"completed": "completed by calls", "reused": "completed, reused"} if counts.reused else {})


def _swatch(colour: str) -> html.Html:
    style = f"display:inline-block;width:8px;height:8px;border-radius:2px;margin-right:4px;background-color:{colour}"
    return html.el("span", cls="fh-swatch", style=style, aria_hidden="true")


class LiveView(Protocol):
    """What a live display shows of one moment; its text is that of a terminal."""

    def _repr_html_(self) -> str:
        """Return what the saved file has."""
        ...

    def live_html(self) -> str:
        """Return what a page shows where clicks are heard."""
        ...

    def live_below(self) -> str:
        """Return what stands there below what is clicked."""
        ...


STAND_IN_EVERY_S: Final = 10.0
"""How old what stands in for widgets may be: a notebook saves itself every two minutes."""


class LiveDisplay:
    """The place of one thing under a cell: a display that the file keeps, and widgets that take its place in a page.

    Parameters
    ----------
    act : callable, optional
        Told the name of what was clicked in the HTML (``data-act``).
    attach : callable, optional
        Puts the widgets into others: then it is no place under a cell, and the file keeps what those others keep.
    """

    def __init__(
        self, act: Callable[[str], object] | None = None, *, attach: Callable[[Any], object] | None = None
    ) -> None:
        self.place = WidgetPlace(self, act=act, attach=attach)
        """Where what can be clicked is put."""
        self._handle: Any = None
        self._shown: Any = None
        self._is_left = False
        self._stands_in = ("", "")
        self._stood_in_at = 0.0

    def show(self, view: LiveView) -> None:
        """Show `view` in place of what was shown before."""
        self._shown = view
        if self.place.is_placed:
            self.place.show(self.page(), self.below())
            if time.monotonic() - self._stood_in_at >= STAND_IN_EVERY_S:
                self.stand_in(*self._stands_in)
        elif self._handle is None:
            self._handle = new_handle()
            self._handle.display(view)
        else:
            self._handle.update(view)

    def settle(self, view: LiveView) -> None:
        """Show how it ended: this stays in the saved notebook, and the widgets in the page."""
        self._stands_in = (self._stands_in[0], "")
        self._shown, self._stood_in_at = view, -STAND_IN_EVERY_S
        self.show(view)

    def leave(self, view: LiveView) -> None:
        """Show how it ended, in the saved notebook and in the page; nothing can be clicked any more."""
        self._shown, self._is_left = view, True
        self.place.leave()
        self.place.show(self.page())  # of a page that was reloaded, also where nothing is left to click
        if self._handle is not None:
            self._handle.update(view)

    def page(self) -> str:
        """Return what is shown now, as HTML; with what is clicked in it, where that is heard."""
        return str(self._shown._repr_html_() if self._is_left else self._shown.live_html())

    def below(self) -> str:
        """Return what is shown now below what is clicked, as HTML."""
        return "" if self._is_left else self._shown.live_below()

    def stand_in(self, dom_class: str, text: str) -> None:
        """Be what is seen where there are no widgets."""
        self._stands_in, self._stood_in_at = (dom_class, text), time.monotonic()
        if self._handle is not None:
            self._handle.update(StaticProgress(self._shown, dom_class, text))


class LiveProgress:
    """The progress of what runs, in a display with what a person can click under it.

    Parameters
    ----------
    display : LiveDisplay, optional
        Where it is shown, if that goes on after the end; else a place of its own, which is left with how it ended.
    is_alone : bool
        Whether it says the plan and has a button to cancel; a form has its own.
    is_app : bool
        Whether it is shown to users of an app: see :func:`app_state`.
    """

    def __init__(self, display: LiveDisplay | None = None, *, is_alone: bool = True, is_app: bool = False) -> None:
        self._is_alone, self._is_app = is_alone, is_app
        self._outlives = display is not None
        self._display = display if display is not None else LiveDisplay()
        self._pacer = RefreshTimer(self._draw)
        self._control_display: ControlDisplay | None = None
        self._plan = ""
        self._note = ""
        self._drawn = ("", "")

    def begin(self, batch: ProgressSource) -> None:
        """Show the plan and an empty bar, and in a while a way to cancel."""
        self._pacer.begin(batch)
        self._plan = str(batch.plan()) if self._is_alone and not self._is_app else ""
        self._display.show(self._view(self._pacer.state()))
        controls = (
            CancelButton(batch.cancel)
            if batch.blocks and self._is_alone
            else BatchControls(batch, self._pacer.update, has_cancel=self._is_alone, has_throttle=not self._is_app)
        )
        self._control_display = ControlDisplay(controls, blocks=batch.blocks, place=self._display.place)
        self._control_display.begin()

    def update(self, batch: ProgressSource) -> None:
        """Show how far it is, unless that was shown just now."""
        self._pacer.update()

    def say(self, note: str) -> None:
        """Say what somebody has to do, from the next drawing on until the end."""
        self._note = note
        self._pacer.update()

    def end(self, batch: ProgressSource) -> None:
        """Show how it ended: this stays in the saved notebook."""
        self._plan = batch.plan().when_over if self._plan else ""
        view = self._view(self._pacer.state(), summary=batch.summary())
        self._pacer.end()
        if self._control_display is not None:
            self._control_display.end()
        if self._outlives:
            self._display.settle(view)
        else:
            self._display.leave(view)

    def show_last(self, view: Any) -> None:
        """Show `view` in place of how it ended: this stays in the saved notebook."""
        self._display.leave(view)

    def _draw(self, state: ProgressState) -> None:
        view = self._view(state)
        # Below are the buttons of steps: a question of the same words may be another one.
        if (drawn := (self._state_text(state), view.live_below())) != self._drawn:  # else a page would be sent again
            self._drawn = drawn
            self._display.show(view)
        if self._control_display is not None:
            self._control_display.follow()

    # What another thing than a batch shows otherwise.

    def _view(self, state: ProgressState, *, summary: str = "") -> LiveView:
        return progress_view(state, self._plan, summary, is_app=self._is_app, note="" if summary else self._note)

    def _state_text(self, state: ProgressState) -> str:
        return f"{state}\n{self._note}"


def progress_view(
    state: ProgressState, plan: str = "", summary: str = "", *, is_app: bool, note: str = ""
) -> ProgressView:
    """Return what is shown of a state, where there are users of an app in their words."""
    if is_app:
        state = app_state(state)
        summary = state.how_far if summary else ""
    return ProgressView(plan, state, summary=summary, note=note)


class StaticProgress:
    """What is seen where the widgets are not: how it was at a time, and what can be done; or how it ended."""

    def __init__(self, view: LiveView, dom_class: str, text: str) -> None:
        self._view, self._dom_class = view, dom_class
        now = f"State of {datetime.now(UTC):%H:%M:%S} UTC, not updated after a reload. {text}"
        self._text = now if text else ""

    def __repr__(self) -> str:
        return f"{self._view}\n{self._text}" if self._text else repr(self._view)

    def _repr_html_(self) -> str:
        note = html.el("div", html.el("span", self._text, cls="fh-dim"), cls="fh") if self._text else None
        hide = no_lost_widget(self._dom_class)
        return html.el("div", hide, self._view._repr_html_(), note, cls=self._dom_class)


class PlainProgress(TextProgress):
    """Lines of text under a cell that a program runs."""

    def __init__(self) -> None:
        self._output = CellOutput()
        super().__init__(self._output)

    def begin(self, batch: ProgressSource) -> None:
        """Say the plan."""
        self._output.of_batch = batch.blocks
        super().begin(batch)


class CellOutput:
    """Standard output: a page shows standard error in red, and nothing is wrong here.

    What a batch in the background says goes to the cell that runs at that moment: nbclient drops what is said for a
    cell that has ended.
    """

    of_batch = True
    """Whether the batch's own cell is still there to take it."""

    def write(self, text: str) -> None:
        """Write `text`."""
        if self.of_batch:
            sys.stdout.write(text)
        else:
            # ipykernel finds the cell of an output in the context; in an empty one, it takes the present cell.
            contextvars.Context().run(sys.stdout.write, text)

    def flush(self) -> None:
        """Nothing waits here: ipykernel sends what was written a moment later."""
