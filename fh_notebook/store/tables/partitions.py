"""Tables ``parts`` and ``planned_rows``: Parquet files of answers, and planned rows, of batches over partitions.

Rules of this file:

1. The rows themselves are not stored, since they do not fit; their hashes tell another table from the planned one. A
   hash is 8 bytes: a million rows are 8 MB for each mapping of inputs.
2. A batch on several machines has its answers in files that all of them can read; these tables have the keys of their
   jobs. Keys are concatenated bytes, 32 a key: ten million jobs are 320 MB, and not ten million rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from fh_notebook.store.codec import BYTES, INT, REAL, TEXT, check_kinds, check_rows, moment_of
from fh_notebook.store.tables import requests as requests_module
from fh_notebook.store.writer import Committed, Transactions

CREATE_PLANNED_ROWS: Final = (
    """CREATE TABLE planned_rows (
        id INTEGER PRIMARY KEY,
        batch INTEGER NOT NULL,
        arms TEXT NOT NULL,
        hashes BLOB NOT NULL
    ) STRICT""",
    "CREATE INDEX planned_rows_by_batch ON planned_rows (batch, id)",
)


class PlannedRowHashes(NamedTuple):
    """The hashes of the rows of one partition."""

    arms: str
    """JSON: for each hash of a row, the arms ``[label, deployment, variant]`` that get the hashed inputs."""
    hashes: bytes
    """Row by row, 8 bytes a hash."""


def write_planned_rows(
    connection: sqlite3.Connection, batch: int, rows: Sequence[PlannedRowHashes], *, anew: bool
) -> None:
    """Write the rows of one batch: in place of its rows (`anew`), or those that are missing."""
    if anew:
        connection.execute("DELETE FROM planned_rows WHERE batch = ?", (batch,))
    existing = set() if anew else set(_planned_rows_of(connection, batch))
    connection.executemany(
        "INSERT INTO planned_rows (batch, arms, hashes) VALUES (?, ?, ?)",
        [(batch, *row) for row in rows if row not in existing],
    )


def _planned_rows_of(connection: sqlite3.Connection, batch: int) -> list[PlannedRowHashes]:
    rows = connection.execute("SELECT arms, hashes FROM planned_rows WHERE batch = ? ORDER BY id", (batch,))
    return [PlannedRowHashes(*row) for row in check_rows(rows, (TEXT, BYTES), "the rows of a batch over partitions")]


class PlannedRows:
    """Repository of the hashes."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def of_batch(self, batch: int) -> list[PlannedRowHashes]:
        """Return the rows of one batch; none where a version without hashes stored it."""
        return self._database.read(lambda c: _planned_rows_of(c, batch))


KEY_BYTES: Final = 32
"""Of a key: SHA-256."""


CREATE_PARTS: Final = (
    """CREATE TABLE parts (
        path TEXT PRIMARY KEY,
        batch TEXT NOT NULL,
        workspace TEXT NOT NULL,
        plan BLOB NOT NULL,
        jobs INTEGER NOT NULL,
        done INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        unknown INTEGER NOT NULL,
        again INTEGER NOT NULL,
        calls INTEGER NOT NULL,
        keys BLOB NOT NULL,
        kept_at REAL NOT NULL
    ) STRICT""",
    "CREATE INDEX parts_by_batch ON parts (workspace, batch)",
)


