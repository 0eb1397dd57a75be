"""Pause of Python's garbage collection while many lasting objects are made.

The collector of reference cycles looks at all objects again and again as their number grows; where a table of a hundred
thousand answers is read, that is a quarter of the time, and it frees nothing.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class _Pauses:
    """How many pauses there are at once, in whatever threads; the collector is one for all."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pauses: set[object] = set()
        self._was_enabled = False

    def begin(self, pause: object) -> None:
        with self._lock:
            if not self._pauses:
                self._was_enabled = gc.isenabled()
            self._pauses.add(pause)  # first: whoever is interrupted after it ends the pause
            gc.disable()

    def end(self, pause: object) -> None:
        """End a pause; nothing happens where it was interrupted before it began."""
        with self._lock:
            if pause in self._pauses:
                self._pauses.remove(pause)
                if not self._pauses and self._was_enabled:
                    gc.enable()

    def after_fork(self) -> None:
        """Let a child collect: the threads that paused are not in it."""
        if self._pauses and self._was_enabled:
            gc.enable()
        self.__init__()  # type: ignore[misc]  # all of it anew, the lock too


_PAUSES = _Pauses()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_PAUSES.after_fork)


@contextmanager
def paused() -> Iterator[None]:
    """Pause garbage collection in a block, however many threads do so at once.

    The block must run no function of a user's and read no source of theirs: what that leaves behind would stay in
    memory, and the collector is off in all threads.

    Examples
    --------
    >>> with paused():
    ...     gc.isenabled()
    False
    >>> gc.isenabled()
    True
    """
    pause = object()
    try:
        _PAUSES.begin(pause)
        yield
    finally:
        _PAUSES.end(pause)
