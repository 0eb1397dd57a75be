"""Table ``pending``: runs started by callback delivery whose outcome has not arrived.

A row is written before the call (of a batch: when the service accepted it, since a claim exists before) and deleted
with the outcome. Rule of this file: a row has masked inputs and no signing secret, as a stored run. The registry that a
client uses is `store.pending_runs`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from fh_notebook.store.codec import (
    INT,
    INT_OR_NONE,
    REAL,
    TEXT,
    TEXT_OR_NONE,
    check_kinds,
    decode_json,
    encode_json,
    moment_of,
)
from fh_notebook.store.writer import Committed, Transactions

CREATE: Final = (
    """CREATE TABLE pending (
        id TEXT PRIMARY KEY,
        workspace TEXT NOT NULL,
        key TEXT NOT NULL,
        batch TEXT,
        deployment TEXT NOT NULL,
        variant TEXT,
        inputs TEXT NOT NULL,
        metadata TEXT NOT NULL,
        callback_url TEXT,
        status TEXT NOT NULL,
        request_id TEXT,
        run_id TEXT,
        calls INTEGER NOT NULL,
        owner TEXT NOT NULL,
        submitted_at REAL NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX pending_by_batch ON pending (batch, key)",
)
WITH_IDENTITY: Final = (
    "DROP INDEX pending_by_batch",
    "ALTER TABLE pending RENAME TO pending_7",
    CREATE[0].replace("batch TEXT", "batch INTEGER"),
    "INSERT INTO pending SELECT id, workspace, key, (SELECT batches.id FROM batches WHERE batches.workspace ="
    " pending_7.workspace AND batches.name = pending_7.batch), deployment, variant, inputs, metadata, callback_url,"
    " status, request_id, run_id, calls, owner, submitted_at FROM pending_7",
    "DROP TABLE pending_7",
    CREATE[1],
)
SENDING: Final = "sending"
"""The status of a row whose call has not been answered yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRow:
    """One pending run."""

    id: str
    """A random id: the service's ids are known later."""
    workspace: str
    key: str
    """The key of the job, as in stored answers."""
    batch: int | None = None
    """The number of its batch; a single run has none."""
    deployment: str
    variant: str | None
    inputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Secrets masked."""
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)
    callback_url: str | None
    status: str = SENDING
    request_id: str | None = None
    run_id: str | None = None
    calls: int = 0
    """Requests so far."""
    owner: str = ""
    """The owner that waits for it; empty: none."""
    submitted_at: datetime
    """UTC."""


_COLUMNS: Final = (
    "id", "workspace", "key", "batch", "deployment", "variant", "inputs", "metadata", "callback_url", "status",
    "request_id", "run_id", "calls", "owner", "submitted_at",
)  # fmt: skip


_KINDS: Final = (
    TEXT, TEXT, TEXT, INT_OR_NONE, TEXT, TEXT_OR_NONE, TEXT, TEXT, TEXT_OR_NONE, TEXT, TEXT_OR_NONE, TEXT_OR_NONE,
    INT, TEXT, REAL,
)  # fmt: skip


def drop(connection: sqlite3.Connection, id: str) -> bool:
    """Delete a row, and return whether it existed."""
    return connection.execute("DELETE FROM pending WHERE id = ?", (id,)).rowcount == 1


def _row(values: tuple[Any, ...]) -> PendingRow:
    values_by_name = dict(zip(_COLUMNS, values, strict=True))
    check_kinds(values, _KINDS, "a pending run")
    for name in ("inputs", "metadata"):
        values_by_name[name] = decode_json(values_by_name[name], dict, f"{name} of a pending run")
    values_by_name["submitted_at"] = moment_of(values_by_name["submitted_at"], "a pending run")
    return PendingRow(**values_by_name)


class Pending:
    """Repository of pending runs; used by `pending_runs.PendingRuns`."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def add(self, rows: Sequence[PendingRow]) -> Committed[None]:
        """Write rows."""
        sql = f"INSERT OR REPLACE INTO pending ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
        values = [
            [
                row.id, row.workspace, row.key, row.batch, row.deployment, row.variant, encode_json(row.inputs),
                encode_json(row.metadata), row.callback_url, row.status, row.request_id, row.run_id, row.calls,
                row.owner, row.submitted_at.timestamp(),
            ]
            for row in rows
        ]  # fmt: skip

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(sql, values)

        return self._database.put(write)

    def accept(self, row: PendingRow) -> Committed[None]:
        """Store the ids of a run that the service accepted."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE pending SET status = ?, request_id = ?, run_id = ?, calls = ? WHERE id = ?",
                (row.status, row.request_id, row.run_id, row.calls, row.id),
            )

        return self._database.put(write)

    def drop(self, id: str) -> Committed[bool]:
        """Delete a row, and return whether it existed."""
        return self._database.put(lambda c: drop(c, id))

    def let_go(self, id: str, owner: str) -> Committed[bool]:
        """Clear the owner of a run; the future says whether it was this owner's."""
        return self.take_over(id, old=owner, new="")

    def take_over(self, id: str, *, old: str, new: str) -> Committed[bool]:
        """Change the owner of a run; the future says whether it was still the old one's: one caller gets it."""
        sql = "UPDATE pending SET owner = ? WHERE id = ? AND owner = ?"
        return self._database.put(lambda c: c.execute(sql, (new, id, old)).rowcount == 1)

    def hold(self, id: str, owner: str) -> Committed[bool]:
        """Make this the owner of a run that nobody waits for; the future says whether no other owner has it.

        Of a row that is gone, forgotten say, nobody is the owner: its run can be waited for all the same.
        """

        def write(connection: sqlite3.Connection) -> bool:
            connection.execute("UPDATE pending SET owner = ? WHERE id = ? AND owner = ''", (owner, id))
            others = "SELECT 1 FROM pending WHERE id = ? AND owner <> ?"
            return connection.execute(others, (id, owner)).fetchone() is None

        return self._database.put(write)

    def prune(self, batch: int | None = None) -> Committed[int]:
        """Delete the rows of batches with a stored outcome (the ledger of the batch writes the answers)."""
        # "+" keeps the index by batch out: it would read all answers of the batch for each row, that by key few.
        sql = (
            "DELETE FROM pending WHERE batch IS NOT NULL AND (?1 IS NULL OR batch = ?1) AND EXISTS (SELECT 1 FROM"
            " answers WHERE answers.key = pending.key AND +answers.batch = pending.batch"
            " AND answers.kept_at >= pending.submitted_at AND answers.status IN ('completed', 'failed'))"
        )
        return self._database.put(lambda c: c.execute(sql, (batch,)).rowcount)

    def every(self, *, workspace: str | None = None, batch: int | None = None) -> list[PendingRow]:
        """Return the pending runs of one workspace and one batch, or of all, the oldest first."""
        return self._database.read(lambda c: _every(c, workspace, batch))

    def of_run(self, workspace: str, ids: Sequence[str]) -> list[PendingRow]:
        """Return the pending runs of one workspace that have one of these ids."""
        wanted = json.dumps(list(ids))
        sql = (
            f"SELECT {', '.join(_COLUMNS)} FROM pending WHERE workspace = ?1"
            " AND (request_id IN (SELECT value FROM json_each(?2)) OR run_id IN (SELECT value FROM json_each(?2)))"
        )
        return self._database.read(lambda c: [_row(values) for values in c.execute(sql, (workspace, wanted))])

    def of_batches(self, batches: Sequence[int]) -> list[PendingRow]:
        """Return the pending runs of these batches, batch by batch, the oldest first."""
        return self._database.read(lambda c: [row for batch in batches for row in _every(c, None, batch)])


def _every(connection: sqlite3.Connection, workspace: str | None, batch: int | None) -> list[PendingRow]:
    rows = connection.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM pending WHERE (?1 IS NULL OR workspace = ?1)"
        " AND (?2 IS NULL OR batch = ?2) ORDER BY submitted_at, id",
        (workspace, batch),
    )
    return [_row(values) for values in rows]
