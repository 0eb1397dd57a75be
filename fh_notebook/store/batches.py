"""Table ``batches``: the identity of each batch, and the name that it has now in its workspace.

Rule of this file: a batch is its number, which is never given to another one; jobs, rows, answers and claims belong to
the number. A name may change (``replace=True`` keeps the earlier batch as ``name@<UTC time>``), the number does not.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from fh_notebook.store.damage import INT, REAL, TEXT, check_kinds, json_of, moment_of, plan_of
from fh_notebook.store.spelling import spelt
from fh_notebook.store.writer import Committed, Transactions

__all__ = [
    "CREATE",
    "RELATED",
    "REPLACED",
    "WITH_ID",
    "WITH_IDENTITY",
    "BatchRecord",
    "Batches",
    "before",
    "by_id",
    "every",
    "find",
    "note_replaced",
    "rename",
    "update",
    "write",
]

UNKNOWN: Final = ""
"""The workspace of a batch of which only claims were kept, before version 8 and without it."""

CREATE: Final = (
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
    # A number for each batch, which its jobs and rows carry a million times in place of two texts.
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
    # AUTOINCREMENT: SQLite gives the number of a removed line to the next one without it (sqlite.org, "Autoincrement").
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
    # What has a batch's name and no batch (the store of a killed worker): from now on it belongs to a number.
    "INSERT OR IGNORE INTO batches (name, workspace, deployment, variants, created_at, plan)"
    " SELECT batch, workspace, max(deployment), '[]', min(kept_at), '{}' FROM answers NOT INDEXED"
    " WHERE batch IS NOT NULL AND NOT EXISTS (SELECT 1 FROM batches WHERE batches.workspace = answers.workspace"
    " AND name = answers.batch)"
    " GROUP BY batch, workspace",
    "INSERT OR IGNORE INTO batches (name, workspace, deployment, variants, created_at, plan)"
    " SELECT batch, workspace, max(deployment), '[]', min(submitted_at), '{}' FROM pending WHERE batch IS NOT NULL"
    " GROUP BY batch, workspace",
    # Of calls that were out in such a store, and of which nothing came, the workspace is not known: see `write`.
    "INSERT INTO batches (name, workspace, deployment, variants, created_at, plan)"
    f" SELECT batch, '{UNKNOWN}', '', '[]', min(claimed_at), '{{}}' FROM claims"
    " WHERE batch NOT IN (SELECT name FROM batches) GROUP BY batch",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecord:
    """One batch as it was last started."""

    name: str
    workspace: str
    deployment: str
    variants: tuple[str, ...]
    created_at: datetime
    """UTC; of the first start under this name."""
    plan: Mapping[str, Any] = field(default_factory=dict)
    """JSON values: how many rows and jobs, the columns, and the arms: ``[label, deployment, variant]`` each."""
    id: int = 0
    """Its number in the store, which is never given to another one; 0 while it is not there."""


RELATED: Final = (
    "SELECT :batch"
    " UNION ALL SELECT other.value FROM batches, json_each(batches.plan, '$.replaced') AS other"
    " WHERE batches.id = :batch AND NOT :alone"
    " UNION ALL SELECT other.value FROM batches, json_each(batches.plan, '$.replaced_by') AS other"
    " WHERE batches.id = :batch AND NOT :alone"
)
"""The numbers of a batch (``:batch``), of those that it replaced and of those that replaced it: what one of them has
out, or has answered, is not called by another. Only its own with ``:alone``, for one that calls anew."""

_RECORD: Final = "id, name, workspace, deployment, variants, created_at, plan"


def write(connection: sqlite3.Connection, record: BatchRecord) -> int:
    """Write a batch and return its number. A name that is known keeps its `created_at` and takes the rest."""
    connection.execute(
        "UPDATE OR IGNORE batches SET workspace = ?1 WHERE workspace = ?2 AND name = ?3",
        (record.workspace, UNKNOWN, record.name),
    )
    written = connection.execute(
        "INSERT INTO batches (name, workspace, deployment, variants, created_at, plan) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (workspace, name) DO UPDATE SET"
        " deployment = excluded.deployment, variants = excluded.variants, plan = excluded.plan RETURNING id",
        (
            record.name,
            record.workspace,
            record.deployment,
            json.dumps(record.variants),
            record.created_at.timestamp(),
            spelt(record.plan),
        ),
    )
    return int(written.fetchone()[0])


def update(connection: sqlite3.Connection, batch_id: int, record: BatchRecord) -> None:
    """Write what is told of a batch that is there; its name and `created_at` stay."""
    connection.execute(
        "UPDATE batches SET deployment = ?, variants = ?, plan = ? WHERE id = ?",
        (record.deployment, json.dumps(record.variants), spelt(record.plan), batch_id),
    )


def rename(connection: sqlite3.Connection, batch_id: int, name: str) -> None:
    """Give a batch another name, under which what is kept by name (ratings, files of answers) is found, too."""
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
"""What the plan of a batch says of others by their numbers; see `RELATED`."""


def note_replaced(connection: sqlite3.Connection, batch_ids: Iterable[int], by: int) -> None:
    """Note of batches that another one has their name now, which takes their answers and gives them its own."""
    for batch_id in batch_ids:
        if (old := by_id(connection, batch_id)) is None:
            continue
        # One that runs still, and was about to write more of itself, looks again (see `batch_plan.write`).
        revision, others = int(old.plan.get("revision") or 0) + 1, old.plan.get("replaced_by", ())
        plan = {**old.plan, "revision": revision, "replaced_by": [*others, by]}
        update(connection, batch_id, replace(old, plan=plan))


def by_id(connection: sqlite3.Connection, batch_id: int) -> BatchRecord | None:
    """Return the batch of that number; ``None`` when it was forgotten."""
    found = connection.execute(f"SELECT {_RECORD} FROM batches WHERE id = ?", (batch_id,)).fetchone()
    return _record(found) if found else None


def find(connection: sqlite3.Connection, name: str, workspace: str) -> BatchRecord | None:
    """Return the batch of that name in that workspace, if there is one."""
    found = connection.execute(
        f"SELECT {_RECORD} FROM batches WHERE workspace = ? AND name = ?",
        (workspace, name),
    ).fetchone()
    return _record(found) if found else None


def before(connection: sqlite3.Connection, name: str, workspace: str) -> list[int]:
    """Return the numbers of the batches that had a name before another table took it, the newest first."""
    start = f"{name}@"
    found = connection.execute(
        "SELECT id FROM batches WHERE workspace = ? AND substr(name, 1, ?) = ? ORDER BY id DESC",
        (workspace, len(start), start),
    )
    return [int(number) for (number,) in found]


def every(connection: sqlite3.Connection) -> Iterator[BatchRecord]:
    """Yield all batches, the newest first."""
    found = connection.execute(f"SELECT {_RECORD} FROM batches ORDER BY created_at DESC, name")
    return map(_record, found)


def _record(line: tuple[Any, ...]) -> BatchRecord:
    check_kinds(line, (INT, TEXT, TEXT, TEXT, TEXT, REAL, TEXT), "a batch")
    number, name, workspace, deployment, variants, created_at, plan = line
    return BatchRecord(
        id=number,
        name=name,
        workspace=workspace,
        deployment=deployment,
        variants=tuple(map(str, json_of(variants, list, "the variants of a batch"))),
        created_at=moment_of(created_at, "a batch"),
        plan=plan_of(plan),
    )


class Batches:
    """Repository of batches' records; a batch with its rows and jobs is written by `store.Store.keep_plan`."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def keep(self, record: BatchRecord) -> Committed[int]:
        """Keep the record of a batch whose rows lie elsewhere, and return its number."""
        return self._database.put(partial(write, record=record))

    def rename(self, batch: int, name: str) -> Committed[None]:
        """Give a batch another name; what it has stays its own."""
        return self._database.put(partial(rename, batch_id=batch, name=name))

    def find(self, name: str, workspace: str) -> BatchRecord | None:
        """Return what a batch's name stands for, if it is known."""
        return self._database.read(lambda c: find(c, name, workspace))

    def by_id(self, batch_id: int) -> BatchRecord | None:
        """Return the batch of that number; ``None`` when it was forgotten."""
        return self._database.read(lambda c: by_id(c, batch_id))

    def before(self, name: str, workspace: str) -> list[int]:
        """Return the numbers of the batches that had a name before another table took it, the newest first."""
        return self._database.read(lambda c: before(c, name, workspace))

    def named(self, name: str) -> list[BatchRecord]:
        """Return the batches of that name in all workspaces, the newest first."""
        sql = f"SELECT {_RECORD} FROM batches WHERE name = ? ORDER BY id DESC"
        return self._database.read(lambda c: list(map(_record, c.execute(sql, (name,)))))

    def every(self) -> list[BatchRecord]:
        """Return all batches, the newest first."""
        return self._database.read(lambda c: list(every(c)))

    def newest(self, limit: int = 100, *, deployment: str | None = None) -> list[tuple[BatchRecord, datetime]]:
        """Return the last batches, of one deployment or of all, each with the time of its last answer (UTC), the newest
        first.

        A batch without an answer has the time of its first start.
        """
        sql = (
            f"SELECT {_RECORD}, max(created_at, coalesce((SELECT max(kept_at) FROM answers"
            " WHERE answers.batch = batches.id), created_at),"
            " coalesce((SELECT max(kept_at) FROM parts"
            " WHERE parts.batch = batches.name AND parts.workspace = batches.workspace), created_at)) AS last_at"
            " FROM batches WHERE ?1 IS NULL OR deployment = ?1 ORDER BY last_at DESC, name LIMIT ?2"
        )

        def read(connection: sqlite3.Connection) -> list[tuple[BatchRecord, datetime]]:
            found = connection.execute(sql, (deployment, limit))
            return [(_record(line[:7]), moment_of(line[7], "a batch")) for line in found]

        return self._database.read(read)
