"""The tidy frame: its columns (`COLUMNS`), one row for each job, and its provenance in `attrs`.

- The columns and their dtypes are the same whatever the answers, but for those that hang on them: an optional one,
  `SAVED_FILES`, and ``out.<name>`` for the names of outputs that are objects. Parts of a table with the same columns
  have all of `COLUMNS`, and none of the others.
- A source column keeps its name unless the toolkit uses it: then it is ``in.<name>``, and so is one that already begins
  with ``in.`` or ``out.``, so that no two names are equal.
- Provenance has JSON values only (pandas writes ``attrs`` into Parquet as JSON), never a key, and the same value for
  each part of one batch: pandas keeps ``attrs`` through ``concat`` only where they are all equal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, Protocol

import pandas as pd

from fh_notebook.batching.model import Job, Outcome
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.batching.tables.safe_text import without_halves
from fh_notebook.batching.tables.values import object_series
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.output import saved_files
from fh_notebook.contract.run import Run
from fh_notebook.core.json_values import canonical_json
from fh_notebook.core.redaction import redact
from fh_notebook.version import __version__

ATTRS: Final = "fh_notebook"
"""The name in ``frame.attrs``."""

RUNS: Final = "fh_notebook.runs"
"""The name of the identity of each line's run (`Run.identity`), in the ``attrs`` of a frame that is shown only."""


