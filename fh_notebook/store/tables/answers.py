"""Table ``answers``: the outcome of every call, append-only, and the conversion between a run and its row.

Rule of this file: an answer that came is never refused: what is nested too deep to be kept of it is left out.

Append-only; how a run is spelt in a line is in `answers.py`.

A line of a batch has the batch's number; a single run (a cell, a form) has none. The number of a line is never given
to another one, also after it was forgotten: whoever holds it finds that answer or none.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import uuid4

from fh_notebook.contract.reuse import is_reusable, job_key
from fh_notebook.contract.run import Run
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
    checked,
    damage_text,
    encoded,
    json_of,
    moment_of,
    seconds_of_moment,
)
from fh_notebook.store.tables import partitions
from fh_notebook.store.tables.batches import RELATED, BatchRecord
from fh_notebook.store.writer import Committed, Transactions

__all__ = [
    "CREATE",
    "RUN",
    "WITH_CALLS",
    "WITH_EARLIER",
    "WITH_IDENTITY",
    "AnswerRow",
    "AnswerSummary",
    "Answers",
    "CallInputs",
    "StoredAnswer",
    "append",
    "append_all",
    "behind",
    "by_ids",
    "newer",
    "row_of_run",
    "run_of_row",
    "standing",
    "stored_answer_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRow:
    """One line to be written, everything encoded already: the writer's thread only writes."""

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
    """Requests that it cost, refused ones included."""


@dataclass(frozen=True)
class StoredAnswer:
    """One line as it was kept. The run is decoded when it is asked for."""

    id: int
    """The number of the line: later lines have higher ones, and no other line ever has it."""
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
        """The run as it was kept.

        Raises
        ------
        StoreError
            It is not what was written.
        """
        try:
            return run_of_row(self.json)
        except DamagedValue as exc:
            if self.store is None:
                raise
            raise StoreError(damage_text(self.store, exc), path=self.store) from exc


_KINDS: Final = (INT, TEXT, INT_OR_NONE, TEXT, TEXT, REAL, TEXT)


def stored_answer_of(line: tuple[Any, ...], store: Path | None = None) -> StoredAnswer:
    """Return a line as it was read: id, key, batch, workspace, status, kept_at, run.

    Raises
    ------
    DamagedValue
        It is not what was written.
    """
    check_kinds(line, _KINDS, "an answer")
    number, key, batch, workspace, status, kept_at, run = line
    return StoredAnswer(
        id=number, key=key, batch=batch, workspace=workspace, status=status, kept_at=moment_of(kept_at, "an answer"),
        json=run, store=store,
    )  # fmt: skip


_NONE: Final = type(None)

_RUN_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    **dict.fromkeys(("status", "deployment", "origin"), (str,)),
    **dict.fromkeys(("error", "error_code", "request_id", "run_id", "variant"), (str, _NONE)),
    **dict.fromkeys(("inputs", "metadata"), (dict,)),
    "status_code": (int, _NONE),
    "elapsed_s": (float, int),
    "attempts": (int,),
}
"""What the fields of a run are; an output may be anything."""


def run_of_row(text: str | None) -> Run:
    """Return the run that was kept as `text`.

    Raises
    ------
    DamagedValue
        It is none.
    """
    values = json_of(text, dict, "the run of an answer")
    try:
        run = Run.from_dict(values)
    except (TypeError, ValueError) as exc:
        raise DamagedValue(f"the run of an answer is none ({exc})") from exc
    for name, kinds in _RUN_KINDS.items():
        if type(getattr(run, name)) not in kinds:
            raise DamagedValue(f"{name} of an answer's run is not what was written")
    return run


def row_of_run(run: Run, *, key: str, workspace: str, batch: int | None, kept_at: datetime) -> AnswerRow:
    """Return the line that keeps `run`. Its signing secret is not in it."""
    return AnswerRow(
        key=key,
        batch=batch,
        workspace=workspace,
        deployment=run.deployment,
        variant=run.variant,
        status=run.status,
        run=_encoded(run),
        kept_at=kept_at.timestamp(),
        calls=run.attempts,
    )


