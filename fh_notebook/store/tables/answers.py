"""Table ``answers``: the outcome of every call, append-only, and the conversion between a run and its row.

Rules of this file:

1. An answer of the service is never refused: a value that is nested too deep to be stored is left out.
2. A row of a batch has the batch's id; a single run (a cell, a form) has none. The id of a row is never given to
   another one, also after it was forgotten: a reference leads to that answer or to none.
3. One thing changes in place: an output that came after its run was saved without it. It is the same answer. And the
   answer to a direct call that had not ended goes when the outcome of its run is stored.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from itertools import product
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import uuid4

from fh_notebook.contract.invoke_request import PROBE_METADATA
from fh_notebook.contract.job_key import is_reusable, job_key
from fh_notebook.contract.run import Run, run_of_values
from fh_notebook.contract.secrets import Secrets, mask_inputs
from fh_notebook.errors import StoreError
from fh_notebook.store import writer
from fh_notebook.store.codec import (
    INT,
    INT_OR_NONE,
    REAL,
    TEXT,
    TEXT_OR_NONE,
    DamagedValue,
    check_kinds,
    check_rows,
    damage_text,
    decode_json,
    encode_json,
    moment_of,
    seconds_of_moment,
)
from fh_notebook.store.tables import partitions
from fh_notebook.store.tables.batches import RELATED, BatchRecord
from fh_notebook.store.writer import Committed, Transactions


class AnswerRow(NamedTuple):
    """One row to be written, with every value encoded: the writer's thread only writes."""

    key: str
    batch: int | None
    """The number of its batch; a single run has none."""
    workspace: str
    deployment: str
    variant: str | None
    status: str
    run: str
    kept_at: float
    calls: int = 1
    """Requests that it needed, refused ones included."""


@dataclass(frozen=True)
class StoredAnswer:
    """One stored row. The run is decoded at its first use."""

    id: int
    """Later rows have higher ids, and no other row ever has this one."""
    key: str
    batch: int | None
    """The number of its batch; a single run has none."""
    workspace: str
    status: str
    kept_at: datetime
    """UTC."""
    json: str
    store: Path | None = None
    """The file that it was read from, for errors."""

    @cached_property
    def run(self) -> Run:
        """The stored run."""
        try:
            return run_of_row(self.json)
        except DamagedValue as exc:
            if self.store is None:
                raise
            raise StoreError(damage_text(self.store, exc), path=self.store) from exc


_KINDS: Final = (INT, TEXT, INT_OR_NONE, TEXT, TEXT, REAL, TEXT)


def stored_answer_of(row: tuple[Any, ...], store: Path | None = None) -> StoredAnswer:
    """Return the answer of a row: id, key, batch, workspace, status, kept_at, run."""
    check_kinds(row, _KINDS, "an answer")
    answer_id, key, batch, workspace, status, kept_at, run = row
    return StoredAnswer(
        id=answer_id, key=key, batch=batch, workspace=workspace, status=status, kept_at=moment_of(kept_at, "an answer"),
        json=run, store=store,
    )  # fmt: skip


_NONE: Final = type(None)

_RUN_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    **dict.fromkeys(("status", "deployment", "origin"), (str,)),
    **dict.fromkeys(("error", "error_code", "client_action", "request_id", "run_id", "variant"), (str, _NONE)),
    **dict.fromkeys(("inputs", "metadata"), (dict,)),
    "status_code": (int, _NONE),
    "elapsed_s": (float, int),
    "attempts": (int,),
}
"""What the fields of a run are; an output may be anything."""
_checked_values: Final = attrgetter(*_RUN_KINDS)
_CHECKED_TYPES: Final = frozenset(product(*_RUN_KINDS.values()))
"""All that their types may be together: one look-up a run in place of one a field."""


