"""The calls of a batch: jobs out of windows, as many at once as the gate admits, one stream of events.

Rule of this file: it is given `attempt` and a gate and knows no client; which job is called next, and whether any, is
decided here. A worker (`worker.py`) holds one slot and takes one job after the other through it: the claim of its next
job is committed with the answer of the last, so what a kill can cost is at most what was in flight. Memory does not
grow with the number of jobs: at most a few windows are there at once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, suppress
from datetime import datetime

from fh_notebook.batching.events import Event, Finished, Stopped
from fh_notebook.batching.job import Job
from fh_notebook.batching.ledger import Ledger
from fh_notebook.batching.outcomes import kind_of
from fh_notebook.batching.queue import Entry, Queue
from fh_notebook.batching.reach import Reach
from fh_notebook.batching.seams import GateLike
from fh_notebook.batching.spacing import Spacing
from fh_notebook.batching.stopping import RESUME, Limits, rows_broke, unreached
from fh_notebook.batching.worker import Worker
from fh_notebook.clock import utc_now
from fh_notebook.contract.models import InvokeRequest
from fh_notebook.contract.rate import Rate
from fh_notebook.contract.run import Run
from fh_notebook.contract.wire import Exchange
from fh_notebook.errors import LimitReached, StoreError
from fh_notebook.loop import unbroken

__all__ = ["Engine"]


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
    rate : Rate, optional
        Paces the starts of calls.
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
        rate: Rate | None = None,
        jitter: Callable[[], float] = random.random,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._gate = gate
        self._emit = emit
        self._limits = limits or Limits()
        self._planned = planned
        self.max_in_flight = max_in_flight
        self._spacing = Spacing(rate)
        self._ended_jobs = 0
        self._worker = Worker(
            self, attempt=attempt, gate=gate, ledger=ledger, emit=emit, batch=batch, jitter=jitter, now=now
        )
        self.calls = 0
        """Requests sent."""
        self.refused = 0
        """Requests that were answered 429 for too many at once."""
        self.stopped: Stopped | None = None
        """Why no further call was started, if that was so."""
        self.paused = False
        self._errors = 0
        self._reach = Reach()
        self._opening = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._queue = Queue(self._changed.set)
        self._at_gate: asyncio.Timeout | None = None

    async def run(self, windows: AsyncIterator[Iterable[Job]]) -> Stopped | None:
        """Call the jobs of `windows` until each has an outcome or a rule stops it; return the stop, if there was one.

        A cancel ends what is in flight: those jobs may have run, so they are finished as `unknown`, and kept as such,
        before the cancel goes on. What a window raises is raised once that which came before it has ended.
        """
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        feeding = self._loop.create_task(self._queue.fill(windows))
        try:
            await self._dispatch()
            while self._tasks:
                await asyncio.wait(self._tasks)
        except BaseException:
            await self._end_tasks()
            raise
        finally:
            await _ended(feeding)
        if self._queue.broken is not None:
            self.stop(rows_broke(self._queue.broken))
            raise self._queue.broken
        return self.stopped

    @property
    def in_flight(self) -> int:
        """Calls that are out, or about to be."""
        return len(self._tasks)

    def pause(self, paused: bool) -> None:
        """Start no further call, or go on. Call it in the loop's thread."""
        self.paused = paused
        self._changed.set()

    def retune(self, max_in_flight: int | None) -> None:
        """Change how many may be out at once. Call it in the loop's thread."""
        self.max_in_flight = max_in_flight
        self._changed.set()

    # --- which job is next

    async def _dispatch(self) -> None:
        """Get one slot after another while there is work for it. Only this one waits at the gate."""
        while await self._work_waits():
            async with AsyncExitStack() as slot:
                try:
                    await self._enter(slot)
                except LimitReached as closed:
                    self.stop(Stopped(reason="daily_cap", message=f"{closed}; then {RESUME}"))
                    return
                except TimeoutError:  # the deadline or a stop was there before the slot
                    continue
                # While it waited for its slot, a worker may have taken the job, or something may have ended it all.
                if self._has_room() and (entry := self._take()) is not None:
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
                await slot.enter_async_context(self._gate.slot(self))
        finally:
            self._at_gate = None

    def _deadline(self) -> float | None:
        return None if self._limits.max_seconds is None else self._began + self._limits.max_seconds

    async def _work_waits(self) -> bool:
        """Return once a job may be sent, or ``False`` when no more are to be started."""
        while self.stopped is None:
            self._changed.clear()
            now = self._loop.time()
            ready = self._queue.ready(now)
            if self._queue.is_empty and not self._tasks:
                return False
            if not self._queue.is_empty and self._must_stop():
                return False
            if ready and self._may_start(now) and self._has_room() and self._spacing.next_slot <= now:
                return True
            await self._wait_for_change(now)
        return False

    def _take(self) -> Entry | None:
        """Return the next job that is due, if one may be sent now; it counts as about to be sent."""
        now = self._loop.time()
        if self.stopped is not None or not self._queue.ready(now) or self._must_stop() or not self._may_start(now):
            return None
        self._spacing.sent(now)
        self._opening += 1
        return self._queue.take(now)

    def _paced_until(self, now: float) -> float:
        """When the next call may go: by the rate, and since the last ones have met nobody, or no free place."""
        return max(self._reach.rests_until, self._spacing.next_call(now))

    def _may_start(self, now: float) -> bool:
        if self.paused or self._paced_until(now) > now:
            return False
        most_calls = self._limits.most_calls
        # Those that are opening may yet find their answer elsewhere: wait for what they do.
        return most_calls is None or self.calls + self._opening < most_calls

    def _has_room(self) -> bool:
        most = 1 if self._reach.asks else self.max_in_flight
        return most is None or len(self._tasks) < most

    def _must_stop(self) -> bool:
        if self.stopped is None:
            reached = self._limits.reached(
                calls=self.calls,
                elapsed_s=self._loop.time() - self._began,
                errors=self._errors,
                planned=self._planned,
            )
            if reached is not None:
                self.stop(reached)
        return self.stopped is not None

    async def _wait_for_change(self, now: float) -> None:
        """Wait until something is told, or is due that was not at `now`, when the caller looked."""
        may_go = () if self.paused else (self._paced_until(now), self._spacing.next_slot)
        times = (self._queue.due, self._deadline(), *may_go)
        # Not what is past: something else holds that up, and tells when it has changed.
        coming = [at for at in times if at is not None and at > now]
        with suppress(TimeoutError):
            async with asyncio.timeout_at(min(coming, default=None)):
                await self._changed.wait()

    def _leave_gate_without_work(self) -> None:
        """Let the dispatcher not wait for a slot that it has no job for: others may hold them all for long."""
        if self._at_gate is not None and not self._queue.ready(self._loop.time()):
            self._leave_gate()

    def _leave_gate(self) -> None:
        if self._at_gate is not None and not self._at_gate.expired():
            self._at_gate.reschedule(self._loop.time())

    # --- a worker: one slot, one job after the other

    def _start(self, entry: Entry, slot: AsyncExitStack) -> None:
        self._spacing.opened(self._loop.time())
        task = self._loop.create_task(self._worker.work(entry, slot))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._changed.set()
        self._leave_gate_without_work()
        if task.cancelled() or (broken := task.exception()) is None:
            return
        if isinstance(broken, StoreError):
            self.stop(Stopped(reason="store", message=f"{broken}; then {RESUME}"))
        else:  # a defect of ours: told, and nothing that was answered is lost for it
            self.stop(Stopped(reason="defect", message=f"{type(broken).__name__}: {broken}"))

    # --- what workers share

    @property
    def left(self) -> int | None:
        """How many jobs have no outcome yet; ``None`` where the number of jobs is not known."""
        return self._planned - self._ended_jobs if self._planned else None

    def following(self) -> Entry | None:
        """Return the job that a worker's slot takes next, unless the slot must be given back."""
        too_many = self.max_in_flight is not None and len(self._tasks) > self.max_in_flight
        entry = None if too_many or self._gate.wants_back(self) else self._take()
        self._leave_gate_without_work()
        return entry

    @property
    def has_calls_left(self) -> bool:
        """Whether one more request may be sent: a job that is claimed and waits for its turn is not counted."""
        most_calls = self._limits.most_calls
        return most_calls is None or self.calls < most_calls

    def opened(self) -> None:
        """Note that a job which was taken is claimed, or is not to be."""
        self._opening -= 1

    def failed(self, run: Run) -> bool:
        """Count the run of a job, and say whether it is one error too many."""
        self._errors += kind_of(run) != "done"
        return self._limits.errors_reached(self._errors, self._planned)

    def finished(self, job: Job, run: Run, *, line: int, reused: bool = False) -> None:
        """Tell that a job has its outcome."""
        self._ended_jobs += 1
        self._emit(Finished(job=job, run=run, line=line, reused=reused))
        if self._at_gate is not None:  # nobody else would look whether this was one error too many
            self._must_stop()

    def put_off(self, entry: Entry, wait_s: float) -> None:
        """Have a job come again."""
        self._queue.put_off(entry, self._loop.time() + wait_s)

    def missed(self, run: Run) -> bool:
        """Note a call that reached nobody, and say whether its row may be to blame; it may be one too many."""
        self.calls -= 1  # an attempt to connect is no request sent
        may_be_the_row = self._reach.missed(self._loop.time())
        stopped = unreached(run, in_a_row=self._reach.in_a_row, lasted_s=self._reach.lasted_s)
        if stopped is not None:
            self.stop(stopped)
        return may_be_the_row and self.stopped is None

    def heard(self) -> None:
        """Note a call that somebody answered, or may have run."""
        if self._reach.in_a_row:
            self._reach.heard()
            self._changed.set()

    def refused_one(self, wait_s: float) -> None:
        """Note a call that was refused for too many at once, and is to wait."""
        self.refused += 1
        if len(self._tasks) <= 1:
            self._reach.refused_alone(self._loop.time(), wait_s)

    # --- the end

    def stop(self, stopped: Stopped) -> None:
        """Start no further call."""
        if self.stopped is None:
            self.stopped = stopped
            self._changed.set()
            self._leave_gate()
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


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end; what it raised is told elsewhere."""
    task.cancel()
    await asyncio.wait({task})
