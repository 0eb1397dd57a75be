"""Where partitions run without a cluster: threads of this process. And what a round asks of either place.

Rule of this file: the calls go through the workspace's own gate and the given client, so forms, cells and this batch
share one limit; the batch's ceiling holds for its partitions together. Only the partitions are read and merged on
threads.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final, Protocol

from fh_notebook.batching.events import Stopped
from fh_notebook.ceilings import BoundedGate
from fh_notebook.client.blocking import Client
from fh_notebook.client.client import AsyncClient
from fh_notebook.contract.rate import Rate
from fh_notebook.gate import Gate
from fh_notebook.scaling.budget import LocalBudget
from fh_notebook.scaling.gate import SharedGate
from fh_notebook.scaling.host import Host, closed, hosted
from fh_notebook.scaling.partition import run_partition
from fh_notebook.scaling.sharing import ENDED
from fh_notebook.scaling.spec import Done, Found, Spec, Task
from fh_notebook.scaling.survey import survey

__all__ = ["Hear", "Place", "Threads"]

AT_ONCE: Final = min(4, os.cpu_count() or 1)
"""Partitions that are read and merged at once."""

Hear = Callable[[dict[str, Any]], None]


class Place(Protocol):
    """Where partitions run: what a round asks of it. Its methods are called on the background loop."""

    leases: int | None
    """How many calls may be out at once in this round; ``None`` where the workspace's own gate says it."""

    async def survey(self, partitions: Sequence[Any], spec: Spec) -> list[Found]:
        """Look at every partition; nothing is called."""
        ...

    def begin(self, spec: Spec, hear: Hear, *, calls: int | None, spent: Stopped | None, rate: Rate | None) -> None:
        """Begin a round: `hear` is told on the background loop what partitions say."""
        ...

    def run(self, partitions: Sequence[Any], tasks: Sequence[Task]) -> list[asyncio.Future[Done]]:
        """Run partitions; what comes of each."""
        ...

    def begun(self, number: int) -> None:
        """Take note that a partition is being called."""
        ...

    def stop(self, stopped: Stopped) -> None:
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
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fh-partition")

    async def survey(self, partitions: Sequence[Any], spec: Spec) -> list[Found]:
        """Look at every partition."""
        loop = asyncio.get_running_loop()

        def look(number: int, partition: Any) -> Found:
            return survey(_computed(partition), spec, number)

        asked = [loop.run_in_executor(self._threads, look, n, p) for n, p in enumerate(partitions)]
        return list(await asyncio.gather(*asked))

    def begin(self, spec: Spec, hear: Hear, *, calls: int | None, spent: Stopped | None, rate: Rate | None) -> None:
        """Make the host of this process."""
        loop = asyncio.get_running_loop()
        self._budget = LocalBudget(calls=calls, spent=spent, rate=rate)

        def tell(message: dict[str, Any]) -> None:
            loop.call_soon_threadsafe(hear, message)

        host = Host(
            spec.run, self._budget, tell=tell, spread=lambda stopped: None, folder=self._folder, arms=len(spec.arms)
        )
        self._ceiling = Gate(spec.max_concurrency, adapts=False)
        host.client = self._within(host, metered=spec.metered)
        self._host = hosted(spec.run, lambda: host)
        self._spec = spec

    def _within(self, host: Host, *, metered: bool) -> Client:
        """Return the client, each call of which is within the batch's ceiling, and takes a permit where they count."""
        gate: Any = BoundedGate(self._client.gate, self._ceiling)
        if metered:
            stopped = lambda: host.stopped is not None  # noqa: E731 - one expression
            gate = SharedGate(gate, self._budget, host.met, stopped=stopped, shares=False)
        return Client.over(AsyncClient.over(replace(self._client.aclient.connection, gate=gate)))

    def run(self, partitions: Sequence[Any], tasks: Sequence[Task]) -> list[asyncio.Future[Done]]:
        """Run partitions, a few at once."""
        loop, spec, host = asyncio.get_running_loop(), self._spec, self._host
        assert host is not None, "begin() comes before run()"  # noqa: S101 - a defect of ours

        def one(partition: Any, task: Task) -> Done:
            if host.stopped is not None:
                return Done(number=task.number, attempt="")
            return run_partition(_computed(partition), spec, task, lambda _: host)

        pairs = zip(partitions, tasks, strict=True)
        return [loop.run_in_executor(self._threads, one, partition, task) for partition, task in pairs]

    def begun(self, number: int) -> None:
        """Do nothing: those that have not begun look whether they still may."""

    def stop(self, stopped: Stopped) -> None:
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
        """Do nothing: the workspace's gate adapts."""
        return False

    async def end(self) -> int | None:
        """End the round."""
        host, self._host = self._host, None
        if host is None:
            return None
        host.halt(Stopped(reason=ENDED, detail=""))
        closed(host.run)
        return self._budget.left


def _computed(partition: Any) -> Any:
    return partition.compute(scheduler="sync")
