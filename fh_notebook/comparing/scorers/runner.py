"""Score runs with a scorer, cached, sync or async, and return a table of one line a run.

What is cached is not scored again, and what was computed is cached, also when scoring is interrupted. An async scorer
runs on the background loop, with the concurrency that it declares. A scorer that raises, or returns no score, gives a
missing score with its error, never zero. Only completed runs are scored, by a function or by a column; failed runs are
counted.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Collection, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pandas as pd

from fh_notebook.batching.tables.frames import COLUMNS, source_name
from fh_notebook.batching.tables.rows import EXPECTED
from fh_notebook.batching.tables.values import object_series
from fh_notebook.comparing.scorers.base import NO_SCORE, Result, Scorer, error_result, expected_in, number_of, result_of
from fh_notebook.comparing.scorers.cache import ScoreCache
from fh_notebook.comparing.scorers.combined import Combined
from fh_notebook.comparing.scorers.function import scorer_of, versioned
from fh_notebook.comparing.scorers.observations import Observation, observations, unknown_column
from fh_notebook.comparing.scorers.registry import READY, exact
from fh_notebook.contract.run import Run
from fh_notebook.core import arguments
from fh_notebook.core.config import resolution
from fh_notebook.core.runtime import event_loop
from fh_notebook.core.text.formatting import short
from fh_notebook.errors import InputError
from fh_notebook.session import session

__all__ = [
    "LOWER_IS_BETTER",
    "OUTPUT_PREFIX",
    "Observation",
    "Score",
    "check_columns",
    "column_score",
    "observations",
    "parts_table",
    "pinned",
    "results",
    "score_runs",
]


WINDOW: Final = 5_000
"""Runs whose kept scores are looked up together, and after which what was computed is kept."""


def results(scorer: Any, found: Sequence[Observation], *, fresh: bool = False) -> list[Result]:
    """Return the results of all runs, in their order; those of runs that did not complete are `NO_SCORE`.

    Parameters
    ----------
    scorer : Scorer, Combined, judge, or name of a column
        What scores. One that scores all runs together has ``score_all(found, fresh=...)``.
    found : list of Observation
        The runs.
    fresh : bool
        Whether kept scores are left aside.
    """
    if isinstance(scorer, str):
        if found and scorer not in found[0].row:
            raise InputError(unknown_column(scorer, list(found[0].row), "score"))
        return [result_of(o.row.get(scorer)) if o.completed else NO_SCORE for o in found]
    if isinstance(scorer, Combined):
        columns = [results(member, found, fresh=fresh) for member in scorer.members]
        return [
            scorer.combine(parts) if o.completed else NO_SCORE
            for o, parts in zip(found, zip(*columns, strict=True), strict=True)
        ]
    if hasattr(scorer, "score_all"):
        whole: list[Result] = scorer.score_all(found, fresh=fresh)
        return whole
    return _of_each(scorer, found, fresh)


def pinned(score: Any) -> Any:
    """Return a score that is given many times, with the version that it has now.

    A function's source is not read again for each row of a race, and a worker of a cluster does not have it. What has
    no version is told here: a worker cannot.
    """
    if isinstance(score, Combined):
        return replace(score, members=[pinned(member) for member in score.members])
    if not callable(score) or hasattr(score, "score_all"):
        return score
    scorer = versioned(score if isinstance(score, Scorer) else scorer_of(score))
    _tell_not_kept(scorer)
    return replace(scorer, hashed=None, unversioned="")


def _of_each(scorer: Scorer, found: Sequence[Observation], fresh: bool) -> list[Result]:
    said = [NO_SCORE] * len(found)
    open_places = [place for place, o in enumerate(found) if o.completed]
    scorer = versioned(scorer)
    if scorer.version is None:
        _tell_not_kept(scorer)
        _compute(scorer, found, open_places, said)
        return said
    keeper = ScoreCache(scorer)
    try:
        for start in range(0, len(open_places), WINDOW):
            _of_window(scorer, found, open_places[start : start + WINDOW], said, keeper, fresh)
    finally:
        keeper.settle()
    return said


def _tell_not_kept(scorer: Scorer) -> None:
    if scorer.unversioned and resolution.store_path() is not None:
        session.tell_once(
            f"Scores of {short(scorer.name)} are not kept: {scorer.unversioned}. To keep them, give the function a "
            f'version, and another one when it changes: fh.score.scorer(..., version="1").'
        )


def _of_window(
    scorer: Scorer,
    found: Sequence[Observation],
    places: Sequence[int],
    said: list[Result],
    keeper: ScoreCache,
    fresh: bool,
) -> None:
    """Look up what is kept of the runs at `places`, score the others, and keep what came of it."""
    marks = keeper.marks_of([found[place] for place in places])
    kept = [None] * len(places) if fresh else keeper.known(marks)
    open_marks = {place: mark for place, mark, result in zip(places, marks, kept, strict=True) if result is None}
    for place, result in zip(places, kept, strict=True):
        if result is not None:
            said[place] = result
    done: list[int] = []
    try:
        _compute(scorer, found, list(open_marks), said, done)
    finally:
        keeper.keep([(open_marks[place], said[place]) for place in done])


def _compute(
    scorer: Scorer,
    found: Sequence[Observation],
    places: Sequence[int],
    said: list[Result],
    done: list[int] | None = None,
) -> None:
    """Score the runs at `places`, and note in `done` which have been."""
    noted = done if done is not None else []
    waiting = iter(places)
    if not scorer.is_async:
        for place in waiting:
            value = _called(scorer, found[place])
            if inspect.isawaitable(value):  # a plain function that gives coroutines: the rest is asked on the loop
                event_loop.run(_gather(scorer, found, waiting, said, noted, first=(place, value)))
                return
            said[place] = _read(value)
            noted.append(place)
    elif places:
        event_loop.run(_gather(scorer, found, waiting, said, noted))


def _called(scorer: Scorer, observation: Observation) -> Any:
    try:
        return scorer.function(observation.answer, observation.row)
    except Exception as exc:  # somebody else's function may raise anything
        return error_result(exc)


def _read(value: Any) -> Result:
    try:
        return result_of(value)
    except Exception as exc:  # an object of somebody's may raise when it is looked at
        return error_result(exc)


async def _gather(
    scorer: Scorer,
    found: Sequence[Observation],
    places: Iterator[int],
    said: list[Result],
    done: list[int],
    first: tuple[int, Awaitable[Any]] | None = None,
) -> None:
    """Score with so many workers as the scorer admits; a cancel ends them all."""

    async def settle(place: int, value: Any) -> None:
        try:
            said[place] = _read(await value if inspect.isawaitable(value) else value)
        except Exception as exc:
            said[place] = error_result(exc)
        done.append(place)

    async def work(own: tuple[int, Awaitable[Any]] | None) -> None:
        if own is not None:
            await settle(*own)
        for place in places:
            await settle(place, _called(scorer, found[place]))

    async with asyncio.TaskGroup() as group:
        for number in range(scorer.max_concurrency):
            group.create_task(work(first if number == 0 else None))


Score = str | Callable[..., Any] | None


OUTPUT_PREFIX: Final = "out."
"""What begins the name of a part of an output."""

LOWER_IS_BETTER: Final = frozenset({"elapsed_s", "attempts"})
"""Columns that a batch measures, of which less is better; what more is of any other one is for the user to know."""


def score_runs(found: Sequence[Observation], score: Score, *, fresh: bool = False) -> tuple[pd.DataFrame, str]:
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
        With the nearest name; or the score is nothing that scores.
    """
    if score is not None and not isinstance(score, str) and not _is_scorer(score):
        score = scorer_of(score)
    sources = dict.fromkeys(map(source_name, columns))
    there = dict.fromkeys([*(column.name for column in COLUMNS), *sources])
    for member in getattr(score, "members", ()):
        check_columns(member, columns)
    for name in (score,) if isinstance(score, str) else getattr(score, "columns", None) or ():
        if not columns or name in there or name.startswith(OUTPUT_PREFIX):
            continue
        if isinstance(score, str):
            raise InputError(unknown_column(name, list(there), "score"))
        expected_in(sources, name)


