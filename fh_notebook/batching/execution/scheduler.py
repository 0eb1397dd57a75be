"""`Scheduler`: which job is called next, and when: spacing of calls, limiter protocol.

Pure: the caller passes the time. All of it is used on the thread of the event loop, so no job is taken twice; it waits
for nothing and sends nothing, and notifies a `DispatcherWait` of changes.

- `CallSpacing` spaces calls by the rate, and does not limit their number.
- During an outage (`OutageDetector`) one call at a time probes the service, and the others wait. While other programs
  use all slots, a refusal makes the others wait, too.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Protocol

from fh_notebook.batching.execution.job_queue import JobQueue, QueuedJob
from fh_notebook.batching.execution.stop_rules import OutageDetector, StopLimits, unreached
from fh_notebook.batching.execution.unknown_names import UNKNOWN_NAME, Name, NameEvidence, name_of, unknown_name
from fh_notebook.batching.model import BatchStopped, Event, Finished, Job, KeptBack, kind_of, open_reason
from fh_notebook.contract.retry import Absence, RetryDecision
from fh_notebook.contract.run import Run
from fh_notebook.core.rate import Rate
from fh_notebook.core.slots import LimitedCall
from fh_notebook.core.text.messages import Message


class EngineLimiter(Protocol):
    """What the engine asks of a limiter."""

    @property
    def typical_s(self) -> float | None:
        """What an admitted call of late took, in seconds."""
        ...

    def slot(self, group: Hashable = None) -> AbstractAsyncContextManager[None]:
        """Hold one slot; raises `LimitReached` while the daily cap is used up."""
        ...

    async def wait_to_send(self) -> bool:
        """Wait until a call may be sent; ``False``: give the slot back, and send nothing."""
        ...

    def call(self) -> LimitedCall:
        """Say that a call is out while the block runs."""
        ...

    def wants_back(self, group: Hashable) -> bool:
        """Whether a slot must be given back before its next job: the limit fell, or others wait."""
        ...

    def record_answer(
        self, decision: RetryDecision, *, call: LimitedCall | None = None, left: int | None = None
    ) -> None:
        """Learn from one answer."""
        ...


OPENING_S: Final = 0.0004
"""From the first call of one slot to that of the next: about what an answer costs this process. Calls that go out
together come back together, and would wait for each other in every round."""

CATCH_UP_S: Final = 0.002
"""A loop wakes up to a millisecond late: what was due meanwhile goes at once."""


@dataclass(slots=True)
class CallSpacing:
    """When the next call may go, and the next slot may be opened.

    Examples
    --------
    >>> spacing = CallSpacing(Rate.of("30/min"))
    >>> spacing.sent(100.0)
    >>> spacing.next_call(100.5)
    102.0
    >>> spacing.opened(100.0)
    >>> round(spacing.next_slot, 4)
    99.9984
    """

    rate: Rate | None = None
    """The user's, of all calls."""
    next_slot: float = 0.0
    _due: float | None = None
    """When the last call was due, by the rate."""

    def next_call(self, now: float) -> float:
        """Return when the next call may go by the rate, at `now` or later; without a rate 0."""
        return self.rate.next_due(self._due, now) if self.rate is not None else 0.0

    def sent(self, now: float) -> None:
        """Note that a call is about to go."""
        if self.rate is not None:
            self._due = self.rate.next_due(self._due, now)

    def opened(self, now: float) -> None:
        """Note that a slot's first call is about to go."""
        self.next_slot = max(self.next_slot, now - CATCH_UP_S) + OPENING_S


class DispatcherWait:
    """What an engine's dispatcher waits for: that something changes, or a slot of the limiter. Others end the wait."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._slot: asyncio.Timeout | None = None

    def begin(self) -> None:
        """Have every change from now on end the next wait for one."""
        self._changed.clear()

    def notify(self) -> None:
        """Say that something has changed."""
        self._changed.set()

    async def for_change(self, until: float | None) -> None:
        """Wait until something has changed since :meth:`begin`, or until a time of the loop."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._changed.wait()

    @asynccontextmanager
    async def for_slot(
        self, slot: AbstractAsyncContextManager[None], until: float | None
    ) -> AsyncIterator[AsyncExitStack]:
        """Enter `slot`, which is left at the end unless it is taken over from the stack."""
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout_at(until) as self._slot:
                    await stack.enter_async_context(slot)
            finally:
                self._slot = None
            yield stack

    @property
    def is_for_slot(self) -> bool:
        """Whether the dispatcher waits for a slot; others may hold them all for long."""
        return self._slot is not None

    def give_up_slot(self, now: float) -> None:
        """End a wait for a slot."""
        if self._slot is not None and not self._slot.expired():
            self._slot.reschedule(now)


