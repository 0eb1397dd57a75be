"""Rounds of one start of a batch over partitions: submit partitions, and collect their results and counts.

Whatever ends a start, completed answers are saved and the other jobs are pending. A part counts once its keys are in
the store of the notebook. The report of a partition replaces what was known of it; calls are never forgotten, including
those of a worker that has died.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import uuid4

from fh_notebook.batching.execution.engine_run import StartOptions, owner_of_claims
from fh_notebook.batching.execution.stop_rules import StopLimits, cut_short
from fh_notebook.batching.model import BatchStopped, Event, JobCounts
from fh_notebook.batching.planning.stored_batch import StoredBatch
from fh_notebook.contract.callbacks import NO_STEPS, WaitingSteps
from fh_notebook.contract.retry import next_reset
from fh_notebook.core.event_loop import finish_despite_cancel
from fh_notebook.core.text.messages import Message
from fh_notebook.errors import StoreError
from fh_notebook.scaling.cluster.limits import needs_fewer_leases
from fh_notebook.scaling.cluster.runner import ClusterLost, PartitionResults, PartitionRunner
from fh_notebook.scaling.protocol import (
    BatchSpec,
    PartitionResult,
    PartitionTask,
    cluster_lost_stop,
    decode_event,
    decode_stop,
)
from fh_notebook.scaling.storage.index import PartitionIndex
from fh_notebook.scaling.worker.dask_budget import ENDED, LOWERED, OVER_CAP
from fh_notebook.store.tables.partitions import PartRow


class PartitionCounts(NamedTuple):
    """How many jobs of a partition have which outcome."""

    done: int = 0
    failed: int = 0
    unknown: int = 0
    waiting: int = 0
    """Of the unknown ones, those whose runs wait for a decision."""
    reused: int = 0

    @classmethod
    def of(cls, part: PartRow | PartitionResult, *, reused: int) -> PartitionCounts:
        """Return those of a part, of which so many were reused."""
        return cls(part.done, part.failed, part.unknown, part.waiting, reused)


class ProgressTally:
    """The counts of one batch object.

    Parameters
    ----------
    planned : int
        Jobs.
    invalid : sequence of int
        Of each partition, how many jobs have inputs that do not fit: they fail without a call, before any other.

    Examples
    --------
    >>> tally = ProgressTally(planned=4)
    >>> message = {"number": 0, "attempt": "a", "done": 2, "failed": 0, "unknown": 0, "waiting": 0, "reused": 0,
    ...            "calls": 3, "refused": 1, "in_flight": 1}
    >>> tally.take(message)
    >>> counts = tally.counts()
    >>> counts.done, counts.pending, counts.calls, tally.in_flight
    (2, 2, 3, 1)
    >>> tally.take(message | {"attempt": "b", "calls": 2})  # another worker, since that one was killed
    >>> tally.counts().calls, tally.in_flight
    (5, 1)
    """

    def __init__(self, planned: int = 0, invalid: Sequence[int] = ()) -> None:
        self.planned = planned
        self._invalid = invalid
        self._not_sent = 0
        self._shares: dict[int, PartitionCounts] = {}
        self._sum = PartitionCounts()
        self._calls: dict[str, int] = {}
        self._refused: dict[str, int] = {}
        self._called = self._refusals = 0
        self._out: dict[int, int] = {}

    def put(self, number: int, counts: PartitionCounts) -> None:
        """Set what is known of a partition, in place of what was."""
        old = self._shares.get(number, PartitionCounts())
        self._shares[number] = counts
        if self._invalid:
            self._not_sent += min(counts.failed, self._invalid[number]) - min(old.failed, self._invalid[number])
        self._sum = PartitionCounts(*(s + now - was for s, now, was in zip(self._sum, counts, old, strict=True)))

    def take(self, message: Mapping[str, Any]) -> None:
        """Take the counts that a partition reports: ``number, attempt``, its counts and ``in_flight``."""
        number, attempt = message["number"], message["attempt"]
        self.put(number, PartitionCounts(**{name: message[name] for name in PartitionCounts._fields}))
        self.called(attempt, message["calls"], message["refused"])
        self._out[number] = message["in_flight"]

    def called(self, attempt: str, calls: int, refused: int) -> None:
        """Note how many requests an attempt at a partition has sent so far; it never goes back."""
        calls, refused = max(calls, self._calls.get(attempt, 0)), max(refused, self._refused.get(attempt, 0))
        self._called += calls - self._calls.get(attempt, 0)
        self._refusals += refused - self._refused.get(attempt, 0)
        self._calls[attempt], self._refused[attempt] = calls, refused

    def ended(self, number: int) -> None:
        """Note that a partition has ended, and nothing of it is out any more."""
        self._out.pop(number, None)

    @property
    def calls(self) -> int:
        """Requests sent."""
        return self._called

    @property
    def settled(self) -> int:
        """Jobs with an outcome."""
        return self._sum.done + self._sum.failed + self._sum.unknown

    @property
    def in_flight(self) -> int:
        """Calls that are out, by what was last said."""
        return sum(self._out.values())

    @property
    def errors(self) -> int:
        """Jobs that failed or are unknown; not those that wait for a decision."""
        return self._sum.failed + self._sum.unknown - self._sum.waiting

    def counts(self) -> JobCounts:
        """Return the counts of this moment."""
        done, failed, unknown, waiting, reused = self._sum
        return JobCounts(
            planned=self.planned, done=done, failed=failed, unknown=unknown, waiting=waiting,
            pending=self.planned - done - failed - unknown, reused=reused, calls=self._called, refused=self._refusals,
            invalid=self._not_sent,
        )  # fmt: skip


MAX_TRIES: Final = 3
"""Rounds of a start: permits may be left over in one worker and lacking in another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    """What a start is to call."""

    call_lost: bool = False
    fresh: bool = False
    retry: bool = False
    error_code: str | None = None


