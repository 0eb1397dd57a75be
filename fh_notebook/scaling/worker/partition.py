"""`Partition`: call the open jobs of one partition on a worker with the batch engine, and merge its answers into a
part.

Answers are stored on this machine as they arrive and merged when the partition ends, for whatever reason. A later
attempt on this machine finds this store: a killed worker loses no answer, and its calls in flight are unknown.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import pandas as pd

from fh_notebook.batching.execution.engine_run import EngineRun, StartOptions
from fh_notebook.batching.execution.stop_rules import StopLimits
from fh_notebook.batching.execution.unknown_names import UNKNOWN_NAME
from fh_notebook.batching.model import (
    AWAITS_DECISION,
    CODE_OF,
    PENDING,
    UNKNOWN,
    BatchStopped,
    Event,
    Job,
    OutcomeTable,
    kind_of,
)
from fh_notebook.batching.planning.mapping import without_secrets
from fh_notebook.batching.planning.reader import BatchReader
from fh_notebook.batching.planning.reuse import AnswerLookup
from fh_notebook.batching.planning.sources import TableSource
from fh_notebook.batching.planning.stored_batch import StoredBatch
from fh_notebook.batching.planning.work_queue import WorkQueue, ready_windows
from fh_notebook.batching.progress.unknown_outcomes import HELP_OF_WORKERS
from fh_notebook.contract.job_key import is_reusable
from fh_notebook.contract.run import Run
from fh_notebook.core import event_loop
from fh_notebook.core.event_loop import finish_despite_cancel
from fh_notebook.errors import SettingsError
from fh_notebook.scaling.protocol import BatchSpec, PartitionResult, PartitionTask, encode_event, encode_stop
from fh_notebook.scaling.storage import parts
from fh_notebook.scaling.storage.files import open_partition_batch, opened_store, part_path, parts_of_plan, store_path
from fh_notebook.scaling.storage.parts import done_of, lines_of
from fh_notebook.scaling.survey import keys_of, planned, rows_of
from fh_notebook.scaling.worker.host import Host
from fh_notebook.store.store import Store

REPORT_S: Final = 0.25
"""How often a partition says how far it is: a person sees no more."""


def run_partition(
    frame: pd.DataFrame, spec: BatchSpec, task: PartitionTask, host_of: Callable[[BatchSpec], Host]
) -> PartitionResult:
    """Call what is to be called of a partition, and return what came of it, in numbers; the answers are in its part."""
    path = part_path(spec, task)
    if parts.exists(path):  # it was run, and only its result was lost on the way
        return done_of(path, task)
    host = host_of(spec)
    if host.stopped is not None and not task.sources:
        return PartitionResult(number=task.number, attempt="", jobs=0)
    with opened_store(store_path(host.folder, spec, task)) as store:
        return Partition(frame.iloc[: task.rows], spec, task, host, store).run()


class Partition:
    """One partition while it is called.

    Parameters
    ----------
    frame : DataFrame
        Its rows.
    spec : BatchSpec
        What holds for all.
    task : Task
        What is its own.
    host : Host
        Of this process.
    store : Store
        Of the partition, on this machine.
    """

    def __init__(self, frame: pd.DataFrame, spec: BatchSpec, task: PartitionTask, host: Host, store: Store) -> None:
        self._spec = spec
        self._task = task
        self._host = host
        self._store = store
        rows = rows_of(frame, spec, task.start)
        planner, hidden, by_row = planned(rows, spec, task.start)
        _check_rows(task, by_row)
        self._source = TableSource(planner, by_row, without_secrets(rows, hidden), is_checked=task.valid)
        self._outcomes = OutcomeTable()
        record = open_partition_batch(self._store, spec)
        self._attempt = str(record.plan["attempt"])
        mine = record.plan["run"] in (spec.run, *spec.mine)
        self._sent_before = self._store.requests.total() if mine else 0
        """Requests of earlier attempts of this batch object on this machine, which were killed."""
        stored = StoredBatch(self._store, record.id)
        look_up = AnswerLookup(stored=stored, workspace=spec.workspace, reuse="batch")
        where = spec.batch_variants[0].deployment
        self._work_queue = WorkQueue(
            self._source, self._outcomes, look_up, skip_invalid=True, where=where, holds_answers=True
        )
        self._work_queue.call_lost = spec.call_lost
        self._start: EngineRun | None = None
        self._loop_task: asyncio.Task[Any] | None = None
        self._events: list[bytes] = []
        self._reported_at = 0.0
        self._stopped: BatchStopped | None = None
        self._cut = 0
        self._is_cut = False

    def run(self) -> PartitionResult:
        """Call, and merge what was answered."""
        self._work_queue.begin()
        jobs = [job for window in self._work_queue.fresh() for job in self._work_queue.take(window)]
        jobs = self._left_to_call(jobs)
        self._tell()
        if jobs and self._host.stopped is None:
            event_loop.run(self._call(jobs))
        done = self._merged()
        self._tell(done=True)
        self._work_queue.let_go()
        self._source.let_go()
        return done

    # --- what is known before

    def _left_to_call(self, jobs: list[Job]) -> list[Job]:
        """Take in the answers of earlier parts, and return the jobs that nobody has answered or is to answer."""
        spec = self._spec
        again = {job.key for window in self._source.planned(len(self._outcomes)) for job in window if job.key}
        answers: dict[str, tuple[Run, bool]] = {}
        settled: set[str] = set()
        for path in self._sources():
            mine, is_settled = self._is_of(path, spec.mine), self._is_of(path, spec.settled)
            for key, answer, was_reused in parts.runs_in(path, again):
                if is_settled:
                    settled.add(key)
                if key not in answers or _counts_more(answer, answers[key][0]):
                    answers[key] = answer, was_reused or not mine
        elsewhere = self._task.skip
        left: list[Job] = []
        to_call = {job.key for job in jobs}
        for window in self._source.planned(len(self._outcomes)):
            for job in window:
                if job.key not in to_call:
                    continue
                run, reused = answers.get(job.key, (None, False))
                if run is not None:
                    kind = CODE_OF[kind_of(run)]
                    self._outcomes.put(job.number, kind, run=run, reused=reused and kind != UNKNOWN)
                if _is_open(run, spec) and job.key not in settled and not (elsewhere and elsewhere[job.number]):
                    left.append(job)
        return list({job.key: job for job in reversed(left)}.values())[::-1]

    def _sources(self) -> list[str]:
        """Return the parts with answers: those that the notebook knows, and others of the same jobs.

        A worker that had lost its notebook may have merged its part after the notebook looked. Its store goes after
        its part has come; so whoever has opened the store and looks then finds the one or the other.
        """
        paths = list(self._task.sources)
        if self._spec.fresh:
            return paths
        others = [path for path in parts_of_plan(self._spec, self._task) if path not in paths]
        return [*paths, *(path for path in others if not self._spec.anew or self._is_of(path, self._spec.mine))]

    def _is_of(self, path: str, rounds: tuple[str, ...]) -> bool:
        """Whether a part was written in one of these rounds."""
        return any(path.endswith(f"-{run}.parquet") for run in rounds)

    # --- the calls

    async def _call(self, jobs: list[Job]) -> None:
        self._loop_task = asyncio.current_task()
        self._start = EngineRun(
            name=self._spec.name,
            client=self._host.client,
            work_queue=self._work_queue,
            outcomes=self._outcomes,
            options=_options(self._spec),
            call_lost=self._spec.call_lost,
            names=self._host.names,
            on_event=self._handle_event,
            on_change=lambda: None,
        )
        self._host.enter(self)
        self._start.pause(self._host.paused)
        beat = asyncio.ensure_future(self._beat())
        try:
            if self._host.stopped is None:
                await self._start.run(ready_windows([jobs]), planned=len(jobs))
        except asyncio.CancelledError:
            if not self._is_cut:
                raise
        finally:
            beat.cancel()
            self._cut = self._start.cut
            await finish_despite_cancel(self._host.leave(self))

    def stop(self, stopped: BatchStopped) -> None:
        """Start no further call; cancelled, what is out ends, too."""
        self._stopped = self._stopped or stopped
        if stopped.reason == "cancelled":
            # Once: a second cancel would break what the first has begun, and what was answered would not come in.
            if self._loop_task is not None and not self._is_cut:
                self._is_cut = True
                self._loop_task.cancel()
        elif self._start is not None and self._start.engine is not None:
            self._start.engine.scheduler.stop(stopped)

    def pause(self, paused: bool) -> None:
        """Start no further call, or go on."""
        if self._start is not None:
            self._start.pause(paused)

    def _handle_event(self, event: Event) -> None:
        if isinstance(event, BatchStopped):
            self._stopped = self._stopped or event
            self._host.met(event)
        elif self._spec.reports_events:
            self._events.append(encode_event(event))
        if time.monotonic() - self._reported_at >= REPORT_S:
            self._tell()

    async def _beat(self) -> None:
        """Say how far it is, also when nothing comes: calls may take minutes."""
        while True:
            await asyncio.sleep(REPORT_S)
            self._tell()
            if self._host.stopped is not None:  # it may have come before there was an engine
                self.stop(self._host.stopped)

    def _tell(self, *, done: bool = False) -> None:
        self._reported_at = time.monotonic()
        counts = self._outcomes.counts()
        engine = self._start.engine if self._start is not None else None
        events, self._events = self._events, []
        self._host.report(
            {
                "kind": "tick",
                "number": self._task.number,
                "attempt": self._attempt,
                "done": counts.done,
                "failed": counts.failed,
                "unknown": counts.unknown,
                "waiting": counts.waiting,
                "reused": counts.reused,
                "calls": self._sent_before + counts.calls,
                "refused": counts.refused,
                "in_flight": 0 if done or engine is None else engine.scheduler.in_flight,
                "events": events,
            }
        )

    # --- the end

    def _merged(self) -> PartitionResult:
        """Write the part, and return what is in it."""
        self._look_again()
        try:
            return self._written()
        except RecursionError:  # an output as deep as Python reads and deeper than it writes: the store knows how
            self._work_queue.let_go()
            return self._written()

    def _look_again(self) -> None:
        """Take in what the store knows of pending jobs: it goes, and what is claimed in it may have run.

        An engine that is cut short leaves claims where the process is ending, and so does another process that ran
        this partition and was killed.
        """
        self._work_queue.call_lost = False
        for window in self._work_queue.again():
            numbers = enumerate(window.jobs.numbers)
            pending = [place for place, number in numbers if self._outcomes.kind(number) == PENDING]
            self._work_queue.count(replace(window, jobs=window.jobs.at(pending)))

    def _written(self) -> PartitionResult:
        pairs = list(
            BatchReader(self._work_queue, self._outcomes, name=self._spec.name).pairs(lambda kind: kind != PENDING)
        )
        counts = self._outcomes.counts()
        requests = self._store.requests.total()  # of earlier attempts on this machine, too, that were killed
        path = ""
        again = sum(bool(o) and o.run.status == "failed" and not _stands(job, o.run) for job, o in pairs if o)
        keys = keys_of(job.key for job, _ in pairs)
        facts = {
            "plan": self._task.plan.hex(), "jobs": counts.planned, "calls": requests, "batch": self._spec.name,
            "workspace": self._spec.workspace,
        }  # fmt: skip
        if pairs:
            path = part_path(self._spec, self._task)
            parts.write_part(path, lines_of(pairs, self._source), facts)
        stopped = self._stopped or self._host.stopped
        of_some = stopped is not None and stopped.reason == UNKNOWN_NAME and not self._host.names.none_left
        return PartitionResult(
            number=self._task.number, attempt=self._attempt, path=path, jobs=counts.planned, done=counts.done,
            failed=counts.failed, unknown=counts.unknown, waiting=counts.waiting, reused=counts.reused, again=again,
            calls=self._sent_before + counts.calls, requests=requests,
            refused=counts.refused, keys=keys, kept_at=datetime.now(UTC), cut=self._cut,
            stopped=encode_stop(stopped) if stopped is not None else None, goes_on=of_some,
        )  # fmt: skip


def _check_rows(task: PartitionTask, by_row: list[list[Job]]) -> None:
    """Raise where the rows are others than when they were looked at: answers would be paid for, and never found."""
    if not (task.valid and task.asked):
        return
    keys = keys_of(job.key for row in by_row for job in row)
    if sha256(keys).digest() != task.asked:
        raise SettingsError(
            f"partition {task.number} has other rows than when they were checked, so its answers would not be "
            "found again; rows must be the same each time they are computed: write them to Parquet first, or "
            "ddf.persist()"
        )


def _is_open(run: Run | None, spec: BatchSpec) -> bool:
    """Whether a job is to be called, by what earlier parts know of it."""
    if spec.retry:
        return run is not None and run.status == "failed" and spec.error_code in (None, run.error_code)
    if run is None:
        return True
    if kind_of(run) == "unknown":
        return spec.call_lost and run.status != AWAITS_DECISION
    return not is_reusable(run)


def _counts_more(run: Run, before: Run) -> bool:
    """Whether a later word on a job takes the place of an earlier one: an answer stands, and what may have run too."""
    if run.status == "completed" or before.status == "completed":
        return run.status == "completed"
    return kind_of(before) != "unknown" or kind_of(run) == "unknown" or is_reusable(run)


def _stands(job: Job, run: Run) -> bool:
    return bool(job.problems) or is_reusable(run)


def _options(spec: BatchSpec) -> StartOptions:
    return StartOptions(
        limits=StopLimits(fail_on_error=spec.stop_at_error),
        max_concurrency=None,  # the limiter holds it
        rate=None,  # permits pace
        wait_for_reset=False,
        on_event=None,
        progress=False,
        decide=HELP_OF_WORKERS,
        reuse="batch",
        retry_unknown=spec.call_lost,
    )
