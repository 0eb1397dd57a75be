"""Many runs through one scorer: kept scores looked up, the others computed, and kept.

Rule of this file: what was scored is not scored again, and what was computed is kept, also when it is cut short. An
async scorer runs on the background loop, so many runs at once as it says.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import Any, Final

from fh_notebook import loop, session
from fh_notebook.comparing.scorer_base import NO_SCORE, Result, Scorer, error_result, result_of
from fh_notebook.comparing.scorer_combined import Combined
from fh_notebook.comparing.scoring_source import Observation, no_column
from fh_notebook.contract.canonical import canonical_json
from fh_notebook.errors import InputError, StoreError
from fh_notebook.store.scores import ScoreLine
from fh_notebook.store.store import Store

__all__ = ["results"]

WINDOW: Final = 5_000
"""Runs whose kept scores are looked up together, and after which what was computed is kept."""


def results(scorer: Any, found: Sequence[Observation], *, fresh: bool = False) -> list[Result]:
    """Return the results of all runs, in their order; those of runs that did not complete are `NO_SCORE`.

    Parameters
    ----------
    scorer : Scorer, Combined, judge, or name of a column
        What scores. One that scores all runs together has ``score_all(found, ask)``.
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
        whole: list[Result] = scorer.score_all(found, partial(results, fresh=fresh))
        return whole
    return _of_each(scorer, found, fresh)


def _of_each(scorer: Scorer, found: Sequence[Observation], fresh: bool) -> list[Result]:
    said = [NO_SCORE] * len(found)
    open_places = [place for place, o in enumerate(found) if o.completed]
    if scorer.version is None:
        _compute(scorer, found, open_places, said)
        return said
    keeper = _Keeper(scorer)
    for start in range(0, len(open_places), WINDOW):
        window = open_places[start : start + WINDOW]
        known = {} if fresh else keeper.known([found[place] for place in window])
        left = []
        for place in window:
            kept = known.get(keeper.key_of(found[place]))
            if kept is None:
                left.append(place)
            else:
                said[place] = kept
        done: list[int] = []
        try:
            _compute(scorer, found, left, said, done)
        finally:
            keeper.keep([(found[place], said[place]) for place in done])
    return said


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
    run = observation.run
    assert run is not None  # noqa: S101  # only completed runs come here
    try:
        return scorer.function(run, observation.row)
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
    import asyncio

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


class _Keeper:
    """Looks up and keeps the scores of one version of a scorer."""

    def __init__(self, scorer: Scorer) -> None:
        self._version = scorer.version or ""
        self._reads_row = scorer.reads_row
        self._store = _store()
        self._of: dict[int, str | None] = {}

    def key_of(self, observation: Observation) -> tuple[int, str]:
        """Return under what a score is kept; (0, "") where it cannot be."""
        of = self._hash_of(observation)
        return (observation.line, of) if observation.line and of else (0, "")

    def _hash_of(self, observation: Observation) -> str | None:
        """Hash what else is read: the row, and what tells this answer from another with the same number.

        Lines of a store are numbered anew once all of the last ones were forgotten.
        """
        here = id(observation)
        if here not in self._of:
            run = observation.run
            began = run.started_at.isoformat() if run and run.started_at else ""
            row: Mapping[str, Any] = observation.source() if self._reads_row else {}
            label = [observation.row.get(name) for name in ("row", "variant", "repeat")] if self._reads_row else []
            try:
                spelling = canonical_json([observation.row.get("key"), began, label, row])
                self._of[here] = sha256(spelling.encode()).hexdigest()[:32]
            except (TypeError, ValueError, RecursionError):
                self._of[here] = None  # the row holds what has no JSON form
        return self._of[here]

    def known(self, found: Sequence[Observation]) -> dict[tuple[int, str], Result]:
        """Return the kept scores of these runs."""
        known: dict[tuple[int, str], Result] = {}
        for store, part in self._by_store(found):
            kept = store.scores_by(self._version, {o.line for o in part})
            known |= {key: _result_of_line(line) for key, line in kept.items()}
        return known

    def _by_store(self, found: Iterable[Observation]) -> list[tuple[Store, list[Observation]]]:
        """The runs that are kept, with the store that they are in: a batch out of a file has its own."""
        parts: dict[int, tuple[Store, list[Observation]]] = {}
        for observation in found:
            store = self._store if observation.store is None else observation.store
            if store is not None and observation.line:
                parts.setdefault(id(store), (store, []))[1].append(observation)
        return list(parts.values())

    def keep(self, scored: Sequence[tuple[Observation, Result]]) -> None:
        """Keep scores, but those with an error: they are tried again."""
        results = {id(observation): result for observation, result in scored if result.error is None}
        for store, part in self._by_store(observation for observation, _ in scored if id(observation) in results):
            keys = ((self.key_of(observation), results[id(observation)]) for observation in part)
            lines = [_line_of_result(*key, result) for key, result in keys if key[0]]
            try:
                store.keep_scores(self._version, lines).result()
            except StoreError as broken:
                session.tell_once(f"Scores were not kept: {broken}")  # they are here, and shown


def _store() -> Store | None:
    return session.store()


def _line_of_result(answer: int, of: str, result: Result) -> ScoreLine:
    parts = json.dumps(dict(result.parts)) if result.parts is not None else None
    return ScoreLine(answer, of, None if math.isnan(result.score) else result.score, parts)


def _result_of_line(line: ScoreLine) -> Result:
    parts = json.loads(line.parts) if line.parts is not None else None
    return Result(float("nan") if line.score is None else line.score, None, parts)
