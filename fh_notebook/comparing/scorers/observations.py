"""`Observation`: a run with the columns of its row, from a batch or a DataFrame.

A row has the column names of the tidy frame, wherever it comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import pandas as pd

from fh_notebook.batching.batch import Batch
from fh_notebook.batching.model import Job, Outcome
from fh_notebook.batching.planning.plan import counted
from fh_notebook.batching.tables.expected_overlay import NONE_STANDING, InputsKey, Overlay, Standing, value_text
from fh_notebook.batching.tables.frames import COLUMNS, OutputKeys, source_name
from fh_notebook.batching.tables.rows import EXPECTED, distinct_labels
from fh_notebook.batching.tables.values import is_missing, plain
from fh_notebook.contract.run import Run
from fh_notebook.core.text.formatting import listed, nearest, short, type_text
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError
from fh_notebook.store.tables.corrections import hash_of_inputs

__all__ = [
    "JobCells",
    "Observation",
    "cell_of",
    "corrected_observations",
    "hidden_in",
    "is_source",
    "names_of",
    "read_observations",
    "unknown_column",
]

OWN: Final = frozenset(column.name for column in COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One run of one variant on one row, and the row's columns."""

    pair: Any
    """The label of the row."""
    variant: str
    run: Run | None
    """``None`` while it is pending."""
    row: Mapping[str, Any] = field(repr=False)
    """The cells by the column names of the tidy frame, from a batch or a frame."""
    line: int = 0
    """The number of the answer in the store; 0 for a line of a table, whose scores are stored by its content."""
    store: Any = field(default=None, repr=False, compare=False)
    """The store of the line; ``None`` for the session's store."""
    hidden: tuple[Any, ...] = field(default=(), repr=False, compare=False)
    """The values of its password Start variables."""
    sent: tuple[str, ...] = field(default=(), repr=False, compare=False)
    """The columns of the row that are Start variables; none is known of a table."""
    job: Job | None = field(default=None, repr=False, compare=False)
    """What was called; ``None`` for a line of a table."""
    workspace: str = field(default="", repr=False, compare=False)
    """The workspace of its batch; empty for a line of a table."""
    corrections: Standing = field(default=NONE_STANDING, repr=False, compare=False)
    """The corrections of its inputs' expected output; the one that applies is in the row already."""

    @property
    def completed(self) -> bool:
        """Whether there is an answer to score."""
        return self.run is not None and self.run.ok

    @property
    def answer(self) -> Run:
        """The run of a completed observation.

        Raises
        ------
        ValueError
            There is no run.
        """
        if self.run is None:
            raise ValueError(f"{self.variant} has no answer yet")
        return self.run

    @property
    def inputs_key(self) -> InputsKey | None:
        """What its corrections belong to; ``None`` for a line of a table, or inputs that have no JSON form."""
        if self.job is None:
            return None
        inputs = hash_of_inputs(self.job.shown_inputs)
        return InputsKey(self.workspace, self.job.deployment, inputs) if inputs else None

    @property
    def table_expected(self) -> Any:
        """The expected output as its table says it, whatever was corrected."""
        correction = self.corrections.applied
        return self.row.get(EXPECTED) if correction is None else correction.replaced

    def with_corrections(self, standing: Standing) -> Observation:
        """Return the observation with these corrections of its expected output; itself where they are the same."""
        if standing == self.corrections:
            return self
        value = self.table_expected if standing.applied is None else standing.applied.expected
        row = self.row.with_cell(EXPECTED, value) if isinstance(self.row, JobCells) else {**self.row, EXPECTED: value}
        return replace(self, row=row, corrections=standing)

    def source(self) -> dict[str, Any]:
        """Return the columns of the user's row, without those of the run."""
        return {n: v for n, v in self.row.items() if is_source(n)}


def is_source(name: str) -> bool:
    """Whether a column of the tidy frame is one of the user's row, not of the run."""
    return name not in OWN and not name.startswith("out.")