class Rounds:
    """One start.

    Parameters
    ----------
    index : PartitionIndex
        The partitions.
    runner : PartitionRunner
        Where they run.
    spec : BatchSpec
        What holds for all of them.
    request : CallRequest
        What is to be called.
    tally : ProgressTally
        Takes the counts.
    options : StartOptions
        How.
    limits : StopLimits
        When to stop, with what the daily cap leaves.
    on_event : function of Event
        Told of every event that is told.
    on_change : function
        Called when something to be shown has changed.
    stored : StoredBatch
        The batch in the store, which knows that it is being run, while it is.
    register : function
        Keeps what the batch's name stands for, in any thread.
    rounds : list of str
        The names of the rounds of earlier starts, whose parts are the batch object's own; takes those of this one.
    learned : function
        How many calls at once the service admits, as this process has learned elsewhere.
    """

    def __init__(
        self,
        *,
        index: PartitionIndex,
        runner: PartitionRunner,
        spec: BatchSpec,
        request: CallRequest,
        tally: ProgressTally,
        options: StartOptions,
        limits: Callable[[], StopLimits],
        on_event: Callable[[Event], None],
        on_change: Callable[[], object],
        stored: StoredBatch,
        register: Callable[[], None],
        rounds: list[str],
        learned: Callable[[], int | None],
    ) -> None:
        self._index = index
        self._runner = runner
        self._spec = spec
        self._request = request
        self._tally = tally
        self._options = options
        self._find_limits = limits
        self._on_event = on_event
        self._on_change = on_change
        self._stored = stored
        self._register = register
        self.answered = 0
        self.cut = 0
        self.waiting_until: datetime | None = None
        self._rounds = rounds
        self._learned = learned
        self._stopped: BatchStopped | None = None
        self._unknown: BatchStopped | None = None
        """What to tell of variants that the service does not know, while others were called."""
        self._is_paused = False
        self._is_ending = False
        """Whether this round was stopped since the next one is to have another number of leases."""
        self._may_lower = True
        """Whether the leases were not lowered in this round."""
        self._ends_at: float | None = None
        self._refused = self._calls_before = 0
        self._errors_before = 0

    @property
    def limit(self) -> int | None:
        """How many calls may be out at once over all workers in this round, where leases say it."""
        return self._runner.leases

    @property
    def admits(self) -> int | None:
        """How many calls at once the service admits, once it has refused one of this batch."""
        if not self._tally.counts().refused:
            return None
        return self._learned()

    @property
    def in_flight(self) -> int:
        """Calls that are out, by what was last heard."""
        return self._tally.in_flight

    @property
    def waiting_runs(self) -> None:
        """``None``: the files have them."""
        return

    @property
    def waiting_steps(self) -> WaitingSteps:
        """Nothing: the files have the words of a row, and not the step."""
        return NO_STEPS

    def look_soon(self, run: str) -> None:
        """Do nothing: runs are not looked up."""

    async def run(self, windows: Any, *, planned: int) -> None:
        """Call what is asked for."""
        await asyncio.to_thread(self._register)
        # Before the store says that the batch runs: then the files would be spared.
        await asyncio.to_thread(self._index.remove_left)
        try:
            async with owner_of_claims(self._stored):
                if not self._request.fresh:
                    await asyncio.to_thread(self._index.give, call_lost=self._request.call_lost)
                await self._run()
        finally:
            await finish_despite_cancel(asyncio.to_thread(self._index.take_back))

    async def _run(self) -> None:
        limits = self._find_limits()
        left, request = limits.most_calls, self._request
        for _ in range(MAX_TRIES if left is not None else 1):
            left = await self._until_reset(left, request, limits)
            request = replace(request, fresh=False, retry=False) if request.fresh else request
            spent = self._stopped is not None and self._stopped.reason == "max_calls"
            if request.retry or not (spent and left):
                break
            self._stopped = None
        if stopped := self._stopped or self._unknown:
            self._on_event(stopped)
        elif waiting := self._index.waiting():
            await self._round(waiting, replace(self._spec_of(request), fresh=False), None, limits)

    async def _until_reset(self, left: int | None, request: CallRequest, limits: StopLimits) -> int | None:
        before: tuple[str, ...] = ()
        while True:
            spec = replace(self._spec_of(request), settled=before)
            left = await self._round(self._index.tasks(spec), spec, left, limits, goes_on=bool(before))
            goes_on, self._is_ending = self._is_ending and self._stopped is None, False
            before = (*before, spec.run) if goes_on else ()
            if goes_on:
                continue
            capped = self._stopped is not None and self._stopped.reason == "daily_cap"
            if not (capped and self._options.wait_for_reset):
                return left
            await self._sleep_until_reset()
            self._stopped, request = None, replace(request, fresh=False)
            limits = self._find_limits()
            left = limits.most_calls

    def _spec_of(self, request: CallRequest) -> BatchSpec:
        """Return what holds for the next round, under a name of its own."""
        mine = tuple(self._rounds)
        self._rounds.append(uuid4().hex[:12])
        return replace(
            self._spec, run=self._rounds[-1], mine=mine, call_lost=request.call_lost, fresh=request.fresh,
            retry=request.retry, error_code=request.error_code,
        )  # fmt: skip

    async def _round(
        self,
        tasks: list[PartitionTask],
        spec: BatchSpec,
        left: int | None,
        limits: StopLimits,
        *,
        goes_on: bool = False,
    ) -> int | None:
        """Run one round; `goes_on`: it is the rest of the one before, whose deadline and errors count."""
        if not tasks:
            return left
        spec = replace(spec, metered=left is not None or self._options.rate is not None)
        spent = limits.reached(calls=left or 0, elapsed_s=0, errors=0, planned=0) if left is not None else None
        if left is not None and spent is None:
            spent = _spent(limits)
        if not goes_on:
            self._limits, self._errors_before, self._ends_at = limits, self._tally.errors, self._end_of(limits)
        self._may_lower, self._refused, self._calls_before = True, 0, self._tally.calls
        self._planned = sum(self._index.entries[task.number].survey.jobs for task in tasks)
        self._runner.begin(spec, self._handle_message, calls=left, spent=spent, rate=self._options.rate)
        if self._is_paused:  # before this round began
            self._runner.pause(True)
        deadline = self._deadline(limits)
        partitions = [self._index.entries[task.number].partition for task in tasks]
        coming = PartitionResults(
            dict(zip(self._runner.run(partitions, tasks), tasks, strict=True)),
            take=lambda done, task: self._take(done, task, spec),
            lost=lambda: self._runner.stop(cluster_lost_stop()),
            has_stopped=lambda: self._stopped is not None or self._is_ending,
        )
        try:
            await coming.collect()
        except asyncio.CancelledError:
            self._runner.stop(cut_short("cancelled", self._tally.in_flight))
            await finish_despite_cancel(coming.come_in())
            raise
        except ClusterLost:
            self._stop(cluster_lost_stop(), notify=False)
        finally:
            if deadline is not None:
                deadline.cancel()
            permits_left = await finish_despite_cancel(self._runner.end())
            for task in tasks:
                self._tally.ended(task.number)
            self._on_change()
        return permits_left if left is not None else None

    async def _take(self, done: PartitionResult, task: PartitionTask, spec: BatchSpec) -> None:
        """Keep the keys of a partition's part, and count it."""
        reason = None if done.stopped is None else done.stopped["reason"]
        if reason == "cancelled":  # by us, who tell of it then; else its worker has lost the scheduler
            self._stop(cluster_lost_stop(), notify=False)
        elif done.stopped is not None and done.goes_on:
            self._unknown = self._unknown or decode_stop(done.stopped)
        elif done.stopped is not None and reason not in (ENDED, LOWERED):
            self._stop(decode_stop(done.stopped))
        line = self._index.entries[task.number].line
        if not done.path or (line is not None and line.path == done.path):
            return
        try:
            await asyncio.to_thread(self._index.keep, done, fresh=spec.fresh)
        except StoreError as exc:
            self._stop(BatchStopped(reason="store", detail=str(exc), resume=Message("then {resume}")))
            return
        reused = done.reused if done.attempt else 0
        self._tally.put(task.number, PartitionCounts.of(done, reused=reused))
        if done.attempt:
            self._tally.called(done.attempt, done.calls, done.refused)
        self._tally.ended(task.number)
        self.answered += done.done + done.failed - done.reused
        self.cut += done.cut
        self._on_change()

    # --- what partitions say

    def _handle_message(self, message: dict[str, Any]) -> None:
        if message.get("kind") == OVER_CAP:
            self._refused += 1
            if self._may_lower and needs_fewer_leases(self._refused, self._tally.calls - self._calls_before):
                self._may_lower = False
                if self._runner.lower():
                    self._begin_anew()
            return
        if message.get("kind") != "tick":
            return
        self._tally.take(message)
        self._runner.note_begun(message["number"])
        for encoded in message.get("events", ()):
            self._on_event(decode_event(encoded))
        errors = self._tally.errors - self._errors_before
        if self._stopped is None and self._limits.errors_reached(errors, self._planned):
            reached = self._limits.reached(calls=-1, elapsed_s=0, errors=errors, planned=self._planned)
            if reached is not None:
                self._stop(reached)
        self._on_change()

    def _begin_anew(self) -> None:
        """End this round as its calls end: what is left goes on in another one, with another number of leases.

        Where jobs with an outcome are called again on purpose, another round would call them once more: there the
        number holds from the next start on.
        """
        request = self._request
        if not (self._stopped or self._is_ending or request.fresh or request.retry or request.call_lost):
            self._is_ending = True
            self._runner.stop(BatchStopped(reason=LOWERED, detail="another number of calls at once"))

    def _stop(self, stopped: BatchStopped, *, notify: bool = True) -> None:
        if self._stopped is None:
            self._stopped = stopped
            if notify:
                self._runner.stop(stopped)

    def _end_of(self, limits: StopLimits) -> float | None:
        """Return when the rounds that follow one another must end, by the loop's clock."""
        return None if limits.max_seconds is None else asyncio.get_running_loop().time() + limits.max_seconds

    def _deadline(self, limits: StopLimits) -> asyncio.TimerHandle | None:
        if limits.max_seconds is None or self._ends_at is None:
            return None
        passed = StopLimits(max_seconds=limits.max_seconds).reached(
            calls=0, elapsed_s=limits.max_seconds, errors=0, planned=0
        )
        assert passed is not None  # noqa: S101 - as long as it may be is too long
        return asyncio.get_running_loop().call_at(self._ends_at, self._stop, passed)

    async def _sleep_until_reset(self) -> None:
        self.waiting_until = next_reset(self._options.now())
        self._on_change()
        try:
            await self._options.sleep_until(self.waiting_until)
        finally:
            self.waiting_until = None
            self._on_change()

    def pause(self, paused: bool) -> None:
        """Start no further call, or go on, wherever; also in the rounds that are still to come."""
        self._is_paused = paused
        self._runner.pause(paused)

    def retune(self, max_concurrency: int | None) -> None:
        """Set the ceiling of calls at once, over all workers; ``None`` removes it."""
        self._spec = replace(self._spec, max_concurrency=max_concurrency)
        if self._runner.retune(max_concurrency):
            self._begin_anew()


def _spent(limits: StopLimits) -> BatchStopped:
    most = limits.most_calls or 0
    stopped = limits.reached(calls=most, elapsed_s=0, errors=0, planned=0)
    assert stopped is not None  # noqa: S101 - as many as there may be are one too many for the next
    return stopped
