"""`WorkQueue`: the windows of jobs of a batch, looked up and checked ahead of the calls.

- A job with an answer is not checked again, and invalid inputs are reported before the first call of their window.
- Look-ups (`look`) may happen on any thread; their results are counted (`take`) on the thread of the counts.
- No window is lost, whoever stops waiting for it, and none is held longer than needed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from fh_notebook.batching.model import (
    AWAITS_DECISION,
    CODE_OF,
    DONE,
    FAILED,
    PENDING,
    UNKNOWN,
    FailedSelection,
    Job,
    JobColumns,
    JobsByKey,
    OutcomeTable,
    kind_of,
    open_reason,
)
from fh_notebook.batching.planning.planner import refused
from fh_notebook.batching.planning.reuse import AnswerLookup, KnownAnswer, left_behind
from fh_notebook.batching.planning.sources import JobSource, JobWindow
from fh_notebook.batching.planning.stored_batch import PlannedBatch
from fh_notebook.contract.callbacks import NO_OUTPUT_CODE
from fh_notebook.contract.job_key import is_reusable
from fh_notebook.contract.run import Run
from fh_notebook.core.text.messages import PYTHON, Audience
from fh_notebook.store.tables.answers import AnswerRow, RunFields, run_of_row


@dataclass(frozen=True, slots=True)
class LookedUpWindow:
    """A window that was looked up and checked."""

    jobs: JobColumns
    known: dict[str, KnownAnswer]
    is_new: bool
    """Whether its jobs come to the batch now."""

    def to_call(self) -> list[Job]:
        """Return the jobs to be called, one a key, in the plan's order."""
        places: dict[str, int] = {}
        for place, key in enumerate(self.jobs.keys):
            if key and key not in self.known:
                places.setdefault(key, place)
        return list(map(self.jobs.job, places.values()))


NOTHING: Final[Mapping[str, Run]] = MappingProxyType({})

LOOKED_AT_ONCE: Final = 10_000
"""Answers that are looked for in one statement."""


def _used_lines(window: LookedUpWindow) -> list[int]:
    """Return the answers of others that stand for a window's jobs."""
    return [answer.line for answer in window.known.values() if answer.line and not answer.is_own]


