"""`BatchStatus`: read-only status of a batch, for displays and users, from any thread.

Rule of this file: it notes and reads, and runs nothing: what people do with a batch is in `controller.py`. What runs is
known by two protocols: `BatchWork`, what is to be called, and `BatchRun`, one start of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from fh_notebook.batching.execution.delivery import MAX_SUBMITTED
from fh_notebook.batching.execution.engine_run import StartOptions
from fh_notebook.batching.model import BatchStopped, Event, FailedSelection, Job, JobCounts
from fh_notebook.batching.planning.plan import Plan
from fh_notebook.batching.planning.stored_batch import StoredBatch
from fh_notebook.batching.planning.work_queue import Windows
from fh_notebook.batching.progress.state import resting
from fh_notebook.batching.progress.unknown_outcomes import LISTS_DECISIONS
from fh_notebook.batching.rendering import progress_sentence
from fh_notebook.contract.callbacks import NO_STEPS, RunIds, WaitingSteps
from fh_notebook.contract.run import Run
from fh_notebook.core.text.messages import Audience, agreeing
from fh_notebook.session.limiter import ConcurrencyLimiter

if TYPE_CHECKING:
    from fh_notebook.client.clients import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls for a batch: a client, or nobody, where a batch is only looked at."""

    workspace: str
    """Whose its answers are."""
    limiter: Any
    """Of the workspace."""
    client: Client | None = None
    refusal: str = ""
    """Why nothing is called, and what to do; empty where calls can be made."""

    @classmethod
    def of(cls, client: Client, *, refusal: str = "") -> Caller:
        """Return the one that calls by `client`."""
        return cls(workspace=client.workspace, limiter=client.limiter, client=client, refusal=refusal)


class BatchRun(Protocol):
    """One start of a batch, on the background loop."""

    @property
    def answered(self) -> int:
        """Jobs that it has called and that are answered."""
        ...

    @property
    def cut(self) -> int:
        """Calls that were out when it was cut short."""
        ...

    @property
    def in_flight(self) -> int:
        """Calls that are out at this moment."""
        ...

    @property
    def limit(self) -> int | None:
        """How many calls may be out at once now, where it knows that."""
        ...

    @property
    def admits(self) -> int | None:
        """How many calls at once the service admits, once it has refused one of this start."""
        ...

    @property
    def waiting_until(self) -> datetime | None:
        """Until when it sleeps for the daily cap's renewal, UTC."""
        ...

    @property
    def waiting_runs(self) -> Sequence[RunIds] | None:
        """The ids of each run that waits for a decision about a tool, as far as it is known.

        ``None``: only `BatchWork.unfinished_runs` knows them.
        """
        ...

    @property
    def waiting_steps(self) -> WaitingSteps:
        """The human-in-the-loop steps that runs wait for, as far as it is known."""
        ...

    def look_soon(self, run: str) -> None:
        """Look a run up soon, by its first id: a decision about its tool was sent."""
        ...

    async def run(self, windows: Windows, *, planned: int) -> None:
        """Call the jobs of `windows`."""
        ...

    def pause(self, paused: bool) -> None:
        """Start no further call, or go on. In the loop's thread."""
        ...

    def retune(self, max_concurrency: int | None) -> None:
        """Change the ceiling of calls at once. In the loop's thread."""
        ...


class BatchWork(Protocol):
    """What a batch object is to call, wherever its rows and answers are."""

    plan: Plan

    @property
    def caller(self) -> Caller:
        """Who calls."""
        ...

    @property
    def stored(self) -> StoredBatch:
        """Which batch of the store it is."""
        ...

    @property
    def settle_s(self) -> float:
        """How long an interrupted start is waited for."""
        ...

    @property
    def counts(self) -> JobCounts:
        """How far it is; a value of this moment."""
        ...

    @property
    def settled(self) -> int:
        """How many of the calls that starts were to make need not be made any more."""
        ...

    def calls_open(self, settled_before: int) -> int:
        """Return how many calls of the plan are not made, where so many were settled when the start began."""
        ...

    def first_windows(self) -> Windows:
        """Return what the first start calls."""
        ...

    def open_windows(self, *, retry_unknown: bool, most_at_once: int) -> Windows:
        """Return what is to be called now, after looking for what others have answered meanwhile."""
        ...

    def failed_windows(self, which: FailedSelection, *, most_at_once: int) -> Windows:
        """Return the failed jobs that are meant."""
        ...

    def unknown_windows(self) -> Iterator[list[tuple[Job, Run]]]:
        """Return the jobs that may have run, with what is known of them."""
        ...

    async def resolve(self, windows: Iterator[list[tuple[Job, Run]]]) -> str:
        """Ask the service about calls that may have run; return what came of it, in a sentence."""
        ...

    def waiting_steps(self) -> WaitingSteps:
        """Return the human-in-the-loop steps that stored runs wait for."""
        ...

    def unfinished_runs(self, *, known_to_wait: bool = False) -> Sequence[RunIds]:
        """Return the ids of each stored run that may wait for a decision about a tool: nobody waits for it here."""
        ...

    def new_run(
        self, settings: StartOptions, *, on_event: Callable[[Event], None], on_change: Callable[[], object]
    ) -> BatchRun:
        """Return the next start; `on_event` gets its events, `on_change` is called for a change without one."""
        ...


