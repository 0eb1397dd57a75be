"""The display of a run whose outcome comes later: it changes in its own cell when there is something new.

Rule of this file: the display handle is updated from the background loop, whatever cell runs by then; a saved notebook
has the last state, as HTML and as text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fh_notebook.client.pending import PendingRun

__all__ = ["show"]


class _Card:
    """What is shown of a run at one moment."""

    def __init__(self, pending: PendingRun) -> None:
        self._html, self._text = pending._repr_html_(), repr(pending)

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return self._html


def show(pending: PendingRun) -> None:
    """Display `pending`, and follow it until its outcome is here."""
    from IPython.display import DisplayHandle

    handle: Any = DisplayHandle()  # type: ignore[no-untyped-call]  # IPython's display has no types
    handle.display(_Card(pending))
    if pending.waiting:
        pending.on_change(lambda changed: handle.update(_Card(changed)))
