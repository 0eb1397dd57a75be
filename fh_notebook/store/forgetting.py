"""Removing what was kept, over all tables: answers with their scores, and the batches that nothing is left of.

Rule of this file: what is removed is gone from the file, too (``secure_delete``): inputs and outputs lie there in plain
text. A batch that somebody is running is not touched.
"""

from __future__ import annotations

import json
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
    spared: tuple[str, ...] = ()
    """The batches that are left alone."""

    def of_answers(self) -> tuple[str, tuple[object, ...]]:
        """Return the condition on lines of ``answers``."""
        return self._condition("answers.batch", "deployment = ?", "kept_at < ?")

    def of_parts(self) -> tuple[str, tuple[object, ...]]:
        """Return the condition on lines of ``parts``: files of answers of batches past one machine."""
        of_deployment = (
            "EXISTS (SELECT 1 FROM batches WHERE batches.name = parts.batch"
            " AND batches.workspace = parts.workspace AND batches.deployment = ?)"
        )
        return self._condition("parts.batch", of_deployment, "parts.kept_at < ?")

    def of_pending(self) -> tuple[str, tuple[object, ...]]:
        """Return the condition on lines of ``pending``."""
        return self._condition("batch", "deployment = ?", "submitted_at < ?")

    def of_batches(self) -> tuple[str, tuple[object, ...]]:
        """Return the condition on lines of ``batches``: of them, those that no answer is left of are removed."""
        return self._condition("name", "deployment = ?", "created_at < ?")

    def _condition(self, batch: str, of_deployment: str, of_before: str) -> tuple[str, tuple[object, ...]]:
        """Return what holds for a line of a table where all of what is given fits, and the values for its marks."""
        before = self.before.timestamp() if self.before is not None else None
        spared = json.dumps(self.spared) if self.spared else None
        given = (
            (f"{batch} = ?", self.batch),
            (of_deployment, self.deployment),
            (of_before, before),
            (f"coalesce({batch}, '') NOT IN (SELECT value FROM json_each(?))", spared),
        )
        asked = [(condition, value) for condition, value in given if value is not None]
        return " AND ".join(["1", *(condition for condition, _ in asked)]), tuple(value for _, value in asked)


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
        ratings.forget(connection, name, workspace)
        connection.execute("DELETE FROM batches WHERE id = ?", (number,))
        # Claims know no workspace: those of a batch of the same name elsewhere may have run, and are not forgotten.
        connection.execute(
            "DELETE FROM claims WHERE batch = ?1 AND NOT EXISTS (SELECT 1 FROM batches WHERE name = ?1)", (name,)
        )
    return int(gone)
