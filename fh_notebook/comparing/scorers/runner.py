"""Score runs with a scorer, sync or async, save the scores, and return a table with one row for each run.

A run with a saved score is not scored again; what is computed is saved, also when scoring is interrupted. An async
scorer runs on the background loop, with the concurrency that it declares. A scorer that raises, or returns no score,
gives a missing score with its error, never zero. Only completed runs are scored, by a function or by a column; failed
runs are counted.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import starmap
from typing import Any, Final

import pandas as pd

from fh_notebook.batching.planning import garbage_collection
from fh_notebook.batching.tables.frames import COLUMNS, source_name
from fh_notebook.batching.tables.rows import EXPECTED
from fh_notebook.batching.tables.values import object_series
from fh_notebook.comparing.scorers.base import (
    NO_SCORE,
    Answer,
    AnswerCells,
    Scorer,
    ScoreResult,
    error_result,
    expected_in,
    number_of,
    score_result,
)
from fh_notebook.comparing.scorers.cache import ScoreCache
from fh_notebook.comparing.scorers.combined import Combined
from fh_notebook.comparing.scorers.function import scorer_of, versioned
from fh_notebook.comparing.scorers.observations import (
    MISSING,
    Observation,
    Observations,
    unknown_column,
)
from fh_notebook.comparing.scorers.registry import READY, exact
from fh_notebook.contract.run import Run
from fh_notebook.core import arguments, event_loop
from fh_notebook.core.config import resolution
from fh_notebook.core.text.formatting import short
from fh_notebook.errors import InputError
from fh_notebook.session import session

WINDOW: Final = 5_000
"""Number of runs whose stored scores are read together, and whose new scores are then stored."""


def results(scorer: Any, observations: Sequence[Observation], *, fresh: bool = False) -> list[ScoreResult]:
    """Return the results of all runs, in their order; those of runs that did not complete are `NO_SCORE`."""
    observations = Observations.of(observations)
    if isinstance(scorer, str):
        if observations and scorer not in observations.names:
            raise _unknown_score(scorer, observations.names)
        return _results_of_cells(observations, observations.cells(scorer, None))
    if isinstance(scorer, Combined):
        columns = [results(member, observations, fresh=fresh) for member in scorer.members]
        return [
            scorer.combine(parts) if observations.is_completed(index) else NO_SCORE
            for index, parts in enumerate(zip(*columns, strict=True))
        ]
    if hasattr(scorer, "score_all"):
        score_list: list[ScoreResult] = scorer.score_all(observations, fresh=fresh)
        return score_list
    return _score_each(scorer, observations, fresh)


def _results_of_cells(observations: Observations, cells: Sequence[Any]) -> list[ScoreResult]:
    return [score_result(cell) if observations.is_completed(index) else NO_SCORE for index, cell in enumerate(cells)]


def pinned(score: Any) -> Any:
    """Return a score for repeated use, with its version fixed to the current one.

    The source of a function is not read again for each row of a race, and a worker of a cluster does not have it. A
    scorer without a version is reported here, because a worker cannot report it.
    """
    if isinstance(score, Combined):
        return replace(score, members=[pinned(member) for member in score.members])
    if not callable(score) or hasattr(score, "score_all"):
        return score
    scorer = versioned(score if isinstance(score, Scorer) else scorer_of(score))
    _warn_not_cached(scorer)
    return replace(scorer, hashed=None, unversioned="")


def _score_each(scorer: Scorer, observations: Observations, fresh: bool) -> list[ScoreResult]:
    results_by_index = [NO_SCORE] * len(observations)
    completed = [index for index in range(len(observations)) if observations.is_completed(index)]
    scorer = versioned(scorer)
    call = _call_of(scorer, observations)
    if scorer.version is None:
        _warn_not_cached(scorer)
        _compute_scores(scorer, call, completed, results_by_index)
        return results_by_index
    cache = ScoreCache(scorer, observations)
    try:
        for start in range(0, len(completed), WINDOW):
            _score_window(scorer, call, completed[start : start + WINDOW], results_by_index, cache, fresh)
    finally:
        cache.wait_for_writes()
    return results_by_index


def _warn_not_cached(scorer: Scorer) -> None:
    if scorer.unversioned and resolution.store_path() is not None:
        session.tell_once(
            f"Scores of {short(scorer.name)} are not saved: {scorer.unversioned}. To save them, give the function "
            'a version, and a new one when it changes: fh.score.scorer(..., version="1").'
        )


Call = Callable[[int], Any]
"""Calls a scorer with one of the runs, by its place, and returns what it gave, or an error's result."""


