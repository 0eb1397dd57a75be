"""Tables ``batches``, ``jobs`` and ``rows``: the identity of a batch, its jobs, and the source columns of its rows.

Rules of this file:

1. A job is identified by its position (row, repeat, arm). Planned again, a position gets the new key; positions that a
   later plan does not name stay. Masked inputs are marked: they cannot be sent from here.
2. Source columns are stored as they may be shown: a column with a password is masked before.
3. A batch is identified by its id, which is never reused; jobs, rows, answers and claims belong to the id. A name may
   change (``replace=True`` keeps the earlier batch as ``name@<UTC time>``), the id does not.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import starmap
from typing import Any, Final, NamedTuple

from fh_notebook.store import writer
from fh_notebook.store.codec import (
    INT,
    REAL,
    TEXT,
    check_kinds,
    check_rows,
    decode_json,
    encode_json,
    moment_of,
    plan_of,
)
from fh_notebook.store.writer import Committed, Transactions

CREATE_JOBS: Final = (
    """CREATE TABLE jobs (
        batch INTEGER NOT NULL,
        position INTEGER NOT NULL,
        repeat INTEGER NOT NULL,
        arm INTEGER NOT NULL,
        key TEXT NOT NULL,
        inputs TEXT NOT NULL,
        metadata TEXT NOT NULL,
        problems TEXT NOT NULL,
        whole INTEGER NOT NULL,
        PRIMARY KEY (batch, position, repeat, arm)
    ) STRICT, WITHOUT ROWID""",
)


class JobRow(NamedTuple):
    """One stored job; a tuple, since there may be millions."""

    position: int
    repeat: int
    arm: int
    """Its index in the batch's arms."""
    key: str
    inputs: str
    """JSON, secrets masked."""
    metadata: str
    """JSON: the user's own."""
    problems: str
    """JSON: why it cannot be called; an empty list when it can."""
    whole: int
    """1 where the inputs are those that are sent, 0 where a value is masked."""

    def with_key(self, key: str) -> JobRow:
        """Return the job with another key."""
        return JobRow(self.position, self.repeat, self.arm, key, self.inputs, self.metadata, self.problems, self.whole)

    def at(self, *, position: int, arm: int) -> JobRow:
        """Return the job at another position."""
        return JobRow(position, self.repeat, arm, *self[3:])


class JobKeyRow(NamedTuple):
    """What tells a stored job from others, without what is asked."""

    position: int
    repeat: int
    arm: int
    """Its index in the batch's arms."""
    key: str
    invalid: int
    """1 where it cannot be called."""


_KEY_COLUMNS: Final = "position, repeat, arm, key, problems <> '[]'"

_KEY_KINDS: Final = (INT, INT, INT, TEXT, INT)

_JOB_COLUMNS: Final = "position, repeat, arm, key, inputs, metadata, problems, whole"

_JOB_KINDS: Final = (INT, INT, INT, TEXT, TEXT, TEXT, TEXT, INT)


def write_jobs(connection: sqlite3.Connection, batch: int, rows: Sequence[JobRow]) -> None:
    """Write jobs of one batch."""
    writer.insert(connection, "INSERT OR REPLACE INTO jobs", rows, first=(batch,))


def jobs_of_batch(
    connection: sqlite3.Connection, batch: int, *, after: tuple[int, int, int] = (-1, 0, 0), limit: int = 1_000
) -> Iterator[JobRow]:
    """Yield up to `limit` jobs of one batch after (position, repeat, arm), in the plan's order."""
    cursor = connection.execute(
        f"SELECT {_JOB_COLUMNS} FROM jobs WHERE batch = ? AND (position, repeat, arm) > (?, ?, ?)"
        " ORDER BY position, repeat, arm LIMIT ?",
        (batch, *after, limit),
    )
    return starmap(JobRow, check_rows(cursor, _JOB_KINDS, "a job"))


