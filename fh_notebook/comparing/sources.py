"""What can be compared -> one line a run with its score, and what is known of where it is from.

Rule of this file: a batch, a table, a list and a mapping of names to them come out alike. A table whose score is a
column of numbers is read as whole columns: it needs no object a line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from fh_notebook import arguments
from fh_notebook.batching.batch import Batch
from fh_notebook.batching.cells import object_series
from fh_notebook.batching.frames import OutputKeys, frame_of_runs
from fh_notebook.batching.labels import told_apart
from fh_notebook.batching.provenance import ATTRS
from fh_notebook.batching.rows import EXPECTED
from fh_notebook.comparing.clusters import clusters_of
from fh_notebook.comparing.data import ScoredRuns
from fh_notebook.comparing.hiding import hidden_of
from fh_notebook.comparing.scoring import LOWER, Observation, Score, column_score, observations, scored
from fh_notebook.contract.run import Run
from fh_notebook.errors import InputError

__all__ = ["about_of", "as_table", "of_observations", "take"]


def take(source: Any, *, score: Score, pair_on: str, fresh: bool = False) -> ScoredRuns:
    """Read a batch, a DataFrame, or a list of runs or of records; `fresh` leaves kept scores aside.

    Raises
    ------
    InputError, SettingsError
        It is something else, lacks a column, or the scorer cannot be used.
    """
    source, pair_on = as_table(source), arguments.column_text(pair_on)
    if isinstance(source, pd.DataFrame) and (plain := _of_columns(source, score, pair_on)) is not None:
        return plain
    found = observations(source, pair_on=pair_on)
    taken, keys = of_observations(found, score, fresh=fresh), OutputKeys()
    if isinstance(source, Batch):  # a table has the columns that it has
        keys.of(o.run.output for o in found if o.run is not None)
    notes = (f"{keys.note[0].upper()}{keys.note[1:]}.",) if keys.note else ()
    return replace(taken, about=about_of(source), notes=notes)


def as_table(source: Any) -> Any:
    """Return a list of runs or of records as a DataFrame, and anything else as it is.

    Raises
    ------
    InputError
        The list holds something else, or nothing.
    """
    if not isinstance(source, list | tuple):
        return source
    if not source:
        raise InputError("the list is empty: there is nothing to compare")
    if all(isinstance(item, Run) for item in source):
        return frame_of_runs(source)
    if all(isinstance(item, Mapping) for item in source):
        return _of_records(source)
    if all(isinstance(item, Batch | pd.DataFrame) for item in source):
        raise InputError('give several batches a name each: fh.compare({"monday": b1, "today": b2})')
    raise InputError("a list to compare holds runs, or records with 'row', 'variant' and a score")


def _of_records(records: Sequence[Mapping[Any, Any]]) -> pd.DataFrame:
    """Return records as a frame. Texts stay Python's: Arrow refuses half a character, which a model may answer."""
    columns: dict[str, pd.Series[Any]] = {}
    for name in dict.fromkeys(name for record in records for name in record):
        values = [record.get(name) for record in records]
        are_numbers = all(value is None or isinstance(value, bool | int | float | np.number) for value in values)
        # pandas would make one kind of 1 and 1.0, which may be the labels of two rows.
        is_plain = are_numbers and told_apart(values) == values
        columns[str(name)] = pd.Series(values) if is_plain else object_series(values)
    return pd.DataFrame(columns)


def about_of(source: Any) -> dict[str, Any]:
    """Return where a batch or a table is from."""
    if isinstance(source, Batch):
        source = next(source.iter_frames(1), None)
    return dict(source.attrs.get(ATTRS, {})) if isinstance(source, pd.DataFrame) else {}


def of_observations(found: Sequence[Observation], score: Score, *, fresh: bool = False) -> ScoredRuns:
    """Score runs one by one."""
    lines, scorer = scored(found, score, fresh=fresh)
    rows, keys = ([o.row.get(name) for o in found] for name in ("row", "key"))
    lines["cluster"] = clusters_of([o.pair for o in found], variants=lines["variant"], rows=rows, keys=keys)
    runs = [o.run for o in found]
    lines["error"] = object_series([run.error if run else None for run in runs])
    begun = object_series([(o.run and o.run.started_at) or o.row.get("started_at") for o in found])
    lines["started_at"] = pd.to_datetime(begun, utc=True, errors="coerce", format="ISO8601")
    lines["request_id"] = object_series([(o.run and o.run.request_id) or o.row.get("request_id") for o in found])
    lines["charged"] = np.array([run is not None and run.may_have_run for run in runs], dtype=bool)
    expected = {o.pair: o.row[EXPECTED] for o in found if EXPECTED in o.row}
    names = tuple(dict.fromkeys(name for o in found for name in o.row))
    secret = cache(lambda: hidden_of(found, names))
    known = frozenset(names)

    def column(name: str) -> pd.Series[Any] | None:
        return object_series([o.row.get(name) for o in found]) if name in known else None

    def some(name: str, places: Sequence[int]) -> list[Any]:
        return [found[place].row.get(name) for place in places]

    return ScoredRuns(
        lines=lines, scorer=scorer, column=column, names=names, expected=expected or None, found=found, some=some,
        secret=secret,
    )  # fmt: skip


