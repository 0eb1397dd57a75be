"""Removing what was kept, over all tables: answers with their scores, and the batches that nothing is left of.

Rule of this file: what is removed is gone from the file, too (``secure_delete``): inputs and outputs lie there in plain
text. A batch that somebody is running is not touched.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from fh_notebook.store import ratings, scores_plain

__all__ = ["Which", "forget", "parts_of", "running"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """What is to be removed: everything that fits all of what is given."""

    batch: str | None = None
    deployment: str | None = None
    before: datetime | None = None
    """Answers that were kept earlier, UTC."""

    def of_answers(self) -> tuple[str, tuple[object, ...]]:
        """Return the condition on lines of ``answers``."""
        conditions: list[str] = ["1"]
        values: list[object] = []
        for column, value in (("answers.batch", self.batch), ("deployment", self.deployment)):
            if value is not None:
                conditions.append(f"{column} = ?")
                values.append(value)
        if self.before is not None:
            conditions.append("kept_at < ?")
            values.append(self.before.timestamp())
        return " AND ".join(conditions), tuple(values)

    def of_parts(self) -> tuple[str, tuple[object, ...]]:
        """Return the condition on lines of ``parts``: files of answers of batches past one machine."""
        conditions: list[str] = ["1"]
        values: list[object] = []
        if self.batch is not None:
            conditions.append("parts.batch = ?")
            values.append(self.batch)
        if self.deployment is not None:
            conditions.append(
                "EXISTS (SELECT 1 FROM batches WHERE batches.name = parts.batch"
                " AND batches.workspace = parts.workspace AND batches.deployment = ?)"
            )
            values.append(self.deployment)
        if self.before is not None:
            conditions.append("parts.kept_at < ?")
            values.append(self.before.timestamp())
        return " AND ".join(conditions), tuple(values)

    def of_pending(self) -> tuple[str, tuple[object, ...]]:
        """Return the condition on lines of ``pending``."""
        conditions: list[str] = ["1"]
        values: list[object] = []
        for column, value in (("batch", self.batch), ("deployment", self.deployment)):
            if value is not None:
                conditions.append(f"{column} = ?")
                values.append(value)
        if self.before is not None:
            conditions.append("submitted_at < ?")
            values.append(self.before.timestamp())
        return " AND ".join(conditions), tuple(values)

    def of_batches(self) -> tuple[str, tuple[object, ...]]:
        """Return the condition on lines of ``batches``: of them, those that no answer is left of are removed."""
        conditions: list[str] = ["1"]
        values: list[object] = []
        for column, value in (("name", self.batch), ("deployment", self.deployment)):
            if value is not None:
                conditions.append(f"{column} = ?")
                values.append(value)
        if self.before is not None:
            conditions.append("created_at < ?")
            values.append(self.before.timestamp())
        return " AND ".join(conditions), tuple(values)


def parts_of(connection: sqlite3.Connection, which: Which) -> list[tuple[str, str, str]]:
    """Return the files of answers in question: path, batch and workspace."""
    condition, values = which.of_parts()
    return connection.execute(f"SELECT path, batch, workspace FROM parts WHERE {condition}", values).fetchall()


def running(connection: sqlite3.Connection, which: Which, is_alive: Callable[[str], bool]) -> list[str]:
    """Return the names of the batches in question, or with answers in question, that somebody who lives is running."""
    of_batches, named = which.of_batches()
    of_answers, answered = which.of_answers()
    found = connection.execute(
        "SELECT claims.batch, claims.owner FROM (SELECT DISTINCT batch, owner FROM claims) AS claims"
        f" WHERE claims.batch IN (SELECT name FROM batches WHERE {of_batches})"
        f" OR EXISTS (SELECT 1 FROM answers WHERE answers.batch = claims.batch AND {of_answers})",
        (*named, *answered),
    ).fetchall()
    return list(dict.fromkeys(batch for batch, owner in found if is_alive(owner)))


def forget(connection: sqlite3.Connection, which: Which) -> int:
    """Remove answers, and then the batches of which none is left; return how many answers were removed."""
    condition, values = which.of_answers()
    gone = connection.execute(f"DELETE FROM answers WHERE {condition}", values).rowcount
    condition, values = which.of_parts()
    lost = f"SELECT coalesce(sum(done + failed + unknown), 0) FROM parts WHERE {condition}"
    gone += int(connection.execute(lost, values).fetchone()[0])
    connection.execute(f"DELETE FROM parts WHERE {condition}", values)
    condition, values = which.of_pending()
    connection.execute(f"DELETE FROM pending WHERE {condition}", values)  # their inputs lie there, too
    if which.batch is None and which.deployment is None:  # scores of tables are of neither
        scores_plain.forget(connection, before=which.before.timestamp() if which.before is not None else None)
    condition, values = which.of_batches()
    emptied = connection.execute(
        f"SELECT id, name, workspace FROM batches WHERE {condition} AND NOT EXISTS (SELECT 1 FROM answers"
        " WHERE answers.batch = batches.name AND answers.workspace = batches.workspace) AND NOT EXISTS (SELECT 1"
        " FROM parts WHERE parts.batch = batches.name AND parts.workspace = batches.workspace)",
        values,
    ).fetchall()
    if which == Which():  # everything, also what people said of tables, which no batch has
        ratings.forget(connection, None)
    for number, name, workspace in emptied:
        for table in ("jobs", "rows"):
            connection.execute(f"DELETE FROM {table} WHERE batch = ?", (number,))
        connection.execute("DELETE FROM claims WHERE batch = ?", (name,))
        ratings.forget(connection, name, workspace)
        connection.execute("DELETE FROM batches WHERE id = ?", (number,))
    return int(gone)
