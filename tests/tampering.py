"""An ``.fhb`` file in which somebody has changed a value."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

__all__ = ["tampered"]


def tampered(file: Path, to: Path, table: str, column: str, key: str, value: str) -> Path:
    """Return a copy of a file in which a key of all JSON values of a column, or with no key each whole, is another."""
    shutil.copy(file, to)
    with closing(sqlite3.connect(to, isolation_level=None)) as connection:
        for (text,) in connection.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall():
            told = json.loads(text)
            if key:
                told[key] = "@"
            changed = json.dumps(told).replace('"@"', value) if key else value
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (changed, text))
    return to
