"""Runs that had not ended when the service answered a direct call: they wait for a decision about a tool, as a rule.

Rule of this file: the caller has the answer as a `Run`, which stays as it is. The run is registered as pending, so that
``fh.pending()`` and ``fh.reattach()`` know it, and it is looked up only when somebody shows it or waits for it: a
look-up may count against the daily cap.
"""

from __future__ import annotations

import threading
from typing import Final, NamedTuple

from fh_notebook.client.connection import Ticket
from fh_notebook.client.pending_run import PendingRun
from fh_notebook.contract.callbacks import ids_of, is_accepted, is_outcome
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.run import Run

__all__ = ["DIRECT_RUNS", "DirectRuns", "ends_later"]

MOST_RUNS: Final = 1_000
"""Runs that are remembered, so that their display is live; the registry of pending runs has all."""


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


class _DirectRun(NamedTuple):
    pending: PendingRun
    ticket: Ticket


class DirectRuns:
    """The newest of these runs, of all clients of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[object, _DirectRun] = {}

    def __len__(self) -> int:
        return len(self._runs)

    def add(self, run: Run, pending: PendingRun, ticket: Ticket) -> None:
        """Remember a run as a pending one that is not waited for yet; the oldest beyond 1,000 are forgotten."""
        with self._lock:
            self._runs[_key_of(run)] = _DirectRun(pending, ticket)
            while len(self._runs) > MOST_RUNS:
                del self._runs[next(iter(self._runs))]

    def wait_for(self, run: Run) -> PendingRun | None:
        """Return the pending run of an answer, and look it up from now on; ``None``: it is no such answer."""
        if run.done:
            return None
        with self._lock:
            found = self._runs.get(_key_of(run))
        if found is None:
            return None
        if found.pending.waiting and not found.pending.is_begun:
            found.ticket.hold()
            found.pending.begin(poll=True)
        return found.pending


def _key_of(run: Run) -> object:
    """Ids alone do not tell runs of two local hives apart."""
    return run.origin, ids_of(run), run.started_at


DIRECT_RUNS: Final = DirectRuns()
