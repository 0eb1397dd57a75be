"""RunQueue: admission under a plan's limits, and the runs of a hive until their outcomes are delivered.

Rules of this file:

1. Pure state. It neither waits nor locks nor reads a clock: whoever holds it does.
2. What several callers share is touched under the one lock, for a moment, and never across an ``await``.

What counts against the daily cap: a call that was let in, whether it runs at once or is queued, and whatever comes of
it. A call that was refused (its key, its inputs, the caps themselves, a scripted fault before the run) does not, nor
does asking for a run, for the models or for the error codes. At the service this is not known (CONTRACT section 3).
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, NamedTuple

from fh_notebook.local import wire
from fh_notebook.local.approvals import Approval, Approvals
from fh_notebook.local.callbacks import CallbackSender
from fh_notebook.local.executors import HiveLoop, ThreadExecutor
from fh_notebook.local.options import Options, draw_latency
from fh_notebook.local.records import Record, RecordBook
from fh_notebook.local.requests import ParsedRequest
from fh_notebook.local.workflows import INTERRUPTED, Registry, Workflow, WorkflowOutcome, perform

__all__ = ["Admission", "PlanLimits", "QueuedRun", "RunQueue"]


class Admission(Enum):
    """What the limits say to a call."""

    RUN = "run"
    QUEUE = "queue"
    BUSY = "busy"
    """Refused: the concurrency cap is reached and the caller cannot wait."""
    CAPPED = "capped"
    """Refused: the calls of this day are used up."""


@dataclass(slots=True)
class PlanLimits:
    """The state of a plan's limits.

    Examples
    --------
    >>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    >>> limits = PlanLimits(concurrency=1, daily_cap=2)
    >>> limits.admit(noon, can_wait=False), limits.admit(noon, can_wait=False)
    (<Admission.RUN: 'run'>, <Admission.BUSY: 'busy'>)
    >>> limits.admit(noon, can_wait=True), limits.admit(noon, can_wait=True)
    (<Admission.QUEUE: 'queue'>, <Admission.CAPPED: 'capped'>)
    """

    concurrency: int | None = None
    daily_cap: int | None = None
    in_flight: int = 0
    """Runs that hold a slot."""
    peak_in_flight: int = 0
    waiting: int = 0
    """Calls that were let in and wait for a slot."""
    used_today: int = 0
    day: date | None = None
    """The UTC day that `used_today` counts."""

    def admit(self, now: datetime, *, can_wait: bool) -> Admission:
        """Let a call in or refuse it. A call that is let in is counted, and takes a slot unless it waits for one."""
        self.turn_day(now)
        if self.daily_cap is not None and self.used_today >= self.daily_cap:
            return Admission.CAPPED
        # Who waits goes first: a free slot is not for a newcomer while somebody waits for it.
        if not self.waiting and self._has_slot():
            self._take_slot()
            verdict = Admission.RUN
        elif can_wait:
            self.waiting += 1
            verdict = Admission.QUEUE
        else:
            return Admission.BUSY
        self.used_today += 1
        return verdict

    def release(self) -> None:
        """Give back the slot of a run that ended."""
        self.in_flight -= 1

    def take_again(self) -> None:
        """Take a slot, over the cap if need be: for a run that was paused."""
        self._take_slot()

    def forget_running(self) -> None:
        """Give back all slots and forget who waits; what was counted of the day stays."""
        self.in_flight = self.waiting = 0

    def start_waiting(self) -> bool:
        """Give a slot to the next call that waits, if there are both; return whether there were."""
        if not self.waiting or not self._has_slot():
            return False
        self.waiting -= 1
        self._take_slot()
        return True

    def turn_day(self, now: datetime) -> None:
        """Renew the daily cap when the UTC day of `now` is a later one. A clock that goes back renews nothing."""
        today = now.astimezone(UTC).date()
        if self.day is None or today > self.day:
            self.day = today
            self.used_today = 0

    def _has_slot(self) -> bool:
        return self.concurrency is None or self.in_flight < self.concurrency

    def _take_slot(self) -> None:
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)


class QueuedRun(NamedTuple):
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
        self.book = RecordBook(options.keep)
        """What is remembered of runs, and counted."""
        self.limits = PlanLimits(options.concurrency, options.daily_cap)
        """The slots and the day's calls."""
        self.postman = CallbackSender(sleep=sleep, keep=options.keep)
        """Delivers callbacks."""
        self.engine = HiveLoop(self.postman.close)
        """The loop on which runs for callback delivery live."""
        self.approvals = Approvals(pause=self._pause, go_on=self._go_on, changed=self._notify, now=now)
        """The runs that wait for a person."""
        self._registry = registry
        self._now = now
        self._sleep = sleep
        self._threads = ThreadExecutor()
        self._hold_nothing()

    def _hold_nothing(self) -> None:
        self.lock = threading.Lock()
        """Guards everything that several callers share, that of the hive's other parts too."""
        self._changed = threading.Condition(self.lock)
        self._queue: deque[QueuedRun] = deque()
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

    def admit(self, ask: ParsedRequest, workflow: Workflow, base_url: str) -> tuple[QueuedRun | None, Admission]:
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
            job = QueuedRun(self.book.open(ask, base_url, now, queued=queued), workflow, ask.inputs, os.getpid())
            if queued:
                self._queue.append(job)
            if ask.callback_url is not None:
                self._undelivered += 1
            return job, verdict

    def run_later(self, job: QueuedRun) -> None:
        """Run a job on the hive's own loop, and deliver its outcome; return at once."""
        self.engine.submit(lambda: self._run_and_deliver(job))

    # A run -------------------------------------------------------------------

    async def run(self, job: QueuedRun) -> None:
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

    def _end(self, record: Record, outcome: WorkflowOutcome) -> None:
        now = self._now()
        with self.lock:
            self.book.finish(record, outcome, now)
            self.limits.release()
            started = self._start_waiting()
            self._tell_if_idle()
        self._run_all_later(started)

    async def _run_and_deliver(self, job: QueuedRun) -> None:
        record = job.record
        try:
            await self.run(job)
            secret = self._registry.signing_secrets[record.deployment]
            body = wire.event(record, self.options.spelling)
            await self.postman.deliver(record.request_id, record.callback_url or "", body, secret, self.options)
        finally:
            if job.pid == os.getpid():
                with self.lock:
                    self._undelivered -= 1
                    self._tell_if_idle()

    def _start_waiting(self) -> list[QueuedRun]:
        """Give free slots to the calls that wait, first come, first served. Called under the lock."""
        started = []
        while self._queue and self.limits.start_waiting():
            job = self._queue.popleft()
            self.book.start(job.record, self._now())
            started.append(job)
        return started

    def _run_all_later(self, jobs: list[QueuedRun]) -> None:
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
