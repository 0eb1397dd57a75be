"""Runs that had not ended when the service answered a direct call: they wait for a decision about a tool, as a rule.

Rule of this file: the caller has the answer as a `Run`, which stays as it is. The run is registered as pending, so that
``fh.pending()`` and ``fh.reattach()`` know it, and it is looked up only when somebody shows it or waits for it: a
look-up may count against the daily cap. What is remembered here lives as long as that `Run`: it holds the client, and
with it a hive in process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final
from weakref import finalize

from fh_notebook.client.connection import Ticket
from fh_notebook.client.pending_run import PendingRun
from fh_notebook.contract.callbacks import Identified, ids_of, is_accepted, is_outcome
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.run import Run


def ends_later(run: Run, request: InvokeRequest) -> bool:
    """Whether the answer to a direct call announces an outcome that comes later, and can be asked for.

    One with an output is the outcome, whatever its word for the end.

    Examples
    --------
    >>> waits = Run(status="awaiting_approval", status_code=200, request_id="req_1")
    >>> ends_later(waits, InvokeRequest(deployment="refund"))
    True
    >>> ends_later(waits, InvokeRequest(deployment="refund", callback_url="https://example.com/callback"))
    False
    >>> ends_later(Run(status="all done", output="hi", status_code=200, request_id="r"), InvokeRequest(deployment="d"))
    False
    """
    is_open = is_accepted(run) and not is_outcome(run) and run.output is None
    return is_open and request.callback_url is None and bool(ids_of(run))


class _DirectRun:
    """One of these runs: its pending run, and a new one where the waiting was ended without an outcome."""

    def __init__(self, make: Callable[[], PendingRun], ticket: Ticket) -> None:
        self._make = make
        self._ticket = ticket
        self._lock = threading.Lock()
        self.pending = make()

    def held(self, *, poll: bool) -> PendingRun:
        """Return the pending run, waited for from now on unless somebody else waits for it; `poll`: by look-ups."""
        with self._lock:
            if not (self.pending.waiting or self.pending.done):  # cancelled, or its look-ups were refused
                self.pending = self._make()
            if self.pending.waiting and not self.pending.is_begun and self._ticket.hold():
                self.pending.begin(poll=poll)
            return self.pending


class DirectRuns:
    """These runs, of all clients of this process."""

    def __init__(self) -> None:
        self._runs: dict[object, _DirectRun] = {}

    def __len__(self) -> int:
        return len(self._runs)

    def add(self, run: Run, make: Callable[[], PendingRun], ticket: Ticket) -> None:
        """Remember a run, as long as it lives, as a pending one that is not waited for yet."""
        key = _key_of(run)
        self._runs[key] = _DirectRun(make, ticket)
        finalize(run, self._runs.pop, key, None).atexit = False

    def wait_for(self, run: Run) -> PendingRun | None:
        """Return the pending run of an answer, and look it up from now on; ``None``: it is no such answer.

        Where somebody else waits for it, it is returned as it is, and not looked up.
        """
        found = None if run.done else self._runs.get(_key_of(run))
        return None if found is None else found.held(poll=True)

    def wait_again(self, workspace: str, ids: Identified, *, poll: bool = True) -> PendingRun | None:
        """Return the pending run of these ids, waited for from now on; ``None``: there is none, or others wait."""
        wanted = set(ids_of(ids))
        for found in list(self._runs.values()):
            if found.pending.service == workspace and wanted.intersection(found.pending.ids):
                pending = found.held(poll=poll)
                return pending if pending.waiting and pending.is_begun else None
        return None


def _key_of(run: Run) -> object:
    """Ids alone do not tell runs of two local hives apart."""
    return run.origin, ids_of(run), run.started_at


DIRECT_RUNS: Final = DirectRuns()