def _encoded(run: Run) -> str:
    values = run.to_dict()
    try:
        return encoded(values)
    except RecursionError:
        # Nested as deep as Python reads and deeper than it writes: the answer is not kept whole, but it is kept.
        return encoded({**values, "output": None, "raw": None, "error": "the output is nested too deep to be kept"})


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
    # What was said may be gigabytes: it stays where it lies, and `RUN` reads it there.
    "INSERT INTO answers SELECT id, key, (SELECT batches.id FROM batches WHERE batches.workspace = answers_7.workspace"
    " AND batches.name = answers_7.batch), workspace, deployment, variant, status, '', kept_at, calls FROM answers_7",
    "CREATE INDEX answers_by_batch ON answers (batch, key, id)",
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

RUN: Final = (
    "CASE answers.run WHEN '' THEN (SELECT answers_7.run FROM answers_7 WHERE answers_7.id = answers.id)"
    " ELSE answers.run END"
)
"""The run of a line of ``answers``. Those of version 7 lie in ``answers_7``, and are empty here."""


class AnswerSummary(NamedTuple):
    """What a look-up needs of one line; a tuple, since thousands are looked at before a batch begins."""

    key: str
    batch: int | None
    """The number of the batch that paid for it."""
    status: str
    kept_at: float
    """Seconds since 1970, UTC."""
    id: int
    run: str | None
    """The JSON of what failed."""

    @property
    def is_lost(self) -> bool:
        """Whether it says of a call that it may have run."""
        return self.status not in ("completed", "failed")


class CallInputs(NamedTuple):
    """What one call was asked, without what came of it."""

    kept_at: datetime
    """UTC."""
    variant: str | None
    status: str
    json: str
    """The inputs, secrets masked."""


_COLUMNS: Final = ("key", "batch", "workspace", "deployment", "variant", "status", "run", "kept_at", "calls")


def append(connection: sqlite3.Connection, line: AnswerRow) -> int:
    """Write one line, and return its number."""
    return append_all(connection, [line])[0]


def append_all(connection: sqlite3.Connection, lines: Sequence[AnswerRow]) -> list[int]:
    """Write lines in a few statements, and return their numbers, in order."""
    last = writer.insert(connection, _INTO, [_values(line) for line in lines])
    # The table is only appended to, by one writer at a time: its lines are numbered one after the other.
    return list(range(last - len(lines) + 1, last + 1))


_INTO: Final = f"INSERT INTO answers ({', '.join(_COLUMNS)})"

_values: Final = attrgetter(*_COLUMNS)


_STORED: Final = f"id, key, batch, workspace, status, kept_at, {RUN} AS run"


def _stored(found: sqlite3.Cursor) -> Iterator[StoredAnswer]:
    store = getattr(found.connection, "path", None)
    return (stored_answer_of(line, store) for line in found)


def by_ids(connection: sqlite3.Connection, ids: Iterable[int]) -> Iterator[StoredAnswer]:
    """Yield the lines of these numbers, in no order; what was forgotten since is left out."""
    found = connection.execute(
        f"SELECT {_STORED} FROM answers WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),)
    )
    return _stored(found)


def behind(connection: sqlite3.Connection, after_id: int, limit: int) -> Iterator[StoredAnswer]:
    """Yield up to `limit` lines behind a number, the oldest first."""
    found = connection.execute(f"SELECT {_STORED} FROM answers WHERE id > ? ORDER BY id LIMIT ?", (after_id, limit))
    return _stored(found)


_SUMMARY: Final = f"answers.key, batch, status, kept_at, answers.id, CASE WHEN status = 'failed' THEN {RUN} END"

_SUMMARY_KINDS: Final = (TEXT, INT_OR_NONE, TEXT, REAL, INT, TEXT_OR_NONE)


