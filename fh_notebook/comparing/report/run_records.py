"""`RunRecord`: a run of a comparison as passed to other tools: JSON values, every score, secrets masked.

It is read by what writes a comparison for another tool (MLflow, Inspect). A column that contains a password is left
out, and the password is masked wherever else it occurs, as in a report.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from fh_notebook.batching.tables.rows import METADATA_PREFIX
from fh_notebook.batching.tables.safe_text import without_halves
from fh_notebook.batching.tables.values import plain
from fh_notebook.comparing.data import ComparisonData
from fh_notebook.core.json_values import is_missing
from fh_notebook.core.redaction import redact


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run with the columns of its row and its scores."""

    row_number: int
    """Runs of the same row have the same; labels may be alike when passwords in them are masked."""
    pair: Any
    """The label of the row."""
    variant: str
    repeat: Any
    epoch: int
    """The repeat as a number from 1, of which each run of a row and variant has another one."""
    inputs: Mapping[str, Any]
    """The Start variables; of a table, which does not tell them, the columns of the row."""
    columns: Mapping[str, Any]
    expected: Any
    status: str
    output: Any
    error: str | None
    client_action: str | None
    seconds: float | None
    started_at: datetime | None
    request_id: str | None
    scores: Mapping[str, float]
    """By the name of the scorer; a missing score is not there."""
    reasons: Mapping[str, str]
    """By the name of the scorer: why a judge gave the score."""
    score_errors: Mapping[str, str]
    """By the name of the scorer: why there is no score."""


def run_records(data: ComparisonData, scored: Iterable[tuple[str, pd.DataFrame]]) -> Iterator[RunRecord]:
    """Yield the runs of a comparison in the order of its lines."""
    lines, runs = data.lines, data.runs
    masks = runs.secret().masks()
    columns = {clean(name): column.tolist() for name in data.row_columns if (column := runs.column(name)) is not None}
    by_scorer = [(name, _score_cells(frame)) for name, frame in scored if name]
    names = ("pair", "variant", "status", "output", "error", "client_action", "seconds", "started_at", "request_id")
    row_numbers = pd.factorize(lines["pair"])[0].tolist()
    cells = zip(*(lines[name].tolist() for name in names), data.repeats, _epochs(data), row_numbers, strict=True)
    for place, (
        pair, variant, status, output, error, action, seconds, started_at, request_id, repeat, epoch, row_number,
    ) in enumerate(cells):  # fmt: skip

        def masked(value: Any, pair: Any = pair) -> Any:
            return clean(masks.value(pair, plain(value)))

        row = {name: masked(values[place]) for name, values in columns.items()}
        job = None if runs.observations is None else runs.observations[place].job
        inputs = (
            {name: value for name, value in row.items() if not name.startswith(METADATA_PREFIX)}
            if job is None
            else {name: masked(value) for name, value in job.shown_inputs.items()}
        )
        results = [(name, *(cell[place] for cell in of_scorer)) for name, of_scorer in by_scorer]
        yield RunRecord(
            row_number=row_number,
            pair=masked(pair),
            variant=variant,
            repeat=plain(repeat),
            epoch=epoch,
            inputs=inputs,
            columns=row,
            expected=masked(runs.expected.get(pair)) if runs.expected is not None else None,
            status=status,
            output=masked(output),
            error=None if is_missing(error) else masked(str(error)),
            client_action=None if is_missing(action) else masked(str(action)),
            seconds=None if is_missing(seconds) else seconds,
            started_at=None if is_missing(started_at) else started_at.to_pydatetime(warn=False),
            request_id=None if is_missing(request_id) else str(request_id),
            scores={name: score for name, score, _, _ in results if score == score},
            reasons={
                name: masked(str(parts["reason"])) for name, _, _, parts in results if parts and "reason" in parts
            },
            score_errors={name: masked(str(problem)) for name, _, problem, _ in results if not is_missing(problem)},
        )


def source_names(data: ComparisonData) -> dict[str, str]:
    """Return the names of the deployments and batches that the runs are of, where they are known."""
    sources = [data.runs.about, *data.runs.about.get("compared", {}).values()]
    names = {
        what: dict.fromkeys(str(source[what]) for source in sources if source.get(what))
        for what in ("deployment", "batch")
    }
    return {what: redact(", ".join(of)) for what, of in names.items() if of}


def _score_cells(frame: pd.DataFrame) -> tuple[list[Any], list[Any], list[Any]]:
    """Return score, error of the scorer and parts of each run; a column of scores has no parts."""
    empty = [None] * len(frame)
    return (
        frame["score"].to_numpy(dtype="float64").tolist(),
        frame["score_error"].tolist() if "score_error" in frame else empty,
        frame["parts"].tolist() if "parts" in frame else empty,
    )


def _epochs(data: ComparisonData) -> list[int]:
    """Return the repeats, where they are numbers that tell the runs of a row apart, else the place among these runs."""
    repeats = data.repeats
    if all(isinstance(repeat, int) and not isinstance(repeat, bool) and repeat > 0 for repeat in repeats):
        keys = zip(data.lines["pair"], data.lines["variant"], repeats, strict=True)
        if len(set(keys)) == len(repeats):
            return repeats
    return data.counted_repeats


def clean(value: Any) -> Any:
    r"""Return a value as JSON has it, without half characters; what JSON has not becomes its text.

    Examples
    --------
    >>> clean({"a": "x\ud83d", 1: {2}})
    {'a': 'x\ufffd', '1': '{2}'}
    """
    if isinstance(value, str):
        return without_halves(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):  # a name that is no text, or a value within itself
        return without_halves(str(value))
    return json.loads(without_halves(text))


def json_text(value: Any) -> str:
    """Return a text as it is, nothing as an empty text, and anything else as JSON.

    Examples
    --------
    >>> json_text("late"), json_text(None), json_text({"a": "é"}), json_text(True)
    ('late', '', '{"a": "é"}', 'true')
    """
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, default=str)