def run_of_row(text: str | None) -> Run:
    """Return the run of its stored text."""
    values = decode_json(text, dict, "the run of an answer")
    try:
        run = run_of_values(values)
    except (TypeError, ValueError) as exc:
        raise DamagedValue(f"the run of an answer is not valid ({exc})") from exc
    if tuple(map(type, _checked_values(run))) not in _CHECKED_TYPES:
        for name, kinds in _RUN_KINDS.items():
            if type(getattr(run, name)) not in kinds:
                raise DamagedValue(f"{name} of an answer's run is not what was written")
    return run


class RunFields(NamedTuple):
    """What tables show of a run, without the run: a batch has a hundred thousand, of which few are looked at."""

    status: str
    output: Any
    error_code: str | None
    error: str | None
    client_action: str | None
    attempts: int
    elapsed_s: float
    started_at: datetime | None
    request_id: str | None
    source: str | Run
    """The run, or its stored text."""

    @classmethod
    def of(cls, run: Run) -> RunFields:
        return cls._make((*_fields_of_run(run), run))

    @property
    def run(self) -> Run:
        """The run; made of its text at each use."""
        return run_of_source(self.source)


def run_of_source(source: str | Run) -> Run:
    """Return the run of `RunFields.source`; made of its text at each use."""
    return run_of_row(source) if isinstance(source, str) else source


RUN_FIELDS: Final = RunFields._fields
"""The names of the fields, in their order; the last one is the run itself."""
_fields_of_run: Final = attrgetter(*RUN_FIELDS[:-1])
_FIELD_PATHS: Final = ", ".join(f"'$.{name}'" for name in RUN_FIELDS[:-1])
_FIELD_TYPES: Final = (
    {str}, None, {str, _NONE}, {str, _NONE}, {str, _NONE}, {int}, {float, int}, {str, _NONE}, {str, _NONE},
)  # fmt: skip
"""The types of each field as it is written; an output may be anything."""


def _fields_of_rows(rows: Sequence[tuple[int, str, str | None]]) -> dict[int, RunFields]:
    """Return the fields of answers by id: of their id, their run, and the fields that SQLite has found in it.

    SQLite reads no value that is nested deeper than 1,000 levels, and no damaged one, and an early release wrote fewer
    fields: where there is such a run, those beside it are decoded as a whole, too.
    """
    ids, texts, found = zip(*rows, strict=True) if rows else ((), (), ())
    fields = _found_fields(found, texts) or (RunFields.of(run_of_row(text))._replace(source=text) for text in texts)
    return dict(zip(ids, fields, strict=True))


def _found_fields(found: Sequence[str | None], texts: Sequence[str]) -> list[RunFields] | None:
    """Return what SQLite has found in runs; ``None`` where some of it is not what this release writes."""
    try:
        columns: list[Sequence[Any]] = list(zip(*json.loads(f"[{','.join(found)}]"), strict=True))  # type: ignore[arg-type]  # else a TypeError
        typed = zip(_FIELD_TYPES, columns, strict=True)
        if not all(types is None or types.issuperset(map(type, values)) for types, values in typed):
            return None
        columns[_BEGAN] = [None if text is None else datetime.fromisoformat(text) for text in columns[_BEGAN]]
    except (TypeError, ValueError, RecursionError):
        return None
    return list(map(RunFields._make, zip(*columns, texts, strict=True)))


_BEGAN: Final = RUN_FIELDS.index("started_at")


def row_of_run(run: Run, *, key: str, workspace: str, batch: int | None, kept_at: datetime) -> AnswerRow:
    """Return the row of `run`, without its signing secret."""
    return AnswerRow(
        key=key,
        batch=batch,
        workspace=workspace,
        deployment=run.deployment,
        variant=run.variant,
        status=run.status,
        run=_run_json(run),
        kept_at=kept_at.timestamp(),
        calls=run.attempts,
    )


def _run_json(run: Run) -> str:
    values = run.to_dict()
    try:
        return encode_json(values)
    except RecursionError:
        # Nested as deep as Python reads and deeper than it writes: the answer is stored without its output.
        return encode_json(
            {**values, "output": None, "raw": None, "error": "the output is nested too deeply to be saved"}
        )


