"""Background look-ups of a display: one at a time, of which only the latest result is shown.

Rule of this file: whoever asks returns at once. Of several things that were asked for, the last one counts; one is
looked up at a time, and those between the first and the last never are.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from fh_notebook.core import event_loop
from fh_notebook.core.redaction import error_text, log
from fh_notebook.errors import FetchHiveError

T = TypeVar("T")


class LatestTask:
    """Does one thing at a time, and shows what came of the last.

    Parameters
    ----------
    show_error : callable
        Shows in one line why it could not be done.
    """

    def __init__(self, show_error: Callable[[str], object]) -> None:
        self._show = show_error
        self._lock = threading.Lock()
        self._next: tuple[Callable[[], Any], Callable[[Any], object]] | None = None
        self._busy = False

    def do(self, work: Callable[[], T], then: Callable[[T], object]) -> None:
        """Have `work` done on a thread, and `then` called with what it returned, on the background loop."""
        with self._lock:
            self._next = (work, then)
            if self._busy:
                return
            self._busy = True
        event_loop.background().submit(self._run_all())

    async def _run_all(self) -> None:
        while True:
            with self._lock:
                if self._next is None:
                    self._busy = False
                    return
                (work, then), self._next = self._next, None
            try:
                result = await asyncio.to_thread(work)
                if self._next is None:
                    then(result)
            except FetchHiveError as exc:
                self._show_error(str(exc))
            except Exception as exc:
                log.warning("a form could not look up what it shows", exc_info=True)
                self._show_error(error_text(exc))

    def _show_error(self, message: str) -> None:
        try:
            self._show(message)
        except Exception:  # else nothing would ever be looked up again
            log.warning("it could not be shown that %s", message, exc_info=True)
