"""`Observation`: a run with the columns of its row, from a batch or a DataFrame; `Observations`: many, as columns.

A row has the column names of the tidy frame, wherever it comes from. What can be computed of columns is: an object for
each of 100,000 runs takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from typing import Any, Final, overload

import pandas as pd

from fh_notebook.batching.batch import Batch, entry_table
from fh_notebook.batching.model import Job, Outcome
from fh_notebook.batching.planning import garbage_collection
from fh_notebook.batching.tables.expected_overlay import NONE_STANDING, InputsKey, Overlay, Standing, canonical_expected
from fh_notebook.batching.tables.frames import COLUMNS, PENDING, FrameColumn, OutputKeys, source_name
from fh_notebook.batching.tables.rows import EXPECTED, distinct_labels, repeated_columns
from fh_notebook.batching.tables.values import plain
from fh_notebook.contract.run import Run
from fh_notebook.core.json_values import is_missing
from fh_notebook.core.text.formatting import listed, nearest, short, type_text
from fh_notebook.core.text.messages import counted
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError
from fh_notebook.store.tables.corrections import hash_of_inputs

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
    batch: Batch | None = field(default=None, repr=False, compare=False)
    """Its batch, where there are several: its rows have the positions that those of another one have, too."""
    corrections: Standing = field(default=NONE_STANDING, repr=False, compare=False)
    """The corrections of its inputs' expected output; the one that applies is in the row already."""

    @property
    def completed(self) -> bool:
        """Whether there is an answer to score, see :func:`has_answer`."""
        return self.run is not None and has_answer(self.run.status, self.run.output, self.run.error)

    @property
    def answer(self) -> Run:
        """The run of a completed observation."""
        if self.run is None:
            raise ValueError(f"{self.variant} has no answer yet")
        return self.run

    @property
    def inputs_key(self) -> InputsKey | None:
        """What its corrections belong to; ``None`` for a line of a table, or inputs that have no JSON form."""
        return None if self.job is None else _inputs_key(self.job, self.workspace)

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


def has_answer(status: str, output: Any, error: Any) -> bool:
    """Whether a run has an answer to score: not where it completed, and its output is at the service alone.

    Examples
    --------
    >>> has_answer("completed", None, None), has_answer("completed", None, "its output did not come")
    (True, False)
    """
    return status == "completed" and (output is not None or is_missing(error) or not error)


def is_source(name: str) -> bool:
    """Whether a column of the tidy frame is one of the user's row, not of the run."""
    return name not in OWN and not name.startswith("out.")


