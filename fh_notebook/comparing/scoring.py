"""Runs and rows -> scores.

Rule of this file: a scorer that raises, or gives something that is no score, gives a missing score with its error kept,
never zero. Only completed runs are scored, by a function or by a column: failed ones are counted as failed.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook.batching.batch import Batch
from fh_notebook.batching.cells import is_missing, object_series, plain
from fh_notebook.batching.frames import COLUMNS, source_name
from fh_notebook.batching.plan import counted
from fh_notebook.batching.rows import EXPECTED
from fh_notebook.comparing.scorers import exact
from fh_notebook.contract.run import Run
from fh_notebook.contract.spell import listed, nearest, short
from fh_notebook.errors import InputError, SettingsError

__all__ = ["Observation", "Score", "observations", "scored"]

Score = str | Callable[..., Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One run of one variant on one row, and the row's columns."""

    pair: Any
    """What it is paired by."""
    variant: str
    run: Run | None
    """``None`` while it is pending."""
    row: Mapping[str, Any] = field(repr=False)
    """By the names of the tidy frame, whether it came out of a batch or of a frame."""


def observations(source: Any, *, pair_on: str) -> list[Observation]:
    """Return the runs of a batch or of the lines of a frame.

    Raises
    ------
    InputError
        The source is something else, or has not the columns that are needed.
    """
    if isinstance(source, Batch):
        found = _of_batch(source, pair_on)
    elif isinstance(source, pd.DataFrame):
        found = _of_frame(source, pair_on)
    else:
        raise InputError(
            f"compare takes a batch, or a DataFrame with {pair_on!r}, 'variant' and a score, "
            f"not a {type(source).__name__}"
        )
    if unpaired := sum(not isinstance(o.pair, str | int | float) for o in found):
        raise InputError(f"{_lines_have(unpaired)} no {short(pair_on)} to be paired by; give a text or a number")
    return found


def _lines_have(n: int) -> str:
    return f"{counted(n, 'line')} {'has' if n == 1 else 'have'}"


def _of_batch(batch: Batch, pair_on: str) -> list[Observation]:
    entries = list(batch.entries())
    outputs = [outcome.run.output if outcome else None for _, outcome, _ in entries]
    names = dict.fromkeys(name for output in outputs if isinstance(output, Mapping) for name in output)
    found = []
    for (job, outcome, source), output in zip(entries, outputs, strict=True):
        parts = output if isinstance(output, Mapping) else {}
        row = {column.name: plain(column.value(job, outcome)) for column in COLUMNS}
        row |= {source_name(name): value for name, value in source.items()}
        row |= {f"out.{name}": parts.get(name) for name in names}
        if pair_on not in row:
            raise InputError(_no_column(pair_on, list(row), "pair_on"))
        run = outcome.run if outcome else None
        found.append(Observation(pair=row[pair_on], variant=job.label, run=run, row=row))
    return found


def _of_frame(frame: pd.DataFrame, pair_on: str) -> list[Observation]:
    columns = [str(c) for c in frame.columns]
    if doubled := sorted({c for c in columns if columns.count(c) > 1}):
        raise InputError(f"the column {listed(doubled, 'and')} is there more than once; rename one of them")
    for needed in (pair_on, "variant"):
        if needed not in columns:
            raise InputError(_no_column(needed, columns, "compare needs it"))
    found = []
    for values in frame.itertuples(index=False, name=None):
        row = {c: None if is_missing(v) else plain(v) for c, v in zip(columns, values, strict=True)}
        found.append(Observation(pair=row[pair_on], variant=str(row["variant"]), run=_run_of(row), row=row))
    if nameless := sum(o.row["variant"] is None for o in found):
        raise InputError(f"{_lines_have(nameless)} no variant; name it, or leave them out")
    return found


def _no_column(name: str, columns: Sequence[str], why: str) -> str:
    close = nearest(name, columns)
    hint = f"did you mean {close!r}?" if close else f"the columns are {listed(columns, 'and') or 'none'}"
    return f"there is no column {short(name)} ({why}); {hint}"


