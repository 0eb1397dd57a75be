"""Table ``answers``: what came of every call, as JSON. Append-only.

A line of a batch has the batch's name; a single run (a cell, a form) has none.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from fh_notebook.contract.run import Run

__all__ = [
    "CREATE",
    "Kept",
    "Line",
    "append",
    "count_completed",
    "counts_of_batch",
    "deployment_names",
    "line_of",
    "newer",
    "newest_id",
    "of_batch",
    "of_deployment",
    "of_keys",
    "single_runs",
]

CREATE: Final = (
    """CREATE TABLE answers (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL,
        batch TEXT,
        workspace TEXT NOT NULL,
        deployment TEXT NOT NULL,
        variant TEXT,
        status TEXT NOT NULL,
        run TEXT NOT NULL,
        kept_at REAL NOT NULL
    ) STRICT""",
    "CREATE INDEX answers_by_batch ON answers (batch, key, id)",
    "CREATE INDEX answers_by_key ON answers (key, id)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line to be written, everything encoded already: the writer's thread only writes."""

    key: str
    batch: str | None
    workspace: str
    deployment: str
    variant: str | None
    status: str
    run: str
    kept_at: float


@dataclass(frozen=True)
class Kept:
    """One line as it was kept. The run is decoded when it is asked for."""

    key: str
    batch: str | None
    workspace: str
    status: str
    kept_at: datetime
    """UTC."""
    json: str

    @cached_property
    def run(self) -> Run:
        """The run as it was kept."""
        return Run.from_dict(json.loads(self.json))


def line_of(run: Run, *, key: str, workspace: str, batch: str | None, kept_at: datetime) -> Line:
    """Return the line that keeps `run`. Its signing secret is not in it."""
    return Line(
        key=key,
        batch=batch,
        workspace=workspace,
        deployment=run.deployment,
        variant=run.variant,
        status=run.status,
        run=_encoded(run),
        kept_at=kept_at.timestamp(),
    )


def _encoded(run: Run) -> str:
    values = run.to_dict()
    try:
        return _json(values)
    except RecursionError:
        # Nested as deep as Python reads and deeper than it writes: the answer is not kept whole, but it is kept.
        return _json({**values, "output": None, "raw": None, "error": "the output is nested too deep to be kept"})


def _json(values: dict[str, object]) -> str:
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), default=_plain)
    try:
        text.encode()
    except UnicodeEncodeError:
        # A model may answer half a character (a lone surrogate): JSON can escape it, UTF-8 cannot say it.
        return json.dumps(values, separators=(",", ":"), default=_plain)
    return text


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


def append(connection: sqlite3.Connection, line: Line) -> None:
    """Write one line."""
    connection.execute(
        "INSERT INTO answers (key, batch, workspace, deployment, variant, status, run, kept_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (line.key, line.batch, line.workspace, line.deployment, line.variant, line.status, line.run, line.kept_at),
    )


def newest_id(connection: sqlite3.Connection) -> int:
    """Return the number of the last line, 0 when there is none."""
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM answers").fetchone()[0])


def of_batch(connection: sqlite3.Connection, batch: str, *, after_id: int = 0) -> Iterator[Kept]:
    """Yield the lines of one batch that were written after line `after_id`, the newest first."""
    found = connection.execute(
        "SELECT key, batch, workspace, status, kept_at, run FROM answers WHERE batch = ? AND id > ? ORDER BY id DESC",
        (batch, after_id),
    )
    return map(_kept, found)


def of_keys(connection: sqlite3.Connection, keys: Iterable[str], *, since: datetime | None = None) -> Iterator[Kept]:
    """Yield every line of these jobs, of whatever batch or none, the newest first."""
    found = connection.execute(
        "SELECT key, batch, workspace, status, kept_at, run FROM answers"
        " WHERE key IN (SELECT value FROM json_each(?)) AND kept_at >= ? ORDER BY id DESC",
        (json.dumps(list(keys)), since.timestamp() if since else 0.0),
    )
    return map(_kept, found)


def count_completed(connection: sqlite3.Connection, keys: Iterable[str]) -> int:
    """Return how many of these jobs have a completed line, of whatever batch or none."""
    found = connection.execute(
        "SELECT count(DISTINCT key) FROM answers"
        " WHERE key IN (SELECT value FROM json_each(?)) AND status = 'completed'",
        (json.dumps(list(keys)),),
    )
    return int(found.fetchone()[0])


def newer(connection: sqlite3.Connection, batch: str, key: str, than_id: int) -> Kept | None:
    """Return the newest line of one job in one batch, if it was written after line `than_id`."""
    found = connection.execute(
        "SELECT key, batch, workspace, status, kept_at, run FROM answers"
        " WHERE batch = ? AND key = ? AND id > ? ORDER BY id DESC LIMIT 1",
        (batch, key, than_id),
    ).fetchone()
    return _kept(found) if found else None


def single_runs(
    connection: sqlite3.Connection, limit: int, *, deployment: str | None = None, workspace: str | None = None
) -> Iterator[Kept]:
    """Yield the last runs that belong to no batch, of one deployment, one workspace or all, the newest first."""
    found = connection.execute(
        "SELECT key, batch, workspace, status, kept_at, run FROM answers"
        " WHERE batch IS NULL AND (?1 IS NULL OR deployment = ?1) AND (?2 IS NULL OR workspace = ?2)"
        " ORDER BY id DESC LIMIT ?3",
        (deployment, workspace, limit),
    )
    return map(_kept, found)


def of_deployment(connection: sqlite3.Connection, workspace: str, deployment: str, limit: int) -> Iterator[Kept]:
    """Yield the last lines of one deployment in one workspace, of batches and of none, the newest first."""
    found = connection.execute(
        "SELECT key, batch, workspace, status, kept_at, run FROM answers"
        " WHERE workspace = ? AND deployment = ? ORDER BY id DESC LIMIT ?",
        (workspace, deployment, limit),
    )
    return map(_kept, found)


def deployment_names(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return every (deployment, workspace) of which there is a line, by name."""
    return connection.execute("SELECT DISTINCT deployment, workspace FROM answers ORDER BY 1, 2").fetchall()


def counts_of_batch(connection: sqlite3.Connection, batch: str, workspace: str) -> dict[str, int]:
    """Return how many jobs of a batch have which status, each by its newest line."""
    found = connection.execute(
        "SELECT status, count(*) FROM answers WHERE id IN"
        " (SELECT max(id) FROM answers WHERE batch = ? AND workspace = ? GROUP BY key) GROUP BY status",
        (batch, workspace),
    )
    return dict(found.fetchall())


def _kept(line: tuple[str, str | None, str, str, float, str]) -> Kept:
    key, batch, workspace, status, kept_at, run = line
    when = datetime.fromtimestamp(kept_at, UTC)
    return Kept(key=key, batch=batch, workspace=workspace, status=status, kept_at=when, json=run)
