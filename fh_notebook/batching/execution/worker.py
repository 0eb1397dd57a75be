"""`Worker`: upload the files of a job, claim, call and store it, one job after the other, in one slot.

Rule of this file: it judges nothing itself (`contract.retry` does) and never repeats what may have run. An answer
counts after its commit, and a cancel waits for the commit that is on its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from fh_notebook.batching.execution.job_queue import QueuedJob
from fh_notebook.batching.execution.ledger import ClaimResult, Ledger
from fh_notebook.batching.execution.scheduler import EngineLimiter, Scheduler
from fh_notebook.batching.execution.stop_rules import stop_of_answer
from fh_notebook.batching.model import CANCELLED, CancelledRun, Event, Job, Retried, Started, Throttled, kind_of
from fh_notebook.batching.progress.unknown_outcomes import WaitHelp, waits_text
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.retry import CUT_OFF, NOT_REACHED, Absence, RetryAction, RetryDecision, absence_of, decide
from fh_notebook.contract.run import Explain, Run
from fh_notebook.contract.wire import AttemptResult
from fh_notebook.core.event_loop import finish_despite_cancel
from fh_notebook.core.slots import LimitedCall
from fh_notebook.core.text.messages import Audience
from fh_notebook.errors import CallError

TOO_MANY: Final = 429
HELD_WAIT_S: Final = 0.25
HELD_WAIT_MAX_S: Final = 5.0
"""How long until a job that another kernel is calling is asked for again: at first the one, then twice as long each
time, up to the other."""

Prepare = Callable[[InvokeRequest], Awaitable[AttemptResult | None]]
"""Uploads the files that a request names; returns the result of a call that cannot be made, as one has no address."""

Next = tuple[QueuedJob | None, ClaimResult | None]
"""The job that comes next in a slot, and its turn where it is claimed already."""


class Worker:
    """Takes jobs through calls; one for all slots of an engine, since it holds nothing of a slot.

    Parameters
    ----------
    scheduler : Scheduler
        What workers share.
    attempt, explain, limiter, ledger, prepare, uploads, emit, batch, audience, decide, jitter, now
        As :class:`~fh_notebook.batching.execution.engine.Engine` has them.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        *,
        attempt: Callable[[InvokeRequest], Awaitable[AttemptResult]],
        explain: Explain,
        limiter: EngineLimiter,
        ledger: Ledger,
        prepare: Prepare,
        uploads: Callable[[InvokeRequest], int],
        emit: Callable[[Event], None],
        batch: str,
        audience: Audience,
        decide: WaitHelp,
        jitter: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._scheduler = scheduler
        self._attempt = attempt
        self._explain = explain
        self._prepare = prepare
        self._uploads = uploads
        self._limiter = limiter
        self._ledger = ledger
        self._emit = emit
        self._batch = batch
        self._audience = audience
        self._decide = decide
        self._jitter = jitter
        self._now = now
        self._asking = asyncio.Lock()
        self._freed = asyncio.Event()
        self._reserved = 0
        """Requests of the jobs whose files are on their way, and that are not claimed yet."""

    async def work(self, entry: QueuedJob | None, slot: AsyncExitStack) -> None:
        """Take `entry` through `slot`, and after it one job after the other, as long as the slot may be kept."""
        async with slot:
            claim: ClaimResult | None = None
            while entry is not None:
                if claim is None:
                    claim = await self._claim(entry)
                following, claim = await self._one(entry, claim)
                self._scheduler.ended(entry)
                entry = following

    async def _claim(self, entry: QueuedJob) -> ClaimResult:
        try:
            if not entry.job.names_files:
                return await self._take(entry)
            # Before the claim: a job whose file is on its way has not been called.
            request = entry.job.request(self._batch)
            async with self._room(entry.job, request) as found:
                if found.go:
                    entry.refused = await self._prepare(request)
                return found if found.capped else await self._take(entry)
        finally:
            self._scheduler.opened()

    async def _take(self, entry: QueuedJob) -> ClaimResult:
        try:
            return await self._ledger.claim(entry.job)
        except asyncio.CancelledError:
            # The claim was asked for and is there; nothing was sent.
            await finish_despite_cancel(self._ledger.release(entry.job, sent=False))
            raise

    @asynccontextmanager
    async def _room(self, job: Job, request: InvokeRequest) -> AsyncIterator[ClaimResult]:
        """Hold room under the daily cap for a job's uploads and its call, and give whether it could be claimed."""
        found, needed = ClaimResult(go=True), 0
        if self._uploads(request):
            async with self._asking:
                # Counted anew after each wait: a file that several jobs name is there once one of them has sent it.
                while uploads := self._uploads(request):
                    others = self._reserved
                    found = await self._ledger.look(job, room=others + uploads + 1)
                    if not (found.capped and others):
                        found, needed = replace(found, uploads=uploads), uploads + 1
                        break
                    if self._reserved == others:  # they may need less than they hold
                        self._freed.clear()
                        await self._freed.wait()
                else:
                    found = ClaimResult(go=True)
                self._reserved += needed
        try:
            yield found
        finally:
            self._reserved -= needed
            self._freed.set()

    async def _one(self, entry: QueuedJob, claim: ClaimResult) -> Next:
        """Take one job through its turn; return what comes next in this slot."""
        if claim.go and entry.answer is not None:
            return await self._finish(entry, entry.answer, unsent=True)  # its request was counted when it was sent
        if claim.go and (self._scheduler.stopped is not None or self._scheduler.is_over(entry.job)):
            # An answer that came meanwhile ended it all, or its variant.
            await self._ledger.release(entry.job, sent=False)
            return None, None
        if claim.capped:
            self._scheduler.capped(uploads=claim.uploads)
            return None, None
        if claim.go:
            return await self._call(entry, claim) if await self._may_go(entry, claim) else (None, None)
        if claim.answer is not None:
            self._scheduler.failed(claim.answer)
            self._scheduler.finished(
                entry.job, claim.answer, line=claim.line, reused=kind_of(claim.answer) != "unknown"
            )
        else:
            entry.held += 1
            self._scheduler.put_off(entry, min(HELD_WAIT_MAX_S, HELD_WAIT_S * 2.0 ** (entry.held - 1)))
        return self._scheduler.following(), None

    async def _may_go(self, entry: QueuedJob, claim: ClaimResult) -> bool:
        """Wait for the turn of a job that is claimed; give it back where the limit fell or something ended it all."""
        try:
            # No await from here to the count of the call: others may have used up what was left meanwhile.
            may_go = (
                await self._limiter.wait_to_send()
                and self._scheduler.stopped is None
                and (claim.is_sent or self._scheduler.has_calls_left)
            )
            may_go = may_go and not self._scheduler.is_judging and not self._scheduler.is_over(entry.job)
        except asyncio.CancelledError:
            await finish_despite_cancel(self._ledger.release(entry.job, sent=False))
            raise
        if not may_go:
            await self._ledger.release(entry.job, sent=False)
            self._scheduler.put_off(entry, 0.0)
        return may_go

    async def _call(self, entry: QueuedJob, claim: ClaimResult) -> Next:
        entry.sent += 1
        self._scheduler.calls += not claim.is_sent
        if (refused := entry.refused) is not None:
            entry.refused = None
            return await self._judge_and_follow(entry, refused, None)
        self._emit(Started(job=entry.job, attempt=entry.sent))
        started_at = self._now()
        call = self._limiter.call()
        try:
            with call:
                exchange = await self._attempt(entry.job.request(self._batch))
        except asyncio.CancelledError as exc:
            cut_off = _unknown(entry.job, started_at, CANCELLED, CUT_OFF)
            run = exc.run if isinstance(exc, CancelledRun) else cut_off
            await finish_despite_cancel(self._finish(entry, run, goes_on=False))
            raise
        except CallError as exc:
            return await self._finish(entry, _unknown(entry.job, started_at, "unforeseen", str(exc)))
        return await self._judge_and_follow(entry, exchange, call)

    async def _judge_and_follow(self, entry: QueuedJob, exchange: AttemptResult, call: LimitedCall | None) -> Next:
        """Do what follows from an exchange; `call` is ``None`` where only the upload of a file was tried."""
        decision = self._judge(entry, exchange)
        self._limiter.record_answer(decision, call=call, left=self._scheduler.left)
        if exchange.response.status_code is None and decision.reason in NOT_REACHED:
            if not self._scheduler.note_unreached(exchange.run):
                decision = replace(decision, action=RetryAction.RETRY)
        else:
            self._scheduler.note_answer()
            self._scheduler.calls -= call is None
        if decision.again:
            return await self._again(entry, exchange.run, decision, was_sent=call is not None)
        follow = partial(self._follow, entry, decision, absence_of(exchange.response), was_sent=call is not None)
        if exchange.run.error_code is None:
            return await follow(exchange.run)
        try:
            with self._scheduler.judging():
                run = await self._explain(exchange.run)
        except asyncio.CancelledError:  # its answer is known
            await finish_despite_cancel(follow(exchange.run, goes_on=False))
            raise
        return await follow(run)  # no await until it has told whether it ends it all

    def _judge(self, entry: QueuedJob, exchange: AttemptResult) -> RetryDecision:
        # Being refused for concurrency uses up no attempt: a batch has time.
        facts: dict[str, Any] = {"jitter": self._jitter(), "now": self._now()}
        decision = decide(exchange.response, attempt=entry.sent - entry.refusals, **facts)
        if decision.action is not RetryAction.THROTTLED:
            return decision
        entry.refusals += 1
        return decide(exchange.response, attempt=entry.refusals, typical_s=self._limiter.typical_s, **facts)

    async def _again(self, entry: QueuedJob, run: Run, decision: RetryDecision, *, was_sent: bool) -> Next:
        """Have a job called again later."""
        run = replace(run, attempts=entry.sent)
        await self._ledger.release(entry.job, sent=was_sent and run.error_code not in NOT_REACHED)
        kind = Throttled if decision.action is RetryAction.THROTTLED else Retried
        if kind is Throttled:
            self._scheduler.refused_one(decision.wait_s)
        self._emit(kind(job=entry.job, run=run, reason=decision.reason, wait_s=decision.wait_s))
        self._scheduler.put_off(entry, decision.wait_s)
        return None, None

    async def _follow(
        self,
        entry: QueuedJob,
        decision: RetryDecision,
        absence: Absence,
        run: Run,
        *,
        was_sent: bool,
        goes_on: bool = True,
    ) -> Next:
        """Do what the decision says about an answer that ends the calls of a job."""
        if decision.action is RetryAction.STOP:
            run = replace(run, attempts=entry.sent)
            if run.status_code == TOO_MANY:
                self._emit(Throttled(job=entry.job, run=run, reason=decision.reason, wait_s=0.0))
            self._scheduler.stop(stop_of_answer(decision.reason, run))
            await self._ledger.release(entry.job, sent=was_sent)
            return None, None
        if absence is not Absence.NOTHING and self._scheduler.keep_back(entry, run, absence):
            await self._ledger.release(entry.job, sent=was_sent)
            return None, None
        if was_sent and run.status_code is not None and run.status_code // 100 in (2, 4):
            self._scheduler.note_known(entry.job)
        if decision.action is RetryAction.UNKNOWN and run.status != "unknown":
            run = replace(run, status="unknown")
        return await self._finish(entry, run, goes_on=goes_on, unsent=not was_sent)

    async def _finish(self, entry: QueuedJob, run: Run, *, goes_on: bool = True, unsent: bool = False) -> Next:
        """Keep the answer; with it goes the claim of the job that comes next in this slot."""
        # What one exchange cost beyond itself: look-ups, where the answer did not come in the response.
        attempts, inputs = entry.sent + run.attempts - 1, entry.job.shown_inputs
        if run.attempts != attempts or run.inputs is not inputs:  # seldom, and a copy costs as much as the run
            run = replace(run, attempts=attempts, inputs=inputs)
        if not (run.done or run.error):
            request = f" (request {run.request_id})" if run.request_id else ""
            text = "the service accepted it, but its run had not ended"
            if run.status == "awaiting_approval":  # of a direct call: no callback comes, and no look-up is made
                text = waits_text(run, self._audience, self._decide)
            run = replace(run, error=f"{text}{request}")
        is_last = self._scheduler.failed(run) or not goes_on
        following = None if is_last else self._scheduler.following()
        # One with files is claimed when these are uploaded.
        then = following.job if following is not None and not following.job.names_files else None
        line = 0
        try:
            line, claim = await self._ledger.keep(
                entry.job,
                run,
                then=then,
                unsent=unsent or run.error_code in NOT_REACHED,
            )
        except asyncio.CancelledError:
            if then is not None:
                await finish_despite_cancel(self._ledger.release(then, sent=False))
            raise
        finally:
            if then is not None:
                self._scheduler.opened()
            # Also when it could not be saved: the answer is paid for, and in memory it is better than nowhere.
            self._scheduler.finished(entry.job, run, line=line)
        return following, claim


def _unknown(job: Job, started_at: datetime, code: str, error: str) -> Run:
    return Run(
        status="unknown",
        error=error,
        error_code=code,
        started_at=started_at,
        deployment=job.deployment,
        variant=job.variant,
        inputs=job.shown_inputs,
        metadata=job.metadata,
    )