def _run_of(row: Mapping[str, Any]) -> Run:
    """Return the run that a line tells of; a line without a status completed."""
    seconds = row.get("elapsed_s")
    return Run(
        status=str(row.get("status") or "completed"),
        output=row.get("output"),
        error=row.get("error") if isinstance(row.get("error"), str) else None,
        error_code=row.get("error_code") if isinstance(row.get("error_code"), str) else None,
        elapsed_s=float(seconds) if isinstance(seconds, int | float) else 0.0,
        variant=str(row["variant"]),
    )


NO_SCORE: Final = (float("nan"), None)


def scored(found: Sequence[Observation], score: Score) -> tuple[pd.DataFrame, str]:
    """Return one line a run with its score, and what scored it.

    Returns
    -------
    DataFrame
        ``pair, variant, status, output, seconds, score, score_error``: `seconds` and `score` are float, a missing one
        is NaN; `status` is ``pending`` where there is no run yet.
    str
        The scorer's name; empty when there is none.

    Raises
    ------
    InputError, SettingsError
        The scorer cannot be used.
    """
    scorer, name = _scorer(score, found)
    results = [scorer(o) for o in found]
    frame = pd.DataFrame(
        {
            "pair": object_series([o.pair for o in found]),
            "variant": object_series([o.variant for o in found]),
            "status": object_series([o.run.status if o.run else "pending" for o in found]),
            "output": object_series([o.run.output if o.run else None for o in found]),
            "seconds": pd.Series([_seconds(o.run) for o in found], dtype="float64"),
            "score": pd.Series([value for value, _ in results], dtype="float64"),
            "score_error": object_series([error for _, error in results]),
        }
    )
    return frame, name


def _seconds(run: Run | None) -> float:
    return run.elapsed_s if run is not None and run.ok and run.elapsed_s else float("nan")


Result = tuple[float, str | None]


def _scorer(score: Score, found: Sequence[Observation]) -> tuple[Callable[[Observation], Result], str]:
    if score is None and not any(EXPECTED in o.row for o in found[:1]):
        return lambda o: NO_SCORE, ""
    if score is None:
        score = exact()
    if isinstance(score, str):
        return _column_scorer(score, found), score
    if not callable(score):
        raise InputError(f"score is {short(score)}; give a column's name, a function of a run, or None")
    if inspect.iscoroutinefunction(score):
        raise SettingsError("score is an async function; give a plain one, async scorers are not there yet")
    return _function_scorer(score), str(getattr(score, "name", "") or getattr(score, "__name__", "") or "score")


def _column_scorer(column: str, found: Sequence[Observation]) -> Callable[[Observation], Result]:
    if found and column not in found[0].row:
        raise InputError(_no_column(column, list(found[0].row), "score"))
    values = [o.row[column] for o in found if _is_completed(o) and o.row[column] is not None]
    if values and all(_number(v) is None for v in values):
        raise InputError(f"the column {column!r} holds no scores (the first is {short(values[0])}); give numbers")
    return lambda o: _result(o.row[column]) if _is_completed(o) else NO_SCORE


def _is_completed(observation: Observation) -> bool:
    return observation.run is not None and observation.run.ok


def _function_scorer(score: Callable[..., Any]) -> Callable[[Observation], Result]:
    takes_row = _takes_row(score)

    def apply(observation: Observation) -> Result:
        run = observation.run
        if not _is_completed(observation):
            return NO_SCORE
        try:
            return _result(score(run, dict(observation.row)) if takes_row else score(run))
        except Exception as broken:  # somebody else's function may raise anything
            return float("nan"), f"{type(broken).__name__}: {broken}"

    return apply


def _takes_row(score: Callable[..., Any]) -> bool:
    """Whether a scorer is ``(run, row)``: its second parameter has no default, or is called ``row``."""
    try:
        parameters = list(inspect.signature(score).parameters.values())
    except (TypeError, ValueError):  # some functions written in C have no signature
        return False
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return True
    return len(places) > 1 and (places[1].default is places[1].empty or places[1].name == "row")


def _result(value: Any) -> Result:
    if is_missing(value):
        return NO_SCORE
    number = _number(value)
    if number is None:
        return float("nan"), f"the scorer gave {short(plain(value))}; a score is true, false or a number"
    return number, None


def _number(value: Any) -> float | None:
    if isinstance(value, bool | int | float | np.bool_ | np.number) and not isinstance(value, np.complexfloating):
        return float(value) if math.isfinite(value) else None
    return None
