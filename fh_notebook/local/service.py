"""Service: one request from authentication to its answer.

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

from fh_notebook.local import requests, wire
from fh_notebook.local.faults import Fault, FaultPoint, FaultScript
from fh_notebook.local.options import Options
from fh_notebook.local.records import Call, Counts, view
from fh_notebook.local.requests import ParsedRequest, Refusal
from fh_notebook.local.run_queue import Admission, RunQueue
from fh_notebook.local.wire import Reply
from fh_notebook.local.workflows import AssetStore, Registry, Workflow

__all__ = ["Service", "ServiceResponse"]

_services: weakref.WeakSet[Service] = weakref.WeakSet()


def _after_fork() -> None:
    for service in list(_services):
        service.runs.begin_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class ServiceResponse(NamedTuple):
    """What goes out: an answer, and how it goes wrong on the line if it was told to."""

    reply: Reply
    fault: Fault | None = None


class Service:
    """The state of one hive and what is done with it.

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
        """What the next calls shall meet."""
        self.assets = AssetStore()
        """Files that workflows list in their results."""
        # By `now` the queue holds the service: while a run is at work, the hive's loop goes on.
        self.runs = RunQueue(options, registry=self.registry, now=self.now, sleep=sleep)
        """The runs, with limits and records."""
        self.sleep = sleep
        self._clock = clock
        _services.add(self)
        # A hive that nobody holds any more ends its thread. At the interpreter's end a daemon just ends.
        weakref.finalize(self, self.runs.engine.ask_to_stop).atexit = False

    # What is asked -----------------------------------------------------------

    def authorize(self, header: str | None) -> None:
        """Let a caller pass by its ``Authorization`` header.

        Raises
        ------
        Refusal
            ``unauthorized``.
        """
        key = requests.bearer_key(header)
        own = self.runs.options.api_key
        if own is not None and not hmac.compare_digest(key.encode(errors="replace"), own.reveal().encode()):
            raise Refusal("unauthorized")

    async def invoke(self, body: bytes, base_url: str) -> ServiceResponse:
        """Answer ``POST /v1/workflow/invoke`` for a caller who may ask.

        Raises
        ------
        Refusal
            Whatever CONTRACT section 2 has for it.
        """
        ask = requests.read_invoke(body)
        return await self._take(ask, self.registry.find(ask.deployment, ask.variant), base_url)

    async def trigger(
        self, endpoint_id: str, variant_id: str, secret: str, body: bytes, base_url: str
    ) -> ServiceResponse:
        """Answer ``POST /v1/workflow/webhooks/{endpoint}/variants/{variant}``.

        Raises
        ------
        Refusal
            As for :meth:`invoke`.
        """
        endpoint = self.registry.find_endpoint(endpoint_id, variant_id, secret)
        ask = requests.read_trigger(body, endpoint.deployment, endpoint.variant)
        return await self._take(ask, self.registry.find(ask.deployment, ask.variant), base_url)

    def request_details(self, request_id: str) -> ServiceResponse:
        """Answer ``GET /v1/public/requests/{id}``.

        Raises
        ------
        Refusal
            ``not_found``.
        """
        with self.runs.lock:
            record = self.runs.book.by_request_id(request_id)
            call = view(record) if record else None
        spelling = self.runs.options.spelling
        return self._retrieved(call, lambda c: wire.request_details(c, spelling), "Request not found")

    def workflow_run(self, run_id: str) -> ServiceResponse:
        """Answer ``GET /v1/workflow_runs/{id}``.

        Raises
        ------
        Refusal
            ``not_found``.
        """
        with self.runs.lock:
            record = self.runs.book.by_run_id(run_id)
            call = view(record) if record else None
        return self._retrieved(call, wire.workflow_run, "Prompt workflow run not found")

    # What is set and looked at -------------------------------------------------

    def counts(self) -> Counts:
        """Return what was counted."""
        runs = self.runs
        with runs.lock:
            runs.limits.turn_day(self.now())
            return Counts(
                requests=runs.book.requests,
                calls=runs.book.calls,
                refused=runs.book.refused,
                invalid=runs.book.invalid,
                faulted=runs.book.faulted,
                completed=runs.book.completed,
                failed=runs.book.failed,
                running=runs.limits.in_flight,
                queued=runs.limits.waiting,
                peak_running=runs.limits.peak_in_flight,
                used_today=runs.limits.used_today,
            )

    def note_answer(self, status: int) -> None:
        """Count an answer to a request to run a workflow."""
        with self.runs.lock:
            self.runs.book.answered(status)

    def now(self) -> datetime:
        """Return the hive's time; a clock without a zone is taken to be UTC."""
        moment = self._clock()
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)

    # How a run goes ------------------------------------------------------------

    async def _take(self, ask: ParsedRequest, workflow: Workflow, base_url: str) -> ServiceResponse:
        workflow.check(ask.inputs)
        if workflow.human is not None and ask.callback_url is None:
            raise Refusal("async_required")
        fault = self._fault("invoke", ask.deployment, ask.variant)
        if fault is not None and not fault.runs:
            return self._faulted(fault)
        job, verdict = self.runs.admit(ask, workflow, base_url)
        if job is None:
            if fault is not None:
                self._give_back(fault)
            raise self._limit_refusal(verdict)
        record, spelling = job.record, self.runs.options.spelling
        if ask.callback_url is None:
            await self.runs.run(job)
            return self._answered(wire.finished(record, spelling), fault)
        status = "running" if verdict is Admission.RUN else "queued"
        reply = wire.accepted(record, status, spelling, self.registry.signing_secrets[ask.deployment].reveal())
        if verdict is Admission.RUN:
            self.runs.run_later(job)
        return self._answered(reply, fault)

    def _limit_refusal(self, verdict: Admission) -> Refusal:
        if verdict is Admission.CAPPED:
            return Refusal("api_rate_limit_exceeded", more=self._daily_fields())
        wait_s = self.runs.options.retry_after_s
        headers = {} if wait_s is None else {"retry-after": f"{wait_s:g}"}
        return Refusal("concurrency_limit_reached", headers=headers)

    def _daily_fields(self) -> dict[str, Any]:
        return {"limit": self.runs.limits.daily_cap, "current": self.runs.limits.used_today}

    # How an answer goes wrong ----------------------------------------------------

    def _fault(self, place: FaultPoint, deployment: str, variant: str) -> Fault | None:
        with self.runs.lock:
            fault = self.faults.take(place, deployment, variant)
            self.runs.book.faulted += fault is not None
            return fault

    def _give_back(self, fault: Fault) -> None:
        with self.runs.lock:
            self.faults.give_back(fault)
            self.runs.book.faulted -= 1

    def _retrieved(self, call: Call | None, write: Callable[[Call], Reply], missing: str) -> ServiceResponse:
        fault = self._fault("retrieve", call.deployment if call else "", call.variant if call else "")
        if fault is not None and not fault.keeps_answer:
            return self._faulted(fault)
        if call is None:
            raise Refusal("not_found", missing)
        return ServiceResponse(write(call), fault)

    def _answered(self, honest: Reply, fault: Fault | None) -> ServiceResponse:
        if fault is None or fault.keeps_answer:
            return ServiceResponse(honest, fault)
        return self._faulted(fault)

    def _faulted(self, fault: Fault) -> ServiceResponse:
        more = self._daily_fields() if fault.error_code == "api_rate_limit_exceeded" else {}
        return ServiceResponse(Reply(fault.http_status, fault.answer_body(more), fault.headers), fault)