class RunControls(Protocol):
    """What the buttons of a display do, from any thread, without waiting."""

    def pause(self) -> object:
        """Start no further call."""
        ...

    def unpause(self) -> object:
        """Go on after a pause."""
        ...

    def cancel(self) -> object:
        """End it at once."""
        ...

    def retune(self, max_concurrency: int | None) -> object:
        """Change the ceiling of calls at once."""
        ...


class BatchStatus:
    """What can be told of one batch object; a `ProgressSource`, which displays are given.

    Parameters
    ----------
    work : BatchWork
        What it calls.
    settings : StartOptions
        How it is started.
    controls : RunControls
        What the buttons of a display do.
    """

    def __init__(self, work: BatchWork, settings: StartOptions, controls: RunControls) -> None:
        self.name = work.plan.name
        """Its name at its start."""
        self.blocks = True
        """Whether somebody waits for the present start."""
        self.stopped: BatchStopped | None = None
        """Why the last start ended before its last job."""
        self._work = work
        self._settings = settings
        self._controls = controls
        self._run: BatchRun | None = None
        self._running = self._paused = False
        self._calls_before = self._settled_before = 0
        self._max_concurrency = settings.max_concurrency
        self._admits: int | None = None

    # --- what its controller notes

    def begin(self, *, blocks: bool) -> None:
        """Note that a start is about to be made."""
        self.blocks = blocks
        self.stopped, self._paused = None, False
        self._calls_before, self._settled_before = self._work.counts.calls, self._work.settled
        self._running = True

    def began(self, run: BatchRun) -> None:
        """Note that a start runs."""
        self._admits, self._run = None, run

    def note_admitted(self) -> None:
        """Keep what the limiter has learned by a refusal of this start, and what it learns later, for whoever asks."""
        if (run := self._run) is not None and (admits := run.admits) is not None:
            self._admits = admits

    def stop(self, stopped: BatchStopped) -> None:
        """Note why a start ends before its last job."""
        self.stopped = replace(stopped, audience=self.audience)

    def end(self) -> None:
        """Note that a start is over."""
        self._run = None
        self._running = self._paused = False

    def set_paused(self, paused: bool) -> None:
        """Note that it pauses, or goes on."""
        self._paused = paused

    def set_max_concurrency(self, number: int | None) -> None:
        """Note the ceiling of calls at once."""
        self._max_concurrency = number

    # --- what may be asked

    @property
    def run(self) -> BatchRun | None:
        """The present start, while it runs."""
        return self._run

    def waiting_runs(self) -> Sequence[RunIds]:
        """Return the ids of each run that is known to wait for a decision; without a start, as they are stored."""
        known = run.waiting_runs if (run := self._run) is not None else None
        return known if known is not None else self._work.unfinished_runs(known_to_wait=True)

    @property
    def waits(self) -> int:
        """Runs that wait for a decision, as far as it is known, while it runs."""
        run = self._run
        return len(run.waiting_runs or ()) + len(run.waiting_steps) if run is not None else 0

    @property
    def steps(self) -> WaitingSteps:
        """Of these, what those wait for of which nobody decides here."""
        run = self._run
        return run.waiting_steps if run is not None else NO_STEPS

    def waiting_steps(self) -> WaitingSteps:
        """Return the human-in-the-loop steps that runs wait for; without a start, as they are stored."""
        run = self._run
        return run.waiting_steps if run is not None else self._work.waiting_steps()

    def look_soon(self, run: str) -> None:
        """Look a run up soon, by its first id: a decision about its tool was sent."""
        if (start := self._run) is not None:
            start.look_soon(run)

    @property
    def audience(self) -> Audience:
        """Who reads its messages."""
        return self._settings.audience

    @property
    def counts(self) -> JobCounts:
        """How far it is; a value of this moment."""
        return self._work.counts

    @property
    def in_flight(self) -> int:
        """Calls that are out at this moment."""
        run = self._run  # once: the loop's thread may end it in between, as everywhere here
        return run.in_flight if run is not None else 0

    @property
    def running(self) -> bool:
        """Whether calls are being made, or about to be."""
        return self._running

    @property
    def paused(self) -> bool:
        """Whether no call is started until it goes on."""
        return self._paused

    @property
    def max_concurrency(self) -> int | None:
        """At most so many calls are out at once; ``None``: as many as the service admits."""
        return self._max_concurrency

    @max_concurrency.setter
    def max_concurrency(self, value: int | None) -> None:
        self._controls.retune(value)

    @property
    def limit(self) -> int:
        """How many calls may be out at once now: the workspace's limit, within the ceilings that hold for the batch.

        Before a start it is how many it will begin with.
        """
        run = self._run
        limit = run.limit if run is not None else None
        if limit is not None:
            return limit
        limiter, number = self._work.caller.limiter, self._max_concurrency
        if self._settings.delivery in ("callback", "poll"):
            limiter = limiter.past(ConcurrencyLimiter(number or MAX_SUBMITTED))
        return max(int(limiter.limit if number is None else limiter.begins_at(number)), self.in_flight)

    @property
    def admits(self) -> int | None:
        """How many calls at once the service admits, as it told this process by refusing calls; ``None``: it has not.

        Of the last start, as it was last heard while that ran.
        """
        learned: int | None = self._work.caller.limiter.learned
        return self._admits if self._admits is not None else learned

    @property
    def falls_short(self) -> int | None:
        """:attr:`admits`, where somebody set a higher ceiling for the calls of this batch."""
        ceilings = (self._max_concurrency, self._work.caller.limiter.most)
        ceiling = min((most for most in ceilings if most is not None), default=None)
        admits = self.admits
        return admits if ceiling is not None and admits is not None and admits < ceiling else None

    @property
    def calls_left(self) -> int | None:
        """How many calls this start still has to make; ``None`` where the rows are not known."""
        plan = self._work.plan
        if plan.rows is None:
            return None
        left, most = self._work.calls_open(self._settled_before), plan.max_calls
        return left if most is None else min(left, max(0, most - (self.counts.calls - self._calls_before)))

    @property
    def waiting_until(self) -> datetime | None:
        """Until when it sleeps for the daily cap's renewal, UTC."""
        run = self._run
        return run.waiting_until if run is not None else None

    @property
    def current_name(self) -> str:
        """Its name: another one than at its start where another table has taken that since."""
        return self._work.stored.current_name or self.name

    @property
    def is_forgotten(self) -> bool:
        """Whether it was saved, and was removed (``fh.forget``)."""
        return self._work.stored.is_forgotten

    def plan(self) -> Plan:
        """What the last start was going to do."""
        return self._work.plan

    @property
    def doing(self) -> str:
        """What it is doing at this moment, in words; empty where it is not running."""
        if not self.running:
            return ""
        doing = resting(paused=self.paused, until=self.waiting_until) or "running"
        if (waits := self.waits - self.counts.waiting) > 0:  # those that are no rows yet
            wait = agreeing(waits, "wait")
            doing += f"; {waits:,} in progress {wait} for a decision: {LISTS_DECISIONS.text(self.audience)}"
        return doing

    def summary(self) -> str:
        """How far it is in one line, and why it stopped if it did."""
        if self.is_forgotten:
            return f"{self.name}: forgotten. Its rows and answers were removed (fh.forget)"
        return progress_sentence(
            self.name,
            self.counts,
            doing=self.doing,
            stopped=self.stopped,
            admits=self.falls_short,
            audience=self.audience,
            decide=self._settings.decide.tool,
        )

    # --- what the buttons of a display do

    def pause(self) -> None:
        """Start no further call until :meth:`unpause`; what is out comes in."""
        self._controls.pause()

    def unpause(self) -> None:
        """Go on after a pause."""
        self._controls.unpause()

    def cancel(self) -> None:
        """End a running start at once, without waiting."""
        self._controls.cancel()
