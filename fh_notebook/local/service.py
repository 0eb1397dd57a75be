"""The front desk: what happens to one request, from who asks to what is answered.

Rule of this file: everything that several callers share (limits, faults, records) is touched under one lock, for a
moment, and never across an ``await``; so a hive may be asked from several event loops and threads at once. In a child
after ``os.fork`` a hive begins with nothing running: threads, loops and calls in flight are the parent's.
"""

from __future__ import annotations

import hmac
import os
import weakref
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from fh_notebook.local import bodies, wire_out
from fh_notebook.local.approvals import Approvals
from fh_notebook.local.assets import Assets
from fh_notebook.local.atwork import AtWork, Job
from fh_notebook.local.bodies import Ask
from fh_notebook.local.book import Book, Call, Counts, view
from fh_notebook.local.callbacks import Postman
from fh_notebook.local.codes import Refusal
from fh_notebook.local.engine import Engine
from fh_notebook.local.faults import Fault, FaultScript, Place
from fh_notebook.local.limits import Admission, Limits
from fh_notebook.local.options import Options
from fh_notebook.local.registry import Registry, Workflow
from fh_notebook.local.threads import Threads
from fh_notebook.local.wire_out import Reply

__all__ = ["Answered", "Service"]

_services: weakref.WeakSet[Service] = weakref.WeakSet()


def _after_fork() -> None:
    for service in list(_services):
        service.begin_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Answered(NamedTuple):
    """What goes out: an answer, and how it goes wrong on the line if it was told to."""

    reply: Reply
    fault: Fault | None = None


