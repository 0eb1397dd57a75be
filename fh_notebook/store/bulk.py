"""Many lines of a table in few statements.

Rule of this file: every step of SQLite lets the interpreter go and waits for it again, which under load takes longer
than to write a line. So lines go into a statement by the dozen, and not one by one as `executemany` writes them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

__all__ = ["insert"]

AT_ONCE: Final = 32
"""Lines of one statement at the most: Python keeps the prepared statements of all sizes (128 of them)."""


def insert(
    connection: sqlite3.Connection, into: str, lines: Sequence[Sequence[Any]], *, first: Sequence[Any] = ()
) -> int:
    """Write lines, and return the number that the last one has in its table.

    Parameters
    ----------
    connection : sqlite3.Connection
        In a transaction.
    into : str
        The statement up to its values, such as ``"INSERT INTO rows"``.
    lines : sequence of sequence
        The values of each line, equally many.
    first : sequence
        Values with which every line begins.
    """
    last = 0
    for begin in range(0, len(lines), AT_ONCE):
        part = lines[begin : begin + AT_ONCE]
        values = [value for line in part for value in (*first, *line)]
        written = connection.execute(_statement(into, len(part), len(values) // len(part)), values)
        last = int(written.lastrowid or 0)
    return last


@cache
def _statement(into: str, lines: int, values: int) -> str:
    places = f"({', '.join('?' * values)})"
    return f"{into} VALUES {', '.join([places] * lines)}"
