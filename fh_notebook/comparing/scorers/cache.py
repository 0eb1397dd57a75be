"""`ScoreCache`: stored scores of one version of a scorer, looked up and written in bulk.

A score belongs to its run, to the version of its scorer, and to the hash of whatever else the scorer may have read. A
run in the store is identified by its line there, a line of a table by the hash of its content. If the store fails,
scores are computed and shown without it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from fh_notebook.comparing.scorers.base import NO_SCORE, Scorer, ScoreResult
from fh_notebook.comparing.scorers.observations import Observation
from fh_notebook.contract.json_values import canonical_json
from fh_notebook.errors import StoreError
from fh_notebook.session import session
from fh_notebook.store.codec import json_of
from fh_notebook.store.store import Store
from fh_notebook.store.tables.scores import PlainScore, ScoreRow
from fh_notebook.store.writer import Committed

__all__ = ["ScoreCache", "ScoreKey"]

PLAIN_RUN: Final = ("status", "error", "error_code", "elapsed_s", "variant")
"""What a run of a table has besides its output."""


ScoreKey = tuple[int, str]
"""Under what a score is kept: the line of the answer, 0 for a line of a table; and the hash of what else was read, of a
table's line of the whole content."""


class ScoreCache:
    """Looks up and keeps the scores of one version of a scorer."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._version = scorer.version or ""
        self._columns = scorer.columns
        self._writing: list[Committed[None]] = []
        self._observed: dict[ScoreKey, Observation] = {}
        """What :meth:`marks_of` was asked about last."""
        self._is_broken = False
        """Whether the store could not be read: then it is not asked again, which may wait for a lock at each window."""
        try:
            self._own: Store | None = session.store()
        except StoreError as exc:
            self._own = None
            session.tell_once(f"Scores are not kept: {exc}")
        self._store = self._own

    def marks_of(self, observations: Sequence[Observation]) -> list[ScoreKey | None]:
        """Return under what the scores of these runs are kept; ``None`` where they cannot be."""
        # A batch out of a file has a store of its own, whose lines have other numbers than the session's.
        of_file = next((o.store for o in observations if o.store is not None), None)
        self._store = self._own if of_file is None else of_file
        if self._store is None or self._is_broken:
            return [None] * len(observations)
        marks = [self._mark(o) if o.store is of_file else None for o in observations]
        self._observed = {mark: o for mark, o in zip(marks, observations, strict=True) if mark is not None}
        return marks

    def _mark(self, observation: Observation) -> ScoreKey | None:
        try:
            spelling = self._spelt(observation) if observation.line else self._spelt_plain(observation)
        except (TypeError, ValueError, RecursionError):
            return None  # the row holds what has no JSON form
        return observation.line, _hash(spelling)

    def _spelt(self, observation: Observation) -> str:
        """Spell what else is read: the row. Not the job's key: the copy of an answer in another workspace has another.

        The number of a line tells its answer from every other one: it is never given again.
        """
        row = observation.row
        if self._columns is not None or not self._scorer.reads_row:
            return self._cell(row)
        return canonical_json([[row.get(name) for name in ("row", "variant", "repeat")], observation.source()])

    def _spelt_before(self, observation: Observation) -> str:
        """Spell it as scores were kept while lines were numbered anew: with what told an answer from a later one."""
        run, row = observation.run, observation.row
        began = run.started_at.timestamp() if run and run.started_at else ""
        if self._columns is not None or not self._scorer.reads_row:
            return f"{row.get('key')} {began} {self._cell(row)}"
        label = [row.get(name) for name in ("row", "variant", "repeat")]
        return canonical_json([row.get("key"), began, label, observation.source()])

    def _spelt_plain(self, observation: Observation) -> str:
        """Spell all that may be read of a line of a table."""
        run = observation.answer
        if self._columns is not None:
            output = _typed(run.output)
            return f"{run.elapsed_s!r} {len(output)} {output} {self._cell(observation.row)}"
        row = dict(observation.row) if self._scorer.reads_row else {}
        return canonical_json([run.output, [getattr(run, name) for name in PLAIN_RUN], row])

    def _cell(self, row: Mapping[str, Any]) -> str:
        """Spell the cell that is read: it stands last, so that nothing can be taken for its end."""
        return _typed(row.get(self._columns[0])) if self._columns else ""

    def known(self, marks: Sequence[ScoreKey | None]) -> list[ScoreResult | None]:
        """Return the kept scores."""
        if self._store is None or self._is_broken:
            return [None] * len(marks)
        try:
            with self._store.decoding():
                stored = self._found(self._store, [mark for mark in marks if mark is not None])
        except StoreError as exc:
            session.tell_once(f"Scores are not kept: {exc}")
            self._is_broken = True
            return [None] * len(marks)
        lines = {line for line, _ in stored if line}
        return [mark and (stored.get(mark) or self._known_before(mark, stored, lines)) for mark in marks]

    def _known_before(
        self, mark: ScoreKey, stored: Mapping[ScoreKey, ScoreResult], lines: set[int]
    ) -> ScoreResult | None:
        """Return a score that was kept under the earlier spelling of a mark."""
        if mark[0] not in lines or mark not in self._observed:
            return None
        return stored.get((mark[0], _hash(self._spelt_before(self._observed[mark]))))

    def _found(self, store: Store, marks: Sequence[ScoreKey]) -> dict[ScoreKey, ScoreResult]:
        """Return the kept scores of `marks`, those that are alike as one object."""
        stored: dict[ScoreKey, ScoreResult] = {}
        if lines := {line for line, _ in marks if line}:
            for those, score, parts in store.scores.known(self._version, lines):
                stored |= dict.fromkeys(those, _result(score, parts))
        if contents := {of for line, of in marks if not line}:
            for hashes, score, parts in store.plain_scores.known(self._version, contents):
                stored |= dict.fromkeys(((0, of) for of in hashes), _result(score, parts))
        return stored

    def keep(self, scored: Sequence[tuple[ScoreKey | None, ScoreResult]]) -> None:
        """Keep scores, but those with an error: they are tried again. :meth:`settle` waits for it."""
        lines, plain = [], []
        for mark, result in scored:
            if mark is not None and result.error is None:
                score = None if math.isnan(result.score) else result.score
                parts = json.dumps(dict(result.parts)) if result.parts is not None else None
                line, of = mark
                if line:
                    lines.append(ScoreRow(line, of, score, parts))
                else:
                    plain.append(PlainScore(of, score, parts))
        if self._store is None or self._is_broken:
            return
        if lines:
            self._write(self._store.scores.keep, lines)
        if plain:
            self._write(self._store.plain_scores.keep, plain)

    def _write(self, keep: Any, lines: Sequence[Any]) -> None:
        try:
            self._writing.append(keep(self._version, lines))
        except StoreError as exc:
            session.tell_once(f"Scores were not kept: {exc}")  # they are here, and shown

    def settle(self) -> None:
        """Wait until all is written."""
        for written in self._writing:
            try:
                written.result()
            except StoreError as exc:
                session.tell_once(f"Scores were not kept: {exc}")
        self._writing.clear()


def _hash(spelling: str) -> str:
    return blake2b(spelling.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _typed(value: Any) -> str:
    """Spell a value so that a text is not taken for what it spells."""
    return f"t{value}" if type(value) is str else f"j{canonical_json(value)}"


def _result(score: float | None, parts: str | None) -> ScoreResult:
    if score is None and parts is None:
        return NO_SCORE
    return ScoreResult(
        math.nan if score is None else score,
        None,
        None if parts is None else json_of(parts, dict, "the parts of a score"),
    )
