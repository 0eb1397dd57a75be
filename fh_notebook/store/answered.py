"""An answer with the claim that leaves with it and the claim that comes: many of them in a few statements.

Rule of this file: what it does for many is what is done for one after the other. Between two statements SQLite gives up
Python's lock, and under load it is milliseconds until it has it again: so a statement for each of a hundred answers
makes a commit last longer than the calls take, and one for all of them does not.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fh_notebook.store import answers, claims
from fh_notebook.store.answer_lines import Line
from fh_notebook.store.claims import Asked, Claim

__all__ = ["Answered", "write_all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answer of a batch's job."""

    batch: int
    line: Line
    owner: str
    """Whose claim of the job leaves; empty when there is none."""
    then: Asked | None = None
    """The job that its owner would send next."""
    unsent: bool = False
    """Whether its last attempt reached nobody: then it was no request."""


def write_all(connection: sqlite3.Connection, items: Sequence[Answered]) -> list[tuple[int, Claim | None]]:
    """Write the answers, drop their claims, take the claims that follow; return line and claim of each, in order."""
    lines = answers.append_all(connection, [item.line for item in items])
    for item in items:
        if item.unsent:
            claims.uncount(connection, item.batch, item.line.key, item.owner, workspace=item.line.workspace)
    for (batch, owner), keys in _by_owner((i.batch, i.owner, i.line.key) for i in items if i.owner):
        claims.drop_all(connection, batch, keys, owner)
    asking = {place: item.then for place, item in enumerate(items) if item.then is not None}
    taken = dict(zip(asking, claims.take_each(connection, list(asking.values())), strict=True))
    return [(line, taken.get(place)) for place, line in enumerate(lines)]


def _by_owner(items: Iterable[tuple[int, str, str]]) -> Iterable[tuple[tuple[int, str], list[str]]]:
    found: dict[tuple[int, str], list[str]] = {}
    for batch, owner, key in items:
        found.setdefault((batch, owner), []).append(key)
    return found.items()
