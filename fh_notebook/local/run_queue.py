"""`RunQueue`: the runs of a hive from when a call was let in to when its outcome is delivered.

Rule of this file: what several callers share is touched under the one lock, for a moment, and never across an
``await``.
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
from fh_notebook.local.bodies import Ask
from fh_notebook.local.book import Book, Record
from fh_notebook.local.callbacks import Postman
from fh_notebook.local.engine import Engine
from fh_notebook.local.limits import Admission, Limits
from fh_notebook.local.options import Options, draw_latency
from fh_notebook.local.registry import Registry, Workflow
from fh_notebook.local.runs import INTERRUPTED, Outcome, perform
from fh_notebook.local.threads import Threads

__all__ = ["Job", "RunQueue"]


class Job(NamedTuple):
    """A run from when it was let in; it waits for its slot, or has it."""

    record: Record
    workflow: Workflow
    inputs: Mapping[str, Any]
    pid: int
    """The process that let it in: a child after ``os.fork`` finds the parent's runs half done, and leaves them."""


class RunQueue:
    """Lets calls in, runs their workflows, and delivers what is answered later.

    Parameters
    ----------
    options : Options
        The settings; :meth:`set_options` replaces them.
    registry : Registry
        The secrets that callbacks are signed with.
    now : callable
        Returns the hive's time, UTC.
    sleep : async callable
        Waits: for the latency, between attempts of a callback.
    """

    def __init__(
        self,
        options: Options,
        *,
        registry: Registry,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.options = options
        """The settings as they are now."""
        self.book = Book(options.keep)
        """What is remembered of runs, and counted."""
        self.limits = Limits(options.concurrency, options.daily_cap)
        """The slots and the day's calls."""
        self.postman = Postman(sleep=sleep, keep=options.keep)
        """Delivers callbacks."""
        self.engine = Engine(self.postman.close)
        """The loop on which runs for callback delivery live."""
        self.approvals = Approvals(pause=self._pause, go_on=self._go_on, changed=self._notify, now=now)
        """The runs that wait for a person."""
        self._registry = registry
        self._now = now
        self._sleep = sleep
        self._threads = Threads()
        self._hold_nothing()

    def _hold_nothing(self) -> None:
        self.lock = threading.Lock()
        """Guards everything that several callers share, that of the hive's other parts too."""
        self._changed = threading.Condition(self.lock)
        self._queue: deque[Job] = deque()
        self._undelivered = 0

    def begin_afresh(self) -> None:
        """Begin with nothing running, as in a child after ``os.fork``; settings and counters stay."""
        self._hold_nothing()
        self._threads.begin_afresh()
        self.approvals.begin_afresh()
        self.engine.begin_afresh()
        self.postman.begin_afresh()
        self.limits.forget_running()
        self.book.forget_running()

    def set_options(self, options: Options) -> None:
        """Replace the settings; calls that wait start at once where a higher cap lets them."""
        with self.lock:
            self.options = options
            self.limits.concurrency, self.limits.daily_cap = options.concurrency, options.daily_cap
            self.book.keep = options.keep
            self.postman.keep(options.keep)
            started = self._start_waiting()
        self._run_all_later(started)

    # A call is let in --------------------------------------------------------

    def admit(self, ask: Ask, workflow: Workflow, base_url: str) -> tuple[Job | None, Admission]:
        """Let a call in as far as the limits allow; ``None`` for one that they refuse.

        Who let in a call with :attr:`Admission.RUN` runs it: by :meth:`run`, or by :meth:`run_later` where its outcome
        is delivered.
        """
        now = self._now()
        with self.lock:
            verdict = self.limits.admit(now, can_wait=ask.callback_url is not None)
            if verdict in (Admission.BUSY, Admission.CAPPED):
                return None, verdict
            queued = verdict is Admission.QUEUE
            job = Job(self.book.open(ask, base_url, now, queued=queued), workflow, ask.inputs, os.getpid())
            if queued:
                self._queue.append(job)
            if ask.callback_url is not None:
                self._undelivered += 1
            return job, verdict

    def run_later(self, job: Job) -> None:
        """Run a job on the hive's own loop, and deliver its outcome; return at once."""
        self.engine.submit(lambda: self._run_and_deliver(job))

    # A run -------------------------------------------------------------------

    async def run(self, job: Job) -> None:
        """Run a job that holds a slot, and give the slot on."""
        record, options = job.record, self.options
        outcome = INTERRUPTED
        try:
            wait_s = draw_latency(options.latency_s, options.seed, record.number)
            if wait_s > 0:
                await self._sleep(wait_s)
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
        self._run_all_later(started)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _go_on(self, record: Record) -> None:
        with self.lock:
            record.status = "running"
            self.limits.take_again()

    def _end(self, record: Record, outcome: Outcome) -> None:
        now = self._now()
        with self.lock:
            self.book.finish(record, outcome, now)
            self.limits.release()
            started = self._start_waiting()
            self._tell_if_idle()
        self._run_all_later(started)

    async def _run_and_deliver(self, job: Job) -> None:
        record = job.record
        try:
            await self.run(job)
            secret = self._registry.signing_secrets[record.deployment]
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
            self.book.start(job.record, self._now())
            started.append(job)
        return started

    def _run_all_later(self, jobs: list[Job]) -> None:
        for job in jobs:
            self.run_later(job)

    def _is_idle(self) -> bool:
        return not (self.limits.in_flight or self.limits.waiting or self._undelivered)

    def _tell_if_idle(self) -> None:
        if self._is_idle():
            self._changed.notify_all()

    # Waiting for it ----------------------------------------------------------

    def wait_idle(self, timeout_s: float | None) -> bool:
        """Wait until nothing runs, waits or is being delivered; return whether that came about in time."""
        with self._changed:
            return self._changed.wait_for(self._is_idle, _bounded(timeout_s))

    def wait_approval(self, timeout_s: float | None) -> tuple[Approval, ...]:
        """Wait until a run is paused, and return all that are; none when that did not come about in time."""
        with self._changed:
            self._changed.wait_for(self.approvals.waiting, _bounded(timeout_s))
        return self.approvals.waiting()


def _bounded(timeout_s: float | None) -> float | None:
    """As long as a lock can be waited for: some 292 years."""
    return None if timeout_s is None else min(timeout_s, threading.TIMEOUT_MAX)