WITH_WAITING: Final = ("ALTER TABLE parts ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0",)
"""Of the unknown ones, how many wait for a decision; a file from before is read for it, when its batch is opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """One Parquet file of answers."""

    path: str
    """The file, as its readers open it."""
    batch: str
    workspace: str
    plan: bytes
    """SHA-256 of the keys of all jobs that were planned for it, in their order."""
    jobs: int
    """Planned jobs; those without an outcome are not in the file."""
    done: int = 0
    failed: int = 0
    unknown: int = 0
    waiting: int = 0
    """Of the unknown ones, those whose runs wait for a decision."""
    again: int = 0
    """Failed jobs whose failure does not stand, so that they are called again."""
    calls: int = 0
    """Requests of its answers when it was written."""
    keys: bytes = b""
    """Of every job in the file, `KEY_BYTES` each."""
    kept_at: datetime

    @property
    def pending(self) -> int:
        """Jobs without an outcome."""
        return self.jobs - self.done - self.failed - self.unknown


_PART: Final = "path, batch, workspace, plan, jobs, done, failed, unknown, waiting, again, calls, keys, kept_at"


def counts(
    connection: sqlite3.Connection, workspace: str, batch: str, plans: Collection[str], *, anywhere: bool
) -> dict[str, int]:
    """Return how many jobs of a batch have which status, by the newest file of each of its plans (in hexadecimal)."""
    rows = connection.execute(
        "SELECT lower(hex(plan)), done, failed, unknown FROM parts WHERE workspace = ? AND (batch = ? OR ?)"
        " ORDER BY kept_at, path",
        (workspace, batch, anywhere),
    )
    newest = {plan: numbers for plan, *numbers in rows if plan in plans}
    sums = [sum(numbers) for numbers in zip(*newest.values(), strict=True)] or [0, 0, 0]
    return {status: n for status, n in zip(("completed", "failed", "unknown"), sums, strict=True) if n}


def _part(row: tuple[Any, ...]) -> PartRow:
    check_kinds(row, (TEXT, TEXT, TEXT, BYTES, *[INT] * 7, BYTES, REAL), "a part")
    path, batch, workspace, plan, jobs, done, failed, unknown, waiting, again, calls, keys, kept_at = row
    return PartRow(
        path=path, batch=batch, workspace=workspace, plan=plan, jobs=jobs, done=done, failed=failed, unknown=unknown,
        waiting=waiting, again=again, calls=calls, keys=keys, kept_at=moment_of(kept_at, "a part"),
    )  # fmt: skip


class Parts:
    """Repository of the files' rows."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def keep(self, row: PartRow) -> Committed[None]:
        """Write the row of one file, and count its new requests."""

        def write(connection: sqlite3.Connection) -> None:
            earlier = connection.execute("SELECT calls FROM parts WHERE path = ?", (row.path,)).fetchone()
            connection.execute(
                f"INSERT OR REPLACE INTO parts ({_PART}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    row.path, row.batch, row.workspace, row.plan, row.jobs, row.done, row.failed, row.unknown,
                    row.waiting, row.again, row.calls, row.keys, row.kept_at.timestamp(),
                ),
            )  # fmt: skip
            new_requests = row.calls - (int(earlier[0]) if earlier else 0)
            requests_module.add(connection, row.workspace, row.kept_at, new_requests)

        return self._database.put(write)

    def forget(self, path: str) -> Committed[None]:
        """Delete the row of a file."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM parts WHERE path = ?", (path,))

        return self._database.put(write)

    def every(self, workspace: str, *, batch: str | None, since: datetime | None = None) -> list[PartRow]:
        """Return the files of one batch, or (``None``) of all of the workspace, the oldest first."""
        sql = (
            f"SELECT {_PART} FROM parts WHERE workspace = ?1 AND (?2 IS NULL OR batch = ?2) AND kept_at >= ?3"
            " ORDER BY kept_at, path"
        )
        values = (workspace, batch, since.timestamp() if since is not None else 0.0)
        return self._database.read(lambda c: list(map(_part, c.execute(sql, values))))

    def of_earlier_batches(self, workspace: str, batch: str) -> list[PartRow]:
        """Return the files of the batches that had a name before another table took it, the oldest first."""
        sql = f"SELECT {_PART} FROM parts WHERE workspace = ? AND substr(batch, 1, ?) = ? ORDER BY kept_at, path"
        start = f"{batch}@"
        return self._database.read(lambda c: list(map(_part, c.execute(sql, (workspace, len(start), start)))))

    def is_any(self, workspace: str) -> bool:
        """Return whether a workspace has answers in Parquet files."""
        sql = "SELECT 1 FROM parts WHERE workspace = ? LIMIT 1"
        return self._database.read(lambda c: c.execute(sql, (workspace,)).fetchone()) is not None

    def locations(self, workspace: str) -> list[tuple[str, str, float]]:
        """Return the files of a workspace, the oldest first: path, batch, and storing time (seconds since 1970)."""
        sql = "SELECT path, batch, kept_at FROM parts WHERE workspace = ? ORDER BY kept_at, path"
        return self._database.read(lambda c: check_rows(c.execute(sql, (workspace,)), (TEXT, TEXT, REAL), "a part"))

    def keys_of(self, path: str) -> bytes:
        """Return the keys of the jobs in a file, `KEY_BYTES` each."""
        sql = "SELECT keys FROM parts WHERE path = ?"
        rows = self._database.read(lambda c: check_rows(c.execute(sql, (path,)), (BYTES,), "a part"))
        return bytes(rows[0][0]) if rows else b""

    def paths(self, workspace: str, batch: str) -> set[str]:
        """Return the files of a batch."""
        sql = "SELECT path FROM parts WHERE workspace = ? AND batch = ?"
        return {path for (path,) in self._database.read(lambda c: c.execute(sql, (workspace, batch)).fetchall())}

    def every_path(self) -> set[str]:
        """Return the files of all batches."""
        return {path for (path,) in self._database.read(lambda c: c.execute("SELECT path FROM parts").fetchall())}
