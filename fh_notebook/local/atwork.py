"""The runs of a hive that are at work or wait for their turn: from when a call was let in to when it is delivered.

Rule of this file: as at the front desk, whatever several callers share is touched under one lock, for a moment, and
never across an ``await``.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from fh_notebook.local import wire_out
from fh_notebook.local.approvals import Approval, Approvals
from fh_notebook.local.book import Book, Record
from fh_notebook.local.callbacks import Postman
from fh_notebook.local.engine import Engine
from fh_notebook.local.limits import Limits
from fh_notebook.local.options import Options, draw_latency
from fh_notebook.local.registry import Registry, Workflow
from fh_notebook.local.runs import INTERRUPTED, Outcome, perform
from fh_notebook.local.threads import Threads

__all__ = ["AtWork", "Job"]


class Job(NamedTuple):
    """A run for callback delivery, from when it was let in to when it got its slot."""

    record: Record
    workflow: Workflow
    inputs: Mapping[str, Any]
    pid: int
    """The process that let it in: a child after ``os.fork`` finds the parent's runs half done, and leaves them."""


class AtWork:
    """The half of a `Service` that runs what was let in."""

    options: Options
    sleep: Callable[[float], Awaitable[None]]
    registry: Registry
    postman: Postman
    book: Book
    limits: Limits
    engine: Engine
    approvals: Approvals
    lock: threading.Lock
    _threads: Threads

    def now(self) -> datetime:
        """Return the hive's time, UTC."""
        raise NotImplementedError

    def _hold_nothing(self) -> None:
        self.lock = threading.Lock()
        self._changed = threading.Condition(self.lock)
        self._queue: deque[Job] = deque()
        self._undelivered = 0

    def wait_idle(self, timeout_s: float | None) -> bool:
        """Wait until nothing runs, waits or is being delivered; return whether that came about in time."""
        with self._changed:
            return self._changed.wait_for(self._is_idle, _bounded(timeout_s))

    def wait_approval(self, timeout_s: float | None) -> tuple[Approval, ...]:
        """Wait until a run is paused, and return all that are; none when that did not come about in time."""
        with self._changed:
            self._changed.wait_for(self.approvals.waiting, _bounded(timeout_s))
        return self.approvals.waiting()

    async def _run(self, job: Job) -> None:
        record, options = job.record, self.options
        outcome = INTERRUPTED
        try:
            wait_s = draw_latency(options.latency_s, options.seed, record.number)
            if wait_s > 0:
                await self.sleep(wait_s)
            with self.approvals.run(record, job.workflow.human):
                outcome = await perform(job.workflow, job.inputs, self._threads, record.base_url)
        finally:
            if job.pid == os.getpid():
                self._end(record, outcome)

    def _pause(self, record: Record) -> None:
        with self.lock:
            record.status = "awaiting_approval"
            self.limits.release()
            started = self._start_waiting()
        self._run_later(started)

    def _tell_paused(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _go_on(self, record: Record) -> None:
        with self.lock:
            record.status = "running"
            self.limits.take_again()

    def _end(self, record: Record, outcome: Outcome) -> None:
        now = self.now()
        with self.lock:
            self.book.finish(record, outcome, now)
            self.limits.release()
            started = self._start_waiting()
            self._tell_if_idle()
        self._run_later(started)

    async def _run_and_deliver(self, job: Job) -> None:
        record = job.record
        try:
            await self._run(job)
            secret = self.registry.signing_secrets[record.deployment]
            body = wire_out.event(record, self.options.spelling)
            await self.postman.deliver(record.request_id, record.callback_url or "", body, secret, self.options)
        finally:
            if job.pid == os.getpid():
                with self.lock:
                    self._undelivered -= 1
                    self._tell_if_idle()

    def _start_waiting(self) -> list[Job]:
        """Give free slots to the calls that wait, first come, first served. Called under the lock."""
        started = []
        while self._queue and self.limits.start_waiting():
            job = self._queue.popleft()
            self.book.start(job.record, self.now())
            started.append(job)
        return started

    def _run_later(self, jobs: list[Job]) -> None:
        for job in jobs:
            self.engine.submit(lambda job=job: self._run_and_deliver(job))  # type: ignore[misc]  # bound at once

    def _is_idle(self) -> bool:
        return not (self.limits.in_flight or self.limits.waiting or self._undelivered)

    def _tell_if_idle(self) -> None:
        if self._is_idle():
            self._changed.notify_all()


def _bounded(timeout_s: float | None) -> float | None:
    """As long as a lock can be waited for: some 292 years."""
    return None if timeout_s is None else min(timeout_s, threading.TIMEOUT_MAX)
