"""`PartitionWork`: the calls of a batch over partitions, for the controller of every batch.

The batch controller has what a user does with a batch; this module has the source of the jobs and where they run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import NoReturn

from fh_notebook.batching.execution.engine_run import StartOptions, budget_of
from fh_notebook.batching.execution.stop_rules import StopLimits
from fh_notebook.batching.model import Event, FailedSelection, Job, JobCounts
from fh_notebook.batching.planning.plan import Plan
from fh_notebook.batching.planning.stored_batch import StoredBatch
from fh_notebook.batching.planning.work_queue import Windows, ready_windows
from fh_notebook.batching.status import Caller
from fh_notebook.contract.callbacks import NO_STEPS, RunIds, WaitingSteps
from fh_notebook.contract.run import Run
from fh_notebook.errors import SettingsError
from fh_notebook.scaling.cluster.runner import RESULTS_WAIT_S, PartitionRunner
from fh_notebook.scaling.protocol import BatchSpec
from fh_notebook.scaling.rounds import CallRequest, PartitionCounts, ProgressTally, Rounds
from fh_notebook.scaling.storage.index import PartitionIndex


class PartitionWork:
    """The calls that a batch over many partitions stands for.

    Parameters
    ----------
    plan : Plan
        As it is before the first start.
    index : PartitionIndex
        The partitions.
    runner : function, optional
        Makes the place where they run; none where the batch calls nothing.
    spec : BatchSpec
        What holds for all of them.
    caller : Caller
        Who calls.
    options : StartOptions
        How it is started.
    stored : StoredBatch
        Which batch of the store it is.
    register : function
        Keeps what the batch's name stands for, in any thread.
    """

    settle_s = RESULTS_WAIT_S

    def __init__(
        self,
        plan: Plan,
        index: PartitionIndex,
        runner: Callable[[], PartitionRunner] | None,
        spec: BatchSpec,
        *,
        caller: Caller,
        options: StartOptions,
        stored: StoredBatch,
        register: Callable[[], None] = lambda: None,
    ) -> None:
        self.plan = plan
        self.index = index
        self.spec = spec
        self.caller = caller
        self.stored = stored
        self._runner = runner
        self._options = options
        self._register = register
        self._tally = ProgressTally(index.jobs, [entry.survey.invalid for entry in index.entries])
        self._request = CallRequest()
        self._rounds: list[str] = []
        """The names of the rounds of all starts: their parts are the batch object's own."""
        for number, entry in enumerate(index.entries):
            line = entry.line
            if line is not None:
                self._tally.put(number, PartitionCounts.of(line, reused=line.done + line.failed))

    @property
    def paths(self) -> list[tuple[str, bool]]:
        """The parts, each with whether it was there before this batch object; none of a forgotten batch."""
        mine = tuple(f"-{run}.parquet" for run in self._rounds)
        return [] if self.stored.is_forgotten else [(path, not path.endswith(mine)) for path in self.index.paths]

    @property
    def counts(self) -> JobCounts:
        """How far it is, over all workers, by what was last heard."""
        return self._tally.counts()

    @property
    def settled(self) -> int:
        """How many jobs have an outcome."""
        return self._tally.settled

    def calls_open(self, settled_before: int) -> int:
        """Return how many calls are not made."""
        return self.counts.pending

    def first_windows(self) -> Windows:
        """Return nothing: partitions make their own windows. What is to be called is noted."""
        fresh = self._options.reuse is None
        return self._request_calls(CallRequest(fresh=fresh, call_lost=self._options.retry_unknown or fresh))

    def open_windows(self, *, retry_unknown: bool, most_at_once: int) -> Windows:
        """Note that what is pending is to be called."""
        return self._request_calls(CallRequest(call_lost=retry_unknown))

    def failed_windows(self, which: FailedSelection, *, most_at_once: int) -> Windows:
        """Note that what failed is to be called again."""
        if which.error is not None:
            raise SettingsError("error= is not available for rows in partitions; give error_code, or nothing for all")
        return self._request_calls(CallRequest(retry=True, error_code=which.error_code))

    def _request_calls(self, request: CallRequest) -> Windows:
        self._request = request
        counts = self.counts
        answered, unknown = self.index.foreseen
        calls = counts.failed - counts.invalid if request.retry else counts.pending - answered - unknown
        if request.call_lost and not request.retry:
            calls += counts.unknown - counts.waiting + unknown
        if request.fresh:
            calls = counts.planned
        self.plan = replace(self.plan, calls=calls)
        return ready_windows([])

    def new_run(
        self, settings: StartOptions, *, on_event: Callable[[Event], None], on_change: Callable[[], object]
    ) -> Rounds:
        """Return the next start."""
        assert self._runner is not None, "a start that calls nothing is refused earlier"  # noqa: S101 - a defect of ours
        return Rounds(
            index=self.index,
            runner=self._runner(),
            spec=replace(
                self.spec, max_concurrency=settings.max_concurrency, reports_events=settings.on_event is not None
            ),
            request=self._request,
            tally=self._tally,
            options=settings,
            limits=lambda: self._limits(settings),
            learned=lambda: self.caller.limiter.learned,
            on_event=on_event,
            on_change=on_change,
            stored=self.stored,
            register=self._register,
            rounds=self._rounds,
        )

    def _limits(self, settings: StartOptions) -> StopLimits:
        """The limits of this start, with what the configured daily cap leaves now."""
        budget = budget_of(self.caller.workspace, self.stored.store, datetime.now(UTC))
        return replace(settings.limits, left_today=budget.left_today, daily_cap=budget.daily_cap)

    def unknown_windows(self) -> NoReturn:
        """Refuse: where the answers of partitions lie, nothing is changed in place."""
        raise SettingsError(
            "a batch over partitions cannot look up single runs; batch.resume(retry_unknown=True) calls again "
            "what may have run, except runs that wait for a decision: client.retrieve(request_id) returns their "
            "outcome"
        )

    def unfinished_runs(self, *, known_to_wait: bool = False) -> list[RunIds]:
        """Return the ids of the runs that waited for a decision when their rows were answered."""
        return [] if self.stored.is_forgotten else self.index.runs_that_wait()

    def waiting_steps(self) -> WaitingSteps:
        """Return nothing: the files have of a row the words that say what it waits for, and not the step."""
        return NO_STEPS

    async def resolve(self, windows: Iterator[list[tuple[Job, Run]]]) -> str:
        """Refuse, as :meth:`unknown_windows`."""
        self.unknown_windows()