class Jobs:
    """Repository of jobs."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def windows(self, batch: int, *, window: int = 1_000) -> Iterator[list[JobRow]]:
        """Yield the jobs of one batch in the plan's order, `window` at a time."""
        after = (-1, 0, 0)
        while jobs := self._database.read(
            lambda c, after=after: list(jobs_of_batch(c, batch, after=after, limit=window))  # type: ignore[misc]  # bound at once
        ):
            yield jobs
            after = (jobs[-1].position, jobs[-1].repeat, jobs[-1].arm)

    def key_windows(self, batch: int, *, window: int = 1_000) -> Iterator[list[JobKeyRow]]:
        """Yield the jobs of :meth:`windows` without what is asked."""
        sql = (
            f"SELECT {_KEY_COLUMNS} FROM jobs"
            " WHERE batch = ? AND (position, repeat, arm) > (?, ?, ?) ORDER BY position, repeat, arm LIMIT ?"
        )
        after = (-1, 0, 0)
        while jobs := self._key_rows(sql, (batch, *after, window)):
            yield jobs
            after = jobs[-1][:3]

    def keys_at(self, batch: int, positions: Iterable[int]) -> list[JobKeyRow]:
        """Return the jobs of :meth:`at` without what is asked."""
        sql = (
            f"SELECT {_KEY_COLUMNS} FROM jobs"
            " WHERE batch = ? AND position IN (SELECT value FROM json_each(?)) ORDER BY position, repeat, arm"
        )
        return self._key_rows(sql, (batch, json.dumps(list(positions))))

    def _key_rows(self, sql: str, values: tuple[object, ...]) -> list[JobKeyRow]:
        return self._database.read(
            lambda c: list(starmap(JobKeyRow, check_rows(c.execute(sql, values), _KEY_KINDS, "a job")))
        )

    def inputs_of(self, batch: int, *, window: int = 10_000) -> Iterator[tuple[int, int, str]]:
        """Yield position, arm and inputs of the jobs of one batch, in the plan's order."""
        sql = (
            "SELECT position, repeat, arm, inputs FROM jobs"
            " WHERE batch = ? AND (position, repeat, arm) > (?, ?, ?) ORDER BY position, repeat, arm LIMIT ?"
        )
        kinds = (INT, INT, INT, TEXT)
        after = (-1, 0, 0)
        while rows := self._database.read(
            lambda c, after=after: check_rows(c.execute(sql, (batch, *after, window)), kinds, "a job")  # type: ignore[misc]  # bound at once
        ):
            yield from ((position, arm, inputs) for position, _, arm, inputs in rows)
            after = rows[-1][:3]

    def at(self, batch: int, positions: Iterable[int]) -> list[JobRow]:
        """Return the jobs of the rows at these positions of one batch, in the plan's order."""
        sql = (
            f"SELECT {_JOB_COLUMNS} FROM jobs"
            " WHERE batch = ? AND position IN (SELECT value FROM json_each(?)) ORDER BY position, repeat, arm"
        )
        values = (batch, json.dumps(list(positions)))
        return self._database.read(
            lambda c: list(starmap(JobRow, check_rows(c.execute(sql, values), _JOB_KINDS, "a job")))
        )

    def count(self, batch: int) -> int:
        """Return how many jobs of one batch are stored."""
        sql = "SELECT count(*) FROM jobs WHERE batch = ?"
        return int(self._database.read(lambda c: c.execute(sql, (batch,)).fetchone())[0])


CREATE_ROWS: Final = (
    """CREATE TABLE rows (
        batch INTEGER NOT NULL,
        position INTEGER NOT NULL,
        label TEXT NOT NULL,
        record TEXT NOT NULL,
        PRIMARY KEY (batch, position)
    ) STRICT, WITHOUT ROWID""",
)


class StoredRow(NamedTuple):
    """One stored row of a batch's table."""

    position: int
    label: str
    """JSON."""
    record: str
    """JSON: column to value."""


def write_rows(connection: sqlite3.Connection, batch: int, rows: Sequence[StoredRow]) -> None:
    """Write rows of one batch."""
    writer.insert(connection, "INSERT OR REPLACE INTO rows", rows, first=(batch,))


def rows_at(connection: sqlite3.Connection, batch: int, positions: Iterable[int]) -> Iterator[StoredRow]:
    """Yield the rows at these positions of one batch, in no order."""
    cursor = connection.execute(
        "SELECT position, label, record FROM rows WHERE batch = ? AND position IN (SELECT value FROM json_each(?))",
        (batch, json.dumps(list(positions))),
    )
    return starmap(StoredRow, check_rows(cursor, (INT, TEXT, TEXT), "a row"))