class Service(AtWork):
    """The state of one hive and what is done with it.

    Parameters
    ----------
    options : Options
        The settings; :meth:`set_options` replaces them.
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
        self.options = options
        self.sleep = sleep
        self.registry = Registry()
        self.faults = FaultScript()
        self.assets = Assets()
        self.postman = Postman(sleep=sleep, keep=options.keep)
        self.book = Book(options.keep)
        self.limits = Limits(options.concurrency, options.daily_cap)
        self.engine = Engine(self.postman.close)
        self._clock = clock
        self._threads = Threads()
        self.approvals = Approvals(pause=self._pause, go_on=self._go_on, changed=self._tell_paused, now=self.now)
        self._hold_nothing()
        _services.add(self)
        # A hive that nobody holds any more ends its thread. At the interpreter's end a daemon just ends.
        weakref.finalize(self, self.engine.ask_to_stop).atexit = False

    def begin_afresh(self) -> None:
        """Begin with nothing running, as in a child after ``os.fork``; workflows, settings and counters stay."""
        self._hold_nothing()
        self._threads.begin_afresh()
        self.approvals.begin_afresh()
        self.engine.begin_afresh()
        self.postman.begin_afresh()
        self.limits.forget_running()
        self.book.forget_running()

    # What is asked -----------------------------------------------------------

    def authorize(self, header: str | None) -> None:
        """Let a caller pass by its ``Authorization`` header.

        Raises
        ------
        Refusal
            ``unauthorized``.
        """
        key = bodies.bearer_key(header)
        own = self.options.api_key
        if own is not None and not hmac.compare_digest(key.encode(errors="replace"), own.reveal().encode()):
            raise Refusal("unauthorized")

    async def invoke(self, body: bytes, base_url: str) -> Answered:
        """Answer ``POST /v1/workflow/invoke`` for a caller who may ask.

        Raises
        ------
        Refusal
            Whatever CONTRACT section 2 has for it.
        """
        ask = bodies.read_invoke(body)
        return await self._take(ask, self.registry.find(ask.deployment, ask.variant), base_url)

    async def trigger(self, endpoint_id: str, variant_id: str, secret: str, body: bytes, base_url: str) -> Answered:
        """Answer ``POST /v1/workflow/webhooks/{endpoint}/variants/{variant}``.

        Raises
        ------
        Refusal
            As for :meth:`invoke`.
        """
        endpoint = self.registry.find_endpoint(endpoint_id, variant_id, secret)
        ask = bodies.read_trigger(body, endpoint.deployment, endpoint.variant)
        return await self._take(ask, self.registry.find(ask.deployment, ask.variant), base_url)

    def request_details(self, request_id: str) -> Answered:
        """Answer ``GET /v1/public/requests/{id}``.

        Raises
        ------
        Refusal
            ``not_found``.
        """
        with self.lock:
            record = self.book.by_request_id(request_id)
            call = view(record) if record else None
        spelling = self.options.spelling
        return self._retrieved(call, lambda c: wire_out.request_details(c, spelling), "Request not found")

    def workflow_run(self, run_id: str) -> Answered:
        """Answer ``GET /v1/workflow_runs/{id}``.

        Raises
        ------
        Refusal
            ``not_found``.
        """
        with self.lock:
            record = self.book.by_run_id(run_id)
            call = view(record) if record else None
        return self._retrieved(call, wire_out.workflow_run, "Prompt workflow run not found")

    # What is set and looked at -------------------------------------------------

    def set_options(self, options: Options) -> None:
        """Replace the settings; calls that wait start at once where a higher cap lets them."""
        with self.lock:
            self.options = options
            self.limits.concurrency, self.limits.daily_cap = options.concurrency, options.daily_cap
            self.book.keep = options.keep
            self.postman.keep(options.keep)
            started = self._start_waiting()
        self._run_later(started)

    def counts(self) -> Counts:
        """Return what was counted."""
        with self.lock:
            self.limits.turn_day(self.now())
            return Counts(
                requests=self.book.requests,
                calls=self.book.calls,
                refused=self.book.refused,
                invalid=self.book.invalid,
                faulted=self.book.faulted,
                completed=self.book.completed,
                failed=self.book.failed,
                running=self.limits.in_flight,
                queued=self.limits.waiting,
                peak_running=self.limits.peak_in_flight,
                used_today=self.limits.used_today,
            )

    def note_answer(self, status: int) -> None:
        """Count an answer to a request to run a workflow."""
        with self.lock:
            self.book.answered(status)

    def now(self) -> datetime:
        """Return the hive's time; a clock without a zone is taken to be UTC."""
        moment = self._clock()
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)

    # How a run goes ------------------------------------------------------------

    async def _take(self, ask: Ask, workflow: Workflow, base_url: str) -> Answered:
        workflow.check(ask.inputs)
        if workflow.human is not None and ask.callback_url is None:
            raise Refusal("async_required")
        fault = self._fault("invoke", ask.deployment, ask.variant)
        if fault is not None and not fault.runs:
            return self._faulted(fault)
        job, verdict = self._let_in(ask, workflow, base_url)
        if job is None:
            if fault is not None:
                self._give_back(fault)
            raise self._limit_refusal(verdict)
        record, spelling = job.record, self.options.spelling
        if ask.callback_url is None:
            await self._run(job)
            return self._answered(wire_out.finished(record, spelling), fault)
        status = "running" if verdict is Admission.RUN else "queued"
        reply = wire_out.accepted(record, status, spelling, self.registry.signing_secrets[ask.deployment].reveal())
        if verdict is Admission.RUN:
            self._run_later([job])
        return self._answered(reply, fault)

    def _let_in(self, ask: Ask, workflow: Workflow, base_url: str) -> tuple[Job | None, Admission]:
        now = self.now()
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

    def _limit_refusal(self, verdict: Admission) -> Refusal:
        if verdict is Admission.CAPPED:
            return Refusal("api_rate_limit_exceeded", more=self._daily_fields())
        wait_s = self.options.retry_after_s
        headers = {} if wait_s is None else {"retry-after": f"{wait_s:g}"}
        return Refusal("concurrency_limit_reached", headers=headers)

    def _daily_fields(self) -> dict[str, Any]:
        return {"limit": self.limits.daily_cap, "current": self.limits.used_today}

    # How an answer goes wrong ----------------------------------------------------

    def _fault(self, place: Place, deployment: str, variant: str) -> Fault | None:
        with self.lock:
            fault = self.faults.take(place, deployment, variant)
            self.book.faulted += fault is not None
            return fault

    def _give_back(self, fault: Fault) -> None:
        with self.lock:
            self.faults.give_back(fault)
            self.book.faulted -= 1

    def _retrieved(self, call: Call | None, write: Callable[[Call], Reply], missing: str) -> Answered:
        fault = self._fault("retrieve", call.deployment if call else "", call.variant if call else "")
        if fault is not None and not fault.keeps_answer:
            return self._faulted(fault)
        if call is None:
            raise Refusal("not_found", missing)
        return Answered(write(call), fault)

    def _answered(self, honest: Reply, fault: Fault | None) -> Answered:
        if fault is None or fault.keeps_answer:
            return Answered(honest, fault)
        return self._faulted(fault)

    def _faulted(self, fault: Fault) -> Answered:
        more = self._daily_fields() if fault.error_code == "api_rate_limit_exceeded" else {}
        return Answered(Reply(fault.http_status, fault.answer_body(more), fault.headers), fault)
