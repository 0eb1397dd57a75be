"""`ScoreCache`: saved scores of one version of a scorer, looked up and written in bulk.

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
from fh_notebook.comparing.scorers.observations import Observations
from fh_notebook.core.json_values import canonical_json
from fh_notebook.errors import StoreError
from fh_notebook.session import session
from fh_notebook.store.codec import decode_json
from fh_notebook.store.store import Store
from fh_notebook.store.tables.scores import PlainScore, ScoreRow
from fh_notebook.store.writer import Committed

PLAIN_RUN: Final = ("status", "error", "error_code", "elapsed_s", "variant")
"""What a run of a table has besides its output."""


ScoreKey = tuple[int, str]
"""The key of a stored score: the line of the answer, 0 for a line of a table; and the hash of what else the scorer may
read, for a line of a table the hash of the whole content."""


class ScoreCache:
    """The stored scores of one version of a scorer, for these runs."""

    def __init__(self, scorer: Scorer, observations: Observations) -> None:
        self._scorer = scorer
        self._observations = observations
        self._cells = observations.cells(scorer.columns[0], None) if scorer.columns else None
        """Of the one column that it reads, where it reads one."""
        self._version = scorer.version or ""
        self._columns = scorer.columns
        self._writes: list[Committed[None]] = []
        self._observed: dict[ScoreKey, int] = {}
        """The places of the runs of the last call of :meth:`keys_of`, by their keys."""
        self._is_broken = False
        """Whether the store could not be read. It is then not read again, because each read may wait for a lock."""
        try:
            self._session_store: Store | None = session.store()
        except StoreError as exc:
            self._session_store = None
            session.tell_once(f"Scores are not saved: {exc}")
        self._store = self._session_store

    def keys_of(self, places: Sequence[int]) -> list[ScoreKey | None]:
        """Return the keys of the scores of the runs at `places`; ``None`` where a score cannot be stored."""
        # A batch that was read from a file has its own store, whose lines have other numbers than the session's.
        stores = self._observations.stores
        of_file = next((stores[place] for place in places if stores[place] is not None), None)
        self._store = self._session_store if of_file is None else of_file
        if self._store is None or self._is_broken:
            return [None] * len(places)
        hashed: dict[str, str] = {}  # many rows expect one label
        keys = [self._key_of(place, hashed) if stores[place] is of_file else None for place in places]
        self._observed = {key: place for key, place in zip(keys, places, strict=True) if key is not None}
        return keys

    def _key_of(self, place: int, hashed: dict[str, str]) -> ScoreKey | None:
        line = self._observations.lines[place]
        try:
            spelling = self._key_text(place) if line else self._table_key_text(place)
        except (TypeError, ValueError, RecursionError):
            return None  # the row holds what has no JSON form
        if (of := hashed.get(spelling)) is None:
            of = hashed[spelling] = _hash(spelling)
        return line, of

    @property
    def _reads_row(self) -> bool:
        """Whether it may read any cell of a row."""
        return self._columns is None and self._scorer.reads_row

    def _key_text(self, place: int) -> str:
        """Return the text of what the scorer reads besides the answer: the row, without the job's key.

        A copy of an answer in another workspace has another key. The number of the line identifies the answer: it is
        never given again.
        """
        if not self._reads_row:
            return self._cell_text(place)
        row, source = self._observations[place].row, self._observations[place].source()
        return canonical_json([[row.get(name) for name in ("row", "variant", "repeat")], source])

    def _earlier_key_text(self, place: int) -> str:
        """Return the key text of earlier releases, in which the number of a line could be given again."""
        observation = self._observations[place]
        run, row = observation.run, observation.row
        began = run.started_at.timestamp() if run and run.started_at else ""
        if not self._reads_row:
            return f"{row.get('key')} {began} {self._cell_text(place)}"
        label = [row.get(name) for name in ("row", "variant", "repeat")]
        return canonical_json([row.get("key"), began, label, observation.source()])

    def _table_key_text(self, place: int) -> str:
        """Return the text of everything that the scorer may read of a line of a table."""
        if self._columns is not None:
            output = _typed(self._observations.outputs[place])
            return f"{self._observations.elapsed_s[place]!r} {len(output)} {output} {self._cell_text(place)}"
        observation = self._observations[place]
        run, row = observation.answer, dict(observation.row) if self._scorer.reads_row else {}
        return canonical_json([run.output, [getattr(run, name) for name in PLAIN_RUN], row])

    def _cell_text(self, place: int) -> str:
        """Return the text of the cell that the scorer reads. It comes last, so it cannot end too early."""
        return "" if self._cells is None else _typed(self._cells[place])

    def lookup(self, keys: Sequence[ScoreKey | None]) -> list[ScoreResult | None]:
        """Return the stored scores; ``None`` where there is none."""
        if self._store is None or self._is_broken:
            return [None] * len(keys)
        try:
            with self._store.decoding():
                stored = self._read_scores(self._store, [key for key in keys if key is not None])
        except StoreError as exc:
            session.tell_once(f"Scores are not saved: {exc}")
            self._is_broken = True
            return [None] * len(keys)
        lines = {line for line, _ in stored if line}
        return [key and (stored.get(key) or self._lookup_earlier(key, stored, lines)) for key in keys]

    def _lookup_earlier(
        self, key: ScoreKey, stored: Mapping[ScoreKey, ScoreResult], lines: set[int]
    ) -> ScoreResult | None:
        """Return a score that was stored under the key of an earlier release."""
        if key[0] not in lines or key not in self._observed:
            return None
        return stored.get((key[0], _hash(self._earlier_key_text(self._observed[key]))))

    def _read_scores(self, store: Store, keys: Sequence[ScoreKey]) -> dict[ScoreKey, ScoreResult]:
        """Return the stored scores of `keys`; equal scores are one object."""
        stored: dict[ScoreKey, ScoreResult] = {}
        if lines := {line for line, _ in keys if line}:
            for line_keys, score, parts in store.scores.of_scorer(self._version, lines):
                stored |= dict.fromkeys(line_keys, _result(score, parts))
        if contents := {of for line, of in keys if not line}:
            for hashes, score, parts in store.plain_scores.of_scorer(self._version, contents):
                stored |= dict.fromkeys(((0, of) for of in hashes), _result(score, parts))
        return stored

    def save(self, scored: Sequence[tuple[ScoreKey | None, ScoreResult]]) -> None:
        """Store scores without an error; the others are tried again. :meth:`wait_for_writes` waits for the writes."""
        lines, plain = [], []
        for key, result in scored:
            if key is not None and result.error is None:
                score = None if math.isnan(result.score) else result.score
                parts = json.dumps(dict(result.parts)) if result.parts is not None else None
                line, of = key
                if line:
                    lines.append(ScoreRow(line, of, score, parts))
                else:
                    plain.append(PlainScore(of, score, parts))
        if self._store is None or self._is_broken:
            return
        if lines:
            self._write_scores(self._store.scores.keep, lines)
        if plain:
            self._write_scores(self._store.plain_scores.keep, plain)

    def _write_scores(self, save: Any, lines: Sequence[Any]) -> None:
        try:
            self._writes.append(save(self._version, lines))
        except StoreError as exc:
            session.tell_once(f"Scores were not saved: {exc}")  # they are here, and shown

    def wait_for_writes(self) -> None:
        """Wait until all writes are committed."""
        for write in self._writes:
            try:
                write.result()
            except StoreError as exc:
                session.tell_once(f"Scores were not saved: {exc}")
        self._writes.clear()


def _hash(spelling: str) -> str:
    return blake2b(spelling.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _typed(value: Any) -> str:
    """Return a value as text with its type: a text differs from the value that it spells."""
    return f"t{value}" if type(value) is str else f"j{canonical_json(value)}"


def _result(score: float | None, parts: str | None) -> ScoreResult:
    if score is None and parts is None:
        return NO_SCORE
    return ScoreResult(
        math.nan if score is None else score,
        None,
        None if parts is None else decode_json(parts, dict, "the parts of a score"),
    )