MISSING: Final = object()
"""A cell of a column that a row has not."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observations(Sequence[Observation]):
    """Many runs as columns, in their order; an `Observation` is made when it is asked for, once."""

    pairs: Sequence[Any]
    """The labels of the rows."""
    variants: Sequence[str]
    statuses: Sequence[str]
    """``pending`` where there is no run yet."""
    outputs: Sequence[Any] = field(repr=False)
    elapsed_s: Sequence[float] = field(repr=False)
    """0 where it was not measured."""
    errors: Sequence[str | None] = field(repr=False)
    started_at: Sequence[Any] = field(repr=False)
    request_ids: Sequence[Any] = field(repr=False)
    lines: Sequence[int] = field(repr=False)
    """As `Observation.line`."""
    stores: Sequence[Any] = field(repr=False)
    """As `Observation.store`."""
    workspaces: Sequence[str] = field(repr=False)
    """As `Observation.workspace`."""
    batches: Sequence[Batch | None] = field(repr=False)
    """As `Observation.batch`."""
    hiding: Sequence[int] = field(repr=False)
    """Which of them may have password Start variables."""
    names: tuple[str, ...] = field(repr=False)
    """The names of all columns of the rows, in the order in which they appear."""
    cells: Callable[[str, Any], list[Any]] = field(repr=False)
    """Returns the cells of a column by its name, and the given value for rows that do not have it."""
    job: Callable[[int], Job | None] = field(repr=False)
    """Returns what was called, by its place; ``None`` for a line of a table."""
    make: Callable[[int], Observation] = field(repr=False)
    """Makes one of them, under the labels that it was read with."""
    corrections: Mapping[int, Standing] = field(default_factory=dict, repr=False)
    """By their places: the corrections of expected outputs, as `Observation.corrections`; the cells have them."""
    changed: Mapping[int, Observation] = field(default_factory=dict, repr=False)
    """By their places: those whose expected outputs are other ones than when they were read."""
    base: Observations | None = field(default=None, repr=False)
    """What was read, where some of it is changed."""
    made: dict[int, Observation] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, observations: Sequence[Observation]) -> Observations:
        """Return observations that are held as columns."""
        if isinstance(observations, Observations):
            return observations
        held = observations
        runs = [o.run for o in held]
        return cls(
            pairs=[o.pair for o in held],
            variants=[o.variant for o in held],
            statuses=[run.status if run else PENDING for run in runs],
            outputs=[run.output if run else None for run in runs],
            elapsed_s=[run.elapsed_s if run else 0.0 for run in runs],
            errors=[run.error if run else None for run in runs],
            started_at=[(o.run and o.run.started_at) or o.row.get("started_at") for o in held],
            request_ids=[(o.run and o.run.request_id) or o.row.get("request_id") for o in held],
            lines=[o.line for o in held],
            stores=[o.store for o in held],
            workspaces=[o.workspace for o in held],
            batches=[o.batch for o in held],
            hiding=[place for place, o in enumerate(held) if o.hidden],
            names=tuple(dict.fromkeys(chain.from_iterable(o.row for o in held))),
            cells=lambda name, default: [o.row.get(name, default) for o in held],
            job=lambda place: held[place].job,
            make=held.__getitem__,
            corrections={place: o.corrections for place, o in enumerate(held) if o.corrections is not NONE_STANDING},
        )

    def __len__(self) -> int:
        return len(self.pairs)

    @overload
    def __getitem__(self, place: int) -> Observation: ...
    @overload
    def __getitem__(self, place: slice) -> list[Observation]: ...
    def __getitem__(self, place: int | slice) -> Observation | list[Observation]:
        if isinstance(place, slice):
            return [self[index] for index in range(*place.indices(len(self)))]
        place = range(len(self))[place]
        if place not in self.made:
            made, pair = self.make(place), self.pairs[place]
            self.made[place] = made if made.pair is pair else replace(made, pair=pair)
        return self.made[place]

    def __iter__(self) -> Iterator[Observation]:
        return (self[place] for place in range(len(self)))

    def with_expected(self, changed: Mapping[int, Observation]) -> Observations:
        """Return the runs with other observations at some places, of which only the expected outputs differ."""
        # Upon what was read, however often it was corrected since.
        base, all_changed = self.base or self, {**self.changed, **changed}

        def cells(name: str, default: Any) -> list[Any]:
            values = base.cells(name, default)
            for place, observation in all_changed.items() if name == EXPECTED else ():
                values[place] = observation.row[EXPECTED]
            return values

        corrections = {**self.corrections} | {place: o.corrections for place, o in changed.items()}
        return replace(
            self,
            cells=cells,
            make=lambda place: all_changed[place] if place in all_changed else base[place],
            corrections={place: standing for place, standing in corrections.items() if standing is not NONE_STANDING},
            changed=all_changed,
            base=base,
        )

    def is_completed(self, place: int) -> bool:
        """Whether a run has an answer to score, see :func:`has_answer`."""
        return has_answer(self.statuses[place], self.outputs[place], self.errors[place])


def read_observations(source: Any, *, pair_on: str) -> Observations:
    """Return the runs of a batch, or of the lines of a frame."""
    with garbage_collection.paused():
        observations = _observe(source, pair_on)
    if unpaired := sum(not isinstance(pair, str | int | float) for pair in observations.pairs):
        raise InputError(f"{_lines_have(unpaired)} no {short(pair_on)} to be paired by; give a string or a number")
    return replace(observations, pairs=distinct_labels(observations.pairs))


def _observe(source: Any, pair_on: str) -> Observations:
    if isinstance(source, Batch):
        return corrected_observations(_observe_batch(source, pair_on))
    if isinstance(source, pd.DataFrame):
        return Observations.of(_observe_frame(source, pair_on))
    raise InputError(
        f"compare takes a batch, or a DataFrame with {pair_on!r}, 'variant' and a score, not {type_text(source)}"
    )


def _lines_have(n: int) -> str:
    return f"{counted(n, 'line')} {'has' if n == 1 else 'have'}"


def _observe_batch(batch: Batch, pair_on: str) -> Observations:
    table, workspace = entry_table(batch), batch.workspace
    columns, sources = table.columns, table.records()
    parts = OutputKeys().of(columns["output"])
    own = [c for c in COLUMNS if not c.is_optional or any(value is not None for value in columns[c.name])]
    readers_of_rows = _readers_of_rows(sources, parts, own)
    distinct_readers = list({id(readers): readers for readers in readers_of_rows}.values())
    names = tuple(dict.fromkeys(chain.from_iterable(distinct_readers)))
    for readers in distinct_readers:
        if pair_on not in readers:
            raise InputError(unknown_column(pair_on, list(readers), "pair_on"))
    sent = tuple(source_name(name) for name in sources[0] if name in table.job(0).inputs) if sources else ()
    source_names = {source_name(name): name for name in dict.fromkeys(chain.from_iterable(sources))}

    def cells(name: str, default: Any) -> list[Any]:
        if name in columns:
            return list(map(cell_of, columns[name]))
        if name in source_names:
            own_name = source_names[name]
            return [source.get(own_name, default) for source in sources]
        part = name.removeprefix("out.")
        if name == part or part not in parts:
            return [default] * len(table)
        return [output.get(part) if isinstance(output, Mapping) else None for output in columns["output"]]

    def make(place: int) -> Observation:
        job, outcome = table.job(place), table.outcome(place)
        row = JobCells(readers_of_rows[place], job, outcome, sources[place])
        return Observation(
            pair=row[pair_on],
            variant=job.label,
            run=outcome.run if outcome else None,
            row=row,
            line=table.lines[place],
            store=batch.file_store,
            hidden=hidden_in(job),
            sent=sent,
            job=job,
            workspace=workspace,
            batch=batch,
        )

    return Observations(
        pairs=cells(pair_on, None),
        variants=columns["variant"],
        statuses=columns["status"],
        outputs=columns["output"],
        elapsed_s=[seconds or 0.0 for seconds in columns["elapsed_s"]],
        errors=columns["error"],
        started_at=columns["started_at"],
        request_ids=columns["request_id"],
        lines=table.lines,
        stores=[batch.file_store] * len(table),
        workspaces=[workspace] * len(table),
        batches=[batch] * len(table),
        hiding=[place for place, is_secret in enumerate(table.secret) if is_secret],
        names=names,
        cells=cells,
        job=table.job,
        make=make,
    )


def _readers_of_rows(
    sources: Sequence[Mapping[str, Any]], parts: Sequence[str], own: Sequence[FrameColumn]
) -> list[Readers]:
    """Return how the cells of each row are read; rows with the same columns, as nearly all have, share it."""
    known: Collection[str] | None = None
    readers: Readers = {}
    readers_of_rows = []
    for source in sources:
        if known is None or source.keys() != known:
            known, readers = source.keys(), _readers(source, parts, own)
        readers_of_rows.append(readers)
    return readers_of_rows


def corrected_observations(observations: Sequence[Observation]) -> Observations:
    """Return the runs of batches with the corrections of their expected outputs that are saved now.

    This is the one place where corrections come in: whatever reads an expected output reads these rows.
    """
    runs = Observations.of(observations)
    if EXPECTED not in runs.names:
        return runs
    places_of: dict[tuple[Any, ...], list[int]] = {}
    for place, source in enumerate(zip(runs.workspaces, map(id, runs.stores), map(id, runs.batches), strict=True)):
        places_of.setdefault(source, []).append(place)
    changed: dict[int, Observation] = {}
    for places in places_of.values():
        overlay = Overlay.read(runs.workspaces[places[0]], runs.stores[places[0]])
        if not overlay.deployments or overlay.deployments.isdisjoint(_deployments(runs, places)):
            places = [place for place in places if place in runs.corrections]
        for place, standing in _standings(overlay, runs, places).items():
            if standing != runs.corrections.get(place, NONE_STANDING):
                changed[place] = runs[place].with_corrections(standing)
    return runs.with_expected(changed) if changed else runs


def _deployments(runs: Observations, places: Sequence[int]) -> set[str]:
    """Return the deployments of the runs of one source; each of its variants is one of one deployment."""
    first_of_variant = {runs.variants[place]: place for place in reversed(places)}
    return {job.deployment for place in first_of_variant.values() if (job := runs.job(place)) is not None}


def _standings(overlay: Overlay, runs: Observations, places: Sequence[int]) -> dict[int, Standing]:
    """Return the corrections of the runs of one source, by their places.

    All runs of a row have the same: its variants are compared by one expected output, also where one of them is of
    another deployment, of which nothing was corrected. No run is made for that, and the inputs of other deployments
    are not hashed.
    """
    cells = runs.cells(EXPECTED, MISSING) if places else []
    rows: dict[tuple[int, str], dict[int, Job]] = {}
    for place in places:
        job, applied = runs.job(place), runs.corrections.get(place, NONE_STANDING).applied
        if job is not None and cells[place] is not MISSING:
            table_value = canonical_expected(cells[place] if applied is None else applied.replaced)
            rows.setdefault((job.position, table_value), {})[place] = job
    standings: dict[int, Standing] = {}
    for (_, table_value), jobs in rows.items():
        first_of_variant = {job.label: (job, runs.workspaces[place]) for place, job in reversed(jobs.items())}
        keys = [
            _inputs_key(job, workspace)
            for job, workspace in first_of_variant.values()
            if job.deployment in overlay.deployments
        ]
        standings |= dict.fromkeys(jobs, overlay.standing(filter(None, keys), table_value))
    return standings


def _inputs_key(job: Job, workspace: str) -> InputsKey | None:
    inputs = hash_of_inputs(job.shown_inputs)
    return InputsKey(workspace, job.deployment, inputs) if inputs else None


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


def _readers(source: Mapping[str, Any], parts: Iterable[str], own: Iterable[FrameColumn]) -> Readers:
    """Return how each cell of a batch's row is read: of the run, of the source, and the parts of an output."""
    readers: Readers = {column.name: _reader_of_run(column.value) for column in own}
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


def hidden_in(job: Job) -> tuple[Any, ...]:
    """Return the values of the password Start variables of a job."""
    if not (job.secrets.all or job.secrets.names):
        return ()
    return tuple(value for name, value in job.inputs.items() if job.secrets.cover([name]) and value is not None)


def _observe_frame(frame: pd.DataFrame, pair_on: str) -> list[Observation]:
    columns = [str(c) for c in frame.columns]
    if doubled := sorted({c for c in columns if columns.count(c) > 1}):
        raise InputError(repeated_columns(doubled))
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
    return Problem(None, "column", f"the table has no column {short(name)}", f"({why})", hint)


def _run_of(row: Mapping[str, Any]) -> Run:
    """Return the run of a line; a line without a status is completed."""
    seconds = row.get("elapsed_s")
    return Run(
        status=str(row.get("status") or "completed"),
        output=row.get("output"),
        error=row.get("error") if isinstance(row.get("error"), str) else None,
        error_code=row.get("error_code") if isinstance(row.get("error_code"), str) else None,
        client_action=row.get("client_action") if isinstance(row.get("client_action"), str) else None,
        elapsed_s=float(seconds) if isinstance(seconds, int | float) else 0.0,
        variant=str(row["variant"]),
    )
