"""The progress of a form's batch, inside the form: the bar, the numbers, and the buttons of a batch in the background.

Rule of this file: drawn as every batch is (`progress_view`), but into a widget of the form, and with no display of its
own: a click has no cell under which one could stand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fh_notebook.batching.pacer import Pacer
from fh_notebook.batching.progress_state import Snapshot, State
from fh_notebook.notebook.batch_controls import BatchControls
from fh_notebook.notebook.progress_view import ProgressView

__all__ = ["FormProgress"]


class FormProgress:
    """A display of one start of a batch, in two widgets of a form.

    Parameters
    ----------
    show : callable
        Called with a :class:`ProgressView` for every state; on the loop's thread.
    place : callable
        Called with the widget to click, or ``None`` when there is nothing to click any more.
    ended : callable
        Called when no more will come.
    """

    def __init__(
        self,
        show: Callable[[ProgressView], object],
        place: Callable[[Any], object],
        ended: Callable[[], object],
    ) -> None:
        self._show, self._place, self._ended = show, place, ended
        self._pacer = Pacer(self._draw)
        self._plan = ""
        self._controls: _Controls | None = None

    def begin(self, batch: Snapshot) -> None:
        """Show the plan and an empty bar, and in a while what can be clicked."""
        self._pacer.begin(batch)
        self._plan = str(batch.plan())
        self._show(ProgressView(self._plan, self._pacer.state()))
        self._controls = _Controls(batch, self._pacer.update, self._place)
        self._controls.begin()

    def update(self, batch: Snapshot) -> None:
        """Show how far it is, unless that was shown just now."""
        self._pacer.update()

    def end(self, batch: Snapshot) -> None:
        """Show how it ended, and take the buttons away."""
        state = self._pacer.state()
        self._pacer.end()
        self._place(None)
        if self._controls is not None:
            self._controls.end()
        self._show(ProgressView(self._plan, state, summary=batch.summary()))
        self._ended()

    def _draw(self, state: State) -> None:
        self._show(ProgressView(self._plan, state))
        if self._controls is not None:
            self._controls.follow()


class _Controls(BatchControls):
    """The buttons of a batch, put into the form and not under a cell; the form has a Cancel of its own."""

    def __init__(self, batch: Snapshot, changed: Callable[[], object], place: Callable[[Any], object]) -> None:
        super().__init__(batch, changed)
        self._place = place

    def _make(self) -> Any:
        made = super()._make()
        made.children = tuple(child for child in made.children if child is not self._cancel)
        return made

    def _display(self, shown: Mapping[str, Any]) -> None:
        """Show no text in place of widgets: a form is made of them."""

    def _place_widget(self) -> None:
        self._place(self._widget)
