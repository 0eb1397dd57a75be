"""`ScoreSet`: the scores of the runs of one source; add a score, score again, and group by a column.

Scores stay as they are until `rescore` is called, and scoring again repeats no call unless ``fresh=True`` says so. The
runs stay the same until the source is read again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakMethod

import pandas as pd

from fh_notebook.batching.tables.expected_overlay import Correction
from fh_notebook.comparing.corrections import planned_corrections
from fh_notebook.comparing.data import ComparisonData, ScoredRuns, counted_lines
from fh_notebook.comparing.scorers.base import Scorer
from fh_notebook.comparing.scorers.function import scorer
from fh_notebook.comparing.scorers.observations import Observations, corrected_observations
from fh_notebook.comparing.scorers.runner import KeptScores, Score
from fh_notebook.comparing.sources import as_frames, read_named_sources, read_source, score_observations
from fh_notebook.comparing.tables import label_series
from fh_notebook.core.text.formatting import nearest, short
from fh_notebook.core.values import ColumnName, utc_now
from fh_notebook.errors import FetchHiveError, InputError
from fh_notebook.session import session


class ScoreSet:
    """The scores of the runs of one source.

    Parameters
    ----------
    source : Batch, DataFrame, list, or mapping
        The source of the runs; a running batch can be read again.
    score : str, function or None
        The scorer.
    data : ComparisonData
        The runs by this score.
    runs : ScoredRuns, optional
        The runs that other scorers score; by default those of `data`.

    Attributes
    ----------
    data : ComparisonData
        The runs by the comparison's own score.
    """

    def __init__(self, source: Any, score: Score, data: ComparisonData, *, runs: ScoredRuns | None = None) -> None:
        self.source = source
        self.data = data
        self._runs = data.runs if runs is None else runs
        self._scores: dict[str, Score] = {data.scorer: score}
        self._others: dict[str, ScoredRuns] = {}
        self._lock = threading.RLock()
        """Held by whoever changes the set: a cell, and pages that correct, each on a thread of its own."""
        self._listeners: list[WeakMethod[Callable[[], object]]] = []

    @classmethod
    def of(cls, source: Any, score: Score, *, pair_on: ColumnName, failed: str) -> ScoreSet:
        """Read a source, and score it."""
        source = as_frames(source)
        runs = _read_runs(source, score, pair_on=pair_on)
        return cls(source, score, ComparisonData(runs=runs, pair_on=pair_on, failed=failed))

    def beside(self, data: ComparisonData, score: Score) -> ScoreSet:
        """Return a set of the same runs with the scores of `data`; it reads the source independently."""
        return ScoreSet(self.source, score, data, runs=self._runs)

    def copy(self) -> ScoreSet:
        """Return an independent set by the same score."""
        return self.beside(self.data, self.own_score)

    @property
    def own_score(self) -> Score:
        """The comparison's own scorer, as given."""
        return self._scores.get(self.data.scorer)

    def add(self, score: Any, *, name: str | None, version: str | int | None) -> None:
        """Score the same runs by one more scorer (see ``Comparison.add_score``)."""
        with self._lock:
            self._add(_with_version(score, name, version), name)

    def _add(self, versioned_score: Any, name: str | None) -> None:
        runs = self._score_runs(versioned_score)
        score_name = name or runs.scorer
        if score_name in self._scores and self.data.scorer:
            raise InputError(
                f"the score {short(score_name)} already exists; give name=, or score it again with cmp.rescore()"
            )
        if not self.data.scorer:
            self.data = self._comparison_data(runs, score_name)
            self._scores = {score_name: versioned_score}
        else:
            self._scores[score_name] = versioned_score
            self._others[score_name] = replace(runs, scorer=score_name)

    def rescore(self, score: Any, *, version: str | int | None, fresh: bool) -> None:
        """Read the source again, and score what is new (see ``Comparison.rescore``)."""
        with self._lock:
            self._rescore(score, version=version, fresh=fresh)

    def _rescore(self, score: Any, *, version: str | int | None, fresh: bool) -> None:
        self._check_is_scored()
        if score is None:
            self.reread(self.own_score, fresh=fresh)
        else:
            versioned_score = _with_version(score, None, version)
            runs = self._score_runs(versioned_score, fresh=fresh, reread=True)
            before, self.data = self.data, self._comparison_data(runs, runs.scorer)
            other_scores = {
                name: other_score
                for name, other_score in self._scores.items()
                if name not in (before.scorer, runs.scorer)
            }
            self._scores = {runs.scorer: versioned_score, **other_scores}
            self._others.pop(runs.scorer, None)
        for name in list(self._others):  # of the same runs as the first
            self._others[name] = replace(self._score_runs(self._scores[name], fresh=fresh), scorer=name)

    def reread(self, score: Any, *, fresh: bool = False) -> None:
        """Read the source again, and score it by `score` under the name of the comparison's own."""
        with self._lock:
            runs = replace(self._score_runs(score, fresh=fresh, reread=True), scorer=self.data.scorer)
            self.data = replace(self.data, runs=runs, preferences=None)

    def subscribe(self, listener: Callable[[], object]) -> None:
        """Have a method called after each correction, on the thread that corrects, while its object is in use."""
        self._listeners.append(WeakMethod(listener, self._listeners.remove))

    def correct(self, row: Any, expected: Any, *, note: str, author: str) -> None:
        """Correct the expected output of a row, and score it again (see ``Comparison.correct``)."""
        self._check_is_scored()
        before = self.data
        try:
            with self._lock:
                self._correct(row, expected, note=note, author=author)
        finally:
            if self.data is not before:
                for listener in [*self._listeners]:
                    if (method := listener()) is not None:
                        method()

    def _correct(self, row: Any, expected: Any, *, note: str, author: str) -> None:
        self._apply_corrections()  # another comparison may have corrected it since
        rows = planned_corrections(self._runs, row, expected, note=note, author=author, now=utc_now())
        session.store_or_memory().corrections.add(rows).result()
        problem = ""
        try:
            self._apply_corrections()
        except FetchHiveError as exc:
            problem = str(exc)
        if problem:
            raise InputError(f"the correction is saved, but not scored: {problem}; cmp.rescore() scores it")

    def _apply_corrections(self) -> None:
        """Read the saved corrections again, and score the rows whose expected output they change.

        The other rows keep their scores: neither a function nor a judge is asked again.
        """
        before = self._runs.observations
        if before is None:
            return
        observations = corrected_observations(before)
        corrected = sorted({*before.corrections, *observations.corrections})
        changed = [
            place for place in corrected if before.corrections.get(place) is not observations.corrections.get(place)
        ]
        if not changed:
            return
        applied, applied_before = _applied(observations), _applied(before)
        rescored = [place for place in changed if applied.get(place) is not applied_before.get(place)]

        def again(runs: ScoredRuns, score: Score) -> ScoredRuns:
            kept = KeptScores(lines=runs.lines, changed=rescored)
            after = score_observations(observations, score, kept=kept)
            return replace(
                self._runs, lines=after.lines, scorer=runs.scorer, column=after.column, read_cells=after.read_cells,
                expected=after.expected, corrections=after.corrections, observations=after.observations,
            )  # fmt: skip

        own, others = (
            again(self.data.runs, self.own_score),
            {name: again(runs, self._scores[name]) for name, runs in self._others.items()},
        )
        self._runs, self._others = own, others
        self.data = replace(self.data, runs=own)

    def _check_is_scored(self) -> None:
        if self.data.label_grid is not None:
            raise InputError(
                "corrected scores cannot be scored again; rescore the original comparison, then call cmp.corrected()"
            )
        if self.data.rated:
            raise InputError(
                "ratings cannot be scored again; call cmp.rated() of the comparison for the latest ratings"
            )

    def by(self, name: Any) -> ScoreSet:
        """Return the set whose own score is another score of this set (see ``Comparison.by``)."""
        if name not in self._others:
            close = nearest(name, list(self._scores)) if isinstance(name, str) else None
            hint = f"did you mean {close!r}?" if close else f"the scores are {', '.join(map(repr, self._scores))}"
            raise InputError(f"the score {short(name)} does not exist; {hint}")
        return self.beside(self._comparison_data(self._others[name], name), self._scores[name])

    def lines_by_name(self) -> list[tuple[str, pd.DataFrame]]:
        """Return the name and the scored runs of each score, the comparison's own first; nothing has the name ``""``.

        Failed runs count as they do in the comparison, but for a score of which less is better.
        """
        return self.snapshot()[1]

    def snapshot(self) -> tuple[ComparisonData, list[tuple[str, pd.DataFrame]]]:
        """Return what is compared now, with :meth:`lines_by_name` of the same moment: others may correct meanwhile."""
        with self._lock:
            others = [(name, counted_lines(runs, self.data.failed)) for name, runs in self._others.items()]
            return self.data, [(self.data.scorer, self.data.lines), *others]

    def table(self) -> pd.DataFrame:
        """Return all scores, one line a run (see ``Comparison.scores``)."""
        table = {self.data.pair_on: self.data.lines["pair"], "variant": self.data.lines["variant"]}
        for name, lines in self.lines_by_name():
            if name:
                table[name if name not in table else f"score.{name}"] = lines["score"]
        return pd.DataFrame(table)

    def long(self, columns: Sequence[ColumnName]) -> pd.DataFrame:
        """Return all scores, one line a run and score (see ``Comparison.long``)."""
        if not self.data.scorer:
            raise InputError("nothing was scored; give compare(..., score=...)")
        lines, runs = self.data.lines, self.data.runs
        pairs, variants = (label_series(lines[name].tolist()) for name in ("pair", "variant"))
        table = {self.data.pair_on: pairs, "variant": variants, "repeat": label_series(self.data.repeats)}
        taken = {*map(str, table), "scorer", "score"}
        for column in columns:
            cells = runs.column(runs.column_named(column, "of the rows"))
            table[f"in.{column}" if str(column) in taken else column] = label_series([] if cells is None else [*cells])
        parts = [
            pd.DataFrame(table | {"scorer": name, "score": scored["score"].to_numpy(dtype="float64")})
            for name, scored in self.lines_by_name()
        ]
        return pd.concat(parts, ignore_index=True)

    def _score_runs(self, score: Score, *, fresh: bool = False, reread: bool = False) -> ScoredRuns:
        """Return the runs by another score; `reread` reads the source again."""
        if reread or self._runs.observations is None:  # a table that was read as columns has no observations yet
            self._runs = _read_runs(self.source, score, pair_on=self.data.pair_on, fresh=fresh)
            return self._runs
        after = score_observations(self._runs.observations, score, fresh=fresh)
        return replace(self._runs, lines=after.lines, scorer=after.scorer)

    def _comparison_data(self, runs: ScoredRuns, name: str) -> ComparisonData:
        return ComparisonData(runs=replace(runs, scorer=name), pair_on=self.data.pair_on, failed=self.data.failed)


def _applied(runs: Observations) -> dict[int, Correction | None]:
    return {place: standing.applied for place, standing in runs.corrections.items()}


def _read_runs(source: Any, score: Score, *, pair_on: ColumnName, fresh: bool = False) -> ScoredRuns:
    if isinstance(source, Mapping):
        return read_named_sources(source, score=score, pair_on=pair_on, fresh=fresh)
    return read_source(source, score=score, pair_on=pair_on, fresh=fresh)


def _with_version(score: Any, name: str | None, version: str | int | None) -> Any:
    if version is None:
        return score
    if not callable(score) or isinstance(score, Scorer) or hasattr(score, "members") or hasattr(score, "score_all"):
        raise InputError("version= is only for your own functions; leave it out for built-in scorers")
    return scorer(score, name=name, version=version)