class WorkQueue:
    """The jobs of one batch object and what is known of them.

    Parameters
    ----------
    source : JobSource
        Where jobs come from.
    outcomes : OutcomeTable
        Takes what is found.
    look_up : AnswerLookup
        Which answer stands for a job, and where it is saved.
    skip_invalid : bool
        Whether rows that do not fit are failed rows, rather than an error.
    where : str
        The deployment, for errors.
    planned_batch : PlannedBatch, optional
        What new windows are compared with and written to; without it none is.
    audience : Audience
        Who reads its errors.
    holds_answers : bool
        Whether the answers that come are held, rather than read back from the store: all are wanted soon.
    """

    def __init__(
        self,
        source: JobSource,
        outcomes: OutcomeTable,
        look_up: AnswerLookup,
        *,
        skip_invalid: bool,
        where: str,
        planned_batch: PlannedBatch | None = None,
        audience: Audience = PYTHON,
        holds_answers: bool = False,
    ) -> None:
        self._audience = audience
        self.source = source
        self._outcomes = outcomes
        self.stored = look_up.stored
        self._store = look_up.stored.store
        self._look_up = look_up
        self._planned_batch = planned_batch
        self._is_keeping = False
        self._skip_invalid = skip_invalid
        self._where = where
        self._twins: dict[str, list[int]] = {}
        """Of keys that several jobs have: their numbers."""
        self._copies: dict[str, AnswerRow] = {}
        """Answers that stand for jobs and are in no table of the store, to be saved with the batch, by job key."""
        self._holds_answers = holds_answers
        self._held: dict[int, Run] = {}
        """Answers by the job's number, where they are held."""
        self.call_lost = False
        """Whether what may have run is called again."""
        self.seen_id = 0
        """The store's newest answer before anything was looked up for the next start. What others keep from then on is
        found when a job is claimed; so it must not be younger than the look, or their jobs are called twice."""

    @property
    def anywhere(self) -> bool:
        """Whether what other batches have answered counts, too."""
        return self._look_up.anywhere

    def begin_keeping(self) -> None:
        """Write the windows of this batch to the store from now on; also those of a table that was planned before."""
        if self._is_keeping or self._planned_batch is None:
            return
        self._is_keeping = True
        if len(self._outcomes) and self.source.rows is not None:
            used = [line for number in range(len(self._outcomes)) if (line := self._outcomes.line(number))]
            for window in self.source.fresh():
                while True:
                    self._planned_batch.compare(window)
                    if self._write(window, window.jobs, used):
                        break
            self._copies = {}

    def _write(self, window: JobWindow, jobs: list[Job], used: Sequence[int]) -> bool:
        if self._planned_batch is not None and self._is_keeping:
            if not self._planned_batch.keep(window, jobs, used, list(self._copies.values())):
                return False
            self.source.keep_in(self._planned_batch.jobs())
        return True

    def _with_stored_copies(self, window: LookedUpWindow) -> LookedUpWindow:
        """Return a window whose answers from elsewhere were saved with the batch: now they have numbers."""
        if not self._copies or not self.stored.id:
            return window
        by_key = JobsByKey(window.jobs)
        jobs = {key: by_key[key] for key in self._copies if key in by_key}
        self._copies = {}
        numbers = self._look_up.of(jobs, now=datetime.now(UTC), call_lost=self.call_lost)
        return replace(window, known={**window.known, **numbers})

    def reopen_forgotten(self) -> None:
        """Make the jobs pending again whose answers were removed from the store since (``fh.forget``)."""
        for begin in range(0, len(self._outcomes), LOOKED_AT_ONCE):
            numbers = range(begin, min(begin + LOOKED_AT_ONCE, len(self._outcomes)))
            lines = {number: line for number in numbers if (line := self._outcomes.line(number))}
            forgotten = set(lines.values()) - self._store.answers.existing(lines.values())
            for number, line in lines.items():
                if line in forgotten:
                    self._outcomes.put(number, PENDING)

    def reopen_capped(self) -> None:
        """Make the jobs pending again whose look-ups the daily cap has ended: their runs are waited for again."""
        for number in self._outcomes.capped:
            self._outcomes.put(number, PENDING)

    def reopen_left(self) -> None:
        """Make the jobs pending again whose runs the service took and nobody waits for: they are waited for again."""
        if not (left := left_behind(self.stored)):
            return
        for window in self.source.columns(len(self._outcomes)):
            for key, number in zip(window.keys, window.numbers, strict=True):
                if key in left and self._outcomes.kind(number) == UNKNOWN:
                    self._outcomes.put(number, PENDING)

    async def revise(self, job: Job, run: Run) -> None:
        """Save what is known now of a job of unknown outcome, in place of what was saved of it."""
        if self._outcomes.kind(job.number) == UNKNOWN:  # else it is pending: its run is waited for again
            if line := self._outcomes.line(job.number):
                await self._store.answers.complete(line, run)
            self.finished(job, run, line=line, reused=False)

    def begin(self) -> None:
        """Note where the store stands; called before a start's first look."""
        self.seen_id = self._store.answers.newest_id()

    # --- looking: in any thread

    def fresh(self) -> Iterator[LookedUpWindow]:
        """Yield the windows that were not planned yet, each compared, looked up, checked and written."""
        for window in self.source.fresh():
            while True:
                if self._planned_batch is not None:
                    self._planned_batch.compare(window)
                known = self._look({job.key: job for job in window.jobs if job.key})
                jobs = self._checked(window.jobs, known)
                looked_up = LookedUpWindow(JobColumns.of(jobs, self.source.records_at), known, is_new=True)
                if self._write(window, jobs, _used_lines(looked_up)):
                    break
            self.source.hold(jobs)
            yield self._with_stored_copies(looked_up) if self._is_keeping else looked_up

    def again(self) -> Iterator[LookedUpWindow]:
        """Yield the windows of jobs that were planned and have no outcome that stands."""
        for window in self.source.columns(len(self._outcomes)):
            if len(jobs := self._callable_jobs(window)):
                held = [jobs.job(place) for place in range(len(jobs))]  # read here, and not where they are counted
                yield self.look_again(JobColumns.of(held, self.source.records_at))

    def look_again(self, jobs: JobColumns) -> LookedUpWindow:
        """Return jobs that were planned, looked up; what stands for them is saved with the batch."""
        looked_up = LookedUpWindow(jobs, self._look(JobsByKey(jobs)), is_new=False)
        if self.stored.id and ((used := _used_lines(looked_up)) or self._copies):
            self._store.uses.keep(self.stored.id, used, list(self._copies.values())).result()
        return self._with_stored_copies(looked_up)

    def failed(self, which: FailedSelection) -> Iterator[list[Job]]:
        """Yield the failed jobs that are meant, as they are to be called again, one a key."""
        for failed in self._failed():
            if not which.is_all:
                failed = [job for job, run in self._with_runs(failed) if which.has(run)]
            yield self.one_a_key(failed)

    def failed_codes(self) -> Counter[str]:
        """Return how many of the failed jobs have each error code; ``""`` is none."""
        return Counter(run.error_code or "" for failed in self._failed() for _, run in self._with_runs(failed))

    def _failed(self) -> Iterator[list[Job]]:
        for window in self.source.planned(len(self._outcomes)):
            yield [job for job in window if job.key and self._outcomes.kind(job.number) == FAILED]

    def _with_runs(self, jobs: Sequence[Job]) -> list[tuple[Job, Run]]:
        runs = self.runs_of([job.number for job in jobs])
        return [(job, job.shown(runs[job.number])) for job in jobs if job.number in runs]

    def unknown(self, left: Mapping[str, Run] = NOTHING) -> Iterator[list[tuple[Job, Run]]]:
        """Yield the jobs that may have run, with what is known of them, one a key.

        With the pending ones whose runs were `left` at the service: by the key of the job.
        """
        for window in self.source.planned(len(self._outcomes)):
            kinds = {job.number: self._outcomes.kind(job.number) for job in window if job.key}
            runs = self.runs_of([number for number, kind in kinds.items() if kind == UNKNOWN])
            pending = [job for job in window if job.key in left and kinds.get(job.number) == PENDING]
            runs |= {job.number: left[job.key] for job in pending}
            yield [(job, runs[job.number]) for job in self.one_a_key([job for job in window if job.number in runs])]

    def take_saved(self, jobs: Sequence[Job]) -> set[str]:
        """Count the outcomes of jobs that were saved for the batch meanwhile, and return the keys of those jobs."""
        saved = self._store.answers.of_jobs([job.key for job in jobs], batches=[self.stored.id])
        lines = {answer.key: answer.id for answer in reversed(saved)}  # the newest of each
        answers = self._store.answers.by_ids(lines.values())
        keys = set()
        for job in jobs:
            answer = answers.get(lines.get(job.key, 0))
            if answer is not None and kind_of(answer.run) != "unknown":
                self.finished(job, answer.run, line=answer.id, reused=False)
                keys.add(job.key)
        return keys

    def one_a_key(self, jobs: list[Job]) -> list[Job]:
        """Return the first job of each key; what comes of it comes of the others that have it, too."""
        times = Counter(job.key for job in jobs)
        for job in jobs:
            if times[job.key] > 1:
                self._pair(job.key, job.number)
        return list({job.key: job for job in reversed(jobs)}.values())[::-1]

    def _pair(self, key: str, number: int) -> None:
        """Note that a job shares its call with others."""
        numbers = self._twins.setdefault(key, [])
        if number not in numbers:
            numbers.append(number)

    def runs_of(self, numbers: Sequence[int]) -> dict[int, Run]:
        """Return the answers of jobs, by the job's number; what was forgotten since is left out."""
        fields = self.fields_of(numbers)
        with self._store.decoding():
            return {number: of_run.run for number, of_run in fields.items()}

    def fields_of(self, numbers: Sequence[int]) -> dict[int, RunFields]:
        """Return what tables show of the answers of jobs, by the job's number; what was forgotten since is left out."""
        here = {
            number: RunFields.of(run)
            for number in numbers
            if (run := self._held.get(number) or self._outcomes.run(number)) is not None
        }
        lines = {number: line for number in numbers if number not in here and (line := self._outcomes.line(number))}
        answers = self._store.answers.fields_of(set(lines.values())) if lines else {}
        return here | {number: answers[line] for number, line in lines.items() if line in answers}

    def _callable_jobs(self, window: JobColumns) -> JobColumns:
        """Return the jobs that may be called: without an outcome, or with one that does not stand.

        One whose run is known to wait for a decision is none: its line says so, which is looked up, or its answer that
        could not be saved.
        """
        kinds = {PENDING, UNKNOWN} if self.call_lost else {PENDING}
        of_jobs = list(map(self._outcomes.kind, window.numbers))
        numbered = list(zip(window.keys, of_jobs, window.numbers, strict=True))
        failed = self.runs_of([number for key, kind, number in numbered if key and kind == FAILED])
        lost = {number for number, run in failed.items() if not is_reusable(run)}
        return window.at(
            [
                place
                for place, (key, kind, number) in enumerate(numbered)
                if key and (kind in kinds or number in lost) and not self._waits_unsaved(number)
            ]
        )

    def _waits_unsaved(self, number: int) -> bool:
        run = self._outcomes.run(number)
        return run is not None and run.status == AWAITS_DECISION

    def _look(self, jobs: Mapping[str, Job]) -> dict[str, KnownAnswer]:
        answers = self._look_up.of(jobs, now=datetime.now(UTC), call_lost=self.call_lost)
        self._copies = {key: copy for key, copy in self._copies.items() if key not in jobs} | {
            key: self._copy(jobs[key], answer) for key, answer in answers.items() if answer.copy
        }
        return answers

    def _copy(self, job: Job, answer: KnownAnswer) -> AnswerRow:
        """Return the line of an answer from elsewhere; its calls were counted where it was paid for."""
        return AnswerRow(
            key=job.key,
            batch=None,
            workspace=self._look_up.workspace,
            deployment=job.deployment,
            variant=job.variant,
            status=run_of_row(answer.copy).status,
            run=answer.copy,
            kept_at=answer.kept_at,
            calls=0,
        )

    def _checked(self, jobs: list[Job], answers: dict[str, KnownAnswer]) -> list[Job]:
        """Check what is not answered yet, and raise with every problem of every row, unless such rows are skipped."""
        open_jobs = [job for job in jobs if job.key not in answers]
        if not open_jobs:
            return jobs
        checked = self.source.checked(open_jobs)
        if all(new is old for new, old in zip(checked, open_jobs, strict=True)) and not any(
            j.problems for j in checked
        ):
            return jobs
        if not self._skip_invalid:
            rows = {job.row for job in jobs}
            bad = {job.row for job in checked if job.problems}
            if (
                error := refused(checked, where=self._where, any_fits=len(bad) < len(rows), audience=self._audience)
            ) is not None:
                raise error
        by_number = {job.number: job for job in checked}
        return [by_number.get(job.number, job) for job in jobs]

    # --- taking in: where the counts are

    def take(self, window: LookedUpWindow) -> list[Job]:
        """Count what was found, and return the jobs to be called."""
        self.count(window)
        return window.to_call()

    def count(self, window: LookedUpWindow) -> None:
        """Count what was found."""
        outcomes = self._outcomes
        if window.is_new:
            outcomes.extend(len(window.jobs))
        times = Counter(window.jobs.keys)
        first: set[str] = set()
        for key, number in zip(window.jobs.keys, window.jobs.numbers, strict=True):
            answer = window.known.get(key) if key else None
            if not key:
                outcomes.put(number, FAILED, is_invalid=True)
            elif answer is not None:
                copied = run_of_row(answer.copy) if answer.copy else None
                reused = answer.reused or key in first
                goes_on = answer.goes_on
                outcomes.put(number, answer.kind, line=answer.line, reused=reused, run=copied, goes_on=goes_on)
            elif times[key] > 1:
                self._pair(key, number)
            first.add(key)

    def finished(self, job: Job, run: Run, *, line: int, reused: bool) -> None:
        """Count the outcome of a job that was called, and of those that are the same."""
        kind = CODE_OF[kind_of(run)]
        if self._holds_answers:
            self._held[job.number] = run
        held = None if line else run
        for number in dict.fromkeys((job.number, *self._twins.get(job.key, ()))):
            is_reused = reused or number != job.number
            self._outcomes.put(number, kind, line=line, reused=is_reused, run=held, goes_on=open_reason(run))
        if kind == DONE and run.error_code != NO_OUTPUT_CODE:  # else a late output is theirs, too
            self._twins.pop(job.key, None)

    def has(self, job: Job, run: Run, *, line: int) -> bool:
        """Whether this is still the outcome of a job, on this line of the store or, without one, held here."""
        outcomes, number = self._outcomes, job.number
        is_there = outcomes.line(number) == line if line else outcomes.run(number) is run
        return is_there and outcomes.kind(number) == CODE_OF[kind_of(run)]

    def let_go(self) -> None:
        """Hold no answer any more; from now on they are read from the store."""
        self._held.clear()


