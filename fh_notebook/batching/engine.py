"""The calls of a batch: jobs out of an iterator, as many at once as the gate admits, one stream of events.

Rule of this file: it is given `attempt` and a gate and knows no client; it judges nothing itself (`contract.retry`
does) and never repeats what may have run. A slot is free only after the answer was committed, so what a kill can cost
is at most what was in flight. Memory does not grow with the number of jobs: one job waits for a slot, the others are
still in the iterator or in the heap of those that were refused.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final, Protocol, TypeVar

from fh_notebook.batching.events import Event, Finished, Retried, Started, Stopped, Throttled
from fh_notebook.batching.ledger import Ledger, Turn
from fh_notebook.batching.outcomes import kind_of
from fh_notebook.batching.plan import Job
from fh_notebook.batching.stopping import RESUME, Limits, stop_of_answer
from fh_notebook.contract.models import InvokeRequest
from fh_notebook.contract.retry import Decision, Verdict, decide
from fh_notebook.contract.run import Run
from fh_notebook.contract.wire import Exchange
from fh_notebook.errors import CallError, LimitReached, StoreError
from fh_notebook.loop import unbroken

__all__ = ["CUT_OFF", "Engine", "GateLike"]

T = TypeVar("T")

CUT_OFF: Final = "cancelled"
"""The error code of a call that was out when the batch was cancelled."""
HELD_WAIT_S: Final = 0.25
HELD_WAIT_MAX_S: Final = 5.0
"""How often a job that another kernel is calling is asked for again; it doubles up to the second."""


class GateLike(Protocol):
    """What the engine asks of a gate."""

    def slot(self) -> AbstractAsyncContextManager[None]:
        """Hold one slot; raises `LimitReached` while the daily cap is used up."""
        ...

    def hear(self, decision: Decision) -> None:
        """Learn from one answer."""
        ...


@dataclass(slots=True)
class _Entry:
    """A job on its way."""

    job: Job
    sent: int = 0
    """Exchanges, refused ones included: `Run.attempts`."""
    refusals: int = 0
    held: int = 0


@dataclass(order=True, slots=True)
class _Later:
    due: float
    number: int
    entry: _Entry = field(compare=False)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Engine:
    """Calls jobs; one engine a start.

    Parameters
    ----------
    attempt : async function of InvokeRequest
        One exchange, which never retries.
    gate : GateLike
        Admits calls.
    ledger : Ledger
        Claims jobs and keeps answers.
    emit : function of Event
        Told of everything, in the loop's thread; must return at once and not raise.
    batch : str
        The name that calls are stamped with.
    limits : Limits
        When to stop.
    planned : int
        How many jobs there are, for `limits`.
    max_in_flight : int, optional
        At most this many calls at once, whatever the gate admits.
    jitter : function, optional
        A uniform random number in [0, 1).
    now : function, optional
        The time in UTC.
    """

    def __init__(
        self,
        *,
        attempt: Callable[[InvokeRequest], Awaitable[Exchange]],
        gate: GateLike,
        ledger: Ledger,
        emit: Callable[[Event], None],
        batch: str = "",
        limits: Limits | None = None,
        planned: int = 0,
        max_in_flight: int | None = None,
        jitter: Callable[[], float] = random.random,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._attempt = attempt
        self._gate = gate
        self._ledger = ledger
        self._emit = emit
        self._batch = batch
        self._limits = limits or Limits()
        self._planned = planned
        self._max_in_flight = max_in_flight
        self._jitter = jitter
        self._now = now
        self.calls = 0
        """Requests sent."""
        self.refused = 0
        """Requests that were answered 429 for too many at once."""
        self.stopped: Stopped | None = None
        """Why no further call was started, if that was so."""
        self._errors = 0
        self._opening = 0
        self._later: list[_Later] = []
        self._numbers = count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._source: Iterator[Job] = iter(())
        self._head: _Entry | None = None
        self._at_gate: asyncio.Timeout | None = None

    async def run(self, jobs: Iterable[Job]) -> Stopped | None:
        """Call `jobs` until each has an outcome or a rule stops it; return the stop, if there was one.

        A cancel ends what is in flight: those jobs may have run, so they are finished as `unknown`, and kept as such,
        before the cancel goes on.
        """
        self._source = iter(jobs)
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        try:
            await self._dispatch()
            while self._tasks:
                await asyncio.wait(self._tasks)
        except BaseException:
            await self._end_tasks()
            raise
        return self.stopped

    @property
    def in_flight(self) -> int:
        """Calls that are out, or about to be."""
        return len(self._tasks)

    # --- which job is next

    async def _dispatch(self) -> None:
        """Start one job after another. Only this one waits at the gate: a form's click waits for one call at most."""
        while (entry := await self._next()) is not None:
            async with AsyncExitStack() as slot:
                try:
                    await self._enter(slot)
                except LimitReached as closed:
                    self._stop(Stopped(reason="daily_cap", message=f"{closed}; then {RESUME}"))
                    return
                except TimeoutError:  # the deadline or a stop was there before the slot
                    self._head = entry
                    continue
                if self._must_stop():  # while it waited for its slot
                    return
                self._start(entry, slot.pop_all())

    async def _enter(self, slot: AsyncExitStack) -> None:
        """Wait for a slot; other batches may hold them all for longer than this one may go on.

        Raises
        ------
        LimitReached
            The gate is closed.
        TimeoutError
            What ends the batch came first.
        """
        try:
            async with asyncio.timeout_at(self._deadline()) as self._at_gate:
                await slot.enter_async_context(self._gate.slot())
        finally:
            self._at_gate = None

    def _deadline(self) -> float | None:
        return None if self._limits.max_seconds is None else self._began + self._limits.max_seconds

    async def _next(self) -> _Entry | None:
        """Return the next job that is due and may be sent, or nothing when no more are to be started."""
        while self.stopped is None:
            self._changed.clear()
            self._head = self._head or self._candidate()
            if self._head is None and not self._later and not self._tasks:
                return None
            if (self._head or self._later) and self._must_stop():
                return None
            if self._head is not None and self._has_room():
                entry, self._head = self._head, None
                return entry
            await self._wait_for_change()
        return None

    def _candidate(self) -> _Entry | None:
        """Return a refused job whose wait is over, else a new one."""
        if self._later and self._later[0].due <= self._loop.time():
            return heapq.heappop(self._later).entry
        job = next(self._source, None)
        return None if job is None else _Entry(job)

    def _has_room(self) -> bool:
        most_calls = self._limits.max_calls
        return (self._max_in_flight is None or len(self._tasks) < self._max_in_flight) and (
            # Those that are opening may yet find their answer elsewhere: wait for what they do.
            most_calls is None or self.calls + self._opening < most_calls
        )

    def _must_stop(self) -> bool:
        if self.stopped is None:
            reached = self._limits.reached(
                calls=self.calls,
                elapsed_s=self._loop.time() - self._began,
                errors=self._errors,
                planned=self._planned,
            )
            if reached is not None:
                self._stop(reached)
        return self.stopped is not None

    async def _wait_for_change(self) -> None:
        due = [self._later[0].due - self._loop.time()] if self._later else []
        if (deadline := self._deadline()) is not None:
            due.append(deadline - self._loop.time())
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(due)) if due else None):
                await self._changed.wait()

    # --- one job

    def _start(self, entry: _Entry, slot: AsyncExitStack) -> None:
        self._opening += 1
        task = self._loop.create_task(self._hold(entry, slot))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._changed.set()
        if task.cancelled() or (broken := task.exception()) is None:
            return
        if isinstance(broken, StoreError):
            self._stop(Stopped(reason="store", message=f"{broken}; then {RESUME}"))
        else:  # a defect of ours: told, and nothing that was answered is lost for it
            self._stop(Stopped(reason="defect", message=f"{type(broken).__name__}: {broken}"))

    async def _hold(self, entry: _Entry, slot: AsyncExitStack) -> None:
        """Take one job through one exchange, inside its slot."""
        async with slot:
            try:
                turn = await self._claim(entry.job)
                if turn.go and self.stopped is not None:  # an answer that came meanwhile ended it all
                    await self._ledger.release(entry.job)
                    return
            finally:
                self._opening -= 1
            if turn.go:
                await self._call(entry)
            elif turn.answer is not None:
                self._finished(entry.job, turn.answer, reused=kind_of(turn.answer) != "unknown")
            else:
                entry.held += 1
                self._put_off(entry, min(HELD_WAIT_MAX_S, HELD_WAIT_S * 2.0 ** (entry.held - 1)))

    async def _claim(self, job: Job) -> Turn:
        try:
            return await self._ledger.claim(job)
        except asyncio.CancelledError:
            # The claim was asked for and may be there; nothing was sent.
            await unbroken(self._ledger.release(job))
            raise

    async def _call(self, entry: _Entry) -> None:
        entry.sent += 1
        self.calls += 1
        self._emit(Started(job=entry.job, attempt=entry.sent))
        started_at = self._now()
        try:
            exchange = await self._attempt(entry.job.request(self._batch))
        except asyncio.CancelledError:
            run = _unknown(entry.job, started_at, CUT_OFF, "it was cancelled while it was out; it may have run")
            await unbroken(self._finish(entry, run))
            raise
        except CallError as unforeseen:
            run = _unknown(entry.job, started_at, "unforeseen", str(unforeseen))
            await unbroken(self._finish(entry, run))
            return
        decision = self._judge(entry, exchange)
        self._gate.hear(decision)
        await unbroken(self._follow(entry, exchange.run, decision))

    def _judge(self, entry: _Entry, exchange: Exchange) -> Decision:
        # Being refused for concurrency uses up no attempt: a batch has time.
        facts: dict[str, Any] = {"jitter": self._jitter(), "now": self._now()}
        decision = decide(exchange.answer, attempt=entry.sent - entry.refusals, **facts)
        if decision.verdict is not Verdict.THROTTLED:
            return decision
        self.refused += 1
        entry.refusals += 1
        return decide(exchange.answer, attempt=entry.refusals, **facts)

    async def _follow(self, entry: _Entry, run: Run, decision: Decision) -> None:
        """Do what the decision says."""
        run = replace(run, attempts=entry.sent)
        if decision.again:
            await self._ledger.release(entry.job)
            kind = Throttled if decision.verdict is Verdict.THROTTLED else Retried
            self._emit(kind(job=entry.job, run=run, reason=decision.reason, wait_s=decision.wait_s))
            self._put_off(entry, decision.wait_s)
        elif decision.verdict is Verdict.STOP:
            self._stop(stop_of_answer(decision.reason, run))
            await self._ledger.release(entry.job)
        else:
            may_have_run = decision.verdict is Verdict.UNKNOWN and run.status != "unknown"
            await self._finish(entry, replace(run, status="unknown") if may_have_run else run)

    async def _finish(self, entry: _Entry, run: Run) -> None:
        run = replace(run, attempts=entry.sent, inputs=entry.job.shown_inputs)
        if not (run.done or run.error):
            request = f" (request {run.request_id})" if run.request_id else ""
            run = replace(run, error=f"the service took it and it had not ended{request}")
        try:
            await self._ledger.keep(entry.job, run)
        finally:
            # Also when it could not be kept: the answer is paid for, and in memory it is better than nowhere.
            self._finished(entry.job, run)

    def _finished(self, job: Job, run: Run, *, reused: bool = False) -> None:
        self._errors += kind_of(run) != "done"
        self._emit(Finished(job=job, run=run, reused=reused))
        if self._at_gate is not None:  # nobody else would look whether this was one error too many
            self._must_stop()

    def _put_off(self, entry: _Entry, wait_s: float) -> None:
        heapq.heappush(self._later, _Later(self._loop.time() + wait_s, next(self._numbers), entry))

    # --- the end

    def _stop(self, stopped: Stopped) -> None:
        if self.stopped is None:
            self.stopped = stopped
            self._changed.set()
            if self._at_gate is not None and not self._at_gate.expired():
                self._at_gate.reschedule(self._loop.time())
            self._emit(stopped)

    async def _end_tasks(self) -> None:
        """Cancel what is out, and wait until each has said what became of it."""
        # A task that is cancelled before its first step would never give its slot back: let all begin.
        await unbroken(asyncio.sleep(0))
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await unbroken(asyncio.wait(tasks))


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
