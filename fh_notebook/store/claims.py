"""Table ``claims``: jobs that are about to be sent, or are out. A line is written before the call and leaves with its
answer, so what a killed process leaves behind here may have run.

Rule of this file: one job of one batch has at most one owner; whether that owner still lives is `owners`' matter.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from fh_notebook.store import answers
from fh_notebook.store.answer_lines import Kept

__all__ = [
    "CREATE",
    "Asked",
    "Claim",
    "drop",
    "drop_all",
    "drop_of",
    "of_batch",
    "replace_owner",
    "start_key",
    "starters",
    "take_each",
]

CREATE: Final = (
    """CREATE TABLE claims (
        batch TEXT NOT NULL,
        key TEXT NOT NULL,
        owner TEXT NOT NULL,
        claimed_at REAL NOT NULL,
        PRIMARY KEY (batch, key)
    ) STRICT, WITHOUT ROWID""",
)


_START: Final = "start "
"""How the keys of lines begin that stand for a whole start: a batch that is paused, or sleeps until its daily cap is
renewed, has no job out and is run all the same. Keys of jobs are hexadecimal."""


def start_key(owner: str) -> str:
    """Return the key under which an owner says that it runs a batch."""
    return f"{_START}{owner}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What came of asking for a job: exactly one of the three is set."""

    mine: bool = False
    """The job may be sent now, by the one who asked."""
    answered: Kept | None = None
    """Somebody else answered it since the asker planned."""
    owner: str | None = None
    """Somebody else has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One job that its owner would send."""

    batch: str
    key: str
    owner: str
    seen_id: int
    """The newest line of answers at the time of the plan: a later one of this job is given in its place."""
    now: float


def take_each(connection: sqlite3.Connection, asked: Sequence[Asked]) -> list[Claim]:
    """Claim jobs, each unless it has an owner or a newer answer; return what came of it, in order."""
    groups: dict[tuple[str, str, int], list[int]] = {}
    for place, one in enumerate(asked):
        groups.setdefault((one.batch, one.owner, one.seen_id), []).append(place)
    came: dict[int, Claim] = {}
    for places in groups.values():
        came |= zip(places, _take(connection, [asked[place] for place in places]), strict=True)
    return [came[place] for place in range(len(asked))]


def _take(connection: sqlite3.Connection, asked: Sequence[Asked]) -> list[Claim]:
    """Claim jobs that one owner asks for."""
    first = asked[0]
    keys = json.dumps([one.key for one in asked])
    # Two statements where all is well, which is nearly always, and none that gives a line for each job: every step of
    # SQLite lets the interpreter go and waits for it again.
    (held,) = connection.execute(
        "SELECT json_group_array(value) FROM json_each(?2) WHERE"
        " EXISTS (SELECT 1 FROM claims WHERE batch = ?1 AND claims.key = value)"
        " OR EXISTS (SELECT 1 FROM answers WHERE batch = ?1 AND answers.key = value AND answers.id > ?3)",
        (first.batch, keys, first.seen_id),
    ).fetchone()
    connection.execute(
        "INSERT INTO claims (batch, key, owner, claimed_at) SELECT DISTINCT ?1, value, ?2, ?3 FROM json_each(?4)"
        " WHERE value NOT IN (SELECT value FROM json_each(?5))",
        (first.batch, first.owner, first.now, keys, held),
    )
    not_free = set(json.loads(held))
    found = []
    for one in asked:
        is_free = one.key not in not_free
        found.append(Claim(mine=True) if is_free else _not_taken(connection, one.batch, one.key, one.seen_id))
        not_free.add(one.key)  # a key that is asked for twice is had once
    return found


def _not_taken(connection: sqlite3.Connection, batch: str, key: str, seen_id: int) -> Claim:
    if found := answers.newer(connection, batch, key, seen_id):
        return Claim(answered=found)
    held_by = connection.execute("SELECT owner FROM claims WHERE batch = ? AND key = ?", (batch, key)).fetchone()[0]
    return Claim(owner=held_by)  # perhaps the asker's own: a row that comes twice is called once


def drop(connection: sqlite3.Connection, batch: str, key: str, owner: str) -> bool:
    """Give a job back, and return whether it was this owner's."""
    gone = connection.execute("DELETE FROM claims WHERE batch = ? AND key = ? AND owner = ?", (batch, key, owner))
    return gone.rowcount == 1


def drop_all(connection: sqlite3.Connection, batch: str, keys: Sequence[str], owner: str) -> None:
    """Give jobs back, those that are this owner's."""
    connection.execute(
        "DELETE FROM claims WHERE batch = ? AND owner = ? AND key IN (SELECT value FROM json_each(?))",
        (batch, owner, json.dumps(keys)),
    )


def drop_of(connection: sqlite3.Connection, owners: Iterable[str]) -> None:
    """Give back all that these owners claim."""
    wanted = json.dumps(list(owners))
    connection.execute("DELETE FROM claims WHERE owner IN (SELECT value FROM json_each(?))", (wanted,))


def replace_owner(connection: sqlite3.Connection, batch: str, key: str, *, old: str, new: str, now: float) -> bool:
    """Take a job over from an owner that ended, and return whether it was still there to be taken."""
    taken = connection.execute(
        "UPDATE claims SET owner = ?, claimed_at = ? WHERE batch = ? AND key = ? AND owner = ?",
        (new, now, batch, key, old),
    )
    return taken.rowcount == 1


def of_batch(connection: sqlite3.Connection, batch: str) -> dict[str, str]:
    """Return the jobs of one batch that have an owner: key -> owner."""
    found = connection.execute(
        "SELECT key, owner FROM claims WHERE batch = ? AND substr(key, 1, ?) <> ?", (batch, len(_START), _START)
    )
    return dict(found)


def starters(connection: sqlite3.Connection, batch: str) -> list[str]:
    """Return the owners that said that they run a batch, those among them that ended without taking it back, too."""
    found = connection.execute("SELECT owner FROM claims WHERE batch = ? AND key = ? || owner", (batch, _START))
    return [owner for (owner,) in found]