class Scheduler:
    """The state of an engine, and what follows from it for the next call.

    Parameters
    ----------
    limiter, emit, limits, planned, max_in_flight, rate, names, hint
        As :class:`~fh_notebook.batching.execution.engine.Engine` has them.
    wait : DispatcherWait
        Is told of what the dispatcher should look at.
    """

    def __init__(
        self,
        *,
        limiter: EngineLimiter,
        emit: Callable[[Event], None],
        limits: StopLimits | None,
        planned: int,
        max_in_flight: int | None,
        rate: Rate | None,
        names: NameEvidence | None,
        hint: Callable[[Name], str],
        wait: DispatcherWait,
    ) -> None:
        self._limiter = limiter
        self._emit = emit
        self._limits = limits or StopLimits()
        self._most_calls = self._limits.most_calls
        self._planned = planned
        self._spacing = CallSpacing(rate)
        self._names = names or NameEvidence(variants=0)
        self._hint = hint
        self._wait = wait
        self._clock: Callable[[], float] = time.monotonic
        self._began = 0.0
        self.max_in_flight = max_in_flight
        """At most so many calls at once, whatever the limiter admits."""
        self.in_flight = 0
        """Slots that are open: calls that are out, or about to be."""
        self.calls = 0
        """Requests sent."""
        self.refused = 0
        """Requests that were answered 429 for too many at once."""
        self.stopped: BatchStopped | None = None
        """Why no further call was started, if that was so."""
        self.queue = JobQueue(wait.notify, drops=self.is_over)
        """The jobs that wait, which the engine fills."""
        self._paused = False
        self._judged = 0
        """Answers whose errors are being explained; each may end it all."""
        self._ended_jobs = self._errors = self._opening = 0
        self._outage = OutageDetector()
        self._out: Counter[Name] = Counter()
        self._doubted: dict[Name, list[QueuedJob]] = {}
        """What was answered "not found" and is kept back, by the name that may be unknown."""
        self._unknown: dict[Name, list[Any]] = {}
        """The names that were told to be unknown, each with the rows that may be at fault in its place."""

    # --- what the engine asks and tells

    def begin(self, clock: Callable[[], float]) -> None:
        """Count the time from now, by the clock of the engine's loop."""
        self._clock = clock
        self._began = clock()

    @property
    def deadline(self) -> float | None:
        """When no call is started any more, by the loop's clock."""
        return None if self._limits.max_seconds is None else self._began + self._limits.max_seconds

    def next_step(self, now: float) -> Literal["open", "wait", "end"]:
        """Return whether a slot may be opened for a job now, something else has to come first, or no call will."""
        if self.stopped is not None:
            return "end"
        self.settle_doubts()
        is_ready = self._ready(now) is not None
        if self.queue.is_empty and not self.in_flight:
            return self.next_step(now) if self._gives_up_doubts() else "end"
        # Where the jobs are still being read, perhaps none of them needs a call: time alone ends that.
        is_late = self.deadline is not None and now >= self.deadline
        if not self.queue.is_empty and (is_late or self.queue.has_jobs) and self._must_stop():
            return "end"
        may_open = is_ready and self._may_start(now) and self._has_room() and self._spacing.next_slot <= now
        return "open" if may_open else "wait"

    def next_look(self, now: float) -> float | None:
        """Return when something is due that was not at `now`; ``None`` where only a change can help."""
        may_go = () if self._paused or self._judged else (self._paced_until(now), self._spacing.next_slot)
        times = (self.queue.due, self.deadline, *may_go)
        # Not what is past: something else holds that up, and tells when it has changed.
        return min((at for at in times if at is not None and at > now), default=None)

    def open_slot(self) -> QueuedJob | None:
        """Return the job that a new slot begins with, if one may be sent now."""
        entry = self._take() if self._has_room() else None
        if entry is not None:
            self._spacing.opened(self._clock())
            self.in_flight += 1
        return entry

    def close_slot(self) -> None:
        """Note that a slot has ended."""
        self.in_flight -= 1
        self._wait.notify()
        self._give_up_slot_without_work()

    def take_answered(self) -> Iterator[QueuedJob]:
        """Take the jobs that were kept back and whose answers stand: they need no call."""
        self.settle_doubts()
        for entry in self.queue.take_answered():
            self._count_taken(entry)
            yield entry

    def pause(self, paused: bool) -> None:
        """Start no further call, or go on. Call it in the loop's thread."""
        self._paused = paused
        self._wait.notify()

    def retune(self, max_in_flight: int | None) -> None:
        """Change how many may be out at once. Call it in the loop's thread."""
        self.max_in_flight = max_in_flight
        self._wait.notify()

    # --- whether one may be sent, and which

    def _take(self) -> QueuedJob | None:
        """Return the next job that is due, if one may be sent now; it counts as about to be sent."""
        now = self._clock()
        if self.stopped is not None or (entry := self._ready(now)) is None:
            return None
        if self._must_stop() or not self._may_start(now):
            return None
        self._spacing.sent(now)
        self.queue.take(entry)
        self._count_taken(entry)
        return entry

    def _count_taken(self, entry: QueuedJob) -> None:
        """Count a job as about to be sent."""
        self._opening += 1
        self._out[name_of(entry.job)] += 1

    def _ready(self, now: float) -> QueuedJob | None:
        """Return the next job if it is due; one of a name in doubt waits for the answers that settle it."""
        entry = self.queue.next(now)
        if entry is None or entry.answer is not None:
            return entry
        name = name_of(entry.job)
        return entry if self._names.may_try(name, out=self._out[name]) else None

    def _paced_until(self, now: float) -> float:
        """When the next call may go: by the rate, and since the last ones have met nobody, or no free place."""
        return max(self._outage.paused_until, self._spacing.next_call(now))

    def _may_start(self, now: float) -> bool:
        if self._paused or self._judged or self._paced_until(now) > now:
            return False
        # Those that are opening may yet find their answer elsewhere: wait for what they do.
        return self._most_calls is None or self.calls + self._opening < self._most_calls

    def _has_room(self) -> bool:
        most = 1 if self._outage.is_outage else self.max_in_flight
        return most is None or self.in_flight < most

    def _must_stop(self) -> bool:
        if self.stopped is None:
            reached = self._limits.reached(
                calls=self.calls,
                elapsed_s=self._clock() - self._began,
                errors=self._errors,
                planned=self._planned,
            )
            if reached is not None:
                self.stop(reached)
        return self.stopped is not None

    # --- what workers ask and tell

    @property
    def left(self) -> int | None:
        """How many jobs have no outcome yet; ``None`` where the number of jobs is not known."""
        return self._planned - self._ended_jobs if self._planned else None

    def following(self) -> QueuedJob | None:
        """Return the job that a worker's slot takes next, unless the slot must be given back."""
        too_many = self.max_in_flight is not None and self.in_flight > self.max_in_flight
        entry = None if too_many or self._limiter.wants_back(self) else self._take()
        self._give_up_slot_without_work()
        return entry

    @property
    def has_calls_left(self) -> bool:
        """Whether one more request may be sent: a job that is claimed and waits for its turn is not counted."""
        return self._most_calls is None or self.calls < self._most_calls

    @contextmanager
    def judging(self) -> Iterator[None]:
        """Start no call while it is not told yet what follows from an answer, which may end it all."""
        self._judged += 1
        try:
            yield
        finally:
            self._judged -= 1
            self._wait.notify()

    @property
    def is_judging(self) -> bool:
        """Whether what follows from an answer is not told yet."""
        return self._judged > 0

    def opened(self) -> None:
        """Note that a job which was taken is claimed, or is not to be."""
        self._opening -= 1

    def failed(self, run: Run) -> bool:
        """Count the run of a job, and say whether it is one error too many."""
        # A run that waits, or whose look-ups the cap ended, has not failed: its outcome is still to come.
        self._errors += kind_of(run) != "done" and not open_reason(run)
        return self._limits.errors_reached(self._errors, self._planned)

    def finished(self, job: Job, run: Run, *, line: int, reused: bool = False) -> None:
        """Tell that a job has its outcome."""
        self._ended_jobs += 1
        self._emit(Finished(job=job, run=run, line=line, reused=reused))
        if self._wait.is_for_slot:  # nobody else would look whether this was one error too many
            self._must_stop()

    def ended(self, entry: QueuedJob) -> None:
        """Note that a job which was taken is on its way no more, whatever became of it."""
        self._out[name_of(entry.job)] -= 1

    def put_off(self, entry: QueuedJob, wait_s: float) -> None:
        """Have a job come again."""
        self.queue.put_off(entry, self._clock() + wait_s)

    def note_unreached(self, run: Run) -> bool:
        """Note a call that reached nobody, and say whether its row may be to blame; it may be one too many."""
        self.calls -= 1  # an attempt to connect is no request sent
        may_be_the_row = self._outage.note_unreached(self._clock())
        stopped = unreached(run, in_a_row=self._outage.in_a_row, lasted_s=self._outage.lasted_s)
        if stopped is not None:
            self.stop(stopped)
        return may_be_the_row and self.stopped is None

    def note_answer(self) -> None:
        """Note a call that somebody answered, or may have run."""
        if self._outage.in_a_row:
            self._outage.note_answer()
            self._wait.notify()

    def refused_one(self, wait_s: float) -> None:
        """Note a call that was refused for too many at once, and is to wait."""
        self.refused += 1
        if self.in_flight <= 1:
            self._outage.note_refusal(self._clock(), wait_s)

    # --- names that the service does not know

    def is_over(self, job: Job) -> bool:
        """Whether no call of this job's variant is made any more."""
        unknown = self._names.unknown  # nearly always empty, and this is asked several times a call
        return bool(unknown) and name_of(job) in unknown

    def note_known(self, job: Job) -> None:
        """Note an answer which shows that the service knows the variant of `job`."""
        self._names.note_known(name_of(job))
        if self._doubted:
            self._wait.notify()

    def keep_back(self, entry: QueuedJob, run: Run, absence: Absence) -> bool:
        """Take an answer that says "not found" and return whether it is kept back, as the name may be unknown."""
        name = name_of(entry.job)
        if not self._names.note_absent(name, run, absence):
            return False
        entry.answer = run
        self._doubted.setdefault(name, []).append(entry)
        self._emit(KeptBack(job=entry.job, run=run))
        self.settle_doubts()
        self._wait.notify()
        return True

    def settle_doubts(self) -> None:
        """Have jobs that were kept back fail where others have shown the name, and be pending where it is unknown."""
        for name in list(self._doubted):
            if self._names.is_known(name):
                for entry in self._doubted.pop(name):
                    self.put_off(entry, 0.0)
            elif name in self._names.unknown:
                self._tell_unknown(name)

    def _gives_up_doubts(self) -> bool:
        """Take names in doubt to be unknown, since no more answers will come; return whether there were any."""
        doubted = list(self._doubted)
        for name in doubted:
            if not self._names.is_shared:
                self._names.settle(name)
            self._tell_unknown(name)
        return bool(doubted)

    def _tell_unknown(self, name: Name) -> None:
        entries = self._doubted.pop(name)
        if name in self._unknown:  # calls that were out when it was told
            return
        self._unknown[name] = [] if self._names.is_certain(name) else [entry.job.row for entry in entries]
        stopped = self._unknown_stop()
        if self._names.none_left:
            self.stop(stopped)
        elif self.stopped is None:
            self._emit(stopped)

    def _unknown_stop(self) -> BatchStopped:
        return unknown_name(self._unknown, self._names, hint=self._hint(next(iter(self._unknown))))

    # --- the end

    def capped(self, *, uploads: int) -> None:
        """Start no further call: the daily cap is used up, perhaps by another kernel."""
        self.stop(self._limits.used_up(uploads=uploads))

    def stop(self, stopped: BatchStopped) -> None:
        """Start no further call."""
        if self.stopped is None:
            if self._unknown and stopped.reason != UNKNOWN_NAME:  # both are to be known before one goes on
                unknown = self._unknown_stop()
                stopped = replace(
                    stopped, detail=Message("{}; {}", (stopped.detail, unknown.detail)), resume=unknown.resume
                )
            self.stopped = stopped
            self._wait.notify()
            self._wait.give_up_slot(self._clock())
            self._emit(stopped)

    def _give_up_slot_without_work(self) -> None:
        """Let the dispatcher not wait for a slot that it has no job for: others may hold them all for long."""
        if self._wait.is_for_slot and self._ready(now := self._clock()) is None:
            self._wait.give_up_slot(now)
