"""Many runs through one scorer: kept scores looked up, the others computed, and kept.

Rule of this file: what was scored is not scored again, and what was computed is kept, also when it is cut short. An
async scorer runs on the background loop, so many runs at once as it says.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from fh_notebook import loop, precedence, session
from fh_notebook.comparing.scorer_base import NO_SCORE, Result, Scorer, error_result, result_of
from fh_notebook.comparing.scorer_combined import Combined
from fh_notebook.comparing.scorer_function import scorer_of
from fh_notebook.comparing.scorer_kept import Keeper
from fh_notebook.comparing.scorer_version import versioned
from fh_notebook.comparing.scoring_source import Observation, no_column
from fh_notebook.contract.spell import short
from fh_notebook.errors import InputError

__all__ = ["pinned", "results"]

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
            raise InputError(no_column(scorer, list(found[0].row), "score"))
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
    keeper = Keeper(scorer)
    try:
        for start in range(0, len(open_places), WINDOW):
            _of_window(scorer, found, open_places[start : start + WINDOW], said, keeper, fresh)
    finally:
        keeper.settle()
    return said


def _tell_not_kept(scorer: Scorer) -> None:
    if scorer.unversioned and precedence.store_path() is not None:
        session.tell_once(
            f"Scores of {short(scorer.name)} are not kept: {scorer.unversioned}. To keep them, give the function a "
            f'version, and another one when it changes: fh.score.scorer(..., version="1").'
        )


def _of_window(
    scorer: Scorer,
    found: Sequence[Observation],
    places: Sequence[int],
    said: list[Result],
    keeper: Keeper,
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
                loop.run(_gather(scorer, found, waiting, said, noted, first=(place, value)))
                return
            said[place] = _read(value)
            noted.append(place)
    elif places:
        loop.run(_gather(scorer, found, waiting, said, noted))


def _called(scorer: Scorer, observation: Observation) -> Any:
    try:
        return scorer.function(observation.answer, observation.row)
    except Exception as broken:  # somebody else's function may raise anything
        return error_result(broken)


def _read(value: Any) -> Result:
    try:
        return result_of(value)
    except Exception as broken:  # an object of somebody's may raise when it is looked at
        return error_result(broken)


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
        except Exception as broken:
            said[place] = error_result(broken)
        done.append(place)

    async def work(own: tuple[int, Awaitable[Any]] | None) -> None:
        if own is not None:
            await settle(*own)
        for place in places:
            await settle(place, _called(scorer, found[place]))

    async with asyncio.TaskGroup() as group:
        for number in range(scorer.max_concurrency):
            group.create_task(work(first if number == 0 else None))
