"""The calls of a batch: jobs out of windows, as many at once as the gate admits, one stream of events.

Rule of this file: it is given `attempt` and a gate and knows no client. Which job is called next, and whether any, is
decided in `choosing.py`. A worker (`worker.py`) holds one slot and takes one job after the other through it: the claim
of its next job is committed with the answer of the last, so what a kill can cost is at most what was in flight. Memory
does not grow with the number of jobs: at most a few windows are there at once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, suppress
from datetime import datetime

from fh_notebook.batching.choosing import Choosing
from fh_notebook.batching.events import HOW, Event, Stopped
from fh_notebook.batching.job import Job
from fh_notebook.batching.ledger import Ledger
from fh_notebook.batching.names import Name, Names
from fh_notebook.batching.queue import Entry
from fh_notebook.batching.seams import GateLike
from fh_notebook.batching.stopping import Limits, rows_broke
from fh_notebook.batching.worker import Worker
from fh_notebook.clock import utc_now
from fh_notebook.contract.models import InvokeRequest
from fh_notebook.contract.rate import Rate
from fh_notebook.contract.wire import Exchange
from fh_notebook.errors import LimitReached, StoreError
from fh_notebook.loop import unbroken
from fh_notebook.values import error_text

__all__ = ["Engine"]


class Engine(Choosing):
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
    names : Names, optional
        What is known of the deployments and variants that are called.
    hint : function of (str, str), optional
        What a person should know of a deployment and variant that the service does not know.
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
        names: Names | None = None,
        hint: Callable[[Name], str] = lambda name: "",
        jitter: Callable[[], float] = random.random,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__(
            gate=gate,
            emit=emit,
            limits=limits,
            planned=planned,
            max_in_flight=max_in_flight,
            rate=rate,
            names=names,
            hint=hint,
        )
        self._worker = Worker(
            self, attempt=attempt, gate=gate, ledger=ledger, emit=emit, batch=batch, jitter=jitter, now=now
        )

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
            await self._keep_answered()
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

    # --- one slot after another

    async def _dispatch(self) -> None:
        """Get one slot after another while there is work for it. Only this one waits at the gate."""
        while await self._work_waits():
            async with AsyncExitStack() as slot:
                try:
                    await self._enter(slot)
                except LimitReached as closed:
                    self.stop(Stopped(reason="daily_cap", detail=str(closed), resume=f"then {HOW}"))
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

    async def _keep_answered(self) -> None:
        """Keep the answers that were kept back and stand, where a limit has ended the calls before their turn came."""
        self._settle_doubts()
        with suppress(StoreError):  # then they are pending
            for entry in self._queue.take_answered():
                self._taken(entry)
                await self._worker.work(entry, AsyncExitStack())

    def _deadline(self) -> float | None:
        return None if self._limits.max_seconds is None else self._began + self._limits.max_seconds

    async def _work_waits(self) -> bool:
        """Return once a job may be sent, or ``False`` when no more are to be started."""
        while self.stopped is None:
            self._changed.clear()
            now = self._loop.time()
            self._settle_doubts()
            ready = self._is_ready(now)
            if self._queue.is_empty and not self._tasks:
                if self._gives_up_doubts():
                    continue
                return False
            if not self._queue.is_empty and self._must_stop():
                return False
            if ready and self._may_start(now) and self._has_room() and self._spacing.next_slot <= now:
                return True
            await self._wait_for_change(now)
        return False

    async def _wait_for_change(self, now: float) -> None:
        """Wait until something is told, or is due that was not at `now`, when the caller looked."""
        may_go = () if self.paused else (self._paced_until(now), self._spacing.next_slot)
        times = (self._queue.due, self._deadline(), *may_go)
        # Not what is past: something else holds that up, and tells when it has changed.
        coming = [at for at in times if at is not None and at > now]
        with suppress(TimeoutError):
            async with asyncio.timeout_at(min(coming, default=None)):
                await self._changed.wait()

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
            self.stop(Stopped(reason="store", detail=str(broken), resume=f"then {HOW}"))
        else:  # a defect of ours: told, and nothing that was answered is lost for it
            self.stop(Stopped(reason="defect", detail=error_text(broken)))

    # --- the end

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
