"""Table ``rows``: the source columns of a batch's rows, so that its frame can be made again in another kernel.

Rule of this file: as they may be shown: a column that a password is taken from is masked before it comes here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import starmap
from typing import Final, NamedTuple

from fh_notebook.store import bulk
from fh_notebook.store.damage import INT, TEXT, checked
from fh_notebook.store.writer import Transactions

__all__ = ["CREATE", "RowLine", "Rows", "of_positions", "write"]

CREATE: Final = (
    """CREATE TABLE rows (
        batch INTEGER NOT NULL,
        position INTEGER NOT NULL,
        label TEXT NOT NULL,
        record TEXT NOT NULL,
        PRIMARY KEY (batch, position)
    ) STRICT, WITHOUT ROWID""",
)


class RowLine(NamedTuple):
    """One row as it is kept."""

    position: int
    label: str
    """JSON."""
    record: str
    """JSON: column to value."""


def write(connection: sqlite3.Connection, batch: int, lines: Sequence[RowLine]) -> None:
    """Write rows of one batch."""
    bulk.insert(connection, "INSERT OR REPLACE INTO rows", lines, first=(batch,))


def of_positions(connection: sqlite3.Connection, batch: int, positions: Iterable[int]) -> Iterator[RowLine]:
    """Yield the rows at these places of one batch, in no order."""
    found = connection.execute(
        "SELECT position, label, record FROM rows WHERE batch = ? AND position IN (SELECT value FROM json_each(?))",
        (batch, json.dumps(list(positions))),
    )
    return starmap(RowLine, checked(found, (INT, TEXT, TEXT), "a row"))


class Rows:
    """Repository of the source columns of batches' rows."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def at(self, batch: int, positions: Iterable[int]) -> dict[int, RowLine]:
        """Return the rows at these places of one batch, by place."""
        wanted = list(positions)
        return self._database.read(lambda c: {line.position: line for line in of_positions(c, batch, wanted)})

    def count(self, batch: int) -> int:
        """Return how many rows of one batch are kept."""
        sql = "SELECT count(*) FROM rows WHERE batch = ?"
        return int(self._database.read(lambda c: c.execute(sql, (batch,)).fetchone())[0])

    def labels(self, batch: int) -> dict[int, str]:
        """Return the labels of one batch's rows as JSON, by place."""
        sql = "SELECT position, label FROM rows WHERE batch = ? ORDER BY position"
        return self._database.read(lambda c: dict(checked(c.execute(sql, (batch,)), (INT, TEXT), "a row")))
