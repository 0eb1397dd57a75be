"""Table ``answers``: what came of every call. Append-only; how a run is spelt in a line is in `answer_lines.py`.

A line of a batch has the batch's number; a single run (a cell, a form) has none. The number of a line is never given
to another one, also after it was forgotten: whoever holds it finds that answer or none.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, NamedTuple

from fh_notebook.contract.reuse import is_reusable
from fh_notebook.store import bulk
from fh_notebook.store.answer_lines import Kept, Line, kept_of, run_of
from fh_notebook.store.batches import RELATED
from fh_notebook.store.damage import (
    INT,
    INT_OR_NONE,
    REAL,
    TEXT,
    TEXT_OR_NONE,
    checked,
    moment_of,
    seconds_of_moment,
)

__all__ = [
    "CREATE",
    "RUN",
    "WITH_CALLS",
    "WITH_EARLIER",
    "WITH_IDENTITY",
    "Inputs",
    "Seen",
    "append",
    "append_all",
    "behind",
    "by_ids",
    "completed_of",
    "count_completed",
    "counts_of_batch",
    "deployment_names",
    "inputs_of",
    "keys_of",
    "newer",
    "newest_id",
    "of_deployment",
    "seconds_of",
    "seen",
    "single_runs",
    "standing",
    "there",
]

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


class Seen(NamedTuple):
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


class Inputs(NamedTuple):
    """What one call was asked, without what came of it."""

    kept_at: datetime
    """UTC."""
    variant: str | None
    status: str
    json: str
    """The inputs, secrets masked."""


_COLUMNS: Final = ("key", "batch", "workspace", "deployment", "variant", "status", "run", "kept_at", "calls")


def append(connection: sqlite3.Connection, line: Line) -> int:
    """Write one line, and return its number."""
    return append_all(connection, [line])[0]


def append_all(connection: sqlite3.Connection, lines: Sequence[Line]) -> list[int]:
    """Write lines in a few statements, and return their numbers, in order."""
    last = bulk.insert(connection, _INTO, [_values(line) for line in lines])
    # The table is only appended to, by one writer at a time: its lines are numbered one after the other.
    return list(range(last - len(lines) + 1, last + 1))


_INTO: Final = f"INSERT INTO answers ({', '.join(_COLUMNS)})"
_values: Final = attrgetter(*_COLUMNS)


_KEPT: Final = f"id, key, batch, workspace, status, kept_at, {RUN} AS run"


def _kept(found: sqlite3.Cursor) -> Iterator[Kept]:
    store = getattr(found.connection, "path", None)
    return (kept_of(line, store) for line in found)


def newest_id(connection: sqlite3.Connection) -> int:
    """Return the number that was given last, also where that line was forgotten; 0 before the first."""
    found = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'answers'").fetchone()
    return int(found[0]) if found else 0


def by_ids(connection: sqlite3.Connection, ids: Iterable[int]) -> Iterator[Kept]:
    """Yield the lines of these numbers, in no order; what was forgotten since is left out."""
    found = connection.execute(
        f"SELECT {_KEPT} FROM answers WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),)
    )
    return _kept(found)


def behind(connection: sqlite3.Connection, after_id: int, limit: int) -> Iterator[Kept]:
    """Yield up to `limit` lines behind a number, the oldest first."""
    found = connection.execute(f"SELECT {_KEPT} FROM answers WHERE id > ? ORDER BY id LIMIT ?", (after_id, limit))
    return _kept(found)


def seen(
    connection: sqlite3.Connection,
    keys: Iterable[str],
    *,
    batches: Sequence[int] | None,
    after_id: int = 0,
    since: datetime | None = None,
) -> Iterator[Seen]:
    """Yield what is known of these jobs, the newest first.

    Of `batches` their own lines and those that they use; ``None`` is all batches, and single runs.

    Only of what failed the run comes along: it says whether the failure stands.
    """
    found = connection.execute(
        f"SELECT {_SEEN} FROM json_each(?1) AS wanted CROSS JOIN answers ON answers.key = wanted.value"
        " WHERE (?2 IS NULL OR batch IN (SELECT value FROM json_each(?2)) OR EXISTS (SELECT 1 FROM uses"
        " WHERE uses.answer = answers.id AND uses.batch IN (SELECT value FROM json_each(?2))))"
        " AND answers.id > ?3 AND kept_at >= ?4 ORDER BY answers.id DESC",
        (
            json.dumps(list(keys)),
            None if batches is None else json.dumps(list(batches)),
            after_id,
            since.timestamp() if since else 0.0,
        ),
    )
    return map(_seen, checked(found, _SEEN_KINDS, "an answer"))


_SEEN: Final = f"answers.key, batch, status, kept_at, answers.id, CASE WHEN status = 'failed' THEN {RUN} END"
_SEEN_KINDS: Final = (TEXT, INT_OR_NONE, TEXT, REAL, INT, TEXT_OR_NONE)


def _seen(line: tuple[Any, ...]) -> Seen:
    seconds_of_moment(line[3], "an answer")
    return Seen._make(line)


def count_completed(connection: sqlite3.Connection, keys: Iterable[str]) -> int:
    """Return how many of these jobs have a completed line, of whatever batch or none."""
    found = connection.execute(
        "SELECT count(DISTINCT key) FROM answers"
        " WHERE key IN (SELECT value FROM json_each(?)) AND status = 'completed'",
        (json.dumps(list(keys)),),
    )
    return int(found.fetchone()[0])


def keys_of(connection: sqlite3.Connection, workspace: str, *, batches: Sequence[int] | None) -> bytes:
    """Return the keys of what batches have answered, use or claim, as bytes behind each other; ``None`` is all.

    One value and not a line each: a million lines take seconds in the interpreter.
    """
    (found,) = connection.execute(
        "SELECT group_concat(key, '') FROM (SELECT key FROM answers WHERE workspace = ?1"
        " AND (?2 IS NULL OR batch IN (SELECT value FROM json_each(?2)) OR EXISTS (SELECT 1 FROM uses"
        " WHERE uses.answer = answers.id AND uses.batch IN (SELECT value FROM json_each(?2))))"
        " UNION ALL SELECT key FROM claims WHERE ?2 IS NULL OR batch IN (SELECT value FROM json_each(?2)))"
        " WHERE length(key) = 64 AND key NOT GLOB '*[^0-9a-f]*'",
        (workspace, None if batches is None else json.dumps(list(batches))),
    ).fetchone()
    return bytes.fromhex(found or "")


def there(connection: sqlite3.Connection, ids: Iterable[int]) -> set[int]:
    """Return which lines of these numbers are there."""
    (found,) = connection.execute(
        "SELECT json_group_array(id) FROM answers WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(ids)),),
    ).fetchone()
    return set(json.loads(found))


def completed_of(connection: sqlite3.Connection, keys: Iterable[str], *, since: datetime | None = None) -> set[str]:
    """Return which of these jobs have a completed line that was kept since then, of whatever batch or none."""
    found = connection.execute(
        "SELECT DISTINCT key FROM answers"
        " WHERE key IN (SELECT value FROM json_each(?)) AND status = 'completed' AND kept_at >= ?",
        (json.dumps(list(keys)), since.timestamp() if since else 0.0),
    )
    return {key for (key,) in found}


def standing(lines: Iterable[Seen]) -> tuple[Seen | None, Seen | None]:
    """Return the line that stands for a job, and the newest call that may have run since, of lines the newest first.

    A completed answer stands. A failure stands where it is reused and no call that may have run is newer.
    """
    may_have_run: Seen | None = None
    for line in lines:
        if line.is_lost:
            may_have_run = may_have_run or line
        elif line.status == "completed" or (may_have_run is None and is_reusable(run_of(line.run))):
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
) -> Kept | None:
    """Return the line behind `than_id` that answers a job, which came since it was planned.

    It is the newest one of its batch and of those that are `batches.RELATED` (without `alone`), whatever it says. With
    `anywhere` also what stands of the lines of others; not with `call_lost` where that may have run.
    """
    found = connection.execute(
        f"SELECT coalesce(batch IN ({RELATED}), 0) AS is_own, {_SEEN} FROM answers WHERE key = :key AND id > :after"
        " AND (:anywhere OR is_own) ORDER BY id DESC",
        {"batch": batch, "key": key, "after": than_id, "alone": alone, "anywhere": anywhere},
    )
    lines = [(is_own, _seen(tuple(line))) for is_own, *line in checked(found, (INT, *_SEEN_KINDS), "an answer")]
    serves = next((line for is_own, line in lines if is_own), None)
    if serves is None:
        stands, may_have_run = standing(line for _, line in lines)
        serves = stands or (None if call_lost else may_have_run)
    return next(by_ids(connection, [serves.id])) if serves is not None else None


def single_runs(
    connection: sqlite3.Connection, limit: int, *, deployment: str | None = None, workspace: str | None = None
) -> Iterator[Kept]:
    """Yield the last runs that belong to no batch, of one deployment, one workspace or all, the newest first."""
    found = connection.execute(
        f"SELECT {_KEPT} FROM answers"
        " WHERE batch IS NULL AND (?1 IS NULL OR deployment = ?1) AND (?2 IS NULL OR workspace = ?2)"
        " ORDER BY id DESC LIMIT ?3",
        (deployment, workspace, limit),
    )
    return _kept(found)


def of_deployment(connection: sqlite3.Connection, workspace: str, deployment: str, limit: int) -> Iterator[Kept]:
    """Yield the last lines of one deployment in one workspace, of batches and of none, the newest first."""
    found = connection.execute(
        f"SELECT {_KEPT} FROM answers WHERE workspace = ? AND deployment = ? ORDER BY id DESC LIMIT ?",
        (workspace, deployment, limit),
    )
    return _kept(found)


def inputs_of(connection: sqlite3.Connection, workspace: str, deployment: str, limit: int) -> Iterator[Inputs]:
    """Yield what the last calls of one deployment in one workspace were asked, the newest first.

    Outputs, which may be megabytes each, stay where they are. A run that is nested deeper than SQLite reads (1,000
    levels) is left out.
    """
    found = connection.execute(
        "SELECT * FROM (SELECT kept_at, variant, status,"
        " CASE WHEN json_valid(run) THEN json_extract(run, '$.inputs') END AS inputs FROM"
        f" (SELECT id, kept_at, variant, status, {RUN} AS run FROM answers"
        " WHERE workspace = ? AND deployment = ? ORDER BY id DESC LIMIT ?) ORDER BY id DESC) WHERE inputs IS NOT NULL",
        (workspace, deployment, limit),
    )
    kinds = (REAL, TEXT_OR_NONE, TEXT, TEXT)
    lines = checked(found, kinds, "an answer")
    return (Inputs(moment_of(kept_at, "an answer"), *rest) for kept_at, *rest in lines)


def deployment_names(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return every (deployment, workspace) of which there is a line, by name."""
    return connection.execute("SELECT DISTINCT deployment, workspace FROM answers ORDER BY 1, 2").fetchall()


def counts_of_batch(connection: sqlite3.Connection, batch: int) -> dict[str, int]:
    """Return how many jobs of a batch have which status, each by its newest line, of the batch's own or a used one.

    Equal jobs count as often as they were planned; those whose inputs do not fit have failed. A batch whose jobs are
    not kept (it is over partitions, or of an early version) counts its lines.
    """
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


def seconds_of(connection: sqlite3.Connection, workspace: str, deployment: str, limit: int) -> list[float]:
    """Return how long the last completed calls of a deployment took, in seconds, the newest first.

    A run that is nested deeper than SQLite reads (1,000 levels) is left out.
    """
    found = connection.execute(
        "SELECT CASE WHEN json_valid(run) THEN json_extract(run, '$.elapsed_s') END FROM"
        f" (SELECT id, {RUN} AS run FROM answers"
        " WHERE workspace = ? AND deployment = ? AND status = 'completed' ORDER BY id DESC LIMIT ?) ORDER BY id DESC",
        (workspace, deployment, limit),
    )
    return [float(seconds) for (seconds,) in found if isinstance(seconds, int | float) and seconds]