def _summary(line: tuple[Any, ...]) -> AnswerSummary:
    seconds_of_moment(line[3], "an answer")
    return AnswerSummary(*line)


def standing(lines: Iterable[AnswerSummary]) -> tuple[AnswerSummary | None, AnswerSummary | None]:
    """Return the line that stands for a job, and the newest call that may have run since, of lines the newest first.

    A completed answer stands. A failure stands where it is reused and no call that may have run is newer.
    """
    may_have_run: AnswerSummary | None = None
    for line in lines:
        if line.is_lost:
            may_have_run = may_have_run or line
        elif line.status == "completed" or (may_have_run is None and is_reusable(run_of_row(line.run))):
            return line, may_have_run
    return None, may_have_run


def newer(
    connection: sqlite3.Connection,
    batch: int,
    key: str,
    than_id: int,
    *,
    alone: bool = False,
    anywhere: bool = False,
    call_lost: bool = False,
) -> StoredAnswer | None:
    """Return the line behind `than_id` that answers a job, which came since it was planned.

    It is the newest one of its batch and of those that are `batches.RELATED` (without `alone`), whatever it says. With
    `anywhere` also what stands of the lines of others; not with `call_lost` where that may have run.
    """
    found = connection.execute(
        f"SELECT coalesce(batch IN ({RELATED}), 0) AS is_own, {_SUMMARY} FROM answers WHERE key = :key AND id > :after"
        " AND (:anywhere OR is_own) ORDER BY id DESC",
        {"batch": batch, "key": key, "after": than_id, "alone": alone, "anywhere": anywhere},
    )
    lines = [(is_own, _summary(tuple(line))) for is_own, *line in checked(found, (INT, *_SUMMARY_KINDS), "an answer")]
    serves = next((line for is_own, line in lines if is_own), None)
    if serves is None:
        stands, may_have_run = standing(line for _, line in lines)
        serves = stands or (None if call_lost else may_have_run)
    return next(by_ids(connection, [serves.id])) if serves is not None else None


_NO_SECRETS: Final = Secrets()


