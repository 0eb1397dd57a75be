"""Table ``forgotten``: marks of the jobs whose answers were removed, so that a plan says why they are called again.

Rule of this file: a mark is a hash of a batch's name and a job's key. It says nothing of either to whoever reads it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from fh_notebook.store import bulk
from fh_notebook.store.writer import Transactions

__all__ = ["CREATE", "ForgottenJobs", "write"]

CREATE: Final = ("CREATE TABLE forgotten (mark TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",)


def _mark(batch: str, key: str) -> str:
    return sha256(f"{batch}\0{key}".encode()).hexdigest()[:32]


def write(connection: sqlite3.Connection, jobs: Iterable[tuple[str, str]]) -> None:
    """Note jobs, each by the name of its batch and its key."""
    bulk.insert(connection, "INSERT OR IGNORE INTO forgotten", [(_mark(batch, key),) for batch, key in jobs])


class ForgottenJobs:
    """Repository of the marks."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def count(self, batch: str, keys: Iterable[str]) -> int:
        """Return of how many of these jobs of a batch, by its name, the answers were removed."""
        sql = "SELECT count(*) FROM forgotten WHERE mark IN (SELECT value FROM json_each(?))"
        marks = json.dumps([_mark(batch, key) for key in keys])
        return int(self._database.read(lambda c: c.execute(sql, (marks,)).fetchone())[0])