def _score_window(
    scorer: Scorer,
    call: Call,
    indices: Sequence[int],
    score_list: list[ScoreResult],
    cache: ScoreCache,
    fresh: bool,
) -> None:
    """Read the stored scores of the runs at `indices`, score the other runs, and store the new scores."""
    with garbage_collection.paused():
        keys = cache.keys_of(indices)
        stored = [None] * len(indices) if fresh else cache.lookup(keys)
    open_keys = {index: key for index, key, result in zip(indices, keys, stored, strict=True) if result is None}
    for index, result in zip(indices, stored, strict=True):
        if result is not None:
            score_list[index] = result
    done: list[int] = []
    try:
        _compute_scores(scorer, call, list(open_keys), score_list, done)
    finally:
        cache.save([(open_keys[index], score_list[index]) for index in done])


def _compute_scores(
    scorer: Scorer,
    call: Call,
    indices: Sequence[int],
    score_list: list[ScoreResult],
    done: list[int] | None = None,
) -> None:
    """Score the runs at `indices`, and append the scored ones to `done`."""
    scored = done if done is not None else []
    remaining = iter(indices)
    if not scorer.is_async:
        for index in remaining:
            value = call(index)
            if inspect.isawaitable(
                value
            ):  # a plain function that returns awaitables: the remaining runs are scored on the loop
                event_loop.run(_gather_scores(scorer, call, remaining, score_list, scored, first=(index, value)))
                return
            score_list[index] = _read_result(value)
            scored.append(index)
    elif indices:
        event_loop.run(_gather_scores(scorer, call, remaining, score_list, scored))


def _call_of(scorer: Scorer, observations: Observations) -> Call:
    """Return what calls a scorer: with cells where it says what it reads, else with a run and its row."""
    read = _cells_read if scorer.columns is not None else _whole_read
    arguments_of = read(scorer, observations)

    def call(index: int) -> Any:
        try:
            return scorer.function(*arguments_of(index))
        except Exception as exc:  # a user's function may raise anything
            return error_result(exc)

    return call


def _whole_read(scorer: Scorer, observations: Observations) -> Callable[[int], tuple[Run, Mapping[str, Any]]]:
    def read(index: int) -> tuple[Run, Mapping[str, Any]]:
        observation = observations[index]  # a user's function gets a dict, which is its own
        return observation.answer, dict(observation.row) if scorer.reads_row else observation.row

    return read


def _cells_read(scorer: Scorer, observations: Observations) -> Callable[[int], tuple[Answer, Mapping[str, Any]]]:
    name = scorer.columns[0] if scorer.columns else None
    cells = observations.cells(name, MISSING) if name is not None else None

    def read(index: int) -> tuple[Answer, Mapping[str, Any]]:
        answer = AnswerCells(observations.outputs[index], observations.elapsed_s[index], observations.variants[index])
        if name is None or cells is None:
            return answer, {}
        cell = cells[index]
        return answer, {name: cell} if cell is not MISSING else observations[index].row  # whose names a hint lists

    return read


def _read_result(value: Any) -> ScoreResult:
    try:
        return score_result(value)
    except Exception as exc:  # an object of a user's class may raise when it is read
        return error_result(exc)


async def _gather_scores(
    scorer: Scorer,
    call: Call,
    indices: Iterator[int],
    score_list: list[ScoreResult],
    done: list[int],
    first: tuple[int, Awaitable[Any]] | None = None,
) -> None:
    """Score with as many tasks as the scorer allows; cancelling ends all of them."""

    async def settle(index: int, value: Any) -> None:
        try:
            score_list[index] = _read_result(await value if inspect.isawaitable(value) else value)
        except Exception as exc:
            score_list[index] = error_result(exc)
        done.append(index)

    async def work(first_call: tuple[int, Awaitable[Any]] | None) -> None:
        if first_call is not None:
            await settle(*first_call)
        for index in indices:
            await settle(index, call(index))

    async with asyncio.TaskGroup() as group:
        for number in range(scorer.max_concurrency):
            group.create_task(work(first if number == 0 else None))


