"""Service of a hive: requests from authentication to the response, admission under a subscription's limits, and runs.

Rules of this file:

1. Everything that several callers share (limits, faults, records) is used under one lock, briefly, and never across an
   ``await``; so a hive may be called from several event loops and threads at once. The limits themselves are pure
   state: they do not wait, lock or read a clock.
2. In a child after ``os.fork`` a hive begins with nothing running: threads, loops and calls in flight are the parent's.
3. The daily cap counts admitted calls, whether they run at once or are queued, and whatever their outcome; and every
   other request with the right key (look-ups, the list of models, approvals, files), whatever its answer, unless
   `Options.look_ups_count` says otherwise (CONTRACT section 10). It does not count refused calls (by the key, the
   inputs, the caps, or a scripted fault before the run), nor what needs no key. UNKNOWN of the service: refused calls,
   and whether the cap is the subscription's or the key's; here it is the subscription's.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import threading
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, NamedTuple

from fh_notebook.local import requests, responses
from fh_notebook.local.approvals import Approval, Approvals
from fh_notebook.local.callback_sender import CallbackSender
from fh_notebook.local.executors import HiveLoop, ThreadExecutor
from fh_notebook.local.faults import Fault, FaultPoint, FaultScript
from fh_notebook.local.options import Options, draw_latency
from fh_notebook.local.records import Call, Counts, Record, RunRecords, view
from fh_notebook.local.requests import ParsedRequest, Refusal
from fh_notebook.local.responses import EncodedResponse
from fh_notebook.local.workflows import (
    INTERRUPTED,
    AssetStore,
    Registry,
    Workflow,
    WorkflowOutcome,
    perform,
    with_address,
)


class Admission(Enum):
    """The decision of the limits about a call."""

    RUN = "run"
    QUEUE = "queue"
    BUSY = "busy"
    """Refused: the concurrency cap is reached and the caller cannot wait."""
    CAPPED = "capped"
    """Refused: the calls of this day are used up."""


@dataclass(slots=True)
class SubscriptionLimits:
    """The state of a subscription's limits.

    Examples
    --------
    >>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    >>> limits = SubscriptionLimits(concurrency=1, daily_cap=2)
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
    scheduled: int = 0
    """Slots that runs of schedules hold."""
    used_today: int = 0
    day: date | None = None
    """The UTC day that `used_today` counts."""

    def admit(self, now: datetime, *, can_wait: bool) -> Admission:
        """Admit a call or refuse it. An admitted call is counted, and takes a slot unless it waits for one."""
        self.turn_day(now)
        if self.daily_cap is not None and self.used_today >= self.daily_cap:
            return Admission.CAPPED
        # First come, first served: a free slot is not for a new call while another one waits.
        if not self.waiting and self._has_slot():
            self._take_slot()
            admission = Admission.RUN
        elif can_wait:
            self.waiting += 1
            admission = Admission.QUEUE
        else:
            return Admission.BUSY
        self.used_today += 1
        return admission

    def admit_look_up(self, now: datetime) -> bool:
        """Count a request that runs nothing, and return whether the day has room for it."""
        self.turn_day(now)
        has_room = self.daily_cap is None or self.used_today < self.daily_cap
        self.used_today += has_room
        return has_room

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
        return self.concurrency is None or self.in_flight + self.scheduled < self.concurrency

    def _take_slot(self) -> None:
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)


class QueuedRun(NamedTuple):
    """An admitted run: it waits for its slot, or has it."""

    record: Record
    workflow: Workflow
    inputs: Mapping[str, Any]
    pid: int
    """The process that admitted it: a child after ``os.fork`` does not finish the runs of its parent."""


