"""Table ``planned_rows``: hashes of what the rows of a batch over partitions are sent, some lines a batch.

Rule of this file: the rows themselves are not kept, since they do not fit; by their hashes another table is told from
the kept one. A hash is 8 bytes: a million rows are 8 MB for each mapping of inputs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

from fh_notebook.store.damage import BYTES, TEXT, checked
from fh_notebook.store.writer import Transactions

__all__ = ["CREATE", "HashLine", "PlannedRows", "write"]

CREATE: Final = (
    """CREATE TABLE planned_rows (
        id INTEGER PRIMARY KEY,
        batch INTEGER NOT NULL,
        arms TEXT NOT NULL,
        hashes BLOB NOT NULL
    ) STRICT""",
    "CREATE INDEX planned_rows_by_batch ON planned_rows (batch, id)",
)


class HashLine(NamedTuple):
    """The hashes of the rows of one partition."""

    arms: str
    """JSON: for each hash of a row, the arms ``[label, deployment, variant]`` that are sent what it is the hash of."""
    hashes: bytes
    """Row by row, 8 bytes a hash."""


def write(connection: sqlite3.Connection, batch: int, lines: Sequence[HashLine], *, anew: bool) -> None:
    """Write the rows of one batch, in place of those that it had (`anew`), or what is not there yet beside them."""
    if anew:
        connection.execute("DELETE FROM planned_rows WHERE batch = ?", (batch,))
    there = set() if anew else set(_of_batch(connection, batch))
    connection.executemany(
        "INSERT INTO planned_rows (batch, arms, hashes) VALUES (?, ?, ?)",
        [(batch, *line) for line in lines if line not in there],
    )


def _of_batch(connection: sqlite3.Connection, batch: int) -> list[HashLine]:
    found = connection.execute("SELECT arms, hashes FROM planned_rows WHERE batch = ? ORDER BY id", (batch,))
    return [HashLine(*line) for line in checked(found, (TEXT, BYTES), "the rows of a batch over partitions")]


class PlannedRows:
    """Repository of the hashes."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def of_batch(self, batch: int) -> list[HashLine]:
        """Return the rows of one batch; none where it was kept by a version that kept no hashes."""
        return self._database.read(lambda c: _of_batch(c, batch))
