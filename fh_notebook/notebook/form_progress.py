"""The progress of a form's batch, inside the form: the bar, the numbers, and the buttons of a batch in the background.

Rule of this file: drawn as every batch is (`progress_view`), but into a widget of the form, and with no display of its
own: a click has no cell under which one could stand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fh_notebook.batching.pacer import Pacer
from fh_notebook.batching.progress_state import Snapshot, State
from fh_notebook.notebook.batch_controls import BatchControls
from fh_notebook.notebook.cancel import Offer
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
        self._offer: Offer | None = None

    def begin(self, batch: Snapshot) -> None:
        """Show the plan and an empty bar, and in a while what can be clicked."""
        self._pacer.begin(batch)
        self._plan = str(batch.plan())
        self._show(ProgressView(self._plan, self._pacer.state()))
        controls = BatchControls(batch, self._pacer.update, has_cancel=False)
        self._offer = Offer(controls, blocks=False, place=self._place)
        self._offer.begin()

    def update(self, batch: Snapshot) -> None:
        """Show how far it is, unless that was shown just now."""
        self._pacer.update()

    def end(self, batch: Snapshot) -> None:
        """Show how it ended, and take the buttons away."""
        state = self._pacer.state()
        self._pacer.end()
        self._place(None)
        if self._offer is not None:
            self._offer.end()
        self._show(ProgressView(self._plan, state, summary=batch.summary()))
        self._ended()

    def _draw(self, state: State) -> None:
        self._show(ProgressView(self._plan, state))
        if self._offer is not None:
            self._offer.follow()
