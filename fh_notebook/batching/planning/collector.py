"""Pause of Python's collector of reference cycles, while many objects are made that all stay.

The collector looks at all objects again and again as their number grows; where a table of a hundred thousand answers is
read, that is a quarter of the time, and it frees nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

__all__ = ["paused"]


class _Pause:
    """How many pauses there are at once, in whatever threads; the collector is one for all."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0
        self._was_enabled = False

    def begin(self) -> None:
        with self._lock:
            if not self._count:
                self._was_enabled = gc.isenabled()
                gc.disable()
            self._count += 1

    def end(self) -> None:
        with self._lock:
            self._count -= 1
            if not self._count and self._was_enabled:
                gc.enable()


_PAUSE = _Pause()


@contextmanager
def paused() -> Iterator[None]:
    """Pause the collector in a block that runs no code of a user's, however many threads do so at once.

    Examples
    --------
    >>> with paused():
    ...     gc.isenabled()
    False
    >>> gc.isenabled()
    True
    """
    _PAUSE.begin()
    try:
        yield
    finally:
        _PAUSE.end()