class RunQueue:
    """Admits calls, runs their workflows, and delivers the outcomes of callback delivery.

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
        self.records = RunRecords(options.keep)
        """The records and counters of the runs."""
        self.limits = SubscriptionLimits(options.concurrency, options.daily_cap, scheduled=options.scheduled_runs)
        """The slots and the day's calls."""
        self.callback_sender = CallbackSender(sleep=sleep, keep=options.keep)
        """Delivers callbacks."""
        self.loop = HiveLoop(self.callback_sender.close)
        """The event loop of the runs for callback delivery."""
        self.approvals = Approvals(
            pause=self._pause,
            resume=self._resume,
            changed=self._paused,
            now=now,
            later=self._later,
            options=lambda: self.options,
        )
        """The runs that wait for a person."""
        self._registry = registry
        self._now = now
        self._sleep = sleep
        self._threads = ThreadExecutor()
        self._reset_state()

    def _reset_state(self) -> None:
        self.lock = threading.Lock()
        """Guards everything that several callers share, that of the hive's other parts too."""
        self._changed = threading.Condition(self.lock)
        self._queue: deque[QueuedRun] = deque()
        self._undelivered = 0
        self._direct: dict[str, Future[str]] = {}

    def reset_after_fork(self) -> None:
        """Begin with nothing running, as in a child after ``os.fork``; settings and counters stay."""
        self._reset_state()
        self._threads.reset_after_fork()
        self.approvals.reset_after_fork()
        self.loop.reset_after_fork()
        self.callback_sender.reset_after_fork()
        self.limits.forget_running()
        self.records.forget_running()

    def set_options(self, options: Options) -> None:
        """Replace the settings; calls that wait start at once where a higher cap lets them."""
        with self.lock:
            self.options = options
            self.limits.concurrency, self.limits.daily_cap = options.concurrency, options.daily_cap
            self.limits.scheduled = options.scheduled_runs
            self.records.keep = options.keep
            self.callback_sender.keep(options.keep)
            started = self._start_waiting()
        self._run_all_later(started)

    # A call is let in --------------------------------------------------------

    def admit(self, request: ParsedRequest, workflow: Workflow, base_url: str) -> tuple[QueuedRun | None, Admission]:
        """Admit a call as far as the limits allow; ``None`` for a refused one.

        The caller runs a call with :attr:`Admission.RUN`: by :meth:`run`, or by :meth:`run_later` where its outcome is
        delivered.
        """
        now = self._now()
        with self.lock:
            admission = self.limits.admit(now, can_wait=request.callback_url is not None)
            if admission in (Admission.BUSY, Admission.CAPPED):
                return None, admission
            queued = admission is Admission.QUEUE
            waiting = self.options.queue_status if queued else None
            job = QueuedRun(
                self.records.open(request, base_url, now, waiting=waiting), workflow, request.inputs, os.getpid()
            )
            if queued:
                self._queue.append(job)
            if request.callback_url is not None:
                self._undelivered += 1
            return job, admission

    def run_later(self, job: QueuedRun) -> None:
        """Run a job on the hive's own loop, and deliver its outcome; return at once."""
        self.loop.submit(lambda: self._run_and_deliver(job))

    # A run -------------------------------------------------------------------

    async def run(self, job: QueuedRun) -> None:
        """Run a job that has a slot, and release the slot."""
        record, options = job.record, self.options
        outcome = INTERRUPTED
        try:
            wait_s = draw_latency(options.latency_s, options.seed, record.number)
            if wait_s > 0:
                await self._sleep(wait_s)
            with self.approvals.run(record, job.workflow):
                outcome = await perform(job.workflow, job.inputs, self._threads, record.base_url)
        finally:
            if job.pid == os.getpid():
                self._end(record, outcome)

    async def run_until_pause(self, job: QueuedRun) -> str:
        """Run a job that has a slot until it ends or waits for a decision; then it goes on without its caller."""
        waiting: Future[str] = Future()
        with self.lock:
            self._direct[job.record.request_id] = waiting

        async def run() -> None:
            try:
                await self.run(job)
            finally:
                self._answer_direct(job.record, job.record.status)

        self.loop.submit(run)
        status = await asyncio.wrap_future(waiting)
        return job.record.status if job.record.ended_at is not None else status

    def _pause(self, record: Record) -> None:
        with self.lock:
            record.status = "awaiting_approval"
            self.limits.release()
            started = self._start_waiting()
        self._run_all_later(started)

    def _paused(self, record: Record) -> None:
        with self._changed:
            self._changed.notify_all()
        self._answer_direct(record, "awaiting_approval")

    def _answer_direct(self, record: Record, status: str) -> None:
        """Let the direct call of a run be answered with a status, if it waits."""
        with self.lock:
            waiting = self._direct.pop(record.request_id, None)
        if waiting is not None:
            with suppress(InvalidStateError):  # the caller went away
                waiting.set_result(status)

    def _later(self, wait_s: float, call: Callable[[], object]) -> Callable[[], object]:
        """Call a function after some seconds, on the hive's own loop; what is returned calls that off."""
        called_off: Future[None] = Future()

        async def wait() -> None:
            sleeping = asyncio.ensure_future(self._sleep(wait_s))
            try:
                await asyncio.wait((sleeping, asyncio.wrap_future(called_off)), return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleeping.cancel()
            if not called_off.done():
                call()

        def call_off() -> None:
            with suppress(InvalidStateError):  # twice
                called_off.set_result(None)

        self.loop.submit(wait)
        return call_off

    def _resume(self, record: Record) -> None:
        with self.lock:
            record.status = "running"
            self.limits.take_again()

    def _end(self, record: Record, outcome: WorkflowOutcome) -> None:
        now = self._now()
        with self.lock:
            self.records.finish(record, outcome, now)
            self.limits.release()
            started = self._start_waiting()
            self._notify_if_idle()
        self._run_all_later(started)

    async def _run_and_deliver(self, job: QueuedRun) -> None:
        record = job.record
        try:
            await self.run(job)
            secret = self._registry.signing_secrets[record.deployment]
            body = responses.event(record, self.options.spelling)
            await self.callback_sender.deliver(record.request_id, record.callback_url or "", body, secret, self.options)
        finally:
            if job.pid == os.getpid():
                with self.lock:
                    self._undelivered -= 1
                    self._notify_if_idle()

    def _start_waiting(self) -> list[QueuedRun]:
        """Give free slots to the calls that wait, first come, first served. Called under the lock."""
        started = []
        while self._queue and self.limits.start_waiting():
            job = self._queue.popleft()
            self.records.start(job.record, self._now())
            started.append(job)
        return started

    def _run_all_later(self, jobs: list[QueuedRun]) -> None:
        for job in jobs:
            self.run_later(job)

    def _is_idle(self) -> bool:
        return not (self.limits.in_flight or self.limits.waiting or self._undelivered)

    def _notify_if_idle(self) -> None:
        if self._is_idle():
            self._changed.notify_all()

    # Waiting for it ----------------------------------------------------------

    def wait_idle(self, timeout_s: float | None) -> bool:
        """Wait until nothing runs, waits or is being delivered; return whether that came about in time."""
        with self._changed:
            return self._changed.wait_for(self._is_idle, _bounded(timeout_s))

    def wait_approval(self, timeout_s: float | None) -> tuple[Approval, ...]:
        """Wait until a run is paused, and return all that are; none when that did not come about in time."""
        self.approvals.expire()
        with self._changed:  # what ends an approval takes this lock, so nothing expires here
            self._changed.wait_for(self.approvals.open_now, _bounded(timeout_s))
        return self.approvals.waiting()


def _bounded(timeout_s: float | None) -> float | None:
    """Return the timeout, at most the longest wait of a lock: some 292 years."""
    return None if timeout_s is None else min(timeout_s, threading.TIMEOUT_MAX)


_services: weakref.WeakSet[Service] = weakref.WeakSet()


def _services_here() -> list[Service]:
    while True:
        # A hive that another thread makes meanwhile ends the iteration with an error; a lock would have to be made
        # anew in a forked child.
        with suppress(RuntimeError):
            return list(_services)


def steps_here() -> list[Approval]:
    """Return the steps of this process's hives that wait for a yes or a no of their recipient."""
    open_now = (approval for service in _services_here() for approval in service.runs.approvals.open_now())
    return [a for a in open_now if a.tool is None and not (a.choices or a.wants_text)]


def decide_here(approval_id: str, *, approve: bool) -> bool:
    """Decide about one of :func:`steps_here`; return whether it still waited, which one decided elsewhere does not."""
    for service in _services_here():
        for approval in service.runs.approvals.waiting():
            if approval.id == approval_id:
                return service.runs.approvals.decide_approval(approval, allow=approve) is not None
    return False


def _after_fork() -> None:
    for service in _services_here():
        service.runs.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class ServiceResponse(NamedTuple):
    """A response, with the fault of its transmission if there is one."""

    reply: EncodedResponse
    fault: Fault | None = None


class Service:
    """The state of one hive, and its operations.

    Parameters
    ----------
    options : Options
        The settings at first; :meth:`RunQueue.set_options` replaces them.
    clock : callable
        Returns now, UTC.
    sleep : async callable
        Waits: for the latency, between attempts of a callback.
    """

    def __init__(
        self,
        options: Options,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.registry = Registry()
        """Workflows, endpoints and signing secrets."""
        self.faults = FaultScript()
        """The faults of the next calls."""
        # By `now` the queue holds the service: while a run is at work, the hive's loop goes on.
        self.runs = RunQueue(options, registry=self.registry, now=self.now, sleep=sleep)
        """The runs, with limits and records."""
        self.assets = AssetStore(self.now, lambda: self.runs.options.asset_expiry_s)
        """Files that workflows made and files that were uploaded."""
        self.sleep = sleep
        self._clock = clock
        _services.add(self)
        # A garbage-collected hive ends its thread. At the interpreter's exit a daemon thread just ends.
        weakref.finalize(self, self.runs.loop.ask_to_stop).atexit = False

    # What is asked -----------------------------------------------------------

    def authorize(self, header: str | None) -> None:
        """Check the ``Authorization`` header of a caller."""
        key = requests.bearer_key(header)
        expected = self.runs.options.api_key
        if expected is not None and not hmac.compare_digest(key.encode(errors="replace"), expected.reveal().encode()):
            raise Refusal("unauthorized")

    def count_look_up(self) -> None:
        """Count a request of a caller who may ask, and that runs nothing."""
        if not self.runs.options.look_ups_count:
            return
        with self.runs.lock:
            has_room = self.runs.limits.admit_look_up(self.now())
        if not has_room:
            raise self._limit_refusal(Admission.CAPPED)

    async def invoke(self, body: bytes, base_url: str) -> ServiceResponse:
        """Answer ``POST /v1/workflow/invoke`` for a caller who may ask."""
        request = requests.read_invoke(body, may_auto_approve=self.runs.options.may_auto_approve)
        workflow = self.registry.find(request.deployment, request.variant, self.runs.options.not_found_status)
        return await self._admit(request, workflow, base_url)

    async def trigger(
        self, endpoint_id: str, variant_id: str, secret: str, body: bytes, base_url: str
    ) -> ServiceResponse:
        """Answer ``POST /v1/workflow/webhooks/{endpoint}/variants/{variant}``."""
        endpoint = self.registry.find_endpoint(endpoint_id, variant_id, secret)
        request = requests.read_trigger(body, endpoint.deployment, endpoint.variant)
        return await self._admit(request, self.registry.find(request.deployment, request.variant), base_url)

    def request_details(self, request_id: str) -> ServiceResponse:
        """Answer ``GET /v1/public/requests/{id}``."""
        with self.runs.lock:
            record = self.runs.records.by_request_id(request_id)
            call = view(record) if record else None
        options = self.runs.options
        return self._status_response(call, lambda c: responses.request_details(c, options), "Request not found")

    def workflow_run(self, run_id: str) -> ServiceResponse:
        """Answer ``GET /v1/workflow_runs/{id}``."""
        with self.runs.lock:
            record = self.runs.records.by_run_id(run_id)
            call = view(record) if record else None
        options = self.runs.options
        return self._status_response(
            call, lambda c: responses.workflow_run(c, options), "Prompt workflow run not found"
        )

    # Approvals of tools --------------------------------------------------------

    def tool_approvals(self, workspace_id: str, query: Mapping[str, str]) -> ServiceResponse:
        """Answer ``GET /v1/public/workspaces/{workspace}/tool_action_approvals``."""
        self._check_workspace(workspace_id)
        limit = query.get("limit", "50")
        if not (limit.isdecimal() and len(limit) <= 3 and 1 <= int(limit) <= 100):
            raise Refusal("validation_error", "limit must be a number from 1 to 100")
        known = self.runs.approvals.of_tools()
        ids = [approval.id for approval in known]
        cursor = query.get("cursor")
        if cursor is not None and cursor not in ids:
            raise Refusal("validation_error", "cursor is not one of this list")
        begin = 0 if cursor is None else ids.index(cursor) + 1
        found = [
            approval
            for approval in known[begin:]
            if approval.status == query.get("status", "pending")
            and "agent_id" not in query  # there are no agents here, so none of them asks
            and all(getattr(approval, name) == query[name] for name in ("run_id", "request_id") if name in query)
        ]
        page = found[: int(limit)]
        has_more = len(page) < len(found)
        return ServiceResponse(responses.approvals(page, page[-1].id if has_more else None))

    def tool_approval(self, workspace_id: str, approval_id: str) -> ServiceResponse:
        """Answer ``GET /v1/public/workspaces/{workspace}/tool_action_approvals/{id}``."""
        return ServiceResponse(responses.approval(self._find_approval(workspace_id, approval_id)))

    def decide_tool(self, workspace_id: str, approval_id: str, body: bytes) -> ServiceResponse:
        """Answer ``POST /v1/public/workspaces/{workspace}/tool_action_approvals/{id}/decide``."""
        approval = self._find_approval(workspace_id, approval_id)
        allow = requests.read_decision(body, is_destructive=approval.is_destructive)
        decided = self.runs.approvals.decide_approval(approval, allow=allow)
        if decided is None:
            is_expired = self._find_approval(workspace_id, approval_id).status == "expired"
            raise Refusal("approval_expired" if is_expired else "already_decided")
        return ServiceResponse(responses.approval(decided))

    # Files -----------------------------------------------------------------------

    def list_assets(self, workspace_id: str, base_url: str) -> ServiceResponse:
        """Answer ``GET /v1/public/workspaces/{workspace}/assets``."""
        self._check_workspace(workspace_id)
        found = [with_address(entry, base_url) for entry in self.assets.list(workspace_id)]
        return ServiceResponse(responses.assets(found))

    def upload_asset(self, workspace_id: str, content_type: str, body: bytes, base_url: str) -> ServiceResponse:
        """Answer ``POST /v1/public/workspaces/{workspace}/assets``."""
        self._check_workspace(workspace_id)
        entry = self.assets.upload(*requests.read_upload(content_type, body), workspace_id)
        return ServiceResponse(responses.uploaded(with_address(entry, base_url)))

    def _check_workspace(self, workspace_id: str) -> None:
        if workspace_id != self.runs.options.workspace_id:
            raise Refusal("not_found", "Workspace not found")

    def _find_approval(self, workspace_id: str, approval_id: str) -> Approval:
        self._check_workspace(workspace_id)
        for approval in self.runs.approvals.of_tools():
            if approval.id == approval_id:
                return approval
        raise Refusal("not_found", "Approval not found")

    # What is set and looked at -------------------------------------------------

    def counts(self) -> Counts:
        """Return what was counted."""
        runs = self.runs
        with runs.lock:
            runs.limits.turn_day(self.now())
            return Counts(
                requests=runs.records.requests,
                calls=runs.records.calls,
                refused=runs.records.refused,
                invalid=runs.records.invalid,
                faulted=runs.records.faulted,
                completed=runs.records.completed,
                failed=runs.records.failed,
                running=runs.limits.in_flight,
                queued=runs.limits.waiting,
                peak_running=runs.limits.peak_in_flight,
                used_today=runs.limits.used_today,
            )

    def note_answer(self, status: int) -> None:
        """Count an answer to a request to run a workflow."""
        with self.runs.lock:
            self.runs.records.answered(status)

    def now(self) -> datetime:
        """Return the hive's time; a clock without a zone is taken to be UTC."""
        now = self._clock()
        return now if now.tzinfo is not None else now.replace(tzinfo=UTC)

    # How a run goes ------------------------------------------------------------

    async def _admit(self, request: ParsedRequest, workflow: Workflow, base_url: str) -> ServiceResponse:
        workflow.check(request.inputs)
        if workflow.human is not None and request.callback_url is None:
            raise Refusal("async_required")
        fault = self._take_fault("invoke", request.deployment, request.variant)
        if fault is not None and not fault.runs:
            return self._fault_response(fault)
        job, admission = self.runs.admit(request, workflow, base_url)
        if job is None:
            if fault is not None:
                self._give_back(fault)
            raise self._limit_refusal(admission)
        record, spelling = job.record, self.runs.options.spelling
        if request.callback_url is None:
            if workflow.tools:
                status = await self.runs.run_until_pause(job)
            else:
                await self.runs.run(job)
                status = record.status
            return self._with_fault(responses.finished(record, status, spelling), fault)
        status = "running" if admission is Admission.RUN else self.runs.options.queue_status
        reply = responses.accepted(record, status, spelling, self.registry.signing_secrets[request.deployment].reveal())
        if admission is Admission.RUN:
            self.runs.run_later(job)
        return self._with_fault(reply, fault)

    def _limit_refusal(self, admission: Admission) -> Refusal:
        if admission is Admission.CAPPED:
            return Refusal("api_rate_limit_exceeded", more=self._daily_fields())
        wait_s = self.runs.options.retry_after_s
        headers = {} if wait_s is None else {"retry-after": f"{wait_s:g}"}
        return Refusal("concurrency_limit_reached", headers=headers)

    def _daily_fields(self) -> dict[str, Any]:
        return {"limit": self.runs.limits.daily_cap, "current": self.runs.limits.used_today}

    # How an answer goes wrong ----------------------------------------------------

    def _take_fault(self, point: FaultPoint, deployment: str, variant: str) -> Fault | None:
        with self.runs.lock:
            fault = self.faults.take(point, deployment, variant)
            self.runs.records.faulted += fault is not None
            return fault

    def _give_back(self, fault: Fault) -> None:
        with self.runs.lock:
            self.faults.give_back(fault)
            self.runs.records.faulted -= 1

    def _status_response(
        self, call: Call | None, write: Callable[[Call], EncodedResponse], missing: str
    ) -> ServiceResponse:
        fault = self._take_fault("retrieve", call.deployment if call else "", call.variant if call else "")
        if fault is not None and not fault.keeps_answer:
            return self._fault_response(fault)
        if call is None:
            raise Refusal("not_found", missing)
        return ServiceResponse(write(call), fault)

    def _with_fault(self, reply: EncodedResponse, fault: Fault | None) -> ServiceResponse:
        if fault is None or fault.keeps_answer:
            return ServiceResponse(reply, fault)
        return self._fault_response(fault)

    def _fault_response(self, fault: Fault) -> ServiceResponse:
        more = self._daily_fields() if fault.error_code == "api_rate_limit_exceeded" else {}
        return ServiceResponse(EncodedResponse(fault.http_status, fault.answer_body(more), fault.headers), fault)
