"""Partition runners: their protocol, the results of partitions as they complete, and `Threads`, the runner of this
process.

With `Threads`, calls go through the workspace's own limiter and the given client, so forms, cells and the batch share
one limit, and the batch's ceiling holds for all of its partitions together. Only reading and merging of partitions runs
on threads. A result that has arrived is always kept, whatever happened to the other partitions.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final, Protocol

from fh_notebook.batching.model import BatchStopped
from fh_notebook.client.clients import AsyncClient, Client
from fh_notebook.core.rate import Rate
from fh_notebook.core.redaction import log
from fh_notebook.scaling.protocol import BatchSpec, PartitionResult, PartitionSurvey, PartitionTask
from fh_notebook.scaling.survey import survey
from fh_notebook.scaling.worker.dask_budget import ENDED
from fh_notebook.scaling.worker.host import Host, close_host, open_host
from fh_notebook.scaling.worker.limiter import LocalBudget, SharedLimiter
from fh_notebook.scaling.worker.partition import run_partition
from fh_notebook.session.limiter import BoundedLimiter, ConcurrencyLimiter

RESULTS_WAIT_S: Final = 30.0
"""So long partitions that were stopped are waited for: what they hold is being merged."""

RESULTS_WAIT_LOST_S: Final = 1.0
"""So long, when their scheduler has gone."""


class ClusterLost(Exception):
    """The scheduler has gone, was restarted, or let go of our tasks."""


class PartitionResults:
    """The partitions of one round, on their way.

    Parameters
    ----------
    tasks : mapping of Future to PartitionTask
        What was handed out.
    take : async function of PartitionResult and PartitionTask
        Takes in what came of one.
    lost : function
        Stops the others, when one is lost.
    has_stopped : function
        Whether all were stopped: then one that is lost was taken back before it began.
    """

    def __init__(
        self,
        tasks: Mapping[asyncio.Future[PartitionResult], PartitionTask],
        *,
        take: Callable[[PartitionResult, PartitionTask], Awaitable[None]],
        lost: Callable[[], None],
        has_stopped: Callable[[], bool],
    ) -> None:
        self._tasks = tasks
        self._take = take
        self._lost = lost
        self._has_stopped = has_stopped

    async def collect(self) -> None:
        """Take in what comes, as it comes; the first thing that is no result ends it, and is raised."""
        waiting = set(self._tasks)
        exc: Exception | None = None
        while waiting and exc is None:
            ended, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for future in ended:
                exc = await self._one(future) or exc
        if exc is not None:
            self._lost()
            await self._rest(waiting, RESULTS_WAIT_LOST_S if isinstance(exc, ClusterLost) else RESULTS_WAIT_S)
            raise exc

    async def come_in(self) -> None:
        """Wait for what stopped partitions merge, and take it in."""
        await self._rest(self._tasks, RESULTS_WAIT_S)

    async def _one(self, future: asyncio.Future[PartitionResult]) -> Exception | None:
        """Take one in; return what it raised."""
        exc = future.exception()
        if exc is None:
            await self._take(future.result(), self._tasks[future])
            return None
        taken_back = isinstance(exc, ClusterLost) and self._has_stopped()
        return exc if isinstance(exc, Exception) and not taken_back else None

    async def _rest(self, futures: Iterable[asyncio.Future[PartitionResult]], seconds: float) -> None:
        pending = set(futures)
        if pending:
            await asyncio.wait(pending, timeout=seconds)
        for future in pending:
            if not future.done():
                future.cancel()
            elif not future.cancelled() and (exc := await self._one(future)) is not None:
                log.debug("the result of a stopped partition did not arrive: %s", type(exc).__name__)


PARTITIONS_AT_ONCE: Final = min(4, os.cpu_count() or 1)
"""Partitions that are read and merged at once."""


MessageHandler = Callable[[dict[str, Any]], None]


class PartitionRunner(Protocol):
    """Where partitions run: what a round asks of it. Its methods are called on the background loop."""

    leases: int | None
    """How many calls may be out at once in this round; ``None`` where the workspace's own limiter says it."""

    async def survey(self, partitions: Sequence[Any], spec: BatchSpec) -> list[PartitionSurvey]:
        """Look at every partition; nothing is called."""
        ...

    def begin(
        self,
        spec: BatchSpec,
        on_message: MessageHandler,
        *,
        calls: int | None,
        spent: BatchStopped | None,
        rate: Rate | None,
    ) -> None:
        """Begin a round: `on_message` is called on the background loop with what partitions report."""
        ...

    def run(self, partitions: Sequence[Any], tasks: Sequence[PartitionTask]) -> list[asyncio.Future[PartitionResult]]:
        """Run partitions; what comes of each."""
        ...

    def note_begun(self, number: int) -> None:
        """Take note that a partition is being called."""
        ...

    def stop(self, stopped: BatchStopped) -> None:
        """Stop all partitions, wherever they run; returns at once."""
        ...

    def pause(self, paused: bool) -> None:
        """Pause them all, or have them go on; returns at once."""
        ...

    def retune(self, max_concurrency: int | None) -> bool:
        """Set the batch's ceiling of calls at once; return whether that takes another round. Returns at once."""
        ...

    def lower(self) -> bool:
        """Have fewer leases from the next round on; return whether there can be fewer."""
        ...

    async def end(self) -> int | None:
        """End the round; return how many permits are left, where they were counted."""
        ...