CREATE: Final = (
    """CREATE TABLE answers (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL,
        batch TEXT,
        workspace TEXT NOT NULL,
        deployment TEXT NOT NULL,
        variant TEXT,
        status TEXT NOT NULL,
        run TEXT NOT NULL,
        kept_at REAL NOT NULL
    ) STRICT""",
    "CREATE INDEX answers_by_batch ON answers (batch, key, id)",
    "CREATE INDEX answers_by_key ON answers (key, id)",
)

WITH_CALLS: Final = (
    # How many requests an answer cost: what was spent today is told across kernels. Known exactly from version 2 on.
    "ALTER TABLE answers ADD COLUMN calls INTEGER NOT NULL DEFAULT 1",
    "CREATE INDEX answers_by_deployment ON answers (workspace, deployment, id)",
    "CREATE INDEX answers_by_time ON answers (workspace, kept_at, calls)",
)


def _drop_empty(connection: sqlite3.Connection) -> None:
    if connection.execute("SELECT 1 FROM answers_7 LIMIT 1").fetchone() is None:
        connection.execute("DROP TABLE answers_7")


WITH_IDENTITY: Final[tuple[str | Callable[[sqlite3.Connection], None], ...]] = (
    *(f"DROP INDEX IF EXISTS answers_by_{by}" for by in ("batch", "key", "deployment", "time")),
    "DROP TRIGGER scores_leave",
    "ALTER TABLE answers RENAME TO answers_7",
    """CREATE TABLE answers (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL,
        batch INTEGER,
        workspace TEXT NOT NULL,
        deployment TEXT NOT NULL,
        variant TEXT,
        status TEXT NOT NULL,
        run TEXT NOT NULL,
        kept_at REAL NOT NULL,
        calls INTEGER NOT NULL DEFAULT 1
    ) STRICT""",
    # The runs may be gigabytes: they stay in the old table, where `RUN` reads them.
    "INSERT INTO answers SELECT id, key, (SELECT batches.id FROM batches WHERE batches.workspace = answers_7.workspace"
    " AND batches.name = answers_7.batch), workspace, deployment, variant, status, '', kept_at, calls FROM answers_7",
    "CREATE INDEX answers_by_key ON answers (key, id)",
    "CREATE INDEX answers_by_deployment ON answers (workspace, deployment, id)",
    "CREATE INDEX answers_by_time ON answers (workspace, kept_at, calls)",
    _drop_empty,
)

WITH_EARLIER: Final = (
    "CREATE TABLE IF NOT EXISTS answers_7 (id INTEGER PRIMARY KEY, run TEXT NOT NULL) STRICT",
    "CREATE TRIGGER earlier_leave AFTER DELETE ON answers WHEN old.run = ''"
    " BEGIN DELETE FROM answers_7 WHERE id = old.id; END",
)

BATCH_IN_ORDER: Final = (
    # Keys are hashes: in an index that begins with them each new row changes another page, and with every page that a
    # commit changes it writes 4 kB. By the row's number all of a commit are on one page.
    "DROP INDEX IF EXISTS answers_by_batch",
    "CREATE INDEX answers_by_batch ON answers (batch, id, key)",
)

RUN: Final = (
    "CASE answers.run WHEN '' THEN (SELECT answers_7.run FROM answers_7 WHERE answers_7.id = answers.id)"
    " ELSE answers.run END"
)
"""The run of a row of ``answers``. Runs of version 7 are in ``answers_7``, and empty in ``answers``."""


class AnswerSummary(NamedTuple):
    """The columns of one row that a look-up needs; a tuple, since a batch reads thousands before it begins."""

    key: str
    batch: int | None
    """The number of the batch that paid for it."""
    status: str
    kept_at: float
    """Seconds since 1970, UTC."""
    id: int
    run: str | None
    """The JSON of a run that is not completed."""

    @property
    def is_lost(self) -> bool:
        """Whether the call may have run, without a known outcome."""
        return self.status not in ("completed", "failed")

    @property
    def waits(self) -> bool:
        """Whether its run waited for a decision: who allows it lets that run act, so it is not called a second time."""
        return self.status == "awaiting_approval"


