"""Table ``uses``: the answers that a batch shows and did not pay for, so that it has them also when it is opened again.

Rule of this file: an answer belongs to the batch that paid for it, or to none (a single run); another batch that takes
it (``reuse="store"``, a race, ``replace=True``) is noted here. A line leaves with its answer: a trigger sees to it.
What lies in a Parquet file has no number: the batch that takes it has a copy of its own.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from fh_notebook.store.answer_lines import Line
from fh_notebook.store.answers import append_all
from fh_notebook.store.writer import Committed, Transactions

__all__ = ["CREATE", "Uses", "inherit", "write"]

CREATE: Final = (
    """CREATE TABLE uses (
        batch INTEGER NOT NULL,
        answer INTEGER NOT NULL,
        PRIMARY KEY (batch, answer)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX uses_by_answer ON uses (answer)",
    "CREATE TRIGGER uses_leave AFTER DELETE ON answers BEGIN DELETE FROM uses WHERE answer = old.id; END",
)


def write(connection: sqlite3.Connection, batch: int, answers: Iterable[int]) -> None:
    """Note that a batch uses these answers; its own, and those that were forgotten meanwhile, are left out."""
    connection.execute(
        "INSERT OR IGNORE INTO uses SELECT ?1, id FROM answers WHERE id IN (SELECT value FROM json_each(?2))"
        " AND batch IS NOT ?1",
        (batch, json.dumps(list(answers))),
    )


def inherit(connection: sqlite3.Connection, batch: int) -> int:
    """Give the answers of a batch that others use to the first of those; return how many that were.

    They are then that batch's own, and stay when `batch` is removed.
    """
    moved = connection.execute(
        "UPDATE answers SET batch = (SELECT min(uses.batch) FROM uses WHERE uses.answer = answers.id)"
        " WHERE batch = ? AND EXISTS (SELECT 1 FROM uses WHERE uses.answer = answers.id)",
        (batch,),
    ).rowcount
    connection.execute(
        "DELETE FROM uses WHERE EXISTS (SELECT 1 FROM answers WHERE answers.id = uses.answer"
        " AND answers.batch = uses.batch)"
    )
    return moved


class Uses:
    """Repository of what batches show and did not pay for."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def keep(self, batch: int, lines: Sequence[int], copies: Sequence[Line] = ()) -> Committed[None]:
        """Keep that a batch shows these answers of others; of those that lie in Parquet files it has copies."""

        def write_both(connection: sqlite3.Connection) -> None:
            write(connection, batch, lines)
            append_all(connection, [replace(line, batch=batch) for line in copies])

        return self._database.put(write_both)

    def of_batch(self, batch: int) -> list[int]:
        """Return the numbers of the answers of others that one batch uses."""
        sql = "SELECT answer FROM uses WHERE batch = ?"
        return [number for (number,) in self._database.read(lambda c: c.execute(sql, (batch,)).fetchall())]