# --- a table of numbers


def _of_columns(frame: pd.DataFrame, score: Score, pair_on: str) -> ScoredRuns | None:
    """Read a table as whole columns; ``None`` where lines must be looked at one by one."""
    own = {str(name): name for name in frame.columns}  # a column may be called 5
    score = column_score(score, own)
    needed = (score, pair_on, "variant")
    if not isinstance(score, str) or len(own) < len(frame.columns) or not all(name in own for name in needed):
        return None
    numbers, pairs, variants = frame[own[score]], frame[own[pair_on]], frame["variant"]
    if not _are_numbers(numbers) or not _can_pair(pairs) or variants.isna().any():
        return None
    scores = numbers.to_numpy(dtype="float64", na_value=np.nan)
    if np.isinf(scores).any():
        return None
    n = len(frame)
    status = _texts(frame, "status", n).fillna("completed").replace("", "completed")
    done = (status == "completed").to_numpy()
    lines = pd.DataFrame(
        {
            "pair": object_series(told_apart(pairs.tolist())),
            "variant": object_series([str(v) for v in variants]),
            "status": status.reset_index(drop=True),
            "output": _texts(frame, "output", n),
            "seconds": np.where(done, _seconds(frame), np.nan),
            "score": np.where(done, scores, np.nan),
            "score_error": object_series([None] * n),
            "error": _texts(frame, "error", n),
            "started_at": _moments(frame),
            "request_id": _texts(frame, "request_id", n),
            "charged": (status != "failed").to_numpy(dtype=bool),
        }
    )  # fmt: skip
    rows, keys = (frame[name].tolist() if name in frame.columns else None for name in ("row", "key"))
    lines["cluster"] = clusters_of(lines["pair"], variants=lines["variant"], rows=rows, keys=keys)
    lines.attrs["lower_is_better"] = score in LOWER
    expected = None
    if EXPECTED in frame:
        expected = dict(zip(lines["pair"], _none_for_missing(frame[EXPECTED]), strict=True))

    def column(name: str) -> pd.Series[Any] | None:
        return object_series(_none_for_missing(frame[own[name]])) if name in own else None

    def some(name: str, places: Sequence[int]) -> list[Any]:
        return _none_for_missing(frame[own[name]].iloc[list(places)]) if name in own else [None] * len(places)

    about = dict(frame.attrs.get(ATTRS, {}))
    return ScoredRuns(
        lines=lines, scorer=score, column=column, names=tuple(own), expected=expected, about=about, some=some
    )


def _are_numbers(column: pd.Series[Any]) -> bool:
    dtype = column.dtype
    return bool(pd.api.types.is_numeric_dtype(dtype)) and not pd.api.types.is_complex_dtype(dtype)


def _can_pair(column: pd.Series[Any]) -> bool:
    if column.isna().any():
        return False
    return pd.api.types.infer_dtype(column) in ("string", "integer", "boolean", "floating", "mixed-integer-float")


def _none_for_missing(column: pd.Series[Any]) -> list[Any]:
    return column.astype(object).where(column.notna(), None).tolist()


def _texts(frame: pd.DataFrame, name: str, n: int) -> pd.Series[Any]:
    return object_series(_none_for_missing(frame[name]) if name in frame.columns else [None] * n)


def _seconds(frame: pd.DataFrame) -> Any:
    if "elapsed_s" not in frame.columns or not _are_numbers(frame["elapsed_s"]):
        return np.nan
    seconds = frame["elapsed_s"].to_numpy(dtype="float64", na_value=np.nan)
    return np.where(seconds == 0, np.nan, seconds)


def _moments(frame: pd.DataFrame) -> Any:
    given = frame["started_at"] if "started_at" in frame.columns else pd.Series([None] * len(frame), dtype=object)
    return pd.to_datetime(given, utc=True, errors="coerce", format="ISO8601").reset_index(drop=True)