def _is_scorer(score: object) -> bool:
    """Whether it is a scorer already: one of ours, several in one, or a judge; not a function, nor another object."""
    return any(hasattr(score, name) for name in ("score_all", "members", "is_async"))


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
    if not _is_scorer(score):
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
        self.lower_is_better = column in LOWER_IS_BETTER
        if found and column not in found[0].row and all(_cell(o, column) is None for o in found):
            if column in READY:
                raise InputError(f"score={column!r} is no column; for the ready scorer give fh.score.{column}(...)")
            raise InputError(unknown_column(column, list(found[0].row), "score"))
        values = [value for o in found if o.completed and (value := _cell(o, column)) is not None]
        if values and all(number_of(v) is None for v in values):
            raise InputError(f"the column {column!r} holds no scores (the first is {short(values[0])}); give numbers")

    def score_all(self, found: Sequence[Observation], *, fresh: bool) -> list[Result]:
        """Return the column's scores of completed runs."""
        return [result_of(_cell(o, self.name)) if o.completed else NO_SCORE for o in found]


def _cell(seen: Observation, column: str) -> Any:
    """Return what a run has in a column; a key of the output counts also where it has no column in the table."""
    if column in seen.row or not column.startswith(OUTPUT_PREFIX) or seen.run is None:
        return seen.row.get(column)
    output = seen.run.output
    return output.get(column.removeprefix(OUTPUT_PREFIX)) if isinstance(output, Mapping) else None
