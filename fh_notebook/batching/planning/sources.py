"""Sources of jobs: a table in memory, a stream, or the store.

Rule of this file: a window is what is looked up and checked at once. A table is one window, so that all its problems
are told together; a stream (an iterator, a large Arrow table or file) is read 1,000 rows at a time, and never held
whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

import pandas as pd

from fh_notebook.batching.model import Job, JobColumns
from fh_notebook.batching.planning.mapping import without_secrets
from fh_notebook.batching.planning.planner import Planner
from fh_notebook.batching.planning.stored_jobs import StoredJobs
from fh_notebook.batching.tables.row_sources import RowStream
from fh_notebook.batching.tables.rows import Rows, factors_of
from fh_notebook.errors import InputError

WINDOW: Final = 1_000
"""Rows of a stream that are checked before the first of them is called."""


@dataclass(frozen=True, slots=True)
class JobWindow:
    """Jobs that nobody has looked up yet, and their rows as they may be shown."""

    jobs: list[Job]
    rows: Rows
    start: int
    """The place of the first of `rows` in the batch."""
    whole: Sequence[Job] = field(default=(), repr=False)
    """The jobs of all of `rows`, also of those that a pilot leaves out."""


class JobSource(Protocol):
    """Jobs, and the rows that they came from."""

    @property
    def rows(self) -> int | None:
        """How many rows there are; ``None`` where nobody knows before they have been read."""
        ...

    def fresh(self) -> Iterator[JobWindow]:
        """Yield the jobs that were not planned yet, window by window. Each comes once."""
        ...

    def planned(self, most: int) -> Iterator[list[Job]]:
        """Yield the first `most` jobs that were planned, in their order, as often as it is asked for."""
        ...

    def columns(self, most: int) -> Iterator[JobColumns]:
        """Yield the jobs of :meth:`planned` as columns, with their rows."""
        ...

    def checked(self, jobs: Sequence[Job]) -> list[Job]:
        """Return `jobs` with what is wrong with them."""
        ...

    def hold(self, jobs: list[Job]) -> None:
        """Hold the jobs of a window as they were checked, unless they are read back from the store."""
        ...

    def keep_in(self, stored: StoredJobs) -> None:
        """Name the place where the jobs are read back from, for who does not hold them."""
        ...

    def take(self, positions: Sequence[int]) -> pd.DataFrame:
        """Return the source columns of rows, under the source's own index, or one from 0."""
        ...

    def records_at(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Return rows as JSON values, by column."""
        ...


class TableSource:
    """Rows that are held: a frame, a list, a file.

    Parameters
    ----------
    planner : Planner
        Checks the jobs.
    by_row : list of list of Job
        The jobs that are planned.
    rows : Rows
        All rows, as they may be shown.
    whole : list of list of Job, optional
        The jobs of all rows, where only some are planned.
    is_checked : bool
        Whether all inputs were found to fit before.
    """

    def __init__(
        self,
        planner: Planner,
        by_row: list[list[Job]],
        rows: Rows,
        whole: list[list[Job]] | None = None,
        *,
        is_checked: bool = False,
    ) -> None:
        self._is_checked = is_checked
        self._planner = planner
        self._whole = [job for row in (by_row if whole is None else whole) for job in row]
        # Of a pilot the places in the plan are not those among all rows.
        every = enumerate(job for row in by_row for job in row)
        self._jobs = [job if job.number == number else replace(job, number=number) for number, job in every]
        self._rows = rows
        self.rows = len(by_row)
        self.factors = factors_of(rows.factors, self.rows)
        """Of a table that is a product, and planned as a whole."""
        self.jobs = len(self._jobs)

    def fresh(self) -> Iterator[JobWindow]:
        """Yield all jobs, as one window."""
        yield JobWindow(self._jobs, self._rows, 0, self._whole)

    def planned(self, most: int) -> Iterator[list[Job]]:
        """Yield all jobs."""
        yield self._jobs[:most]

    def columns(self, most: int) -> Iterator[JobColumns]:
        """Yield all jobs as columns, with their rows."""
        yield JobColumns.of(self._jobs[:most], self.records_at)

    def hold(self, jobs: list[Job]) -> None:
        """Hold the jobs as they were checked."""
        self._jobs = jobs

    def keep_in(self, stored: StoredJobs) -> None:
        """Do nothing: they are held."""

    def checked(self, jobs: Sequence[Job]) -> list[Job]:
        """Return `jobs` with what is wrong with them."""
        return list(jobs) if self._is_checked else self._planner.checked(jobs)

    def let_go(self) -> None:
        """Hold no row any more: a scheduler and its queue know each other, and the collector comes late."""
        self._jobs = self._whole = []
        self._rows = replace(self._rows, labels=(), records=(), make_frame=pd.DataFrame)

    def take(self, positions: Sequence[int]) -> pd.DataFrame:
        """Return the source columns of rows, with their own dtypes."""
        return self._rows.take(positions)

    def records_at(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Return rows as JSON values, a missing cell as ``None``."""
        return self._rows.records_at(positions)


class StreamSource:
    """Rows that come window by window.

    Parameters
    ----------
    stream : RowStream
        Read on the batch's own thread, a window ahead of need.
    planner : Planner
        Makes the jobs.
    first : int, optional
        A pilot: only so many rows are planned.
    """

    rows = None

    def __init__(self, stream: RowStream, planner: Planner, *, first: int | None = None) -> None:
        self._stream = stream
        self._windows = stream.windows(WINDOW, first=first)
        self._first = first
        self._planner = planner
        self._position = self._number = 0
        self._ahead: JobWindow | None = None
        self._every: list[Job] = []
        """The jobs of the window that was read last, also of rows that a pilot leaves out."""
        self._stored_jobs: StoredJobs | None = None

    def peek(self) -> Sequence[Job]:
        """Return the jobs of the first window, which is read for it: a batch is named by them.

        Of a table the window is whole, also where only some of its rows are planned: the name is that of the batch
        which goes on from a pilot.
        """
        self._ahead = next(self.fresh(), None)
        return self._every

    def keep_in(self, stored: StoredJobs) -> None:
        """Name the place where the jobs are read back from."""
        self._stored_jobs = stored

    def fresh(self) -> Iterator[JobWindow]:
        """Yield the next windows; what was read and not taken comes first."""
        while True:
            window, self._ahead = self._ahead or self._next(), None
            if window is None:
                return
            yield window

    def _next(self) -> JobWindow | None:
        window = next(self._windows, None)
        if window is None:
            return None
        start = self._position
        rows = self._read(window, start)
        rows = replace(rows, labels=tuple(range(start, start + len(rows))), index=None, note="")
        hidden = self._planner.fit(rows)
        by_row = list(self._planner.jobs(rows, start=start, number=self._number))
        left = len(rows) if self._first is None else self._first - start
        jobs = [job for row in by_row[:left] for job in row]
        self._position += len(rows)
        self._number += len(jobs)
        self._every = [job for row in by_row for job in row]
        return JobWindow(jobs, without_secrets(rows.head(left), hidden), start, jobs)

    def _read(self, window: Any, start: int) -> Rows:
        """Read a window; a problem says at which row of the whole the window begins, from which it counts."""
        try:
            return self._stream.read(window)
        except InputError as exc:
            if not start:
                raise
            problems = list(exc.problems)
        raise InputError([f"in the rows from {start:,}: {problem}" for problem in problems])

    def planned(self, most: int) -> Iterator[list[Job]]:
        """Yield the jobs that were read, out of the store."""
        return self._stored_jobs.windows(most=most) if self._stored_jobs is not None else iter(())

    def columns(self, most: int) -> Iterator[JobColumns]:
        """Yield the jobs that were read as columns, with their rows."""
        return self._stored_jobs.columns(most=most) if self._stored_jobs is not None else iter(())

    def checked(self, jobs: Sequence[Job]) -> list[Job]:
        """Return `jobs` with what is wrong with them."""
        return self._planner.checked(jobs)

    def hold(self, jobs: list[Job]) -> None:
        """Hold nothing: the store does."""

    def take(self, positions: Sequence[int]) -> pd.DataFrame:
        """Return the source columns of rows, out of the store."""
        stored = self._stored_jobs
        return stored.take(positions) if stored is not None else pd.DataFrame(index=range(len(positions)))

    def records_at(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Return rows as JSON values, out of the store."""
        return self._stored_jobs.records_at(positions) if self._stored_jobs is not None else [{} for _ in positions]


class StoredSource:
    """A batch that is opened again: nothing is known of it but what is saved."""

    def __init__(self, stored: StoredJobs, rows: int | None) -> None:
        self._stored_jobs = stored
        self.rows = rows

    def fresh(self) -> Iterator[JobWindow]:
        """Yield nothing: all was planned before."""
        return iter(())

    def planned(self, most: int) -> Iterator[list[Job]]:
        """Yield the saved jobs."""
        return self._stored_jobs.windows(most=most)

    def columns(self, most: int) -> Iterator[JobColumns]:
        """Yield the saved jobs as columns, with their rows."""
        return self._stored_jobs.columns(most=most)

    def checked(self, jobs: Sequence[Job]) -> list[Job]:
        """Return `jobs` as they are: they were checked when they were planned."""
        return list(jobs)

    def hold(self, jobs: list[Job]) -> None:
        """Hold nothing: the store does."""

    def keep_in(self, stored: StoredJobs) -> None:
        """Do nothing: they were saved before."""

    def take(self, positions: Sequence[int]) -> pd.DataFrame:
        """Return the source columns of rows."""
        return self._stored_jobs.take(positions)

    def records_at(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Return rows as JSON values."""
        return self._stored_jobs.records_at(positions)