Windows = AsyncIterator[LookedUpWindow | list[Job]]
"""Jobs to be called, window by window: found just now, or counted already."""


async def ready_windows(windows: Iterable[LookedUpWindow | list[Job]]) -> Windows:
    """Yield windows that are there already."""
    for window in windows:
        yield window


async def chained_windows(*parts: Windows) -> Windows:
    """Yield the windows of one part after the other."""
    for part in parts:
        async for window in part:
            yield window


class WindowPrefetch:
    """Windows that are made in a thread: making one looks into the store, and may wait for the user's iterator.

    A window that is being made when nobody waits for it any more is not lost: it is the next one that is given.

    Parameters
    ----------
    windows : iterator of LookedUpWindow
        Used by one thread at a time.
    """

    def __init__(self, windows: Iterator[LookedUpWindow]) -> None:
        self._windows = windows
        self._coming: asyncio.Future[LookedUpWindow | None] | None = None

    def __aiter__(self) -> WindowPrefetch:
        return self

    async def __anext__(self) -> LookedUpWindow | list[Job]:
        if self._coming is None:
            self._coming = asyncio.ensure_future(asyncio.to_thread(next, self._windows, None))
        window = await asyncio.shield(self._coming)  # what it raised is raised again whenever it is asked for
        if window is None:
            raise StopAsyncIteration
        self._coming = None
        return window