class CallInputs(NamedTuple):
    """The inputs of one call, without its output."""

    kept_at: datetime
    """UTC."""
    variant: str | None
    status: str
    json: str
    """The inputs, secrets masked."""
    id: int
    """Of the answer, for :meth:`Answers.by_ids`."""


def append(connection: sqlite3.Connection, row: AnswerRow) -> int:
    """Write one row, and return its id."""
    return append_all(connection, [row])[0]


def drop_open(connection: sqlite3.Connection, *, key: str, workspace: str, ids: tuple[str | None, str | None]) -> None:
    """Delete the answer of a single run that had not ended, by its request id and its run id."""
    connection.execute(
        "DELETE FROM answers WHERE key = ? AND workspace = ? AND batch IS NULL"
        " AND status NOT IN ('completed', 'failed', 'unknown') AND json_valid(run)"
        " AND json_extract(run, '$.request_id') IS ? AND json_extract(run, '$.run_id') IS ?",
        (key, workspace, *ids),
    )


def outcome_of(connection: sqlite3.Connection, key: str, workspace: str, ids: tuple[str | None, str | None]) -> int:
    """Return the id of the stored outcome of a single run, by its request id or its run id; 0: none is stored."""
    found = connection.execute(
        "SELECT max(id) FROM answers WHERE key = ? AND workspace = ? AND batch IS NULL"
        " AND status IN ('completed', 'failed') AND json_valid(run)"
        " AND (json_extract(run, '$.request_id') = ? OR json_extract(run, '$.run_id') = ?)",
        (key, workspace, *ids),
    ).fetchone()[0]
    return int(found or 0)


def append_all(connection: sqlite3.Connection, rows: Sequence[AnswerRow]) -> list[int]:
    """Write rows in a few statements, and return their ids, in order."""
    last = writer.insert(connection, _INTO, rows)
    # The table is append-only, with one writer at a time: the ids are consecutive.
    return list(range(last - len(rows) + 1, last + 1))


_INTO: Final = f"INSERT INTO answers ({', '.join(AnswerRow._fields)})"


_STORED: Final = f"id, key, batch, workspace, status, kept_at, {RUN} AS run"


def _stored_answers(cursor: sqlite3.Cursor) -> Iterator[StoredAnswer]:
    store = getattr(cursor.connection, "path", None)
    return (stored_answer_of(row, store) for row in cursor)


def by_ids(connection: sqlite3.Connection, ids: Iterable[int]) -> Iterator[StoredAnswer]:
    """Yield the answers of these ids, in no order; forgotten ones are left out."""
    cursor = connection.execute(
        f"SELECT {_STORED} FROM answers WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),)
    )
    return _stored_answers(cursor)


def page_after(connection: sqlite3.Connection, after_id: int, limit: int) -> Iterator[StoredAnswer]:
    """Yield up to `limit` answers after an id, the oldest first."""
    cursor = connection.execute(f"SELECT {_STORED} FROM answers WHERE id > ? ORDER BY id LIMIT ?", (after_id, limit))
    return _stored_answers(cursor)


_SUMMARY: Final = f"answers.key, batch, status, kept_at, answers.id, CASE WHEN status <> 'completed' THEN {RUN} END"

_SUMMARY_KINDS: Final = (TEXT, INT_OR_NONE, TEXT, REAL, INT, TEXT_OR_NONE)


def _summary(row: tuple[Any, ...]) -> AnswerSummary:
    seconds_of_moment(row[3], "an answer")
    return AnswerSummary(*row)


def standing_answer(rows: Iterable[AnswerSummary]) -> tuple[AnswerSummary | None, AnswerSummary | None]:
    """Return the row that stands for a job, and the newest call that may have run since; `rows` are the newest first.

    A completed answer stands. A failure stands where it is reused and no call that may have run is newer.
    """
    may_have_run: AnswerSummary | None = None
    for row in rows:
        if row.status == "completed":
            return row, may_have_run
        if row.is_lost:
            may_have_run = may_have_run or row
        elif may_have_run is None and is_reusable(run_of_row(row.run)):
            return row, None
    return None, may_have_run


