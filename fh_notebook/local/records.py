"""Records of a hive: one per run, and the counters of calls.

Rule of this file: pure state, locked by its owner. Counters count everything; of the records of finished runs only the
last ones are kept, so that a million calls need no more memory than these.
"""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fh_notebook.core.arguments import public
from fh_notebook.local.requests import ParsedRequest
from fh_notebook.local.workflows import WorkflowOutcome


@dataclass(slots=True)
class Record:
    """The state of one run inside the hive; it changes while the run goes on. Users get a `Call`."""

    number: int
    """The number of the call among those that were admitted, from 1."""
    request_id: str
    run_id: str
    deployment: str
    variant: str
    body: bytes
    callback_url: str | None
    base_url: str
    """The address under which the hive was asked, without ``/v1``: addresses of assets are made with it."""
    created_at: datetime
    status: str = "running"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    output_json: str | None = None
    error: str | None = None
    waiting_for: str = ""
    question: str = ""


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A snapshot of one call that a hive admitted."""

    number: int
    """The number of the call among those that were admitted, from 1."""
    request_id: str
    run_id: str
    deployment: str
    variant: str
    status: str
    """``queued`` or ``pending``, ``running``, ``awaiting_approval``, ``completed`` or ``failed``."""
    error: str | None
    callback_url: str | None
    """Given: the call asked for callback delivery."""
    created_at: datetime
    """UTC, by the hive's clock, as the two others: when the call was let in."""
    started_at: datetime | None
    """When it got its slot; ``None`` while it is queued."""
    ended_at: datetime | None
    body: bytes
    """The request's body as it came."""
    output_json: str | None
    """The output as JSON text."""
    waiting_for: str = ""
    """Who a paused run waits for."""
    question: str = ""
    """What they are asked."""

    @property
    def inputs(self) -> dict[str, Any]:
        """The inputs, as they were sent."""
        return self._field("inputs")

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata, as it was sent."""
        return self._field("metadata")

    @property
    def output(self) -> Any:
        """The output as a JSON value; ``None`` while there is none."""
        return None if self.output_json is None else json.loads(self.output_json)

    def _field(self, name: str) -> dict[str, Any]:
        value: dict[str, Any] | None = json.loads(self.body).get(name)
        return value or {}


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The counters of a hive since it began, including runs whose records are gone."""

    requests: int
    """Requests to run a workflow that were answered, or broken off on purpose."""
    calls: int
    """Those that were let in: they ran, run, or wait."""
    refused: int
    """Those that were answered 429."""
    invalid: int
    """Those that were answered another 4xx."""
    faulted: int
    """Those that met a scripted fault."""
    completed: int
    failed: int
    """Runs that failed."""
    running: int
    queued: int
    peak_running: int
    used_today: int
    """What the daily cap has counted today: calls that were let in, and look-ups where those count."""


class RunRecords:
    """The records and counters of one hive.

    Parameters
    ----------
    keep : int
        Finished runs that are remembered.
    """

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.calls = self.completed = self.failed = 0
        self.requests = self.refused = self.invalid = self.faulted = 0
        self._live: dict[str, Record] = {}
        self._done: OrderedDict[str, Record] = OrderedDict()
        self._by_run_id: dict[str, Record] = {}

    def open(self, request: ParsedRequest, base_url: str, now: datetime, *, waiting: str | None) -> Record:
        """Add the record of an admitted call, and return it; `waiting` is its status where it waits for its slot."""
        self.calls += 1
        # One read of the system's randomness for both ids: they must not repeat when a hive is started again.
        digits = os.urandom(32).hex()
        record = Record(
            number=self.calls,
            request_id=f"req_{digits[:32]}",
            run_id=f"run_{digits[32:]}",
            deployment=request.deployment,
            variant=request.variant,
            body=request.body,
            callback_url=request.callback_url,
            base_url=base_url,
            created_at=now,
            status=waiting or "running",
            started_at=None if waiting else now,
        )
        self._live[record.request_id] = record
        self._by_run_id[record.run_id] = record
        return record

    def start(self, record: Record, now: datetime) -> None:
        """Record that a queued run got its slot."""
        record.status = "running"
        record.started_at = now

    def finish(self, record: Record, outcome: WorkflowOutcome, now: datetime) -> None:
        """Record the outcome of a run."""
        record.status = outcome.status
        record.output_json = outcome.output_json
        record.error = outcome.error
        record.ended_at = now
        if outcome.status == "completed":
            self.completed += 1
        else:
            self.failed += 1
        self._done[record.request_id] = self._live.pop(record.request_id)
        while len(self._done) > self.keep:
            _, forgotten = self._done.popitem(last=False)
            del self._by_run_id[forgotten.run_id]

    def forget_running(self) -> None:
        """Forget the runs that have not ended."""
        for record in self._live.values():
            self._by_run_id.pop(record.run_id, None)
        self._live.clear()

    def by_request_id(self, request_id: str) -> Record | None:
        """Return the record of a run, or ``None``."""
        return self._live.get(request_id) or self._done.get(request_id)

    def by_run_id(self, run_id: str) -> Record | None:
        """Return the record of a run, or ``None``."""
        return self._by_run_id.get(run_id)

    def answered(self, status: int) -> None:
        """Count a response to a request to run a workflow; 0 is one that was broken off."""
        self.requests += 1
        if status == 429:
            self.refused += 1
        elif 400 <= status < 500:
            self.invalid += 1

    def all(self) -> list[Record]:
        """Return all records, in the order in which the calls were admitted."""
        return sorted([*self._done.values(), *self._live.values()], key=lambda r: r.number)


def view(record: Record) -> Call:
    """Return a snapshot of a record, for a user."""
    return Call(
        number=record.number,
        request_id=record.request_id,
        run_id=record.run_id,
        deployment=record.deployment,
        variant=record.variant,
        status=record.status,
        error=record.error,
        callback_url=record.callback_url,
        created_at=record.created_at,
        started_at=record.started_at,
        ended_at=record.ended_at,
        body=record.body,
        output_json=record.output_json,
        waiting_for=record.waiting_for,
        question=record.question,
    )
