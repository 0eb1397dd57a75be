"""`Host`: the client, limiter and observers that the partitions of one process share in a round.

There is one host for each process and round. It lives from the first partition to the end of the round, so connections
and the learned limit pass from partition to partition.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from fh_notebook.batching.execution.unknown_names import UNKNOWN_NAME, NameEvidence
from fh_notebook.batching.model import BatchStopped
from fh_notebook.core import event_loop
from fh_notebook.scaling.worker.limiter import LeaseBudget

if TYPE_CHECKING:
    from fh_notebook.client.clients import Client


class RunningPartition(Protocol):
    """A partition that is calling. Its methods are called on the background loop."""

    def stop(self, stopped: BatchStopped) -> None:
        """Start no further call."""
        ...

    def pause(self, paused: bool) -> None:
        """Start no further call, or go on."""
        ...


class Host:
    """The side of one process.

    Parameters
    ----------
    run : str
        The round.
    budget : LeaseBudget
        Of all processes.
    report : function of a dict
        Sends a message to the notebook, from any thread.
    spread : function of BatchStopped
        Tells the other processes that all must stop, from any thread; returns at once.
    folder : str
        Where the stores of partitions lie while they run: a folder of this machine.
    variants : int
        How many variants are called.
    """

    def __init__(
        self,
        run: str,
        budget: LeaseBudget,
        *,
        report: Callable[[dict[str, Any]], None],
        spread: Callable[[BatchStopped], None],
        folder: str,
        variants: int,
    ) -> None:
        self.run = run
        self._budget = budget
        self.report = report
        self.folder = folder
        self.client: Client
        self.names = NameEvidence(variants=variants, is_shared=True)
        """What is known of the deployments and variants that are called, by the answers that came to this process."""
        self.stopped: BatchStopped | None = None
        self.paused = False
        self._spread = spread
        self._runners: set[RunningPartition] = set()

    def enter(self, runner: RunningPartition) -> None:
        """Take a partition in. On the background loop."""
        self._runners.add(runner)

    async def leave(self, runner: RunningPartition) -> None:
        """Let a partition go; what the last one had no need of is for others."""
        self._runners.discard(runner)
        if not self._runners:
            await self._budget.give_back()

    def met(self, stopped: BatchStopped) -> None:
        """Take in what one partition has met: if it holds for all, all are told. On the background loop."""
        holds = stopped.reason in STOPS_OF_ALL or (stopped.reason == UNKNOWN_NAME and self.names.none_left)
        if holds and self.stopped is None:
            self.halt(stopped)
            self._spread(stopped)

    def halt(self, stopped: BatchStopped) -> None:
        """Stop the partitions of this process; again, to reach those that have begun meanwhile.

        A cancel ends what is out as well, also where another stop came before it.
        """
        if self.stopped is None:
            self.stopped = stopped
            self._budget.end()  # its places are not given back (see `SharedLimiter`): they run out
        for runner in list(self._runners):
            runner.stop(stopped if stopped.reason == "cancelled" else self.stopped)

    def pause(self, paused: bool) -> None:
        """Pause the partitions of this process, or have them go on."""
        self.paused = paused
        for runner in list(self._runners):
            runner.pause(paused)

    def in_loop(self, call: Callable[..., None], *arguments: Any) -> None:
        """Have something done on the background loop, from any thread."""
        loop = event_loop.background().loop
        if not loop.is_closed():
            loop.call_soon_threadsafe(call, *arguments)

    def close(self) -> None:
        """Hold nothing any more."""
        self._budget.end()


STOPS_OF_ALL = frozenset(
    {"daily_cap", "cap_too_low", "credits", "auth", "max_calls", "max_seconds", "fail_on_error", "unreachable"}
)
"""Stops that hold for every worker. A store that fails is one machine's, and so is a defect."""

_hosts: dict[str, Host] = {}
_lock = threading.Lock()


def open_host(run: str, make: Callable[[], Host]) -> Host:
    """Return the host of a round in this process, made if need be; those of earlier rounds are closed."""
    with _lock:
        if run not in _hosts:
            host = make()
            for other in list(_hosts.values()):
                if other.stopped is not None:
                    close_host(other.run)
            _hosts[run] = host
        return _hosts[run]


def close_host(run: str) -> None:
    """Close the host of a round, if there is one."""
    host = _hosts.pop(run, None)
    if host is not None:
        host.close()
