"""Asking the service what became of a pending run: the half of `PendingRun` that the poller calls.

Rule of this file: a look-up that fails, or cannot be read, says nothing of the run, and the next one is asked. Only
what cannot get better ends the asking: a key that is refused, and a run that the service does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from fh_notebook.contract.callbacks import with_final_status
from fh_notebook.contract.retry import is_daily_cap, next_reset
from fh_notebook.contract.run import Run, one_line
from fh_notebook.errors import AuthError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from fh_notebook.client.client import AsyncClient
    from fh_notebook.client.receiver import CallbackReceiver

__all__ = ["Looking"]

NOT_FOUND_LOOKS: Final = 6
"""So often (some 20 s) may the service say that it does not know a run which it has just taken, where only polling can
tell."""
BUSY_PAUSE_S: Final = 5.0
"""After a look-up that was refused for too many."""


class Looking:
    """The look-ups of one pending run."""

    _client: AsyncClient
    _first: Run
    _run: Run
    _lock: threading.Lock
    _receiver: CallbackReceiver | None
    _let_go: Callable[[], None] | None
    _taken: bool

    def __init__(self) -> None:
        self._not_found = self._without_output = 0
        self.polls = 0
        """Look-ups so far; they count as requests of this run."""
        self.trouble = ""
        """Why look-ups say nothing, in words, while that is so."""

    # What the other half does with what is found.

    def _take(self, run: Run, *, by: str) -> None:
        raise NotImplementedError

    def _note(self, run: Run) -> None:
        raise NotImplementedError

    def _tell(self) -> None:
        raise NotImplementedError

    def _settle_or_finish(self, outcome: Run) -> None:
        raise NotImplementedError

    def _finish(self, outcome: Run, *, ended: bool = True, error: BaseException | None = None) -> None:
        raise NotImplementedError

    async def look(self) -> float | None:
        """Ask the service once, and take what came; see :class:`~fh_notebook.client.polling.Watched`."""
        if self._taken:
            return None
        self.polls += 1
        try:
            found = with_final_status(await self._client.look_up(self._first.request_id, self._first.run_id))
        except AuthError as refused:
            return self._give_up(one_line(str(refused)), error=refused)
        if (found.status_code or 0) // 100 == 2:
            self._not_found, self.trouble = 0, ""
            return self._looked(found)
        self.trouble = one_line(found.error or found.error_code or "the look-up failed")
        if found.status_code == 404:
            self._not_found += 1
            if self._not_found >= NOT_FOUND_LOOKS:
                return self._give_up(f"the service does not know this run ({self.trouble}); it may have run")
        if found.status_code == 429:
            return _pause_of(found)
        return 0.0

    def _looked(self, found: Run) -> float | None:
        if found.status == "completed" and found.output is None and not self._without_output:
            # UNKNOWN whether a look-up has the output (CONTRACT section 3): the callback gets the chance to bring it.
            self._without_output += 1
            self._note(replace(found, status="running"))
            return 0.0
        self._take(found, by="polling")
        return None if self._taken else 0.0

    def _give_up(self, why: str, *, error: BaseException | None = None) -> float | None:
        """End look-ups; where no callback can come either, end the waiting."""
        self.trouble = why
        if self._receiver is not None:
            self._tell()
            return None
        with self._lock:
            if self._taken:
                return None
            self._taken = True
        if error is not None:  # nothing is known of the run: it stays among the pending ones
            if self._let_go is not None:
                self._let_go()
            self._finish(self._run, ended=False, error=error)
            return None
        outcome = replace(self._first, status="unknown", error=why, error_code="not_found")
        outcome = replace(outcome, attempts=self._first.attempts + self.polls)
        self._settle_or_finish(outcome)
        return None


def _pause_of(refused: Run) -> float:
    """Return for how long nobody asks after a look-up was refused: till midnight, UTC, where the day is used up."""
    body = refused.raw if isinstance(refused.raw, Mapping) else {}
    if is_daily_cap(body):
        now = datetime.now(UTC)
        return (next_reset(now) - now).total_seconds()
    return BUSY_PAUSE_S