class SourceRows:
    """Repository of the source columns of batches' rows."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def at(self, batch: int, positions: Iterable[int]) -> dict[int, StoredRow]:
        """Return the rows at these positions of one batch, by position."""
        listed = list(positions)
        return self._database.read(lambda c: {row.position: row for row in rows_at(c, batch, listed)})

    def count(self, batch: int) -> int:
        """Return how many rows of one batch are stored."""
        sql = "SELECT count(*) FROM rows WHERE batch = ?"
        return int(self._database.read(lambda c: c.execute(sql, (batch,)).fetchone())[0])

    def labels(self, batch: int) -> dict[int, str]:
        """Return the labels of one batch's rows as JSON, by position."""
        sql = "SELECT position, label FROM rows WHERE batch = ? ORDER BY position"
        return self._database.read(lambda c: dict(check_rows(c.execute(sql, (batch,)), (INT, TEXT), "a row")))


UNKNOWN: Final = ""
"""The workspace of a batch of before version 8 that has only claims, which had no workspace."""


CREATE_BATCHES: Final = (
    """CREATE TABLE batches (
        name TEXT NOT NULL,
        workspace TEXT NOT NULL,
        deployment TEXT NOT NULL,
        variants TEXT NOT NULL,
        created_at REAL NOT NULL,
        plan TEXT NOT NULL,
        PRIMARY KEY (workspace, name)
    ) STRICT""",
)

WITH_ID: Final = (
    # An id for each batch, which its jobs and rows have a million times in place of two texts.
    "ALTER TABLE batches RENAME TO batches_1",
    """CREATE TABLE batches (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        workspace TEXT NOT NULL,
        deployment TEXT NOT NULL,
        variants TEXT NOT NULL,
        created_at REAL NOT NULL,
        plan TEXT NOT NULL,
        UNIQUE (workspace, name)
    ) STRICT""",
    "INSERT INTO batches (name, workspace, deployment, variants, created_at, plan)"
    " SELECT name, workspace, deployment, variants, created_at, plan FROM batches_1 ORDER BY created_at",
    "DROP TABLE batches_1",
)