def newer_answer(
    connection: sqlite3.Connection,
    batch: int,
    key: str,
    than_id: int,
    *,
    alone: bool = False,
    anywhere: bool = False,
    call_lost: bool = False,
) -> StoredAnswer | None:
    """Return the answer of a job that was stored after `than_id`, since the job was planned.

    It is the newest one of its batch and of those that are `batches.RELATED` (without `alone`), of any status. With
    `anywhere` it may be the answer that stands in another batch; not with `call_lost` where that call may have run, and
    is not known to wait for a decision.
    """
    cursor = connection.execute(
        f"SELECT coalesce(batch IN ({RELATED}), 0) AS is_own, {_SUMMARY} FROM answers WHERE key = :key AND id > :after"
        " AND (:anywhere OR is_own) ORDER BY id DESC",
        {"batch": batch, "key": key, "after": than_id, "alone": alone, "anywhere": anywhere},
    )
    rows = [(is_own, _summary(tuple(row))) for is_own, *row in check_rows(cursor, (INT, *_SUMMARY_KINDS), "an answer")]
    newest = next((row for is_own, row in rows if is_own), None)
    if newest is None:
        standing_row, may_have_run = standing_answer(row for _, row in rows)
        is_open = call_lost and may_have_run is not None and not may_have_run.waits
        newest = standing_row or (None if is_open else may_have_run)
    return next(by_ids(connection, [newest.id])) if newest is not None else None


_NO_SECRETS: Final = Secrets()


