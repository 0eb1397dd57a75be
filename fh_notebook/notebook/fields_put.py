"""How values are put into widgets: only those that are others, and so that none is taken for a person's wish.

Rule of this file: a page may be heard on a thread of its own while a cell or an answer shows the form anew. So the
thread tells what is put in: whatever comes on another one meanwhile was typed or clicked.
"""

from __future__ import annotations

import threading
from typing import Any

__all__ = ["Showing", "put"]


def put(widget: Any, **traits: Any) -> None:
    """Set the traits that have another value: each one that is set is a message to the page."""
    for name, value in traits.items():
        if getattr(widget, name) != value:
            setattr(widget, name, value)


class Showing(threading.local):
    """True in a thread that is putting values into widgets, within its ``with``, which may lie in another one.

    Examples
    --------
    >>> showing = Showing()
    >>> with showing:
    ...     bool(showing)
    True
    >>> bool(showing)
    False
    """

    _depth = 0

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1

    def __bool__(self) -> bool:
        return self._depth > 0