def read_observations(source: Any, *, pair_on: str) -> list[Observation]:
    """Return the runs of a batch, or of the lines of a frame.

    Raises
    ------
    InputError
        The source is something else, or a required column is missing.
    """
    observations = _observe(source, pair_on)
    if unpaired := sum(not isinstance(o.pair, str | int | float) for o in observations):
        raise InputError(f"{_lines_have(unpaired)} no {short(pair_on)} to be paired by; give a text or a number")
    distinct_pairs = distinct_labels(o.pair for o in observations)
    return [
        o if o.pair is pair else replace(o, pair=pair) for o, pair in zip(observations, distinct_pairs, strict=True)
    ]


def _observe(source: Any, pair_on: str) -> list[Observation]:
    if isinstance(source, Batch):
        return corrected_observations(_observe_batch(source, pair_on))
    if isinstance(source, pd.DataFrame):
        return _observe_frame(source, pair_on)
    raise InputError(
        f"compare takes a batch, or a DataFrame with {pair_on!r}, 'variant' and a score, not {type_text(source)}"
    )


def _lines_have(n: int) -> str:
    return f"{counted(n, 'line')} {'has' if n == 1 else 'have'}"


def _observe_batch(batch: Batch, pair_on: str) -> list[Observation]:
    entries = list(batch.entries())
    parts = OutputKeys().of(outcome.run.output if outcome else None for _, outcome, _ in entries)
    columns: Readers = {}
    known: Collection[str] | None = None
    sent: tuple[str, ...] = ()
    workspace = batch.workspace
    observations = []
    for job, outcome, source in entries:
        if known is None or source.keys() != known:  # once: all rows of a batch have the same columns
            known, columns = source.keys(), _readers(source, parts)
            sent = sent or tuple(source_name(name) for name in source if name in job.inputs)
            if pair_on not in columns:
                raise InputError(unknown_column(pair_on, list(columns), "pair_on"))
        row = JobCells(columns, job, outcome, source)
        run, line = (outcome.run, outcome.line) if outcome else (None, 0)
        observations.append(
            Observation(
                pair=row[pair_on],
                variant=job.label,
                run=run,
                row=row,
                line=line,
                store=batch.file_store,
                hidden=hidden_in(job),
                sent=sent,
                job=job,
                workspace=workspace,
            )
        )
    return observations


def corrected_observations(observations: Sequence[Observation]) -> list[Observation]:
    """Return the runs of batches with the corrections of their expected outputs that are kept now.

    This is the one place where corrections come in: whatever reads an expected output reads these rows.
    """
    overlays: dict[tuple[str, int], Overlay] = {}
    standing_of: dict[tuple[str, int, int, str], Standing] = {}
    corrected = []
    for observation in observations:
        job, of_source = observation.job, (observation.workspace, id(observation.store))
        if of_source not in overlays:
            overlays[of_source] = Overlay.read(observation.workspace, observation.store)
        is_affected = not overlays[of_source].is_empty or observation.corrections is not NONE_STANDING
        if is_affected and job is not None and EXPECTED in observation.row:
            table_value = value_text(observation.table_expected)
            key = (*of_source, id(job.inputs), table_value)  # runs of a row share its inputs: they are hashed once
            if key not in standing_of:
                inputs_key = observation.inputs_key
                standing_of[key] = (
                    NONE_STANDING if inputs_key is None else overlays[of_source].standing(inputs_key, table_value)
                )
            observation = observation.with_corrections(standing_of[key])
        corrected.append(observation)
    return corrected


class JobCells(Mapping[str, Any]):
    """The row of a job by the column names of the tidy frame. A cell is made when it is read: few are, of many.

    Parameters
    ----------
    columns : mapping
        How each cell is read; all rows of a batch share one.
    job : Job
        What is called.
    outcome : Outcome or None
        What came of it.
    source : mapping
        The columns of the user's row.
    """

    __slots__ = ("columns", "job", "outcome", "source")

    def __init__(self, columns: Readers, job: Job, outcome: Outcome | None, source: Mapping[str, Any]) -> None:
        self.columns, self.job, self.outcome, self.source = columns, job, outcome, source

    def __getitem__(self, name: str) -> Any:
        return self.columns[name](self)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __repr__(self) -> str:
        return repr(dict(self))

    def with_cell(self, name: str, value: Any) -> JobCells:
        """Return the row with another value in one of the user's columns."""
        return JobCells(self.columns, self.job, self.outcome, {**self.source, name: value})


