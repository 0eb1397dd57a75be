"""`BatchReader`: reads the outcomes of a batch from the store, as jobs with answers and as frames.

Rule of this file: a thousand at a time, so that nothing has to be held whole. What a `Batch` asks of its tables,
wherever they are, is `BatchTables`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, Protocol

import pandas as pd

from fh_notebook.batching.model import (
    DONE,
    FAILED,
    PENDING,
    UNKNOWN,
    Job,
    JobColumns,
    Outcome,
    OutcomeTable,
    run_of_invalid,
)
from fh_notebook.batching.planning import garbage_collection
from fh_notebook.batching.planning.work_queue import WorkQueue
from fh_notebook.batching.rendering import ErrorGroup, error_groups
from fh_notebook.batching.tables.entry_table import PENDING_RUN, Entry, EntryTable
from fh_notebook.batching.tables.frames import ATTRS, RUNS, OutputKeys, tidy_frame
from fh_notebook.contract.run import Run
from fh_notebook.core import hooks
from fh_notebook.store.tables.answers import RunFields, run_of_source

WINDOW = 1_000


class BatchTables(Protocol):
    """Where the rows and answers of a batch are read: `BatchReader`, or the files of partitions."""

    unbrowsable: str
    """Why a live table cannot show them, and what to do; empty where it can."""

    def refresh(self) -> None:
        """Have the jobs be pending again whose answers were removed since."""
        ...

    def answered(self) -> Any:
        """Return one line for every job that has an outcome."""
        ...

    def failed(self) -> Any:
        """Return the lines of jobs that failed."""
        ...

    def pending(self) -> Any:
        """Return one line for every job without an outcome."""
        ...

    def overview(self, lines: int) -> tuple[list[ErrorGroup], pd.DataFrame]:
        """Return the errors, where no file must be read for it, and the first lines, failed ones first."""
        ...

    def parts(self, lines: int) -> Iterator[pd.DataFrame]:
        """Yield the lines of jobs that have an outcome, at most so many at once; without any, one table of no line."""
        ...

    def entries(self) -> Iterator[Entry]:
        """Yield jobs with their outcomes and their rows."""
        ...

    def entry_table(self) -> EntryTable:
        """Return the jobs of :meth:`entries` as columns."""
        ...

    def answer_ids(self) -> Iterator[int] | None:
        """Return the numbers of the answers in the store; ``None`` where they lie in files."""
        ...


class BatchReader:
    """Reads what a work queue has counted.

    Parameters
    ----------
    work_queue : WorkQueue
        Knows the jobs and where their answers lie.
    outcomes : OutcomeTable
        What is known of each.
    name : str
        The batch's, at its start.
    about : mapping, optional
        What is noted with tables of it.
    """

    unbrowsable = ""

    def __init__(
        self, work_queue: WorkQueue, outcomes: OutcomeTable, *, name: str, about: Mapping[str, Any] | None = None
    ) -> None:
        self._work_queue = work_queue
        self._outcomes = outcomes
        self._name = name
        self._about = about
        self._has_told = False
        """Whether somebody was told that not all keys of outputs have a column."""

    def pairs(
        self, is_wanted: Callable[[int], bool] = lambda kind: True, *, limit: int | None = None
    ) -> Iterator[tuple[Job, Outcome | None]]:
        """Yield jobs with their outcomes (``None`` while pending), in the plan's order; none of a forgotten batch."""
        for jobs in self._windows(is_wanted, limit):
            yield from _pairs(self._table_of(jobs))

    def of(self, jobs: list[Job]) -> Iterator[tuple[Job, Outcome | None]]:
        """Yield these jobs with their outcomes; not those whose answer was forgotten meanwhile."""
        return _pairs(self._table_of(JobColumns.of(jobs, self._work_queue.source.records_at)))

    def _windows(self, is_wanted: Callable[[int], bool], limit: int | None = None) -> Iterator[JobColumns]:
        """Yield jobs as columns, so many at a time as answers are read at once."""
        left = len(self._outcomes) if limit is None else limit
        if self._work_queue.stored.is_forgotten:
            return
        for window in self._work_queue.source.columns(len(self._outcomes)):
            wanted = [place for place, number in enumerate(window.numbers) if is_wanted(self._outcomes.kind(number))][
                :left
            ]
            left -= len(wanted)
            for begin in range(0, len(wanted), WINDOW):
                yield window.at(wanted[begin : begin + WINDOW])
            if not left:
                return

    def _table_of(self, jobs: JobColumns) -> EntryTable:
        """Return jobs with their outcomes; not those whose answer was forgotten meanwhile."""
        outcomes, fields = self._outcomes, self._work_queue.fields_of(jobs.numbers)
        for place, number in enumerate(jobs.numbers):
            if outcomes.kind(number) == PENDING:
                fields[number] = PENDING_RUN
            elif jobs.invalid[place]:
                fields[number] = RunFields.of(run_of_invalid(jobs.job(place)))
        jobs = jobs.at([place for place, number in enumerate(jobs.numbers) if number in fields])
        runs = [fields[number] for number in jobs.numbers]
        lines, reused = list(map(outcomes.line, jobs.numbers)), list(map(outcomes.reused, jobs.numbers))
        # Not the runs: of each the garbage collector would have an object to look at, of a text it has none.
        sources = [None if run is PENDING_RUN else run.source for run in runs]

        def outcome(place: int) -> Outcome | None:
            source = sources[place]
            if source is None:
                return None
            with self._work_queue.stored.store.decoding():
                return Outcome(run=run_of_source(source), reused=reused[place], line=lines[place])

        return EntryTable.of_runs(jobs, runs, lines=lines, reused=reused, outcome=outcome)

    # --- as tables

    def refresh(self) -> None:
        """Have the jobs be pending again whose answers were removed since."""
        if not self._work_queue.stored.is_forgotten:
            self._work_queue.reopen_forgotten()

    def answered(self) -> pd.DataFrame:
        """Return one line for every job that has an outcome; a person is told once what has no column."""
        frame = self._frame(_has_outcome)
        if (note := frame.attrs[ATTRS].get("note", "")) and not self._has_told:
            self._has_told = True
            hooks.frontend().notice(f"{self._current_name}: {note}.")
        return frame

    def failed(self) -> pd.DataFrame:
        """Return the lines of jobs that failed."""
        return self._frame(lambda kind: kind == FAILED)

    def pending(self) -> pd.DataFrame:
        """Return one line for every job without an outcome."""
        return self._frame(lambda kind: kind == PENDING)

    def overview(self, lines: int) -> tuple[list[ErrorGroup], pd.DataFrame]:
        """Return the errors, and the first lines of jobs that have an outcome, failed ones first."""
        failed: list[tuple[Job, Outcome | None]] = []
        unknown: list[tuple[Job, Outcome | None]] = []

        def runs() -> Iterator[tuple[Any, str, Run]]:
            for job, outcome in self.pairs(lambda kind: kind in (FAILED, UNKNOWN)):
                if outcome is not None:
                    run = job.shown(outcome.run)
                    shown = failed if run.status == "failed" else unknown
                    if len(shown) < lines:
                        shown.append((job, outcome))
                    yield job.row, job.key, run

        counts = self._outcomes.counts()
        groups = error_groups(runs()) if counts.failed or counts.unknown else []
        first = [*failed, *unknown][:lines]
        first += self.pairs(lambda kind: kind == DONE, limit=lines - len(first))
        first = [(job, outcome and replace(outcome, run=job.shown(outcome.run))) for job, outcome in first]
        table = tidy_frame(first, self._work_queue.source, batch=self._current_name, about=self._about)
        table.attrs[RUNS] = [outcome.run.identity if outcome else "" for _, outcome in first]
        return groups, table

    def parts(self, lines: int) -> Iterator[pd.DataFrame]:
        """Yield the lines of jobs that have an outcome, at most so many at once; without any, one table of no line."""
        pairs, keys = self.pairs(_has_outcome), OutputKeys()
        part = list(islice(pairs, lines))
        while True:
            yield tidy_frame(part, self._work_queue.source, batch=self._current_name, about=self._about, keys=keys)
            if not (part := list(islice(pairs, lines))):
                return

    def entries(self) -> Iterator[Entry]:
        """Yield every job with its outcome and its row, in the plan's order; a missing cell of the row is ``None``."""
        pairs = self.pairs()
        while part := list(islice(pairs, WINDOW)):
            records = self._work_queue.source.records_at([job.position for job, _ in part])
            yield from ((job, outcome, record) for (job, outcome), record in zip(part, records, strict=True))

    def entry_table(self) -> EntryTable:
        """Return the jobs of :meth:`entries` as columns."""
        with garbage_collection.paused():
            return EntryTable.joined(map(self._table_of, self._windows(lambda kind: True)))

    def answer_ids(self) -> Iterator[int]:
        """Return the numbers of the answers in the store."""
        return (line for jobs in self._windows(_has_outcome) for line in self._table_of(jobs).lines if line)

    @property
    def _current_name(self) -> str:
        return self._work_queue.stored.current_name or self._name

    def _frame(self, is_wanted: Callable[[int], bool], limit: int | None = None) -> pd.DataFrame:
        pairs = self.pairs(is_wanted, limit=limit)
        return tidy_frame(pairs, self._work_queue.source, batch=self._current_name, about=self._about)


def _pairs(table: EntryTable) -> Iterator[tuple[Job, Outcome | None]]:
    return ((table.job(place), table.outcome(place)) for place in range(len(table)))


def _has_outcome(kind: int) -> bool:
    return kind != PENDING