WITH_IDENTITY: Final = (
    # AUTOINCREMENT: without it SQLite reuses the id of a deleted row (sqlite.org, "Autoincrement").
    "ALTER TABLE batches RENAME TO batches_7",
    """CREATE TABLE batches (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        workspace TEXT NOT NULL,
        deployment TEXT NOT NULL,
        variants TEXT NOT NULL,
        created_at REAL NOT NULL,
        plan TEXT NOT NULL,
        UNIQUE (workspace, name)
    ) STRICT""",
    "INSERT INTO batches SELECT id, name, workspace, deployment, variants, created_at, plan FROM batches_7",
    "DROP TABLE batches_7",
    # Rows with a batch's name and no batch (the store of a killed worker) get a batch with an id.
    "INSERT OR IGNORE INTO batches (name, workspace, deployment, variants, created_at, plan)"
    " SELECT batch, workspace, max(deployment), '[]', min(kept_at), '{}' FROM answers NOT INDEXED"
    " WHERE batch IS NOT NULL AND NOT EXISTS (SELECT 1 FROM batches WHERE batches.workspace = answers.workspace"
    " AND name = answers.batch)"
    " GROUP BY batch, workspace",
    "INSERT OR IGNORE INTO batches (name, workspace, deployment, variants, created_at, plan)"
    " SELECT batch, workspace, max(deployment), '[]', min(submitted_at), '{}' FROM pending WHERE batch IS NOT NULL"
    " GROUP BY batch, workspace",
    # The workspace of calls without an outcome in such a store is not known: see `write`.
    "INSERT INTO batches (name, workspace, deployment, variants, created_at, plan)"
    f" SELECT batch, '{UNKNOWN}', '', '[]', min(claimed_at), '{{}}' FROM claims"
    " WHERE batch NOT IN (SELECT name FROM batches) GROUP BY batch",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecord:
    """The record of a batch at its last start."""

    name: str
    workspace: str
    deployment: str
    variants: tuple[str, ...]
    created_at: datetime
    """UTC; of the first start under this name."""
    plan: Mapping[str, Any] = field(default_factory=dict)
    """JSON values: how many rows and jobs, the columns, and the arms: ``[label, deployment, variant]`` each."""
    id: int = 0
    """Its id in the store, which is never reused; 0 while it is not stored."""


RELATED: Final = (
    "SELECT :batch"
    " UNION ALL SELECT other.value FROM batches, json_each(batches.plan, '$.replaced') AS other"
    " WHERE batches.id = :batch AND NOT :alone"
    " UNION ALL SELECT other.value FROM batches, json_each(batches.plan, '$.replaced_by') AS other"
    " WHERE batches.id = :batch AND NOT :alone"
)
"""The ids of a batch (``:batch``), of those that it replaced and of those that replaced it: a call in flight or
answered in one of them is not made by another. Only its own id with ``:alone``, for a batch that calls again."""


_RECORD: Final = "id, name, workspace, deployment, variants, created_at, plan"


def write(connection: sqlite3.Connection, record: BatchRecord) -> int:
    """Write a batch and return its id. A known name keeps its `created_at`; the rest is replaced."""
    connection.execute(
        "UPDATE OR IGNORE batches SET workspace = ?1 WHERE workspace = ?2 AND name = ?3",
        (record.workspace, UNKNOWN, record.name),
    )
    cursor = connection.execute(
        "INSERT INTO batches (name, workspace, deployment, variants, created_at, plan) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (workspace, name) DO UPDATE SET"
        " deployment = excluded.deployment, variants = excluded.variants, plan = excluded.plan RETURNING id",
        (
            record.name,
            record.workspace,
            record.deployment,
            json.dumps(record.variants),
            record.created_at.timestamp(),
            encode_json(record.plan),
        ),
    )
    return int(cursor.fetchone()[0])


def update(connection: sqlite3.Connection, batch_id: int, record: BatchRecord) -> None:
    """Update the record of a stored batch; its name and `created_at` stay."""
    connection.execute(
        "UPDATE batches SET deployment = ?, variants = ?, plan = ? WHERE id = ?",
        (record.deployment, json.dumps(record.variants), encode_json(record.plan), batch_id),
    )


def rename(connection: sqlite3.Connection, batch_id: int, name: str) -> None:
    """Rename a batch, and the rows that have its name (ratings, files of answers)."""
    old = by_id(connection, batch_id)
    if old is None:
        return
    connection.execute("UPDATE batches SET name = ? WHERE id = ?", (name, batch_id))
    for table in ("ratings", "parts"):
        connection.execute(
            f"UPDATE {table} SET batch = ? WHERE batch = ? AND workspace = ?",
            (name, old.name, old.workspace),
        )


REPLACED: Final = ("replaced", "replaced_by")
"""The keys of a batch's plan with the ids of other batches; see `RELATED`."""


def note_replaced(connection: sqlite3.Connection, batch_ids: Iterable[int], by: int) -> None:
    """Record in batches that another one has their name now, with which they share answers."""
    for batch_id in batch_ids:
        if (old := by_id(connection, batch_id)) is None:
            continue
        # A running one, which is about to write more jobs, reads its record again (see `plans.write`).
        revision, replaced_by = int(old.plan.get("revision") or 0) + 1, old.plan.get("replaced_by", ())
        plan = {**old.plan, "revision": revision, "replaced_by": [*replaced_by, by]}
        update(connection, batch_id, replace(old, plan=plan))


FILES: Final = "files"
"""The key of a batch's plan with the folder of its saved files: see `batching.export.assets.record_of_files`."""


def note_files(connection: sqlite3.Connection, batch_id: int, files: Mapping[str, Any]) -> None:
    """Record in a batch where the files of its runs are saved."""
    old = by_id(connection, batch_id)
    if old is None or old.plan.get(FILES) == files:
        return
    plan = {**old.plan, FILES: dict(files)}
    if "revision" in old.plan:  # a running kernel, which is about to write more jobs, reads the record again
        plan["revision"] = int(old.plan["revision"] or 0) + 1
    update(connection, batch_id, replace(old, plan=plan))


def by_id(connection: sqlite3.Connection, batch_id: int) -> BatchRecord | None:
    """Return the batch of an id; ``None`` when it was forgotten."""
    row = connection.execute(f"SELECT {_RECORD} FROM batches WHERE id = ?", (batch_id,)).fetchone()
    return _record(row) if row else None


def find(connection: sqlite3.Connection, name: str, workspace: str) -> BatchRecord | None:
    """Return the batch of that name in that workspace, if there is one."""
    row = connection.execute(
        f"SELECT {_RECORD} FROM batches WHERE workspace = ? AND name = ?",
        (workspace, name),
    ).fetchone()
    return _record(row) if row else None


def earlier_ids(connection: sqlite3.Connection, name: str, workspace: str) -> list[int]:
    """Return the ids of the batches that had a name before another table took it, the newest first."""
    start = f"{name}@"
    rows = connection.execute(
        "SELECT id FROM batches WHERE workspace = ? AND substr(name, 1, ?) = ? ORDER BY id DESC",
        (workspace, len(start), start),
    )
    return [int(number) for (number,) in rows]


def every(connection: sqlite3.Connection) -> Iterator[BatchRecord]:
    """Yield all batches, the newest first."""
    cursor = connection.execute(f"SELECT {_RECORD} FROM batches ORDER BY created_at DESC, name")
    return map(_record, cursor)


def _record(row: tuple[Any, ...]) -> BatchRecord:
    check_kinds(row, (INT, TEXT, TEXT, TEXT, TEXT, REAL, TEXT), "a batch")
    batch_id, name, workspace, deployment, variants, created_at, plan = row
    return BatchRecord(
        id=batch_id,
        name=name,
        workspace=workspace,
        deployment=deployment,
        variants=tuple(map(str, decode_json(variants, list, "the variants of a batch"))),
        created_at=moment_of(created_at, "a batch"),
        plan=plan_of(plan),
    )


class Batches:
    """Repository of batches' records; a batch with its rows and jobs is written by `store.Store.keep_plan`."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def keep(self, record: BatchRecord) -> Committed[int]:
        """Store the record of a batch whose rows are not in the store, and return its id."""
        return self._database.put(partial(write, record=record))

    def rename(self, batch: int, name: str) -> Committed[None]:
        """Rename a batch; its rows stay its own."""
        return self._database.put(partial(rename, batch_id=batch, name=name))

    def note_files(self, batch: int, files: Mapping[str, Any]) -> Committed[None]:
        """Record in a batch where the files of its runs are saved."""
        return self._database.put(partial(note_files, batch_id=batch, files=files))

    def find(self, name: str, workspace: str) -> BatchRecord | None:
        """Return the batch of that name, if there is one."""
        return self._database.read(lambda c: find(c, name, workspace))

    def by_id(self, batch_id: int) -> BatchRecord | None:
        """Return the batch of an id; ``None`` when it was forgotten."""
        return self._database.read(lambda c: by_id(c, batch_id))

    def earlier_ids(self, name: str, workspace: str) -> list[int]:
        """Return the ids of the batches that had a name before another table took it, the newest first."""
        return self._database.read(lambda c: earlier_ids(c, name, workspace))

    def named(self, name: str) -> list[BatchRecord]:
        """Return the batches of that name in all workspaces, the newest first."""
        sql = f"SELECT {_RECORD} FROM batches WHERE name = ? ORDER BY id DESC"
        return self._database.read(lambda c: list(map(_record, c.execute(sql, (name,)))))

    def every(self) -> list[BatchRecord]:
        """Return all batches, the newest first."""
        return self._database.read(lambda c: list(every(c)))

    def newest(self, limit: int = 100, *, deployment: str | None = None) -> list[tuple[BatchRecord, datetime]]:
        """Return the last batches with the time of each one's last answer (UTC), the newest first.

        They are those of one deployment, or of all. A batch without an answer has the time of its first start.
        """
        sql = (
            f"SELECT {_RECORD}, max(created_at, coalesce((SELECT max(kept_at) FROM answers"
            " WHERE answers.batch = batches.id), created_at),"
            " coalesce((SELECT max(kept_at) FROM parts"
            " WHERE parts.batch = batches.name AND parts.workspace = batches.workspace), created_at)) AS last_at"
            " FROM batches WHERE ?1 IS NULL OR deployment = ?1 ORDER BY last_at DESC, name LIMIT ?2"
        )

        def read(connection: sqlite3.Connection) -> list[tuple[BatchRecord, datetime]]:
            rows = connection.execute(sql, (deployment, limit))
            return [(_record(row[:7]), moment_of(row[7], "a batch")) for row in rows]

        return self._database.read(read)