class Answers:
    """Repository of answers: of batches, which are written with their claims (`claims.Claims`), and single runs."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def keep(self, run: Run, workspace: str, *, secrets: Secrets = _NO_SECRETS) -> Committed[int]:
        """Store a single run: of a cell, a form, or `invoke`; inputs that `secrets` covers are masked."""
        key = job_key(workspace, run.deployment, run.variant, run.inputs)
        run = replace(run, inputs=mask_inputs(run.inputs, secrets))
        row = row_of_run(run, key=key, workspace=workspace, batch=None, kept_at=self._database.now())
        write = partial(append, row=row)
        committed = self._database.put(write)
        # A key of its own for each: equal runs are two answers.
        committed.add_done_callback(lambda done: self._database.owe(done, (0, uuid4().hex), write))
        return committed

    def complete(self, id: int, run: Run) -> Committed[bool]:
        """Store a run in place of the one that was saved before its end; the future says whether it was there."""
        values = _run_json(run), run.status, run.attempts, id

        def write(connection: sqlite3.Connection) -> bool:
            sql = "UPDATE answers SET run = ?, status = ?, calls = ? WHERE id = ?"
            return connection.execute(sql, values).rowcount == 1

        committed = self._database.put(write)
        committed.add_done_callback(lambda done: self._database.owe(done, (0, uuid4().hex), write))
        return committed

    def newest_id(self) -> int:
        """Return the id that was given last, also where that row was forgotten; 0 before the first."""
        sql = "SELECT seq FROM sqlite_sequence WHERE name = 'answers'"
        row = self._database.read(lambda c: c.execute(sql).fetchone())
        return int(row[0]) if row else 0

    def by_ids(self, ids: Iterable[int]) -> dict[int, StoredAnswer]:
        """Return the answers of these ids, by id; forgotten ones are left out."""
        listed = list(ids)
        return self._database.read(lambda c: {answer.id: answer for answer in by_ids(c, listed)})

    def fields_of(self, ids: Iterable[int]) -> dict[int, RunFields]:
        """Return what tables show of the answers of these ids, by id; forgotten ones are left out."""
        sql = (
            f"SELECT id, run, CASE WHEN json_valid(run) THEN json_extract(run, {_FIELD_PATHS}) END FROM"
            f" (SELECT id, {RUN} AS run FROM answers WHERE id IN (SELECT value FROM json_each(?)))"
        )
        values, kinds = (json.dumps(list(ids)),), (INT, TEXT, TEXT_OR_NONE)
        return self._database.read(lambda c: _fields_of_rows(check_rows(c.execute(sql, values), kinds, "an answer")))

    def existing(self, ids: Iterable[int]) -> set[int]:
        """Return which of these answers still exist."""
        sql = "SELECT json_group_array(id) FROM answers WHERE id IN (SELECT value FROM json_each(?))"
        wanted_json = json.dumps(list(ids))
        (ids_json,) = self._database.read(lambda c: c.execute(sql, (wanted_json,)).fetchone())
        return set(json.loads(ids_json))

    def every(self, *, window: int = 500) -> Iterator[StoredAnswer]:
        """Yield all answers, the oldest first, a window at a time: others may write meanwhile."""
        after = 0
        while answers := self._database.read(lambda c, after=after: list(page_after(c, after, window))):  # type: ignore[misc]  # bound at once
            yield from answers
            after = answers[-1].id

    # --- by jobs

    def of_jobs(
        self,
        keys: Iterable[str],
        *,
        batches: Sequence[int] | None,
        after_id: int = 0,
        since: datetime | None = None,
    ) -> list[AnswerSummary]:
        """Return the answers of these jobs, the newest first.

        Only a failed one has its run, which says whether the failure stands.
        """
        sql = (
            f"SELECT {_SUMMARY} FROM json_each(?1) AS wanted CROSS JOIN answers ON answers.key = wanted.value"
            " WHERE (?2 IS NULL OR batch IN (SELECT value FROM json_each(?2)) OR EXISTS (SELECT 1 FROM uses"
            " WHERE uses.answer = answers.id AND uses.batch IN (SELECT value FROM json_each(?2))))"
            " AND answers.id > ?3 AND kept_at >= ?4 ORDER BY answers.id DESC"
        )
        values = (
            json.dumps(list(keys)),
            None if batches is None else json.dumps(list(batches)),
            after_id,
            since.timestamp() if since else 0.0,
        )
        return self._database.read(
            lambda c: list(map(_summary, check_rows(c.execute(sql, values), _SUMMARY_KINDS, "an answer")))
        )

    def completed_in(self, keys: Iterable[str]) -> set[tuple[str, str]]:
        """Return which of these jobs have a completed answer, each with the names of its batches; empty of no batch."""
        sql = (
            "SELECT DISTINCT key, coalesce(batches.name, '') FROM answers"
            " LEFT JOIN batches ON batches.id = answers.batch"
            " WHERE key IN (SELECT value FROM json_each(?)) AND status = 'completed'"
        )
        keys_json = json.dumps(list(keys))
        return set(self._database.read(lambda c: c.execute(sql, (keys_json,)).fetchall()))

    def completed_of(self, keys: Iterable[str], *, since: datetime | None = None) -> set[str]:
        """Return which of these jobs have a completed answer, of any batch or none, that was saved since then."""
        sql = (
            "SELECT DISTINCT key FROM answers"
            " WHERE key IN (SELECT value FROM json_each(?)) AND status = 'completed' AND kept_at >= ?"
        )
        values = (json.dumps(list(keys)), since.timestamp() if since else 0.0)
        return {key for (key,) in self._database.read(lambda c: c.execute(sql, values).fetchall())}

    def waiting_of(self, keys: Iterable[str], *, without: Sequence[int]) -> set[tuple[str, str]]:
        """Return which of these jobs wait for a decision, each with the name of its batch; empty of a single run.

        As it was last heard; not those of the batches `without`.
        """
        # Keys lead to their answers, and the few pending runs to their keys: no index of all keys is built. "+" keeps
        # the index by batch out, which would read all later answers of the batch for each.
        by_key = (
            "SELECT answers.key, answers.batch FROM json_each(?1) AS wanted"
            " CROSS JOIN answers ON answers.key = wanted.value WHERE answers.status = ?2"
            " AND NOT EXISTS (SELECT 1 FROM answers AS later WHERE later.key = answers.key"
            " AND +later.batch IS answers.batch AND later.id > answers.id)"
        )
        pending = (
            "SELECT key, batch FROM pending WHERE status = ?1 AND NOT EXISTS (SELECT 1 FROM answers"
            " WHERE answers.key = pending.key AND +answers.batch IS pending.batch"
            " AND answers.kept_at >= pending.submitted_at AND answers.status IN ('completed', 'failed'))"
        )
        wanted, waits = set(keys), "awaiting_approval"

        def read(connection: sqlite3.Connection) -> set[tuple[str, str]]:
            found = set(connection.execute(by_key, (json.dumps(list(wanted)), waits)))
            found |= {(key, batch) for key, batch in connection.execute(pending, (waits,)) if key in wanted}
            names = dict(connection.execute("SELECT id, name FROM batches")) if found else {}
            return {(key, names.get(batch, "")) for key, batch in found if batch not in without}

        return self._database.read(read)

    def keys_of(self, workspace: str, *, batches: Sequence[int] | None) -> bytes:
        """Return the keys of jobs that were answered or claimed, 32 bytes each, behind each other.

        Of these batches, with the answers that they use; ``None`` is all, and single runs. A key may come twice.
        """
        # One value and not one row each: a million rows take seconds in the interpreter.
        sql = (
            "SELECT group_concat(key, '') FROM (SELECT key FROM answers WHERE workspace = ?1"
            " AND (?2 IS NULL OR batch IN (SELECT value FROM json_each(?2)) OR EXISTS (SELECT 1 FROM uses"
            " WHERE uses.answer = answers.id AND uses.batch IN (SELECT value FROM json_each(?2))))"
            " UNION ALL SELECT key FROM claims WHERE ?2 IS NULL OR batch IN (SELECT value FROM json_each(?2)))"
            " WHERE length(key) = 64 AND key NOT GLOB '*[^0-9a-f]*'"
        )
        values = (workspace, None if batches is None else json.dumps(list(batches)))
        (keys_hex,) = self._database.read(lambda c: c.execute(sql, values).fetchone())
        return bytes.fromhex(keys_hex or "")

    # --- by what was called

    def single_runs(
        self, limit: int = 100, *, deployment: str | None = None, workspace: str | None = None
    ) -> list[StoredAnswer]:
        """Return the last runs that belong to no batch, of one deployment, one workspace or all, the newest first."""
        sql = (
            f"SELECT {_STORED} FROM answers"
            " WHERE batch IS NULL AND (?1 IS NULL OR deployment = ?1) AND (?2 IS NULL OR workspace = ?2)"
            " ORDER BY id DESC LIMIT ?3"
        )
        return self._database.read(lambda c: list(_stored_answers(c.execute(sql, (deployment, workspace, limit)))))

    def of_deployment(self, workspace: str, deployment: str, limit: int) -> list[StoredAnswer]:
        """Return the last answers of one deployment in one workspace, of batches and of none, the newest first."""
        sql = f"SELECT {_STORED} FROM answers WHERE workspace = ? AND deployment = ? ORDER BY id DESC LIMIT ?"
        return self._database.read(lambda c: list(_stored_answers(c.execute(sql, (workspace, deployment, limit)))))

    def inputs_of(self, workspace: str, deployment: str, limit: int) -> list[CallInputs]:
        """Return the inputs of the last calls of one deployment in one workspace, the newest first.

        Outputs, which may be megabytes each, are not read. A run that is nested deeper than SQLite reads (1,000
        levels) is left out.
        """
        sql = (
            "SELECT * FROM (SELECT kept_at, variant, status,"
            " CASE WHEN json_valid(run) THEN json_extract(run, '$.inputs') END AS inputs, id FROM"
            f" (SELECT id, kept_at, variant, status, {RUN} AS run FROM answers"
            " WHERE workspace = ? AND deployment = ? ORDER BY id DESC LIMIT ?) ORDER BY id DESC)"
            " WHERE inputs IS NOT NULL"
        )
        kinds = (REAL, TEXT_OR_NONE, TEXT, TEXT, INT)

        def read(connection: sqlite3.Connection) -> list[CallInputs]:
            rows = check_rows(connection.execute(sql, (workspace, deployment, limit)), kinds, "an answer")
            return [CallInputs(moment_of(kept_at, "an answer"), *columns) for kept_at, *columns in rows]

        return self._database.read(read)

    def durations_of(self, workspace: str, deployment: str, limit: int = 50) -> list[tuple[float, int]]:
        """Return how long the last completed calls of a deployment took, in seconds, and their requests; newest first.

        A run that is nested deeper than SQLite reads (1,000 levels) is left out.
        """
        sql = (
            "SELECT CASE WHEN json_valid(run) THEN json_extract(run, '$.elapsed_s') END, calls FROM"
            f" (SELECT id, calls, {RUN} AS run FROM answers WHERE workspace = ? AND deployment = ?"
            " AND status = 'completed' ORDER BY id DESC LIMIT ?) ORDER BY id DESC"
        )
        rows = self._database.read(lambda c: c.execute(sql, (workspace, deployment, limit)).fetchall())
        return [(float(seconds), calls) for seconds, calls in rows if isinstance(seconds, int | float) and seconds]

    def deployment_names(self) -> list[tuple[str, str]]:
        """Return every (deployment, workspace) with a stored answer, by name; those that only `fh.probe` called not."""
        (field, value), *_ = PROBE_METADATA.items()
        sql = (
            "SELECT deployment, workspace FROM (SELECT DISTINCT deployment, workspace FROM answers) AS named"
            f" WHERE EXISTS (SELECT 1 FROM (SELECT {RUN} AS run FROM answers"
            " WHERE answers.workspace = named.workspace AND answers.deployment = named.deployment)"
            f" WHERE NOT (json_valid(run) AND json_extract(run, '$.metadata.{field}') IS ?)) ORDER BY 1, 2"
        )
        return self._database.read(lambda c: c.execute(sql, (value,)).fetchall())

    def counts_of(self, record: BatchRecord) -> dict[str, int]:
        """Return how many jobs of a batch have which status, each by its newest answer, in the store or a part.

        An answer is the batch's own, or one that it uses. Equal jobs count as often as they were planned; those whose
        inputs do not fit have failed. A batch whose jobs are not stored (it is over partitions, or of an early version)
        counts its answers.
        """

        def read(connection: sqlite3.Connection) -> dict[str, int]:
            counts = _counts_of_rows(connection, record.id)
            if parts := record.plan.get("parts"):
                plans = {plan for plan, *_ in parts["partitions"]}
                part_counts = partitions.counts(
                    connection, record.workspace, record.name, plans, anywhere=parts["anywhere"]
                )
                counts = {status: counts.get(status, 0) + part_counts.get(status, 0) for status in counts | part_counts}
            return counts

        return self._database.read(read)


def _counts_of_rows(connection: sqlite3.Connection, batch: int) -> dict[str, int]:
    newest = (
        "WITH lines AS (SELECT key, id FROM answers WHERE batch = ?1 UNION ALL SELECT answers.key, answers.id FROM uses"
        " JOIN answers ON answers.id = uses.answer WHERE uses.batch = ?1),"
        " newest AS (SELECT key, max(id) AS id FROM lines GROUP BY key)"
    )
    if connection.execute("SELECT 1 FROM jobs WHERE batch = ? LIMIT 1", (batch,)).fetchone():
        rows = connection.execute(
            f"{newest} SELECT CASE WHEN jobs.key = '' THEN 'failed' ELSE answers.status END AS came, count(*) FROM jobs"
            " LEFT JOIN newest ON newest.key = jobs.key LEFT JOIN answers ON answers.id = newest.id"
            " WHERE jobs.batch = ?1 GROUP BY came HAVING came IS NOT NULL",
            (batch,),
        )
    else:
        rows = connection.execute(
            f"{newest} SELECT status, count(*) FROM newest JOIN answers USING (id) GROUP BY status", (batch,)
        )
    return dict(rows.fetchall())
