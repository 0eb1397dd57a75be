"""`Engine`: concurrent calls of jobs within the limiter, as one stream of events.

It is given `attempt` and a limiter, and knows no client. Its `Scheduler` decides which job is called next, if any. A
`Worker` holds one slot and processes one job after the other: the claim of its next job is committed with the answer of
the last, so a kill costs at most the calls in flight. Memory does not grow with the number of jobs: at most a few
windows are held at once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, suppress
from datetime import datetime

from fh_notebook.batching.execution.ledger import Ledger
from fh_notebook.batching.execution.scheduler import DispatcherWait, EngineLimiter, Scheduler
from fh_notebook.batching.execution.stop_rules import StopLimits, rows_broke
from fh_notebook.batching.execution.unknown_names import Name, NameEvidence
from fh_notebook.batching.execution.worker import Prepare, Worker
from fh_notebook.batching.model import BatchStopped, Event, Job
from fh_notebook.batching.progress.unknown_outcomes import WAIT_HELP, WaitHelp
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.run import Explain, Run
from fh_notebook.contract.wire import AttemptResult
from fh_notebook.core.event_loop import finish_despite_cancel
from fh_notebook.core.rate import Rate
from fh_notebook.core.redaction import error_text
from fh_notebook.core.text.messages import PYTHON, Audience, Message
from fh_notebook.core.values import utc_now
from fh_notebook.errors import LimitReached, StoreError


async def _prepare_nothing(request: InvokeRequest) -> None:
    """Upload nothing."""


async def _explain_nothing(run: Run) -> Run:
    """Return a run as it is."""
    return run


class Engine:
    """Calls jobs; one engine a start.

    Parameters
    ----------
    attempt : async function of InvokeRequest
        One exchange, which never retries.
    limiter : EngineLimiter
        Admits calls.
    ledger : Ledger
        Claims jobs and keeps answers.
    prepare : async function of InvokeRequest, optional
        Uploads the files that a request names, before its job is claimed.
    uploads : function of InvokeRequest, optional
        How many of them have to be uploaded.
    explain : Explain, optional
        Adds what can be done about the error of a job, before the job is kept.
    emit : function of Event
        Told of everything, in the loop's thread; must return at once and not raise.
    batch : str
        The name that calls are stamped with.
    audience : Audience
        Who reads the errors of jobs.
    decide : WaitHelp
        What to do about a job whose run waits for a decision.
    limits : StopLimits
        When to stop.
    planned : int
        How many jobs there are, for `limits`.
    max_in_flight : int, optional
        At most this many calls at once, whatever the limiter admits.
    rate : Rate, optional
        Paces the starts of calls.
    names : NameEvidence, optional
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
        attempt: Callable[[InvokeRequest], Awaitable[AttemptResult]],
        limiter: EngineLimiter,
        ledger: Ledger,
        emit: Callable[[Event], None],
        explain: Explain = _explain_nothing,
        prepare: Prepare = _prepare_nothing,
        uploads: Callable[[InvokeRequest], int] = lambda request: 0,
        batch: str = "",
        audience: Audience = PYTHON,
        decide: WaitHelp = WAIT_HELP,
        limits: StopLimits | None = None,
        planned: int = 0,
        max_in_flight: int | None = None,
        rate: Rate | None = None,
        names: NameEvidence | None = None,
        hint: Callable[[Name], str] = lambda name: "",
        jitter: Callable[[], float] | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._limiter = limiter
        self._wait = DispatcherWait()
        self.scheduler = Scheduler(
            limiter=limiter,
            emit=emit,
            limits=limits,
            planned=planned,
            max_in_flight=max_in_flight,
            rate=rate,
            names=names,
            hint=hint,
            wait=self._wait,
        )
        """Decides, counts, and is told to pause or stop; what it has counted stays when the engine has run."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._worker = Worker(
            self.scheduler,
            attempt=attempt,
            explain=explain,
            limiter=limiter,
            ledger=ledger,
            prepare=prepare,
            uploads=uploads,
            emit=emit,
            batch=batch,
            audience=audience,
            decide=decide,
            # A generator of its own: the numbers of a user who has seeded the global one stay the same.
            jitter=jitter or random.Random().random,  # noqa: S311 - spreads retries, guards nothing
            now=now,
        )

    async def run(self, windows: AsyncIterator[Iterable[Job]]) -> BatchStopped | None:
        """Call the jobs of `windows` until each has an outcome or a rule stops it; return the stop, if there was one.

        A cancel ends what is in flight: those jobs may have run, so they are finished as `unknown`, and saved as such,
        before the cancel goes on. What a window raises is raised once that which came before it has ended.
        """
        loop, scheduler = asyncio.get_running_loop(), self.scheduler
        scheduler.begin(loop.time)
        feeding = loop.create_task(scheduler.queue.fill(windows))
        try:
            await self._dispatch(loop)
            while self._tasks:
                await asyncio.wait(self._tasks)
            await self._keep_answered()
        except BaseException:
            await self._end_tasks()
            raise
        finally:
            await _cancel_and_wait(feeding)
        if (exc := scheduler.queue.error) is not None:
            scheduler.stop(rows_broke(exc))
            raise exc
        return scheduler.stopped

    # --- one slot after another

    async def _dispatch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Get one slot after another while there is work for it. Only this one waits at the limiter."""
        scheduler = self.scheduler
        while await self._work_waits(loop):
            try:
                # Other batches may hold all slots for longer than this one may go on.
                async with self._wait.for_slot(self._limiter.slot(scheduler), scheduler.deadline) as slot:
                    # Meanwhile a worker may have taken the job, or something may have ended it all.
                    if (entry := scheduler.open_slot()) is not None:
                        task = loop.create_task(self._worker.work(entry, slot.pop_all()))
                        self._tasks.add(task)
                        task.add_done_callback(self._note_end)
            except LimitReached as exc:
                scheduler.stop(BatchStopped(reason="daily_cap", detail=str(exc), resume=Message("then {resume}")))
                return
            except TimeoutError:  # the deadline or a stop was there before the slot
                continue

    async def _work_waits(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Return once a job may be sent, or ``False`` when no more are to be started."""
        while True:
            self._wait.begin()
            now = loop.time()
            step = self.scheduler.next_step(now)
            if step != "wait":
                return step == "open"
            await self._wait.for_change(self.scheduler.next_look(now))

    async def _keep_answered(self) -> None:
        """Keep the answers that were kept back and stand, where a limit has ended the calls before their turn came."""
        with suppress(StoreError):  # then they are pending
            for entry in self.scheduler.take_answered():
                await self._worker.work(entry, AsyncExitStack())

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.scheduler.close_slot()
        if task.cancelled() or (exc := task.exception()) is None:
            return
        if isinstance(exc, StoreError):
            self.scheduler.stop(BatchStopped(reason="store", detail=str(exc), resume=Message("then {resume}")))
        else:  # a defect of ours: told, and nothing that was answered is lost for it
            self.scheduler.stop(BatchStopped(reason="defect", detail=error_text(exc)))

    async def _end_tasks(self) -> None:
        """Cancel what is out, and wait until each has said what became of it."""
        # A task that is cancelled before its first step would never give its slot back: let all begin.
        await finish_despite_cancel(asyncio.sleep(0))
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await finish_despite_cancel(asyncio.wait(tasks))


async def _cancel_and_wait(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end; what it raised is told elsewhere."""
    task.cancel()
    await asyncio.wait({task})