class Threads:
    """Partitions on threads of this process.

    Parameters
    ----------
    client : Client
        Whom to ask.
    folder : str
        Where the stores of running partitions lie.
    """

    leases: int | None = None

    def __init__(self, client: Client, folder: str) -> None:
        self._client = client
        self._folder = folder
        self._host: Host | None = None
        self._threads = ThreadPoolExecutor(PARTITIONS_AT_ONCE, thread_name_prefix="fh-partition")

    async def survey(self, partitions: Sequence[Any], spec: BatchSpec) -> list[PartitionSurvey]:
        """Look at every partition."""
        loop = asyncio.get_running_loop()

        def look(number: int, partition: Any) -> PartitionSurvey:
            return survey(_compute(partition), spec, number)

        surveys = [loop.run_in_executor(self._threads, look, n, p) for n, p in enumerate(partitions)]
        return list(await asyncio.gather(*surveys))

    def begin(
        self,
        spec: BatchSpec,
        on_message: MessageHandler,
        *,
        calls: int | None,
        spent: BatchStopped | None,
        rate: Rate | None,
    ) -> None:
        """Make the host of this process."""
        loop = asyncio.get_running_loop()
        self._budget = LocalBudget(calls=calls, spent=spent, rate=rate)

        def report(message: dict[str, Any]) -> None:
            loop.call_soon_threadsafe(on_message, message)

        host = Host(
            spec.run,
            self._budget,
            report=report,
            spread=lambda stopped: None,
            folder=self._folder,
            variants=len(spec.batch_variants),
        )
        self._ceiling = ConcurrencyLimiter(spec.max_concurrency, adapts=False)
        host.client = self._within(host, metered=spec.metered)
        self._host = open_host(spec.run, lambda: host)
        self._spec = spec

    def _within(self, host: Host, *, metered: bool) -> Client:
        """Return the client, each call of which is within the batch's ceiling, and takes a permit where they count."""
        limiter: Any = BoundedLimiter(self._client.limiter, self._ceiling)
        if metered:
            stopped = lambda: host.stopped is not None  # noqa: E731 - one expression
            limiter = SharedLimiter(limiter, self._budget, host.met, stopped=stopped, shares=False)
        return Client.over(AsyncClient.over(replace(self._client.aclient.connection, limiter=limiter)))

    def run(self, partitions: Sequence[Any], tasks: Sequence[PartitionTask]) -> list[asyncio.Future[PartitionResult]]:
        """Run partitions, a few at once."""
        loop, spec, host = asyncio.get_running_loop(), self._spec, self._host
        assert host is not None, "call begin() before run()"  # noqa: S101 - a defect of ours

        def one(partition: Any, task: PartitionTask) -> PartitionResult:
            if host.stopped is not None:
                return PartitionResult(number=task.number, attempt="")
            return run_partition(_compute(partition), spec, task, lambda _: host)

        pairs = zip(partitions, tasks, strict=True)
        return [loop.run_in_executor(self._threads, one, partition, task) for partition, task in pairs]

    def note_begun(self, number: int) -> None:
        """Do nothing: those that have not begun look whether they still may."""

    def stop(self, stopped: BatchStopped) -> None:
        """Stop all partitions."""
        if self._host is not None:
            self._host.halt(stopped)

    def pause(self, paused: bool) -> None:
        """Pause them all, or have them go on."""
        if self._host is not None:
            self._host.pause(paused)

    def retune(self, max_concurrency: int | None) -> bool:
        """Set the batch's ceiling of calls at once; it holds at once."""
        if self._host is not None:
            self._ceiling.fix(max_concurrency)
        return False

    def lower(self) -> bool:
        """Do nothing: the workspace's limiter adapts."""
        return False

    async def end(self) -> int | None:
        """End the round."""
        host, self._host = self._host, None
        if host is None:
            return None
        host.halt(BatchStopped(reason=ENDED, detail=""))
        close_host(host.run)
        return self._budget.left


def _compute(partition: Any) -> Any:
    return partition.compute(scheduler="sync")
