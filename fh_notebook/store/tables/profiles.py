"""Table ``profiles``: what `fh.probe` has observed of the service of each workspace.

Rule of this file: one profile a workspace, as JSON; a new one replaces it. It has no input and no output, so it stays
until it, or everything of its workspace, is forgotten.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from fh_notebook.store.writer import Committed, Transactions

CREATE: Final = ("CREATE TABLE profiles (workspace TEXT PRIMARY KEY, profile TEXT NOT NULL) STRICT, WITHOUT ROWID",)


def forget(connection: sqlite3.Connection, workspace: str | None) -> None:
    """Remove the profile of one workspace, or (``None``) all of them."""
    connection.execute("DELETE FROM profiles WHERE ?1 IS NULL OR workspace = ?1", (workspace,))


class Profiles:
    """Repository of profiles."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def keep(self, workspace: str, profile: str) -> Committed[None]:
        """Store the profile of a workspace, in place of an earlier one."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO profiles VALUES (?, ?)", (workspace, profile))

        return self._database.put(write)

    def forget(self, workspace: str | None) -> Committed[None]:
        """Remove the profile of one workspace, or (``None``) all of them."""
        return self._database.put(lambda connection: forget(connection, workspace))

    def of_workspace(self, workspace: str) -> str | None:
        """Return the stored profile of a workspace; ``None``: it has none."""
        sql = "SELECT profile FROM profiles WHERE workspace = ?"
        row = self._database.read(lambda c: c.execute(sql, (workspace,)).fetchone())
        return None if row is None else str(row[0])