Readers = dict[str, Callable[[JobCells], Any]]


def _readers(source: Mapping[str, Any], parts: Iterable[str]) -> Readers:
    """Return how each cell of a batch's row is read: of the run, of the source, and the parts of an output."""
    readers: Readers = {column.name: _reader_of_run(column.value) for column in COLUMNS}
    readers |= {source_name(name): _reader_of_source(name) for name in source}
    return readers | {f"out.{name}": _reader_of_output(name) for name in parts}


def _reader_of_run(value: Callable[[Job, Outcome | None], Any]) -> Callable[[JobCells], Any]:
    return lambda cells: cell_of(value(cells.job, cells.outcome))


def _reader_of_source(name: str) -> Callable[[JobCells], Any]:
    return lambda cells: cells.source[name]


def _reader_of_output(name: str) -> Callable[[JobCells], Any]:
    def read(cells: JobCells) -> Any:
        output = cells.outcome.run.output if cells.outcome else None
        return output.get(name) if isinstance(output, Mapping) else None

    return read


def names_of(observations: Iterable[Observation]) -> tuple[str, ...]:
    """Return the names of all columns of the rows, in the order in which they appear."""
    names: dict[str, None] = {}
    last: Any = None
    for observation in observations:
        row = observation.row
        columns = row.columns if isinstance(row, JobCells) else row
        if columns is not last:
            names.update(dict.fromkeys(columns))
            last = columns
    return tuple(names)


def hidden_in(job: Job) -> tuple[Any, ...]:
    """Return the values of the password Start variables of a job."""
    if not (job.secrets.all or job.secrets.names):
        return ()
    return tuple(value for name, value in job.inputs.items() if job.secrets.cover([name]) and value is not None)


def _observe_frame(frame: pd.DataFrame, pair_on: str) -> list[Observation]:
    columns = [str(c) for c in frame.columns]
    if doubled := sorted({c for c in columns if columns.count(c) > 1}):
        raise InputError(f"the column {listed(doubled, 'and')} is there more than once; rename one of them")
    for needed in (pair_on, "variant"):
        if needed not in columns:
            raise InputError(unknown_column(needed, columns, "compare needs it"))
    observations = []
    for values in frame.itertuples(index=False, name=None):
        row = dict(zip(columns, map(cell_of, values), strict=True))
        observations.append(Observation(pair=row[pair_on], variant=str(row["variant"]), run=_run_of(row), row=row))
    if nameless := sum(o.row["variant"] is None for o in observations):
        raise InputError(f"{_lines_have(nameless)} no variant; name it, or leave them out")
    return observations


def cell_of(value: Any) -> Any:
    """Return a cell as a scorer gets it: a plain value, ``None`` for a missing one."""
    kind = type(value)
    if value is None or kind is str or kind is int or kind is bool:  # most cells, of which there may be millions
        return value
    if kind is float:
        return value if value == value else None
    if kind is datetime:
        return value.isoformat()
    return None if is_missing(value) else plain(value)


def unknown_column(name: str, columns: Iterable[str], why: str) -> Problem:
    """Return the problem of a missing column, with the nearest name."""
    there: Sequence[str] = list(columns)
    close = nearest(name, there)
    hint = f"did you mean {close!r}?" if close else f"the columns are {listed(there, 'and') or 'none'}"
    return Problem(None, "column", f"there is no column {short(name)}", f"({why})", hint)


def _run_of(row: Mapping[str, Any]) -> Run:
    """Return the run of a line; a line without a status is completed."""
    seconds = row.get("elapsed_s")
    return Run(
        status=str(row.get("status") or "completed"),
        output=row.get("output"),
        error=row.get("error") if isinstance(row.get("error"), str) else None,
        error_code=row.get("error_code") if isinstance(row.get("error_code"), str) else None,
        elapsed_s=float(seconds) if isinstance(seconds, int | float) else 0.0,
        variant=str(row["variant"]),
    )
