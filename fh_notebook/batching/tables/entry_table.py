"""`EntryTable`: the jobs of a batch with their outcomes and rows, as columns.

Rule of this file: columns are read, objects are made when they are asked for. Of a hundred thousand jobs a comparison
reads ten columns, and somebody looks at a few of the runs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate, chain
from typing import Any, Final

from fh_notebook.batching.model import Job, JobColumns, Outcome
from fh_notebook.batching.tables.frames import COLUMNS, PENDING
from fh_notebook.store.tables.answers import RUN_FIELDS, RunFields

Entry = tuple[Job, Outcome | None, dict[str, Any]]
"""A job, its outcome (``None`` while it is pending), and its row."""

PENDING_RUN: Final = RunFields(PENDING, None, None, None, None, 0, 0.0, None, None, "")
"""What a table shows of a run that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryTable:
    """Jobs with their outcomes and rows."""

    columns: Mapping[str, Sequence[Any]] = field(repr=False)
    """The values of `COLUMNS`, by name."""
    lines: Sequence[int] = field(repr=False)
    """The number of each answer in the store; 0 without one."""
    secret: Sequence[bool] = field(repr=False)
    """Whether inputs of a job are never shown; those out of the store are masked already."""
    job: Callable[[int], Job] = field(repr=False)
    """Makes a job, by its place here."""
    outcome: Callable[[int], Outcome | None] = field(repr=False)
    """Makes what came of a job, by its place here; ``None`` while it is pending."""
    records: Callable[[], Sequence[Mapping[str, Any]]] = field(repr=False)
    """Reads the rows as JSON values, by column; jobs of one row may share one."""

    def __len__(self) -> int:
        return len(self.lines)

    @classmethod
    def of_runs(
        cls,
        jobs: JobColumns,
        runs: Sequence[RunFields],
        *,
        lines: Sequence[int],
        reused: Sequence[bool],
        outcome: Callable[[int], Outcome | None],
    ) -> EntryTable:
        """Return jobs with the runs that came of them, `PENDING_RUN` where none did."""
        of_runs = dict(zip(RUN_FIELDS, zip(*runs, strict=True), strict=True)) if runs else {}
        columns = {name: of_runs.get(name, ()) for name in _OF_RUNS} | {
            "row": jobs.labels(),
            "variant": jobs.variants,
            "repeat": jobs.repeats,
            "elapsed_s": [seconds or None for seconds in of_runs.get("elapsed_s", ())],
            "reused": reused,
            "key": [key or None for key in jobs.keys],
        }
        return cls(
            columns=columns,
            lines=lines,
            secret=jobs.secret,
            job=jobs.job,
            outcome=outcome,
            records=lambda: jobs.records(range(len(jobs))),
        )

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> EntryTable:
        """Return entries that are held as columns."""
        listed = list(entries)
        return cls(
            columns={c.name: [c.value(job, outcome) for job, outcome, _ in listed] for c in COLUMNS},
            lines=[outcome.line if outcome else 0 for _, outcome, _ in listed],
            secret=[bool(job.secrets.all or job.secrets.names) for job, _, _ in listed],
            job=lambda place: listed[place][0],
            outcome=lambda place: listed[place][1],
            records=lambda: [record for _, _, record in listed],
        )

    @classmethod
    def joined(cls, tables: Iterable[EntryTable]) -> EntryTable:
        """Return the entries of several tables as one."""
        parts = list(tables)
        starts = list(accumulate(map(len, parts), initial=0))

        def part_of(place: int) -> tuple[EntryTable, int]:
            part = bisect_right(starts, place) - 1
            return parts[part], place - starts[part]

        def job(place: int) -> Job:
            part, of_part = part_of(place)
            return part.job(of_part)

        def outcome(place: int) -> Outcome | None:
            part, of_part = part_of(place)
            return part.outcome(of_part)

        def joined(values: Callable[[EntryTable], Sequence[Any]]) -> list[Any]:
            return list(chain.from_iterable(map(values, parts)))

        return cls(
            columns={name: joined(partial(_column, name)) for name in _NAMES},
            lines=joined(lambda part: part.lines),
            secret=joined(lambda part: part.secret),
            job=job,
            outcome=outcome,
            records=lambda: joined(lambda part: part.records()),
        )


def _column(name: str, table: EntryTable) -> Sequence[Any]:
    return table.columns[name]


_NAMES: Final = [column.name for column in COLUMNS]
_OF_RUNS: Final = [name for name in _NAMES if name in RUN_FIELDS]
