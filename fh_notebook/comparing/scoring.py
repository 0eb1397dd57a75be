"""Runs and rows -> scores, as a table.

Rule of this file: a scorer that raises, or gives something that is no score, gives a missing score with its error kept,
never zero. Only completed runs are scored, by a function or by a column: failed ones are counted as failed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from fh_notebook import arguments
from fh_notebook.batching.cells import object_series
from fh_notebook.batching.frames import COLUMNS, source_name
from fh_notebook.batching.rows import EXPECTED
from fh_notebook.comparing.scorer_base import NO_SCORE, Result, expected_in, number_of, result_of
from fh_notebook.comparing.scorer_function import scorer_of
from fh_notebook.comparing.scorer_run import results
from fh_notebook.comparing.scorers import READY, exact
from fh_notebook.comparing.scoring_source import Observation, no_column, observations
from fh_notebook.contract.run import Run
from fh_notebook.contract.spell import short
from fh_notebook.errors import InputError

__all__ = [
    "LOWER",
    "OUT",
    "Observation",
    "Score",
    "check_columns",
    "column_score",
    "observations",
    "parts_table",
    "scored",
]

Score = str | Callable[..., Any] | None

OUT: Final = "out."
"""What begins the name of a part of an output."""
LOWER: Final = frozenset({"elapsed_s", "attempts"})
"""Columns that a batch measures, of which less is better; what more is of any other one is for the user to know."""


def scored(found: Sequence[Observation], score: Score, *, fresh: bool = False) -> tuple[pd.DataFrame, str]:
    """Return one line a run with its score, and what scored it.

    Parameters
    ----------
    found : list of Observation
        The runs.
    score : str, function or None
        A column, a scorer, or ``None``: `exact` where something is expected, else nothing.
    fresh : bool
        Whether kept scores are left aside.

    Returns
    -------
    DataFrame
        ``pair, variant, status, output, seconds, score, score_error, parts``: `seconds` and `score` are float, a
        missing one is NaN; `status` is ``pending`` where there is no run yet; `parts` is what a score is made of, or
        ``None``. In its ``attrs``: ``notes``, sentences to be shown with the scores, ``lower_is_better``, and
        ``bounds``: between which the scorer says that scores are, or ``None``.
    str
        The scorer's name; empty when there is none.

    Raises
    ------
    InputError, SettingsError
        The scorer cannot be used.
    """
    using, name = _using(score, found)
    said = results(using, found, fresh=fresh) if using is not None else [NO_SCORE] * len(found)
    frame = pd.DataFrame(
        {
            "pair": object_series([o.pair for o in found]),
            "variant": object_series([o.variant for o in found]),
            "status": object_series([o.run.status if o.run else "pending" for o in found]),
            "output": object_series([o.run.output if o.run else None for o in found]),
            "seconds": pd.Series([_seconds(o.run) for o in found], dtype="float64"),
            "score": pd.Series([r.score for r in said], dtype="float64"),
            "score_error": object_series([r.error for r in said]),
            "parts": object_series([r.parts for r in said]),
        }
    )
    frame.attrs["lower_is_better"] = bool(getattr(using, "lower_is_better", False))
    frame.attrs["bounds"] = getattr(using, "bounds", None)
    frame.attrs["notes"] = notes_of_scorer(using)
    return frame, name


def notes_of_scorer(scorer: Any) -> list[str]:
    """Return what a scorer has to say of itself, and those that it is made of."""
    members = [note for member in getattr(scorer, "members", ()) for note in notes_of_scorer(member)]
    return [*getattr(scorer, "notes", ()), *members]


def parts_table(frame: pd.DataFrame, pair_on: str) -> pd.DataFrame:
    """Return what the scores are made of, one line a run: the pair, ``variant``, ``score``, then a column a part."""
    found = frame["parts"] if "parts" in frame else [None] * len(frame)  # a column of scores has none
    names = dict.fromkeys(name for parts in found if parts for name in parts if name != "score")
    columns = {pair_on: frame["pair"], "variant": frame["variant"], "score": frame["score"]}
    for name in names:
        values = [parts.get(name) if parts else None for parts in found]
        is_number = all(value is None or isinstance(value, float) for value in values)
        own = f"part.{name}" if name in columns else name
        columns[own] = pd.Series(values, dtype="float64") if is_number else object_series(values)
    return pd.DataFrame(columns)


def column_score(score: Any, columns: Container[str]) -> Any:
    """Return a score that is the name of one of these columns, and no text, as the text; anything else as it is."""
    named = arguments.column_text(score)
    return named if isinstance(named, str) and named in columns else score


def check_columns(score: Any, columns: Collection[str]) -> None:
    """Raise where a score reads a column that a batch of rows with these columns will not have, before a call is paid.

    What a function reads is not known, and which parts an output has (``out.<name>``) only answers tell. A table
    without rows may have no columns either.

    Raises
    ------
    InputError
        With the nearest name.
    """
    sources = dict.fromkeys(map(source_name, columns))
    there = dict.fromkeys([*(column.name for column in COLUMNS), *sources])
    for member in getattr(score, "members", ()):
        check_columns(member, columns)
    for name in (score,) if isinstance(score, str) else getattr(score, "columns", None) or ():
        if not columns or name in there or name.startswith(OUT):
            continue
        if isinstance(score, str):
            raise InputError(no_column(name, list(there), "score"))
        expected_in(sources, name)


def _seconds(run: Run | None) -> float:
    return run.elapsed_s if run is not None and run.ok and run.elapsed_s else float("nan")


def _using(score: Score, found: Sequence[Observation]) -> tuple[Any, str]:
    if score is None and not any(EXPECTED in o.row for o in found[:1]):
        return None, ""
    if score is None:
        score = exact()
    score = column_score(score, found[0].row if found else ())
    if isinstance(score, str):
        return ColumnScorer(score, found), score
    if not hasattr(score, "score_all") and not hasattr(score, "members") and not hasattr(score, "is_async"):
        score = scorer_of(score)
    return score, str(getattr(score, "name", "score"))


class ColumnScorer:
    """A column that holds scores already.

    Raises
    ------
    InputError
        It is not there, or holds no scores at all.
    """

    def __init__(self, column: str, found: Sequence[Observation]) -> None:
        self.name = column
        self.lower_is_better = column in LOWER
        if found and column not in found[0].row and all(_cell(o, column) is None for o in found):
            if column in READY:
                raise InputError(f"score={column!r} is no column; for the ready scorer give fh.score.{column}(...)")
            raise InputError(no_column(column, list(found[0].row), "score"))
        values = [value for o in found if o.completed and (value := _cell(o, column)) is not None]
        if values and all(number_of(v) is None for v in values):
            raise InputError(f"the column {column!r} holds no scores (the first is {short(values[0])}); give numbers")

    def score_all(self, found: Sequence[Observation], *, fresh: bool) -> list[Result]:
        """Return the column's scores of completed runs."""
        return [result_of(_cell(o, self.name)) if o.completed else NO_SCORE for o in found]


def _cell(seen: Observation, column: str) -> Any:
    """Return what a run has in a column; a key of the output counts also where it has no column in the table."""
    if column in seen.row or not column.startswith(OUT) or seen.run is None:
        return seen.row.get(column)
    output = seen.run.output
    return output.get(column.removeprefix(OUT)) if isinstance(output, Mapping) else None
