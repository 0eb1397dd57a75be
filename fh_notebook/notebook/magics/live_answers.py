"""Live display of a cell's calls: the columns of its variants, filled as answers come, with Cancel below them.

Rule of this file: at first it is HTML. After a second, and where clicks are heard, a results view with a Cancel button
takes its place (:class:`~fh_notebook.notebook.ui.buttons.ControlDisplay`): what a person opens in one column stays when
another changes, and a reloaded page goes on. When the calls have ended, HTML is left, which the notebook saves.

All of it runs on the loop that sends the calls. Where nobody sits before a page, nothing is displayed before the end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.run import Run
from fh_notebook.core.text import html
from fh_notebook.notebook.results.cards import LastState
from fh_notebook.notebook.results.state import SubmitState, columns_of
from fh_notebook.notebook.shell import new_handle, no_lost_widget, running_kernel
from fh_notebook.notebook.ui.buttons import USE_STOP, CancelButton, ControlDisplay, OnLoopHandler, has_person

__all__ = ["LiveAnswers"]


SOON_S: Final = 0.3
"""A single call that takes less leaves no empty output before its value."""


class LiveAnswers:
    """The display of one cell's calls, and what can be clicked under it.

    Parameters
    ----------
    requests : sequence of InvokeRequest
        Those of a variant lie next to each other.
    """

    text = USE_STOP

    def __init__(self, requests: Sequence[InvokeRequest]) -> None:
        variants = columns_of(str(request.variant or request.deployment) for request in requests)
        self._deployment = requests[0].deployment if requests else ""
        self._submit = SubmitState(variants, len(requests) // max(len(variants), 1))
        self._cancel: Callable[[], object] = lambda: None
        self._began = time.monotonic()
        self._handle: Any = None
        self._timer: asyncio.TimerHandle | None = None
        self._results: Any = None
        self._control_display = ControlDisplay(self, above=self)

    # --- call by call

    def begin(self, cancel: Callable[[], object]) -> None:
        """Show that every call waits, and in a while a button that calls `cancel`."""
        self._cancel = cancel
        if running_kernel() is not None and has_person(running_kernel()) is not False:
            if len(self._submit.calls) > 1:
                self._show()
            else:
                # With the context of this call, in which ipykernel finds the cell that an output belongs to.
                self._timer = asyncio.get_running_loop().call_later(SOON_S, self._show)
        self._control_display.begin()

    def _show(self) -> None:
        self._handle = new_handle()
        self._handle.display(self._state())

    def started(self, index: int) -> None:
        """Show that a call was sent."""
        self._submit.begin(index, time.monotonic() - self._began)
        if self._results is not None:
            self._results.started(index)
        else:
            self._update()

    def answered(self, index: int, run: Run) -> None:
        """Show what came of a call."""
        self._submit.answer(index, run)
        if self._results is not None:
            self._results.show(index, run)
        else:
            self._update()

    def end(self) -> None:
        """Take away what can be clicked."""
        results, self._results = self._results, None
        if self._timer is not None:
            self._timer.cancel()
        if not self._submit.over:
            self._submit.stop()
        if results is not None:
            results.stopped()
        self._control_display.end()

    def leave(self, shown: Any) -> bool:
        """Leave `shown` on the page, or nothing for ``None``; return whether there is a place for it."""
        if self._handle is None:
            return False
        if shown is None:
            self._handle.update({"text/plain": ""}, raw=True)
        else:
            self._handle.update(shown)
        return True

    def _state(self) -> LastState:
        line = self._submit.line(time.monotonic() - self._began)
        return LastState(self._submit.calls, self._deployment, line, whole="the cell's result has all")

    def _update(self) -> None:
        if self._handle is not None:
            self._handle.update(self._state())

    # --- the display above what can be clicked, which the widgets hide: they show the same

    def page(self) -> str:
        """Return how the calls are, as HTML; nothing while the results view shows it."""
        return "" if self._results is not None else self._state().html()

    def stand_in(self, dom_class: str, text: str) -> None:
        """Be what is seen where the widgets are not."""
        if self._handle is not None:
            self._handle.update(_StandIn(self._state(), dom_class, text))

    # --- what can be clicked

    def make(self, on_loop: OnLoopHandler) -> Any:
        """Return the results view with Cancel below it."""
        from ipywidgets import VBox

        from fh_notebook.notebook.results.view import ResultsView

        submit = self._submit
        self._results = ResultsView()
        self._results.begin(submit.variants, submit.repeats, ago_s=time.monotonic() - self._began)
        for index, call in enumerate(submit.calls):
            if call.run is not None:
                self._results.show(index, call.run)
            elif call.state == "running":
                self._results.started(index)
        return VBox([self._results.widget, CancelButton(self._cancel).make(on_loop)])

    def follow(self) -> None:
        """Nothing: each answer is shown when it comes."""


class _StandIn:
    """The calls of a cell where its widgets are not, as they were when those were made."""

    def __init__(self, state: LastState, dom_class: str, text: str) -> None:
        self._state, self._dom_class, self._text = state, dom_class, text

    def __repr__(self) -> str:
        return f"{self._state}\n{self._text}"

    def _repr_html_(self) -> str:
        note = html.el("div", html.el("span", self._text, cls="fh-dim"), cls="fh")
        return html.el("div", no_lost_widget(self._dom_class), self._state.html(), note, cls=self._dom_class)
