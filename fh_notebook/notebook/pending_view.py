"""The display of a run whose outcome comes later: it changes in its own cell when there is something new.

Rule of this file: the display handle is updated from the background loop, whatever cell runs by then; a saved notebook
has the last state, as HTML and as text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from fh_notebook.notebook.notices import new_handle

__all__ = ["show"]


class Changing(Protocol):
    """What shows itself, and changes: a pending run, or several."""

    @property
    def waiting(self) -> bool:
        """Whether it may still change."""
        ...

    def on_change(self, call: Callable[[Any], None]) -> None:
        """Have `call` called when it does."""
        ...

    def _repr_html_(self) -> str: ...


class _Card:
    """What is shown of it at one moment."""

    def __init__(self, shown: Changing) -> None:
        self.said = shown._repr_html_(), repr(shown)

    def __repr__(self) -> str:
        return self.said[1]

    def _repr_html_(self) -> str:
        return self.said[0]


def show(shown: Changing) -> None:
    """Display `shown`, and follow it until nothing more will come."""
    handle = new_handle()
    handle.display(card := _Card(shown))
    if shown.waiting:
        shown.on_change(lambda changed: handle.update(_Card(changed)))
    # It may have changed while it was put on the page, when nobody listened yet, or beside an update of this thread.
    while (now := _Card(shown)).said != card.said:
        handle.update(card := now)