class Answers:
    """Repository of answers: of batches, which are written with their claims (`claims.Claims`), and single runs."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def keep(self, run: Run, workspace: str, *, secrets: Secrets = _NO_SECRETS) -> Committed[int]:
        """Keep a single run: of a cell, a form, or `invoke`; inputs that `secrets` covers are masked."""
        key = job_key(workspace, run.deployment, run.variant, run.inputs)
        run = replace(run, inputs=mask_inputs(run.inputs, secrets))
        line = row_of_run(run, key=key, workspace=workspace, batch=None, kept_at=self._database.now())
        write = partial(append, line=line)
        kept = self._database.put(write)
        kept.add_done_callback(lambda done: self._database.owe(done, (0, uuid4().hex), write))  # equal runs are two
        return kept

    def newest_id(self) -> int:
        """Return the number that was given last, also where that line was forgotten; 0 before the first."""
        sql = "SELECT seq FROM sqlite_sequence WHERE name = 'answers'"
        found = self._database.read(lambda c: c.execute(sql).fetchone())
        return int(found[0]) if found else 0

    def by_ids(self, ids: Iterable[int]) -> dict[int, StoredAnswer]:
        """Return the answers of these lines, by number; what was forgotten since is left out."""
        wanted = list(ids)
        return self._database.read(lambda c: {kept.id: kept for kept in by_ids(c, wanted)})

    def there(self, ids: Iterable[int]) -> set[int]:
        """Return which of these answers are kept still."""
        sql = "SELECT json_group_array(id) FROM answers WHERE id IN (SELECT value FROM json_each(?))"
        wanted = json.dumps(list(ids))
        (found,) = self._database.read(lambda c: c.execute(sql, (wanted,)).fetchone())
        return set(json.loads(found))

    def every(self, *, window: int = 500) -> Iterator[StoredAnswer]:
        """Yield all answers, the oldest first, a window at a time: others may write meanwhile."""
        after = 0
        while found := self._database.read(lambda c, after=after: list(behind(c, after, window))):  # type: ignore[misc]  # bound at once
            yield from found
            after = found[-1].id

    # --- by jobs

    def seen(
        self,
        keys: Iterable[str],
        *,
        batches: Sequence[int] | None,
        after_id: int = 0,
        since: datetime | None = None,
    ) -> list[AnswerSummary]:
        """Return what is known of these jobs, the newest first.

        Only of what failed the run comes along: it says whether the failure stands.

        Parameters
        ----------
        keys : iterable of str
            The jobs.
        batches : sequence of int or None
            The batches whose answers, their own and those that they use; ``None`` is any, and single runs.
        after_id : int
            Only lines behind this one.
        since : datetime, optional
            Only what was kept since then.
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
            lambda c: list(map(_summary, checked(c.execute(sql, values), _SUMMARY_KINDS, "an answer")))
        )

    def count_completed(self, keys: Iterable[str]) -> int:
        """Return how many of these jobs have a completed answer, of any batch or none."""
        sql = (
            "SELECT count(DISTINCT key) FROM answers"
            " WHERE key IN (SELECT value FROM json_each(?)) AND status = 'completed'"
        )
        wanted = json.dumps(list(keys))
        return int(self._database.read(lambda c: c.execute(sql, (wanted,)).fetchone())[0])

    def completed_of(self, keys: Iterable[str], *, since: datetime | None = None) -> set[str]:
        """Return which of these jobs have a completed answer, of any batch or none, that was kept since then."""
        sql = (
            "SELECT DISTINCT key FROM answers"
            " WHERE key IN (SELECT value FROM json_each(?)) AND status = 'completed' AND kept_at >= ?"
        )
        values = (json.dumps(list(keys)), since.timestamp() if since else 0.0)
        return {key for (key,) in self._database.read(lambda c: c.execute(sql, values).fetchall())}

    def keys_of(self, workspace: str, *, batches: Sequence[int] | None) -> bytes:
        """Return the keys of jobs that were answered or claimed, 32 bytes each, behind each other.

        Of these batches, with the answers that they use; ``None`` is all, and single runs. A key may come twice.
        """
        # One value and not a line each: a million lines take seconds in the interpreter.
        sql = (
            "SELECT group_concat(key, '') FROM (SELECT key FROM answers WHERE workspace = ?1"
            " AND (?2 IS NULL OR batch IN (SELECT value FROM json_each(?2)) OR EXISTS (SELECT 1 FROM uses"
            " WHERE uses.answer = answers.id AND uses.batch IN (SELECT value FROM json_each(?2))))"
            " UNION ALL SELECT key FROM claims WHERE ?2 IS NULL OR batch IN (SELECT value FROM json_each(?2)))"
            " WHERE length(key) = 64 AND key NOT GLOB '*[^0-9a-f]*'"
        )
        values = (workspace, None if batches is None else json.dumps(list(batches)))
        (found,) = self._database.read(lambda c: c.execute(sql, values).fetchone())
        return bytes.fromhex(found or "")

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
        return self._database.read(lambda c: list(_stored(c.execute(sql, (deployment, workspace, limit)))))

    def of_deployment(self, workspace: str, deployment: str, limit: int) -> list[StoredAnswer]:
        """Return the last answers of one deployment in one workspace, of batches and of none, the newest first."""
        sql = f"SELECT {_STORED} FROM answers WHERE workspace = ? AND deployment = ? ORDER BY id DESC LIMIT ?"
        return self._database.read(lambda c: list(_stored(c.execute(sql, (workspace, deployment, limit)))))

    def inputs_of(self, workspace: str, deployment: str, limit: int) -> list[CallInputs]:
        """Return what the last calls of one deployment in one workspace were asked, the newest first.

        Outputs, which may be megabytes each, stay where they are. A run that is nested deeper than SQLite reads (1,000
        levels) is left out.
        """
        sql = (
            "SELECT * FROM (SELECT kept_at, variant, status,"
            " CASE WHEN json_valid(run) THEN json_extract(run, '$.inputs') END AS inputs FROM"
            f" (SELECT id, kept_at, variant, status, {RUN} AS run FROM answers"
            " WHERE workspace = ? AND deployment = ? ORDER BY id DESC LIMIT ?) ORDER BY id DESC)"
            " WHERE inputs IS NOT NULL"
        )
        kinds = (REAL, TEXT_OR_NONE, TEXT, TEXT)

        def read(connection: sqlite3.Connection) -> list[CallInputs]:
            lines = checked(connection.execute(sql, (workspace, deployment, limit)), kinds, "an answer")
            return [CallInputs(moment_of(kept_at, "an answer"), *rest) for kept_at, *rest in lines]

        return self._database.read(read)

    def seconds_of(self, workspace: str, deployment: str, limit: int = 50) -> list[float]:
        """Return how long the last completed calls of a deployment took, in seconds, the newest first.

        A run that is nested deeper than SQLite reads (1,000 levels) is left out.
        """
        sql = (
            "SELECT CASE WHEN json_valid(run) THEN json_extract(run, '$.elapsed_s') END FROM"
            f" (SELECT id, {RUN} AS run FROM answers WHERE workspace = ? AND deployment = ? AND status = 'completed'"
            " ORDER BY id DESC LIMIT ?) ORDER BY id DESC"
        )
        found = self._database.read(lambda c: c.execute(sql, (workspace, deployment, limit)).fetchall())
        return [float(seconds) for (seconds,) in found if isinstance(seconds, int | float) and seconds]

    def deployment_names(self) -> list[tuple[str, str]]:
        """Return every (deployment, workspace) of which an answer is kept, by name."""
        sql = "SELECT DISTINCT deployment, workspace FROM answers ORDER BY 1, 2"
        return self._database.read(lambda c: c.execute(sql).fetchall())

    def counts_of(self, record: BatchRecord) -> dict[str, int]:
        """Return how many jobs of a batch have which status, each by its newest answer, in the store or a part.

        An answer is the batch's own, or one that it uses. Equal jobs count as often as they were planned; those whose
        inputs do not fit have failed. A batch whose jobs are not kept (it is over partitions, or of an early version)
        counts its lines.
        """

        def read(connection: sqlite3.Connection) -> dict[str, int]:
            found = _counts_of_lines(connection, record.id)
            if kept := record.plan.get("parts"):
                plans = {plan for plan, *_ in kept["partitions"]}
                of_parts = partitions.counts(
                    connection, record.workspace, record.name, plans, anywhere=kept["anywhere"]
                )
                found = {status: found.get(status, 0) + of_parts.get(status, 0) for status in found | of_parts}
            return found

        return self._database.read(read)


def _counts_of_lines(connection: sqlite3.Connection, batch: int) -> dict[str, int]:
    newest = (
        "WITH lines AS (SELECT key, id FROM answers WHERE batch = ?1 UNION ALL SELECT answers.key, answers.id FROM uses"
        " JOIN answers ON answers.id = uses.answer WHERE uses.batch = ?1),"
        " newest AS (SELECT key, max(id) AS id FROM lines GROUP BY key)"
    )
    if connection.execute("SELECT 1 FROM jobs WHERE batch = ? LIMIT 1", (batch,)).fetchone():
        found = connection.execute(
            f"{newest} SELECT CASE WHEN jobs.key = '' THEN 'failed' ELSE answers.status END AS came, count(*) FROM jobs"
            " LEFT JOIN newest ON newest.key = jobs.key LEFT JOIN answers ON answers.id = newest.id"
            " WHERE jobs.batch = ?1 GROUP BY came HAVING came IS NOT NULL",
            (batch,),
        )
    else:
        found = connection.execute(
            f"{newest} SELECT status, count(*) FROM newest JOIN answers USING (id) GROUP BY status", (batch,)
        )
    return dict(found.fetchall())