Score = str | Callable[..., Any] | None


OUTPUT_PREFIX: Final = "out."
"""Prefix of the columns that are parts of an output."""

LOWER_IS_BETTER: Final = frozenset({"elapsed_s", "attempts"})
"""Columns of a batch of which less is better; for other columns only the user knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptScores:
    """The scores of runs of which only some changed."""

    lines: pd.DataFrame
    """The scored runs, as `score_runs` returns them."""
    changed: Sequence[int]
    """The places of the runs that are to be scored again."""

    def results(self, scorer: Any, observations: Sequence[Observation]) -> list[ScoreResult]:
        """Return the results of all runs: the saved ones, and those of the changed runs by the scorer."""
        columns = (self.lines[name] for name in ("score", "score_error", "parts"))
        score_list = list(starmap(ScoreResult, zip(*columns, strict=True)))
        places = self._with_their_rows(observations) if _scores_pairs(scorer) else self.changed
        again = results(scorer, [observations[place] for place in places])
        for place, result in zip(places, again, strict=True):
            score_list[place] = result
        return score_list

    def _with_their_rows(self, observations: Sequence[Observation]) -> list[int]:
        pairs = Observations.of(observations).pairs
        changed_pairs = {pairs[place] for place in self.changed}
        return [place for place, pair in enumerate(pairs) if pair in changed_pairs]


def _scores_pairs(scorer: Any) -> bool:
    """Whether the score of a run depends on the other runs of its row: of a judge of pairs, or one of its parts."""
    return bool(getattr(scorer, "pairwise", False)) or any(map(_scores_pairs, getattr(scorer, "members", ())))


def score_runs(
    observations: Sequence[Observation], score: Score, *, fresh: bool = False, kept: KeptScores | None = None
) -> tuple[pd.DataFrame, str]:
    """Return one line a run with its score, and the name of the scorer."""
    observations = Observations.of(observations)
    using, name = _resolve_score(score, observations)
    if using is None:
        score_list = [NO_SCORE] * len(observations)
    elif kept is None:
        score_list = results(using, observations, fresh=fresh)
    else:
        score_list = kept.results(using, observations)
    frame = pd.DataFrame(
        {
            "pair": object_series(observations.pairs),
            "variant": object_series(observations.variants),
            "status": object_series(observations.statuses),
            "output": object_series(observations.outputs),
            "seconds": _seconds(observations),
            "score": pd.Series([r.score for r in score_list], dtype="float64"),
            "score_error": object_series([r.error for r in score_list]),
            "parts": object_series([r.parts for r in score_list]),
        }
    )
    frame.attrs["lower_is_better"] = bool(getattr(using, "lower_is_better", False))
    frame.attrs["path"] = str(getattr(using, "path", ""))
    frame.attrs["criterion"] = str(getattr(using, "criterion", ""))
    frame.attrs["bounds"] = getattr(using, "bounds", None)
    frame.attrs["notes"] = notes_of_scorer(using) if kept is None else kept.lines.attrs["notes"]
    return frame, name


def notes_of_scorer(scorer: Any) -> list[str]:
    """Return the notes of a scorer and of its members."""
    members = [note for member in getattr(scorer, "members", ()) for note in notes_of_scorer(member)]
    return [*getattr(scorer, "notes", ()), *members]


def parts_table(frame: pd.DataFrame, pair_on: str) -> pd.DataFrame:
    """Return the parts of the scores, one line a run: the pair, ``variant``, ``score``, then a column a part."""
    parts_of_runs = frame["parts"] if "parts" in frame else [None] * len(frame)  # a column of scores has none
    names = dict.fromkeys(name for parts in parts_of_runs if parts for name in parts if name != "score")
    columns = {pair_on: frame["pair"], "variant": frame["variant"], "score": frame["score"]}
    for name in names:
        values = [parts.get(name) if parts else None for parts in parts_of_runs]
        is_number = all(value is None or isinstance(value, float) for value in values)
        column = f"part.{name}" if name in columns else name
        columns[column] = pd.Series(values, dtype="float64") if is_number else object_series(values)
    return pd.DataFrame(columns)


def column_score(score: Any, columns: Container[str]) -> Any:
    """Return a score that names one of these columns without being a text as a text; any other score unchanged."""
    column_text = arguments.column_text(score)
    return column_text if isinstance(column_text, str) and column_text in columns else score


def check_columns(score: Any, columns: Collection[str]) -> None:
    """Raise where a score reads a column that a batch of rows with these columns will not have, before any call.

    The columns that a function reads are not known, nor are the parts of an output (``out.<name>``) before the first
    answer. A table without rows may have no columns.
    """
    sources = dict.fromkeys(map(source_name, columns))
    if columns:
        _check_reads(score, sources, there=dict.fromkeys([*(column.name for column in COLUMNS), *sources]))


def check_names(score: Any, names: Collection[str]) -> None:
    """Raise where a scorer reads a column that runs with these names of columns do not have.

    What a function reads is not known, and a name of a column is looked for in outputs, too, when it is scored by.
    """
    if _is_scorer(score):
        _check_reads(score, dict.fromkeys(names), there=names)


def _check_reads(score: Any, sources: Mapping[str, Any], *, there: Collection[str]) -> None:
    if score is not None and not isinstance(score, str) and not _is_scorer(score):
        score = scorer_of(score)
    for member in getattr(score, "members", ()):
        _check_reads(member, sources, there=there)
    for name in (score,) if isinstance(score, str) else getattr(score, "columns", None) or ():
        if name in there or name.startswith(OUTPUT_PREFIX):
            continue
        if isinstance(score, str):
            raise _unknown_score(name, list(there))
        try:
            expected_in(sources, name)
        except InputError as exc:
            raise InputError(f"score {score.name}: {exc}") from None


def _is_scorer(score: object) -> bool:
    """Whether it is a scorer: a ready one, a combined one, or a judge; a function or another object is none."""
    return any(hasattr(score, name) for name in ("score_all", "members", "is_async"))


def _seconds(observations: Observations) -> pd.Series[float]:
    seconds = pd.Series(observations.elapsed_s, dtype="float64")
    return seconds.where((pd.Series(observations.statuses, dtype="object") == "completed") & (seconds != 0))


def _resolve_score(score: Score, observations: Observations) -> tuple[Any, str]:
    if score is None and not any(cell is not MISSING for cell in observations.cells(EXPECTED, MISSING)[:1]):
        return None, ""
    if score is None:
        score = exact()
    score = column_score(score, observations.names)
    if isinstance(score, str):
        return ColumnScorer(score, observations), score
    if not _is_scorer(score):
        score = scorer_of(score)
    return score, str(getattr(score, "name", "score"))


class ColumnScorer:
    """A scorer that reads the scores from a column.

    Raises
    ------
    InputError
        The column does not exist, or holds no scores.
    """

    def __init__(self, column: str, observations: Observations) -> None:
        self.name = column
        self.lower_is_better = column in LOWER_IS_BETTER
        cells = _cells_of_runs(observations, column)
        if observations and column not in observations.names and all(cell is None for cell in cells):
            raise _unknown_score(column, observations.names)
        values = [cell for index, cell in enumerate(cells) if cell is not None and observations.is_completed(index)]
        if values and all(number_of(v) is None for v in values):
            raise InputError(f"the column {column!r} holds no scores (the first is {short(values[0])}); give numbers")

    def score_all(self, observations: Sequence[Observation], *, fresh: bool) -> list[ScoreResult]:
        """Return the column's scores of completed runs."""
        runs = Observations.of(observations)
        return _results_of_cells(runs, _cells_of_runs(runs, self.name))


def _cells_of_runs(observations: Observations, column: str) -> list[Any]:
    """Return the values of the runs in a column; a key of the output counts also without a column in the table."""
    cells = observations.cells(column, MISSING)
    part = column.removeprefix(OUTPUT_PREFIX)
    if part == column:
        return [None if cell is MISSING else cell for cell in cells]
    return [
        cell if cell is not MISSING else output.get(part) if isinstance(output, Mapping) else None
        for cell, output in zip(cells, observations.outputs, strict=True)
    ]


def _unknown_score(name: str, columns: Iterable[str]) -> InputError:
    """Return the error of a score that is no column; the name of a built-in scorer is told as such."""
    if name in READY:
        return InputError(f"score={name!r} is not a column; for the built-in scorer give fh.score.{name}(...)")
    return InputError(unknown_column(name, columns, "score"))
