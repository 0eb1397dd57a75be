"""The progress of a batch in a notebook: one display that is updated, and whose last state stays in the saved file.

Rule of this file: one display handle a start: it lands in the cell that began the batch, from any thread, and is one
message an update. Once there is something to click, what is shown is among the widgets, which a page that is reloaded
has again; the display stays for the saved file. Where nobody sits before a page (nbclient, nbconvert, papermill),
lines of text take its place.
"""

from __future__ import annotations

import contextvars
import sys
import time
from datetime import UTC, datetime
from typing import Any, Final

from fh_notebook import html
from fh_notebook.batching.pacer import Pacer
from fh_notebook.batching.progress import Progress, TextProgress
from fh_notebook.batching.progress_state import Snapshot, State
from fh_notebook.notebook.batch_controls import BatchControls
from fh_notebook.notebook.cancel import CancelButton, Offer, has_person
from fh_notebook.notebook.notices import new_handle, no_lost_widget, running_kernel
from fh_notebook.notebook.progress_view import ProgressView

__all__ = ["CellOutput", "LiveProgress", "PlainProgress", "live_progress"]

STAND_IN_EVERY_S: Final = 10.0
"""How old what stands in for widgets may be: a notebook saves itself every two minutes."""


def live_progress() -> Progress | None:
    """Return a display for the kernel that this runs in; ``None`` where there is none: a terminal has its own line."""
    kernel = running_kernel()
    if kernel is None:
        return None
    return PlainProgress() if has_person(kernel) is False else LiveProgress()


class LiveProgress:
    """A progress display of its own handle, with what a person can click under it."""

    def __init__(self) -> None:
        self._pacer = Pacer(self._draw)
        self._handle: Any = None
        self._offer: Offer | None = None
        self._plan = ""
        self._said = ""
        self._shown: Any = None
        self._stands_in = ("", "")
        self._stood_in_at = 0.0

    def begin(self, batch: Snapshot) -> None:
        """Show the plan and an empty bar, and in a while a way to cancel."""
        self._pacer.begin(batch)
        self._plan = str(batch.plan())
        self._handle = new_handle()
        self._shown = self._view(self._pacer.state())
        self._handle.display(self._shown)
        controls = CancelButton(batch.cancel) if batch.blocks else BatchControls(batch, self._pacer.update)
        self._offer = Offer(controls, blocks=batch.blocks, above=self)
        self._offer.begin()

    def update(self, batch: Snapshot) -> None:
        """Show how far it is, unless that was shown just now."""
        self._pacer.update()

    def end(self, batch: Snapshot) -> None:
        """Show how it ended: this stays in the saved notebook."""
        self._shown = self._view(self._pacer.state(), summary=batch.summary())
        self._pacer.end()
        if self._offer is not None:
            self._offer.end()
        if self._handle is not None:
            self._handle.update(self._shown)

    def show_last(self, view: Any) -> None:
        """Show `view` in place of how it ended: this stays in the saved notebook."""
        self._shown = view
        if self._offer is not None:
            self._offer.show(self.page())
        if self._handle is not None:
            self._handle.update(view)

    def _draw(self, state: State) -> None:
        if (said := self._said_of(state)) != self._said:  # else the page would be sent what it has
            self._said = said
            self._shown = self._view(state)
            self._show()
        if self._offer is not None:
            self._offer.follow()

    def _show(self) -> None:
        if self._offer is None or not self._offer.has_bar:
            self._handle.update(self._shown)
            return
        self._offer.show(self.page())
        if (now := time.monotonic()) - self._stood_in_at >= STAND_IN_EVERY_S:
            self._stood_in_at = now
            self._handle.update(_StandIn(self._shown, *self._stands_in))

    # What is done for an offer.

    def page(self) -> str:
        """Return what is shown now, as HTML."""
        return str(self._shown._repr_html_())

    def stand_in(self, dom_class: str, text: str) -> None:
        """Be what is seen where there are no widgets."""
        self._stands_in, self._stood_in_at = (dom_class, text), time.monotonic()
        self._handle.update(_StandIn(self._shown, dom_class, text))

    # What another thing than a batch shows otherwise.

    def _view(self, state: State, *, summary: str = "") -> object:
        return ProgressView(self._plan, state, summary=summary)

    def _said_of(self, state: State) -> str:
        return str(state)


class _StandIn:
    """What is seen of a batch that goes on where its widgets are not: how it was at a time, and what can be done."""

    def __init__(self, view: Any, dom_class: str, text: str) -> None:
        self._view, self._dom_class = view, dom_class
        self._text = f"State of {datetime.now(UTC):%H:%M:%S} UTC, not updated after a reload. {text}"

    def __repr__(self) -> str:
        return f"{self._view}\n{self._text}"

    def _repr_html_(self) -> str:
        told = html.el("div", html.el("span", self._text, cls="fh-dim"), cls="fh")
        hide = no_lost_widget(self._dom_class)
        return html.el("div", hide, self._view._repr_html_(), told, cls=self._dom_class)


class PlainProgress(TextProgress):
    """Lines of text under a cell that a program runs."""

    def __init__(self) -> None:
        self._output = CellOutput()
        super().__init__(self._output)

    def begin(self, batch: Snapshot) -> None:
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
