"""Table ``corrections``: expected outputs that people have corrected, as an overlay on the tables of batches.

Rules of this file:

1. A correction belongs to workspace, deployment and inputs, not to a batch: it outlives the batch in which it was made.
   Of the inputs only their hash is saved.
2. A correction is one row that never changes. The newest one of the same inputs and the same replaced value counts, so
   a correction back to the replaced value takes the earlier ones back. Its ``uid`` is made with it, so one that arrives
   twice (out of a file, from another workspace) is one row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from operator import attrgetter
from typing import Any, Final

from fh_notebook.core.json_values import canonical_json
from fh_notebook.store.codec import REAL, TEXT, check_rows, seconds_of_moment
from fh_notebook.store.writer import Committed, Transactions

CREATE: Final = (
    """CREATE TABLE corrections (
        workspace TEXT NOT NULL,
        deployment TEXT NOT NULL,
        inputs TEXT NOT NULL,
        uid TEXT NOT NULL,
        replaced TEXT NOT NULL,
        expected TEXT NOT NULL,
        note TEXT NOT NULL,
        author TEXT NOT NULL,
        corrected_at REAL NOT NULL,
        PRIMARY KEY (workspace, deployment, inputs, uid)
    ) STRICT, WITHOUT ROWID""",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionRow:
    """One stored correction."""

    workspace: str
    deployment: str
    inputs: str
    """The hash of the inputs; see `hash_of_inputs`."""
    uid: str
    replaced: str
    """JSON: the table's expected output, in whose place it is."""
    expected: str
    """JSON: the corrected expected output; equal to `replaced` where it takes earlier corrections back."""
    note: str
    author: str
    corrected_at: float
    """Seconds since 1970, UTC."""


_NAMES: Final = tuple(part.name for part in fields(CorrectionRow))
_COLUMNS: Final = ", ".join(_NAMES)
_values: Final = attrgetter(*_NAMES)
_KINDS: Final = (*[TEXT] * 8, REAL)
_INSERT: Final = f"INSERT OR IGNORE INTO corrections ({_COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))})"


def hash_of_inputs(inputs: Mapping[str, Any]) -> str:
    """Return the hash by which the inputs of a call are known here; empty where they have no JSON form.

    Examples
    --------
    >>> hash_of_inputs({"a": 1, "b": 2}) == hash_of_inputs({"b": 2, "a": 1}), hash_of_inputs({"a": {1}})
    (True, '')
    """
    try:
        text = canonical_json(dict(inputs))
    except (TypeError, ValueError, RecursionError):
        return ""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def every(connection: sqlite3.Connection, workspace: str | None = None) -> Iterator[CorrectionRow]:
    """Yield the corrections of one workspace, or (``None``) all of them, the oldest first."""
    cursor = connection.execute(
        f"SELECT {_COLUMNS} FROM corrections WHERE ?1 IS NULL OR workspace = ?1 ORDER BY corrected_at, uid",
        (workspace,),
    )
    for values in check_rows(cursor, _KINDS, "a correction"):
        correction = CorrectionRow(**dict(zip(_NAMES, values, strict=True)))
        seconds_of_moment(correction.corrected_at, "a correction")
        yield correction


def forget(connection: sqlite3.Connection, workspace: str | None) -> None:
    """Remove the corrections of one workspace, or (``None``) all of them."""
    connection.execute("DELETE FROM corrections WHERE ?1 IS NULL OR workspace = ?1", (workspace,))


TICK_S: Final = 1e-5
"""Between two corrections of the same inputs at least: the newest one counts, also after the clock was set back."""


def _add(connection: sqlite3.Connection, corrections: Iterable[CorrectionRow]) -> None:
    for line in corrections:
        (last,) = connection.execute(
            "SELECT coalesce(max(corrected_at), 0.0) FROM corrections"
            " WHERE workspace = ? AND deployment = ? AND inputs = ?",
            (line.workspace, line.deployment, line.inputs),
        ).fetchone()
        connection.execute(_INSERT, _values(replace(line, corrected_at=max(line.corrected_at, last + TICK_S))))


class StoredCorrections:
    """Repository of corrections."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def add(self, corrections: Sequence[CorrectionRow]) -> Committed[None]:
        """Store new corrections in one transaction, as the newest ones of their inputs."""
        return self._database.put(lambda c: _add(c, corrections))

    def keep(self, corrections: Sequence[CorrectionRow]) -> Committed[int]:
        """Store corrections of another store, each once, in one transaction; the future has how many were new."""
        return self._database.put(lambda c: sum(c.execute(_INSERT, _values(line)).rowcount for line in corrections))

    def copy(self, source: str, target: str) -> Committed[int]:
        """Copy the corrections of one workspace into another; the future has how many were new there."""
        others = ", ".join(name for name in _NAMES if name != "workspace")
        sql = (
            f"INSERT OR IGNORE INTO corrections (workspace, {others})"
            f" SELECT ?1, {others} FROM corrections WHERE workspace = ?2"
        )
        return self._database.put(lambda c: c.execute(sql, (target, source)).rowcount)

    def of_workspace(self, workspace: str) -> list[CorrectionRow]:
        """Return the corrections of one workspace, the oldest first."""
        return self._database.read(lambda c: list(every(c, workspace)))