def schema_hash(schema: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a JSON Schema, the same for equal ones, however they are ordered.

    Examples
    --------
    >>> schema_hash({"type": "object"})[:12]
    'a2c799262a3c'
    """
    return sha256(canonical_json(dict(schema)).encode("utf-8", "surrogatepass")).hexdigest()


def schema_hashes(deployments: Iterable[Deployment | str]) -> dict[str, str]:
    """Return the hash of each deployment's inputs, by its name; of one that is only named, nothing is known."""
    return {d.name: schema_hash(d.inputs) for d in deployments if not isinstance(d, str)}


def provenance(
    deployments: Deployment | str | Iterable[Deployment | str],
    *,
    variants: str | Iterable[str] = (),
    batch: str = "",
    workspace: str | None = None,
    created: datetime | None = None,
    hashes: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return where a table is from.

    Examples
    --------
    >>> from fh_notebook.contract.deployment import Deployment
    >>> about = provenance(Deployment("triage", variants=["a"]), variants="a", batch="triage-1")
    >>> about["deployments"], about["variants"], about["batch"], sorted(about["schema_sha256"])
    (['triage'], ['a'], 'triage-1', ['triage'])
    """
    declared = [deployments] if isinstance(deployments, Deployment | str) else list(deployments)
    names = list(dict.fromkeys(d if isinstance(d, str) else d.name for d in declared))
    created_at = datetime.now(UTC) if created is None else created.astimezone(UTC)
    return {
        "deployment": names[0] if names else "",
        "deployments": names,
        "variants": [variants] if isinstance(variants, str) else list(dict.fromkeys(variants)),
        "schema_sha256": schema_hashes(declared) if hashes is None else dict(hashes),
        "batch": batch,
        "workspace": None if workspace is None else redact(workspace),
        "fh_notebook": __version__,
        "python": ".".join(map(str, sys.version_info[:3])),
        "pandas": pd.__version__,
        "created": created_at.isoformat(timespec="seconds"),
    }


PENDING: Final = "pending"
"""The status of a job without an outcome."""


TEXT: Final = "string[python]"
"""Not Arrow's: a model may answer half a character (a lone surrogate), which Arrow refuses to hold."""

INSTANT: Final = "datetime64[ns, UTC]"


@dataclass(frozen=True, slots=True)
class FrameColumn:
    """One column of the tidy table."""

    name: str
    dtype: str | None
    """``None``: pandas' own for the labels of the rows."""
    value: Callable[[Job, Outcome | None], Any]
    is_optional: bool = False
    """Whether a table has it only where one of its lines has a value."""


def _of_run(read: Callable[[Run], Any], default: Any = None) -> Callable[[Job, Outcome | None], Any]:
    return lambda job, outcome: default if outcome is None else read(outcome.run)


COLUMNS: Final = (
    FrameColumn("row", None, lambda job, outcome: job.row),
    FrameColumn("variant", TEXT, lambda job, outcome: job.label),
    FrameColumn("repeat", "int64", lambda job, outcome: job.repeat),
    FrameColumn("status", TEXT, _of_run(lambda run: run.status, PENDING)),
    FrameColumn("output", "object", _of_run(lambda run: run.output)),
    FrameColumn("error_code", TEXT, _of_run(lambda run: run.error_code)),
    FrameColumn("error", TEXT, _of_run(lambda run: run.error)),
    FrameColumn("client_action", TEXT, _of_run(lambda run: run.client_action), is_optional=True),
    FrameColumn("attempts", "int64", _of_run(lambda run: run.attempts, 0)),
    FrameColumn("elapsed_s", "float64", _of_run(lambda run: run.elapsed_s if run.elapsed_s else None)),
    FrameColumn("started_at", INSTANT, _of_run(lambda run: run.started_at)),
    FrameColumn("request_id", TEXT, _of_run(lambda run: run.request_id)),
    FrameColumn("reused", "bool", lambda job, outcome: bool(outcome and outcome.reused)),
    FrameColumn("key", TEXT, lambda job, outcome: job.key or None),
)
"""The columns of a tidy table, before those of the source."""


MAX_OUTPUT_COLUMNS: Final = 100
"""Outputs may have keys of their own, such as ids: a column for each would be a table of nothing but gaps."""


SAVED_FILES: Final = "saved_files"
"""The column of the files that are saved of each run, their paths one a line; only in a table that has one."""

RESERVED: Final = frozenset([*(column.name for column in COLUMNS), SAVED_FILES])


def source_name(name: str) -> str:
    """Return under which name a source column stands in the tidy table.

    Examples
    --------
    >>> source_name("ticket"), source_name("status"), source_name("in.status")
    ('ticket', 'in.status', 'in.in.status')
    """
    return f"in.{name}" if name in RESERVED or name.startswith(("in.", "out.")) else name


class OutputKeys:
    """Which keys of outputs have a column: the first `MAX_OUTPUT_COLUMNS`, in order of first appearance by row.

    So a column that was there stays when rows are added. The parts of one table share one of these.
    """

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self._are_more = False

    def of(self, outputs: Iterable[Any]) -> list[str]:
        """Return the keys of these outputs that have a column."""
        names: dict[str, None] = {}
        for output in outputs:
            if type(output) is str or not isinstance(output, Mapping):  # most are texts
                continue
            for name in output:
                if name in self._names or len(self._names) < MAX_OUTPUT_COLUMNS:
                    self._names[name] = names[name] = None
                else:
                    self._are_more = True
        return list(names)

    @property
    def note(self) -> str:
        """What must be said of a table without all of them; empty where there are no more."""
        if not self._are_more:
            return ""
        return (
            f"outputs have more than {MAX_OUTPUT_COLUMNS} keys: the first {MAX_OUTPUT_COLUMNS}, by row, have a column "
            "each; all of them are in the column output"
        )


class RowsProtocol(Protocol):
    """Where rows come from: a table, or the store."""

    def take(self, positions: Sequence[int]) -> pd.DataFrame:
        """Return the source columns of the rows at `positions`, under the source's own index, or one from 0."""
        ...


def tidy_frame(
    pairs: Iterable[tuple[Job, Outcome | None]],
    rows: RowsProtocol,
    *,
    batch: str = "",
    about: Mapping[str, Any] | None = None,
    keys: OutputKeys | None = None,
    is_part: bool = False,
) -> pd.DataFrame:
    """Return one line for every job."""
    listed = list(pairs)
    columns = _own_columns(listed, has_all=is_part)
    source_rows = rows.take([job.position for job, _ in listed])
    source = source_rows.reset_index(drop=True)
    for name in source.columns:
        columns[source_name(name)] = source[name]
    output_keys = keys or OutputKeys()
    if not is_part:
        columns |= _output_columns([outcome.run.output if outcome else None for _, outcome in listed], output_keys)
        columns |= _saved_column([outcome.run if outcome else None for _, outcome in listed])
    frame = pd.DataFrame(columns, index=pd.RangeIndex(len(listed))).set_axis(source_rows.index, axis=0)
    frame.attrs[ATTRS] = _of_jobs(listed, batch) if about is None else dict(about)
    if (
        keys is None and output_keys.note
    ):  # parts have equal attributes: else pandas would drop them where it joins parts
        frame.attrs[ATTRS]["note"] = output_keys.note
    return frame


def _of_jobs(pairs: Sequence[tuple[Job, Outcome | None]], batch: str) -> dict[str, Any]:
    jobs = [job for job, _ in pairs]
    return provenance({job.deployment: None for job in jobs}, variants=[job.label for job in jobs], batch=batch)


def _saved_column(runs: Sequence[Run | None]) -> dict[str, pd.Series[Any]]:
    saved = [saved_files(run.output, run.identity) if run is not None and run.assets else None for run in runs]
    return {SAVED_FILES: series_of(saved, TEXT)} if any(saved) else {}


def _own_columns(pairs: Sequence[tuple[Job, Outcome | None]], *, has_all: bool) -> dict[str, pd.Series[Any]]:
    columns = {}
    for column in COLUMNS:
        values = [column.value(job, outcome) for job, outcome in pairs]
        if has_all or not column.is_optional or any(value is not None for value in values):
            columns[column.name] = series_of(values, column.dtype)
    return columns


def series_of(values: list[Any], dtype: str | None) -> pd.Series[Any]:
    """Return a column of a dtype, the same whatever the values; ``None`` is pandas' own, of no values ``int64``."""
    if dtype is None:
        return pd.Series(values, dtype=None if values else "int64")
    if dtype == INSTANT:
        # By way of to_datetime: a column of nothing but None has no time zone to convert from.
        return pd.to_datetime(pd.Series(values, dtype="object"), utc=True).astype(INSTANT)
    return object_series(values) if dtype == "object" else pd.Series(values, dtype=dtype)


def _output_columns(outputs: Sequence[Any], keys: OutputKeys) -> dict[str, pd.Series[Any]]:
    """Return ``out.<name>`` for the names of the outputs that are objects, in the order of their first coming."""
    columns = {}
    for name in keys.of(outputs):
        values = [output.get(name) if isinstance(output, Mapping) else None for output in outputs]
        columns[f"out.{without_halves(name)}"] = _narrowed(values)
    return columns


def _narrowed(values: Sequence[Any]) -> pd.Series[Any]:
    """Return the values in the nullable dtype that holds them all: a missing one never makes a float of an integer."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pd.Series(values, dtype="boolean")
    narrow = all(abs(value) < 2**63 for value in values if type(value) is int)  # a model may count as far as it likes
    if kinds == {int} and narrow:
        return pd.Series(values, dtype="Int64")
    if kinds <= {int, float} and float in kinds and narrow:
        return pd.Series([None if v is None else float(v) for v in values], dtype="Float64")
    if kinds == {str}:
        return pd.Series(values, dtype=TEXT)
    return object_series(values)


def frame_of_runs(runs: Sequence[Run]) -> pd.DataFrame:
    """Return the tidy table of single runs, such as those of a cell with several variants.

    Runs of the same inputs have the same `row`, so that ``compare`` pairs them; a variant that ran the same inputs
    again is a further `repeat`. The inputs are the source columns.

    Examples
    --------
    >>> frame = frame_of_runs([Run(status="completed", output="hi", variant=v, inputs={"x": 1}) for v in "ab"])
    >>> frame[["row", "variant", "output", "x"]].values.tolist()
    [[0, 'a', 'hi', 1], [0, 'b', 'hi', 1]]
    """
    places: dict[str, int] = {}
    records: list[dict[str, Any]] = []
    repeats: dict[tuple[int, str], int] = {}
    pairs: list[tuple[Job, Outcome | None]] = []
    for run in runs:
        input_json = canonical_json(dict(run.inputs))
        if input_json not in places:
            places[input_json] = len(records)
            records.append(dict(run.inputs))
        row, variant = places[input_json], run.variant or ""
        repeat = repeats[row, variant] = repeats.get((row, variant), 0) + 1
        pairs.append((_job_of_run(run, row, repeat), Outcome(run=run)))
    return tidy_frame(pairs, read_rows(records))


def _job_of_run(run: Run, row: int, repeat: int) -> Job:
    return Job(
        position=row,
        row=row,
        deployment=run.deployment,
        variant=run.variant or "",
        repeat=repeat,
        inputs=run.inputs,
        metadata=run.metadata,
    )
